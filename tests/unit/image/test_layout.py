"""The card's table and the mounts: they fit together, and every part of the recipe has the same."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from camerad.config.sections import DeviceSettings
from camerad_image import configure, layout
from camerad_image.rootfs import FILES
from tests.unit.systemd.units import SOURCE, one


def test_the_firmware_can_start_from_what_it_is_to_start_from() -> None:
    # Raspberry Pi's firmware knows partitions 1 to 4 of an MBR, and FAT.
    for partition in (layout.COMMON, layout.BOOT_A, layout.BOOT_B):
        assert not partition.logical
        assert partition.kind == 0x0C


def test_only_the_last_partition_grows_so_it_is_the_last() -> None:
    assert layout.PARTITIONS[-1] is layout.DATA
    assert [p.number for p in layout.PARTITIONS] == [1, 2, 3, 5, 6, 7]


def test_both_slots_are_alike() -> None:
    assert layout.ROOT_A.size == layout.ROOT_B.size
    assert layout.BOOT_A.size == layout.BOOT_B.size


def test_the_card_of_the_smallest_size_that_is_sold_holds_it() -> None:
    # A card of "4 GB" has at least 3.6 GiB or so; two thirds of that leave room for recordings.
    assert sum(p.size for p in layout.PARTITIONS) < 2.4 * 1024 * layout.MIB


def test_partitions_begin_and_end_where_a_card_erases() -> None:
    assert all(p.size % layout.ALIGN == 0 for p in layout.PARTITIONS)


def test_what_outlives_a_start_is_on_the_data_partition_and_nothing_else_is_writable() -> None:
    lines = [line.split() for line in layout.fstab().splitlines() if not line.startswith("#")]
    assert all(len(line) == 6 for line in lines)
    kinds = {line[1]: line[2] for line in lines}
    assert kinds["/var"] == "tmpfs"
    bound = {line[1]: line[0] for line in lines if line[3] == "bind"}
    assert bound == {kept.where: f"/data/{kept.name}" for kept in layout.KEPT}
    assert set(kinds) == {"/var", "/data", *bound}
    assert str(DeviceSettings().state_dir) in bound


def test_nothing_on_the_data_partition_or_in_var_is_a_program_or_a_device() -> None:
    for mount in layout.MOUNTS:
        if mount.options != "bind":
            assert {"nodev", "nosuid", "noexec"} <= set(mount.options.split(","))


def test_data_is_mounted_as_it_was_measured() -> None:
    document = (Path(__file__).parents[3] / "docs" / "storage.md").read_text()
    measured = re.search(r"ext4, mounted with `([a-z_,=-]+)`", document)
    assert measured is not None
    assert set(measured[1].split(",")) <= set(layout.DATA_OPTIONS.split(","))


def test_owners_on_the_data_partition_have_the_numbers_that_their_users_get() -> None:
    numbers = {
        line.split()[1]: int(line.split()[2])
        for line in layout.SYSUSERS.splitlines()
        if not line.startswith("#")
    }
    owners = {kept.uid for kept in layout.KEPT} | {kept.gid for kept in layout.KEPT}
    assert owners - {0} <= set(numbers.values())
    assert len(set(numbers.values())) == len(numbers)
    # systemd-sysusers gives out what is free from 999 downwards (SYSTEM_ALLOC_UID_MIN: 100).
    assert all(900 <= number < 990 for number in numbers.values())


def test_the_journal_s_old_files_are_of_the_group_that_may_read_them_here(tmp_path: Path) -> None:
    """The group's number is the packages' affair, so a later image may have given it to another."""
    if shutil.which("systemd-tmpfiles") is None or os.geteuid() != 0:
        pytest.skip("systemd-tmpfiles is not installed, or may not give files to others")
    journal = tmp_path / "var/log/journal/id/system@1.journal"
    journal.parent.mkdir(parents=True)
    journal.touch(mode=0o640)
    os.chown(journal, 0, 999)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nother:x:999:\nsystemd-journal:x:998:\n")
    (tmp_path / "image.conf").write_text(configure.TMPFILES)
    words = ["systemd-tmpfiles", f"--root={tmp_path}", "--create", "--prefix=/var/log/journal"]
    subprocess.run([*words, tmp_path / "image.conf"], check=True, timeout=60)
    found = journal.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (0, 998, 0o640)


def sizes(image: Path) -> dict[int, tuple[int, int]]:
    """Start and length in sectors of each partition of an image, by its number."""
    said = subprocess.run(["sfdisk", "--json", image], capture_output=True, text=True, check=True)
    found = json.loads(said.stdout)["partitiontable"]["partitions"]
    return {int(p["node"].removeprefix(str(image))): (p["start"], p["size"]) for p in found}


def test_growing_gives_data_the_rest_of_the_card_and_leaves_all_else_where_it_is(
    tmp_path: Path,
) -> None:
    if shutil.which("sfdisk") is None:
        pytest.skip("sfdisk is not installed")
    card = tmp_path / "card"
    with card.open("wb") as file:
        file.truncate(4000 * layout.MIB)
    script = ["label: dos", f"label-id: {layout.DISK_ID:#x}"]
    place = layout.ALIGN
    for partition in layout.PARTITIONS:
        if partition.number == 5:
            rest = sum(p.size + layout.ALIGN for p in layout.PARTITIONS if p.logical)
            script.append(f"{card}4 : start={place // 512}, size={rest // 512}, type=5")
        if partition.logical:
            place += layout.ALIGN
        row = f"start={place // 512}, size={partition.size // 512}, type={partition.kind:x}"
        script.append(f"{card}{partition.number} : {row}")
        place += partition.size
    subprocess.run(
        ["sfdisk", "--quiet", card], input="\n".join(script), text=True, check=True, timeout=60
    )
    before = sizes(card)
    # The very command of the script, for an image in the place of a disk.
    script_text = (FILES / "usr/lib/camerad/grow").read_text()
    command = re.search(r"echo '(.*)' \| (sfdisk .*) -N", script_text)
    assert command is not None
    for number in ("4", "7"):
        words = [*command[2].split(), "-N", number, str(card)]
        subprocess.run(words, input=command[1] + "\n", text=True, check=True, timeout=60)
    after = sizes(card)
    assert {n: after[n] for n in (1, 2, 3, 5, 6)} == {n: before[n] for n in (1, 2, 3, 5, 6)}
    assert after[7][0] == before[7][0]
    # All of the card, but for what does not fill a MiB.
    assert after[7][0] + after[7][1] > 3999 * 2048


def test_the_data_is_found_and_checked_by_the_table_that_no_loss_of_power_can_tear() -> None:
    """A file system that cannot be read has no label."""
    units = FILES / "etc/systemd/system"
    device = layout.DATA.link.removeprefix("/").replace("-", r"\x2d").replace("/", "-") + ".device"
    program = {"camerad-grow.service": "grow", layout.CHECK: "check-data"}
    for name, script in program.items():
        text = (units / name).read_text()
        assert re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE) == [
            f"/usr/lib/camerad/{script} {layout.DATA.link}"
        ]
        assert set(re.findall(r"dev-\S+\.device", text)) == {device}
        assert (FILES / "usr/lib/camerad" / script).stat().st_mode & 0o111
    (line,) = (line for line in layout.fstab().splitlines() if " /data " in line)
    what, _, _, options, _, check = line.split()
    assert (what, check) == (layout.DATA.device, "0")
    assert f"x-systemd.requires={layout.CHECK}" in options.split(",")
    recipe = Path(layout.__file__).parent.glob("*.py")
    for path in [*FILES.rglob("*"), *recipe, *SOURCE.iterdir()]:
        if path.is_file():
            assert "by-label" not in path.read_text(), path


def test_what_any_computer_opens_is_found_by_the_cards_table_too() -> None:
    """Its label, any stick may have."""
    assert one("boot-common.mount", "Mount.What") == layout.COMMON.link
