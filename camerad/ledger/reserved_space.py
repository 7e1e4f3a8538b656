"""Reserves room for the ledger, so that a full card can still be emptied.

A deletion needs a tombstone, and a tombstone needs room: on a card without a free byte nothing
could ever be deleted. So a file of zeros keeps some room. A ledger without room gives up a piece of
it and writes; what is deleted then makes room to fill it up again. The file says nothing and is
never read. Whatever a loss of power makes of it, the next `fill` makes it whole.

Pieces are given up one by one. A recording on the same full card takes whatever room it finds, and
so it can take one piece at most before the ledger does.
"""

from __future__ import annotations

import errno
import os
from typing import Final

from camerad.base import durable_files, storage_errors
from camerad.base.errors import StorageError

NAME: Final = "reserve"
BYTES: Final = 4 << 20
"""Room that is kept: for some 6,000 entries of 600 bytes, or for the first entries of an epoch that
carries 5,000 recordings."""
PIECE: Final = 64 << 10
"""What is given up at once: more than any entry, and a multiple of any file system's blocks."""
FULL: Final = (errno.ENOSPC, errno.EDQUOT)
"""The errors of a storage without room."""


class Reserve:
    """The reserve in `directory`, which must exist. Use it under the ledger's lock."""

    def __init__(self, directory: str) -> None:
        self.path: Final = os.path.join(directory, NAME)

    def fill(self) -> None:
        """Set aside what is missing, as far as there is room. Raises StorageError for anything but
        a lack of room."""
        size = self._size()
        if size is not None and size >= BYTES:
            return
        descriptor = (
            durable_files.create(self.path)
            if size is None
            else durable_files.open_existing(self.path)
        )
        try:
            at = size or 0
            try:
                while at < BYTES:
                    step = min(PIECE, BYTES - at)
                    durable_files.preallocate(descriptor, at, step, self.path)
                    at += step
            except StorageError as error:
                if error.errno not in FULL:
                    raise
            durable_files.sync(descriptor, self.path)
        finally:
            durable_files.close(descriptor, self.path)
        if size is None:
            durable_files.sync_directory(os.path.dirname(self.path))

    def release(self, wanted: int, *, urgent: bool) -> bool:
        """Give up so many bytes at least; returns whether there is that much more room now.

        urgent: without the entry nothing could be deleted. For any other entry half of the reserve
        stays. Raises StorageError.
        """
        size = self._size() or 0
        pieces = -(-wanted // PIECE)
        left = size - pieces * PIECE
        if left < (0 if urgent else BYTES // 2):
            return False
        descriptor = durable_files.open_existing(self.path)
        try:
            durable_files.truncate(descriptor, left, self.path)
            # What a file system frees it may give away only once that is durable.
            durable_files.sync(descriptor, self.path)
        finally:
            durable_files.close(descriptor, self.path)
        return True

    def _size(self) -> int | None:
        """Bytes that are set aside; None if there is no such file."""
        try:
            return os.lstat(self.path).st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_errors.explain("look at the file", self.path, error) from error
