"""A file without a name until it is complete, so that a crash leaves nothing.

Some file systems have no files without a name, those of most sticks among them: see `UnnamedFile`.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from camerad.base import durable_files, file_status
from camerad.base.errors import StorageError
from camerad.store import verified_copy

TEMPORARY: Final = ".part"
"""Ending of a file that is not finished, where such a file needs a name; one that is found is worth
nothing."""


MODE: Final = 0o600
"""What is opened is in the clear: only whoever opened it may read it."""


_BUFFER: Final = 1 << 20
"""Bytes that are handed to the thread at once."""
_PIECE: Final = 256 << 10
"""Bytes of one call. On ext4 a call of 512 KiB and more takes three times as long for each byte, on
some devices (Linux 6.18, measured on a loop device)."""


class UnnamedFile:
    """The output until it is published; a context manager, behind which it is gone otherwise.

    It has no name, so the kernel removes it with the process. Where the file system has no such
    files, it is called as its target with `TEMPORARY` behind; only whoever opened it may read it,
    if that file system has modes (vfat and exFAT have none). There a kill or a loss of power leaves
    what was opened so far, in the clear; the next run with this target removes it, on any file
    system.

    A thread of its own writes, so that the kernel copies while the next fragment is decrypted. One
    write is under way at most, which bounds the memory.
    """

    def __init__(self, output: str) -> None:
        self._output = output
        self._path = output + TEMPORARY
        self._named = False
        self._descriptor: int | None = None
        self._offset = 0
        self._pieces: list[bytes | memoryview] = []
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="evidence-write")
        self._under_way: Future[None] | None = None

    def __enter__(self) -> UnnamedFile:
        directory = os.path.dirname(self._output)
        self._descriptor = durable_files.create_unnamed(directory, MODE)
        if file_status.is_file(self._path) or file_status.is_link(self._path):
            durable_files.remove(self._path)
        if self._descriptor is None:
            self._descriptor = durable_files.create(self._path, MODE)
            self._named = True
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        if self._descriptor is not None:
            durable_files.close(self._descriptor, self._path)
            self._descriptor = None
            if self._named:
                durable_files.remove(self._path)

    def write(self, data: bytes | memoryview) -> None:
        """Append. Raises StorageError, perhaps that of data before. The data must not change."""
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting >= _BUFFER:
            self._flush()

    def patch(self, offset: int, data: bytes) -> None:
        """Write over what is there already. Raises StorageError."""
        self._flush()
        self._wait()
        durable_files.write(self._opened, [data], offset, self._path)

    def discard(self) -> None:
        """Forget what was written."""
        self._wait()
        self._pieces.clear()
        self._waiting = self._offset = 0
        durable_files.truncate(self._opened, 0, self._path)

    def sha256(self) -> str:
        """Of what was written. Raises StorageError."""
        self._flush()
        self._wait()
        return verified_copy.digest_of(self._opened, self._path).sha256

    def publish(self, name: str) -> None:
        """Give the file its name, durably. Raises StorageError."""
        self._flush()
        self._wait()
        durable_files.sync(self._opened, self._path)
        if self._named:
            durable_files.rename(self._path, name)
        else:
            durable_files.link_unnamed(self._opened, name)
        durable_files.close(self._opened, name)
        self._descriptor = None

    @property
    def _opened(self) -> int:
        if self._descriptor is None:
            raise StorageError(f"{self._path}: is not open")
        return self._descriptor

    def _flush(self) -> None:
        self._wait()
        pieces, size = self._pieces, self._waiting
        self._pieces, self._waiting = [], 0
        self._under_way = self._thread.submit(self._write_all, pieces, self._offset)
        self._offset += size

    def _write_all(self, pieces: list[bytes | memoryview], offset: int) -> None:
        for piece in pieces:
            view = memoryview(piece)
            for start in range(0, len(view), _PIECE):
                part = view[start : start + _PIECE]
                offset = durable_files.write(self._opened, [part], offset, self._path)

    def _wait(self) -> None:
        """Return when what was to be written is. Raises StorageError."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()
