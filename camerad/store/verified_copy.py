"""Copies whole files to other storage, often a stick, and verifies the copies.

Such storage may know neither modes nor owners (FAT), so nothing here sets any. Temporary files end
in `camerad.base.durable_files.TEMPORARY`; one that a former run left is replaced.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from typing import Final, NamedTuple

from camerad.base import durable_files, storage_errors
from camerad.base.errors import StorageError

Progress = Callable[[int], None]
"""Called with the number of bytes that were done since the last call."""

_PIECE: Final = 4 << 20


class Digest(NamedTuple):
    """A file's whole content. sha256: in hexadecimal."""

    sha256: str
    bytes: int


def copy(source: str, target: str, progress: Progress | None = None) -> Digest:
    """Copy a file durably, over what is at `target`; returns what both contain. Otherwise as
    `written`."""
    with storage_errors.explaining("read the file", source):
        reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return written(
            target,
            lambda write: digest_of(reading, source, progress, lambda piece, _: write(piece)),
            progress,
        )
    finally:
        os.close(reading)


def written(
    target: str,
    fill: Callable[[Callable[[bytes], object]], object],
    progress: Progress | None = None,
) -> Digest:
    """Write a file durably, over what is at `target`; returns what it contains. fill: gives the
    content, piece by piece, to the function that it is called with.

    The file is read back from the storage, not from memory, before it gets its name. Raises
    StorageError, also if other bytes come back, and what `fill` raises; then `target` is as it was.
    """
    temporary = target + durable_files.TEMPORARY
    durable_files.discard(temporary, missing_ok=True)  # what a former run left
    try:
        content = _write(temporary, fill)
        if digest(temporary, progress, fresh=True) != content:
            raise StorageError(
                f"{target}: it reads back with other bytes than were written; do not use "
                "this storage: take another one"
            )
        durable_files.rename(temporary, target)
    except BaseException:
        with contextlib.suppress(StorageError):
            durable_files.discard(temporary)
        raise
    return content


def digest(path: str, progress: Progress | None = None, *, fresh: bool = False) -> Digest:
    """What a file contains. fresh: read it from the storage, not from memory
    (``posix_fadvise(2)``). Raises StorageError."""
    with storage_errors.explaining("read the file", path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if fresh:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        return digest_of(descriptor, path, progress)
    finally:
        os.close(descriptor)


def digest_of(
    descriptor: int,
    path: str,
    progress: Progress | None = None,
    write: Callable[[bytes, int], object] | None = None,
) -> Digest:
    """What an open file contains; `path` is for messages. write: is given each piece, with its
    offset. Raises StorageError."""
    found = hashlib.sha256()
    size = 0
    while piece := _read(descriptor, size, path):
        if write is not None:
            write(piece, size)
        found.update(piece)
        size += len(piece)
        if progress is not None:
            progress(len(piece))
    return Digest(found.hexdigest(), size)


def _write(target: str, fill: Callable[[Callable[[bytes], object]], object]) -> Digest:
    found = hashlib.sha256()
    size = 0
    writing = durable_files.create(target)

    def write(piece: bytes) -> None:
        nonlocal size
        found.update(piece)
        size = durable_files.write(writing, [piece], size, target)

    try:
        fill(write)
        durable_files.sync(writing, target)
    finally:
        durable_files.close(writing, target)
    return Digest(found.hexdigest(), size)


def _read(descriptor: int, offset: int, path: str) -> bytes:
    with storage_errors.explaining("read the file", path):
        return os.pread(descriptor, _PIECE, offset)
