"""Queries about recordings, and the rows that answer them.

Answers come a page at a time, the newest first; what is asked for by its day of deletion comes the
soonest first. A page ends with a *mark*: the next one is asked for with it, and finds its beginning
through an index of the database however far behind it is.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec.structs import asdict, replace
from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    func,
    or_,
    select,
    tuple_,
    union,
)
from sqlalchemy.sql import operators
from sqlalchemy.sql.expression import UnaryExpression

from camerad.base import typed_json
from camerad.base.clock import DAY, SECOND
from camerad.base.errors import EX_USAGE, CameradError
from camerad.container.statements import RECOVERED, rfc3339
from camerad.office.index.camera_names import names_for, names_meant
from camerad.office.index.case_rows import searched
from camerad.office.index.spoken_ids import AFTER_HEX, LEAST, IdPart, ids_meant
from camerad.office.state.index_tables import (
    HERE,
    MISSING,
    QUARANTINE,
    cameras,
    case_recordings,
    cases,
    entries,
    holds,
    recordings,
)

MOST: Final = 1000
"""Rows of one page."""
MOST_COUNTED: Final = 10_000
"""Recordings that are counted at the most."""
LOOKED_UP: Final = 400
"""Cameras at the most that a part of a name may mean."""
_INNER: Final = ("part", "number", "tail")
"""Columns that serve for looking up alone."""
LATEST_US: Final = 253_402_300_799_000_000
"""The last second of the year 9999, wall time."""


class QueryError(CameradError, ValueError):
    """Error raised when a question cannot be asked like this."""

    exit_code = EX_USAGE


class RecordingQuery(msgspec.Struct, frozen=True):
    """What is asked for; None leaves it open.

    from_us, to_us: wall time that the recording has to do with, microseconds, `to_us` excluded.
    camera: the name that its file says, or the thumbprint of a key. camera_said: the same as people
    say it (`camera_names.names_meant`). said: a part of a number or reason that the office has
    written down about it: of a case that it belongs to, a hold, or any entry of the ledger. ids: of
    recordings. id_said: a part of one, as people say
    it (`spoken_ids.ids_meant`). id_part: the same, as it is looked up. wearer: their id.
    wearer_said: the same as people say it. flagged: it has a mark. state: one of
    `camerad.office.state.index_tables.STATES`. held: it must not be deleted. handed_over: it left
    the office with a case. not_authentic: so said the tab that checked it last. has_gaps: pictures
    or sound are missing in it. recovered: repair closed it. due_from_us, due_before_us: it is due
    from then on, and before then. limit: rows of a page, at most `MOST`. after: the mark of the
    page before.
    """

    from_us: int | None = None
    to_us: int | None = None
    camera: str | None = None
    camera_said: str | None = None
    said: str | None = None
    ids: tuple[str, ...] | None = None
    id_said: str | None = None
    id_part: IdPart | None = None
    wearer: str | None = None
    wearer_said: str | None = None
    flagged: bool | None = None
    state: str | None = None
    held: bool | None = None
    handed_over: bool | None = None
    not_authentic: bool | None = None
    has_gaps: bool | None = None
    recovered: bool | None = None
    due_from_us: int | None = None
    due_before_us: int | None = None
    limit: int = 100
    after: str | None = None


class IndexedHold(msgspec.Struct, frozen=True):
    """Why a recording is held, and who said so. on_camera: only the camera's ledger has it yet.
    until_us: when it ends by itself; None without an end."""

    reason: str
    who: str
    on_camera: bool
    until_us: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The same as an object for JSON, with its end as RFC 3339 besides."""
        return asdict(self) | {"until": spell_time(self.until_us)}


