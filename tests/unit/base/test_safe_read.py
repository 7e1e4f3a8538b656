"""A file is read as far as is asked, and takes no more memory than it is long."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from camerad.base.safe_read import read_plain


@pytest.mark.parametrize("most", [0, 1, 9, 10, 11, 1 << 40])
def test_no_more_is_read_than_is_asked_for(tmp_path: Path, most: int) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    assert read_plain(str(tmp_path / "file"), "file", most) == b"0123456789"[:most]


def test_a_file_that_tells_no_length_is_read_to_its_end() -> None:
    assert read_plain("/proc/self/status", "status", 1 << 20).count(b"\n") > 10


def test_a_short_file_takes_little_memory_however_much_may_be_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    tracemalloc.start()
    try:
        read_plain(str(tmp_path / "file"), "file", 64 << 20)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
