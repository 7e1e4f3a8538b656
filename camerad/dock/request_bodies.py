"""Bodies of requests, in pieces, readable again for another try.

A part is read twice, once for its digest, which goes before it, and once to be sent. The second
time it comes from the kernel's cache. On a Raspberry Pi Zero 2 W that is a copy of 16 MiB in
memory, a hundredth of the processor time that encrypting it takes; a buffer of 16 MiB would cost
the camera that memory for the whole of a hand-over, and the cache gives it back to whoever needs
it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final, Protocol

import msgspec

from camerad.base.errors import StorageError
from camerad.base.storage_errors import explaining

PIECE: Final = 64 * 1024
"""Bytes that are in memory at a time."""


class Body(Protocol):
    """Bytes that can be gone through more than once."""

    @property
    def length(self) -> int:
        """How many bytes there are."""

    def pieces(self) -> Iterator[bytes]:
        """All of them, from the first, none of them longer than `PIECE`."""


class Text(msgspec.Struct, frozen=True):
    """Bytes in memory."""

    content: bytes

    @property
    def length(self) -> int:
        """How many bytes there are."""
        return len(self.content)

    def pieces(self) -> Iterator[bytes]:
        """All of them."""
        for begin in range(0, len(self.content), PIECE):
            yield self.content[begin : begin + PIECE]


class FilePart(msgspec.Struct, frozen=True):
    """A part of an open file. path: for messages."""

    descriptor: int
    path: str
    offset: int
    length: int

    def pieces(self) -> Iterator[bytes]:
        """The file's bytes there. Raises StorageError, also if the file ends before."""
        position, end = self.offset, self.offset + self.length
        while position < end:
            with explaining("read", self.path):
                piece = os.pread(self.descriptor, min(PIECE, end - position), position)
            if not piece:
                raise StorageError(f"{self.path}: it became shorter while it was handed over")
            position += len(piece)
            yield piece

    def forget(self) -> None:
        """Let the kernel's cache go of it: what has been handed over is not read again soon."""
        os.posix_fadvise(self.descriptor, self.offset, self.length, os.POSIX_FADV_DONTNEED)
