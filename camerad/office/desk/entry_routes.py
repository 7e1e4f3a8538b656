"""Requests about what was done: the office's ledger, and what was and will be deleted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from msgspec.structs import replace

from camerad.base.clock import DAY, SECOND
from camerad.office.desk import people
from camerad.office.desk.desk_parts import DeskParts
from camerad.office.desk.roles import WITH_FOOTAGE, DeskRole
from camerad.office.desk.route_table import Route, Visit
from camerad.office.index.entry_query import EntryQuery
from camerad.office.index.recording_query import IndexedRecording, RecordingQuery
from camerad.office.state.index_tables import HERE

SEES_LEDGER: Final = frozenset((DeskRole.DATA_PROTECTION, DeskRole.SUPERVISOR))
SEES_DELETIONS: Final = WITH_FOOTAGE | {DeskRole.DATA_PROTECTION}
PAGE: Final = 100
MOST: Final = 1000
"""Deletions that are shown, done and coming; and what one look at the held ones takes."""
LATE_US: Final = DAY // 24
"""What is due for longer than that is late (O4)."""
_Wall = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
_Word = Annotated[str, msgspec.Meta(max_length=200, pattern=r"\A[^\x00]*\Z")]


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question in an address: the fields of `EntryQuery`. who: as people say it."""

    from_us: _Wall | None = None
    to_us: _Wall | None = None
    who: _Word | None = None
    kind: _Word | None = None
    recording: _Word | None = None
    said: _Word | None = None
    camera: _Word | None = None
    wearer: _Word | None = None
    before: Annotated[int, msgspec.Meta(ge=0, le=1 << 62)] | None = None


class Entries(msgspec.Struct, frozen=True):
    """A page of entries, the newest first. next: sequence number to ask for the next one before."""

    rows: list[dict[str, Any]]
    next: int | None


class Deletions(msgspec.Struct, frozen=True):
    """done: deleted since yesterday's begin, newest first. coming: due within a day, soonest first.
    late: due for more than an hour. held: all that would be due and are held, newest first, each
    with its holds. now_us: the server's time."""

    done: list[dict[str, Any]]
    coming: list[dict[str, Any]]
    late: list[dict[str, Any]]
    held: list[dict[str, Any]]
    now_us: int


class EntryRoutes:
    """What was done, what was deleted, and what will be."""

    def __init__(self, desk: DeskParts) -> None:
        self._desk = desk
        self._index = desk.index

    def routes(self) -> Iterator[Route]:
        """All of them."""
        yield Route("GET", "/api/entries", SEES_LEDGER, self._entries, _Asked)
        yield Route("GET", "/api/deletions", SEES_DELETIONS, self._deletions)

    def _entries(self, visit: Visit) -> Entries:
        said: _Asked = visit.body
        who = None
        if said.who is not None:
            with self._desk.state.reading() as rows:
                who = people.meant(rows, said.who)
        query = EntryQuery(**msgspec.structs.asdict(said) | {"who": who}, limit=PAGE + 1)
        found = self._index.entries(query)
        if len(found) <= PAGE:
            return Entries(found, None)
        return Entries(found[:PAGE], found[PAGE - 1]["sequence"])

    def _deletions(self, _visit: Visit) -> Deletions:
        now = self._desk.clock.wall_us()
        done = self._index.deletions_since(_yesterday(now), MOST)
        due = self._index.find(
            RecordingQuery(due_before_us=now + DAY, state=HERE, held=False, limit=MOST)
        )
        rows = [_due(one.columns) for one in due.recordings]
        late = [one for one in rows if one["due_us"] < now - LATE_US]
        coming = [one for one in rows if one["due_us"] >= now - LATE_US]
        held = (_held(one) for one in self._all_held())
        past = [one for one in held if one["due_us"] is not None and one["due_us"] < now]
        return Deletions(done, coming, late, past, now)

    def _all_held(self) -> Iterator[IndexedRecording]:
        query = RecordingQuery(state=HERE, held=True, limit=MOST)
        while True:
            page = self._index.find(query)
            yield from page.recordings
            if page.next is None:
                return
            query = replace(query, after=page.next)


def _yesterday(now_us: int) -> int:
    """When yesterday began here."""
    # Without a zone, so that it has the offset that it had then.
    today = datetime.fromtimestamp(now_us / SECOND).replace(hour=0, minute=0, second=0)
    return int((today - timedelta(days=1)).timestamp()) * SECOND


def _due(columns: Any) -> dict[str, Any]:
    names = ("id", "camera", "began_us", "clock", "due_us", "flagged")
    return {name: columns[name] for name in names}


def _held(one: IndexedRecording) -> dict[str, Any]:
    """When it would be due: none is while it is held."""
    ended, days = one.columns["ended_us"], one.columns["retention_days"]
    due = None if ended is None or days is None else ended + days * DAY
    holds = [hold.as_json() for hold in one.holds]
    return _due(one.columns) | {"due_us": due, "holds": holds}
