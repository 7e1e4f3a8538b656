"""What goes from a root to a boot partition, and what a build refuses."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from camerad_image import accounts, boards, build, flavours, parts, rootfs
from camerad_image.errors import ImageError
from camerad_image.verity import Verity

VERSION = "6.12.9+deb13-arm64"


def root(folder: Path, trees: list[str], *, overlays: bool = False) -> Path:
    """A root with one kernel, as Debian's package of it lies in there."""
    package = folder / f"usr/lib/linux-image-{VERSION}"
    (package / "broadcom").mkdir(parents=True)
    for tree in trees:
        (package / "broadcom" / tree).write_bytes(b"tree")
    if overlays:
        (package / "overlays").mkdir()
        (package / "overlays" / "disable-bt.dtbo").write_bytes(b"overlay")
    (folder / "boot" / "common").mkdir(parents=True)
    modules = folder / f"usr/lib/modules/{VERSION}"
    modules.mkdir(parents=True)
    (modules / "modules.dep").touch()
    for name in ("vmlinuz", "initrd.img", "config"):
        (folder / "boot" / f"{name}-{VERSION}").write_text(f"CONFIG_{name}=y\n")
    return folder


def linked(folder: Path) -> Path:
    """The same, as the package of kernel 7 makes it: all lies beside the modules."""
    modules = folder / f"usr/lib/modules/{VERSION}"
    (folder / f"usr/lib/linux-image-{VERSION}").rename(modules / "dtb")
    (folder / f"usr/lib/linux-image-{VERSION}").symlink_to(f"modules/{VERSION}/dtb")
    for name in ("vmlinuz", "config"):
        (modules / name).hardlink_to(folder / f"boot/{name}-{VERSION}")
    return folder


def firmware(folder: Path) -> Path:
    for name in ("start.elf", "start4.elf", "fixup.dat", "bootcode.bin", "LICENCE"):
        (folder / name).write_bytes(b"")
    return folder


def order(board: str, words: str = "") -> build.Order:
    flavour = flavours.flavour("debian")
    return build.Order(flavour, board, Path("out"), None, None, 0, parts.chosen(words))


def test_a_boot_partition_has_everything_that_its_board_loads(tmp_path: Path) -> None:
    trees = ["bcm2837-rpi-zero-2-w.dtb", "bcm2711-rpi-4-b.dtb"]
    made = root(tmp_path / "root", trees, overlays=True)
    (tmp_path / "firmware").mkdir()
    kernel = build.find_kernel(made)
    assert kernel.version == VERSION
    files = build.boot_files(
        order("zero2w"), kernel, firmware(tmp_path / "firmware"), Verity(1, "0" * 64)
    )
    assert set(files) == {
        *("config.txt", "cmdline-a.txt", "cmdline-b.txt", "vmlinuz", "initrd.img"),
        "overlays/disable-bt.dtbo",
        *("start.elf", "start4.elf", "fixup.dat", "bcm2837-rpi-zero-2-w.dtb"),
    }
    # What config.txt names has to be there.
    text = files["config.txt"]
    assert isinstance(text, bytes)
    named = {line.split()[-2] for line in text.decode().splitlines() if "followkernel" in line}
    assert named <= set(files)


def test_a_kernel_that_does_not_know_the_board_is_no_image_for_it(tmp_path: Path) -> None:
    made = root(tmp_path / "root", ["bcm2711-rpi-4-b.dtb"])
    kernel = build.find_kernel(made)
    assert kernel.overlays is None
    with pytest.raises(ImageError, match="no device tree for BOARD=zero2w"):
        build.boot_files(order("zero2w"), kernel, tmp_path, None)


@pytest.mark.parametrize("laid_out", [Path, linked])
def test_of_the_kernel_only_modules_stay_in_the_root(
    laid_out: Callable[[Path], Path], tmp_path: Path
) -> None:
    made = laid_out(root(tmp_path / "root", ["bcm2711-rpi-4-b.dtb"], overlays=True))
    known = {f"usr/lib/modules/{VERSION}/{name}" for name in ("modules.dep", "vmlinuz", "config")}
    known |= {path for path in accounts.present(made) if path.startswith("usr/lib/linux-image-")}
    known |= {path for path in accounts.present(made) if "/dtb/" in path}
    assert accounts.unaccounted(accounts.present(made), known) == []
    kernel = build.take_out(build.find_kernel(made), made, tmp_path / "boot")
    assert accounts.present(made) == [f"usr/lib/modules/{VERSION}/modules.dep"]
    assert (made / "boot/common").is_dir()
    assert kernel.image.read_text() == "CONFIG_vmlinuz=y\n"
    assert kernel.initramfs.read_text() == "CONFIG_initrd.img=y\n"
    assert kernel.overlays is not None
    assert [*kernel.trees.iterdir(), *kernel.overlays.iterdir()] == [
        tmp_path / "boot/trees/broadcom/bcm2711-rpi-4-b.dtb",
        tmp_path / "boot/trees/overlays/disable-bt.dtbo",
    ]


def test_two_kernels_are_one_too_many(tmp_path: Path) -> None:
    made = root(tmp_path / "root", [])
    (made / "boot" / "vmlinuz-6.1").write_bytes(b"")
    with pytest.raises(ImageError, match="holds 2 kernels"):
        build.find_kernel(made)


