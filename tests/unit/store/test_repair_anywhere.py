"""An interrupted recording is repaired wherever it was torn: every length of an append, every block
and every byte of one, and whatever may lie behind it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repair_helpers import blocks, fix, interrupted, is_right, offsets, unsynchronised
from sink_helpers import ID, abandon, small

from camerad.container.skeleton import skeleton
from camerad.store.recovery import RepairOutcome
from tests.breadth import breadth

__all__ = ["interrupted", "unsynchronised"]


STEP = breadth(13, 1)
"""Bytes from one length, or bit, that is tried to the next."""


@pytest.mark.breadth
@pytest.mark.usefixtures("unsynchronised")
@given(
    commits=st.integers(0, 3),
    tail=st.binary(max_size=4000),
    room=st.integers(0, 3000),
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=breadth(60, 200),
    deadline=None,
)
def test_whatever_lies_behind_the_last_commit_is_kept(
    tmp_path: Path, commits: int, tail: bytes, room: int
) -> None:
    path = tmp_path / f"{ID}.tar"
    path.unlink(missing_ok=True)
    abandon(small(tmp_path, commits))
    offset = skeleton(str(path)).point.offset
    path.write_bytes(path.read_bytes()[:offset] + tail + bytes(room))
    result = fix(path)
    assert result.outcome is RepairOutcome.RECOVERED
    is_right(path, commits, blocks(tail))
    before = path.read_bytes()
    assert fix(path).outcome is RepairOutcome.WHOLE
    assert path.read_bytes() == before


@pytest.mark.breadth
@pytest.mark.usefixtures("unsynchronised")
def test_every_single_bit_of_the_last_commit_counts(interrupted: Path) -> None:
    """One bit of a byte is turned: the fragment before it is torn then, and kept as such."""
    data = interrupted.read_bytes()
    second, third = offsets(interrupted)[1:]
    padding = third - len(data[:third].rstrip(b"\0"))
    for at in range(second, third - padding, STEP):
        turned = bytearray(data[:third])
        turned[at] ^= 1 << at % 8
        interrupted.write_bytes(turned)
        assert fix(interrupted).outcome is RepairOutcome.RECOVERED
        is_right(interrupted, 2, blocks(bytes(turned[second:])))
