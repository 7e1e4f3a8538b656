"""How far an office computer's clock is believed, and that setting it by hand is seen."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import pytest

from camerad.base.clock import DAY, SECOND, ClockSource, DoubtedMoment, ManualClock, SystemClock
from camerad.base.office_time import OfficeClock, kernel_synchronised, office_clock
from camerad.base.wall_clock import detect_step

WALL_US = 1_796_000_000 * SECOND
SYNC, RTC, UNKNOWN = ClockSource.SYNCHRONISED, ClockSource.RTC, ClockSource.UNKNOWN


def office(
    last_known_us: int | None, tmp_path: Path, *, kernel: bool | None = False
) -> ClockSource:
    return office_clock(
        last_known_us,
        boot_us=DAY,
        wall_us=WALL_US,
        synchronised=tmp_path / "synchronised",
        kernel=lambda: kernel,
    )


def test_an_office_computer_is_synchronised_if_its_time_service_or_its_kernel_says_so(
    tmp_path: Path,
) -> None:
    assert office(None, tmp_path, kernel=True) is ClockSource.SYNCHRONISED
    touch(tmp_path, WALL_US)
    assert office(None, tmp_path) is ClockSource.SYNCHRONISED


def touch(directory: Path, wall_us: int) -> None:
    file = directory / "synchronised"
    file.touch()
    os.utime(file, ns=(0, wall_us * 1000))


@pytest.mark.parametrize(
    ("since_us", "source"),
    [
        (-601 * SECOND, UNKNOWN),
        (-599 * SECOND, SYNC),
        (DAY, SYNC),
        (DAY + 599 * SECOND, SYNC),
        (DAY + 601 * SECOND, UNKNOWN),
        (3650 * DAY, UNKNOWN),
    ],
)
def test_a_clock_that_was_set_since_the_time_service_is_not_synchronised(
    since_us: int, source: ClockSource, tmp_path: Path
) -> None:
    """Though nothing was seen of it in this boot, which is a day old."""
    touch(tmp_path, WALL_US - since_us)
    assert office(None, tmp_path) is source


@pytest.mark.parametrize("kernel", [False, None])
@pytest.mark.parametrize(
    ("since_us", "source"),
    [
        (None, ClockSource.UNKNOWN),
        (-1, ClockSource.UNKNOWN),
        (0, ClockSource.RTC),
        (366 * DAY, ClockSource.RTC),
        (366 * DAY + 1, ClockSource.UNKNOWN),
    ],
)
def test_an_office_computer_without_a_time_service_is_believed_if_it_is_plausible(
    since_us: int | None, source: ClockSource, kernel: bool | None, tmp_path: Path
) -> None:
    last_known_us = None if since_us is None else WALL_US - since_us
    assert office(last_known_us, tmp_path, kernel=kernel) is source


@pytest.mark.skipif(sys.platform != "linux", reason="adjtimex(2) is Linux's")
def test_the_kernel_answers_and_nothing_is_set() -> None:
    before = SystemClock().moment()
    assert kernel_synchronised() in (True, False)
    assert detect_step(before, SystemClock().moment()) is None


@pytest.mark.parametrize(("state", "word"), [(0, True), (5, False), (-1, None)])
def test_the_kernel_s_word_is_what_adjtimex_returns(
    state: int, word: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Library:
        @staticmethod
        def adjtimex(buffer: bytes) -> int:
            assert bytes(buffer) == bytes(len(buffer)), "no mode: it only reads"
            return state

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("ctypes.CDLL", lambda name: Library)
    assert kernel_synchronised() is word


def test_where_the_kernel_cannot_be_asked_it_has_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert kernel_synchronised() is None


class _Steps:
    """This machine's clocks, of which wall time is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kernel = False
        self._clock = ManualClock(DAY, WALL_US)
        monkeypatch.setattr(SystemClock, "now_us", lambda _: self._clock.now_us())
        monkeypatch.setattr(SystemClock, "wall_us", lambda _: self._clock.wall_us())

    def step(self, days: float) -> None:
        self._clock.step_wall(round(days * DAY))
        self._clock.advance(3600 * SECOND)


@pytest.mark.parametrize("touched", [False, True])
@pytest.mark.parametrize(
    ("steps", "said"),
    [
        # Each: days by which the clock is set, and whether the kernel knows of a time server.
        ([(0, False), (600 / 86400, False), (1 / 86400, False), (-601 / 86400, False)], "==??"),
        ([(0, False), (15, False), (0, True), (0, False)], "=?s="),
        ([(0, True), (15, False), (-15, False)], "s??"),
        ([(-30, False), (30, False), (0, True), (0, False)], "-?s="),
    ],
)
def test_what_somebody_sets_by_hand_is_not_believed_until_a_time_server_says_so(
    steps: list[tuple[float, bool]],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    touched: bool,
) -> None:
    """Nor by the file of the time service, which the hand leaves where it is. ``s``: synchronised,
    ``=``: believed, ``-``: not plausible, ``?``: doubted."""
    machine = _Steps(monkeypatch)
    touch(tmp_path, WALL_US) if touched else None
    rule = partial(
        office_clock, synchronised=tmp_path / "synchronised", kernel=lambda: machine.kernel
    )
    clock = OfficeClock(WALL_US - DAY, rule=rule)
    found = ""
    for days, machine.kernel in steps:
        machine.step(days)
        now = clock.moment()
        assert now.trusted is not isinstance(now, DoubtedMoment) or now.source is UNKNOWN
        by_source = {SYNC: "=" if touched and not machine.kernel else "s", RTC: "=", UNKNOWN: "-"}
        found += "?" if isinstance(now, DoubtedMoment) else by_source[now.source]
    assert found == said


def test_what_the_ledger_has_of_this_boot_counts_like_what_was_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _Steps(monkeypatch)
    rule = partial(office_clock, synchronised=tmp_path / "none", kernel=lambda: False)
    for days, believed, source in ((0, False, RTC), (-1, True, RTC), (1, False, UNKNOWN)):
        offset_us = WALL_US - DAY + days * DAY
        seen = (offset_us, offset_us)
        now = OfficeClock(WALL_US - DAY, seen, believed=believed, rule=rule).moment()
        assert (now.source, now.signed.source, now.trusted) == (source, source, days == 0)
