"""The few calls that write evidence to storage, each with its promise.

Everything that is kept (recordings, ledger, keys, receipts) is written through these functions and
nothing else. So what a loss of power can do is decided in one place; docs/storage.md lists the
procedures made of these calls. All of them raise `StorageError`: its text says what was tried,
where, and how to mend it, and its `errno` is the operating system's
(`camerad.base.storage_errors`).

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
import fcntl
import logging
import os
import secrets
import stat
import struct
import time
from collections.abc import Iterator, Sequence
from typing import Final

from camerad.base import file_status
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.storage_errors import FileExistsAlreadyError, explain, explaining

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


MODE: Final = 0o640
"""Owner and group may read it: a recording is sealed, and a program that copies it need not be
root."""
_OTHERS: Final = 0o077
TEMPORARY: Final = ".new"
"""Ending of a file that is not published yet. One that is found at a start is worthless."""

_NONE_UNNAMED: Final = (errno.EOPNOTSUPP, errno.EISDIR)
"""Errors of a file system without unnamed files, and of an old kernel."""
_NO_LINKS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""Errors of a file system on which a file has one name (``link(2)``): FAT, and some networks'."""

LEFT_SECONDS: Final = 3600
"""A temporary file that was not written for so long was left by a process that ended."""

Buffer = bytes | bytearray | memoryview

_libc.sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
_SYNC_FILE_RANGE_WRITE: Final = 2
_UNABLE: Final = (errno.ENOSYS, errno.ESPIPE, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)
"""Errors of a system, a file system or a container in which no write-out can be begun early."""


def create(path: str, mode: int = MODE) -> int:
    """Make a file that must not exist; returns a descriptor to read and write it.

    It is durable only after the file and its directory were synchronised.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with explaining("make the file", path), parent_of(path) as (name, above):
        descriptor = os.open(name, flags, mode, dir_fd=above)
        if mode & _OTHERS:  # what only its maker may read stays the maker's
            give_to_owner(descriptor, path, above)
    return descriptor


def create_unnamed(directory: str, mode: int = MODE) -> int | None:
    """Make a file in `directory` that has no name yet (``O_TMPFILE``, open(2)); returns a
    descriptor to read and write it, or None if its file system has no such files.

    The file is gone if anything fails before `link_unnamed`, also after a kill or a loss of power.
    vfat, exFAT and most network file systems have no such files.
    """
    try:
        with parent_of(os.path.join(directory, os.curdir)) as (name, above):
            return os.open(name, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, mode, dir_fd=above)
    except OSError as error:
        if error.errno in _NONE_UNNAMED:
            return None
        raise explain("make a file in the directory", directory, error) from error


def link_unnamed(descriptor: int, path: str) -> None:
    """Give a file of `create_unnamed` its name, durably. A file that has the name already is left
    alone.

    Synchronise the content first.
    """
    with explaining("make the file", path):
        directory = open_checked(_directory_of(path))
        try:
            # Of the links in /proc/self/fd linkat(2) alone can be told to follow them.
            os.link(f"/proc/self/fd/{descriptor}", os.path.basename(path), dst_dir_fd=directory)
            os.fsync(directory)
        finally:
            os.close(directory)


def lock_directory(directory: str, *, linked: bool = False) -> int:
    """Claim a directory until the descriptor that is returned is closed.

    linked: as for `file_status.open_directory`. Raises BlockingIOError if another process has
    claimed it.
    """
    descriptor = None
    try:
        descriptor = file_status.open_directory(directory, linked=linked)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if descriptor is not None:
            os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise
        raise explain("claim the directory", directory, error) from error
    return descriptor


def open_existing(path: str) -> int:
    """Open a plain file to read and write it; returns a descriptor.

    Anything else is refused: on a card that is mounted with its devices, a name can be a disk of
    this computer.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    with explaining("open the file", path), parent_of(path) as (name, above):
        descriptor = os.open(name, flags, dir_fd=above)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise StorageError(
        f"{path}: cannot open the file: this is a device or a pipe, and not what a camera leaves: "
        "treat the card, or the stick, as manipulated"
    )


