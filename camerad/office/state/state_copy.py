"""Copies of the state for backups, from both engines into a file of SQLite and back.

A backup has the state as one file of SQLite (`write_copy`), made in one transaction of reading, so
it is one moment's state. With SQLite that file is the database itself once it is restored. With
PostgreSQL the server reads it at its start, if the database has no state yet (`read_copy`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, Table, insert, select

from camerad.base import file_status
from camerad.office.state.database import Database, DatabaseUnavailableError
from camerad.office.state.state_tables import STATE, UNSAVED, imports, metadata, people

OPENED: Final = "opened"
"""The mark of a database that a server has used."""
_ROWS: Final = 1000
"""That are written at once."""


def write_copy(url: str, path: str) -> bool:
    """Copy the state of a database into a new file, for this user alone; returns whether there is
    any. Raises DatabaseUnavailableError and DatabaseDamagedError."""
    source = Database(url, STATE)
    target = Database(f"sqlite:///{path}", STATE)
    try:
        if source.path is not None and not file_status.exists(source.path):
            return False
        with source.reading() as rows:
            version = STATE.read_version(rows)
            if version is None:
                return False
            if version != STATE.present:
                raise DatabaseUnavailableError(
                    f"the office's database is of version {version or 'none'}, and this camerad "
                    f"copies {STATE.present}: start the server once, and try again"
                )
            target.prepare()
            with target.writing() as copies:
                _copy(rows, copies, without=UNSAVED)
        return True
    finally:
        source.close()
        target.close()


def read_copy(path: str, database: Database) -> bool:
    """Put the state of such a file into a database that no server has used; returns False if one
    has, and changes nothing then. All of it counts, or nothing. Raises DatabaseUnavailableError and
    DatabaseDamagedError."""
    source = Database(f"sqlite:///{path}", STATE)
    try:
        with database.writing() as rows:
            # Another server may have read and removed the file while this one waited.
            for one in (imports.c.name, people.c.id):
                if rows.execute(select(one)).first() is not None:
                    return False
            source.prepare(checked=True)
            with source.reading() as copies:
                for table in reversed(metadata.sorted_tables):
                    rows.execute(table.delete())
                _copy(copies, rows)
            mark_import(rows, OPENED)
        return True
    finally:
        source.close()


def is_imported(rows: Connection, mark: str) -> bool:
    """Whether an import is done."""
    return rows.execute(select(imports.c.name).where(imports.c.name == mark)).first() is not None


def mark_import(rows: Connection, mark: str) -> None:
    """Note that an import is done; in its transaction."""
    if not is_imported(rows, mark):
        rows.execute(insert(imports).values(name=mark))


def _copy(source: Connection, target: Connection, without: Collection[Table] = ()) -> None:
    for table in (one for one in metadata.sorted_tables if one not in without):
        found = source.execute(select(table)).mappings()
        for some in found.partitions(_ROWS):
            target.execute(insert(table), [dict(one) for one in some])
