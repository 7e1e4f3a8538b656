"""Import of the files in which older versions kept the server's state.

=============================  =================================================================
``offers/KID/settings.jws``    settings on offer
``offers/KID/update.json``     the update on offer; its bundle stays a file
``withdrawn/KID.json``         a revoked camera; one that cannot be read is imported as revoked
``check-ins/KID.json``         the last check-in
=============================  =================================================================

All rows and a mark are one transaction; the files, below ``office/``, are removed after it. So a
loss of power before its end leaves files and no rows, and one after it leaves files that the next
start only removes.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec
from sqlalchemy import Connection, insert

from camerad.base import file_status, state_file
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explaining
from camerad.base.text import printable
from camerad.container.jws import SHA256
from camerad.container.keys import is_thumbprint
from camerad.office.report.camera_readings import Line
from camerad.office.server.offers import CameraOffer, offer_of
from camerad.office.server.revoked_cameras import Revocation
from camerad.office.state.database import Database
from camerad.office.state.database_settings import IndexSettings
from camerad.office.state.office_state import OfficeState
from camerad.office.state.state_copy import is_imported, mark_import
from camerad.office.state.state_tables import check_ins, offers, revoked_cameras
from camerad.provisioning import settings_offer
from camerad.store import check_in
from camerad.store.check_in import UPDATE
from camerad.store.locations import OFFICE

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_MARK: Final = "server files"
_OFFERS, _WITHDRAWN, _CHECK_INS = _DIRECTORIES = ("offers", "withdrawn", "check-ins")
_SMALL: Final = 4096
_ENDING: Final = ".json"


class _Update(msgspec.Struct, frozen=True):
    sha256: str
    bytes: int
    compatible: str
    version: str


def open_state(settings: IndexSettings, directory: str) -> OfficeState:
    """The office's state for a server without a desk, and for commands."""
    return OfficeState(settings, directory, import_server_files)


def import_server_files(root: str, database: Database) -> None:
    """Import, once, and remove the files. root: the office's directory. Raises StorageError, before
    any file is removed."""
    office = os.path.join(os.path.abspath(root), OFFICE)
    paths = [os.path.join(office, one) for one in _DIRECTORIES]
    there = [path for path in paths if file_status.is_directory(path)]
    if not there:
        return
    with database.writing() as rows:
        if not is_imported(rows, _MARK):
            _import_offers(rows, os.path.join(office, _OFFERS))
            _import_revoked(rows, os.path.join(office, _WITHDRAWN))
            _import_check_ins(rows, os.path.join(office, _CHECK_INS))
            mark_import(rows, _MARK)
    for path in there:
        with explaining("remove the directory", path):
            shutil.rmtree(path)


def _import_offers(rows: Connection, directory: str) -> None:
    for kid, path in _named(directory, ""):
        found = []
        settings = os.path.join(path, settings_offer.NAME)
        if file_status.is_file(settings):
            found.append(offer_of(read_plain(settings, "offer", settings_offer.LONGEST + 1)))
        update = _read_json(os.path.join(path, "update.json"), _Update)
        if update is not None and SHA256.fullmatch(update.sha256):
            found.append(CameraOffer(UPDATE, *msgspec.structs.astuple(update)))
        for one in found:
            rows.execute(insert(offers).values(camera=kid, **msgspec.structs.asdict(one)))


def _import_revoked(rows: Connection, directory: str) -> None:
    for kid, path in _named(directory, _ENDING):
        found = _read_json(path, Revocation)
        if found is None:
            found = Revocation(0, "", "other", "its record could not be read")
        values = msgspec.structs.asdict(found)
        rows.execute(insert(revoked_cameras).values(camera=kid, **values))


def _import_check_ins(rows: Connection, directory: str) -> None:
    for kid, path in _named(directory, _ENDING):
        found = _read_json(path, Line, check_in.LONGEST + 1024)
        if found is not None:
            values = {"arrived_us": found.arrived_us, "statement": found.statement}
            rows.execute(insert(check_ins).values(camera=kid, **values))


def _named(directory: str, ending: str) -> Iterator[tuple[str, str]]:
    """Thumbprints in a directory, and the paths of their files."""
    if not file_status.is_directory(directory):
        return
    with explaining("list the directory", directory):
        names = sorted(os.listdir(directory))
    for name in names:
        kid = name.removesuffix(ending)
        if name == kid + ending and is_thumbprint(kid):
            yield kid, os.path.join(directory, name)


def _read_json(path: str, kind: type[_T], largest: int = _SMALL) -> _T | None:
    """What is in a file; None, with a line in the log, if that makes no sense."""
    try:
        return state_file.read_json(path, kind, "record", largest, "it is not imported")
    except state_file.StateFileError as error:
        _log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)
        return None
