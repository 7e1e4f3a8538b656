"""What the tests of repair have in common: an interrupted recording, its repair, and its check."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from evidence_helpers import MOMENT
from sink_helpers import KEY, abandon, members, small

from camerad.base.clock import ManualClock
from camerad.container import chain, jws, ustar
from camerad.container.keys import KeyRing
from camerad.container.members import Walk
from camerad.container.skeleton import skeleton
from camerad.store import recovery
from camerad.store.recovery import TORN, Repaired

CLOCK = ManualClock(5, MOMENT.wall_us)
CLOCK.reboot()


@pytest.fixture
def unsynchronised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of repairs need not wait for the storage."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(os, "fdatasync", lambda _: None)


@pytest.fixture
def interrupted(tmp_path: Path) -> Path:
    """A recording of three small fragments without an end."""
    recording = small(tmp_path, 3)
    abandon(recording)
    return Path(recording.path)


def fix(path: Path | str) -> Repaired:
    return recovery.repair(str(path), KEY, CLOCK)


def is_right(path: Path, commits: int, torn: bytes) -> None:
    """Check that the recording is closed as recovered, with these commits and this tail."""
    found = skeleton(str(path))
    assert found.closed_by is not None
    for statement in (found.statement, found.closed_by.statement):
        jws.check(statement, KeyRing([KEY.public]))
    end = found.closed_by.end
    assert (end.commits, end.closing.reason, end.closing.frames) == (
        commits,
        "recovered",
        15 * commits,
    )
    assert end.torn == (chain.content_of(torn) if torn else None)
    assert members(path).get("torn.bin", b"") == torn
    assert not path.with_suffix(TORN).exists()


def blocks(data: bytes) -> bytes:
    """`data` up to its last byte that is not zero, in whole blocks."""
    data = data.rstrip(b"\0")
    return data + bytes(-len(data) % ustar.BLOCK)


def offsets(path: Path) -> list[int]:
    """Where the chain ends after each commit."""
    with open(path, "rb") as file:
        return [one.end_offset for one in Walk(file) if re.fullmatch(r"\d+\.jws", one.member.name)]
