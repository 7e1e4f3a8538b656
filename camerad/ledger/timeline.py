"""How old something is at the least, from what a ledger has seen of the clocks.

A ledger's entries come one after the other in true time, each with a `Moment`. Consecutive entries
of one boot are a *run*. What can be concluded, and nothing beyond it:

1. Between two entries of one run as much time passed as boot time says; between runs, none is
   proven. So *uptime*, the sum over all runs, never runs ahead of true time, however often or long
   the power was off, and also if several machines write one ledger in turns.
2. A trusted wall time fixes where the whole run lies. Synchronised beats RTC. Where two trusted
   ones of the same kind differ, neither is believed alone: `BootRun.low_us` and `BootRun.high_us`
   keep both, until synchronised time has not jumped for a day of boot time.
3. True time is at least the last synchronised one plus uptime since. An RTC that shows less is
   taken to show that.
4. What ended before an entry is no younger than that entry. What an entry tells of may have
   happened before it was written; only the writing is a point of the timeline.
5. An RTC that synchronised time finds behind may have been so for as long as nobody could tell: its
   earlier runs are taken to lie as much later.

An RTC that was set ahead while the power was off, by less than what is plausible, cannot be told
from time that passed (docs/storage.md, "Limits").
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.base.clock import DAY, SECOND, ClockSource, Moment

JUMP_US: Final = 5 * SECOND
"""Between two entries wall time has jumped if it moves by more than this against boot time."""
STEADY_US: Final = DAY
"""Synchronised time that has not jumped for so long replaces what was believed before."""

_RANK: Final = {ClockSource.UNKNOWN: 0, ClockSource.RTC: 1, ClockSource.SYNCHRONISED: 2}


class Instant(msgspec.Struct, frozen=True):
    """Boot time boot_us within the run of that number."""

    run: int
    boot_us: int


class Synchronised(msgspec.Struct, frozen=True):
    """The last synchronised wall time, and the uptime at which it was seen, microseconds."""

    wall_us: int
    uptime_us: int


class BootRun(msgspec.Struct, frozen=True):
    """Consecutive entries of one boot.

    number: counted over the whole ledger. first_us, last_us: boot time of its first and last entry.
    uptime_us: of all runs before. source: the best that its wall times came from; unless that is
    unknown, wall time minus boot time lies between low_us and high_us, was recent_us lately, and
    has not jumped since the boot time steady_us.
    """

    number: int
    boot_id: str
    first_us: int
    last_us: int
    uptime_us: int
    source: ClockSource = ClockSource.UNKNOWN
    low_us: int = 0
    high_us: int = 0
    recent_us: int = 0
    steady_us: int = 0

    @property
    def trusted(self) -> bool:
        """Whether it is known where the run lies in wall time."""
        return self.source is not ClockSource.UNKNOWN

    @property
    def synchronised(self) -> bool:
        """Whether that is known from synchronised time."""
        return self.source is ClockSource.SYNCHRONISED

    def uptime_at_us(self, boot_us: int) -> int:
        """Uptime of the ledger at a boot time of this run; outside of the run, at its border."""
        return self.uptime_us + min(max(boot_us, self.first_us), self.last_us) - self.first_us

    def with_moment(self, moment: Moment, floor_us: int | None = None) -> BootRun:
        """The run with what `moment` says about wall time.

        floor_us: true wall time is at least this; None if nothing is known.
        """
        if _RANK[moment.source] < _RANK[self.source] or not moment.trusted:
            return self
        wall_us = moment.wall_us
        if moment.source is ClockSource.RTC and floor_us is not None:
            wall_us = max(wall_us, floor_us)
        offset_us = wall_us - moment.boot_us
        if _RANK[moment.source] > _RANK[self.source]:
            return replace(
                self,
                source=moment.source,
                low_us=offset_us,
                high_us=offset_us,
                recent_us=offset_us,
                steady_us=moment.boot_us,
            )
        jumped = abs(offset_us - self.recent_us) > JUMP_US
        steady_us = moment.boot_us if jumped else self.steady_us
        seen = replace(self, recent_us=offset_us, steady_us=steady_us)
        if self.synchronised and moment.boot_us - steady_us >= STEADY_US:
            return replace(seen, low_us=offset_us, high_us=offset_us)
        return replace(
            seen, low_us=min(self.low_us, offset_us), high_us=max(self.high_us, offset_us)
        )


class Timeline(msgspec.Struct, frozen=True):
    """The runs of a ledger, oldest first, as far as anything still depends on them."""

    runs: tuple[BootRun, ...] = ()
    synchronised: Synchronised | None = None

    @property
    def uptime_us(self) -> int:
        """The ledger's uptime at its last entry."""
        return self.runs[-1].uptime_at_us(self.runs[-1].last_us) if self.runs else 0

    @property
    def wall_at_least_us(self) -> int | None:
        """By synchronised time, true wall time at the last entry was at least this; None if there
        was no synchronised time."""
        if self.synchronised is None:
            return None
        return self.synchronised.wall_us + self.uptime_us - self.synchronised.uptime_us

    def observe(self, boot_id: str, moment: Moment) -> Timeline:
        """The timeline after an entry, or with the present."""
        boot_us = moment.boot_us
        last = self.runs[-1] if self.runs else None
        if last is not None and last.boot_id == boot_id:
            run = replace(last, last_us=max(last.last_us, boot_us))
            before = self.runs[:-1]
        else:
            number = 1 if last is None else last.number + 1
            run = BootRun(number, boot_id, boot_us, boot_us, self.uptime_us)
            before = self.runs
        there = Timeline((*before, run), self.synchronised)
        unsure, run = run, run.with_moment(moment, there.wall_at_least_us)
        behind_us = run.low_us - unsure.high_us
        if run.synchronised and unsure.source is ClockSource.RTC and behind_us > JUMP_US:
            before = _later(before, behind_us)
        synchronised = self.synchronised
        if run.synchronised:
            synchronised = Synchronised(run.low_us + run.last_us, there.uptime_us)
        return Timeline((*before, run), synchronised)

    def latest_run(self, boot_id: str) -> BootRun | None:
        """The latest run of a boot."""
        return next((run for run in reversed(self.runs) if run.boot_id == boot_id), None)

    def synchronised_in(self, boot_id: str) -> Moment | None:
        """A moment of that boot at which wall time was synchronised; None if none is known.

        It has the last boot time that is known, and the wall time that the last synchronised moment
        gives for it.
        """
        run = self.latest_run(boot_id)
        if run is None or not run.synchronised:
            return None
        return Moment(run.last_us, run.recent_us + run.last_us, ClockSource.SYNCHRONISED)

    def with_wall_time(self, number: int, moment: Moment) -> Timeline:
        """The timeline with a wall time that became known later, of the run of that number."""
        return replace(
            self,
            runs=tuple(
                run.with_moment(moment) if run.number == number else run for run in self.runs
            ),
        )

    def keep_needed(self, needed: Iterable[int]) -> Timeline:
        """The timeline without the runs that say nothing about the runs of those numbers."""
        wanted = set(needed)
        kept = {run.number for run in self.runs[-1:]}
        trusted = best = None
        for run in reversed(self.runs):
            if run.trusted:
                trusted = run
            if run.synchronised and (best is None or _start_us(run) < _start_us(best)):
                best = run
            if run.number in wanted:
                # The two that `Ages` would bound this run by, whichever it is.
                kept |= {one.number for one in (run, trusted, best) if one is not None}
        return replace(self, runs=tuple(run for run in self.runs if run.number in kept))


