"""Turns an OSError into a StorageError that says what failed, where, why, and what helps."""

from __future__ import annotations

import errno
from typing import ClassVar, Final

from camerad.base.errors import EX_CANTCREAT, EX_NOPERM, StorageError

FORBIDDEN: Final = (errno.EACCES, errno.EPERM)
"""Errors of the system for a user without the right."""

_NOT_THIS_USER: Final = (
    "this user may not do that there; run this as a user who may, or name another place"
)

_REMEDIES: Final = {
    errno.ENOSPC: "the storage is full: make room; on a camera, offload recordings or let expired "
    "ones be deleted",
    errno.EDQUOT: "the quota is used up; offload recordings or raise the quota",
    errno.EFBIG: "its file system cannot hold a file so large (FAT ends at 4 GiB); format it with "
    "exFAT or ext4",
    errno.EROFS: "it is mounted read-only: by its write-protect switch, by the mount's options, or "
    "by the system after an error; in the last case save what is on the card, stick or disk, and "
    "replace it",
    errno.EIO: "the storage reports an input/output error: save what is on the card, stick or "
    "disk, and replace it",
    errno.EACCES: _NOT_THIS_USER,
    errno.EPERM: _NOT_THIS_USER,
    errno.ENOENT: "the directory is missing; mount the storage, or check the name",
    errno.ENOTDIR: "part of this path is a file; name another place, or move that file away",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EISDIR: "name a file",
    errno.EEXIST: "something of this name exists already; it was left as it is",
    errno.ELOOP: "a symbolic link stands there, which is not what a camera leaves: treat the card, "
    "or the stick, as manipulated; in a server's directory, find out who put it there; nothing was "
    "done where the link leads",
}


class FileExistsAlreadyError(StorageError):
    """Error raised when a file that is never written over is there already."""

    exit_code: ClassVar[int] = EX_CANTCREAT


class ForbiddenError(StorageError):
    """Error raised when this user may not do what was asked. What is there is unknown then."""

    exit_code: ClassVar[int] = EX_NOPERM


def explain(action: str, path: str, error: OSError) -> StorageError:
    """`error` as a StorageError that says what could not be done to `path`, and what helps."""
    text = error.strerror or str(error) or type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0, "check the storage")
    kind = StorageError
    if error.errno in FORBIDDEN:
        kind = ForbiddenError
    elif error.errno == errno.EEXIST:
        kind = FileExistsAlreadyError
    return kind(f"{path}: cannot {action}: {text}; {remedy}", error)


class explaining:  # noqa: N801 - reads like a statement
    """A context that raises an OSError from within as `explain` has it; one that was explained
    further inside, as it is."""

    def __init__(self, action: str, path: str) -> None:
        self._action = action
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, StorageError):
            raise explain(self._action, self._path, error) from error
