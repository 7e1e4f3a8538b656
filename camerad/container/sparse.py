"""Reads a file without its holes: what it has on its storage, and not what it says its length is.

A file of a terabyte of zeros may take no room at all. To read it takes an hour nevertheless, so
whoever looks for something in a file that is not known to be whole asks where there is anything
(``SEEK_DATA`` of ``lseek(2)``). A file system that knows of no holes says that
all of a file is data; its files are no longer than the storage.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Final

_PIECE: Final = 1 << 20


def next_data(descriptor: int, offset: int) -> int | None:
    """Where the first byte at or behind `offset` lies that is on the storage; None if there is none
    before the end of the file. The descriptor's own offset moves. Raises OSError."""
    try:
        return os.lseek(descriptor, offset, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        raise


def data_pieces(descriptor: int, offset: int) -> Iterator[tuple[int, bytes]]:
    """What a file has on its storage from `offset` on, a mebibyte at once, and where it lies; what
    is between the pieces are zeros. The descriptor's own offset moves. Raises OSError."""
    while (start := next_data(descriptor, offset)) is not None:
        piece = os.pread(descriptor, _PIECE, start)
        if not piece:
            return  # it has become shorter
        yield start, piece
        offset = start + len(piece)
