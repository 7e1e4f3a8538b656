"""The root is the card's, whatever lies in a USB socket: the script that runs before any root."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from camerad_image import boards
from camerad_image.rootfs import FILES
from camerad_image.verity import Verity

SCRIPT = FILES / "etc/initramfs-tools/scripts/local-top/camerad"
STICK, CARD = "sda5", "mmcblk0p5"
PLACES = {
    STICK: "devices/platform/soc/fe980000.usb/usb1/1-1/1-1:1.0/host0/block/sda",
    CARD: "devices/platform/emmc2bus/fe340000.mmc/mmc_host/mmc0/mmc0:0001/block/mmcblk0",
}
STUBS = """\
dmsetup() { echo "dmsetup $*" >>"$SCENE/said"; }
modprobe() { :; }
sleep() { :; }
panic() { echo "panic: $*" >>"$SCENE/said"; exit 1; }
blkid() { [ "$*" = "-t PARTUUID=ca3e7ad0-05 -o device" ] && cat "$SCENE/devices"; }
"""


def told(scene: Path, line: str, *names: str) -> str:
    """What the script does with this command line where these partitions have the root's name."""
    for name in names:
        (scene / "sys" / PLACES[name] / name).mkdir(parents=True)
        (scene / "sys/class/block").mkdir(parents=True, exist_ok=True)
        (scene / "sys/class/block" / name).symlink_to(scene / "sys" / PLACES[name] / name)
    (scene / "devices").write_text("".join(f"/dev/{name}\n" for name in names))
    (scene / "cmdline").write_text(line)
    (scene / "functions").write_text(STUBS)
    (scene / "said").touch()
    text = SCRIPT.read_text()
    for path, here in {
        "/scripts/functions": scene / "functions",
        "/proc/cmdline": scene / "cmdline",
        "/sys/class/block": scene / "sys/class/block",
        "/conf/param.conf": scene / "said",
    }.items():
        assert path in text
        text = text.replace(path, str(here))
    words = ["sh", "-c", text, "script", ""]
    subprocess.run(words, env={"SCENE": str(scene), "PATH": "/usr/bin:/bin"}, check=False)
    return (scene / "said").read_text()


VERITY = Verity(blocks=1000, root_hash="ab" * 32)


@pytest.mark.parametrize("names", [(STICK, CARD), (CARD, STICK), (CARD,)])
def test_the_root_is_the_cards_whatever_else_has_its_number(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    said = told(tmp_path, boards.cmdline(verity=VERITY), *names)
    table = VERITY.table(f"/dev/{CARD}")
    assert said == f"dmsetup create root --readonly --table {table}\n"


def test_a_root_that_nothing_checks_is_the_cards_too(tmp_path: Path) -> None:
    assert told(tmp_path, boards.cmdline(), STICK, CARD) == f"ROOT=/dev/{CARD}\n"


def test_a_stick_alone_is_no_card(tmp_path: Path) -> None:
    said = told(tmp_path, boards.cmdline(verity=VERITY), STICK)
    assert said == "panic: camerad: the root's partition PARTUUID=ca3e7ad0-05 is not there\n"