class Ages:
    """Gives ages at one present: at `now`, in the boot `boot_id`.

    now_us: the wall time that it is at the least; None if nothing is known.
    """

    def __init__(self, timeline: Timeline, boot_id: str, now: Moment) -> None:
        self.timeline = timeline.observe(boot_id, now)
        runs = self.timeline.runs
        present = runs[-1]
        self.now_us: Final = (
            present.low_us + now.boot_us if present.trusted else self.timeline.wall_at_least_us
        )
        self._bounds: dict[int, tuple[BootRun, int | None, int | None]] = {}
        trusted: int | None = None
        best: int | None = None
        for run in reversed(runs):
            self._bounds[run.number] = (run, trusted, best)
            if run.trusted:
                trusted = _start_us(run)
            if run.synchronised:
                best = _least(best, _start_us(run))

    def minimum_us(self, instant: Instant, stated_us: int | None = None) -> int:
        """How long ago something was at the least, microseconds.

        It was at `instant` or before. stated_us: a trusted wall time of it that is not on this
        timeline, such as what another machine signed. A run that is not known proves nothing.
        """
        if instant.run not in self._bounds:
            return 0
        run = self._bounds[instant.run][0]
        latest = self.latest_us(instant, stated_us)
        uptime_us = self.timeline.uptime_us - run.uptime_at_us(instant.boot_us)
        if latest is None or self.now_us is None:
            return uptime_us
        return max(uptime_us, self.now_us - latest)

    def latest_us(self, instant: Instant, stated_us: int | None = None) -> int | None:
        """The latest wall time at which something can have been; None if nothing says so. As in
        `minimum_us`."""
        if instant.run not in self._bounds:
            return None
        run, trusted, best = self._bounds[instant.run]
        if run.trusted:
            trusted = run.high_us + instant.boot_us
        if run.synchronised:
            best = _least(best, run.high_us + instant.boot_us)
        return _least(trusted if stated_us is None else stated_us, best)

    def latest_synchronised_us(self, instant: Instant) -> int | None:
        """The same by synchronised time alone: no RTC, right or wrong, has a part in it."""
        if instant.run not in self._bounds:
            return None
        run, _, best = self._bounds[instant.run]
        return _least(best, run.high_us + instant.boot_us) if run.synchronised else best


def _later(runs: tuple[BootRun, ...], by_us: int) -> tuple[BootRun, ...]:
    """The runs, with those later that the same RTC has dated since synchronised time."""
    last = max((at for at, run in enumerate(runs, 1) if run.synchronised), default=0)
    return runs[:last] + tuple(
        replace(run, high_us=run.high_us + by_us) if run.trusted else run for run in runs[last:]
    )


def _start_us(run: BootRun) -> int:
    """Wall time of a trusted run's first entry, at the latest."""
    return run.high_us + run.first_us


def _least(one: int | None, other: int | None) -> int | None:
    return min((value for value in (one, other) if value is not None), default=None)
