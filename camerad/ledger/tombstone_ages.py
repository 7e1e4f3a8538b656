"""Checks the age in each tombstone against all that ledgers say of time. Pure.

A holder of a ledger's key can sign any age. So a tombstone's age is compared with the times of all
entries, earlier and later ones (docs/ledger-format.md, "The age of a tombstone"):

- It *contradicts* them if the recording cannot be so old: by boot time, or by synchronised time.
- It is *unsupported* if no time in the entries, trusted or declared, makes it so old.

What `camerad.ledger.timeline` concludes is never more than this allows. Nothing here decides about
a deletion: it judges those that were signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from camerad.base.clock import DAY, SPARED_US, ClockSource, Moment
from camerad.ledger.boot_runs import BootRun
from camerad.ledger.entries import Entry
from camerad.ledger.entry_types import Carried, ClockDeclared, EpochBegun
from camerad.ledger.recording_entries import (
    OFFLOADED,
    ClosedEntry,
    Deleted,
    FoundEntry,
    Recovered,
)
from camerad.ledger.recording_state import RecordingState
from camerad.ledger.timeline import Instant, Synchronised, list_disputed


class _Range(msgspec.Struct):
    """The smallest and the largest of some numbers; none has been seen while `seen` is empty."""

    seen: tuple[int, ...] = ()

    def add(self, *numbers: int) -> None:
        every = (*self.seen, *numbers)
        self.seen = (min(every), max(every))


class _Run(msgspec.Struct):
    """Consecutive entries of one boot. said, synchronised: wall time minus boot time by all that
    vouched for it, people's word included, and by synchronised time alone."""

    boot_id: str
    first_us: int
    last_us: int
    uptime_us: int
    said: _Range = msgspec.field(default_factory=_Range)
    synchronised: _Range = msgspec.field(default_factory=_Range)

    def learn(self, moment: Moment) -> None:
        """Take what a moment of that boot says of wall time."""
        offset_us = moment.wall_us - moment.boot_us
        if moment.trusted:
            self.said.add(offset_us)
        if moment.source is ClockSource.SYNCHRONISED:
            self.synchronised.add(offset_us)

    def uptime_at_us(self, boot_us: int) -> int:
        return self.uptime_us + min(max(boot_us, self.first_us), self.last_us) - self.first_us


MOST_WORK: Final = 10_000_000
"""Bound of tombstones times runs: the writer of a ledger chooses both. A camera with five boots and
five deletions on each day of a year has three million."""


class DeletedThen(msgspec.Struct, frozen=True):
    """An entry that says a recording was deleted. known: what the ledger said of it before; None if
    nothing. at: of the entry. file, line: where it is."""

    facts: Deleted
    known: RecordingState | None
    at: Instant
    file: str
    line: int


