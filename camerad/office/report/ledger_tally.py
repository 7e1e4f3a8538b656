"""Daily sums of one epoch of the office's ledger, signed by the office, for reports.

What a recording says of itself goes with it, and a ledger's entries before a report is compared
with the next one. So each epoch is added up once it is closed: numbers, and nothing that is about
one recording, one camera or one person. A tally names the epoch's entries by their SHA-256, so what
has not expired yet can be compared.

An *indicator* counts entries of some kinds, apart by one of their fields: a word of a program, and
never a text that people write.

The server is blind: it knows that it gave a recording to a person, and neither how much of it was
watched, nor how often. So a report says how many hours were *given*, each recording once, on the
day on which it was given first; and of the deleted recordings the share that was never given. What
the command opens where the key is, the office's ledger does not know. Whether a recording was given
is known if the ledger's entries go back to its first one.

Recordings count on the day on which the office's ledger received them. What a recording says of
itself (length, gaps, pre-event time, why it ended) is read from its own signed statements then; if
its file is gone by that time, it is `unread`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Final

import msgspec

from camerad.base.clock import DAY, SECOND, Moment
from camerad.container.statements import RecordingInfo
from camerad.ledger.entries import Entry, Head
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.people_entries import DownloadedEntry, ViewedEntry
from camerad.ledger.recording_entries import Deleted, HoldPlacedUntil, HoldReleased, Received
from camerad.ledger.recording_state import RecordingState
from camerad.office.report.estimates import DELAYS, LENGTHS, count_in
from camerad.office.report.report_days import DayOf
from camerad.store import holds
from camerad.store.check_in import Count

HOLDS: Final = "holds_placed"
GROUNDS: Final = "holds_by_ground"
RELEASES: Final = "holds_released"
VIEWINGS: Final = "viewings"
DOWNLOADS: Final = "downloads"
HAND_OVERS: Final = "hand_overs"
WITHDRAWALS: Final = "cameras_withdrawn"


class LedgerIndicator(msgspec.Struct, frozen=True):
    """name: in the report. kinds: of entries that it counts. part: field that says which part of it
    an entry is, or `KIND`; "" for none. only: the one part that it counts; "" for all."""

    name: str
    kinds: tuple[str, ...]
    part: str = ""
    only: str = ""


KIND: Final = "kind"
"""As a part: the kind of the entry."""
INDICATORS: Final = (
    LedgerIndicator(HOLDS, ("hold", "hold_until"), KIND),
    LedgerIndicator(GROUNDS, ("hold_ground",), "ground"),
    LedgerIndicator(RELEASES, ("release",)),
    LedgerIndicator(VIEWINGS, ("viewed",), "role"),
    LedgerIndicator(DOWNLOADS, ("downloaded",), "role"),
    LedgerIndicator(HAND_OVERS, ("case",), "what", only="handed_over"),
    LedgerIndicator(WITHDRAWALS, ("camera",), "what", only="withdrawn"),
)


def name_of(entry: Entry) -> str | None:
    """The indicator that counts an entry, and after a colon which part of it; None if none does."""
    for one in INDICATORS:
        if entry.kind in one.kinds:
            part = entry.kind if one.part == KIND else getattr(entry.facts, one.part, "")
            if one.only:
                return one.name if part == one.only else None
            return f"{one.name}:{part}" if part else one.name
    return None


GIVEN: Final = "given_first"
"""Recordings that were given for the first time, and whose length is known."""
GIVEN_SECONDS: Final = "given_seconds"
"""Their lengths together."""
RECORDED: Final = "recorded"
"""Recordings that the office received, and whose length is known."""
RECORDED_SECONDS: Final = "recorded_seconds"
"""Their lengths together."""
ENDED_GIVEN: Final = "ended_given"
"""Recordings that were deleted, and were given to a person before."""
ENDED_UNSEEN: Final = "ended_unseen"
"""Recordings that were deleted, and were never given to a person."""


class GivenRecordings(msgspec.Struct):
    """What entries say, epoch by epoch. first: sequence number of the first one; 0 before any was
    read. ids: of the recordings that were given to a person."""

    first: int = 0
    ids: set[str] = msgspec.field(default_factory=set)

    def read(self, entries: Iterable[Entry]) -> None:
        """Go on with the entries of an epoch."""
        for entry in entries:
            self.first = self.first or entry.sequence
            if isinstance(entry.facts, ViewedEntry | DownloadedEntry):
                self.ids.add(entry.facts.id)

    def miss(self) -> None:
        """What an epoch said cannot be read: nothing is known of what was before."""
        self.first = 0

    def know_all_of(self, known: RecordingState) -> bool:
        """Whether the entries go back to the recording's first one."""
        return 0 < self.first <= known.known_since


