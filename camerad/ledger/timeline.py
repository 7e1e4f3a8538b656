"""How old something is at the least, from what a ledger has seen of the clocks.

A ledger's entries come one after the other in true time, each with a `Moment`. Consecutive entries
of one boot are a *run*. What can be concluded, and nothing beyond it:

1. Between two entries of one run as much time passed as boot time says; between runs, none is
   proven. So *uptime*, the sum over all runs, never runs ahead of true time, however often or long
   the power was off, and also if several machines write one ledger in turns.
2. A trusted wall time fixes where the whole run lies. Synchronised beats RTC. Where two trusted
   ones of the same kind differ, neither is believed alone: `BootRun.low_us` and `BootRun.high_us`
   keep both, until synchronised time has not jumped for a day of boot time. A present that is
   doubted (`DoubtedMoment`) is not in any of them.
3. True time is at least the last synchronised one plus uptime since. An RTC that shows less is
   taken to show that.
4. What ended before an entry is no younger than that entry. What an entry tells of may have
   happened before it was written; only the writing is a point of the timeline.
5. A wall time that a person declared right (`DeclaredTime`) counts for what is done by such a time,
   against what else the clock showed in that boot. It does not count where synchronised time, or a
   trusted one of another boot, contradicts it; nor do two that contradict each other in one boot.
6. An RTC that synchronised time finds behind may have been so ever since it was last compared: its
   earlier runs are taken to lie as much later.

An RTC that was set ahead while the power was off, by less than what is plausible, cannot be told
from time that passed (docs/storage.md, "Limits").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from camerad.base.clock import SPARED_US, ClockSource, DeclaredMoment, DoubtedMoment, Moment
from camerad.ledger.boot_runs import JUMP_US, BootRun, BootRuns

_KEPT: Final = 8
"""So many of the newest runs go into each epoch, in any case: they have what the clocks of
the computers that write here, in turns, showed in this boot."""


class Instant(msgspec.Struct, frozen=True):
    """Boot time boot_us within the run of that number."""

    run: int
    boot_us: int


class Synchronised(msgspec.Struct, frozen=True):
    """The last synchronised wall time, and the uptime at which it was seen, microseconds."""

    wall_us: int
    uptime_us: int


class DeclaredTime(msgspec.Struct, frozen=True):
    """A person declared, rightly, that wall time was wall_us at the boot time boot_us of a run."""

    who: str
    run: int
    boot_us: int
    wall_us: int

    @property
    def offset_us(self) -> int:
        """Wall time minus boot time."""
        return self.wall_us - self.boot_us

    def says_the_same(self, other: DeclaredTime) -> bool:
        """Whether the same person said so of the same run."""
        same = self.who == other.who and self.run == other.run
        return same and abs(self.offset_us - other.offset_us) <= JUMP_US


_Declared = TypeVar("_Declared", bound=DeclaredTime)


def list_disputed(
    declared: Iterable[_Declared], boots: Mapping[int, str]
) -> list[tuple[_Declared, _Declared]]:
    """What was declared, and the one that says another time of the same boot: of each, that which
    is furthest away. boots: by the numbers of the runs."""
    by_boot: dict[str, list[_Declared]] = {}
    for one in declared:
        if one.run in boots:
            by_boot.setdefault(boots[one.run], []).append(one)
    found = []
    for said in by_boot.values():
        low, high = (end(said, key=lambda one: one.offset_us) for end in (min, max))
        for one in said:
            behind_us, ahead_us = one.offset_us - low.offset_us, high.offset_us - one.offset_us
            if max(behind_us, ahead_us) > SPARED_US:
                found.append((one, low if behind_us > ahead_us else high))
    return found


class Timeline(msgspec.Struct, frozen=True):
    """The runs of a ledger, oldest first, as far as anything still depends on them."""

    runs: BootRuns = msgspec.field(default_factory=BootRuns)
    synchronised: Synchronised | None = None

    @property
    def uptime_us(self) -> int:
        """The ledger's uptime at its last entry."""
        last = self.runs.last
        return last.uptime_at_us(last.last_us) if last is not None else 0

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
        last = self.runs.last
        if last is not None and last.boot_id == boot_id:
            run = replace(last, last_us=max(last.last_us, boot_us))
            before = self.runs.but_last()
        else:
            number = 1 if last is None else last.number + 1
            run = BootRun(number, boot_id, boot_us, boot_us, self.uptime_us)
            before = self.runs
        there = Timeline(before.and_then((run,)), self.synchronised)
        unsure, run = run, run.with_moment(moment, there.wall_at_least_us)
        behind_us = run.low_us - unsure.low_us
        if run.synchronised and unsure.source is ClockSource.RTC and behind_us > JUMP_US:
            # The same RTC has dated these since synchronised time.
            before = before.changed_since_synchronised(
                lambda one: replace(one, high_us=one.high_us + behind_us) if one.trusted else one
            )
        synchronised = self.synchronised
        if run.synchronised:
            synchronised = Synchronised(run.low_us + run.last_us, there.uptime_us)
        return Timeline(before.and_then((run,)), synchronised)

    def seen_in(self, boot_id: str) -> tuple[int, int] | None:
        """What wall minus boot time of that boot lay between; None if nothing is known.
        Synchronised time replaces all else."""
        runs = [run for run in self.runs if run.boot_id == boot_id]
        for run in reversed(runs):
            if run.synchronised:
                return run.recent_us, run.recent_us
        found = [one for run in runs if (one := run.offsets_us) is not None]
        return (min(low for low, _ in found), max(high for _, high in found)) if found else None

    def contradicts(self, declared: DeclaredTime) -> bool:
        """Whether trusted time, before or after, takes back what was declared. What an RTC showed
        in the same boot does not: that is what a person sets right."""
        boot_id = next((run.boot_id for run in self.runs if run.number == declared.run), None)
        for run in (one for one in self.runs if one.trusted):
            if run.boot_id == boot_id and not run.synchronised:
                continue
            if run.number < declared.run and run.low_us + run.last_us > declared.wall_us + JUMP_US:
                return True
            if run.number > declared.run and run.start_us < declared.wall_us - JUMP_US:
                return True
            within = run.low_us - JUMP_US <= declared.offset_us <= run.high_us + JUMP_US
            if run.number == declared.run and not within:
                return True
        newest, floor_us = self.runs.last, self.wall_at_least_us
        if floor_us is None or newest is None or newest.number != declared.run:
            return False
        return declared.wall_us < floor_us - (newest.last_us - declared.boot_us) - JUMP_US

    def disputed_by(
        self, one: DeclaredTime, declared: Iterable[DeclaredTime]
    ) -> DeclaredTime | None:
        """What else was declared in the same boot that contradicts it; None if nothing does."""
        boots = {run.number: run.boot_id for run in self.runs}
        return next(
            (other for it, other in list_disputed((*declared, one), boots) if it is one), None
        )

    def with_declared(self, declared: Iterable[DeclaredTime]) -> Timeline:
        """The timeline with what was declared and nothing contradicts."""
        every = tuple(declared)
        boots = {run.number: run.boot_id for run in self.runs}
        disputed = {one for one, _ in list_disputed(every, boots)}
        runs = self.runs
        for one in every:
            if one not in disputed and not self.contradicts(one):
                runs = runs.changed(one.run, partial(_dated, offset_us=one.offset_us))
        return replace(self, runs=runs)

    def latest_run(self, boot_id: str) -> BootRun | None:
        """The latest run of a boot."""
        return self.runs.latest_of(boot_id)

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
        return replace(self, runs=self.runs.changed(number, lambda run: run.with_moment(moment)))

    def keep_needed(self, needed: Iterable[int]) -> Timeline:
        """The timeline without the older runs that say nothing about the runs of those numbers."""
        wanted = set(needed)
        every = tuple(self.runs)
        kept = {run.number for run in every[-_KEPT:]}
        trusted = best = None
        for run in reversed(every):
            if run.trusted:
                trusted = run
            if run.synchronised and (best is None or run.start_us < best.start_us):
                best = run
            if run.number in wanted:
                # The two that `Ages` would bound this run by, whichever it is.
                kept |= {one.number for one in (run, trusted, best) if one is not None}
        return replace(self, runs=BootRuns(run for run in self.runs if run.number in kept))


