"""Which paths are lost together, because one disk has them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from camerad.base.errors import StorageError
from camerad.store.disk import disk_of


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path)


def block_devices(directory: Path, path: str, block: str, *, partition: bool) -> str:
    """A sysfs in which the file system of `path` is on the block device `block`."""
    device = os.stat(path).st_dev
    links = directory / "dev"
    links.mkdir(parents=True)
    at = directory / "devices" / block
    at.mkdir(parents=True)
    if partition:
        (at / "partition").write_text("2\n")
    (links / f"{os.major(device)}:{os.minor(device)}").symlink_to(at)
    return str(links)


def test_partitions_of_a_card_are_one_disk(tmp_path: Path, path: str) -> None:
    """The system's and the recordings' partition: both go with the card."""
    one = block_devices(tmp_path / "sys", path, "mmcblk0/mmcblk0p2", partition=True)
    assert disk_of(path, one) == str(tmp_path / "sys" / "devices" / "mmcblk0")


def test_a_disk_without_partitions_is_itself(tmp_path: Path, path: str) -> None:
    one = block_devices(tmp_path / "sys", path, "sda", partition=False)
    assert disk_of(path, one) == str(tmp_path / "sys" / "devices" / "sda")


def test_what_is_on_no_block_device_is_told_apart_by_its_file_system(
    tmp_path: Path, path: str
) -> None:
    """Network shares and file systems that span disks have numbers that sysfs does not list."""
    nothing = str(tmp_path / "sys")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        assert disk_of(other, nothing) != disk_of(path, nothing)
    inside = tmp_path / "inside"
    inside.mkdir()
    assert disk_of(str(inside), nothing) == disk_of(path, nothing)


def test_a_path_that_is_not_there_is_named(path: str) -> None:
    with pytest.raises(StorageError, match="nowhere"):
        disk_of(f"{path}/nowhere")