TALLY: Final = "camerad-tally"
ON_TIME_US: Final = 3600 * SECOND
"""A deletion is on time within an hour of the legal end (O4)."""
LATE_DELAY_US: Final = DAY
"""What takes longer to come to the office is reported as late."""


class TalliedDay(msgspec.Struct, frozen=True):
    """A day's numbers. day: ``2026-11-24``. head: the ledger's last entry of the day that is in
    this epoch.

    received: recordings ingested. delays: of these, by `estimates.DELAYS`, how long after their
    ends; over_day: more than a day; undated: both clocks were not confirmed. lengths: by
    `estimates.LENGTHS`. reasons: why they ended. gapped: with a gap. gaps: how many. pre_event_us:
    of all. unread: whose files were gone. on_time, late: deletions on their day, and later.
    offloaded: deletions to make room. largest_delay_us: of a late deletion, beyond its day. events:
    entries by the names of `INDICATORS`, and how many recordings were given.
    """

    day: str
    head: Head
    received: int
    delays: tuple[int, ...]
    over_day: int
    undated: int
    lengths: tuple[int, ...]
    reasons: tuple[Count, ...]
    gapped: int
    gaps: int
    pre_event_us: int
    unread: int
    on_time: int
    late: int
    largest_delay_us: int
    events: tuple[Count, ...]


class LedgerTally(msgspec.Struct, frozen=True):
    """A closed epoch's numbers, as the office signs them.

    kid: the key that signs. directory: id of the office's directory. epoch: its number. first:
    sequence number of its first entry; previous: SHA-256 of the entry before that. head: its last
    entry. unknown: entries that this version cannot read. overdue: recordings that at the epoch's
    end are beyond their day, not held, and here; oldest_us: the oldest of them, beyond its day.
    wearers: how many different people the copies of cameras' ledgers name in the week until the
    last of the days, as far as it is in the same month; who they are is nowhere in a tally.
    """

    kid: str
    directory: str
    epoch: int
    first: int
    previous: str
    head: Head
    days: tuple[TalliedDay, ...]
    unknown: int
    overdue: int
    oldest_us: int
    wearers: int


class _Day(msgspec.Struct):
    """A day that is being added up."""

    head: Head
    delays_us: list[int] = msgspec.field(default_factory=list)
    read: list[RecordingInfo] = msgspec.field(default_factory=list)
    numbers: Counter[str] = msgspec.field(default_factory=Counter)
    largest_us: int = 0
    events: Counter[str] = msgspec.field(default_factory=Counter)


FindInfo = Callable[[str], RecordingInfo | None]
"""What a recording's file says of itself; None if it is not there, or cannot be read."""


class HoldEnds:
    """When recordings were held no longer, as entries say it that are read in their order. One that
    the office released by itself was held until its last hold ended, however late that was entered.
    end_us: of each that was released, by wall time."""

    def __init__(self, end_us: Mapping[str, int]) -> None:
        self.end_us: Final = dict(end_us)
        self._until_us: dict[str, int] = {}

    def read(self, entry: Entry) -> None:
        """Go on with an entry."""
        match entry.facts:
            case HoldPlacedUntil(id=recording, until_us=until_us):
                self._until_us[recording] = max(until_us, self._until_us.get(recording, until_us))
            case HoldReleased(id=recording, who=who):
                entered_us = entry.clock.wall_us
                until_us = self._until_us.pop(recording, entered_us)
                by_itself = who.startswith(holds.ENDED)
                self.end_us[recording] = until_us if by_itself else entered_us


class EntriesBefore(msgspec.Struct, frozen=True):
    """What the epochs before say. released_us: when recordings were held no longer (`HoldEnds`).
    given: which were given to a person; it goes on with the epoch that is added up."""

    released_us: Mapping[str, int] = msgspec.field(default_factory=dict)
    given: GivenRecordings = msgspec.field(default_factory=GivenRecordings)


