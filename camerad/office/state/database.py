"""Connections to the office's database: SQLite in a file, or PostgreSQL.

Each database has one schema (`camerad.office.state.schema`). The index's tables can be rebuilt:
where they are damaged, or of a version that this camerad does not know, they are emptied (`empty`).
The tables of the state are never emptied: an operator restores them from a backup. A database that
is only busy, full or out of reach stays as it is.

Writers wait for each other. Readers see the last commit, and wait for no writer. A transaction of
the state is on the storage when `writing` returns (WAL, ``synchronous = FULL``).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote
from weakref import WeakValueDictionary

from sqlalchemy import Connection, Engine, Function, create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool

from camerad.base.bounded_wait import wait_until
from camerad.base.errors import EX_UNAVAILABLE, StorageError
from camerad.base.text import printable
from camerad.office.state.schema import Schema

WAIT_SECONDS: Final = 30
"""How long a writer waits for another one, and a caller for an answer of PostgreSQL."""
_WRITES: Final = "camerad_wait_seconds"
_MOST_CONNECTIONS: Final = 64
"""Of one process to a database whose connections are kept."""
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
_NUMBERS: Final = {"53100": errno.ENOSPC, "55P03": errno.EAGAIN}
"""Of a full disk, and of a lock that was waited for too long, by SQLSTATE."""
_CLAIMS: Final[WeakValueDictionary[tuple[str | int, str], threading.Lock]] = WeakValueDictionary()
_CLAIMING: Final = threading.Lock()
"""Claims within this process. SQLite is for one server, so there are no others with it."""


class DatabaseUnavailableError(StorageError):
    """Error raised when the database does not answer now: it is busy, full, or out of reach."""

    exit_code = EX_UNAVAILABLE


class IndexUnavailableError(DatabaseUnavailableError):
    """Error raised when the index's database does not answer now. Only answers about the index
    depend on it."""


class DatabaseDamagedError(StorageError):
    """Error raised when the database is damaged, or is of another version."""

    exit_code = EX_UNAVAILABLE


class Database:
    """url: SQLAlchemy's address of it. schema: its tables. Thread-safe.

    Everything raises DatabaseUnavailableError (IndexUnavailableError for a schema that can be
    rebuilt), and DatabaseDamagedError but for `empty`.
    """

    def __init__(self, url: str, schema: Schema) -> None:
        made = make_url(url)
        self.schema: Final = schema
        self._unavailable = DatabaseUnavailableError if schema.durable else IndexUnavailableError
        self.path: Final = made.database if made.get_backend_name() == "sqlite" else None
        """The file of SQLite; None for another engine."""
        self._name = made.render_as_string(hide_password=True) if self.path is None else self.path
        self._errors: tuple[type[Exception], ...] = (DBAPIError,)
        self._session: Connection | None = None
        self._session_lock = threading.Lock()
        # A connection that is kept would keep an index's removed file open.
        pool: dict[str, Any] = {"poolclass": NullPool}
        if schema.durable:
            pool = {"poolclass": QueuePool, "pool_size": 4, "max_overflow": _MOST_CONNECTIONS}
        if self.path is None:
            arguments = {"connect_timeout": WAIT_SECONDS, "application_name": "camerad"}
            # An answer that a broken network does not bring is not waited for longer.
            arguments |= {"tcp_user_timeout": WAIT_SECONDS * 1000, "keepalives_idle": WAIT_SECONDS}
            with self._explaining():
                self._engine = create_engine(
                    made, connect_args=arguments, pool_pre_ping=schema.durable, **pool
                )
        else:
            self._engine = create_engine(
                "sqlite://", creator=lambda: _connect(str(self.path)), **pool
            )
            event.listen(self._engine, "connect", self._set_up)
            event.listen(self._engine, "begin", _begin)

        # `has_row` meets those of the driver itself.
        self._errors = (DBAPIError, self._engine.dialect.loaded_dbapi.Error)

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's."""
        return self._engine

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the tables, regardless of writers."""
        one_state = {} if self.path is not None else {"isolation_level": "REPEATABLE READ"}
        with (
            self._explaining(),
            self._engine.connect().execution_options(**one_state) as connection,
            connection.begin(),
        ):
            yield connection

    @contextlib.contextmanager
    def writing(self, *, alone: bool = True, seconds: float | None = None) -> Iterator[Connection]:
        """A transaction: all of its changes count at the end, or none.

        alone: exclude every other such writer. Otherwise PostgreSQL locks only rows; SQLite has
        one writer in any case. seconds: wait so long for another writer, WAIT_SECONDS by default.
        """
        wait = WAIT_SECONDS if seconds is None else seconds
        with (
            self._explaining(),
            self._engine.connect().execution_options(**{_WRITES: wait}) as connection,
            connection.begin(),
        ):
            if self.path is None:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {max(1, int(wait * 1000))}")
                if alone:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({self.schema.lock})")
            yield connection

    @contextlib.contextmanager
    def claiming(self, name: str, seconds: float = 0) -> Iterator[bool]:
        """Hold the claim of a name, which excludes threads, and with PostgreSQL other servers;
        yields whether it is held. seconds: that it is waited for.

        All claims of a server are of one session of PostgreSQL. A process that ends, and a session
        that is lost, hold nothing any more. Any thread may leave the context.
        """
        with _CLAIMING:
            claim = _CLAIMS.setdefault((self.path or id(self), name), threading.Lock())
        if not claim.acquire(timeout=seconds):
            yield False
            return
        try:
            if self.path is not None:
                yield True
                return
            number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
            held = wait_until(lambda: self._ask_session(func.pg_try_advisory_lock(number)), seconds)
            try:
                yield held
            finally:
                if held:
                    with contextlib.suppress(DatabaseUnavailableError):  # then it is not held
                        self._ask_session(func.pg_advisory_unlock(number))
        finally:
            claim.release()

    def _ask_session(self, question: Function[bool]) -> bool:
        """Ask in the session of the claims, which is opened if there is none."""
        with self._session_lock, self._explaining():
            if self._session is None:
                autocommit = {"isolation_level": "AUTOCOMMIT"}
                self._session = self._engine.connect().execution_options(**autocommit)
            try:
                return bool(self._session.execute(select(question)).scalar())
            except DBAPIError:
                self._session.invalidate()
                self._session = None
                raise

    def has_row(self, statement: str, *values: object) -> bool:
        """Whether a query finds a row. Without SQLAlchemy's layers it costs a third of `reading`,
        for what is asked at every request. values: of the question marks in it."""
        if self.path is None:
            statement = statement.replace("?", "%s")
        with self._explaining():
            connection = self._engine.raw_connection()
            try:
                with contextlib.closing(connection.cursor()) as cursor:
                    cursor.execute(statement, values)
                    return cursor.fetchone() is not None
            except self._errors:
                connection.invalidate()  # the pool would reset it, and log that it cannot
                raise
            finally:
                connection.close()

    def prepare(self, *, checked: bool = False) -> None:
        """Make the tables, or bring them to the present version. checked: SQLite searches the
        whole file for damage."""
        schema = self.schema
        if self.path is not None:
            self._make_file()
        with self.reading() as connection:
            if checked and self.path is not None:
                found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
                if found != "ok":
                    raise self._damaged(printable(found)[:200])
            if schema.read_version(connection) == schema.present:
                return
        with self.writing() as connection:
            version = schema.read_version(connection)
            if version == schema.present:
                return  # another process was faster
            if version is not None and version not in schema.versions:
                said = f"version {printable(version)[:40]}" if version else "no version"
                raise self._damaged(
                    f"its tables are of {said}, and this camerad knows {schema.present}"
                )
            schema.migrate(connection)

    def empty(self) -> None:
        """Remove the tables; not of a schema that is durable. Raises DatabaseUnavailableError."""
        if self.schema.durable:
            raise self._unavailable(f"{self._name}: this database is never emptied")
        try:
            if self.path is not None:
                for ending in ("", "-wal", "-shm", "-journal"):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(self.path + ending)
                return
            with self.writing() as connection:
                self.schema.drop_all(connection)
        except OSError as error:
            raise self._unavailable(
                f"{self._name}: the {self.schema.name} cannot be made anew: {printable(error)}; "
                "remove it"
            ) from error

    def close(self) -> None:
        """Give up what is open, and every claim."""
        with self._session_lock, self._explaining():
            if self._session is not None:
                self._session.invalidate()
                self._session = None
        self._engine.dispose()

    def _make_file(self) -> None:
        """For this user alone: it names people and who wore a camera."""
        path = self.path or ""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        if os.path.islink(path):
            raise self._damaged("this is a link, and not a database")
        try:
            descriptor = os.open(path, flags, _MODE)
        except FileExistsError:
            return
        except OSError as error:
            raise self._unavailable(
                f"{path}: the database cannot be made: {error.strerror}"
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
        except self._errors as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            said = printable(" ".join(str(cause).split()))[:300]
            if _is_damage(cause):
                raise self._damaged(said) from error
            away = self._unavailable(
                f"{self._name}: the {self.schema.name} does not answer: {said}"
            )
            away.errno = _number_of(cause)
            raise away from error
        except (SQLAlchemyError, ImportError) as error:
            said = printable(" ".join(str(error).split()))[:300]
            raise self._unavailable(f"{self._name}: {said}") from error

    def _damaged(self, said: str) -> DatabaseDamagedError:
        remedy = ""
        if self.schema.durable:
            remedy = "; stop the server, move this away, and restore it from a backup"
        return DatabaseDamagedError(f"{self._name}: {said}{remedy}")

    def _set_up(self, connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            # A loss of power may cost the last changes of an index, which the next look makes
            # again; and none of the state.
            level = "FULL" if self.schema.durable else "NORMAL"
            cursor.execute(f"PRAGMA synchronous = {level}")
            cursor.execute("PRAGMA foreign_keys = ON")
        finally:
            cursor.close()


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
    """Whether the file cannot change now: it lies on a file system that is read-only. Then
    SQLite reads it as it is, where it would make files beside it otherwise; unless some of it is
    still in one of these."""
    try:
        read_only = os.statvfs(path).f_flag & os.ST_RDONLY
    except OSError:  # SQLite says it
        return False
    return bool(read_only) and not os.path.exists(path + "-wal")


def _number_of(error: BaseException | None) -> int:
    """ENOSPC for a storage without room, EAGAIN where another writer was waited for too long."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        numbers = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_BUSY: errno.EAGAIN}
        return numbers.get(code, errno.EIO)
    return _NUMBERS.get(getattr(error, "sqlstate", None) or "", errno.EIO)


def _begin(connection: Connection) -> None:
    # sqlite3 itself would begin late, and never for reading.
    seconds = connection.get_execution_options().get(_WRITES)
    if seconds is not None:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
    connection.exec_driver_sql("BEGIN" if seconds is None else "BEGIN IMMEDIATE")
