"""Rows that follow from the files of cases: `cases` and `case_recordings`; and from the office's
ledger, which says what cases there were: `case_entries`.

Every case has a separate file, published whole, so each change is another time of their
directory. As long as that is as it was for two looks, none of them is looked at: a change within
one tick of the file system's clock cannot hide. Otherwise each is asked for size and time, and the
others are read. A file that cannot be read has a row that says so, which the log says once, and is
read again at every look.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, delete, select

from camerad.base import file_status, state_file
from camerad.base.errors import StorageError
from camerad.base.storage_errors import explaining
from camerad.evidence.case_file import ENDING, Case, as_read, directory_of_cases, read_case
from camerad.office.index.ledger_rows import in_pieces, put_rows
from camerad.office.index.office_knowledge import digest
from camerad.office.index.recording_rows import Row, plain
from camerad.office.state.index_tables import CASE_CLOSED, CASE_OPEN, CASE_UNREADABLE, cases
from camerad.office.state.index_tables import case_recordings as recordings

CASES: Final = "office/desk/cases"
"""The source that says as of when the cases are."""
_LONGEST: Final = 240
"""Characters of a number by which it is searched."""
_AT_ONCE: Final = 5000
"""Files that are compared at once."""
_LATEST: Final = (1 << 63) - 1


class CaseRows:
    """root: the office's directory. go_on: raises if the refresh is to end. One thread uses it at a
    time."""

    def __init__(self, root: str, go_on: Callable[[], None]) -> None:
        self._directory = directory_of_cases(root)
        self._go_on = go_on
        self._skipped = state_file.SkippedFiles("a case of the desk cannot be shown")
        self._version = ""
        self._looks = 0

    def put(
        self, connection: Connection, sources: Mapping[str, str], *, complete: bool
    ) -> dict[str, str]:
        """Bring the tables to what the files say; returns what `sources` has to have of it.
        complete: look at every file. Raises StorageError."""
        version = self._look()
        self._looks = self._looks + 1 if version == self._version else 1
        self._version = version
        settled = self._looks > 2 and sources.get(CASES) == version
        if complete or not settled or _has_unreadable(connection):
            self._put(connection)
        return {CASES: version}

    def _look(self) -> str:
        if not file_status.is_directory(self._directory):
            return digest(None)
        with explaining("look at the directory", self._directory):
            state = os.stat(self._directory)
        return digest(state.st_ino, state.st_mtime_ns)

    def _put(self, connection: Connection) -> None:
        names = self._names()
        table = cases.c
        asked = select(table.name, table.file_bytes, table.file_time_ns, table.standing)
        for at in range(0, max(1, len(names)), _AT_ONCE):
            self._go_on()
            some, end = names[at : at + _AT_ONCE], names[at + _AT_ONCE : at + _AT_ONCE + 1]
            stored = asked if at == 0 else asked.where(table.name >= some[0])
            if end:
                stored = stored.where(table.name < end[0])
            before = {row[0]: row[1:] for row in connection.execute(stored)}
            self._put_some(connection, before, self._versions(some))

    def _put_some(
        self, connection: Connection, before: dict[str, Any], now: dict[str, tuple[int, int]]
    ) -> None:
        """Bring the rows of some names to their files. before: bytes, time and standing. now: the
        first two."""
        other = {name for name in now if before.get(name) not in _same(now[name])}
        for some in in_pieces(other | (before.keys() - now.keys())):
            self._go_on()
            connection.execute(delete(cases).where(cases.c.name.in_(some)))
            connection.execute(delete(recordings).where(recordings.c.name.in_(some)))
            found = [self._read(name, *now[name]) for name in some if name in now]
            put_rows(connection, cases, (row for row, _ in found))
            put_rows(connection, recordings, _about(found))

    def _names(self) -> list[str]:
        if not file_status.is_directory(self._directory):
            return []
        with explaining("list the directory", self._directory):
            there = os.listdir(self._directory)
        return sorted(one.removesuffix(ENDING) for one in there if one.endswith(ENDING))

    def _versions(self, names: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Bytes and time of change, nanoseconds, of those that are still there."""
        found = {}
        with explaining("look at the files in", self._directory):
            for name in names:
                try:
                    state = os.lstat(f"{self._directory}/{name}{ENDING}")
                except FileNotFoundError:
                    continue
                found[name] = state.st_size, state.st_mtime_ns
        return found

    def _read(self, name: str, size: int, time_ns: int) -> tuple[Row, Case | None]:
        """The row of a file, and its case, None if it cannot be read."""
        try:
            case = read_case(self._directory, name)
        except StorageError as error:
            self._skipped.tell(error)
            case = None
        return row_of_case(name, case) | {"file_bytes": size, "file_time_ns": time_ns}, case


def row_of_case(name: str, case: Case | None) -> Row:
    """What the table `cases` has of a case, but of its file. case: None for one that cannot be
    read."""
    if case is None:
        case = Case("", 0, "", closed_us=0)
        standing = CASE_UNREADABLE
    else:
        standing = CASE_OPEN if case.closed_us is None else CASE_CLOSED
    return {
        "name": plain(name),
        "standing": standing,
        "opened_us": min(max(case.opened_us, 0), _LATEST),
        "searched": searched(case.number),
        "number": plain(case.number),
        "recordings": len(case.recordings),
        "handed_over": bool(case.handed_over),
    }


def searched(number: str) -> str:
    """What a number is found by, and what it is asked for with."""
    return plain(as_read(number))[:_LONGEST]


def _same(version: tuple[int, int]) -> tuple[tuple[int, int, int], ...]:
    """What a row has of a file that was read as it is."""
    return (*version, CASE_OPEN), (*version, CASE_CLOSED)


def _about(found: Iterable[tuple[Row, Case | None]]) -> Iterator[Row]:
    for row, case in found:
        for one in sorted({plain(one) for one in (case.about if case is not None else ())}):
            yield {"recording": one, "name": row["name"]}


def _has_unreadable(connection: Connection) -> bool:
    asked = select(cases.c.name).where(cases.c.standing == CASE_UNREADABLE).limit(1)
    return connection.execute(asked).first() is not None