def tally_days(
    entries: Iterable[Entry],
    recordings: Mapping[str, RecordingState],
    before: EntriesBefore,
    find_info: FindInfo,
    day_of: DayOf,
) -> tuple[TalliedDay, ...]:
    """Add up an epoch's entries. recordings: at its end."""
    days: dict[date, _Day] = {}
    ends, given = HoldEnds(before.released_us), before.given
    begun: Moment | None = None
    for entry in entries:
        begun = begun or entry.clock
        day = days.setdefault(day_of(entry.clock.wall_us), _Day(entry.head))
        day.head = entry.head
        name = name_of(entry)
        # What an epoch says again of holds is written in the moment in which it begins.
        if name is not None and not (
            isinstance(entry.facts, HoldPlacedUntil) and entry.clock == begun
        ):
            day.events[name] += 1
        match entry.facts:
            case Received():
                _add_received(day, entry, entry.facts, find_info)
            case Deleted():
                _add_deleted(day, entry, entry.facts, recordings, ends.end_us)
                _add_ended(day, recordings.get(entry.facts.id), given)
            case ViewedEntry() | DownloadedEntry() if entry.facts.id not in given.ids:
                _add_given(day, entry.facts.id, find_info)
            case _:
                pass
        ends.read(entry)
        given.read([entry])
    return tuple(_summed(one, days[one]) for one in sorted(days))


def _add_received(day: _Day, entry: Entry, facts: Received, find_info: FindInfo) -> None:
    day.numbers["received"] += 1
    if facts.ended.trusted and entry.clock.trusted:
        day.delays_us.append(max(0, entry.clock.wall_us - facts.ended.wall_us))
    else:
        day.numbers["undated"] += 1
    info = find_info(facts.id)
    if info is None:
        day.numbers["unread"] += 1
    else:
        day.read.append(info)
        day.events[RECORDED] += 1
        day.events[RECORDED_SECONDS] += round(info.seconds)


def _add_given(day: _Day, recording: str, find_info: FindInfo) -> None:
    info = find_info(recording)
    if info is None:
        day.numbers["unread"] += 1
    else:
        day.events[GIVEN] += 1
        day.events[GIVEN_SECONDS] += round(info.seconds)


def _add_ended(day: _Day, known: RecordingState | None, given: GivenRecordings) -> None:
    if known is not None and given.know_all_of(known):
        day.events[ENDED_GIVEN if known.id in given.ids else ENDED_UNSEEN] += 1


def _add_deleted(
    day: _Day,
    entry: Entry,
    facts: Deleted,
    recordings: Mapping[str, RecordingState],
    released_us: Mapping[str, int],
) -> None:
    known = recordings.get(facts.id)
    beyond_us = 0 if known is None else facts.age_us - known.retention_days * DAY
    if facts.id in released_us:
        beyond_us = min(beyond_us, max(0, entry.clock.wall_us - released_us[facts.id]))
    late = beyond_us > ON_TIME_US
    day.numbers["late" if late else "on_time"] += 1
    if late:
        day.largest_us = max(day.largest_us, beyond_us)


def _summed(day: date, one: _Day) -> TalliedDay:
    reasons = Counter(info.reason or "none" for info in one.read)
    return TalliedDay(
        day=day.isoformat(),
        head=one.head,
        received=one.numbers["received"],
        delays=count_in(DELAYS, [delay / SECOND for delay in one.delays_us]),
        over_day=sum(delay > LATE_DELAY_US for delay in one.delays_us),
        undated=one.numbers["undated"],
        lengths=count_in(LENGTHS, [info.seconds for info in one.read]),
        reasons=tuple(Count(name, number) for name, number in sorted(reasons.items())),
        gapped=sum(bool(info.gaps) for info in one.read),
        gaps=sum(len(info.gaps) for info in one.read),
        pre_event_us=sum(round(info.pre_event_seconds * SECOND) for info in one.read),
        unread=one.numbers["unread"],
        on_time=one.numbers["on_time"],
        late=one.numbers["late"],
        largest_delay_us=one.largest_us,
        events=tuple(Count(name, number) for name, number in sorted(one.events.items())),
    )


def find_overdue(state: LedgerState) -> tuple[int, int]:
    """How many recordings are beyond their day at the end of a ledger, and how long the oldest is,
    microseconds. What is held, or not here, is not among them."""
    ages = state.ages_at_head()
    beyond = [
        age_us - known.retention_days * DAY
        for known in state.recordings.values()
        if known.here and not known.held
        if (age_us := known.age_us(ages)) is not None
    ]
    overdue = [one for one in beyond if one > ON_TIME_US]
    return len(overdue), max(overdue, default=0)