def write(descriptor: int, pieces: Sequence[Buffer], offset: int, path: str) -> int:
    """Write `pieces` one after the other from `offset` on; returns the offset behind them.

    Not durable before `sync`. After an error some of the bytes may be there.
    """
    rest = [view for piece in pieces if (view := memoryview(piece)).nbytes]
    with explaining("write", path):
        while rest:
            written = os.pwritev(descriptor, rest, offset)
            if written <= 0:
                raise OSError(errno.EIO, "the storage takes no more bytes")
            offset += written
            while rest and written >= rest[0].nbytes:
                written -= rest.pop(0).nbytes
            if written:
                rest[0] = rest[0][written:]
    return offset


def preallocate(descriptor: int, offset: int, length: int, path: str) -> None:
    """Reserve room: the file grows to `offset + length`, and the new part reads as zeros.

    An append into reserved room changes no size and allocates nothing, so it costs the least
    metadata to synchronise.
    """
    with explaining("reserve room", path):
        os.posix_fallocate(descriptor, offset, length)


def truncate(descriptor: int, size: int, path: str) -> None:
    """Cut the file to `size` bytes. Not durable before `sync`."""
    with explaining("cut the file", path):
        os.ftruncate(descriptor, size)


def sync(descriptor: int, path: str) -> None:
    """Return when the file's bytes and size are on the storage (``fdatasync(2)``).

    After an error the content is unknown: the kernel reports a failed write-back only once
    (``fsync(2)``), so a second try would prove nothing.
    """
    with explaining("synchronise", path):
        os.fdatasync(descriptor)


def begin_sync(descriptor: int, offset: int, length: int, path: str) -> None:
    """Have the kernel begin to write these bytes out, and do not wait for it
    (``sync_file_range(2)``), so that a `sync` later has less to do.

    It makes nothing durable, and does nothing where the file system cannot do it. Raises
    StorageError if the storage says already that it fails.
    """
    if _libc.sync_file_range(descriptor, offset, length, _SYNC_FILE_RANGE_WRITE) == 0:
        return
    number = ctypes.get_errno()
    if number not in _UNABLE:
        raise explain("write", path, OSError(number, os.strerror(number)))