class IndexedRecording(msgspec.Struct, frozen=True):
    """A row, with the columns of the table `recordings` in `columns`, and its holds."""

    columns: Mapping[str, Any]
    holds: tuple[IndexedHold, ...]

    @property
    def id(self) -> str:
        """Of the recording."""
        return str(self.columns["id"])

    @property
    def legal_end_us(self) -> int | None:
        """Wall time from which on it is to be deleted, unless it is held; None if unknown."""
        ended, days = self.columns["ended_us"], self.columns["retention_days"]
        return None if ended is None or days is None else int(ended + days * DAY)

    def as_json(self) -> dict[str, Any]:
        """The same as an object for JSON: each time in microseconds, and as RFC 3339 besides."""
        said = {name: value for name, value in self.columns.items() if name not in _INNER}
        for name in ("began", "ended", "due", "deleted", "handed"):
            said[name] = spell_time(self.columns[f"{name}_us"])
        return said | {"holds": [one.as_json() for one in self.holds]}


class RecordingPage(msgspec.Struct, frozen=True):
    """A page of recordings. next: the mark to ask for the next one with, None if it is the last."""

    recordings: tuple[IndexedRecording, ...]
    next: str | None


def find(connection: Connection, query: RecordingQuery) -> RecordingPage:
    """The recordings that are asked for. Raises QueryError."""
    limit = max(1, min(query.limit, MOST))
    found = _rows(connection, query, limit + 1)
    rows = found[:limit]
    held = _holds(connection, [row["id"] for row in rows if row["held"]])
    answers = tuple(IndexedRecording(row, held.get(row["id"], ())) for row in rows)
    if len(found) <= limit:
        return RecordingPage(answers, None)
    last = rows[-1]
    return RecordingPage(answers, spell_mark(last[_order(query)], last["id"], last["place"]))


def _rows(connection: Connection, query: RecordingQuery, limit: int) -> list[dict[str, Any]]:
    """The first rows that answer. Those of several cameras, wearers or ids are looked up one by
    one, so that rows of others are never read."""

    def look(one: RecordingQuery) -> list[dict[str, Any]]:
        found = connection.execute(statement(connection, one).limit(limit)).mappings()
        return [dict(row) for row in found]

    asked = _meant(connection, query)
    if asked == [query]:
        return look(query)
    both = {(row["id"], row["place"]): row for one in asked for row in look(one)}
    found = list(both.values())
    order = _order(query)
    found.sort(key=lambda row: (row[order], row["id"], row["place"]), reverse=order == "at_us")
    return found[:limit]


def _meant(connection: Connection, query: RecordingQuery) -> list[RecordingQuery]:
    """The query for each id, camera and wearer that a person may mean. Raises QueryError if these
    may be too many, or no id is like that."""
    asked = [query]
    if query.id_said is not None:
        parts = ids_meant(query.id_said)
        if not parts:
            raise QueryError(f"of an id, its number is needed or its last {LEAST} to 8 letters")
        asked = [replace(query, id_part=one, id_said=None) for one in parts]
    if query.camera_said is not None:
        meant = cameras_meant(connection, query.camera_said)
        asked = [replace(one, camera=name, camera_said=None) for one in asked for name in meant]
    if query.wearer_said is not None:
        wearers = wearers_meant(connection, query.wearer_said)
        asked = [replace(one, wearer=who, wearer_said=None) for one in asked for who in wearers]
    if len(asked) > LOOKED_UP:
        raise QueryError(f"{len(asked)} cameras and wearers may be meant: say more of the name")
    return asked


def cameras_meant(connection: Connection, said: str) -> list[str]:
    """The names that a person may mean by this text about a camera; a key's thumbprint means that
    alone. Raises QueryError if it may be too many."""
    known = select(cameras.c.thumbprint).where(cameras.c.thumbprint == said)
    if connection.execute(known).first() is not None:
        return [said]
    meant = names_meant(names_for(connection, said), said)
    if len(meant) > LOOKED_UP:
        raise QueryError(f"{len(meant)} cameras have that in their names: ask for fewer")
    return meant


def wearers_meant(connection: Connection, said: str) -> list[str]:
    """The wearers' ids that a person may mean by this text."""
    return names_meant(names_for(connection, said, recordings.c.wearer), said, ())


