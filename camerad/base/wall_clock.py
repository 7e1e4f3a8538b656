"""Decides whether wall time may be trusted, and detects when it was set.

A camera has no user who sets its clock, and many boards have no clock that runs without power:
after a start such a board shows the time of its last shutdown, which systemd-timesyncd restores
from a file, or the build time of its software. That time looks right and is not. So wall time is
trusted only for a reason, and the reason is kept with every `Moment`:

1. **synchronised**: the file that the time service touches at each synchronisation is there. It
   lies in ``/run``, which is empty after a start (``/run/systemd/timesync/synchronized``,
   systemd-timesyncd.service(8)).
2. **rtc**: a battery-backed clock agrees with wall time within 5 s, and wall time is neither before
   the last synchronised time that is known nor more than 366 days after it. A camera that was never
   synchronised has nothing to hold its RTC against, and does not trust it. ``since_epoch`` of an
   RTC is in seconds (Documentation/ABI/testing/sysfs-class-rtc of the kernel).
3. **unknown**: everything else.

After a step (wall time moved by more than half a second against CLOCK_BOOTTIME, which cannot be
set) the file proves nothing until it is touched again: the step may not have come from the time
service. A time service that steps the clock touches the file right afterwards. An RTC that agrees
with the time after the step is reason enough without it.

That holds also for a step that the daemon did not see because it was started after it: the ledger
knows a moment of this boot that was synchronised, and wall time that has moved since against boot
time has been set. Until the ledger has been read, nothing is trusted.

The first part of this file is pure; `TimeKeeper` reads the machine; `ClockWatch` is its part of the
daemon. `camerad.base.office_time` has the rule for the evidence desk's computers.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from camerad.base.async_utils import until_next
from camerad.base.clock import (
    DAY,
    SECOND,
    Clock,
    ClockSource,
    Moment,
    SystemClock,
    read_both,
)
from camerad.base.message_ids import MessageId

log = logging.getLogger(__name__)

SYNCHRONISED: Final = Path("/run/systemd/timesync/synchronized")
"""Touched by systemd-timesyncd at each synchronisation."""
RTC: Final = Path("/sys/class/rtc/rtc0")
"""The first real-time clock of the machine, as the kernel shows it."""
RTC_TOLERANCE_US: Final = 5 * SECOND
"""How far an RTC and wall time may be apart."""
PLAUSIBLE_US: Final = 366 * DAY
"""How long after the last synchronised time an unsynchronised clock is believed. No policy keeps
recordings longer, so what lies further back is due by any clock."""
STEP_US: Final = SECOND // 2
"""Wall time that moves more than this against boot time was set. Slewing it takes 1000 s to come so
far (at most 500 ppm, adjtimex(2)), so it is told apart between moments some minutes apart."""
LOOK_SECONDS: Final = 5.0
"""How often the daemon looks."""
VERDICT_US: Final = 30 * SECOND
"""How long a verdict counts: an RTC whose bus hangs must not vouch for the time for ever."""


# ------------------------------------------------------------------------------------------ rules


class Signs(msgspec.Struct, frozen=True):
    """A machine's time readings at one instant, all in microseconds.

    boot_us, wall_us: both clocks, read together. touched_us: the wall time at which the
    synchronised file was touched last, None without the file. rtc_us: the RTC's time, to a second,
    None without an RTC that can be read.
    """

    boot_us: int
    wall_us: int
    touched_us: int | None
    rtc_us: int | None


def judge(signs: Signs, last_synchronised_us: int | None, stale_us: int | None) -> ClockSource:
    """The source of wall time.

    last_synchronised_us: the newest wall time known to have been synchronised. stale_us: from
    `still_stale`.
    """
    if signs.touched_us is not None and signs.touched_us != stale_us:
        return ClockSource.SYNCHRONISED
    if (
        signs.rtc_us is not None
        and abs(signs.rtc_us - signs.wall_us) <= RTC_TOLERANCE_US
        and is_plausible(signs.wall_us, last_synchronised_us)
    ):
        return ClockSource.RTC
    return ClockSource.UNKNOWN


def is_plausible(wall_us: int, last_known_us: int | None) -> bool:
    """Whether wall time lies within 366 days from the last time that was known for right."""
    return last_known_us is not None and 0 <= wall_us - last_known_us <= PLAUSIBLE_US


def still_stale(previous: Signs | None, now: Signs, stale_us: int | None) -> int | None:
    """The touch of the synchronised file that no longer counts; None if there is none.

    stale_us: the answer at `previous`, the look before. If wall time was set in between, the file's
    present touch no longer counts. There is one exception: the file was touched between the two
    looks, by the clock that shows now. Then the time service set it.
    """
    if previous is None or detect_step(previous, now) is None or now.touched_us is None:
        return stale_us
    # The kernel stamps files with the time of its last tick, at most 10 ms ago.
    since_us = now.boot_us - previous.boot_us + STEP_US
    return None if 0 <= now.wall_us - now.touched_us <= since_us else now.touched_us


def stale_since(known: Moment, now: Signs) -> int | None:
    """The touch of the synchronised file that does not count at a daemon's first look; None if
    there is none.

    known: a moment of this boot that was synchronised. If wall time was set since, the touch does
    not count, whenever it was made: only the clock that was set could tell when. The next touch of
    the time service counts.
    """
    return None if detect_step(known, now) is None else now.touched_us


def detect_step(previous: Signs | Moment, now: Signs | Moment) -> int | None:
    """By how many microseconds wall time was set between two moments of one boot; None if it was
    not, which up to half a second is taken for slewing."""
    step_us = (now.wall_us - previous.wall_us) - (now.boot_us - previous.boot_us)
    return step_us if abs(step_us) > STEP_US else None


# ---------------------------------------------------------------------------------------- machine


class ClockReading(msgspec.Struct, frozen=True):
    """Result of reading the clocks. step_us: how far wall time was set since the look before, None
    if it was not."""

    moment: Moment
    step_us: int | None


class KnownTime(msgspec.Struct, frozen=True):
    """A ledger's knowledge of right time.

    synchronised_us: the newest wall time that was synchronised, None if none was. this_boot: a
    moment of the present boot that was, None without one.
    """

    synchronised_us: int | None = None
    this_boot: Moment | None = None


class TimeKeeper:
    """Judges the machine's clock. Any thread may use it.

    synchronised, rtc: the file of the time service and the directory of the RTC; either may be
    missing. known: what the ledger knows; None: that is not known yet, `learn` will tell, and until
    then nothing is trusted. clock: where boot and wall time are read.
    """

    def __init__(
        self,
        synchronised: Path = SYNCHRONISED,
        rtc: Path = RTC,
        known: KnownTime | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._synchronised = synchronised
        self._since_epoch = rtc / "since_epoch"
        self._clock = SystemClock() if clock is None else clock
        self._known = known
        self._last_synchronised_us = None if known is None else known.synchronised_us
        self._stale_us: int | None = None
        self._signs: Signs | None = None
        self._source = ClockSource.UNKNOWN
        self._said: dict[Path, str] = {}
        self._lock = threading.Lock()
        self._looking = threading.Lock()

    def source(self) -> ClockSource:
        """The source of wall time by the last reading: the judge of a `SystemClock`.

        Opens no file and never waits for one, so it may be asked for every fragment. Unknown before
        the first look and before it is known what the ledger knows, when the last look is older
        than `VERDICT_US`, and from a step until the next look.
        """
        with self._lock:
            signs, source = self._signs, self._source
        if signs is None or source is ClockSource.UNKNOWN:
            return ClockSource.UNKNOWN
        boot_us, wall_us = read_both(self._clock)
        now = Signs(boot_us, wall_us, None, None)
        current = boot_us - signs.boot_us <= VERDICT_US and detect_step(signs, now) is None
        return source if current else ClockSource.UNKNOWN

    @property
    def last_synchronised_us(self) -> int | None:
        """The newest wall time known to have been synchronised, in microseconds; it grows with
        every look that finds the clock synchronised. None: never."""
        with self._lock:
            return self._last_synchronised_us

    def learn(self, known: KnownTime) -> None:
        """Say what the ledger knows; what the last look found is judged by it at once. Only the
        first call counts: from then on each look is compared with the one before."""
        with self._lock:
            if self._known is not None:
                return
            self._known = known
            self._last_synchronised_us = known.synchronised_us
            if self._signs is not None:
                if known.this_boot is not None:
                    self._stale_us = stale_since(known.this_boot, self._signs) or self._stale_us
                self._judge(self._signs)

    def _judge(self, signs: Signs) -> None:
        """Only with the lock."""
        self._signs, self._source = signs, ClockSource.UNKNOWN
        if self._known is None:
            return
        self._source = judge(signs, self._last_synchronised_us, self._stale_us)
        if self._source is ClockSource.SYNCHRONISED:
            last_us = self._last_synchronised_us
            self._last_synchronised_us = max(signs.wall_us, last_us or signs.wall_us)

    def look(self) -> ClockReading:
        """Read the files, judge afresh, and find out whether wall time was set since the last look.

        Blocks as long as the RTC's driver does, so never on the event loop. Never raises for what
        the files show: what cannot be read is no reason to trust, and is logged once.
        """
        with self._looking:
            # The files before the clocks: a touch must not seem to come from the future.
            touched_us, rtc_us = self._read_touched(), self._read_rtc()
            boot_us, wall_us = read_both(self._clock)
            now = Signs(boot_us, wall_us, touched_us, rtc_us)
            with self._lock:
                previous = self._signs
                self._stale_us = still_stale(previous, now, self._stale_us)
                if previous is None and self._known is not None and self._known.this_boot:
                    self._stale_us = stale_since(self._known.this_boot, now)
                self._judge(now)
                source = self._source
            step_us = None if previous is None else detect_step(previous, now)
            return ClockReading(Moment(boot_us, wall_us, source), step_us)

    def _read_touched(self) -> int | None:
        try:
            touched_us = os.stat(self._synchronised).st_mtime_ns // 1000
        except (FileNotFoundError, NotADirectoryError):
            touched_us = None
        except OSError as error:
            self._say(self._synchronised, f"no word of the time service: {error.strerror}")
            return None
        self._said.pop(self._synchronised, None)
        return touched_us

    def _read_rtc(self) -> int | None:
        """None also where the RTC says that its own time is invalid (EINVAL: power was lost)."""
        path = self._since_epoch
        try:
            text = path.read_text(encoding="ascii")
            rtc_us = int(text) * SECOND
        except (FileNotFoundError, NotADirectoryError):
            rtc_us = None
        except OSError as error:
            self._say(path, f"no time from the RTC: {error.strerror}")
            return None
        except ValueError:
            self._say(path, "no time from the RTC: it shows no number of seconds")
            return None
        self._said.pop(path, None)
        return rtc_us

    def _say(self, path: Path, what: str) -> None:
        if self._said.get(path) != what:  # once, however often it is looked at
            log.warning(
                "%s: %s; wall time is not trusted by it", path, what, extra=MessageId.CLOCK.extra
            )
        self._said[path] = what


# ----------------------------------------------------------------------------------------- daemon


class _Aside(Protocol):
    def __call__(self, work: Callable[[], ClockReading], /) -> Awaitable[ClockReading]: ...


class ClockWatch:
    """Looks at the clock again and again, on a thread, and reports on the event loop what changed.

    keeper: whom to ask. aside: does blocking work on a thread. on_source(source): called at the
    first look and whenever the source changes. on_step(step_us): wall time was set by so many
    microseconds; called before on_source.
    """

    def __init__(
        self,
        keeper: TimeKeeper,
        aside: _Aside,
        *,
        on_source: Callable[[ClockSource], None],
        on_step: Callable[[int], None],
    ) -> None:
        self._keeper = keeper
        self._aside = aside
        self._on_source = on_source
        self._on_step = on_step
        self._source: ClockSource | None = None

    async def run(self) -> None:
        """Look every 5 s until cancelled."""
        while True:
            await self.look()
            await until_next(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once and report what changed. If the machine does not answer in time, the time is
        not trusted until it does."""
        looking = asyncio.ensure_future(self._aside(self._keeper.look))
        try:
            await asyncio.wait({looking}, timeout=VERDICT_US / SECOND)
            if not looking.done():
                log.error(
                    "the real-time clock does not answer; wall time is not trusted",
                    extra=MessageId.CLOCK.extra,
                )
                self._tell(ClockSource.UNKNOWN)
            found = await looking
        finally:
            looking.cancel()
        if found.step_us is not None:
            self._on_step(found.step_us)
        self._tell(found.moment.source)

    def _tell(self, source: ClockSource) -> None:
        if source is not self._source:
            self._source = source
            self._on_source(source)
