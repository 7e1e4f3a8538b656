"""A block device that keeps a log of its writes and flushes, and the states that a loss of power
could leave of it.

The device is a file of a FUSE file system of its own: a loop device on it is as good as a disk, and
everything that the kernel asks of that disk comes here, one request after the other. What the log
says is therefore the order in which things reached the medium. As on any disk with a cache, writes
are certain once a flush that came after them was answered; of the writes since the last flush,
any may have reached the medium and any may not, whole or up to some sector:
`tests.campaign.blockstates` makes such states.

The requests are those of ``linux/fuse.h`` (protocol 7.31). Needs root, and nothing else.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

SECTOR: Final = 512
WRITE, FLUSH = 0, 1
ENTRY: Final = struct.Struct("<QBQI")
"""An entry of the log: media time, kind, offset, length; the bytes written follow."""

_IN: Final = struct.Struct("<IIQQIIIHH")
_OUT: Final = struct.Struct("<IiQ")
_ATTR: Final = struct.Struct("<QQQQQQIIIIIIIIII")
_LOOKUP, _FORGET, _GETATTR, _SETATTR, _OPEN, _READ, _WRITE_OP = 1, 2, 3, 4, 14, 15, 16
_STATFS, _RELEASE, _FSYNC, _FLUSH_OP, _INIT, _OPENDIR, _READDIR = 17, 18, 20, 25, 26, 27, 28
_RELEASEDIR, _INTERRUPT, _DESTROY, _BATCH_FORGET = 29, 36, 38, 42
_SILENT: Final = (_FORGET, _INTERRUPT, _BATCH_FORGET)
_DIRECT_IO: Final = 1
_BIG_WRITES, _MAX_PAGES = 1 << 5, 1 << 22
_LONGEST: Final = 1 << 20
_ROOT, _DISK = 1, 2
_NAME: Final = "disk"

SUPERBLOCK_TORN: Final = 1024 + SECTOR
"""The byte between the two sectors of an ext4's superblock (Documentation of Linux,
filesystems/ext4/globals.rst: "The superblock")."""
OPTIONS: Final = "noatime,dioread_lock,errors=remount-ro"
"""Of the mount, as docs/storage.md wants it."""
_FORMAT: Final = (
    "-b",
    "4096",
    "-I",
    "256",
    "-i",
    "65536",
    "-J",
    "size=32",
    "-m",
    "0",
    "-O",
    "metadata_csum",
)
"""Of the file system, as the image's recipe makes it."""

_libc = ctypes.CDLL(None, use_errno=True)


