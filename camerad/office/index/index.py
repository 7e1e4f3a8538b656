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
from typing import Concatenate, ParamSpec, TypeVar

import msgspec
from sqlalchemy import Connection, select

from camerad.office.index.ledger_rows import Lost
from camerad.office.index.office_knowledge import OfficeFiles
from camerad.office.index.refresh import Refresher
from camerad.office.state.database import Database, DatabaseDamagedError, IndexUnavailableError
from camerad.office.state.index_tables import INDEX, metadata, sources

_T = TypeVar("_T")
_P = ParamSpec("_P")


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
        ConfigError."""
        # Without tables it belongs to no office yet; a damaged one is rebuilt.
        with contextlib.suppress(DatabaseDamagedError), self._database.reading() as connection:
            self._refresher.check_office(connection)

    def refresh(self, *, complete: bool = True) -> int:
        """Bring it to what files and ledgers say; returns how many recordings' rows were written
        or removed. complete: see `Refresher.refresh`. Raises StorageError and ConfigError;
        then it stays as it was."""
        return self._write(lambda to: self._refresher.refresh(to, complete=complete))

    def rebuild(self) -> int:
        """Make it anew; otherwise as `refresh`."""
        return self._write(self._refresher.rebuild)

    def ask(
        self, query: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **how: _P.kwargs
    ) -> _T:
        """The answer to a query of `recording_query`, `entry_query`, `case_query` or
        `camera_names`, and as that raises."""
        try:
            with self._database.reading() as connection:
                return query(connection, *args, **how)
        except DatabaseDamagedError as error:
            raise IndexUnavailableError(f"{error}; make it anew: camerad office reindex") from error

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
        """Give up what is open. A refresh in another thread ends soon, with NotNowError."""
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

    def _begin_anew(self, error: DatabaseDamagedError) -> None:
        self._say(f"{error}; the index is made anew")
        self._database.empty()
        self._database.prepare()
