"""Seals a package for its recipient: one ZIP file, encrypted as an age file while it is made.

No file holds the ZIP file in the clear. Its entries are stored, not compressed, and their sizes
stand behind them (PKWARE's APPNOTE, 4.3.9), since what is encrypted cannot be written over.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import BinaryIO, Final

import msgspec

from camerad.container.encryption import Sealer
from camerad.store import verified_copy

ENDING: Final = ".zip.age"
_PIECE: Final = 1 << 20
_MODE: Final = 0o100600 << 16
"""A plain file that only its owner may read."""


class PackedFile(msgspec.Struct, frozen=True):
    """A file that goes into the package. opened: opens it at its beginning. bytes: its size."""

    name: str
    bytes: int
    opened: Callable[[], AbstractContextManager[BinaryIO]]


def seal(
    target: str,
    files: Iterable[PackedFile],
    sealer: Sealer,
    made: datetime,
    progress: verified_copy.Progress | None = None,
) -> verified_copy.Digest:
    """Write the sealed package to `target`, as `verified_copy.written` does; returns what that
    file contains. made: the time of the files in it. Raises StorageError."""
    zipped = _zipped(files, made, progress or (lambda _: None))
    return verified_copy.written(target, lambda write: sealer.seal_stream(zipped, write), progress)


class _Taken:
    """A file that cannot be sought in; what was written to it is taken away from time to time."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def _zipped(
    files: Iterable[PackedFile], made: datetime, progress: verified_copy.Progress
) -> Iterator[bytes]:
    taken = _Taken()
    with zipfile.ZipFile(taken, "w") as archive:  # type: ignore[call-overload]
        for one in files:
            entry = zipfile.ZipInfo(one.name, made.timetuple()[:6])
            entry.external_attr = _MODE
            wide = one.bytes >= zipfile.ZIP64_LIMIT
            with one.opened() as source, archive.open(entry, "w", force_zip64=wide) as stored:
                while piece := source.read(_PIECE):
                    stored.write(piece)
                    progress(len(piece))
                    yield taken.take()
    yield taken.take()