def sync_path(path: str) -> None:
    """Synchronise a file that another program writes. Raises StorageError."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    with explaining("open the file", path):
        descriptor = os.open(path, flags)
    try:
        sync(descriptor, path)
    finally:
        os.close(descriptor)


def is_left(path: str) -> bool:
    """Whether nothing writes a temporary file any more; False if it is gone."""
    try:
        return time.time() - os.lstat(path).st_mtime > LEFT_SECONDS
    except FileNotFoundError:
        return False


def sync_all() -> None:
    """Return when everything that programs see is on the storage (``sync(2)``).

    Call this before concluding anything from what is there. A process that was killed may have
    written it without synchronising it, and a loss of power could still take it back.
    """
    os.sync()


def sync_directory(directory: str) -> None:
    """Return when the names in `directory` are on the storage."""
    with explaining("synchronise the directory", directory):
        descriptor = open_checked(directory)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def close(descriptor: int, path: str) -> None:
    """Close a descriptor. What counts was synchronised before, so an error is only logged."""
    try:
        os.close(descriptor)
    except OSError as error:
        _log.warning("%s", explain("close", path, error), extra=MessageId.STORAGE.extra)


def rename(path: str, to: str) -> None:
    """Rename within one directory, durably. `to` is replaced as a whole or not at all."""
    with (
        explaining(f"rename to {os.path.basename(to)}", path),
        parent_of(path) as (name, above),
        parent_of(to) as (new, there),
    ):
        os.rename(name, new, src_dir_fd=above, dst_dir_fd=there)
    sync_directory(_directory_of(to))


def move(path: str, to: str) -> None:
    """Move a file into another directory of the same file system, durably. Its bytes are not
    written again, and must be synchronised before.

    Nothing is ever replaced: raises StorageError with the errno EEXIST if anything has the name
    `to`. After a loss of power at any instant the file has its old name, the new one, or both; on a
    file system on which a file has one name only (FAT), what `rename(2)` leaves there.
    """
    with (
        explaining(f"move it to {to}", path),
        parent_of(path) as (name, above),
        parent_of(to) as (new, there),
    ):
        try:
            os.link(name, new, src_dir_fd=above, dst_dir_fd=there, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if file_status.exists(to):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
            os.rename(name, new, src_dir_fd=above, dst_dir_fd=there)
    sync_directory(_directory_of(to))
    remove(path, missing_ok=True)


def remove(path: str, *, missing_ok: bool = False) -> None:
    """Remove a file, durably."""
    discard(path, missing_ok=missing_ok)
    sync_directory(_directory_of(path))


def discard(path: str, *, missing_ok: bool = False) -> None:
    """Remove a file, not durably: if a loss of power brings it back, the next start removes it."""
    with explaining("remove the file", path), parent_of(path) as (name, above):
        try:
            os.unlink(name, dir_fd=above)
        except FileNotFoundError:
            if not missing_ok:
                raise


def publish(path: str, content: Buffer, *, mode: int | None = MODE) -> None:
    """Put a whole file into place, durably. mode: None for storage that may know none (FAT).

    Afterwards, and after a loss of power at any instant, `path` is as it was or has exactly
    `content`.
    """
    temporary = path + TEMPORARY
    discard(temporary, missing_ok=True)
    # Its rights are never wider than `mode`, also before its content is there.
    descriptor = create(temporary, MODE if mode is None else mode & MODE)
    try:
        if mode is not None:
            with explaining("set the mode of", temporary):
                os.fchmod(descriptor, mode)
        write(descriptor, [content], 0, temporary)
        sync(descriptor, temporary)
    except BaseException:
        close(descriptor, temporary)
        with contextlib.suppress(StorageError):
            discard(temporary)
        raise
    close(descriptor, temporary)
    rename(temporary, path)


def publish_new(path: str, content: Buffer, *, mode: int) -> None:
    """Put a whole file into place, durably, and replace nothing: raises FileExistsAlreadyError if
    anything has its name. Of several who do it at once, one has done it. mode: the file stays its
    maker's, also where root makes it."""
    descriptor = create_unnamed(_directory_of(path), mode)
    if descriptor is None:
        own = f"{path}.{secrets.token_hex(8)}"
        publish(own, content, mode=mode)
        try:
            move(own, path)
        except FileExistsAlreadyError:
            discard(own)
            raise
        return
    try:
        write(descriptor, [content], 0, path)
        sync(descriptor, path)
        link_unnamed(descriptor, path)
    finally:
        close(descriptor, path)


def remove_unpublished(directory: str, *, linked: bool = False) -> None:
    """Remove, durably, files that `publish` had not put into place when the power was lost.

    Call this only while no other process publishes. A missing directory is no error. linked: as for
    `file_status.open_directory`.
    """
    try:
        descriptor = file_status.open_directory(directory, linked=linked)
        try:
            names = [name for name in os.listdir(descriptor) if name.endswith(TEMPORARY)]
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return
    except OSError as error:
        raise explain("list the directory", directory, error) from error
    for name in names:
        path = os.path.join(directory, name)
        if file_status.is_directory(path):
            _log.warning(
                "%s: left as it is: `publish` makes no directory",
                ascii(path),
                extra=MessageId.MISTAKE.extra,
            )
            continue
        remove(path)


def make_directory(
    path: str, mode: int = 0o750, *, durable: bool = True, linked: bool = False
) -> None:
    """Make a directory and those above it; one that is there stays as it is.

    durable: it is durable when this returns; otherwise with the next synchronisation. linked: as
    for `file_status.open_directory`. Raises StorageError, also if something else has the name.
    """
    if not linked and file_status.is_link(path):
        error = OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        raise explain("make the directory", path, error)
    missing = []
    while not file_status.is_directory(path, linked=True):
        missing.append(path)
        path = _directory_of(path)
    for one in reversed(missing):
        with explaining("make the directory", one), parent_of(one) as (name, above):
            try:
                os.mkdir(name, mode, dir_fd=above)
            except FileExistsError:
                # By another process meanwhile, or a file, or a link that leads nowhere.
                if not file_status.is_directory(one, linked=True):
                    raise
            else:
                give_directory_to_owner(one, name, above)
        if durable:
            sync_directory(_directory_of(one))


def _directory_of(path: str) -> str:
    return os.path.dirname(path) or os.curdir