def now_us() -> int:
    """Media time: microseconds of CLOCK_BOOTTIME."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class _Server:
    """Answers the kernel until the file system is unmounted."""

    def __init__(self, image: Path, mount: Path, log: BinaryIO) -> None:
        self._image = os.open(image, os.O_RDWR)
        self._size = os.fstat(self._image).st_size
        self._log = log
        self._fuse = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self._fuse},rootmode=40000,user_id=0,group_id=0,allow_other"
        if _libc.mount(b"blocklog", os.fsencode(mount), b"fuse", 0, options.encode()) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(mount))

    def serve(self) -> None:
        while True:
            try:
                request = os.read(self._fuse, _LONGEST + 65536)
            except OSError as error:
                if error.errno == errno.ENODEV:
                    return
                if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                    continue
                raise
            _, operation, unique, node, *_ = _IN.unpack_from(request)
            if operation in _SILENT:
                continue
            try:
                code, answer = 0, self._answer(operation, node, request, _IN.size)
            except OSError as error:
                code, answer = -(error.errno or errno.EIO), b""
            with contextlib.suppress(FileNotFoundError):  # whoever asked has been interrupted
                os.write(self._fuse, _OUT.pack(_OUT.size + len(answer), code, unique) + answer)

    def _answer(self, operation: int, node: int, request: bytes, at: int) -> bytes:
        if operation == _WRITE_OP:
            _, offset, size = struct.unpack_from("<QQI", request, at)
            data = memoryview(request)[at + 40 : at + 40 + size]
            os.pwrite(self._image, data, offset)
            self._note(WRITE, offset, data)
            return struct.pack("<II", size, 0)
        if operation == _READ:
            _, offset, size = struct.unpack_from("<QQI", request, at)
            return os.pread(self._image, size, offset)
        if operation == _FSYNC:
            self._note(FLUSH, 0, b"")
            return b""
        if operation == _INIT:
            major, minor, ahead, flags = struct.unpack_from("<IIII", request, at)
            flags &= _BIG_WRITES | _MAX_PAGES
            pages = _LONGEST // 4096
            told = struct.pack("<IIIIHHII", major, min(minor, 31), ahead, flags, 12, 9, _LONGEST, 1)
            return told + struct.pack("<HHII24x", pages, 0, 0, 0)
        if operation == _LOOKUP:
            if request[at:].rstrip(b"\0") != _NAME.encode():
                raise OSError(errno.ENOENT, "no such file")
            return struct.pack("<QQQQII", _DISK, 0, 60, 60, 0, 0) + self._attributes(_DISK)
        if operation in (_GETATTR, _SETATTR):
            return struct.pack("<QII", 60, 0, 0) + self._attributes(node)
        if operation in (_OPEN, _OPENDIR):
            return struct.pack("<QII", 0, _DIRECT_IO if operation == _OPEN else 0, 0)
        if operation == _STATFS:
            return struct.pack("<QQQQQIII28x", self._size // 4096, 0, 0, 2, 0, 4096, 255, 4096)
        if operation in (_RELEASE, _FLUSH_OP, _READDIR, _RELEASEDIR, _DESTROY):
            return b""
        raise OSError(errno.ENOSYS, "not known here")

    def _attributes(self, node: int) -> bytes:
        mode, size = (0o40700, 0) if node == _ROOT else (0o100600, self._size)
        return _ATTR.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def _note(self, kind: int, offset: int, data: bytes | memoryview) -> None:
        self._log.write(ENTRY.pack(now_us(), kind, offset, len(data)))
        self._log.write(data)


@contextlib.contextmanager
def served(image: Path, directory: Path, log: Path) -> Iterator[Path]:
    """The device, as a file that a loop device can be set up on; it shows `image`, and changes it.

    The log is whole once this has ended.
    """
    directory.mkdir()
    # In a process of its own: it must answer while this one waits for the kernel.
    command = [sys.executable, "-m", __name__, str(image), str(directory), str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n", "the block device does not come up"
            yield directory / _NAME
        finally:
            # The loop device may have the file for a moment; the server ends with its last user.
            subprocess.run(["umount", "--lazy", str(directory)], check=True)


@contextlib.contextmanager
def mounted(file: Path, directory: Path) -> Iterator[None]:
    """The ext4 file system in `file`, on a loop device, mounted as on the camera's card."""
    directory.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "ext4", "-o", f"loop,{OPTIONS}", str(file), str(directory)]
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(directory)], check=True)


@contextlib.contextmanager
def bound(folder: Path, directory: Path) -> Iterator[None]:
    """A folder that is seen at `directory` too."""
    directory.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "--bind", str(folder), str(directory)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(directory)], check=True)


def formatted(image: Path, size: int, content: Path) -> None:
    """Make a file with an ext4 file system as on the camera's card, and in it a copy of what is in
    the directory `content`.

    Nothing is mounted for it: a mount may live on in another process's namespace of mounts, and
    write to the file later.
    """
    with image.open("wb") as file:
        file.truncate(size)
    lazy = "lazy_itable_init=0,lazy_journal_init=0"
    command = ["mkfs.ext4", "-q", "-F", *_FORMAT, "-E", lazy, "-d", str(content), str(image)]
    subprocess.run(command, check=True)


def main() -> None:
    image, mount, log = map(Path, sys.argv[1:])
    with log.open("wb", buffering=1 << 20) as file:
        server = _Server(image, mount, file)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        server.serve()


if __name__ == "__main__":
    main()
