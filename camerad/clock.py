"""The only reader of clocks.

Media time, gestures, stages and time-outs share one timeline: microseconds of CLOCK_BOOTTIME
(``clock_gettime(2)``), which never steps and goes on through suspend. libcamera stamps its frames
with the same clock (``controls.SensorTimestamp``), so a press and a picture can be compared
without conversion. Wall time is only ever a label.
"""

from __future__ import annotations

import time
from typing import Protocol

SECOND = 1_000_000
"""Microseconds in a second."""


class Clock(Protocol):
    """Where the time comes from; a test passes its own."""

    def now_us(self) -> int:
        """Microseconds of CLOCK_BOOTTIME."""

    def wall_us(self) -> int:
        """Microseconds since the Unix epoch, right or wrong."""


class SystemClock:
    """The clocks of the machine."""

    def now_us(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    def wall_us(self) -> int:
        return time.time_ns() // 1000


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_us: int = 0, wall_us: int = 1_767_225_600_000_000) -> None:
        self._now_us = now_us
        self._wall_us = wall_us

    def now_us(self) -> int:
        return self._now_us

    def wall_us(self) -> int:
        return self._wall_us

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
