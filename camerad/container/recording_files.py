"""Names of recordings' files, and the locks on them."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable
from typing import Final

from camerad.base import storage_errors
from camerad.container.recording_ids import ID, RecordingId, number_in
from camerad.container.statements import utc

SUFFIX: Final = ".tar"
UNREADABLE: Final = ".unreadable"
"""Ending of a file that should be a recording and is none; repair puts it aside under it."""
_UNREACHED: Final = 10**9
"""A device that records once a minute gets there in two thousand years."""


def new_id(directory: str, wall_us: int, known: Iterable[str] = ()) -> RecordingId:
    """A name for the next recording in `directory`: ``20261124T153000Z-000001-9f3c02ab``.

    known: the recordings that the ledger names, also those that are gone or deleted.

    The time is for people, and `ls` sorts by it. The number is one more than the highest there or
    known: none comes twice when the newest has vanished, and the order survives a clock that is
    wrong. The random part keeps names apart when a wrong clock shows the same time twice. A number
    that no device reaches does not count, so that a file that was put there does not make the names
    too long. Raises StorageError if the directory cannot be read, and ValueError if wall_us is no
    date.
    """
    there = (number_of(name) for name in (*list_names(directory), *known))
    number = 1 + max((one for one in there if one < _UNREACHED), default=0)
    return RecordingId(f"{utc(wall_us):%Y%m%dT%H%M%SZ}-{number:06d}-{secrets.token_hex(4)}")


def number_of(name: str) -> int:
    """The number in the name of a recording or of one of its files; 0 in any other name."""
    found = ID.match(name)
    return number_in(RecordingId(found[0])) if found else 0


def list_names(directory: str) -> list[str]:
    """Names in the directory. Raises StorageError."""
    with storage_errors.explaining("list recordings", directory):
        return os.listdir(directory)


def lock(descriptor: int, path: str) -> None:
    """Claim the file until the descriptor is closed.

    Waits for a process that calls `is_locked` just then. Raises StorageError.
    """
    with storage_errors.explaining("lock the file", path):
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def try_lock(descriptor: int, path: str) -> bool:
    """Claim the file until the descriptor is closed; False if a recorder, or a repair, has it.

    Waits only for a process that calls `is_locked` just then. Raises StorageError.
    """
    with storage_errors.explaining("lock the file", path):
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if is_locked(descriptor):
                    return False
            else:
                return True


def is_locked(descriptor: int) -> bool:
    """Whether a recorder, or a repair, has claimed the file. Raises OSError."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False
