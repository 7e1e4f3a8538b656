"""The state that results from a ledger's entries. Pure: a state and an entry give the next
state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import dropwhile
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from camerad.base.clock import DAY, SECOND, SPARED_US, ClockSource, Moment
from camerad.container.statements import Header
from camerad.ledger.entries import NOTHING, Entry, Head, parse_carried
from camerad.ledger.entry_types import (
    Carried,
    ClockDeclared,
    Damaged,
    EpochBegun,
    EpochExpired,
    MuteSwitched,
    ShiftBegun,
    ShiftEnded,
    StageReached,
    StartedEntry,
    UnreadEntry,
)
from camerad.ledger.people_entries import CHANGES_NOTHING
from camerad.ledger.recording_changes import (
    after_entry,
    instant_of,
    newly_named,
    placed_at,
    unreadable_put_aside,
    with_holds,
)
from camerad.ledger.recording_entries import (
    Unreadable,
)
from camerad.ledger.recording_state import ClosedEpoch, RecordingState
from camerad.ledger.timeline import Ages, DeclaredTime, Instant, Timeline

_V = TypeVar("_V")
_LEAST: Final = 16
"""So many new values are kept apart at least."""


class SharedMap(Mapping[str, _V]):
    """Values by name, in the order in which the names came first.

    Most of it is shared with those that it was made from; what is new is kept apart, until it is as
    much as the square root of the rest. So the next of n values costs in the order of that root.
    """

    __slots__ = ("_new", "_old")

    def __init__(self, old: Mapping[str, _V] | None = None) -> None:
        self._old: dict[str, _V] = dict(old or {})
        self._new: dict[str, _V] = {}

    def updated(self, new: Mapping[str, _V]) -> SharedMap[_V]:
        """With these values too, which take the place of those of their names."""
        made = SharedMap[_V]()
        made._old, made._new = self._old, {**self._new, **new}
        if len(made._new) > _LEAST and len(made._new) ** 2 > len(made._old):
            made._old, made._new = {**made._old, **made._new}, {}
        return made

    def __getitem__(self, name: str) -> _V:
        return self._new[name] if name in self._new else self._old[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._old
        yield from (name for name in self._new if name not in self._old)

    def __len__(self) -> int:
        return len(self._old) + sum(name not in self._old for name in self._new)


UNSAID_US: Final = 10 * SECOND
"""A device's ledger names a recording within moments of its beginning. A loss of power may come
before that. But if a recording went on for longer than this and the ledger does not name it,
entries are lost."""


class LedgerState(msgspec.Struct, frozen=True):
    """Everything that follows from a ledger's entries so far.

    head: the last entry. kid: the key that signed it. stage: the last one that was reached, "" if
    none; display: whether the self-view is on in it; muted_us: media time since when its recording
    has no sound because the wearer wants none, None if that is not so. started: sequence number of
    the last start of a daemon, 0 if it is not known. begun: when the epoch began; first, previous:
    its first sequence number, and the SHA-256 of the entry before that. awaited: how many carried
    entries have yet to come. recordings: by id, those that exist, are missing, or were deleted in
    this epoch or the one before. epochs: closed and not expired, oldest first. lost: when entries
    were last found to be lost, None if none were, or it counts no more. shift: the one that
    began last, unless it has ended. declared: what people declared right of the time. unread:
    tokens of entries that this version of camerad cannot read as a whole. There may be holds in
    them, so nothing is deleted as long as there are any.
    """

    head: Head = NOTHING
    kid: str = ""
    stage: str = ""
    display: bool = False
    muted_us: int | None = None
    started: int = 0
    begun: Instant = msgspec.field(default_factory=lambda: Instant(0, 0))
    first: int = 0
    previous: str = ""
    awaited: int = 0
    recordings: SharedMap[RecordingState] = msgspec.field(default_factory=SharedMap)
    epochs: tuple[ClosedEpoch, ...] = ()
    timeline: Timeline = msgspec.field(default_factory=Timeline)
    lost: Instant | None = None
    shift: ShiftBegun | None = None
    declared: tuple[ClockDeclared, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def entries(self) -> int:
        """How many entries the epoch has."""
        return self.head.sequence - self.first + 1

    @property
    def restated(self) -> int:
        """How many entries are in every epoch anew: holds with an end, times that were declared,
        and what cannot be read."""
        ending = sum(len(known.ending_holds) for known in self.recordings.values())
        return ending + len(self.declared) + len(self.unread)

    def with_entry(self, entry: Entry) -> LedgerState:
        """The state with one more entry. Whether the entry fits, `find_misfit` says."""
        state = self._after(entry)
        if entry.unread:
            return replace(state, unread=(*state.unread, entry.token.decode("ascii")))
        return state

    def _after(self, entry: Entry) -> LedgerState:
        """The same, by what this version can read of the entry."""
        facts = entry.facts
        state = replace(self, head=entry.head, kid=entry.kid)
        if isinstance(facts, EpochBegun):
            return LedgerState(
                head=entry.head,
                kid=entry.kid,
                stage=facts.stage,
                started=self.started,
                begun=Instant(facts.run, entry.clock.boot_us),
                first=entry.sequence,
                previous=entry.previous,
                awaited=facts.carried,
                timeline=Timeline(synchronised=facts.synchronised),
                lost=facts.lost,
            )
        if isinstance(facts, Carried) and self.awaited:
            return replace(
                state,
                awaited=self.awaited - 1,
                recordings=self.recordings.updated({one.id: one for one in facts.recordings}),
                epochs=self.epochs + facts.epochs,
                timeline=replace(self.timeline, runs=self.timeline.runs.and_then(facts.runs)),
            )
        state = replace(state, timeline=self.timeline.observe(entry.boot_id, entry.clock))
        if isinstance(facts, EpochExpired):
            expired = facts.number  # and all before it: they expire in their order
            left = dropwhile(lambda epoch: epoch.number <= expired, self.epochs)
            return replace(state, epochs=tuple(left))
        if isinstance(facts, StageReached):
            # A stage that is reached again goes on, with its display switched.
            muted_us = self.muted_us if facts.stage == self.stage else None
            return replace(state, stage=facts.stage, display=facts.display, muted_us=muted_us)
        if isinstance(facts, MuteSwitched):
            return replace(state, muted_us=facts.at_us if facts.on else None)
        if isinstance(facts, StartedEntry):
            return replace(state, started=entry.sequence)
        if isinstance(facts, ShiftBegun | ShiftEnded):
            return replace(state, shift=facts if isinstance(facts, ShiftBegun) else None)
        if isinstance(facts, Damaged):
            return replace(state, lost=instant_of(entry, state.timeline))
        if isinstance(facts, ClockDeclared):
            more = () if facts in self.declared else (facts,)
            return replace(state, declared=(*self.declared, *more))
        if isinstance(facts, UnreadEntry):
            return _with_carried(state, entry, facts.token)
        if isinstance(facts, Unreadable):
            known = unreadable_put_aside(self.recordings, facts.name, entry, state.timeline)
            return replace(state, recordings=self.recordings.updated({known.id: known}))
        if entry.recording is None or isinstance(facts, CHANGES_NOTHING):
            return state
        # Never nothing, so that no hold is lost because the ledger does not know of what.
        known = self.recordings.get(entry.recording) or newly_named(
            entry.recording, entry, state.timeline
        )
        known, timeline = after_entry(known, entry, state.timeline)
        recordings = self.recordings.updated({known.id: known})
        return replace(state, recordings=recordings, timeline=timeline)

    def shift_began_us(self, boot_id: str, now: Moment) -> int | None:
        """When the present shift began, in the boot time of `boot_id`; negative if that was before
        the boot.

        None if there is no shift, or if the time in between is not known: by uptime alone a shift
        of last week would look like one of today.
        """
        shift = self.shift
        if shift is None:
            return None
        if shift.began_boot == boot_id:
            return shift.began.boot_us
        if not (now.trusted and shift.began.trusted) or now.wall_us < shift.began.wall_us:
            return None
        return now.boot_us - (now.wall_us - shift.began.wall_us)

    def declare(self, who: str, boot_id: str, now: Moment) -> tuple[ClockDeclared, ...]:
        """What is to be written if `who` declares that `now` is right. Nothing if a time server set
        it, or it is known; nor if trusted time contradicts it."""
        timeline = self.timeline.observe(boot_id, now)
        said = ClockDeclared(who, timeline.runs.newest.number, now.boot_us, now.wall_us)
        known = any(one.says_the_same(said) for one in self.declared)
        sure = now.source is ClockSource.SYNCHRONISED or timeline.contradicts(said)
        return () if known or sure else (said,)

    def dispute(self, boot_id: str, now: Moment) -> tuple[bool, DeclaredTime | None]:
        """Contradictions to a declaration that `now` is right: whether trusted time contradicts it;
        and a declaration made before in this boot, None if there is none."""
        timeline = self.timeline.observe(boot_id, now)
        said = DeclaredTime("", timeline.runs.newest.number, now.boot_us, now.wall_us)
        return timeline.contradicts(said), timeline.disputed_by(said, self.declared)

    def moved_us(self, boot_id: str, now: Moment) -> int:
        """By how much wall time shows another time than it did in this boot, at the most: later if
        positive. 0 if it does not, give or take `SPARED_US`."""
        seen = self.timeline.seen_in(boot_id)
        if seen is None:
            return 0
        moved_us = max((now.wall_us - now.boot_us - one for one in seen), key=abs)
        return moved_us if abs(moved_us) > SPARED_US else 0

    def ages(self, boot_id: str, now: Moment) -> Ages:
        """Tells ages at `now`, in the boot `boot_id`."""
        return Ages(self.timeline, boot_id, now, self.declared)

    def ages_at_head(self) -> Ages:
        """Tells ages at the last entry: by what the ledger says, and no present."""
        last = self.timeline.runs.last
        boot_id, boot_us = ("", 0) if last is None else (last.boot_id, last.last_us)
        return self.ages(boot_id, Moment(boot_us, 0, ClockSource.UNKNOWN))

    def counted_us(self, known: RecordingState, ages: Ages) -> int | None:
        """The age of a recording that counts towards its retention, microseconds; None while it has
        not ended.

        Where entries were lost, holds may be lost too. So everything that ended before counts anew
        from the moment when that was noticed, and there is time to place the holds again.
        """
        age = known.age_us(ages)
        if age is None or self.lost is None:
            return age
        return min(age, max(0, ages.minimum_us(self.lost)))

    def is_due(self, known: RecordingState, ages: Ages) -> bool:
        """Whether a recording has reached its retention, and is not held."""
        if self.unread:
            return False
        counted = self.counted_us(known, ages)
        return counted is not None and not known.held and counted >= known.retention_days * DAY

    def is_given_up(self, known: RecordingState, ages: Ages) -> bool:
        """Whether a recording's file has vanished, and it would have been deleted by now: the next
        epoch knows nothing of it."""
        return known.missing and self.is_due(known, ages)

    def may_run(self, header: Header, boot_id: str) -> bool:
        """Whether, by a device's ledger, the recording is being made in the boot `boot_id`.

        It was begun in this boot and has not ended; or it began with the last entry or later, and
        the ledger may not name it yet.
        """
        if header.boot_id != boot_id:
            return False
        known = self.recordings.get(header.id)
        if known is not None:
            return known.here and known.ended is None
        runs = self.timeline.runs
        if not runs or runs.newest.boot_id != boot_id:
            return False
        return header.clock.boot_us > runs.newest.last_us - UNSAID_US

    def resumed_at(self, entry: Entry) -> LedgerState:
        """The state in the epoch of `entry`, if what that epoch began with cannot be read."""
        timeline = self.timeline.observe(entry.boot_id, entry.clock)
        here = Instant(timeline.runs.newest.number, entry.clock.boot_us)
        return replace(
            self,
            head=Head(entry.epoch, entry.sequence - 1, entry.previous),
            kid=entry.kid,
            begun=here,
            first=entry.sequence,
            previous=entry.previous,
            awaited=0,
            epochs=self.epochs_closed_at(here),
            timeline=timeline,
        )

    def incomplete_at(self, entry: Entry) -> LedgerState:
        """The state at `entry`, if a part of what the epoch began with is lost, and the epoch
        before is not known either.

        What has lost its place in time counts from here on. So does everything else, since holds
        may be lost too.
        """
        known_runs = {run.number for run in self.timeline.runs}
        timeline = self.timeline.observe(entry.boot_id, entry.clock)
        here = Instant(timeline.runs.newest.number, entry.clock.boot_us)
        return replace(
            self,
            awaited=0,
            begun=here,
            recordings=SharedMap(
                {
                    known.id: known if known.instant.run in known_runs else placed_at(known, here)
                    for known in self.recordings.values()
                }
            ),
            epochs=tuple(
                closed if closed.ended.run in known_runs else replace(closed, ended=here)
                for closed in self.epochs
            ),
            timeline=timeline,
            lost=here,
        )

    def epochs_closed_at(self, ended: Instant) -> tuple[ClosedEpoch, ...]:
        """The closed epochs, and the present one as closed at `ended` if it has entries."""
        if self.first == 0:
            return self.epochs
        head = self.head
        closed = ClosedEpoch(
            head.epoch, self.first, head.sequence, self.previous, head.sha256, ended
        )
        return (*self.epochs, closed)


def describe_harm(known: RecordingState, state: LedgerState) -> str | None:
    """What happened to a recording that should not have, by its device's ledger, in words for
    people; None if nothing did.

    A recording without an end is being made, unless the daemon has started since. Then repair has
    closed it, or cannot.
    """
    if known.deleted is not None:
        return None
    if known.missing:
        return "its file is gone, and the device's ledger has no deletion of it"
    if known.changed is not None:
        return "its file does not end as the device's ledger says"
    if known.ended is None and known.known_since < state.started:
        return "it was begun and never closed, though the daemon has started since"
    return None


def _with_carried(state: LedgerState, entry: Entry, token: str) -> LedgerState:
    """The state after an entry that carries another one, `token`, from an epoch before.

    If this version can read that one, what it says of a recording counts as if it were said now.
    More may have been said of the recording in between. So it ends no hold, and deletes nothing
    that is held.
    """
    late = parse_carried(token)
    if late is None:
        return replace(state, unread=(*state.unread, token))
    facts = late.facts
    if isinstance(facts, Carried):
        more: dict[str, RecordingState] = {}
        for one in facts.recordings:
            known = more.get(one.id) or state.recordings.get(one.id, one)
            more[one.id] = with_holds(known, one.holds)
        return replace(state, recordings=state.recordings.updated(more))
    if late.recording is None or isinstance(facts, CHANGES_NOTHING):
        return state  # of what was so then, and may be so no more
    if getattr(facts, "ended_boot", None) == "":
        facts = replace(facts, ended_boot=late.boot_id)  # type: ignore[type-var]
    before = state.recordings.get(late.recording)
    state = state.with_entry(replace(entry, facts=facts))
    known = state.recordings[late.recording]
    if before is not None and before.held:
        holds = with_holds(before, known.holds).holds
        known = replace(known, holds=holds, deleted=before.deleted)
    return replace(state, recordings=state.recordings.updated({known.id: known}))
