"""The data partition's check at a start, by the script that the image runs, on file systems that a
real kernel has written to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from camerad_image import filesystems, layout
from camerad_image.rootfs import FILES
from tests.unit import other_kernel
from tests.unit.image.test_filesystems import need, said

CHECK = FILES / "usr/lib/camerad/check-data"
SECTOR = 512
BLOCK = 4096
COPIES = (32768, 98304, 163840, 229376)
"""The blocks where groups 1, 3, 5, 7 begin, of 8 * 4096 blocks each. Which groups have copies, and
that the first superblock has the bytes from 1,024 to 2,047: Documentation of Linux,
filesystems/ext4/blockgroup.rst ("sparse_super") and globals.rst."""
KEPT = {number: os.urandom(300_000 + number) for number in range(3)}
EPOCH = 1_700_000_000


def check(device: Path) -> tuple[int, str]:
    """Exit code, and what was said."""
    done = subprocess.run(
        ["/bin/sh", str(CHECK), str(device)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@dataclass(frozen=True)
class Card:
    """One partition at different times. used: after its first day; cut: as the power's loss left
    it on its second, with a journal to be played back; grown: the same, after it grew. scenes: a
    write of the superblock's block by when it happens: what the card had, the block before, the
    block after."""

    used: Path
    cut: Path
    grown: Path
    scenes: dict[str, tuple[Path, bytes, bytes]]


LARGE = 1500 * layout.MIB
MOUNT = "mount -o noatime,dioread_lock,errors=remount-ro"
DAYS = f"""
set -e
mkdir /run/card
mount -t hostfs -o hostfs={{folder}} card /run/card
cd /run/card
keep() {{{{
    for number; do
        cp file-$number /mnt/camerad/$number
        sync /mnt/camerad/$number /mnt/camerad
    done
}}}}
losetup /dev/loop0 image
{MOUNT} /dev/loop0 /mnt
keep 0
umount /mnt
cp --sparse=always image used

{MOUNT} /dev/loop0 /mnt
dd if=image of=mounting bs={BLOCK} count=1 status=none
keep 1 2
# Removed, and still open: what a start has to clear away.
exec 3>/mnt/camerad/gone
dd if=/dev/zero bs=200000 count=1 status=none >&3
sync /mnt/camerad/gone /mnt/camerad
rm /mnt/camerad/gone
cp file-0 /mnt/camerad/last
sync /mnt/camerad/last /mnt/camerad
cp --sparse=always image cut
exec 3>&-
umount /mnt

