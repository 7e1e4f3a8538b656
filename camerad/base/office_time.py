"""Judges the clock of a computer at the evidence desk.

Such a computer is no camera: not every user may read its RTC, and people set its clock. So one that
no time server sets is believed only if it is plausible, and shows the same time as before in its
boot, by all that the office's ledger has of that.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from camerad.base.clock import (
    SPARED_US,
    ClockSource,
    DoubtedMoment,
    Moment,
    SystemClock,
    read_both,
)
from camerad.base.wall_clock import SYNCHRONISED, is_plausible

_ADJTIMEX_BYTES: Final = 512
"""More than `struct timex` takes anywhere (208 bytes on 64-bit Linux)."""
_TIME_ERROR: Final = 5


def kernel_synchronised() -> bool | None:
    """Whether the kernel takes its clock for synchronised; None where it cannot be asked.

    adjtimex(2) with no mode only reads; it returns TIME_ERROR while the clock is not synchronised.
    The kernel forgets a synchronisation at a restart, and some nine hours after the last one (its
    estimate of the error grows by 500 ppm and counts up to 16 s). chrony, ntpd and
    systemd-timesyncd all report to it.
    """
    if sys.platform != "linux":
        return None
    state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_ADJTIMEX_BYTES))
    return None if state < 0 else state != _TIME_ERROR


def office_clock(
    last_known_us: int | None,
    *,
    boot_us: int,
    wall_us: int,
    was_set: bool = False,
    synchronised: Path = SYNCHRONISED,
    kernel: Callable[[], bool | None] = kernel_synchronised,
) -> ClockSource:
    """Why wall time is what it is on a computer of the evidence desk.

    An office computer has a battery-backed clock, and its system sets wall time by it at every
    start. So wall time is believed as ``rtc`` without reading the RTC, which is not for every user,
    if it is plausible: within 366 days after `last_known_us`. It is synchronised if the time
    service or the kernel says so. A computer that is not, and has nothing to hold its time against,
    is not believed: its battery may be flat, and then it shows the year of its firmware.

    last_known_us: the newest wall time that is known for right: of a moment in the office's ledger
    that was synchronised, or of a trusted moment in a recording that is here, which then lies in
    the past. Not of a moment that this rule called ``rtc``: a clock that runs ahead would vouch for
    itself year by year. An office without any network is served too, as long as cameras come in.

    wall_us: the time to judge, in microseconds since the Unix epoch; boot_us: boot time then.
    was_set: since the start of the machine wall time was set. Then the file of the time service may
    be from before; the kernel forgets a synchronisation when the clock is set. So it is where the
    file, which each start makes anew, was touched before this start or is yet to be.
    """
    touched_us = _touched_us(synchronised)
    set_by_service = (
        touched_us is not None and -SPARED_US <= wall_us - touched_us <= boot_us + SPARED_US
    )
    if kernel() or (set_by_service and not was_set):
        return ClockSource.SYNCHRONISED
    return ClockSource.RTC if is_plausible(wall_us, last_known_us) else ClockSource.UNKNOWN


def _touched_us(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns // 1000
    except OSError:
        return None


class OfficeClock(SystemClock):
    """The clocks of an office's computer. Any thread may use it.

    A wall time that no time server set is doubted where another one was shown in the same boot.

    last_known_us: as for `office_clock`. seen: between which numbers wall time minus boot time lay
    in this boot, by all that the office's ledger has of it; None if it has nothing. believed:
    whether that was believed then. rule: `office_clock`, or one for a test.
    """

    def __init__(
        self,
        last_known_us: int | None,
        seen: tuple[int, int] | None = None,
        *,
        believed: bool = False,
        rule: Callable[..., ClockSource] = office_clock,
    ) -> None:
        super().__init__(self._source)
        self._last_known_us = last_known_us
        self._seen = seen
        self._believed = believed
        self._rule = rule

    def _source(self) -> ClockSource:
        boot_us, wall_us = read_both(self)
        low_us, high_us = self._with(wall_us - boot_us)
        was_set = high_us - low_us > SPARED_US
        return self._rule(self._last_known_us, boot_us=boot_us, wall_us=wall_us, was_set=was_set)

    def _with(self, offset_us: int) -> tuple[int, int]:
        low_us, high_us = self._seen or (offset_us, offset_us)
        return min(low_us, offset_us), max(high_us, offset_us)

    def moment(self) -> Moment:
        found = super().moment()
        offset_us = found.wall_us - found.boot_us
        low_us, high_us = seen = self._with(offset_us)
        was_set = high_us - low_us > SPARED_US
        if found.source is ClockSource.SYNCHRONISED:
            self._seen = (offset_us, offset_us) if was_set else seen
            return found
        self._seen = seen
        if not was_set:
            self._believed |= found.trusted
            return found
        # A ledger that believed the time before keeps both, and goes by neither. In one that did
        # not, this one would be the first to be believed.
        source = found.source if self._believed else ClockSource.UNKNOWN
        return DoubtedMoment(found.boot_us, found.wall_us, source)
