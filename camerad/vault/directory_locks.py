"""Locks in an office's directory: they exclude threads, and servers that share the directory.

A lock is on an open file (flock(2)), and each holder opens it anew. So two threads exclude each
other as two servers do, on one machine or on several that share a network file system with locks
(NFS 4, CephFS). Whoever ends, however that happens, holds nothing any more.

The files in ``office/locks/`` are empty, and are never removed: a lock on a file that has lost its
name would exclude nobody.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from typing import Final

from camerad.base import durable_files, file_status
from camerad.base.storage_errors import explain, explaining
from camerad.store.locations import OFFICE

LOCKS: Final = "locks"
"""The directory of locks, in the office's own part."""
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_FLAGS: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


class DirectoryLocks:
    """root: the office's directory. Any thread may use them."""

    def __init__(self, root: str) -> None:
        self._office = os.path.join(root, OFFICE)
        self._directory = os.path.join(self._office, LOCKS)

    @contextlib.contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold the lock of this name until the end of the context; it is waited for.

        name: letters, digits, dashes. It must not be held already by whoever asks. Raises
        StorageError.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r}: no lock is called so")
        descriptor = self._open(name)
        try:
            with explaining("lock the file", os.path.join(self._directory, name)):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def try_hold(self, name: str) -> Iterator[bool]:
        """The same without waiting: yields whether it is held, False if somebody else has it."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r}: no lock is called so")
        descriptor = self._open(name)
        try:
            with explaining("lock the file", os.path.join(self._directory, name)):
                held = _try_lock(descriptor)
            yield held
        finally:
            os.close(descriptor)

    def _open(self, name: str) -> int:
        path = os.path.join(self._directory, name)
        file_status.check_directory(self._office)
        file_status.check_directory(self._directory)
        if not file_status.exists(self._directory):
            durable_files.make_directory(self._directory)
        with explaining("open the lock", path):
            return os.open(path, _FLAGS | os.O_CREAT, 0o600)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def claim_file(path: str) -> int | None:
    """Claim a file that is there, until the descriptor that is returned is closed.

    None if there is no such file any more. Raises BlockingIOError if somebody else has it, and
    StorageError.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise explain("open the file", path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever had it may have removed it meanwhile, or there is another one of that name.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                return descriptor
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError as error:
        os.close(descriptor)
        raise explain("claim the file", path, error) from error
    os.close(descriptor)
    return None
