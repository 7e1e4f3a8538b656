"""Room on the card, and whether it takes footage as fast as it comes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from camerad.config import Settings
from camerad.doctor import store_checks as card
from camerad.doctor.check_results import FindingId
from camerad.doctor.store_checks import BUDGET_SECONDS, FRAGMENTS, WriteTimes
from camerad.store.disk import FreeSpace

NEEDED = 1_000_000.0  # bytes per second: 8 Mbit/s


def measured(*syncs: float, size: int = 375_000) -> WriteTimes:
    """Pieces whose writing took nothing beside their sync."""
    return WriteTimes(size, syncs, syncs)


@pytest.mark.parametrize(
    ("minutes", "writable", "what"),
    [
        (500.0, True, FindingId.SPACE_OK),
        (30.0, True, FindingId.SPACE_OK),
        (29.9, True, FindingId.SPACE_LOW),
        (1.9, True, FindingId.SPACE_FULL),
        (500.0, False, FindingId.SPACE_READ_ONLY),
    ],
)
def test_space_is_judged_by_the_limits_of_the_camera(
    minutes: float, writable: bool, what: FindingId
) -> None:
    found = card.judge_space(FreeSpace(1, minutes, writable), 30.0, 2.0, "/x")
    assert (found.check, found.finding, found.values["minutes"]) == ("space", what, minutes)


def test_a_place_that_is_not_there_is_said_to_be_missing(
    settings: Settings, tmp_path: Path
) -> None:
    nowhere = str(tmp_path / "none")
    assert card.check_space(settings, nowhere).finding is FindingId.SPACE_MISSING
    assert card.check_card(settings, nowhere).finding is FindingId.CARD_MISSING


@pytest.mark.parametrize(
    ("syncs", "what"),
    [
        # 375 kB in 0.375 s are a megabyte a second.
        ((0.375,) * 12, FindingId.CARD_OK),
        ((0.376,) * 12, FindingId.CARD_SLOW),
        ((0.1,) * 11 + (0.501,), FindingId.CARD_HESITATES),
        ((0.1,) * 11 + (0.5,), FindingId.CARD_OK),
        ((3.0, 3.0), FindingId.CARD_SLOW),
    ],
)
def test_a_card_is_slow_if_a_recording_is_faster_and_hesitates_if_one_sync_is_long(
    syncs: tuple[float, ...], what: FindingId
) -> None:
    assert card.judge_card(measured(*syncs), NEEDED).finding is what


def test_what_is_written_is_synced_piece_by_piece_and_leaves_nothing(tmp_path: Path) -> None:
    done = card.measure(str(tmp_path), 1000)
    assert (len(done.pieces), len(done.syncs)) == (FRAGMENTS, FRAGMENTS)
    assert list(tmp_path.iterdir()) == []


def test_a_slow_card_is_given_up_after_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(os, "fdatasync", lambda _: now.__setitem__(0, now[0] + 2.0))
    done = card.measure(str(tmp_path), 1000, lambda: now[0])
    # The second piece begins at 2 s and ends at 4 s, past the time.
    assert done.syncs == (2.0, 2.0)
    assert sum(done.syncs) > BUDGET_SECONDS
    assert done.rate == pytest.approx(2000 / 4)


def test_a_file_system_without_unnamed_files_is_left_clean_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., int] = os.open

    def refuse(path: Any, flags: int, *more: Any, **rest: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "no such thing")
        return real(path, flags, *more, **rest)

    monkeypatch.setattr(os, "open", refuse)
    assert len(card.measure(str(tmp_path), 10).pieces) == FRAGMENTS
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (errno.ENOSPC, FindingId.CARD_NO_ROOM),
        (errno.EDQUOT, FindingId.CARD_NO_ROOM),
        (errno.EIO, FindingId.CARD_FAILS),
        (errno.EROFS, FindingId.CARD_FAILS),
        (errno.EACCES, FindingId.CARD_FORBIDDEN),
    ],
)
def test_what_a_card_refuses_is_told_apart(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    what: FindingId,
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", refuse)
    before = list(tmp_path.iterdir())
    assert card.check_card(settings, str(tmp_path)).finding is what
    assert list(tmp_path.iterdir()) == before


def test_a_card_that_works_is_well(settings: Settings, tmp_path: Path) -> None:
    # Half a second of 6 Mbit/s are 375 kB; whatever this machine's disk does, it was written.
    assert card.check_card(settings, str(tmp_path)).values["syncs"] >= 1
    assert card.check_space(settings, str(tmp_path)).values["directory"] == str(tmp_path)
