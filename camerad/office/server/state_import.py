"""Import of the files in which older versions kept the server's state.

=============================  =================================================================
``offers/KID/settings.jws``    settings on offer
``offers/KID/update.json``     the update on offer; its bundle stays a file
``withdrawn/KID.json``         a revoked camera; one that cannot be read is imported as revoked
``check-ins/KID.json``         the last check-in
``readings/KID/*.jsonl``       check-ins for reports, with the camera's key in ``key.jwk``
``incoming/KID/ID/``           ``declaration`` and ``offset`` of an upload; its content stays
``apart/``                     the quarantine, which stays as it is under its new name
=============================  =================================================================

All rows and a mark are one transaction; readings and uploads have one each. The files, below
``office/``, are removed after it. So a loss of power before its end leaves files and no rows, and
one after it leaves files that the next start only removes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import shutil
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

import msgspec
from sqlalchemy import Connection, insert

from camerad.base import durable_files, file_status, state_file, typed_json
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explaining
from camerad.base.text import printable
from camerad.container.jws import SHA256
from camerad.container.keys import PublicKey, Thumbprint, is_thumbprint
from camerad.container.recording_ids import is_id
from camerad.office.report import camera_readings
from camerad.office.report.camera_readings import Reading, follows, parse_reading
from camerad.office.server import quarantine
from camerad.office.server.offers import CameraOffer, offer_of
from camerad.office.server.revoked_cameras import Revocation
from camerad.office.server.uploads import INCOMING, Declaration, Upload, list_directories
from camerad.office.state.database import Database
from camerad.office.state.database_settings import IndexSettings
from camerad.office.state.office_state import OfficeState
from camerad.office.state.state_copy import is_imported, mark_import
from camerad.office.state.state_tables import check_ins, offers, revoked_cameras, uploads
from camerad.provisioning import settings_offer
from camerad.store import check_in
from camerad.store.check_in import UPDATE
from camerad.store.locations import OFFICE

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_SMALL: Final = 4096
_LARGEST: Final = 8 << 20
_UNREAD: Final = ".unread"
"""How the name goes on of a directory that stays, since nothing of it can be imported."""
_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}\.jsonl")
_ENDING: Final = ".json"
_UPLOADS_MARK: Final = "upload files"
_UPLOAD_FILES: Final = ("declaration", "declaration.new", "offset")
_DECLARATION, _OFFSET = "declaration", "offset"
_SLOT: Final = 512
_RECORD: Final = struct.Struct(">8sQQQ")
"""Mark, number of the record, offset, wall time in microseconds; then a checksum."""


class _Line(msgspec.Struct, frozen=True):
    arrived_us: int
    statement: str


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
    former = os.path.join(office, "apart")
    if file_status.is_directory(former):
        durable_files.rename(former, os.path.join(office, quarantine.NAME))
    kinds = {"offers": _import_offers, "withdrawn": _import_revoked, "check-ins": _import_check_ins}
    files = {os.path.join(office, name): one for name, one in kinds.items()}
    import_once(database, "server files", files)
    readings = {path: _import_readings for _, path in _named(os.path.join(office, "readings"), "")}
    import_once(database, "camera readings", readings)
    _import_uploads(database, os.path.join(office, INCOMING))


def import_once(
    database: Database, mark: str, files: Mapping[str, Callable[[Connection, str], None]]
) -> None:
    """Import directories and remove them, once. files: their imports, by their paths. Raises
    StorageError, before any is removed."""
    there = {path: one for path, one in files.items() if file_status.is_directory(path)}
    if not there:
        return
    with database.writing() as rows:
        if not is_imported(rows, mark):
            for path, import_one in there.items():
                import_one(rows, path)
            mark_import(rows, mark)
    for path in filter(file_status.is_directory, there):
        with explaining("remove the directory", path):
            shutil.rmtree(path)


def _import_offers(rows: Connection, directory: str) -> None:
    for kid, path in _named(directory, ""):
        found = []
        settings = os.path.join(path, settings_offer.NAME)
        if file_status.is_file(settings):
            found.append(offer_of(read_plain(settings, "offer", settings_offer.LONGEST + 1)))
        update = read_record(os.path.join(path, "update.json"), _Update)
        if update is not None and SHA256.fullmatch(update.sha256):
            found.append(CameraOffer(UPDATE, *msgspec.structs.astuple(update)))
        for one in found:
            rows.execute(insert(offers).values(camera=kid, **msgspec.structs.asdict(one)))


def _import_revoked(rows: Connection, directory: str) -> None:
    for kid, path in _named(directory, _ENDING):
        found = read_record(path, Revocation)
        if found is None:
            found = Revocation(0, "", "other", "its record could not be read")
        values = msgspec.structs.asdict(found)
        rows.execute(insert(revoked_cameras).values(camera=kid, **values))


def _import_check_ins(rows: Connection, directory: str) -> None:
    for kid, path in _named(directory, _ENDING):
        found = read_record(path, _Line, check_in.LONGEST + 1024)
        if found is not None:
            values = {"arrived_us": found.arrived_us, "statement": found.statement}
            rows.execute(insert(check_ins).values(camera=kid, **values))


def _import_readings(rows: Connection, directory: str) -> None:
    """A camera's. A line that a loss of power cut off is none."""
    try:
        content = read_plain(os.path.join(directory, "key.jwk"), "key", _LARGEST)
        key = PublicKey.from_jwk(json.loads(content))
        if key.thumbprint != os.path.basename(directory):
            raise ValueError("it is another camera's")
    except (StorageError, ValueError, RecursionError) as error:
        _log.warning(
            "%s: not imported, since its key cannot be read: %s; it is called %s now",
            printable(directory),
            printable(error),
            _UNREAD,
            extra=MessageId.STORAGE.extra,
        )
        durable_files.rename(directory, directory + _UNREAD)
        return
    found: list[Reading] = []
    for name in sorted(one for one in os.listdir(directory) if _MONTH.fullmatch(one)):
        for line in read_plain(os.path.join(directory, name), "readings", _LARGEST).split(b"\n"):
            with contextlib.suppress(ValueError):
                said = typed_json.decode(line, _Line)
                one = parse_reading(key, said.arrived_us, said.statement)
                if one is not None and (not found or follows(one.said, found[-1].said)):
                    found.append(one)
    camera_readings.add(rows, key, 0, found)


