"""A disk that QEMU shows and logs is that of the other campaigns, with QEMU's own log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.campaign import qemulog
from tests.campaign.blocklog import WRITE
from tests.campaign.blockstates import Log, certain

pytestmark = pytest.mark.campaign


def test_what_is_written_stands_in_its_log_and_is_certain_once_it_is_synchronised(
    tmp_path: Path,
) -> None:
    if (why := qemulog.missing()) is not None:
        pytest.skip(why)
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("only root may show a disk, with FUSE")
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(8 << 20)
    with qemulog.served(image, tmp_path / "device", tmp_path / "log") as disk:
        from_us = qemulog.tell(disk)
        descriptor = os.open(disk, os.O_RDWR)
        os.pwrite(descriptor, b"a" * 4096, 8192)
        os.fsync(descriptor)
        os.pwrite(descriptor, b"b" * 512, 8192)
        until_us = qemulog.tell(disk)
        os.close(descriptor)
    log = Log(tmp_path / "log", image)
    log.close()
    numbers = [n for n, one in enumerate(log.entries) if one.kind == WRITE]
    assert [(log.entries[n].offset, log.entries[n].length) for n in numbers] == [
        (8192, 4096),
        (8192, 512),
    ]
    assert {log.entries[n].at_us for n in numbers} == {from_us}
    assert from_us < until_us
    first, second = numbers
    assert first < certain(log.entries, second) <= second
