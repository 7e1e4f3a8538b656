"""Measures the room for recordings, and whether the storage accepts them at all.

Asks the file system only for what it knows without writing (``statvfs(3)``): while nothing is
recorded, nothing is written (P1). After a write has failed, `probe` finds out whether the storage
has come back, with an unnamed file of zeros that no directory ever lists (``O_TMPFILE``,
``open(2)``).

A file system that has found an error in itself may take nothing more and still say that it may be
written: since Linux 6.12 ext4 refuses everything then without becoming a read-only mount (commit
d3476f3dad4a, "ext4: don't set SB_RDONLY after filesystem errors"). But it counts such errors.
"""

from __future__ import annotations

import errno
import os
from typing import ClassVar, Final

import msgspec

from camerad.base import durable_files, file_status, storage_errors
from camerad.base.errors import EX_CANTCREAT, StorageError

BLOCK_DEVICES: Final = "/sys/dev/block"
FSTAB: Final = "/etc/fstab"
EXT4: Final = "/sys/fs/ext4"
PROBE_BYTES = 4096
_MAY_PASS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""Errors of a storage that works again once there is room, or it is repaired."""


class StateDirectoryError(StorageError):
    """Error raised at start when the place for recordings cannot be used."""

    exit_code: ClassVar[int] = EX_CANTCREAT


class TakenError(StateDirectoryError):
    """Error raised when another process has the claim to the recordings."""


class FreeSpace(msgspec.Struct, frozen=True):
    """free_bytes: for this user; minutes: of footage at the bit rate asked for; writable: not
    mounted read-only; errors: how many the file system has found in itself so far, 0 where it does
    not count them. place: which directory it is, of which mount."""

    free_bytes: int
    minutes: float
    writable: bool
    errors: int = 0
    place: tuple[int, int, int] = (0, 0, 0)


def check_mounted(directory: str, fstab: str = FSTAB) -> None:
    """Make sure that the card is there, where the system says that `directory` is on one.

    Else the disk beneath would get a new camera, with a key of its own, and its recordings. fstab:
    fstab(5). Raises StateDirectoryError.
    """
    for point in _mount_points(fstab):
        if directory.startswith(point.rstrip("/") + "/") and not os.path.ismount(point):
            raise StateDirectoryError(
                f"{point}: {fstab} has a card mounted here, and none is: put it in; "
                f"'mount {point}' says what is wrong. Nothing is recorded beneath"
            )


def _mount_points(fstab: str) -> list[str]:
    """Those of a table of file systems that are mounted at the start, but for the root."""
    try:
        with open(fstab, encoding="utf-8", errors="surrogateescape") as file:
            fields = [line.split() for line in file if not line.lstrip().startswith("#")]
    except OSError:
        return []  # a system that mounts by other means
    said = [(one[1], one[3].split(",")) for one in fields if len(one) > 3]
    points = [point.replace("\\040", " ") for point, options in said if "noauto" not in options]
    return [point for point in points if point.startswith("/") and point != "/"]


def prepare(directory: str) -> None:
    """Make the directory for recordings, readable by owner and group only; no card is waited for.

    Raises StateDirectoryError if it cannot be made.
    """
    try:
        # What opens the store settles everything before it writes anything.
        durable_files.make_directory(directory, durable=False)
    except StorageError as error:
        raise StateDirectoryError(
            f"{error}; or set device.state_dir to a directory that the daemon's user may write"
        ) from error


def usable(directory: str) -> StorageError | None:
    """Check whether recordings can be written, which waits for the card.

    Returns what is wrong if the storage is full or failing: that may pass, and a camera without
    storage still shows the self-view and says that it cannot record. Raises StateDirectoryError if
    this user may not write there.
    """
    try:
        probe(directory)
    except StorageError as error:
        if error.errno in _MAY_PASS:
            return error
        raise StateDirectoryError(str(error)) from error
    return None


def claim(directory: str, *, linked: bool = False) -> int:
    """Make sure that no other daemon records into the directory.

    linked: as for `camerad.base.file_status.open_directory`. Returns a descriptor that holds the
    claim until it is closed. Raises TakenError if another daemon has it, and StateDirectoryError,
    with its number, if the directory cannot be claimed.
    """
    try:
        return durable_files.lock_directory(directory, linked=linked)
    except BlockingIOError as error:
        raise TakenError(
            f"another process of camerad is at work in {directory}: end it first, a camera by "
            "'systemctl stop camerad', and wait for a command's end; or set device.state_dir"
        ) from error
    except StorageError as error:
        raise StateDirectoryError(str(error), error) from error


def free_space(
    directory: str, bits_per_second: float, devices: str = BLOCK_DEVICES, ext4: str = EXT4
) -> FreeSpace:
    """The room left. Raises StorageError if the file system does not even answer.

    devices: the directory of the kernel's links from device numbers to block devices; ext4: that of
    what ext4 says of each of its file systems (Documentation/ABI/testing/sysfs-fs-ext4).
    """
    with storage_errors.explaining("look at", directory):
        state = os.statvfs(directory)
        found = os.stat(directory)
        mount = _mount_of(directory)
    free = state.f_bavail * state.f_frsize
    return FreeSpace(
        free_bytes=free,
        minutes=free * 8 / bits_per_second / 60,
        writable=not state.f_flag & os.ST_RDONLY,
        errors=_errors(found.st_dev, devices, ext4),
        place=(mount, found.st_dev, found.st_ino),
    )


def _mount_of(directory: str) -> int:
    """The kernel's number of the mount that a directory is on (proc_pid_fdinfo(5)): a card that was
    taken out and put in again has another one."""
    descriptor = os.open(directory, os.O_PATH | os.O_CLOEXEC)
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as file:
            facts = dict(line.split(":", 1) for line in file)
    finally:
        os.close(descriptor)
    return int(facts["mnt_id"])


def _errors(device: int, devices: str, ext4: str) -> int:
    name = os.path.basename(
        os.path.realpath(os.path.join(devices, f"{os.major(device)}:{os.minor(device)}"))
    )
    try:
        with open(os.path.join(ext4, name, "errors_count"), encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0  # another kind of file system, or a kernel that does not say


def disk_of(path: str, sysfs: str = BLOCK_DEVICES) -> str:
    """A name for the disk that `path` is on; where no disk is known (a share, memory), for its file
    system.

    Equal names mean that both would be lost together. Partitions of one disk have one name. sysfs:
    the directory of the kernel's links from device numbers to block devices; a partition has a file
    ``partition`` and lies within its disk (Documentation/ABI/stable/sysfs-block). Raises
    StorageError if the path cannot be looked at.
    """
    with storage_errors.explaining("look at", path):
        device = os.stat(path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    block = os.path.realpath(os.path.join(sysfs, number))
    if not file_status.is_directory(block):
        return number
    return os.path.dirname(block) if file_status.exists(os.path.join(block, "partition")) else block


def probe(directory: str) -> None:
    """Write and synchronise a few zeros without leaving a trace. Raises StorageError, which says
    what is wrong and what helps."""
    with storage_errors.explaining("write", directory):
        descriptor = os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, bytes(PROBE_BYTES))
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
