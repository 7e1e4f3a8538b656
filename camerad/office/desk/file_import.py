"""Import of the files in which older versions kept the desk's state.

All rows and a mark that they were imported are one transaction; the files are removed after it. So
a loss of power before its end leaves files and no rows, and one after it leaves some files, which
the next start only removes. Files of secrets that make no sense are dropped: their people sign in
anew. A person whose file makes no sense is imported without rights, and the file stays.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Table, insert

from camerad.base import durable_files, file_status, state_file
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explaining
from camerad.base.text import printable
from camerad.office.desk import people
from camerad.office.desk.people import PERSON_ID, DeskPerson
from camerad.office.desk.tokens import Answered, Grant, Link, Session
from camerad.office.server.state_import import import_server_files
from camerad.office.state import state_tables
from camerad.office.state.database import Database
from camerad.office.state.database_settings import IndexSettings
from camerad.office.state.office_state import OfficeState
from camerad.office.state.state_copy import is_imported, mark_import
from camerad.store.locations import OFFICE

_log = logging.getLogger(__name__)
_DESK: Final = "desk"
_MARK: Final = "desk files"
_PEOPLE: Final = "people"
_KEY: Final = "challenge-key"
_KEY_BYTES: Final = 32
_LARGEST: Final = 65_536
_KINDS: Final[dict[str, tuple[Table, type[Any]]]] = {
    "sessions": (state_tables.sessions, Session),
    "links": (state_tables.links, Link),
    "viewings": (state_tables.viewings, Grant),
    "viewing-requests": (state_tables.viewing_requests, Grant),
    "answered": (state_tables.answers, Answered),
}
"""Tables, and types of their rows, by the directory of the files: ``KIND/SHA256.json``."""


def open_state(settings: IndexSettings, directory: str) -> OfficeState:
    """The office's state for a desk: files of the server are imported too."""
    return OfficeState(settings, directory, import_server_files, import_files)


def import_files(root: str, database: Database) -> None:
    """Import, once, and remove the files. root: the office's directory. Raises StorageError, before
    any file is removed."""
    directory = os.path.join(os.path.abspath(root), OFFICE, _DESK)
    names = [_KEY, _PEOPLE, *_KINDS]
    there = [one for one in names if file_status.exists(os.path.join(directory, one))]
    if not there:
        return
    with database.writing() as rows:
        if not is_imported(rows, _MARK):
            _import(rows, directory)
            mark_import(rows, _MARK)
            _log.warning(
                "%s: people, sessions and requests are in the office's database from now on",
                printable(directory),
                extra=MessageId.STORAGE.extra,
            )
    for one in there:
        _remove(os.path.join(directory, one))


def _import(rows: Connection, directory: str) -> None:
    keys: set[str] = set()
    for path, name in _files(os.path.join(directory, _PEOPLE)):
        if PERSON_ID.fullmatch(name):
            person = _person(path, name)
            mine = tuple(one for one in person.passkeys if one.id not in keys)
            keys |= {one.id for one in mine}
            people.write(rows, msgspec.structs.replace(person, passkeys=mine))
    for kind, (table, what) in _KINDS.items():
        for path, name in _files(os.path.join(directory, kind)):
            with contextlib.suppress(state_file.StateFileError):
                said = state_file.read_json(path, what, "desk's record", _LARGEST, "")
                rows.execute(insert(table).values(name=name, **msgspec.to_builtins(said)))
    path = os.path.join(directory, _KEY)
    if file_status.exists(path):
        key = read_plain(path, "desk's key for challenges", _KEY_BYTES + 1)
        if len(key) == _KEY_BYTES:
            rows.execute(insert(state_tables.server_secrets).values(name="challenges", value=key))


def _person(path: str, name: str) -> DeskPerson:
    try:
        found = state_file.read_json(path, DeskPerson, "record of a person", _LARGEST, "see above")
    except state_file.StateFileError as error:
        _log.error(
            "%s cannot sign in at the desk: %s",
            name,
            printable(error),
            extra=MessageId.STORAGE.extra,
        )
        found = None
    return people.lost(name) if found is None or found.id != name else found


def _files(directory: str) -> Iterator[tuple[str, str]]:
    """Paths of its records, and their names."""
    if not file_status.is_directory(directory):
        return
    with explaining("list the directory", directory):
        names = sorted(os.listdir(directory))
    for one in names:
        if one.endswith(".json"):
            yield os.path.join(directory, one), one.removesuffix(".json")


def _remove(path: str) -> None:
    """Remove a file, or a directory with its files; a person's file that makes no sense stays."""
    if not file_status.is_directory(path):
        durable_files.remove(path, missing_ok=True)
        return
    with explaining("list the directory", path):
        there = sorted(os.listdir(path))
    for name in there:
        file = os.path.join(path, name)
        if os.path.basename(path) != _PEOPLE or _is_readable(file):
            durable_files.remove(file, missing_ok=True)
    with explaining("list the directory", path):
        if not os.listdir(path):
            os.rmdir(path)


def _is_readable(path: str) -> bool:
    try:
        state_file.read_json(path, DeskPerson, "record of a person", _LARGEST, "")
    except state_file.StateFileError:
        return path.endswith(durable_files.TEMPORARY)
    return True