class Ages:
    """Gives ages at one present: at `now`, in the boot `boot_id`.

    declared: counts only if the present's own wall time is declared right. now_us: the wall time
    that it is at the least; None if nothing is known.
    """

    def __init__(
        self, timeline: Timeline, boot_id: str, now: Moment, declared: Iterable[DeclaredTime] = ()
    ) -> None:
        self.timeline = timeline.observe(boot_id, now)
        if isinstance(now, DeclaredMoment):
            here = DeclaredTime("", self.timeline.runs.newest.number, now.boot_us, now.wall_us)
            self.timeline = self.timeline.with_declared((*declared, here))
        present = self.timeline.runs.last
        self.now_us: Final = (
            present.low_us + now.boot_us
            if present is not None
            and present.trusted
            and (present.synchronised or not isinstance(now, DoubtedMoment))
            else self.timeline.wall_at_least_us
        )
        self._known: dict[int, tuple[BootRun, int | None, int | None] | None] = {}

    def _bounds(self, run: int) -> tuple[BootRun, int | None, int | None] | None:
        """The run of that number, and what bounds it: see `BootRuns.bounds_of`."""
        if run not in self._known:
            self._known[run] = self.timeline.runs.bounds_of(run)
        return self._known[run]

    def minimum_us(self, instant: Instant, stated_us: int | None = None) -> int:
        """How long ago something was at the least, microseconds.

        It was at `instant` or before. stated_us: a trusted wall time of it that is not on this
        timeline, such as what another machine signed. A run that is not known proves nothing.
        """
        bounds = self._bounds(instant.run)
        if bounds is None:
            return 0
        run = bounds[0]
        latest = self.latest_us(instant, stated_us)
        uptime_us = self.timeline.uptime_us - run.uptime_at_us(instant.boot_us)
        if latest is None or self.now_us is None:
            return uptime_us
        return max(uptime_us, self.now_us - latest)

    def latest_us(self, instant: Instant, stated_us: int | None = None) -> int | None:
        """The latest wall time at which something can have been; None if nothing says so. As in
        `minimum_us`."""
        bounds = self._bounds(instant.run)
        if bounds is None:
            return None
        run, trusted, best = bounds
        if run.trusted:
            trusted = run.high_us + instant.boot_us
        if run.synchronised:
            best = _least(best, run.high_us + instant.boot_us)
        return _least(trusted if stated_us is None else stated_us, best)

    def latest_synchronised_us(self, instant: Instant) -> int | None:
        """The same by synchronised time alone: no RTC, right or wrong, has a part in it."""
        bounds = self._bounds(instant.run)
        if bounds is None:
            return None
        run, _, best = bounds
        return _least(best, run.high_us + instant.boot_us) if run.synchronised else best


def _dated(run: BootRun, offset_us: int) -> BootRun:
    """A run as an RTC that was right would date it, unless synchronised time says better."""
    if run.synchronised:
        return run
    return replace(
        run, source=ClockSource.RTC, low_us=offset_us, high_us=offset_us, recent_us=offset_us
    )


def _least(one: int | None, other: int | None) -> int | None:
    return min((value for value in (one, other) if value is not None), default=None)