class LedgerTimes:
    """A ledger's entries about time, and its tombstones. `take` gets all of them in their order;
    then `judge` may be asked."""

    def __init__(self) -> None:
        self.tombstones: list[DeletedThen] = []
        self._runs: dict[int, _Run] = {}
        self._latest: dict[str, int] = {}
        """Number of the latest run of each boot."""
        self._current: int | None = None
        self._floors: list[Synchronised] = []
        self.declared: dict[ClockDeclared, tuple[str, int]] = {}
        """Times that people declared right, each with file and line."""

    def take(
        self, entry: Entry, before: Mapping[int, RecordingState | None], file: str, line: int
    ) -> None:
        """Take the next entry. before: what was known of the recordings that tombstones are about,
        by these entries' sequence numbers. file, line: where it is."""
        facts = entry.facts
        if isinstance(facts, EpochBegun):
            self._current = None
            if facts.synchronised is not None:
                self._floors.append(facts.synchronised)
            return
        if isinstance(facts, Carried):
            for carried in facts.runs:
                self._carry(carried)
            return
        run = self._runs.get(self._current or 0)
        if run is None or run.boot_id != entry.boot_id:
            uptime_us = 0 if run is None else run.uptime_at_us(run.last_us)
            self._current = (self._current or 0) + 1
            boot_us = entry.clock.boot_us
            run = self._runs[self._current] = _Run(entry.boot_id, boot_us, boot_us, uptime_us)
            self._latest[entry.boot_id] = self._current
        run.last_us = max(run.last_us, entry.clock.boot_us)
        run.learn(entry.clock)
        if isinstance(facts, ClosedEntry | Recovered | FoundEntry) and facts.ended is not None:
            boot = facts.ended_boot or entry.boot_id
            latest = self._latest.get(boot)
            if latest is not None and not getattr(facts, "device", ""):
                self._runs[latest].learn(facts.ended)
        if isinstance(facts, ClockDeclared):
            self.declared.setdefault(facts, (file, line))
        if isinstance(facts, Deleted):
            at = Instant(self._current or 0, entry.clock.boot_us)
            known = before.get(entry.sequence)
            self.tombstones.append(DeletedThen(facts, known, at, file, line))

    def settle(self) -> set[ClockDeclared]:
        """Have what was declared count, once all entries were taken, for what nothing else that was
        declared in the same boot contradicts; returns the others."""
        boots = {number: run.boot_id for number, run in self._runs.items()}
        disputed = {one for one, _ in list_disputed(self.declared, boots)}
        for one in self.declared:
            if one.run in self._runs and one not in disputed:
                self._runs[one.run].said.add(one.offset_us)
        return disputed

    @property
    def runs(self) -> int:
        """How many runs there are."""
        return len(self._runs)

    def _carry(self, carried: BootRun) -> None:
        self._current = max(self._current or 0, carried.number)
        run = self._runs.get(carried.number)
        if run is None:
            run = self._runs[carried.number] = _Run(carried.boot_id, 0, 0, 0)
        self._latest[carried.boot_id] = max(self._latest.get(carried.boot_id, 0), carried.number)
        run.boot_id, run.uptime_us = carried.boot_id, carried.uptime_us
        run.first_us, run.last_us = carried.first_us, carried.last_us
        if carried.trusted:
            run.said.add(carried.low_us, carried.high_us)
        if carried.synchronised:
            run.synchronised.add(carried.low_us, carried.high_us)

    def find_contradiction(
        self, one: DeletedThen, others: Iterable[tuple[LedgerTimes, RecordingState]] = ()
    ) -> str:
        """Why a recording cannot have been so old as its tombstone says; "" if nothing is against
        it. others: other ledgers that know its end, and what they say of it."""
        facts, known = one.facts, one.known
        if known is None or known.ended is None:
            return ""
        exact = self.is_exact(known)
        if exact and known.instant.run == one.at.run:
            most_us = one.at.boot_us - known.instant.boot_us
            if facts.age_us > most_us + SPARED_US:
                return _contradicted(facts, most_us)
        latest_us = self.latest_us(one.at)
        ended = [other.earliest_us(its.instant) for other, its in others if other.is_exact(its)]
        if exact:
            ended.append(self.earliest_us(known.instant))
        elif known.ended.source is ClockSource.SYNCHRONISED:
            ended.append(known.ended.wall_us)
        earliest_us = max((at for at in ended if at is not None), default=None)
        if latest_us is None or earliest_us is None:
            return ""
        # It ended before the ledger heard of it, whatever its own clock says.
        heard_us = self.latest_us(known.instant)
        most_us = latest_us - (earliest_us if heard_us is None else min(earliest_us, heard_us))
        return _contradicted(facts, most_us) if facts.age_us > most_us + SPARED_US else ""

    def is_supported(self, one: DeletedThen) -> bool:
        """Whether any entry about time makes a recording as old as its tombstone says."""
        facts, known = one.facts, one.known
        if facts.age_us <= SPARED_US:
            return True
        if known is None or known.ended is None or known.instant.run not in self._runs:
            return False
        ended = self._runs[known.instant.run]
        here = self._runs[one.at.run]
        uptime_us = here.uptime_at_us(one.at.boot_us)
        most_us = uptime_us - ended.uptime_at_us(known.instant.boot_us)
        latest = [at + one.at.boot_us for at in here.said.seen]
        latest += [at.wall_us + uptime_us - at.uptime_us for at in self._floors]
        for number, run in self._runs.items():
            if number <= one.at.run:
                since_us = uptime_us - run.uptime_at_us(run.last_us)
                latest += [at + run.last_us + since_us for at in run.synchronised.seen]
        earliest = [at + known.instant.boot_us for at in ended.said.seen]
        earliest += [] if known.stated_us is None else [known.stated_us]
        for number, run in self._runs.items():
            if number > known.instant.run:
                earliest += [at + run.first_us for at in run.said.seen]
        if latest and earliest:
            most_us = max(most_us, max(latest) - min(earliest))
        return facts.age_us <= most_us + SPARED_US

    def is_taken_back(self, declared: ClockDeclared) -> bool:
        """Whether synchronised time contradicts what was declared, before or after."""
        for number, run in self._runs.items():
            if not run.synchronised.seen:
                continue
            low_us, high_us = run.synchronised.seen
            if number < declared.run and low_us + run.last_us > declared.wall_us + SPARED_US:
                return True
            if number > declared.run and high_us + run.first_us < declared.wall_us - SPARED_US:
                return True
            within = low_us - SPARED_US <= declared.offset_us <= high_us + SPARED_US
            if number == declared.run and not within:
                return True
        return False

    def is_exact(self, known: RecordingState) -> bool:
        """Whether a recording ended in a boot of this ledger, at the point where it is placed, and
        not some time before that."""
        run = self._runs.get(known.instant.run)
        own = not known.device and known.ended is not None
        return own and run is not None and run.boot_id == known.ended_boot

    def latest_us(self, at: Instant) -> int | None:
        """The latest wall time that a point can have been by synchronised time."""
        found = []
        for number, run in self._runs.items():
            if run.synchronised.seen and number >= at.run:
                since_us = at.boot_us if number == at.run else run.first_us
                found.append(max(run.synchronised.seen) + since_us)
        return min(found, default=None)

    def earliest_us(self, at: Instant) -> int | None:
        """The earliest, likewise."""
        found = []
        for number, run in self._runs.items():
            if run.synchronised.seen and number <= at.run:
                since_us = at.boot_us if number == at.run else run.last_us
                found.append(min(run.synchronised.seen) + since_us)
        return max(found, default=None)


