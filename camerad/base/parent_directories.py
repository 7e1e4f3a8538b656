"""Opens the directory around a path so that it cannot be exchanged meanwhile.

Root may write everywhere, and works in directories of others. The owner of one could put a symbolic
link in its place between two system calls, and have root write, or give away, a file elsewhere. So
for root every directory on the way is opened by the one before it, and a link is followed only if
root made it; later calls use the descriptor. Other users are held to their own rights, wherever a
link leads.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import logging
import os
import stat
import struct
from collections.abc import Iterator
from typing import Final

from camerad.base.message_ids import MessageId
from camerad.base.storage_errors import explain

_log = logging.getLogger(__name__)

_MOST_LINKS: Final = 40
"""As path_resolution(7) has it."""
_ITSELF: Final = os.O_PATH | os.O_CLOEXEC
_OPENAT2: Final = 437
"""The number of openat2(2), Linux 5.6, on every machine."""
_AT_FDCWD: Final = -100
_HOW: Final = struct.pack("=QQQ", _ITSELF | os.O_DIRECTORY, 0, 0x04)
"""Its ``open_how``: flags, mode, RESOLVE_NO_SYMLINKS."""
_libc: Final = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def parent_of(path: str) -> Iterator[tuple[str, int | None]]:
    """Gives what to call a file, and the descriptor of the directory in which it is called so, for
    the functions of `os` that take ``dir_fd``; None stands for the path as it is.

    Raises OSError: ELOOP for a symbolic link on the way that is not followed, by any user or by
    root; name what it leads to.
    """
    if os.geteuid() != 0:
        yield path, None
        return
    above, name = os.path.split(path)
    descriptor = _open(above or os.curdir)
    try:
        yield name or os.curdir, descriptor
    finally:
        os.close(descriptor)


def open_checked(directory: str) -> int:
    """Open a directory itself in the same way, to synchronise it, or what is in it. Raises OSError
    as `parent_of`."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    if os.geteuid() != 0:
        return os.open(directory, flags)
    descriptor = _open(directory)
    try:
        return os.open(os.curdir, flags, dir_fd=descriptor)
    finally:
        os.close(descriptor)


def give_to_owner(descriptor: int, path: str, directory: int | None) -> None:
    """Give what root has just made to the owner and group of the directory around it, durably.

    path: for messages. directory: as of `parent_of`. If the storage refuses another owner, the file
    stays root's, and the log says so.
    """
    if directory is None:
        return
    try:
        above, own = os.fstat(directory), os.fstat(descriptor)
        if above.st_uid in (0, own.st_uid):
            return
        os.fchown(descriptor, above.st_uid, above.st_gid)
        os.fsync(descriptor)
    except OSError as error:
        _log.warning(
            "%s",
            explain("give it to the directory's owner", path, error),
            extra=MessageId.STORAGE.extra,
        )


def give_directory_to_owner(directory: str, name: str, above: int | None) -> None:
    """The same for a directory that was just made. name, above: as of
    `parent_of`."""
    if above is None:
        return
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=above)
    try:
        give_to_owner(descriptor, directory, above)
    finally:
        os.close(descriptor)


def _open(directory: str) -> int:
    """Open a directory to be named by."""
    path = os.fsencode(directory)
    if b"\0" in path:
        raise ValueError("embedded null byte")  # as os.open has it
    found = _libc.syscall(_OPENAT2, _AT_FDCWD, path, _HOW, len(_HOW))
    if found >= 0:
        return int(found)
    number = ctypes.get_errno()
    if number not in (errno.ELOOP, errno.ENOSYS, errno.EPERM):
        raise OSError(number, os.strerror(number))
    return _walk(directory)


def _walk(directory: str) -> int:
    """The same by one name after the other, where links are on the way, or the kernel is old."""
    parts = _parts(directory)
    here = os.open(_root(directory), _ITSELF | os.O_DIRECTORY)
    try:
        links = 0
        while parts:
            there = os.open(parts.pop(), _ITSELF | os.O_NOFOLLOW, dir_fd=here)
            try:
                state = os.fstat(there)
                if stat.S_ISLNK(state.st_mode):
                    links += 1
                    if state.st_uid != 0 or links > _MOST_LINKS:
                        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                    target = os.readlink("", dir_fd=there)
                    parts += _parts(target)
                    if not target.startswith(os.sep):
                        continue
                    os.close(there)
                    there = os.open(os.sep, _ITSELF | os.O_DIRECTORY)
                elif not stat.S_ISDIR(state.st_mode):
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
                here, there = there, here
            finally:
                os.close(there)
    except BaseException:
        os.close(here)
        raise
    return here


def _root(path: str) -> str:
    return os.sep if path.startswith(os.sep) else os.curdir


def _parts(path: str) -> list[str]:
    """The names in a path, the last one first."""
    return [one for one in reversed(path.split(os.sep)) if one not in ("", os.curdir)]
