"""Reads a file without its holes.

A file of a terabyte of zeros may take no room at all, and still takes an hour to read. So a search
of a file that may not be whole asks where its data is (``SEEK_DATA`` of ``lseek(2)``). A file
system without holes answers that everything is data; its files are no longer than the storage.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Final

_PIECE: Final = 1 << 20


def next_data(descriptor: int, offset: int) -> int | None:
    """Offset of the first byte at or behind `offset` that is on the storage; None if there is none.
    Moves the descriptor's own offset. Raises OSError."""
    try:
        return os.lseek(descriptor, offset, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise


def data_pieces(descriptor: int, offset: int) -> Iterator[tuple[int, bytes]]:
    """The data of a file from `offset` on, up to a mebibyte at once, each piece with its offset.
    Between the pieces are zeros. Moves the descriptor's own offset. Raises OSError."""
    while (start := next_data(descriptor, offset)) is not None:
        piece = os.pread(descriptor, _PIECE, start)
        if not piece:
            return  # it has become shorter
        yield start, piece
        offset = start + len(piece)
