"""The only reader of clocks.

Media time, gestures, stages and time-outs share one timeline: microseconds of CLOCK_BOOTTIME
(``clock_gettime(2)``), which never steps and goes on through suspend. libcamera stamps its frames
with the same clock (``controls.SensorTimestamp``), so a press and a picture can be compared
without conversion.

Wall time is a label, and decides only when something may be deleted. So every wall time that is
kept comes as a `Moment`: together with boot time, which cannot be set, and with where the wall time
came from.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import msgspec

SECOND: Final = 1_000_000
"""Microseconds in a second."""
DAY: Final = 86_400 * SECOND
"""Microseconds in a day."""
SPARED_US: Final = 600 * SECOND
"""An RTC may be off by so much after a year without being set. So times that are no further apart
contradict nothing."""

_READING_US: Final = 5_000
_READINGS: Final = 8


class ClockSource(StrEnum):
    """The source of wall time."""

    SYNCHRONISED = "synchronised"
    """Set by a time server or another source of the right time since the machine was started."""
    RTC = "rtc"
    """Kept by a battery-backed clock, and plausible against the last synchronised time."""
    UNKNOWN = "unknown"
    """Nothing confirms it: nothing is deleted by it."""


class Moment(msgspec.Struct, frozen=True):
    """One instant on both clocks.

    boot_us: microseconds of CLOCK_BOOTTIME, since this boot. wall_us: microseconds since the Unix
    epoch, right or wrong; source says which.
    """

    boot_us: int
    wall_us: int
    source: ClockSource

    @property
    def trusted(self) -> bool:
        """Whether the wall time may decide about a deletion."""
        return self.source is not ClockSource.UNKNOWN

    @property
    def signed(self) -> Moment:
        """The instant as a statement has it."""
        return self


class DeclaredMoment(Moment, frozen=True):
    """An instant whose wall time nothing confirms but the word of a person, for what they do just
    now. It is signed like any whose wall time is unknown; the ledger has a separate entry on the
    declaration."""

    @property
    def trusted(self) -> bool:
        return True

    @property
    def signed(self) -> Moment:
        return Moment(self.boot_us, self.wall_us, self.source)


class DoubtedMoment(Moment, frozen=True):
    """An instant whose wall time does not count, though it might by its source: the clock was
    set since the machine was started. It is signed like any of that source."""

    @property
    def trusted(self) -> bool:
        return False

    @property
    def signed(self) -> Moment:
        return Moment(self.boot_us, self.wall_us, self.source)


class RefusedMoment(DoubtedMoment, frozen=True):
    """The same, though a person declares it right: something contradicts them."""


class Clock(Protocol):
    """Where the time comes from. A test passes another clock."""

    def now_us(self) -> int:
        """Microseconds of CLOCK_BOOTTIME."""

    def wall_us(self) -> int:
        """Microseconds since the Unix epoch, right or wrong."""

    def moment(self) -> Moment:
        """Now, on both clocks, and whether the wall clock is to be trusted."""

    @property
    def boot_id(self) -> str:
        """Names this run of the machine: boot times compare within one only."""


class SystemClock:
    """The clocks of the machine.

    judge: says where wall time comes from, each time a moment is asked for; without one it is
    unknown.
    """

    def __init__(self, judge: Callable[[], ClockSource] | None = None) -> None:
        self._judge = judge
        self.boot_id: Final = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        """As the kernel drew it at this boot (``random(4)``)."""

    def now_us(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    def wall_us(self) -> int:
        return time.time_ns() // 1000

    def moment(self) -> Moment:
        source = ClockSource.UNKNOWN if self._judge is None else self._judge()
        return Moment(*read_both(self), source)


class DeclaredClock(SystemClock):
    """The clocks of the machine, whose wall time a person declared right. clock: who judges them
    else. may_be: whether nothing contradicts the person at a moment."""

    def __init__(self, clock: Clock, may_be: Callable[[Moment], bool]) -> None:
        super().__init__()
        self._clock = clock
        self._may_be = may_be

    def moment(self) -> Moment:
        found = self._clock.moment()
        if found.trusted:
            return found
        if not self._may_be(found):
            return RefusedMoment(found.boot_us, found.wall_us, found.source)
        return DeclaredMoment(found.boot_us, found.wall_us, found.source)


def read_both(clock: Clock) -> tuple[int, int]:
    """Boot and wall time of the same instant, to 5 ms unless the machine is hopelessly busy.

    A thread that loses the processor between two readings would see a step where there is none, so
    wall time is read between two readings of boot time that are close together.
    """
    best = (sys.maxsize, 0, 0)
    for _ in range(_READINGS):
        before_us, wall_us = clock.now_us(), clock.wall_us()
        best = min(best, (clock.now_us() - before_us, before_us, wall_us))
        if best[0] <= _READING_US:
            break
    return best[1:]


class ManualClock:
    """A clock that stands still until it is moved. source: what its moments say."""

    def __init__(
        self,
        now_us: int = 0,
        wall_us: int = 1_767_225_600_000_000,
        source: ClockSource = ClockSource.SYNCHRONISED,
    ) -> None:
        self._now_us = now_us
        self._wall_us = wall_us
        self._boots = 0
        self.source = source

    def now_us(self) -> int:
        return self._now_us

    def wall_us(self) -> int:
        return self._wall_us

    def moment(self) -> Moment:
        return Moment(self._now_us, self._wall_us, self.source)

    @property
    def boot_id(self) -> str:
        return f"00000000-0000-4000-8000-{self._boots:012x}"

    def reboot(self) -> None:
        """Begin another boot: boot time begins at 0 again, and wall time stays."""
        self._boots += 1
        self._now_us = 0

    def advance(self, microseconds: int) -> int:
        """Move both clocks forward and return the new boot time.

        Raises ValueError if `microseconds` is negative: CLOCK_BOOTTIME never goes back.
        """
        if microseconds < 0:
            raise ValueError(f"CLOCK_BOOTTIME cannot go back by {-microseconds} us")
        self._now_us += microseconds
        self._wall_us += microseconds
        return self._now_us

    def step_wall(self, microseconds: int) -> None:
        """Set the wall clock forward or back, as an administrator or NTP would."""
        self._wall_us += microseconds
