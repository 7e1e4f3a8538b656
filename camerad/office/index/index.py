"""The index: opens it, keeps it up to date, and answers queries.

Promise: in every case `refresh` and `rebuild` leave the same rows, byte for byte (`dump`), and
these say what files and ledgers say. An index that is damaged, or of another version of camerad, is
rebuilt when it is opened or refreshed, and one sentence says so. One that is busy or out of
reach raises IndexUnavailableError, and is tried again later. Nothing else waits for it: receiving,
receipts and deletion go by files and ledgers alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, select

from camerad.office.index import camera_names, case_query, entry_query, recording_query
from camerad.office.index.case_query import CaseAnswer, CaseQuery, CasesOf, LostCases, Written
from camerad.office.index.entry_query import EntryPlaces, EntryQuery
from camerad.office.index.ledger_rows import Lost
from camerad.office.index.office_knowledge import OfficeFiles
from camerad.office.index.recording_query import IndexedRecording, RecordingPage, RecordingQuery
from camerad.office.index.refresh import Refresher
from camerad.office.state.database import Database, DatabaseDamagedError, IndexUnavailableError
from camerad.office.state.index_tables import INDEX, metadata, sources

_T = TypeVar("_T")


class RecordingIndex:
    """url: of the database, by `camerad.office.state.database_settings.url_of`. files: the
    office's. say: is told why the index is made anew, a sentence each time. lost: is told of
    entries of the office's ledger that are gone.

    One thread brings it up to date at a time; any thread may ask. Everything raises
    IndexUnavailableError.
    """

    def __init__(
        self,
        url: str,
        files: OfficeFiles,
        say: Callable[[str], None] = lambda _: None,
        lost: Lost | None = None,
    ) -> None:
        self._database = Database(url, INDEX)
        self._refresher = Refresher(files, shared=self._database.path is None, lost=lost)
        self._say = say

    def open(self, *, checked: bool = False) -> None:
        """Have tables of the present version. checked: look for damage in all of a file."""
        try:
            self._database.prepare(checked=checked)
        except DatabaseDamagedError as error:
            self._begin_anew(error)

    def check(self) -> None:
        """Ask a database whether it is there, and whose index it has; nothing is changed. Raises
        AnotherOfficeError."""
        # Without tables it belongs to no office yet; a damaged one is rebuilt.
        with contextlib.suppress(DatabaseDamagedError), self._database.reading() as connection:
            self._refresher.check_office(connection)

    def refresh(self, *, complete: bool = True) -> int:
        """Bring it to what files and ledgers say; returns how many recordings' rows were written
        or removed. complete: see `Refresher.refresh`. Raises StorageError and AnotherOfficeError;
        then it stays as it was."""
        return self._write(lambda to: self._refresher.refresh(to, complete=complete))

    def rebuild(self) -> int:
        """Make it anew; otherwise as `refresh`."""
        return self._write(self._refresher.rebuild)

    def find(self, query: RecordingQuery) -> RecordingPage:
        """The recordings that are asked for. Raises QueryError."""
        return self._ask(lambda connection: recording_query.find(connection, query))

    def count(self, query: RecordingQuery) -> int | None:
        """How many recordings answer; None if they are too many to count. Raises QueryError."""
        return self._ask(lambda connection: recording_query.count(connection, query))

    def about(self, recording: str) -> list[IndexedRecording]:
        """The rows of one recording."""
        return self._ask(lambda connection: recording_query.about(connection, recording))

    def camera_names(self) -> list[str]:
        """What cameras are called in their recordings."""
        return self._ask(camera_names.camera_names)

    def entries(self, query: EntryQuery) -> list[dict[str, Any]]:
        """Entries of the office's ledger, the newest first."""
        return self._ask(lambda connection: entry_query.find_entries(connection, query))

    def places_of(self, recording: str) -> EntryPlaces:
        """Where in the office's ledger entries about a recording are."""
        return self._ask(lambda connection: entry_query.find_places(connection, recording))

    def deletions_since(self, wall_us: int, limit: int) -> list[dict[str, Any]]:
        """What was deleted since then, the newest first."""
        return self._ask(lambda connection: entry_query.deletions_since(connection, wall_us, limit))

    def cases(self, query: CaseQuery, written: Written) -> CaseAnswer:
        """The cases that are asked for. Raises QueryError."""
        return self._ask(lambda connection: case_query.find_cases(connection, query, written))

    def cases_of(self, recording: str, written: Written) -> CasesOf:
        """The cases that are about a recording."""
        return self._ask(lambda connection: case_query.cases_of(connection, recording, written))

    def count_unreadable_cases(self) -> int:
        """How many files of cases cannot be read."""
        return self._ask(case_query.count_unreadable)

    def lost_cases(self, most: int) -> LostCases:
        """The cases whose files are gone; so many by their numbers."""
        return self._ask(lambda connection: case_query.find_lost(connection, most))

    def tells_of_case(self, name: str) -> bool:
        """Whether the ledger tells of the case whose file has this name."""
        return self._ask(lambda connection: case_query.is_told_of(connection, name))

    def count_states(self) -> dict[str, int]:
        """How many recordings there are, by their state."""
        return self._ask(recording_query.count_states)

    def dump(self) -> Iterator[bytes]:
        """All that the index knows, one line for each row, in an order that only its content
        decides. Two indexes that give the same answers have the same lines."""
        with self._database.reading() as connection:
            for table in metadata.sorted_tables:
                if table is sources:
                    continue
                asked = select(table).order_by(*table.primary_key)
                for row in connection.execute(asked):
                    yield msgspec.json.encode((str(table.name), *row)) + b"\n"

    def close(self) -> None:
        """Give up what is open. A refresh in another thread ends soon, with
        InterruptedRefreshError."""
        self._refresher.end()
        self._database.close()

    def _write(self, work: Callable[[Connection], int]) -> int:
        """Do it in one transaction; once more in an empty index if this one is damaged."""
        try:
            with self._database.writing() as connection:
                return work(connection)
        except DatabaseDamagedError as error:
            self._begin_anew(error)
        with self._database.writing() as connection:
            return work(connection)

    def _ask(self, ask: Callable[[Connection], _T]) -> _T:
        try:
            with self._database.reading() as connection:
                return ask(connection)
        except DatabaseDamagedError as error:
            raise IndexUnavailableError(f"{error}; make it anew: camerad office reindex") from error

    def _begin_anew(self, error: DatabaseDamagedError) -> None:
        self._say(f"{error}; the index is made anew")
        self._database.empty()
        self._database.prepare()
