"""Import of the files in which older versions kept the desk's people.

Rows, mark and removal are as of `camerad.office.server.state_import`. What people held for a while
(sessions, links, grants, requests) is removed and not imported: they sign in anew, and ask anew. A
person whose file makes no sense is imported without rights.
"""

from __future__ import annotations

import os
from typing import Final

import msgspec
from sqlalchemy import Connection

from camerad.base import durable_files, file_status
from camerad.base.storage_errors import explaining
from camerad.office.desk import people
from camerad.office.desk.people import PERSON_ID, DeskPerson
from camerad.office.server.state_import import import_once, import_server_files, read_record
from camerad.office.state.database import Database
from camerad.office.state.database_settings import IndexSettings
from camerad.office.state.office_state import OfficeState
from camerad.store.locations import OFFICE

_LARGEST: Final = 65_536
_HELD: Final = ("sessions", "links", "viewings", "viewing-requests", "answered")


def open_state(settings: IndexSettings, directory: str) -> OfficeState:
    """The office's state for a desk: files of the server are imported too."""
    return OfficeState(settings, directory, import_server_files, import_files)


def import_files(root: str, database: Database) -> None:
    """Import, once, and remove the files. root: the office's directory. Raises StorageError, before
    any file is removed."""
    desk = os.path.join(os.path.abspath(root), OFFICE, "desk")
    files = {os.path.join(desk, one): _drop for one in _HELD}
    import_once(database, "desk files", files | {os.path.join(desk, "people"): _import_people})
    key = os.path.join(desk, "challenge-key")
    if file_status.exists(key):
        durable_files.remove(key)


def _drop(_rows: Connection, _directory: str) -> None:
    """Import nothing: the files of this directory do not count any more."""


def _import_people(rows: Connection, directory: str) -> None:
    known: set[str] = set()
    with explaining("list the directory", directory):
        files = sorted(os.listdir(directory))
    for name, ending in map(os.path.splitext, files):
        if ending != ".json" or not PERSON_ID.fullmatch(name):
            continue
        found = read_record(os.path.join(directory, name + ending), DeskPerson, _LARGEST)
        if found is None or found.id != name:
            found = people.lost(name)
        mine = tuple(one for one in found.passkeys if one.id not in known)
        known |= {one.id for one in mine}
        people.write(rows, msgspec.structs.replace(found, passkeys=mine))
