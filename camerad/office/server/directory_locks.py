"""Locks in an office's directory: they exclude threads, and servers that share the directory.

A lock is on one byte of the file ``office/lock``, which its name chooses (open file description
locks, fcntl(2)), and each holder opens the file anew. So two threads exclude each other as two
servers do, on one machine or on several that share a network file system with locks (NFS 4,
CephFS). A process that ends in any way holds nothing any more.

The file is empty, since a lock may lie behind a file's end, and no server removes it. So a lock
costs nothing that stays, and each recording can have its own. If a person removes it, or another
one is put into its place, the holders of locks then exclude none who come later; a thread that
waited takes the lock of the file that is there now, so all is well again when the last of them has
ended.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import struct
from collections.abc import Iterator
from typing import Final, Protocol

from camerad.base import durable_files, file_status
from camerad.base.bounded_wait import wait_until
from camerad.base.errors import StorageError
from camerad.base.storage_errors import explain, explaining
from camerad.office.state.waiting_room import LockHeldError
from camerad.store.locations import OFFICE

LOCK: Final = "lock"
"""The file of locks, in the office's own part."""
_FLAGS: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_RANGE: Final = "hhqqi0q"
"""struct flock of fcntl(2) on 64 bits: type, whence, start, length, and a process that stays 0."""


class NamedLocks(Protocol):
    """What holds locks by their names, as `DirectoryLocks` does."""

    def hold(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Hold the lock of this name until the end of the context; it is waited for."""

    def try_hold(self, name: str) -> contextlib.AbstractContextManager[bool]:
        """The same, without waiting; gives whether it is held."""


class DirectoryLocks:
    """root: the office's directory. seconds: how long `hold` waits unless told otherwise.
    Thread-safe."""

    def __init__(self, root: str, seconds: float | None = None) -> None:
        self._office = os.path.join(root, OFFICE)
        self._path = os.path.join(self._office, LOCK)
        self._seconds = seconds

    @contextlib.contextmanager
    def hold(self, name: str, seconds: float | None = None) -> Iterator[None]:
        """Hold the lock of this name until the end of the context; it is waited for.

        name: any text. The caller must not hold it already. seconds: wait so long for each file of
        locks, else for as long as it takes: the process that has it may be stopped, and holds it.
        Raises LockHeldError and StorageError.
        """
        seconds = self._seconds if seconds is None else seconds
        while True:
            descriptor = self._open()
            try:
                self._wait(descriptor, name, seconds)
                if _is_at(descriptor, self._path):
                    yield
                    return
            finally:
                os.close(descriptor)

    @contextlib.contextmanager
    def try_hold(self, name: str) -> Iterator[bool]:
        """The same, without waiting; yields whether it is held."""
        while True:
            descriptor = self._open()
            try:
                held = _is_locked(descriptor, name, self._path)
                if not held or _is_at(descriptor, self._path):
                    yield held
                    return
            finally:
                os.close(descriptor)

    def _wait(self, descriptor: int, name: str, seconds: float | None) -> None:
        if seconds is None:
            with explaining("lock the file", self._path):
                fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, _one_byte(name))
        elif not wait_until(lambda: _is_locked(descriptor, name, self._path), seconds):
            raise LockHeldError(
                f"{self._path}: another server, or a command, has held the lock {name!r} for "
                f"{seconds:.0f} s; see whether it is stopped"
            )

    def _open(self) -> int:
        file_status.check_directory(self._office)
        if not file_status.exists(self._office):
            durable_files.make_directory(self._office)
        while True:
            with explaining("open the locks", self._path):
                with contextlib.suppress(FileNotFoundError):
                    return os.open(self._path, _FLAGS)
                try:
                    descriptor = os.open(self._path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
                except FileExistsError:
                    continue
            # A command that root ran may be the first to need one; the server does after it.
            durable_files.leave_to_owner(descriptor, self._path)
            return descriptor


def _one_byte(name: str) -> bytes:
    """The lock of a name, for fcntl(2): of 2^62 bytes that one which its SHA-256 chooses, so that
    no two names ever meet."""
    digest = hashlib.sha256(name.encode()).digest()
    start = int.from_bytes(digest[:8], "big") >> 2
    return struct.pack(_RANGE, fcntl.F_WRLCK, os.SEEK_SET, start, 1, 0)


def _is_locked(descriptor: int, name: str, path: str) -> bool:
    """Take the lock of a name, unless another holder has it; returns whether it is held now."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _one_byte(name))
    except BlockingIOError:
        return False
    except OSError as error:
        raise explain("lock the file", path, error) from error
    return True


def _is_at(descriptor: int, path: str) -> bool:
    """Whether an open file still has its name, so that its locks exclude who comes later."""
    try:
        with explaining("look at the file", path):
            return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except StorageError as error:
        if error.errno == errno.ENOENT:
            return False
        raise


def create_claimed(directory: str) -> tuple[int, str]:
    """Make a file with a unique name, which ends in `durable_files.TEMPORARY`, and claim it
    (`claim_file`) until its descriptor is closed; returns that and its path.

    Between the two another server may take it for what a killed process left, and remove it: then
    another one is made. Raises StorageError.
    """
    while True:
        path = os.path.join(directory, secrets.token_hex(8) + durable_files.TEMPORARY)
        descriptor, claimed = durable_files.create(path), False
        try:
            with contextlib.suppress(BlockingIOError):
                claimed = _claim(descriptor, path)
        finally:
            if not claimed:
                os.close(descriptor)
                durable_files.remove(path, missing_ok=True)
        if claimed:
            return descriptor, path


def claim_file(path: str) -> int | None:
    """Claim a file that is there, until the descriptor that is returned is closed.

    None if there is no such file any more. Raises BlockingIOError if another holder has it, and
    StorageError.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise explain("open the file", path, error) from error
    try:
        if _claim(descriptor, path):
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _claim(descriptor: int, path: str) -> bool:
    """Claim an open file; returns whether it is still at its path. Raises BlockingIOError if
    another holder has it, and StorageError."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        raise explain("claim the file", path, error) from error
    # Its last holder may have removed it meanwhile, or there is another one of that name.
    return _is_at(descriptor, path)
