"""The hashes of a log's tree, in files that only grow.

``hashes-0`` has the hashes of all leaves, one behind the other; ``hashes-8`` those of each complete
subtree of 2^8 leaves, ``hashes-16`` of 2^16, and so on: what C2SP ``tlog-tiles`` calls the tiles of
levels 0, 1, 2. So the hash of any complete subtree takes at most 128 others.

The caller is the only one who appends, and says how many leaves count (`cut`); what lies behind
them was left by a loss of power. Others may read what counts meanwhile: it never changes.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from typing import Final

from camerad.base import durable_files, file_status
from camerad.base.errors import StorageError
from camerad.base.safe_read import open_plain
from camerad.base.storage_errors import explaining
from camerad.transparency.merkle import HASH_BYTES, node_hash

STEP: Final = 8
"""Levels of the tree between two files."""
_WIDTH: Final = 1 << STEP


class TreeFiles:
    """directory: where they are. All of it raises StorageError."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    @property
    def size(self) -> int:
        """How many leaves are there."""
        return self._count(0)

    def cut(self, size: int) -> None:
        """Drop all leaves but the first `size`. Raises StorageError if there are fewer."""
        if self.size < size:
            raise StorageError(
                f"{self._path(0)}: {size - self.size} hashes of the office's log are missing; put "
                "the directory back from its backup"
            )
        level, left = 0, size
        while there := self._count(level):
            self._write(level, min(there, left), b"")
            level, left = level + STEP, left // _WIDTH
        self._fold()

    def append(self, leaves: Sequence[bytes]) -> None:
        """Add hashes of leaves, durably."""
        self._write(0, self.size, b"".join(leaves))
        self._fold()

    def complete(self, level: int, number: int) -> bytes:
        """The hash of a complete subtree, as `merkle.Complete`."""
        return self._folded(level - level % STEP, number, level % STEP)

    def last(self) -> bytes | None:
        """The hash of the last leaf; None without one."""
        size = self.size
        return self.complete(0, size - 1) if size else None

    def find(self, leaf: bytes) -> int | None:
        """The number of the last leaf with this hash; None if there is none."""
        if not self.size:
            return None
        path = self._path(0)
        with (
            open_plain(path, "log") as file,
            explaining("search the log", path),
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            at = content.rfind(leaf)
            while at % HASH_BYTES and at > 0:
                at = content.rfind(leaf, 0, at + HASH_BYTES - 1)
            return None if at < 0 else at // HASH_BYTES

    def _fold(self) -> None:
        """Write the hashes of complete subtrees that the files above the leaves lack."""
        level = 0
        while whole := self._count(level) // _WIDTH:
            there = self._count(level + STEP)
            hashes = [self._folded(level, number, STEP) for number in range(there, whole)]
            level += STEP
            if hashes:
                self._write(level, there, b"".join(hashes))

    def _folded(self, level: int, number: int, up: int) -> bytes:
        """The hash above 2^up neighbours, of which the file of `level` has the hashes."""
        path, count = self._path(level), 1 << up
        with open_plain(path, "log") as file, explaining("read the log", path):
            file.seek(number * count * HASH_BYTES)
            content = file.read(count * HASH_BYTES)
        if len(content) < count * HASH_BYTES:
            raise StorageError(f"{path}: hashes of the office's log are missing")
        found = [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]
        while len(found) > 1:
            found = [node_hash(*found[at : at + 2]) for at in range(0, len(found), 2)]
        return found[0]

    def _path(self, level: int) -> str:
        return os.path.join(self._directory, f"hashes-{level}")

    def _count(self, level: int) -> int:
        path = self._path(level)
        with explaining("look at the log", path):
            try:
                return os.stat(path).st_size // HASH_BYTES
            except FileNotFoundError:
                return 0

    def _write(self, level: int, number: int, content: bytes) -> None:
        """Cut a file behind `number` hashes and write further ones, durably."""
        path, at = self._path(level), number * HASH_BYTES
        is_new = not file_status.exists(path)
        descriptor = durable_files.create(path) if is_new else durable_files.open_existing(path)
        try:
            durable_files.truncate(descriptor, at, path)
            durable_files.write(descriptor, [content], at, path)
            durable_files.sync(descriptor, path)
        finally:
            durable_files.close(descriptor, path)
        if is_new:
            durable_files.sync_directory(self._directory)
