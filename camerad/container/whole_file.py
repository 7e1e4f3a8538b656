"""SHA-256 of a whole file, computed while another reader reads it from front to back."""

from __future__ import annotations

import hashlib
import os
from typing import Final

_PIECE: Final = 1 << 20


class WholeFile:
    """The reader shows it each piece that it reads. Pieces that the reader skipped are read here;
    repeated ones are ignored.

    bytes: how many were hashed so far. Used by one thread; everything raises OSError.
    """

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self.bytes = 0

    @property
    def sha256(self) -> str:
        """Of those bytes, in hexadecimal."""
        return self._sha256.hexdigest()

    def show(self, descriptor: int, offset: int, piece: memoryview) -> None:
        """These bytes were read at `offset` of the file."""
        if offset > self.bytes:
            self._read(descriptor, offset)
        fresh = piece[self.bytes - offset :]
        if fresh:
            self._sha256.update(fresh)
            self.bytes += len(fresh)

    def finish(self, descriptor: int) -> None:
        """The reader ended, perhaps before the end of the file."""
        self._read(descriptor, None)

    def _read(self, descriptor: int, end: int | None) -> None:
        while end is None or self.bytes < end:
            wanted = _PIECE if end is None else min(_PIECE, end - self.bytes)
            piece = os.pread(descriptor, wanted, self.bytes)
            if not piece:
                return
            self._sha256.update(piece)
            self.bytes += len(piece)
