"""File systems of the card, made by the real tools and looked at by others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from camerad_image import filesystems, layout
from camerad_image.errors import ImageError
from camerad_image.rootfs import FILES
from tests.unit import other_kernel

EPOCH = 1_700_000_000
BLOCK = 4096


def need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def said(*words: str | Path) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout


@pytest.fixture
def data(tmp_path: Path) -> Path:
    need("mke2fs", "dumpe2fs", "debugfs", "resize2fs", "e2fsck")
    if os.geteuid() != 0:
        pytest.skip("files of other users take root")
    path = tmp_path / "data.img"
    filesystems.make_data(path, tmp_path / "stage", EPOCH, log=tmp_path / "log")
    return path


def test_the_data_partition_is_the_same_in_every_build(data: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.img"
    filesystems.make_data(again, tmp_path / "stage", EPOCH, log=tmp_path / "log")
    assert data.read_bytes() == again.read_bytes()


def test_its_directories_belong_to_whom_they_are_kept_for(data: Path) -> None:
    for kept in layout.KEPT:
        told = said("debugfs", "-R", f"stat /{kept.name}", data)
        assert f"Mode:  0{kept.mode:o}" in told
        owner = next(line for line in told.splitlines() if line.startswith("User:")).split()
        assert (int(owner[1]), int(owner[3])) == (kept.uid, kept.gid)


def test_it_is_made_for_a_whole_card_and_grows_to_one(data: Path) -> None:
    head = said("dumpe2fs", "-h", data)
    values = dict(line.split(":", 1) for line in head.splitlines() if ":" in line)
    # 4 KiB are a page, and what performance.md and storage.md were measured with.
    assert int(values["Block size"]) == 4096
    assert int(values["Reserved block count"]) == 0
    # A card of 256 GB, some of which is taken by the other partitions.
    with data.open("r+b") as file:
        file.truncate(250 * 1024 * layout.MIB)
    said("resize2fs", data)
    subprocess.run(["e2fsck", "-fn", data], check=True, capture_output=True, timeout=120)


def test_all_of_the_data_partition_is_written_to_a_card(data: Path, tmp_path: Path) -> None:
    """What is not stays what it was on a used card."""
    need("genimage", "bmaptool", "zstd", "sfdisk")
    filesystems.make_card(tmp_path, "card.img", log=tmp_path / "log")
    table = said("sfdisk", "--dump", tmp_path / "card.img")
    (place,) = re.findall(rf"card\.img{layout.DATA.number} : start= *(\d+),", table)
    start = int(place) * 512 // BLOCK
    bmap = (tmp_path / "card.img.bmap").read_text()
    assert f"<BlockSize> {BLOCK} </BlockSize>" in bmap
    ranges = re.findall(r"<Range [^>]*> *(\d+)-(\d+) *</Range>", bmap)
    last = start + layout.DATA.size // BLOCK - 1
    assert any(int(one) <= start and int(other) >= last for one, other in ranges), ranges


BMAP = """\
<BlockSize> 4096 </BlockSize> <BlocksCount> 65600 </BlocksCount>
<Range chksum="12"> 0 </Range>
<Range chksum="34"> {} </Range>
"""


@pytest.mark.parametrize("written", ["64-65599", "32-65599"])
def test_a_map_with_all_of_the_data_is_good(written: str) -> None:
    filesystems.check_map(BMAP.format(written))


@pytest.mark.parametrize("written", ["65-65599", "64-65598", "65599"])
def test_a_map_that_leaves_some_of_the_data_out_is_refused(written: str) -> None:
    """As on a file system that keeps no zeros, whatever is written."""
    with pytest.raises(ImageError, match="leaves out parts of the data partition"):
        filesystems.check_map(BMAP.format(written))


MOUNT = "mount -o noatime,dioread_lock,errors=remount-ro"
LIVES = f"""
set -e
mkdir /run/card
mount -t hostfs -o hostfs={{folder}} card /run/card
cd /run/card
publish() {{{{
    for number in $(seq $2); do
        echo $1 >/mnt/camerad/new
        sync /mnt/camerad/new
        mv /mnt/camerad/new /mnt/camerad/$1-$number
        sync /mnt/camerad
    done
}}}}
losetup /dev/loop0 used
{MOUNT} /dev/loop0 /mnt
publish former 12
umount /mnt
losetup -d /dev/loop0
{{write}}
losetup /dev/loop0 used
{MOUNT} /dev/loop0 /mnt
publish later 4
cp --sparse=always used cut
set +e
"""
"""A camera's life, and that of another one on the same card until its power is lost."""


def extents(path: Path) -> Iterator[tuple[int, int]]:
    """Where each part of a file that is no hole begins and ends."""
    with path.open("rb") as file:
        end = 0
        while end < path.stat().st_size:
            try:
                begin = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
            yield begin, end


@pytest.mark.campaign
def test_a_card_that_is_written_again_never_plays_back_the_former_cameras_journal(
    data: Path, tmp_path: Path
) -> None:
    if lacking := other_kernel.missing():
        pytest.skip(lacking)
    # As bmaptool writes it: what is a hole of the image stays as it is on the card.
    write = "\n".join(
        "dd if=data.img of=used bs=1M conv=notrunc status=none iflag=skip_bytes,count_bytes "
        f"oflag=seek_bytes skip={begin} seek={begin} count={end - begin}"
        for begin, end in extents(data)
    )
    said("cp", "--sparse=always", data, tmp_path / "used")
    commands = LIVES.format(folder=tmp_path, write=write).splitlines()
    other_kernel.run([*commands, *other_kernel.end()], tmp_path)
    cut = tmp_path / "cut"
    check = FILES / "usr/lib/camerad/check-data"
    subprocess.run(["/bin/sh", check, cut], check=True, capture_output=True)
    found = re.findall(r"(?:former|later)-\d+", said("debugfs", "-R", "ls /camerad", cut))
    assert sorted(found) == [f"later-{number}" for number in range(1, 5)]
