"""Where a camera keeps an update bundle that it fetches: in a directory of its own, never at the
cost of recordings.

`camerad.update.offered_bundles` names the files. Order of writes: each piece is appended to
``SHA256.part`` and synchronised before the next one; when all are there, the file is read back and
its SHA-256 compared; only then it gets the name ``SHA256.raucb``; only then ``ready`` is published.
After a loss of power the last piece alone is in doubt, and fetched again.

Lengths and offsets are bytes. Everything raises StorageError.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from typing import Final

from camerad.base import durable_files, file_status
from camerad.base.storage_errors import explaining
from camerad.update.offered_bundles import ENDING, READY

PIECE: Final = 256 * 1024
"""Bytes that are written before they are synchronised. A slow card takes 25 ms for them, and a
recording that begins just then waits as long."""
_PART: Final = ".part"


class BundleStore:
    """directory: its own. reserve: bytes that stay free for recordings, whatever is fetched. Names
    are SHA-256 in hexadecimal."""

    def __init__(self, directory: str, reserve: int) -> None:
        self._directory = directory
        self._reserve = reserve

    def tidy(self, keep: str | None) -> None:
        """Remove all but the bundle that is named, durably."""
        kept = () if keep is None else (keep + _PART, keep + ENDING, READY)
        with explaining("list the directory", self._directory):
            names = [name for name in os.listdir(self._directory) if name not in kept]
        for name in names:
            path = self._path(name)
            if not file_status.is_directory(path):  # ext4's lost+found
                durable_files.remove(path, missing_ok=True)

    def has_room(self, more: int) -> bool:
        """Whether so many bytes may be written."""
        with explaining("ask for free room", self._directory):
            state = os.statvfs(self._directory)
        return state.f_bavail * state.f_frsize - more >= self._reserve

    def is_complete(self, sha256: str) -> bool:
        """Whether a bundle is there whole."""
        return file_status.is_file(self._path(sha256 + ENDING))

    def offset(self, sha256: str) -> int:
        """Where a bundle goes on: what is there of it, without the piece that was written last."""
        path = self._path(sha256 + _PART)
        if not file_status.is_file(path):
            return 0
        with explaining("look at", path):
            return max(0, os.stat(path).st_size - PIECE)

    def append(self, sha256: str, offset: int, content: bytes, look: Callable[[], None]) -> int:
        """Write what comes at an offset, durably; the offset behind it. look: is called between
        pieces, and may raise."""
        path = self._path(sha256 + _PART)
        there = file_status.is_file(path)
        descriptor = durable_files.open_existing(path) if there else durable_files.create(path)
        try:
            if not there:
                durable_files.sync_directory(self._directory)
            for begin in range(0, len(content), PIECE):
                look()
                piece = content[begin : begin + PIECE]
                offset = durable_files.write(descriptor, [piece], offset, path)
                durable_files.sync(descriptor, path)
            os.posix_fadvise(descriptor, 0, offset, os.POSIX_FADV_DONTNEED)
        finally:
            durable_files.close(descriptor, path)
        return offset

    def complete(self, sha256: str, length: int, look: Callable[[], None]) -> bool:
        """Whether what was fetched is what was offered: it is read back from the card. If so, it is
        complete; else it is removed. look: as for `append`."""
        path = self._path(sha256 + _PART)
        descriptor = durable_files.open_existing(path)
        found, offset = hashlib.sha256(), 0
        try:
            durable_files.truncate(descriptor, length, path)
            durable_files.sync(descriptor, path)
            while offset < length:
                look()
                with explaining("read", path):
                    piece = os.pread(descriptor, PIECE, offset)
                found.update(piece)
                offset += len(piece) or length
            os.posix_fadvise(descriptor, 0, length, os.POSIX_FADV_DONTNEED)
        finally:
            durable_files.close(descriptor, path)
        if found.hexdigest() != sha256:
            durable_files.remove(path)
            return False
        durable_files.rename(path, self._path(sha256 + ENDING))
        return True

    def hand_in(self, sha256: str) -> None:
        """Have the installer look at a complete bundle, now and each time that this is called."""
        durable_files.publish(self._path(READY), f"{sha256}\n".encode("ascii"))

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)