def find_unreceipted(one: DeletedThen) -> str:
    """Why a camera cannot have deleted a recording for having handed it over; "" if it can."""
    facts = one.facts
    if facts.why != OFFLOADED or (one.known is not None and one.known.acknowledged is not None):
        return ""
    return f"{facts.id} was deleted for having been handed over, and no receipt for it is named"


def describe_unsupported(one: DeletedThen) -> str:
    """That nothing supports a tombstone's age, in words for people."""
    facts = one.facts
    return (
        f"{facts.id} was deleted at an age of {_days(facts.age_us)}, and nothing in the ledger "
        "says that so much time had passed"
    )


def judge(times: LedgerTimes) -> Iterator[tuple[DeletedThen, bool, str]]:
    """What a ledger says against its own tombstones: of each, whether that is damage, and what."""
    for at, one in enumerate(times.tombstones):
        if at * times.runs > MOST_WORK:
            yield one, True, "there are more tombstones and boots than any ledger has: not judged"
            return
        wrong = times.find_contradiction(one) or find_unreceipted(one)
        if wrong:
            yield one, True, wrong
        elif not times.is_supported(one):
            yield one, False, describe_unsupported(one)


def _contradicted(facts: Deleted, most_us: int) -> str:
    return (
        f"{facts.id} was deleted at an age of {_days(facts.age_us)}, and cannot have been older "
        f"than {_days(max(0, most_us))}"
    )


def _days(age_us: int) -> str:
    return f"{age_us / DAY:.2f} days"
