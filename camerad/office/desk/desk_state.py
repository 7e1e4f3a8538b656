"""Transactions of the desk on the office's database.

The ledger is the truth about who got which rights and who saw what; the rows decide what counts
now. So an entry is on the storage before the rows that it tells of are committed: a loss of power
between the two leaves an entry whose change did not happen, and its person was told of an error.
It never leaves a change without an entry. See
`camerad.office.desk.desk_ledger.DeskLedger.deciding`.

The first use makes the tables, and imports what older versions kept in files
(`camerad.office.desk.file_import`).
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator

from sqlalchemy import Connection

from camerad.base import durable_files, file_status
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.office.desk import desk_locks, file_import
from camerad.office.server.directory_locks import LockHeldError
from camerad.office.state.database import Database
from camerad.office.state.database_settings import STATE_FILE, IndexSettings, path_in, state_url
from camerad.office.state.state_copy import read_copy
from camerad.office.state.state_tables import STATE

_log = logging.getLogger(__name__)


class DeskState:
    """settings: where the database is. directory: the office's. Thread-safe.

    Everything raises DatabaseUnavailableError, DatabaseDamagedError, StorageError and
    LockHeldError.
    """

    def __init__(self, settings: IndexSettings, directory: str) -> None:
        self._directory = directory
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
            self._database.prepare()
            if self._database.path is None:
                self._read_copy(path_in(self._directory, STATE_FILE))
            file_import.import_files(self._directory, self._database)
            self._ready = True

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Rows of one moment."""
        self.open()
        with self._database.reading() as rows:
            yield rows

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that excludes others like it, also of other servers."""
        self.open()
        with self._in_turn(), self._database.writing() as rows:
            yield rows

    @contextlib.contextmanager
    def noting(self) -> Iterator[Connection]:
        """A transaction of one statement, which waits for no other one."""
        self.open()
        with self._database.writing(alone=False, seconds=0) as rows:
            yield rows

    def close(self) -> None:
        """Close its connections."""
        self._database.close()

    @contextlib.contextmanager
    def _in_turn(self) -> Iterator[None]:
        """One after the other, of this process; only some of its threads wait."""
        if not self._turn.acquire(blocking=False):
            with desk_locks.WAITING.place(f"{self._directory} state"):
                if not self._turn.acquire(timeout=desk_locks.LOCK_SECONDS):
                    raise LockHeldError("another request uses the office's database for too long")
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
            "%s: not imported, since the database has people already; remove it",
            printable(path),
            extra=MessageId.STORAGE.extra,
        )