def count(connection: Connection, query: RecordingQuery) -> int | None:
    """How many recordings answer, on all pages; None if more than `MOST_COUNTED`. Raises
    QueryError."""
    asked = [statement(connection, one) for one in _meant(connection, replace(query, after=None))]
    ids = [one.with_only_columns(recordings.c.id).order_by(None) for one in asked]
    if not ids:
        return 0
    found = union(*ids).limit(MOST_COUNTED + 1).subquery()
    total = connection.execute(select(func.count()).select_from(found)).scalar() or 0
    return total if total <= MOST_COUNTED else None


def about(connection: Connection, recording: str) -> list[IndexedRecording]:
    """The rows of one recording: one for each file that is it, or one for what the ledger says. A
    copy comes behind what it is of, and what was quarantined behind all."""
    table = recordings.c
    asked = select(recordings).where(table.id == recording)
    asked = asked.order_by(table.part == QUARANTINE, table.copy, table.place)
    rows = connection.execute(asked).mappings().all()
    held = _holds(connection, [recording] if rows else [])
    return [IndexedRecording(dict(row), held.get(recording, ())) for row in rows]


def vanished(connection: Connection, from_us: int, to_us: int) -> list[IndexedRecording]:
    """Recordings of this time, by their ids, whose file vanished and is in no row any more, since
    their day is over: only an entry of the ledger names them. They have their id alone."""
    first, last = (
        datetime.fromtimestamp(one // SECOND, UTC).strftime("%Y%m%dT%H%M%SZ")
        for one in (from_us, to_us)
    )
    named = entries.c.recording
    asked = select(named).where(named >= first, named < last, entries.c.kind == "missing")
    asked = asked.where(named.not_in(select(recordings.c.id))).distinct()
    nothing = dict.fromkeys(recordings.c.keys()) | {"state": MISSING}
    found = connection.execute(asked).scalars()
    return [IndexedRecording(nothing | {"id": one}, ()) for one in found]


def statement(connection: Connection, query: RecordingQuery) -> Select[Any]:
    """The question as SQL, without its limit. Raises QueryError."""
    table = recordings.c
    asked = select(recordings)
    if query.ids is not None:
        asked = asked.where(table.id.in_(query.ids))
    few = _few(query)
    asked = asked.where(*few)
    due = query.due_before_us is not None
    told = connection.dialect.name == "sqlite"  # PostgreSQL knows how many rows there are
    leads = due or bool(few) or not told
    at_us = _unindexed(table.at_us) if told and (due or few) else table.at_us
    due_us = _unindexed(table.due_us) if told and few else table.due_us
    if query.to_us is not None:
        asked = asked.where(at_us < query.to_us)
    if query.from_us is not None:
        # One that began before may go on into the time: none is longer than the longest.
        longest = connection.execute(select(func.max(table.length_us))).scalar() or 0
        ends = func.coalesce(table.ended_us, table.at_us)
        asked = asked.where(at_us >= query.from_us - longest, ends >= query.from_us)
    named = table.camera
    if query.camera is not None:
        known = select(cameras.c.thumbprint).where(cameras.c.thumbprint == query.camera)
        is_key = connection.execute(known).first() is not None
        named = table.key if is_key else table.camera
    rare = None if query.state == HERE else query.state
    for column, wanted, rarely in (
        (table.wearer, query.wearer, True),
        (named, query.camera, True),
        (table.handed_over, query.handed_over, query.handed_over),
        (table.course, RECOVERED if query.recovered else None, True),
        (table.held, query.held, query.held),
        (table.has_gaps, query.has_gaps, query.has_gaps),
        (table.flagged, query.flagged, query.flagged),
        (table.state, query.state, rare is not None),
    ):
        if wanted is not None:
            by_index = not told or (bool(rarely) and not leads)
            # A separate index finds what is due of one camera.
            by_index = by_index or (due and not few and column is table.camera)
            leads = leads or by_index
            asked = asked.where((column if by_index else _unindexed(column)) == wanted)
    if query.recovered is False:
        asked = asked.where(table.course != RECOVERED)
    if query.not_authentic is False:
        asked = asked.where(table.not_authentic_by.is_(None))
    after = None if query.after is None else read_mark(query.after)
    if query.due_from_us is not None:
        asked = asked.where(due_us >= query.due_from_us)
    if query.due_before_us is not None:
        asked = asked.where(due_us < query.due_before_us)
        key = tuple_(due_us, table.id, table.place)
        if after is not None:
            asked = asked.where(key > tuple_(*after))
        return asked.order_by(due_us, table.id, table.place)
    at = _unindexed(table.at_us) if told and few else table.at_us
    if after is not None:
        asked = asked.where(tuple_(at, table.id, table.place) < tuple_(*after))
    return asked.order_by(at.desc(), table.id.desc(), table.place.desc())


def _few(query: RecordingQuery) -> list[ColumnElement[bool]]:
    """Conditions that few rows meet, each with an index that finds them. What is asked for besides
    is looked at in these rows, which are sorted then."""
    table, part = recordings.c, query.id_part
    found: list[ColumnElement[bool]] = []
    if part is not None and part.tail is not None:
        found += [table.tail >= part.tail, table.tail < part.tail + AFTER_HEX]
    if part is not None and part.number is not None:
        found.append((_unindexed(table.number) if found else table.number) == part.number)
    if query.not_authentic:
        found.append(table.not_authentic_by.is_not(None))
    if query.said is not None:
        found.append(table.id.in_(_written_about(query.said)))
    return found


def _written_about(said: str) -> CompoundSelect[Any]:
    """Ids of the recordings about which this was written."""

    def has(column: ColumnElement[Any]) -> ColumnElement[bool]:
        return func.lower(column).contains(said.strip().lower(), autoescape=True)

    in_case = select(case_recordings.c.recording).join(
        cases, cases.c.name == case_recordings.c.name
    )
    noted = entries.c
    return union(
        in_case.where(cases.c.searched.contains(searched(said.strip()), autoescape=True)),
        select(holds.c.recording).where(has(holds.c.reason)),
        select(noted.recording).where(
            noted.recording.is_not(None), or_(has(noted.reason), has(noted.case_number))
        ),
    )


def _unindexed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column by which SQLite looks nothing up. It does not know how many rows have which value,
    and would read nearly all for a query of what is here, and of one camera."""
    return UnaryExpression(column, operator=operators.custom_op("+"), type_=column.type)


def count_states(connection: Connection) -> dict[str, int]:
    """How many recordings there are, by their state."""
    table = recordings.c
    found = connection.execute(select(table.state, func.count()).group_by(table.state))
    return {row[0]: row[1] for row in sorted(map(tuple, found))}


def spell_time(wall_us: int | None) -> str | None:
    """RFC 3339; None for none, and for one that no calendar has."""
    return rfc3339(wall_us) if wall_us is not None and 0 <= wall_us <= LATEST_US else None


def _holds(connection: Connection, ids: list[str]) -> dict[str, tuple[IndexedHold, ...]]:
    found: dict[str, tuple[IndexedHold, ...]] = {}
    asked = select(holds).where(holds.c.recording.in_(ids)).order_by(*holds.primary_key)
    for row in connection.execute(asked) if ids else ():
        one = IndexedHold(row.reason, row.who, row.on_camera, row.until_us)
        found[row.recording] = (*found.get(row.recording, ()), one)
    return found


def _order(query: RecordingQuery) -> str:
    return "at_us" if query.due_before_us is None else "due_us"


def spell_mark(number: int, recording: str, place: str) -> str:
    """The mark of a page, by what tells its last row from all others."""
    content = msgspec.json.encode((number, recording, place))
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def read_mark(mark: str) -> tuple[int, str, str]:
    """What `spell_mark` made it of. Raises QueryError."""
    try:
        padded = mark.encode("ascii") + b"=" * (-len(mark) % 4)
        content = base64.b64decode(padded, altchars=b"-_", validate=True)
        number, recording, place = typed_json.decode(content, tuple[int, str, str])
    except (ValueError, RecursionError):
        raise QueryError(
            "this is no mark of a page: ask for the first page again, without --after"
        ) from None
    if "\0" in recording + place or not -(1 << 63) <= number < 1 << 63:
        raise QueryError("this is no mark of a page")
    return number, recording, place
