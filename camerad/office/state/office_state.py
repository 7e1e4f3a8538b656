"""The office's state: opens its database, and gives out transactions.

The first use makes the tables, and imports the files in which older versions kept rows.

Crash model. The signed ledger is the truth about what was decided; rows decide what counts now. An
entry is on the storage before the rows that it tells of are committed (`writing`). A loss of power
between the two leaves an entry whose change did not happen, and its author was told of an error. It
never leaves a change without an entry. Files that a row names are durable before the row is
committed, and are removed after the row is.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator

from sqlalchemy import Connection

from camerad.base import durable_files, file_status
from camerad.base.errors import NotNowError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.office.state import waiting_room
from camerad.office.state.database import Database
from camerad.office.state.database_settings import STATE_FILE, IndexSettings, path_in, state_url
from camerad.office.state.state_copy import OPENED, mark_import, read_copy
from camerad.office.state.state_tables import STATE
from camerad.office.state.waiting_room import LOCK_SECONDS

_log = logging.getLogger(__name__)

FileImport = Callable[[str, Database], None]
"""Imports a room's files, once. It is given the office's directory."""


class OfficeState:
    """settings: where the database is. directory: the office's. imports: of files of older
    versions. Thread-safe.

    Everything raises DatabaseUnavailableError, DatabaseDamagedError, StorageError and
    NotNowError.
    """

    def __init__(self, settings: IndexSettings, directory: str, *imports: FileImport) -> None:
        self._directory = directory
        self._imports = imports
        self._database = Database(state_url(settings, directory), STATE)
        self._turn = threading.Lock()
        self._ready = False

    def open(self) -> None:
        """Make the tables, and import files. Does nothing the second time."""
        if self._ready:
            return
        with self._in_turn():
            if self._ready:
                return
            if self._database.path is not None and file_status.is_directory(self._directory):
                durable_files.make_directory(os.path.dirname(self._database.path))
            self._database.prepare()
            if self._database.path is None:
                self._read_copy(path_in(self._directory, STATE_FILE))
            for import_files in self._imports:
                import_files(self._directory, self._database)
            with self._database.writing() as rows:
                mark_import(rows, OPENED)
            self._ready = True

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Rows of one moment."""
        self.open()
        with self._database.reading() as rows:
            yield rows

    def has_row(self, statement: str, *values: object) -> bool:
        """Whether a query finds a row; see `Database.has_row`."""
        self.open()
        return self._database.has_row(statement, *values)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that excludes others like it, also of other servers."""
        self.open()
        with self._in_turn(), self._database.writing() as rows:
            yield rows

    @contextlib.contextmanager
    def noting(self, seconds: float = 0) -> Iterator[Connection]:
        """A transaction of one statement, which waits so long for a row or for SQLite's writer."""
        self.open()
        with self._database.writing(alone=False, seconds=seconds) as rows:
            yield rows

    @contextlib.contextmanager
    def hold(self, name: str, seconds: float = LOCK_SECONDS) -> Iterator[None]:
        """Hold the claim of a name, which excludes threads and other servers. seconds: that it is
        waited for; another server may be stopped, and hold it."""
        with self._database.claiming(name, seconds) as held:
            if not held:
                raise NotNowError(
                    f"another request, or another server of this office, has held {name!r} for "
                    f"{seconds:.0f} s; see whether it is stopped"
                )
            yield

    def try_hold(self, name: str) -> contextlib.AbstractContextManager[bool]:
        """The same, without waiting; yields whether it is held."""
        return self._database.claiming(name)

    def close(self) -> None:
        """Close its connections, and give up its claims."""
        self._database.close()

    @contextlib.contextmanager
    def _in_turn(self) -> Iterator[None]:
        """One after the other, of this process; only some of its threads wait."""
        if not self._turn.acquire(blocking=False):
            with waiting_room.WAITING.place(f"{self._directory} state"):
                if not self._turn.acquire(timeout=LOCK_SECONDS):
                    raise NotNowError("another request uses the office's database for too long")
        try:
            yield
        finally:
            self._turn.release()

    def _read_copy(self, path: str) -> None:
        """Take over a file of SQLite from a backup, or from before PostgreSQL was named."""
        if not file_status.exists(path):
            return
        if read_copy(path, self._database):
            for ending in ("", "-wal", "-shm"):
                durable_files.remove(path + ending, missing_ok=True)
            return
        _log.warning(
            "%s: not imported, since the database has state already; remove it",
            printable(path),
            extra=MessageId.STORAGE.extra,
        )
