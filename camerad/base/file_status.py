"""Look up names on the storage. Storage that does not answer is an error, never a "no".

`os.path.exists` and its like answer "no" to a user who may not look, and on storage that fails. By
such an answer an unseen recording could be signed as gone.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from typing import Final

from camerad.base.storage_errors import FORBIDDEN, ForbiddenError, explain, explaining

_NOTHING: Final = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)
"""Errors of the system for a name that does not exist."""


def mode_of(path: str, *, linked: bool = False) -> int | None:
    """The ``st_mode`` of what has this name; None if nothing has.

    linked: follow a symbolic link. Raises ForbiddenError, which names the directory that this user
    may not look into, and StorageError where the storage does not answer.
    """
    try:
        return (os.stat(path) if linked else os.lstat(path)).st_mode
    except OSError as error:
        if error.errno in _NOTHING:
            return None
        if error.errno in FORBIDDEN:
            raise _shut(_shut_above(path, linked=linked), error) from error
        raise explain("look at it", path, error) from error


def exists(path: str) -> bool:
    """Whether anything has this name, a symbolic link included. Raises as `mode_of`."""
    return mode_of(path) is not None


def is_directory(path: str, *, linked: bool = False) -> bool:
    """Whether this is a directory. linked, and raises: as `mode_of`."""
    return stat.S_ISDIR(mode_of(path, linked=linked) or 0)


def is_link(path: str) -> bool:
    """Whether this is a symbolic link. Raises as `mode_of`."""
    return stat.S_ISLNK(mode_of(path) or 0)


def is_file(path: str) -> bool:
    """Whether this is a plain file, and no link to one. Raises as `mode_of`."""
    return stat.S_ISREG(mode_of(path) or 0)


def check_directory(path: str) -> None:
    """Raise StorageError if something else than a directory has this name, such as a symbolic link.
    Nothing at all is no error. Raises besides as `mode_of`."""
    mode = mode_of(path)
    if mode is None or stat.S_ISDIR(mode):
        return
    number = errno.ELOOP if stat.S_ISLNK(mode) else errno.ENOTDIR
    raise explain("use it as a directory", path, OSError(number, os.strerror(number)))


def check_listable(directory: str) -> None:
    """Return if the names in a directory can be listed and looked at.

    Raises StorageError if not; also if there is no directory (ENOENT), or a link in its place
    (ELOOP).
    """
    try:
        descriptor = open_directory(directory)
        try:
            os.stat(os.curdir, dir_fd=descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno in FORBIDDEN:
            raise _shut(directory, error) from error
        raise explain("list the directory", directory, error) from error


def _shut(directory: str, error: OSError) -> ForbiddenError:
    """The error for a directory that this user may not look into.

    It never says whom to give a directory to: it may be anything on the way, such as a home.
    """
    return ForbiddenError(
        f"{directory}: this user may not look into this directory{_owner(directory)}, so nothing "
        "in it was checked: run this as a user who may; a command that names its files by full "
        "paths can also be run in another directory (cd /)",
        error,
    )


def _owner(directory: str) -> str:
    """The owner of a directory, as an addition to its name; "" if it cannot be read."""
    try:
        owner = os.stat(directory).st_uid
    except OSError:
        return ""
    try:
        return f" of {pwd.getpwuid(owner).pw_name}"
    except KeyError:
        return f" of user {owner}"


def _shut_above(path: str, *, linked: bool) -> str:
    """The directory on the way to `path` that this user may not look into."""
    try:
        if linked:
            directory = os.path.dirname(os.path.realpath(path))
        else:
            directory = os.path.realpath(os.path.dirname(path))
    except OSError:  # the working directory is gone
        return os.curdir
    # "/" always ends the climb.
    while directory != os.path.dirname(directory):
        try:
            os.lstat(directory)
        except OSError:
            directory = os.path.dirname(directory)
        else:
            break
    return directory


def open_directory(directory: str, *, linked: bool = False) -> int:
    """Open a directory, and nothing that a symbolic link leads to; returns a descriptor.

    linked: a link is allowed, since a person named it. Elsewhere it is not: the card may have been
    written by an attacker, with links to what is not on it. Raises OSError, ELOOP for a link.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        return os.open(directory, flags if linked else flags | os.O_NOFOLLOW)
    except NotADirectoryError:
        # What open(2) says of a link that is to be a directory.
        if not linked and is_link(directory):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        raise


FileVersion = tuple[int, int, int, int]
"""A file, and its last change: inode, bytes, and the times of change of content and of state."""


def version_of(path: str) -> FileVersion | None:
    """The version of a file or of the names in a directory; None if nothing has the name. Raises
    StorageError."""
    try:
        found = os.lstat(path)
    except OSError as error:
        if error.errno in _NOTHING:
            return None
        raise explain("look at it", path, error) from error
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def versions_in(directory: str) -> tuple[tuple[str, FileVersion | None], ...]:
    """The name and version of everything in a directory. Raises StorageError."""
    with explaining("list the directory", directory):
        names = sorted(os.listdir(directory))
    return tuple((name, version_of(os.path.join(directory, name))) for name in names)


def identity_of(file: int | str) -> tuple[int, int]:
    """Device and inode of an open file, or of the file of that name: no other file has both just
    then. Raises OSError."""
    state = os.fstat(file) if isinstance(file, int) else os.lstat(file)
    return state.st_dev, state.st_ino


def is_named(descriptor: int, path: str) -> bool:
    """Whether `path` is still the name of that open file; it costs two system calls.

    A file without a name takes every write and every sync, and is gone when it is closed.
    """
    try:
        return identity_of(descriptor) == identity_of(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise explain("look at the file", path, error) from error
