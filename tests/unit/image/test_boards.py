"""Files that boot loaders read."""

from __future__ import annotations

import re

import pytest

from camerad.update.boot_selection import PARTITIONS, Autoboot
from camerad_image import boards, parts
from camerad_image.errors import ImageError
from camerad_image.rootfs import FILES
from camerad_image.verity import Verity, report

SCRIPT = FILES / "etc/initramfs-tools/scripts/local-top/camerad"


@pytest.mark.parametrize("name", [*boards.BOARDS, boards.ALL])
def test_no_radio_is_on_whatever_the_board(name: str) -> None:
    text = boards.config_txt(boards.boards(name), upstream=False)
    for board in boards.boards(name):
        section = text.split(f"[{board.filter}]")[1].split("[")[0]
        assert re.search(r"^dtoverlay=disable-wifi", section, re.MULTILINE)
        assert re.search(r"^dtoverlay=disable-bt", section, re.MULTILINE)


@pytest.mark.parametrize("name", [*boards.BOARDS, boards.ALL])
def test_a_small_board_does_not_lose_half_of_its_memory_to_pictures(name: str) -> None:
    """The display's overlay takes 256 MB unless told otherwise."""
    text = boards.config_txt(boards.boards(name), upstream=False)
    for board in boards.boards(name):
        section = text.split(f"[{board.filter}]")[1].split("[")[0]
        small = board.name in ("zero2w", "3")
        assert f"\ndtoverlay=vc4-kms-v3d{',cma-128' if small else ''}\n" in section


@pytest.mark.parametrize("name", [*boards.BOARDS, boards.ALL])
def test_a_wireless_dock_has_its_radio_and_no_other(name: str) -> None:
    text = boards.config_txt(boards.boards(name), upstream=False, parts=parts.chosen("wifi"))
    assert "disable-wifi" not in text
    assert text.count("dtoverlay=disable-bt") == len(boards.boards(name))


def test_one_boards_image_says_nothing_of_others() -> None:
    text = boards.config_txt(boards.boards("zero2w"), upstream=True)
    assert "\nupstream_kernel=1\n" in text
    assert re.findall(r"^\[(.+)\]$", text, re.MULTILINE) == [
        *("all", "boot_partition=2", "boot_partition=3", "all", "pi02", "all")
    ]


def test_an_unknown_board_is_named_together_with_those_there_are() -> None:
    with pytest.raises(ImageError, match=r"BOARD=6: there are zero2w, 3, 4, 5, all"):
        boards.boards("6")


def test_autoboot_txt_tries_the_other_slot_once_and_fits_into_what_the_firmware_reads() -> None:
    text = boards.autoboot_txt()
    assert text.encode("ascii") == Autoboot("A").text(), "or an update would not know it again"
    assert text.index("boot_partition=2") < text.index("[tryboot]") < text.index("boot_partition=3")
    assert "tryboot_a_b=1" in text
    assert len(text.encode("ascii")) <= 512


@pytest.mark.parametrize("upstream", [True, False])
def test_one_boot_partition_is_right_in_either_slot(upstream: bool) -> None:
    """What the firmware makes of config.txt where it finds it: the last word that counts."""
    text = boards.config_txt(boards.boards("all"), upstream=upstream)
    for slot, (boot, _) in boards.SLOTS.items():
        assert boot.number == PARTITIONS[slot]
        filters: dict[str, bool] = {}
        chosen, radios = "", set()
        for line in text.splitlines():
            # Filters of one kind replace each other, those of different kinds add up (Raspberry
            # Pi's documentation, "Combining conditional filters").
            if line == "[all]":
                filters = {}
            elif match := re.fullmatch(r"\[(.+)=(\d+)\]", line):
                filters[match[1]] = int(match[2]) == boot.number
            elif match := re.fullmatch(r"\[(.+)\]", line):
                filters["board"] = match[1] == "pi4"
            elif all(filters.values()):
                chosen = line.removeprefix("cmdline=") if line.startswith("cmdline=") else chosen
                radios |= {line} if line.startswith("dtoverlay=disable") else set()
        assert radios == {"dtoverlay=disable-wifi", "dtoverlay=disable-bt"}
        assert f"rauc.slot={slot}" in boards.cmdline(slot).split()
        assert chosen == boards.CMDLINES[slot]


def test_the_kernel_gets_one_line_with_the_root_that_belongs_to_the_slot() -> None:
    line = boards.cmdline("B")
    assert line.count("\n") == 1
    # 0xCA3E7AD0 is the card's number, and 6 the number of the second root.
    assert line.split()[0] == "root=PARTUUID=ca3e7ad0-06"
    assert "rauc.slot=B" in line.split()
    assert "ro" in line.split()


def test_units_have_a_bound_on_their_memory_on_a_kernel_that_is_told_to_have_none() -> None:
    """Raspberry Pi's; the last word of the two counts, and the firmware's own come first."""
    assert "cgroup_enable=memory" in boards.cmdline().split()


def test_the_initramfs_makes_of_the_command_line_the_table_that_the_kernel_wants() -> None:
    verity = Verity(blocks=1000, root_hash="ab" * 32)
    words = boards.cmdline(verity=verity).split()
    assert words[0] == "root=/dev/mapper/root"
    value = next(w.removeprefix("camerad.verity=") for w in words if w.startswith("camerad.verity"))
    blocks, root_hash, salt = value.split(":")
    template = re.search(r'"(0 \$\(\(blocks.*)" \|\|', SCRIPT.read_text())
    assert template is not None
    table = template[1].replace("$((blocks * 8))", str(int(blocks) * 8))
    table = table.replace("$blocks", blocks).replace("$device", "/dev/mmcblk0p5")
    table = table.replace("${rest%%:*}", root_hash).replace("${rest#*:}", salt)
    assert table == verity.table("/dev/mmcblk0p5")


def test_a_command_line_is_no_longer_than_arm64_takes() -> None:
    # COMMAND_LINE_SIZE in the kernel's arch/arm64/include/uapi/asm/setup.h: 2048.
    verity = Verity(blocks=1 << 20, root_hash="ab" * 32)
    assert len(boards.cmdline(verity=verity)) < 1024


def test_what_veritysetup_says_is_understood_or_refused() -> None:
    said = "Data blocks:     \t12\nHash block size:\t4096\nRoot hash:      \t" + "0f" * 32 + "\n"
    assert report(said) == Verity(blocks=12, root_hash="0f" * 32)
    with pytest.raises(ImageError, match="root hash"):
        report("Data blocks: 12")
