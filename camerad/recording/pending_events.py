"""Collects the events for the next statement of a recording.

What happens to the camera meanwhile is noted from any thread: marks, stages, the rate of its
pictures. What happens to the recording is noted by its own: whether wall time was set since the
statement before, and whether the storage was slow over that. All of it is said once: what no commit
could say any more is for the end.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from camerad.base.clock import Clock, Moment
from camerad.container.statements import RateChange, StageChange

SLOW_SYNC_US: Final = 500_000
"""Storage that takes longer over a fragment is a fact of the recording."""
CLOCK_STEP_US: Final = 500_000
"""Wall time that moves further against boot time between two commits has been set; less may be a
time server steering the clock."""


class Noted(msgspec.Struct, frozen=True):
    """Facts of one statement, as in `records.Facts`. clock: when it was made."""

    marks: tuple[int, ...]
    stages: tuple[StageChange, ...]
    rates: tuple[RateChange, ...]
    clock: Moment
    clock_step_us: int | None
    sync_us: int | None


class PendingEvents:
    """Of one recording. `mark`, `stage` and `rate` may be called from any thread."""

    def __init__(self, clock: Clock) -> None:
        self.slow_us: int | None = None
        """How long the storage took last, if that was longer than is right."""
        self.slow_syncs = 0
        """How many fragments the storage was slow over."""
        self._clock = clock
        self._marks: deque[int] = deque()
        self._stages: deque[StageChange] = deque()
        self._rates: deque[RateChange] = deque()
        self._moment: Moment | None = None

    def mark(self, at_us: int) -> None:
        """Something happened at this media time."""
        self._marks.append(at_us)

    def stage(self, change: StageChange) -> None:
        """The camera is in another stage, or its display was switched."""
        self._stages.append(change)

    def rate(self, change: RateChange) -> None:
        """The camera takes another number of pictures per second."""
        self._rates.append(change)

    def took(self, took_us: int) -> None:
        """So long the storage needed, and the next statement says so if it was slow."""
        self.slow_us = took_us if took_us > SLOW_SYNC_US else None
        self.slow_syncs += self.slow_us is not None

    def began(self, moment: Moment) -> None:
        """The recording's first statement was made then."""
        self._moment = moment

    def now(self) -> Noted:
        """Facts of a statement that is made now."""
        moment = self._clock.moment()
        last = self._moment or moment
        moved_us = (moment.wall_us - moment.boot_us) - (last.wall_us - last.boot_us)
        return Noted(
            marks=tuple(self._marks),
            stages=tuple(self._stages),
            rates=tuple(self._rates),
            clock=moment,
            clock_step_us=moved_us if abs(moved_us) > CLOCK_STEP_US else None,
            sync_us=self.slow_us,
        )

    def said(self, noted: Noted) -> None:
        """A statement has said this; the next one says what came since."""
        for _ in noted.marks:
            self._marks.popleft()
        for _ in noted.stages:
            self._stages.popleft()
        for _ in noted.rates:
            self._rates.popleft()
        self._moment = noted.clock
