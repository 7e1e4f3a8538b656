"""The database behind the index: SQLite in a file, or PostgreSQL.

Everything in it can be made anew. So a database that is damaged, or whose tables are of a version
that this camerad does not know, is emptied: a file of SQLite is removed, in PostgreSQL the tables
are dropped. A database that is only busy, full or out of reach stays as it is.

Writers wait for each other. Readers see what was committed last, and wait for nobody.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from camerad.base.errors import EX_UNAVAILABLE, CameradError
from camerad.base.text import printable
from camerad.index import schema_version

WAIT_SECONDS: Final = 30
"""How long a writer waits for another one, and anybody for an answer of PostgreSQL."""
_LOCK: Final = 0x63616D6572616469  # "cameradi"
"""Number of PostgreSQL's advisory lock that a writer of the index takes."""
_IMMEDIATE: Final = "camerad_writes"
_MODE: Final = 0o600
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL})
_ELSEWHERE: Final = frozenset(
    {
        *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT),
        *(sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_READONLY),
    }
)
"""What SQLite says where not the file is to blame."""
_DAMAGE: Final = ("42P01", "42703", "42P07", "42804", "23502", "23505", "XX001", "XX002")
"""SQLSTATE of tables, columns and rows that are not there or are others, and of damage."""


class IndexUnavailableError(CameradError, ConnectionError):
    """Error raised when the index does not answer just now: its database is busy, full, or out of
    reach. Nothing else is the worse for it."""

    exit_code = EX_UNAVAILABLE


class IndexDamagedError(CameradError, ValueError):
    """Error raised when the index's database is damaged, or is of another version."""

    exit_code = EX_UNAVAILABLE


class Database:
    """url: SQLAlchemy's address of it. Any thread may use it, and as many at once as there are.

    Everything raises IndexUnavailableError, and IndexDamagedError but for `empty`.
    """

    def __init__(self, url: str) -> None:
        made = make_url(url)
        self.path: Final = made.database if made.get_backend_name() == "sqlite" else None
        """The file of SQLite; None for another engine."""
        self._name = made.render_as_string(hide_password=True) if self.path is None else self.path
        if self.path is None:
            arguments = {"connect_timeout": WAIT_SECONDS, "application_name": "camerad"}
            with self._explaining():
                self._engine = create_engine(made, connect_args=arguments, poolclass=NullPool)
        else:
            # Connections are for one thread and short; each would keep a removed file open.
            self._engine = create_engine(
                "sqlite://", creator=lambda: _connect(str(self.path)), poolclass=NullPool
            )
            event.listen(self._engine, "connect", _set_up)
            event.listen(self._engine, "begin", _begin)

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's."""
        return self._engine

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the index, whoever writes meanwhile."""
        one_state = {} if self.path is not None else {"isolation_level": "REPEATABLE READ"}
        with (
            self._explaining(),
            self._engine.connect().execution_options(**one_state) as connection,
            connection.begin(),
        ):
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection whose changes all count at the end, or none; for one writer at a time."""
        with (
            self._explaining(),
            self._engine.connect().execution_options(**{_IMMEDIATE: True}) as connection,
            connection.begin(),
        ):
            if self.path is None:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WAIT_SECONDS}s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            yield connection

    def prepare(self, *, checked: bool = False) -> None:
        """See to it that the tables are there, of the present version. checked: SQLite looks
        through the whole file for damage."""
        if self.path is not None:
            self._make_file()
        with self.reading() as connection:
            if checked and self.path is not None:
                found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
                if found != "ok":
                    raise IndexDamagedError(f"{self._name}: {printable(found)[:200]}")
            if schema_version.read_version(connection) == schema_version.PRESENT:
                return
        with self.writing() as connection:
            version = schema_version.read_version(connection)
            if version == schema_version.PRESENT:
                return  # somebody else was faster
            if version is not None and version not in schema_version.KNOWN:
                said = f"version {printable(version)[:40]}" if version else "no version"
                raise IndexDamagedError(
                    f"{self._name}: its tables are of {said}, and this camerad knows "
                    f"{schema_version.PRESENT}"
                )
            schema_version.migrate(connection)

    def empty(self) -> None:
        """Have a database without the index's tables. Raises IndexUnavailableError."""
        try:
            if self.path is not None:
                for ending in ("", "-wal", "-shm", "-journal"):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(self.path + ending)
                return
            with self.writing() as connection:
                schema_version.drop_all(connection)
        except (OSError, IndexDamagedError) as error:
            raise IndexUnavailableError(
                f"{self._name}: the index cannot be made anew: {printable(error)}; remove it"
            ) from error

    def close(self) -> None:
        """Give up what is open."""
        self._engine.dispose()

    def _make_file(self) -> None:
        """It names who wore a camera: nobody else on this computer reads it."""
        path = self.path or ""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            if os.path.islink(path):
                raise IndexDamagedError(f"{path}: this is a link, and not the index")
            descriptor = os.open(path, flags, _MODE)
        except FileExistsError:
            return
        except OSError as error:
            raise IndexUnavailableError(
                f"{path}: the index cannot be made: {error.strerror}"
            ) from error
        try:
            if os.geteuid() == 0:
                # The server that works in this directory must be able to open it.
                above = os.stat(os.path.dirname(path))
                os.fchown(descriptor, above.st_uid, above.st_gid)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            said = printable(" ".join(str(error.orig).split()))[:300]
            if _is_damage(error.orig):
                raise IndexDamagedError(f"{self._name}: {said}") from error
            raise IndexUnavailableError(
                f"{self._name}: the index does not answer: {said}"
            ) from error
        except (SQLAlchemyError, ImportError) as error:
            said = printable(" ".join(str(error).split()))[:300]
            raise IndexUnavailableError(f"{self._name}: {said}") from error


def _is_damage(error: BaseException | None) -> bool:
    """Whether the database is to blame, and another one would do."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        return code not in _BUSY | _ELSEWHERE
    return getattr(error, "sqlstate", None) in _DAMAGE


def _connect(path: str) -> sqlite3.Connection:
    # SQLite itself would make a file that is not there, for others to read as well.
    how = "mode=ro&immutable=1" if _is_frozen(path) else "mode=rw"
    uri = f"file:{quote(path)}?{how}"
    return sqlite3.connect(
        uri, uri=True, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
    )


def _is_frozen(path: str) -> bool:
    """Whether nobody can change the file now: it lies on a file system that is read-only. Then
    SQLite reads it as it is, where it would make files beside it otherwise; unless some of it is
    still in one of these."""
    try:
        read_only = os.statvfs(path).f_flag & os.ST_RDONLY
    except OSError:  # SQLite says it
        return False
    return bool(read_only) and not os.path.exists(path + "-wal")


def _set_up(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA journal_mode = WAL")
        # A loss of power may cost the last changes, which the next look makes again; no more.
        cursor.execute("PRAGMA synchronous = NORMAL")
    finally:
        cursor.close()


def _begin(connection: Connection) -> None:
    # sqlite3 itself would begin late, and never for reading.
    writes = connection.get_execution_options().get(_IMMEDIATE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
