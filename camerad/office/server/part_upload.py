"""One part of an upload on its way to the storage, and what the storage gives back of it."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from camerad.base import durable_files, file_status
from camerad.base.errors import StorageError
from camerad.base.storage_errors import explaining
from camerad.office.server.upload_errors import UploadError, UploadRefusal

WRITE_OUT: Final = 2 << 20
"""Bytes after which the kernel is asked to begin to write, so that little is left to wait for at
the part's end. That changes nothing about what counts, and when."""
_PIECE: Final = 4 << 20


class PartUpload:
    """It counts after `finish`, and else leaves nothing. The caller calls `close`, which may
    be done at any time and by any thread.

    path: of the content. begin: bytes of it that count. most: bytes that are missing. checksum: the
    client's own algorithm, "" if it has none. on_finish: makes the part count, which is on the
    storage; it is given its end and its SHA-256. on_close: is called once, when nothing is written
    any more.
    """

    def __init__(
        self,
        path: str,
        begin: int,
        most: int,
        checksum: str,
        *,
        on_finish: Callable[[int, bytes], None],
        on_close: Callable[[], None],
    ) -> None:
        self.most: Final = most
        self._path = path
        self._begin = self._end = self._written_out = begin
        self._on_finish = on_finish
        self._on_close = on_close
        self._sha256 = hashlib.sha256()
        self._other = hashlib.sha1(usedforsecurity=False) if checksum == "sha1" else None
        self._lock = threading.Lock()
        self._settled = False
        self._closed = False
        self._descriptor = open_content(path)
        try:
            # What does not count goes.
            durable_files.truncate(self._descriptor, begin, path)
        except BaseException:
            durable_files.close(self._descriptor, path)
            raise

    def write(self, piece: bytes) -> None:
        """Take the next bytes. Raises UploadError if more come than are missing, and
        StorageError."""
        with self._lock:
            self._check_open()
            if self._end - self._begin + len(piece) > self.most:
                raise UploadError(
                    UploadRefusal.TOO_LARGE,
                    f"the part goes beyond the {self.most} bytes that are missing; send no more",
                )
            self._sha256.update(piece)
            if self._other is not None:
                self._other.update(piece)
            self._end = durable_files.write(self._descriptor, [piece], self._end, self._path)
            unwritten = self._end - self._written_out
            if unwritten >= WRITE_OUT:
                durable_files.begin_sync(self._descriptor, self._written_out, unwritten, self._path)
                self._written_out = self._end

    def finish(self, sha256: bytes, checksum: bytes | None = None) -> int:
        """Have the part count, durably; returns the bytes that the upload then has. sha256: what
        it has to have. checksum: the client's own.

        Raises UploadError and StorageError. Then nothing of it counts. Only if the database fails
        while it notes the part, either is possible.
        """
        with self._lock:
            self._check_open()
            own = self._sha256.digest()
            if not hmac.compare_digest(own, sha256):
                raise UploadError(
                    UploadRefusal.WRONG_BODY,
                    "the part is not the one that was signed; send it again",
                )
            theirs = own if self._other is None else self._other.digest()
            if checksum is not None and not hmac.compare_digest(theirs, checksum):
                raise UploadError(
                    UploadRefusal.WRONG_CHECKSUM,
                    "the part has not the checksum that was sent with it; send it again",
                )
            if self._end > self._begin:
                durable_files.sync(self._descriptor, self._path)
                # From here on they may count: they are not cut off any more.
                self._settled = True
                self._on_finish(self._end, own)
            return self._end

    def close(self) -> None:
        """End the part. Raises StorageError if what does not count cannot be cut off, which the
        next part does then."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            try:
                if not self._settled:
                    durable_files.truncate(self._descriptor, self._begin, self._path)
            finally:
                durable_files.close(self._descriptor, self._path)
                self._on_close()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(f"{self._path}: this part was given up; send it again")


class ArrivedPart(msgspec.Struct, frozen=True):
    """A part that counts: from `start` to before `stop`, with this SHA-256."""

    start: int
    stop: int
    sha256: bytes


def reads_as_it_came(path: str, parts: Sequence[ArrivedPart]) -> bool:
    """Read a file from the storage, not from memory, and compare it with what came. Raises
    StorageError."""
    with explaining("read the file", path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            for part in parts:
                found, begin = hashlib.sha256(), part.start
                while begin < part.stop and (
                    piece := os.pread(descriptor, min(_PIECE, part.stop - begin), begin)
                ):
                    found.update(piece)
                    begin += len(piece)
                if found.digest() != part.sha256:
                    return False
            return not os.pread(descriptor, 1, parts[-1].stop if parts else 0)
        finally:
            os.close(descriptor)


def open_content(path: str) -> int:
    """Open the content of an upload; it is made, durably, if nothing of it came yet."""
    if file_status.exists(path):
        return durable_files.open_existing(path)
    directory = os.path.dirname(path)
    durable_files.make_directory(directory)
    descriptor = durable_files.create(path)
    try:
        durable_files.sync_directory(directory)
    except BaseException:
        durable_files.close(descriptor, path)
        raise
    return descriptor
