"""When the simulated sensor exposes, and which number each frame gets.

Exposures lie on an absolute grid of CLOCK_BOOTTIME: epoch + i * period. The number of a frame is
the grid number of its instant, so a process that starts anew goes on counting where time is, and
what nobody was there to see is missing from the numbers.

    number = round((SensorTimestamp - epoch) / nominal period)

The nominal period is the shortest that was in use since the camera started. A rate that is lowered
at run time spaces the exposures evenly on the grid of the new period, and their numbers, still
counted in nominal periods, then skip: at half the rate every second one is missing. A rate raised
beyond the one at the start makes its own period the nominal one; the numbers jump ahead once and
never go back.
"""

from __future__ import annotations

import math
import time
from fractions import Fraction
from typing import Final

NANOSECONDS: Final = 1_000_000_000


def boottime_ns() -> int:
    """Nanoseconds of CLOCK_BOOTTIME, the clock of libcamera's SensorTimestamp."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def exact_period(microseconds: int) -> Fraction:
    """The period in nanoseconds that a frame duration in whole microseconds stands for.

    picamera2 cuts 1/30 s to 33333 us. A sensor set to that runs at 30 frames a second, and so does
    this one: where a whole rate gives the duration, the period is exactly its inverse. Raises
    ValueError for a duration that is not positive.
    """
    if microseconds <= 0:
        raise ValueError(f"a frame cannot last {microseconds} us")
    rate = round(1_000_000 / microseconds)
    if rate and 1_000_000 // rate == microseconds:
        return Fraction(NANOSECONDS, rate)
    return Fraction(microseconds * 1000)


class Pace:
    """The exposures of one run of the camera, one after another.

    epoch_ns: the instant of number 0. period: nanoseconds from one exposure to the next.
    not_before_ns: no exposure before this.
    """

    def __init__(self, epoch_ns: int, period: Fraction, not_before_ns: int) -> None:
        self._epoch_ns = epoch_ns
        self._period = self._nominal = period
        self._wanted = period
        self._due(max(0, math.ceil((not_before_ns - epoch_ns) / period)))

    def _due(self, index: int) -> None:
        self._index = index
        after_epoch = index * self._period
        self.at_ns = self._epoch_ns + math.floor(after_epoch)
        """The instant of the exposure that is due."""
        self.number = round(after_epoch / self._nominal)
        """The number of the frame that is due."""

    @property
    def period(self) -> Fraction:
        """Nanoseconds between exposures, as they are at present."""
        return self._period

    def change(self, period: Fraction) -> None:
        """Let the exposure that is due be followed at the new period."""
        self._wanted = period

    def advance(self) -> None:
        """Go on to the next exposure."""
        if self._wanted == self._period:
            self._due(self._index + 1)
            return
        last = self._index * self._period
        self._period = self._wanted
        self._nominal = min(self._nominal, self._period)
        self._due(math.ceil((last + self._nominal) / self._period))
