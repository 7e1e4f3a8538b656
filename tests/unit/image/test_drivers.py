"""The initramfs has what a board's card needs: read out of device trees that are made here."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

from camerad_image import drivers, rootfs
from camerad_image.errors import ImageError

Value: TypeAlias = "str | tuple[int, ...] | Mapping[str, Value]"

ALIASES = """\
# Aliases extracted from modules themselves.
alias of:N*T*Cbrcm,bcm2711-emmc2C* sdhci-iproc
alias of:N*T*Cbrcm,bcm2711-emmc2 sdhci-iproc
alias of:N*T*Cbrcm,bcm2835-sdhost bcm2835
alias of:N*T*Cregulator-fixed fixed
alias of:N*T*Cregulator-gpio gpio_regulator
alias of:N*T*Cthe,pins the-pins
alias of:N*T*Cthe,radio the_radio
alias platform:bcm2835-wdt bcm2835_wdt
"""
DEPENDENCIES = """\
kernel/drivers/mmc/host/sdhci-iproc.ko.xz: kernel/drivers/mmc/host/sdhci.ko.xz
kernel/drivers/mmc/host/sdhci.ko.xz:
kernel/drivers/mmc/host/bcm2835.ko.xz:
kernel/drivers/regulator/fixed.ko.xz:
kernel/drivers/regulator/gpio-regulator.ko.xz:
kernel/drivers/pinctrl/the-pins.ko.xz:
"""
FOUR: Mapping[str, Value] = {
    "soc": {
        "radio": {"compatible": "the,radio", "vmmc-supply": (4,)},
        "unused": {"compatible": "brcm,bcm2835-sdhost", "status": "disabled"},
        "clock": {"compatible": "a,clock", "phandle": (1,), "#clock-cells": (1,), "clocks": (4, 0)},
        "card": {
            "compatible": "brcm,bcm2711-emmc2",
            "clocks": (1, 51),
            "status": "okay",
            "vmmc-supply": (2,),
            "pinctrl-0": (5, 6),
        },
        "pins": {"compatible": "the,pins", "card": {"phandle": (5,)}, "lid": {"phandle": (6,)}},
        "power": {"compatible": "regulator-fixed", "phandle": (2,), "gpios": (0, 3, 6, 0)},
        "lines": {"compatible": "regulator-gpio", "phandle": (3,), "#gpio-cells": (2,)},
        "other": {"compatible": "the,radio", "phandle": (4,), "#clock-cells": (1,)},
    }
}
"""A card whose power is switched by a line that another regulator has, and whose pins a
controller sets, and much besides."""


def flattened(root: Mapping[str, Value]) -> bytes:
    """A device tree as a kernel reads it."""
    names = bytearray()

    def padded(text: bytes) -> bytes:
        return text + bytes(-len(text) % 4)

    def node(name: str, content: Mapping[str, Value]) -> bytes:
        made = struct.pack(">I", 1) + padded(name.encode() + b"\0")
        for key, value in content.items():
            if isinstance(value, Mapping):
                made += node(key, value)
                continue
            text = value.encode() + b"\0" if isinstance(value, str) else b""
            text = text or struct.pack(f">{len(value)}I", *value)
            made += struct.pack(">3I", 3, len(text), len(names)) + padded(text)
            names.extend(key.encode() + b"\0")
        # A word of nothing between two nodes, as tools leave it where they have removed something.
        return made + struct.pack(">2I", 2, 4)

    words = node("", root) + struct.pack(">I", 9)
    size = 40 + len(words) + len(names)
    return struct.pack(">10I", 0xD00DFEED, size, 40, 40 + len(words), *[0] * 6) + words + names


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    (tmp_path / "modules.alias").write_text(ALIASES)
    (tmp_path / "modules.dep").write_text(DEPENDENCIES)
    return tmp_path


def made(folder: Path, tree: Mapping[str, Value]) -> Path:
    path = folder / "board.dtb"
    path.write_bytes(flattened(tree))
    return path


ENOUGH = ("sdhci-iproc", "fixed", "gpio_regulator", "the_pins", "of-another-kernel")


def test_an_initramfs_with_all_that_the_card_needs_is_good_and_others_are_not_looked_at(
    modules: Path,
) -> None:
    drivers.check([made(modules, FOUR)], modules, ENOUGH)


@pytest.mark.parametrize(
    ("left_out", "device"),
    [
        ("sdhci-iproc", "brcm,bcm2711-emmc2"),
        ("fixed", "regulator-fixed"),
        ("gpio_regulator", "regulator-gpio"),
        ("the_pins", "the,pins"),
    ],
)
def test_what_the_card_needs_and_the_initramfs_has_not_is_named(
    modules: Path, left_out: str, device: str
) -> None:
    names = [name for name in ENOUGH if name != left_out]
    module = left_out.replace("-", "_")
    with pytest.raises(ImageError, match=rf"board\.dtb: the card needs {module} for {device},"):
        drivers.check([made(modules, FOUR)], modules, names)


def test_what_a_module_brings_along_counts(modules: Path) -> None:
    (modules / "modules.alias").write_text("alias of:N*T*Cbrcm,bcm2711-emmc2 sdhci\n")
    drivers.check([made(modules, FOUR)], modules, ["sdhci_iproc"])


def test_a_tree_without_a_card_and_a_file_that_is_no_tree_are_told(modules: Path) -> None:
    with pytest.raises(ImageError, match="has no card"):
        drivers.check([made(modules, {"soc": {}})], modules, ENOUGH)
    broken = made(modules, FOUR)
    broken.write_bytes(broken.read_bytes()[1:])
    with pytest.raises(ImageError, match="not a flattened device tree"):
        drivers.check([broken], modules, ENOUGH)
    broken.write_bytes(flattened(FOUR)[:40] + struct.pack(">I", 7) * 10)
    with pytest.raises(ImageError, match="the word 7 at 40"):
        drivers.check([broken], modules, ENOUGH)


CRYPTO = "alias crypto-sha256 {0}\nalias sha256 {0}\nalias crypto-sha224 sha512_generic\n"
MODULE = "CONFIG_DM_VERITY=m\nCONFIG_CRYPTO_SHA256=m\n"
BUILT_IN = "CONFIG_DM_VERITY=m\nCONFIG_CRYPTO_SHA256=y\n"


def with_hash(modules: Path, *names: str) -> Path:
    """The modules of a kernel of which these have the hash of dm-verity."""
    with (modules / "modules.alias").open("a") as file:
        file.writelines(CRYPTO.format(name.replace("-", "_")) for name in names)
    with (modules / "modules.dep").open("a") as file:
        file.writelines(f"kernel/crypto/{name}.ko.xz:\n" for name in names)
    return modules


@pytest.mark.parametrize(
    "names", [("sha256_generic",), ("sha256_generic", "sha2-ce", "sha256-arm64"), ("sha256",)]
)
def test_the_initramfs_has_what_the_root_is_checked_with_where_that_is_a_module(
    names: tuple[str, ...], modules: Path
) -> None:
    drivers.check_hash(MODULE, with_hash(modules, *names), rootfs.MODULES)


@pytest.mark.parametrize("names", [("new_sha256",), ("sha256_generic", "new_sha256"), ()])
def test_a_kernel_whose_hash_the_initramfs_would_lack_is_refused(
    names: tuple[str, ...], modules: Path
) -> None:
    with_hash(modules, *names)
    with pytest.raises(ImageError, match=r"needs (new_sha256|what has sha256), and the initramfs"):
        drivers.check_hash(MODULE, modules, rootfs.MODULES)
    drivers.check_hash(BUILT_IN, modules, rootfs.MODULES)
