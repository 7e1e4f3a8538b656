"""Received parts of each upload: SHA-256 of every part that counts, as it was signed.

So what the storage gives back can be told apart from what a camera sent, without reading twice.
Only this process knows it: after a start nothing is known of the uploads that had begun before.
Memory is bounded by `MOST_PARTS` for each upload; of one that has more nothing is known either.

Every method may be called by any thread.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Collection
from typing import Final

import msgspec

from camerad.base import storage_errors
from camerad.base.errors import StorageError
from camerad.container.keys import Thumbprint
from camerad.container.recording_ids import RecordingId
from camerad.store.verified_copy import Digest

MOST_PARTS: Final = 2048
"""Of one upload: 16 GiB, by camerad's own client."""
_PIECE: Final = 4 << 20
_Name = tuple[Thumbprint, RecordingId]
"""A camera's key and a recording."""


class Arrivals:
    """Of all uploads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: dict[_Name, list[tuple[int, bytes]]] = {}

    def begin(self, name: _Name) -> None:
        """Nothing has come of an upload yet."""
        with self._lock:
            self._parts[name] = []

    def note(self, name: _Name, begin: int, end: int, sha256: bytes) -> None:
        """A part counts from now on: the bytes from `begin` to `end`."""
        with self._lock:
            parts = self._parts.get(name)
            if parts is None:
                return
            if begin != (parts[-1][0] if parts else 0) or len(parts) >= MOST_PARTS:
                del self._parts[name]
            else:
                parts.append((end, sha256))

    def forget(self, name: _Name) -> None:
        """The upload is not there any more."""
        with self._lock:
            self._parts.pop(name, None)

    def keep_only(self, names: Collection[_Name]) -> None:
        """Forget all other uploads."""
        with self._lock:
            self._parts = {name: parts for name, parts in self._parts.items() if name in names}

    def knows(self, name: _Name, length: int) -> bool:
        """Whether this process saw every byte come of an upload of so many bytes."""
        with self._lock:
            parts = self._parts.get(name)
            return bool(parts and parts[-1][0] == length)

    def is_as_it_came(self, name: _Name, path: str) -> bool:
        """Read a file from the storage, not from memory, and compare it with what came. Raises
        StorageError."""
        with self._lock:
            parts = list(self._parts.get(name, ()))
        with storage_errors.explaining("read the file", path):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                begin = 0
                for end, sha256 in parts:
                    if _sha256(descriptor, begin, end) != sha256:
                        return False
                    begin = end
                return not os.pread(descriptor, 1, begin)
            finally:
                os.close(descriptor)


class CameContent(msgspec.Struct, frozen=True):
    """What came of an upload: as `arrivals` knows, or, without them, `read`."""

    arrivals: Arrivals | None
    name: _Name
    read: Digest | None = None

    def compare(self, path: str, written: Digest) -> None:
        """Raises StorageError if a file that reads as `written` is another than came."""
        if self.arrivals is None:
            same = self.read == written
        else:
            same = self.arrivals.is_as_it_came(self.name, path)
        if not same:
            raise StorageError(
                f"{path}: it reads back with other bytes than came; do not use this storage: take "
                "another one"
            )


def _sha256(descriptor: int, begin: int, end: int) -> bytes:
    found = hashlib.sha256()
    while begin < end and (piece := os.pread(descriptor, min(_PIECE, end - begin), begin)):
        found.update(piece)
        begin += len(piece)
    return found.digest()
