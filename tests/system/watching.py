"""What the daemon does to files, as the kernel tells it: inotify(7) and /proc/PID/fd."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
from pathlib import Path
from typing import Final

from open_files import open_files

_EVENT: Final = struct.Struct("iIII")
CHANGES: Final = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800
"""IN_MODIFY, ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE, DELETE_SELF, MOVE_SELF."""

_libc = ctypes.CDLL(None, use_errno=True)


class Watch:
    """Every change to the directories, and to what is below them now."""

    def __init__(self, *directories: Path) -> None:
        self._fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._fd >= 0
        self._names: dict[int, Path] = {}
        for top in directories:
            for directory, _, _ in os.walk(top):
                number = _libc.inotify_add_watch(self._fd, os.fsencode(directory), CHANGES)
                assert number >= 0, directory
                self._names[number] = Path(directory)

    def changes(self) -> list[str]:
        """What has changed since the last call."""
        seen: list[str] = []
        while True:
            try:
                data = os.read(self._fd, 65536)
            except BlockingIOError:
                return seen
            while data:
                number, mask, _, size = _EVENT.unpack_from(data)
                name = data[_EVENT.size : _EVENT.size + size].rstrip(b"\0").decode()
                seen.append(f"{self._names[number] / name}: {mask:#x}")
                data = data[_EVENT.size + size :]

    def close(self) -> None:
        os.close(self._fd)


def family(pid: int) -> list[int]:
    """The process and all its descendants."""
    found = [pid]
    for parent in found:
        # Threads and processes may end meanwhile.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for thread in Path(f"/proc/{parent}/task").iterdir():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    found += map(int, (thread / "children").read_text().split())
    return found


def files_open_for_writing(pid: int) -> set[str]:
    """Regular files on a file system (not memfds) that the process could write at this moment."""
    return {
        name
        for name, writable in open_files(pid)
        if writable and name.startswith("/") and not name.startswith(("/dev/", "/memfd:", "/proc/"))
    }