# As x-systemd.growfs lets it grow: mounted, by the kernel, which has to bring the copies along.
cp --sparse=always used grown
truncate -s {LARGE} grown
losetup /dev/loop1 grown
{MOUNT} /dev/loop1 /mnt
resize2fs /dev/loop1
keep 1
set +e
"""


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    """By another kernel: a mount here may live on in the namespace of whoever made one meanwhile,
    and not every machine lets its root have a file system grow."""
    need("mke2fs", "e2fsck", "debugfs", "resize2fs", "losetup")
    if os.geteuid() != 0:
        pytest.skip("files of other users take root")
    if lacking := other_kernel.missing():
        pytest.skip(lacking)
    folder = tmp_path_factory.mktemp("card")
    filesystems.make_data(folder / "image", folder / "stage", EPOCH, log=folder / "log")
    for number, content in KEPT.items():
        (folder / f"file-{number}").write_bytes(content)
    commands = DAYS.format(folder=folder).splitlines()
    # Without unmounting at the end: the power is gone.
    other_kernel.run([*commands, *other_kernel.end()], folder)
    used, cut, grown = (folder / name for name in ("used", "cut", "grown"))
    later = copy(cut, folder / "later")
    # What the kernel itself writes there from time to time (ext4_update_super).
    said("debugfs", "-w", "-R", "ssv kbytes_written 123456", later)
    scenes = {
        "mounting": (used, first_block(used), first_block(folder / "mounting")),
        "running": (cut, first_block(cut), first_block(later)),
    }
    return Card(used, cut, grown, scenes)


def first_block(image: Path) -> bytes:
    with image.open("rb") as file:
        return file.read(BLOCK)


def copy(source: Path, target: Path) -> Path:
    said("cp", "--sparse=always", source, target)
    return target


def written(image: Path, at: int, content: bytes) -> None:
    with image.open("r+b") as file:
        file.seek(at)
        file.write(content)


def whole(image: Path, *numbers: int) -> None:
    """Nothing is wrong with it, and all that was synchronised is there."""
    said("e2fsck", "-fn", image)
    for number in numbers:
        words = ["debugfs", "-R", f"cat /camerad/{number}", image]
        assert subprocess.run(words, capture_output=True, check=True).stdout == KEPT[number]
    assert "gone" not in said("debugfs", "-R", "ls /camerad", image)


def torn(before: bytes, after: bytes, sectors: int, *, backwards: bool) -> bytes:
    """A block of which only so many sectors were written, the first or the last ones."""
    edge = sectors * SECTOR
    return before[:edge] + after[edge:] if backwards else after[:edge] + before[edge:]


@pytest.mark.campaign
@pytest.mark.parametrize("scene", ["mounting", "running"])
@pytest.mark.parametrize("backwards", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("sectors", range(BLOCK // SECTOR + 1))
def test_a_superblock_torn_at_any_sector_costs_nothing_that_was_synchronised(
    card: Card, tmp_path: Path, scene: str, sectors: int, backwards: bool
) -> None:
    source, before, after = card.scenes[scene]
    image = copy(source, tmp_path / "image")
    written(image, 0, torn(before, after, sectors, backwards=backwards))
    # The superblock is the block's third and fourth sector: only there its checksum is of another.
    between = sectors == 3
    alone = copy(image, tmp_path / "alone")
    opened = subprocess.run(["e2fsck", "-p", alone], capture_output=True, check=False).returncode
    assert (opened == 8) is between
    code, told = check(image)
    assert code == 0, told
    assert ("copy in block 32768" in told) is between
    whole(image, *(KEPT if scene == "running" else [0]))


@pytest.mark.campaign
def test_a_whole_file_system_is_looked_at_and_left_as_it_is(card: Card, tmp_path: Path) -> None:
    image = copy(card.used, tmp_path / "image")
    before = image.read_bytes()
    code, told = check(image)
    assert (code, "copy" in told) == (0, False)
    after = image.read_bytes()
    # The superblock says when it was looked at.
    assert after[:1024] == before[:1024]
    assert sha256(after[2048:]).digest() == sha256(before[2048:]).digest()


@pytest.mark.campaign
@pytest.mark.parametrize("lost", range(len(COPIES)))
def test_after_it_has_grown_any_of_its_copies_serves(card: Card, tmp_path: Path, lost: int) -> None:
    image = copy(card.grown, tmp_path / "image")
    told = said("dumpe2fs", image)
    assert [f"superblock at {block}," in told for block in COPIES] == [True] * len(COPIES)
    written(image, 1024 + SECTOR, bytes(SECTOR))
    for block in COPIES[:lost]:
        written(image, block * BLOCK, bytes(BLOCK))
    code, told = check(image)
    assert code == 0, told
    assert told.count("copy in block") == lost + 1
    assert f"copy in block {COPIES[lost]}\n" in told
    whole(image, 0, 1)
    assert f"Block count:              {LARGE // BLOCK}\n" in said("dumpe2fs", "-h", image)


def no_superblock(image: Path) -> None:
    for block in (0, *COPIES):
        if block * BLOCK < image.stat().st_size:
            written(image, block * BLOCK, bytes(BLOCK))


def another_file_system(image: Path) -> None:
    size = image.stat().st_size
    image.write_bytes(b"")
    os.truncate(image, size)
    said("mkfs.vfat", "-F32", "-s1", image)


def empty(image: Path) -> None:
    size = image.stat().st_size
    image.write_bytes(b"")
    os.truncate(image, size)


@pytest.mark.campaign
@pytest.mark.parametrize("damage", [no_superblock, another_file_system, empty])
def test_what_cannot_be_opened_is_said_to_be_so_and_not_written_to(
    card: Card, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    image = copy(card.cut, tmp_path / "image")
    damage(image)
    before = sha256(image.read_bytes()).digest()
    code, told = check(image)
    assert code == 1
    assert "is not mounted: e2fsck ends with 8" in told
    assert sha256(image.read_bytes()).digest() == before


@pytest.mark.campaign
def test_what_takes_a_decision_is_left_to_somebody_who_can_decide(
    card: Card, tmp_path: Path
) -> None:
    """Two files that claim the same blocks: which one keeps them is no program's to say."""
    image = copy(card.cut, tmp_path / "image")
    assert check(image)[0] == 0
    block = said("debugfs", "-R", "bmap /camerad/0 0", image).strip()
    said("debugfs", "-w", "-R", f"sif /camerad/1 block[5] {block}", image)
    said("debugfs", "-w", "-R", "ssv state 2", image)
    code, told = check(image)
    assert code == 1
    assert "is not mounted: e2fsck ends with 4" in told
    assert "UNEXPECTED INCONSISTENCY" in told


def test_a_partition_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    need("e2fsck")
    code, told = check(tmp_path / "none")
    assert (code, "No such file" in told) == (1, True)
    assert not (tmp_path / "none").exists()
