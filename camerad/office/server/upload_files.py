"""Files of one upload before its ingest, and their state after a loss of power.

===============  =================================================================================
``declaration``  what the camera declared; published last, so without it there is no upload
``content``      the bytes that came, and perhaps some behind them that do not count
``offset``       how many of them count
===============  =================================================================================

The offset is written in place, into one of two slots in turn, each a separate sector. So a write
that is cut short leaves the one before. The bytes are synchronised before it is written.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import struct
from collections.abc import Callable
from typing import Final, TypeGuard, TypeVar

import msgspec

from camerad.base import durable_files, file_status, typed_json
from camerad.base.durable_files import TEMPORARY
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explaining
from camerad.base.text import printable
from camerad.container.recording_ids import RecordingId, is_id
from camerad.office.server.upload_errors import UploadError, UploadRefusal

log = logging.getLogger(__name__)
_T = TypeVar("_T", bound=str)

_DECLARATION: Final = "declaration"
_CONTENT: Final = "content"
_OFFSET: Final = "offset"
_LARGEST: Final = 4096
_SLOT: Final = 512
"""Bytes of a sector, which storage writes as a whole or not at all."""
_RECORD: Final = struct.Struct(">8sQQQ")
"""Mark, number of the record, offset, wall time in microseconds; then a checksum."""
_MARK: Final = b"camerad1"
_CHECK_BYTES: Final = 16


class Declaration(msgspec.Struct, frozen=True):
    """What a camera says that it will bring. recording: its id. final: SHA-256 of its last
    statement, in hexadecimal. bytes: length of its file. Raises ValueError if the id is none."""

    recording: RecordingId
    final: str
    bytes: int

    def __post_init__(self) -> None:
        if not is_id(self.recording):
            raise ValueError(f"{printable(self.recording)[:80]}: this is no recording's id")


class UploadProgress(msgspec.Struct, frozen=True):
    """How far an upload is. offset: bytes that count. wall_us: when the last of them came,
    microseconds since 1970. number: of the record that says so."""

    offset: int
    wall_us: int
    number: int = 0


class UploadFiles:
    """The files in one directory, which need not be there. Raises StorageError wherever the storage
    does not do what is asked."""

    def __init__(self, directory: str) -> None:
        self.directory: Final = directory
        self.content: Final = os.path.join(directory, _CONTENT)
        self._declaration = os.path.join(directory, _DECLARATION)
        self.offset: Final = os.path.join(directory, _OFFSET)

    def make(self, declaration: Declaration, wall_us: int) -> None:
        """Begin an upload, durably; nothing of it is there yet."""
        durable_files.make_directory(self.directory)
        durable_files.close(durable_files.create(self.content), self.content)
        descriptor = durable_files.create(self.offset)
        try:
            first = _packed(UploadProgress(0, wall_us))
            durable_files.write(descriptor, [first, bytes(_SLOT)], 0, self.offset)
            durable_files.sync(descriptor, self.offset)
        finally:
            durable_files.close(descriptor, self.offset)
        # Names survive in any order, and this one must not without the two before.
        durable_files.sync_directory(self.directory)
        durable_files.publish(self._declaration, msgspec.json.encode(declaration))

    def declaration(self) -> Declaration | None:
        """What was declared; None if there is no upload."""
        if not file_status.exists(self._declaration):
            return None
        try:
            content = read_plain(self._declaration, "declaration", _LARGEST)
        except StorageError as error:
            if error.errno == errno.ENOENT:
                return None  # it was removed just now
            raise
        try:
            return typed_json.decode(content, Declaration)
        except msgspec.MsgspecError as error:
            raise StorageError(
                f"{self._declaration}: this is no declaration: {printable(error)}; remove "
                f"{self.directory}, and the camera brings the recording again"
            ) from None

    def progress(self) -> UploadProgress:
        """How far the upload is. Nothing counts, and the log says so, if that cannot be told.
        Raises UploadError if it was removed since its declaration was read."""
        try:
            content = read_plain(self.offset, "offset", 2 * _SLOT)
        except StorageError as error:
            if error.errno == errno.ENOENT and not file_status.exists(self._declaration):
                raise UploadError(
                    UploadRefusal.NO_UPLOAD, "this upload was removed just now"
                ) from error
            raise
        found = [_unpacked(content[at : at + _SLOT]) for at in (0, _SLOT)]
        valid = [one for one in found if one is not None]
        if valid:
            return max(valid, key=lambda one: one.number)
        log.warning(
            "%s: damaged, so the camera has to bring the recording from its beginning; check the "
            "storage",
            printable(self.offset),
            extra=MessageId.STORAGE.extra,
        )
        return UploadProgress(0, 0)

    def note(self, before: UploadProgress, offset: int, wall_us: int) -> None:
        """Have `offset` bytes count from now on, durably. before: what `progress` said. They have
        to be durable already."""
        number = before.number + 1
        record = _packed(UploadProgress(offset, wall_us, number))
        descriptor = durable_files.open_existing(self.offset)
        try:
            durable_files.write(descriptor, [record], number % 2 * _SLOT, self.offset)
            durable_files.sync(descriptor, self.offset)
        finally:
            durable_files.close(descriptor, self.offset)

    def remove(self) -> None:
        """Remove the upload, or what is left of one. A loss of power leaves all of it, or nothing
        that counts."""
        if not file_status.is_directory(self.directory):
            return
        durable_files.remove(self._declaration, missing_ok=True)
        for path in (self._declaration + TEMPORARY, self.offset, self.content):
            if file_status.exists(path):
                durable_files.discard(path)
        with explaining("remove the directory", self.directory):
            os.rmdir(self.directory)
        durable_files.sync_directory(os.path.dirname(self.directory))


def _packed(progress: UploadProgress) -> bytes:
    said = _RECORD.pack(_MARK, progress.number, progress.offset, progress.wall_us)
    return (said + _check(said)).ljust(_SLOT, b"\0")


def _unpacked(slot: bytes) -> UploadProgress | None:
    said = slot[: _RECORD.size]
    if slot[_RECORD.size : _RECORD.size + _CHECK_BYTES] != _check(said):
        return None
    mark, number, offset, wall_us = _RECORD.unpack(said)
    return UploadProgress(offset, wall_us, number) if mark == _MARK else None


def _check(said: bytes) -> bytes:
    return hashlib.sha256(said).digest()[:_CHECK_BYTES]


def list_directories(above: str, fits: Callable[[str], TypeGuard[_T]]) -> list[_T]:
    """The names of directories that fit, none of them a link; none if there is nothing above."""
    try:
        with explaining("list the directory", above), os.scandir(above) as entries:
            return sorted(
                one.name for one in entries if fits(one.name) and one.is_dir(follow_symlinks=False)
            )
    except StorageError as error:
        if error.errno == errno.ENOENT:
            return []
        raise
