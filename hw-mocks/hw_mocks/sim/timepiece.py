"""The time of day of the simulated machine: its time service, its RTC and its wall clock.

`Timepiece` makes what ``clock.synchronised`` and ``clock.rtc`` of the configuration point at::

    DIR/synchronised      touched when the time service has synchronised the clock; not there before
    DIR/rtc0/since_epoch  the RTC's time in whole seconds, as the kernel shows it
                          (Documentation/ABI/testing/sysfs-class-rtc)

A machine starts synchronised, all its clocks right. Three faults:

- ``clock_unset``: nobody has synchronised the clock since the start, and the RTC has lost its power
  and counts from 1970. Wall time stays what it is: such a machine restores it from a file.
- ``clock_step``: somebody who is not the time service sets the wall clock.
- ``rtc_ahead``: nobody has synchronised the clock, and the RTC, from which the machine has its wall
  time, is two years ahead.

Whichever it is, it ends with a synchronisation: wall clock and RTC are right, the file is touched.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hw_mocks.bus import now_us

UNSET: Final = "clock_unset"
STEP: Final = "clock_step"
AHEAD: Final = "rtc_ahead"
AHEAD_SECONDS: Final = 2 * 365 * 86400
"""More than the 366 days that an RTC may be ahead of the last synchronised time."""
TICK_SECONDS: Final = 1.0


class Timepiece:
    """`directory` is made.

    `set_wall(offset_us)` is called with what the wall clock of the daemon is ahead of this
    process's. It returns whether somebody is there who sets it; `wall_is_set` then tells that it
    is done.
    """

    def __init__(self, directory: Path, set_wall: Callable[[int], bool]) -> None:
        self.synchronised: Final = directory / "synchronised"
        self.rtc: Final = directory / "rtc0"
        self._set_wall = set_wall
        self._offset_us = 0
        self._rtc_offset = 0
        self._synchronising = False
        self._tick: asyncio.TimerHandle | None = None
        self._heal: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Make the files, all right, and let the RTC run on the running loop.

        Raises OSError if they cannot be made.
        """
        self.rtc.mkdir(parents=True, exist_ok=True)
        self.synchronise()
        self._run()

    def stop(self) -> None:
        """The machine is off: the file of the time service, which lies in memory, is gone."""
        for timer in (self._tick, self._heal):
            if timer is not None:
                timer.cancel()
        self.synchronised.unlink(missing_ok=True)

    def synchronise(self) -> None:
        """The time service sets wall clock and RTC right and touches its file."""
        self._offset_us, self._rtc_offset = 0, 0
        self._write_rtc()
        self._synchronising = True
        # First the clock, then the word that it is right.
        if not self._set_wall(0):
            self.wall_is_set()

    def wall_is_set(self) -> None:
        """The daemon's wall clock is what was asked for last, or nobody is there who reads it."""
        if self._synchronising:
            self._synchronising = False
            # By the clock that the world goes by, which may lag behind the kernel's.
            now_ns, beside = time.time_ns(), self.synchronised.with_suffix(".new")
            beside.touch()
            os.utime(beside, ns=(now_ns, now_ns))
            beside.replace(self.synchronised)

    def fault(self, name: str, seconds: float, lasts: float | None) -> dict[str, Any]:
        """Let a fault begin; returns what was done.

        seconds: for clock_step, by how much the wall clock is set, and `lasts` is after how long
        the time service sets it right (None: never). For the others, how long they hold.
        """
        if name == STEP:
            self._offset_us += round(seconds * 1_000_000)
        else:
            lasts = seconds
            self._synchronising = False
            self.synchronised.unlink(missing_ok=True)
            self._rtc_offset = AHEAD_SECONDS if name == AHEAD else -int(time.time())
            if name == AHEAD:
                self._offset_us = AHEAD_SECONDS * 1_000_000
            self._write_rtc()
        self._set_wall(self._offset_us)
        told = {"wall_offset_us": self._offset_us}
        if lasts is None:
            return told
        if self._heal is not None:
            self._heal.cancel()
        self._heal = asyncio.get_running_loop().call_later(lasts, self.synchronise)
        return {**told, "until_us": now_us() + round(lasts * 1_000_000)}

    def _run(self) -> None:
        self._write_rtc()
        self._tick = asyncio.get_running_loop().call_later(TICK_SECONDS, self._run)

    def _write_rtc(self) -> None:
        # Never half a number: whoever reads sees the second before or this one.
        path = self.rtc / "since_epoch"
        beside = path.with_suffix(".new")
        beside.write_text(f"{int(time.time()) + self._rtc_offset}\n", encoding="ascii")
        os.replace(beside, path)