def test_an_image_for_parts_that_its_kernel_cannot_drive_is_refused(tmp_path: Path) -> None:
    made = root(tmp_path / "root", ["bcm2837-rpi-zero-2-w.dtb"], overlays=True)
    kernel = build.find_kernel(made)
    with pytest.raises(ImageError, match=r"PARTS=ds3231: .*has no CONFIG_RTC_DRV_DS1307"):
        build.boot_files(order("zero2w", "ds3231"), kernel, tmp_path, None)


def test_every_overlay_that_config_txt_names_has_to_come_with_the_kernel(tmp_path: Path) -> None:
    """The firmware says nothing of one that is missing: a radio would be on, a display dark."""
    reference = replace(order("all", "reference wifi"), flavour=flavours.flavour("raspios"))
    trees = [board.trees[0] for board in boards.BOARDS.values()]
    made = root(tmp_path / "root", trees, overlays=True)
    drivers = (f"CONFIG_{one}=y\n" for part in reference.parts for one in part.drivers)
    (made / f"boot/config-{VERSION}").write_text("".join(drivers))
    wanted = {
        one
        for words in ("reference wifi", "reference")
        for one in parts.overlays(
            boards.config_txt(boards.boards("all"), upstream=False, parts=parts.chosen(words))
        )
    }
    assert {"vc4-kms-v3d", "disable-bt-pi5", "disable-wifi-pi5", "gpio-charger"} < wanted
    for name in wanted:
        (made / f"usr/lib/linux-image-{VERSION}/overlays/{name}.dtbo").touch()
    kernel = build.find_kernel(made)
    for one in (reference, replace(reference, parts=parts.chosen("reference"))):
        files = build.boot_files(one, kernel, tmp_path, None)
        text = files["config.txt"]
        assert isinstance(text, bytes)
        assert {f"overlays/{name}.dtbo" for name in parts.overlays(text.decode())} <= set(files)
    (made / f"usr/lib/linux-image-{VERSION}/overlays/disable-bt-pi5.dtbo").unlink()
    with pytest.raises(ImageError, match="comes without the overlays disable-bt-pi5, which config"):
        build.boot_files(reference, kernel, tmp_path, None)


def test_the_packages_command_asks_for_what_the_flavour_has_and_nothing_recommended() -> None:
    command = rootfs.mmdebstrap(
        flavours.flavour("debian"), Path("a b/s.sources"), Path("root"), Path("a b/debs")
    )
    assert command[-3:] == ["trixie", "root", "a b/s.sources"]
    (included,) = (word for word in command if word.startswith("--include="))
    assert set(included.removeprefix("--include=").split(",")) == set(
        flavours.flavour("debian").packages
    )
    more = rootfs.mmdebstrap(flavours.flavour("debian"), Path("s"), Path("r"), Path("d"), ("iw",))
    assert any(word.startswith("--include=") and word.endswith(",iw") for word in more)
    assert '--aptopt=APT::Install-Recommends "false"' in command
    assert not any("preferences" in word for word in command)
    # A folder with a blank in its name is one word of the shell that runs the hooks.
    assert any("'a b/debs'" in word for word in command if "hook" in word)


def test_kernel_and_libcamera_of_the_backports_are_pinned_and_nothing_else(tmp_path: Path) -> None:
    newer = flavours.flavour("debian-backports")
    command = rootfs.mmdebstrap(newer, Path("s"), Path("r"), Path("d"))
    made, removed = (word.partition("=")[2] for word in command if "preferences" in word)
    subprocess.run(["sh", "-ec", made, "sh", tmp_path], check=True)
    assert (tmp_path / "etc/apt/preferences.d/camerad").read_text().splitlines() == [
        f"Package: {' '.join(newer.newer)}",
        "Pin: release n=trixie-backports",
        "Pin-Priority: 900",
    ]
    subprocess.run(["sh", "-ec", removed, "sh", tmp_path], check=True)
    assert not (tmp_path / "etc/apt/preferences.d").exists()
    assert boards.check_flavour("5", newer) == []


def test_the_firmware_is_that_of_the_sources_and_not_a_later_one_that_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier release that is built again, beside what a later one has fetched."""
    kept, programs = tmp_path / "debs", tmp_path / "bin"
    kept.mkdir()
    programs.mkdir()
    (kept / "raspi-firmware_2_all.deb").touch()
    (kept / "other_1_all.deb").touch()
    # As apt's: a package that is there already is left as it is.
    apt = programs / "apt-get"
    apt.write_text("#!/bin/sh\n[ -e raspi-firmware_1_all.deb ] || : >raspi-firmware_1_all.deb\n")
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    command = rootfs.mmdebstrap(flavours.flavour("debian"), Path("s"), Path("r"), kept)
    (hook,) = (word.partition("=")[2] for word in command if "apt-get -qq download" in word)
    subprocess.run(["sh", "-c", hook, "sh", "root"], check=True)
    assert {path.name for path in kept.iterdir()} == {"raspi-firmware_1_all.deb", "other_1_all.deb"}


def test_firmware_that_was_never_fetched_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="raspi-firmware: build without BASE="):
        rootfs.firmware(flavours.flavour("debian"), tmp_path, tmp_path, log=tmp_path / "log")
