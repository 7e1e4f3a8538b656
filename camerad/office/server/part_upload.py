"""One part of an upload on its way to the storage."""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections.abc import Callable
from typing import Final

from camerad.base import durable_files
from camerad.base.errors import StorageError
from camerad.base.storage_errors import explaining
from camerad.office.server.upload_errors import UploadError, UploadRefusal
from camerad.office.server.upload_files import Declaration, UploadFiles, UploadProgress

WRITE_OUT: Final = 2 << 20
"""Bytes after which the kernel is asked to begin to write, so that little is left to wait for at
the part's end. That changes nothing about what counts, and when."""


class PartUpload:
    """It counts after `finish`, and else leaves nothing. The caller calls `close`, which may
    be done at any time and by any thread.

    checksum: the client's own algorithm, "" if it has none. wall_us: tells wall time. on_count: is
    told where the part begins and ends, and its SHA-256, when it counts. on_close: is called once,
    when nothing is written any more.
    """

    def __init__(
        self,
        files: UploadFiles,
        declaration: Declaration,
        progress: UploadProgress,
        checksum: str,
        *,
        wall_us: Callable[[], int],
        on_count: Callable[[int, int, bytes], None],
        on_close: Callable[[], None],
    ) -> None:
        self.declaration: Final = declaration
        self.most: Final = declaration.bytes - progress.offset
        """Bytes that are missing."""
        self._files = files
        self._progress = progress
        self._end = progress.offset
        self._written_out = progress.offset
        self._wall_us = wall_us
        self._on_count = on_count
        self._on_close = on_close
        self._sha256 = hashlib.sha256()
        self._other = hashlib.sha1(usedforsecurity=False) if checksum == "sha1" else None
        self._lock = threading.Lock()
        self._settled = False
        self._closed = False
        self._descriptor = durable_files.open_existing(files.content)
        try:
            self._cut_back()
        except BaseException:
            durable_files.close(self._descriptor, files.content)
            raise

    def _cut_back(self) -> None:
        """Cut off what does not count."""
        content, counted = self._files.content, self._progress.offset
        with explaining("look at the file", content):
            size = os.fstat(self._descriptor).st_size
        if size < counted:
            # No loss of power does this: the storage lost what it had called durable.
            self._files.note(self._progress, 0, self._wall_us())
            raise StorageError(
                f"{content}: has {size} bytes, and {counted} were durable; the camera brings it "
                "again from its beginning: check the storage"
            )
        if size > counted:
            durable_files.truncate(self._descriptor, counted, content)

    def write(self, piece: bytes) -> None:
        """Take the next bytes. Raises UploadError if more come than are missing, and
        StorageError."""
        with self._lock:
            self._check_open()
            if self._end - self._progress.offset + len(piece) > self.most:
                raise UploadError(
                    UploadRefusal.TOO_LARGE,
                    f"the part goes beyond the {self.most} bytes that are missing; send no more",
                )
            self._sha256.update(piece)
            if self._other is not None:
                self._other.update(piece)
            self._end = durable_files.write(
                self._descriptor, [piece], self._end, self._files.content
            )
            if self._end - self._written_out >= WRITE_OUT:
                durable_files.begin_sync(
                    self._descriptor,
                    self._written_out,
                    self._end - self._written_out,
                    self._files.content,
                )
                self._written_out = self._end

    def finish(self, sha256: bytes, checksum: bytes | None = None) -> int:
        """Have the part count, durably; returns the bytes that the upload then has. sha256: what
        it has to have. checksum: the client's own.

        Raises UploadError and StorageError. Then nothing of it counts. Only
        if the storage fails while it notes the offset, either is possible.
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
            if self._end > self._progress.offset:
                durable_files.sync(self._descriptor, self._files.content)
                # From here on the offset may say that they count: they are not cut off any more.
                self._settled = True
                self._files.note(self._progress, self._end, self._wall_us())
                self._on_count(self._progress.offset, self._end, own)
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
                    durable_files.truncate(
                        self._descriptor, self._progress.offset, self._files.content
                    )
            finally:
                durable_files.close(self._descriptor, self._files.content)
                self._on_close()

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(f"{self._files.content}: this part was given up; send it again")
