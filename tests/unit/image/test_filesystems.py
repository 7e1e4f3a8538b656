"""File systems of the card, made by the real tools and looked at by others."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from camerad_image import filesystems, layout

EPOCH = 1_700_000_000


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