def _import_uploads(database: Database, incoming: str) -> None:
    """An upload that cannot be read is not imported: its camera brings it again."""
    there = [
        (kid, recording, os.path.join(path, recording))
        for kid, path in _named(incoming, "")
        for recording in list_directories(path, is_id)
    ]
    paths = [os.path.join(path, name) for _, _, path in there for name in _UPLOAD_FILES]
    left = [path for path in paths if file_status.exists(path)]
    if not left:
        return
    with database.writing() as rows:
        if not is_imported(rows, _UPLOADS_MARK):
            for kid, recording, path in there:
                declared = read_record(os.path.join(path, _DECLARATION), Declaration)
                if declared is not None and declared.recording == recording:
                    came, came_us = _read_offset(os.path.join(path, _OFFSET))
                    upload = Upload(kid, recording, declared.final, declared.bytes, came, came_us)
                    rows.execute(insert(uploads).values(**msgspec.structs.asdict(upload)))
            mark_import(rows, _UPLOADS_MARK)
    for path in left:
        durable_files.remove(path)


def _read_offset(path: str) -> tuple[int, int]:
    """Bytes that count, and when the last of them came. Two slots were written in turn, each with a
    number and a checksum: the newest valid one counts, and nothing if none is."""
    found = [(0, 0, 0)]
    if file_status.is_file(path):
        content = read_plain(path, "offset", 2 * _SLOT)
        for slot in (content[:_SLOT], content[_SLOT:]):
            said, check = slot[: _RECORD.size], slot[_RECORD.size : _RECORD.size + 16]
            if len(said) == _RECORD.size and hashlib.sha256(said).digest()[:16] == check:
                found.append(_RECORD.unpack(said)[1:])
    _, came, came_us = max(found)
    return came, came_us


def _named(directory: str, ending: str) -> Iterator[tuple[Thumbprint, str]]:
    """Thumbprints in a directory, and the paths of their files."""
    if not file_status.is_directory(directory):
        return
    with explaining("list the directory", directory):
        names = sorted(os.listdir(directory))
    for name in names:
        kid = name.removesuffix(ending)
        if name == kid + ending and is_thumbprint(kid):
            yield kid, os.path.join(directory, name)


def read_record(path: str, kind: type[_T], largest: int = _SMALL) -> _T | None:
    """What is in a file; None, with a line in the log, if that makes no sense."""
    try:
        return state_file.read_json(path, kind, "record", largest, "it is not imported")
    except state_file.StateFileError as error:
        _log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)
        return None
