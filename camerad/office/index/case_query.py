"""Queries about cases, and the rows that answer them.

Answers come a page at a time: open cases first, then the newest. Each is found through an index of
the database, however many there are. A part of a number may stand anywhere in it, so that is looked
for in one case after the other, in that order, until a page is full: in an index that has no more
than that.

An index may be some seconds behind the files. So the caller leaves those out that it has written,
and reads them itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated

import msgspec
from sqlalchemy import Connection, Select, exists, func, select, tuple_
from sqlalchemy.sql.selectable import Exists

from camerad.office.index.case_rows import CASES, searched
from camerad.office.index.recording_query import QueryError, read_mark, spell_mark
from camerad.office.index.recording_rows import Row, plain
from camerad.office.state.database import IndexUnavailableError
from camerad.office.state.index_tables import (
    CASE_CLOSED,
    CASE_OPEN,
    CASE_UNREADABLE,
    case_entries,
    case_recordings,
    cases,
    sources,
)

_Word = Annotated[str, msgspec.Meta(max_length=200, pattern=r"\A[^\x00]*\Z")]


class CaseQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for; None leaves it open. said: a part of the number, as people say it. open:
    it is. limit: rows of a page. after: the mark of the page before."""

    said: _Word | None = None
    open: bool | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=50)] = 50
    after: _Word | None = None


class LostCases(msgspec.Struct, frozen=True):
    """count: cases that the ledger tells of and that have no file. some: of those the numbers, by
    the names of the files that are gone."""

    count: int
    some: Mapping[str, str]


def find_cases(
    connection: Connection, query: CaseQuery, besides: Collection[str] = ()
) -> list[Row]:
    """The cases that are asked for, one more if there are more. besides: files whose rows are left
    out. Raises QueryError, and IndexUnavailableError if the index has read none yet."""
    if not _is_read(connection):
        raise IndexUnavailableError("the index has not read the cases yet: it is being made")
    asked = statement(query).where(cases.c.name.not_in(sorted(besides))).limit(query.limit + 1)
    return [dict(row) for row in connection.execute(asked).mappings()]


def statement(query: CaseQuery) -> Select[tuple[object, ...]]:
    """The question as SQL, without its limit. Raises QueryError."""
    table = cases.c
    asked = select(cases)
    if query.open is None:
        asked = asked.where(table.standing > CASE_UNREADABLE)
    else:
        asked = asked.where(table.standing == (CASE_OPEN if query.open else CASE_CLOSED))
    if query.said is not None:
        asked = asked.where(table.searched.contains(searched(query.said.strip()), autoescape=True))
    order = (table.standing, table.opened_us, table.name)
    if query.after is not None:
        asked = asked.where(tuple_(*order) < tuple_(*read_case_mark(query.after)))
    return asked.order_by(*(one.desc() for one in order))


def answers(query: CaseQuery, row: Row) -> bool:
    """Whether a row that the index does not have answers a question as well."""
    if query.open is not None and (row["standing"] == CASE_OPEN) != query.open:
        return False
    if query.said is not None and searched(query.said.strip()) not in row["searched"]:
        return False
    return query.after is None or place_of(row) < read_case_mark(query.after)


def place_of(row: Row) -> tuple[int, int, str]:
    """By which a list is ordered, the highest first."""
    return row["standing"], row["opened_us"], row["name"]


def case_mark(row: Row) -> str:
    """The mark of a page that ends with this row."""
    return spell_mark(row["opened_us"], row["name"], str(row["standing"]))


def read_case_mark(mark: str) -> tuple[int, int, str]:
    """The place of the row that a page ended with. Raises QueryError."""
    opened_us, name, standing = read_mark(mark)
    if standing not in (str(CASE_OPEN), str(CASE_CLOSED)):
        raise QueryError("this is no mark of a page of cases")
    return int(standing), opened_us, name


def cases_of(connection: Connection, recording: str) -> frozenset[str] | None:
    """Files of the cases that are about a recording; None if the index has read none yet."""
    if not _is_read(connection):
        return None
    table = case_recordings.c
    found = connection.execute(select(table.name).where(table.recording == plain(recording)))
    return frozenset(found.scalars())


def count_unreadable(connection: Connection) -> int:
    """How many files of cases cannot be read."""
    asked = select(func.count()).where(cases.c.standing == CASE_UNREADABLE)
    return connection.execute(asked).scalar() or 0


def find_lost(connection: Connection, most: int) -> LostCases:
    """The cases of which the ledger says that something was put into them, and that have no file;
    so many by their numbers. Of one that was opened and no more, the power may have gone before its
    file was there."""
    table = case_entries.c
    is_lost = (table.more.is_(True), ~_has_file())
    some = select(table.name, func.max(table.number)).where(*is_lost)
    some = some.group_by(table.name).order_by(table.name).limit(most)
    count = connection.execute(select(func.count(table.name.distinct())).where(*is_lost)).scalar()
    return LostCases(count or 0, {row[0]: row[1] for row in connection.execute(some)})


def is_told_of(connection: Connection, name: str) -> bool:
    """Whether the ledger says that something was put into the case whose file has this name."""
    table = case_entries.c
    asked = select(table.name).where(table.name == name, table.more.is_(True)).limit(1)
    return connection.execute(asked).first() is not None


def _has_file() -> Exists:
    return exists().where(cases.c.name == case_entries.c.name)


def _is_read(connection: Connection) -> bool:
    asked = select(sources.c.name).where(sources.c.name == CASES)
    return connection.execute(asked).first() is not None
