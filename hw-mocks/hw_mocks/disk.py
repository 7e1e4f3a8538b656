"""A storage card that fails below the program that writes to it.

`install` replaces the functions of `os` through which Python writes, and `open`, by ones that look
up which file they are about; for files below HW_MOCKS_DISK they fail as Linux would:

- ``disk_full``: ENOSPC where room is needed. With ``bytes_left`` so many bytes still go, and the
  write that crosses the end is a short one, as on a real card. statvfs shows a full card.
- ``disk_readonly``: EROFS for all that changes anything, also through descriptors that were open
  before, as after the kernel's ``errors=remount-ro``. statvfs shows ST_RDONLY.
- ``disk_error``: EIO for all that changes anything and for every sync.
- ``disk_slow``: each fsync and fdatasync takes ``seconds`` longer (3 unless told).
- ``disk_lies``: fsync and fdatasync do nothing and say that all went well.

Faults come from the world (``{"fault", "until_us", "seconds"}``) or from `Disk.fail`; several may
hold at once. Each failed call is reported (``{"hit": fault, "call", "path", "at_us"}``), and each
sync that succeeded (``{"synced": path, "at_us", "took_us"}``): so that a test knows when what was
on the card. Not simulated: failing reads, and writes through mmap or from native libraries.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hw_mocks.bus import Message, WorldClient, now_us

DISK_VARIABLE: Final = "HW_MOCKS_DISK"
FULL: Final = "disk_full"
READONLY: Final = "disk_readonly"
ERROR: Final = "disk_error"
SLOW: Final = "disk_slow"
LIES: Final = "disk_lies"
FAULTS: Final = (FULL, READONLY, ERROR, SLOW, LIES)
SLOW_SECONDS: Final = 3.0
_CREATES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_ST_RDONLY: Final = 1
_SETS: Final = ("supports_dir_fd", "supports_fd", "supports_follow_symlinks")

Path_ = str | bytes | os.PathLike[str] | os.PathLike[bytes] | int
"""What the functions of `os` take for a file: a path or a descriptor."""


@dataclass
class Fault:
    """A fault that holds until `until_us` (None: until it is healed)."""

    until_us: int | None
    seconds: float = SLOW_SECONDS
    bytes_left: int = 0


class Disk:
    """The card mounted at `root`. `real` are the functions of `os` as they were."""

    def __init__(self, root: Path) -> None:
        self.root = os.path.realpath(root)
        self._faults: dict[str, Fault] = {}
        self._real: dict[str, Callable[..., Any]] = {}
        self._real_open = io.open
        self._world: WorldClient | None = None

    def connect(self) -> None:
        """Take faults from the world that the environment names, if there is one."""
        self._world = WorldClient.from_environment("disk", self._hear)
        if self._world is not None:
            self._world.wait_ready()

    def fail(
        self,
        name: str,
        until_us: int | None = None,
        *,
        seconds: float = SLOW_SECONDS,
        bytes_left: int = 0,
    ) -> None:
        """Let a fault hold from now on. Raises ValueError for a name that is no fault of a disk."""
        if name not in FAULTS:
            raise ValueError(f"{name!r} is no fault of a disk; there are {', '.join(FAULTS)}")
        self._faults = {**self._faults, name: Fault(until_us, seconds, bytes_left)}

    def heal(self, name: str | None = None) -> None:
        """End one fault, or all of them."""
        kept = {} if name is None else {k: f for k, f in self._faults.items() if k != name}
        self._faults = kept

    def install(self) -> None:
        """Put the hooks in place; what is imported afterwards uses them too."""
        for name in ("write", "writev", "pwrite", "pwritev"):
            self._replace(name, self._writing(name))
        for name in ("fsync", "fdatasync"):
            self._replace(name, self._syncing(name))
        for name in ("ftruncate", "truncate", "posix_fallocate"):
            self._replace(name, self._sizing(name))
        for name in ("mkdir", "symlink", "link", "rename", "replace", "unlink", "remove", "rmdir"):
            self._replace(name, self._naming(name))
        for name in ("statvfs", "fstatvfs"):
            self._replace(name, self._measuring(name))
        self._replace("open", self._opening())
        self._real_open = io.open
        io.open = self._open_file
        builtins.open = self._open_file

    def remove(self) -> None:
        """Put everything back as it was, and part from the world."""
        for name, function in self._real.items():
            setattr(os, name, function)
        io.open = self._real_open
        builtins.open = self._real_open
        self._real.clear()
        if self._world is not None:
            self._world.close()

    # What is asked in the hooks

    def holds(self, name: str) -> Fault | None:
        """The fault of that name, if it holds now."""
        fault = self._faults.get(name)
        if fault is None or (fault.until_us is not None and fault.until_us <= now_us()):
            return None
        return fault

    def path_of(self, file: Path_, dir_fd: int | None = None) -> str | None:
        """The path of a file below the card, by its descriptor or its name; None for others."""
        if isinstance(file, int):
            try:
                path = os.readlink(f"/proc/self/fd/{file}")
            except OSError:
                return None
        else:
            path = os.fsdecode(file)
            if dir_fd is not None and not os.path.isabs(path):
                path = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), path)
            # Not the last part: a link on the card is on the card, wherever it leads.
            path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        inside = path == self.root or path.startswith(self.root + "/")
        return path if inside else None

    def refuse(self, call: str, file: Path_, *faults: str, dir_fd: int | None = None) -> None:
        """Raise the OSError of the first of `faults` that holds, if the file is on the card."""
        if not self._faults:
            return
        for name in faults:
            if self.holds(name) and (path := self.path_of(file, dir_fd)) is not None:
                self._hit(name, call, path)

    def room(self, call: str, file: Path_, size: int) -> int:
        """How many of `size` bytes can be written to the file: all, or fewer on a full card.

        Raises OSError (EROFS, EIO, ENOSPC) if none can.
        """
        if not self._faults:
            return size
        self.refuse(call, file, READONLY, ERROR)
        full = self.holds(FULL)
        if full is None or (path := self.path_of(file)) is None:
            return size
        room = min(size, full.bytes_left)
        full.bytes_left -= room
        if room == 0 and size > 0:
            self._hit(FULL, call, path)
        return room

    def _hit(self, fault: str, call: str, path: str) -> None:
        self._send({"hit": fault, "call": call, "path": path, "at_us": now_us()})
        if fault == SLOW:
            return
        code = {FULL: errno.ENOSPC, READONLY: errno.EROFS, ERROR: errno.EIO}[fault]
        raise OSError(code, os.strerror(code), path)

    def _send(self, message: Message) -> None:
        if self._world is not None:
            self._world.send(message)

    def _hear(self, message: Message) -> None:
        if message.get("fault") in FAULTS:
            self.fail(
                message["fault"],
                message.get("until_us"),
                seconds=float(message.get("seconds", SLOW_SECONDS)),
                bytes_left=int(message.get("bytes_left", 0)),
            )

    # The hooks

    def _replace(self, name: str, hook: Callable[..., Any]) -> None:
        hook.__name__ = name
        real = getattr(os, name)
        self._real[name] = real
        setattr(os, name, hook)
        # What the standard library asks before it uses a function with dir_fd, say.
        for ability in (getattr(os, name) for name in _SETS):
            if real in ability:
                ability.add(hook)

    def _writing(self, name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def write(fd: int, data: Any, *rest: Any) -> int:
            if not self._faults:
                return int(real(fd, data, *rest))
            vector = name in ("writev", "pwritev")
            views = [memoryview(part).cast("B") for part in (data if vector else [data])]
            size = sum(view.nbytes for view in views)
            room = self.room(name, fd, size)
            if room == size:
                return int(real(fd, data, *rest))
            short = memoryview(b"".join(views))[:room]
            return int(real(fd, [short] if vector else short, *rest))

        return write

    def _syncing(self, name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def sync(file: Any) -> None:
            fd = file if isinstance(file, int) else file.fileno()
            path = self.path_of(fd)
            began = now_us()
            if path is not None and self._faults:
                self.refuse(name, fd, ERROR, READONLY)
                slow = self.holds(SLOW)
                if slow is not None:
                    self._hit(SLOW, name, path)
                    time.sleep(slow.seconds)
                    self.refuse(name, fd, ERROR, READONLY)
            if path is None or self.holds(LIES) is None:
                real(fd)
            if path is not None:
                ended = now_us()
                self._send({"synced": path, "at_us": ended, "took_us": ended - began})

        return sync

    def _sizing(self, name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def resize(file: Any, *sizes: int) -> None:
            grows = name == "posix_fallocate"
            self.refuse(name, file, READONLY, ERROR, *([FULL] if grows else []))
            real(file, *sizes)

        return resize

    def _naming(self, name: str) -> Callable[..., Any]:
        real = getattr(os, name)
        needs_room = name in ("mkdir", "symlink")
        destination = name in ("symlink", "link", "rename", "replace")

        def change(*files: Any, **more: Any) -> None:
            dir_fd = more.get("dst_dir_fd" if destination else "dir_fd", more.get("dir_fd"))
            file = files[1] if destination and len(files) > 1 else files[0] if files else None
            if file is not None:
                full = [FULL] if needs_room else []
                self.refuse(name, file, READONLY, ERROR, *full, dir_fd=dir_fd)
            real(*files, **more)

        return change

    def _measuring(self, name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def measure(file: Any) -> os.statvfs_result:
            result: os.statvfs_result = real(file)
            if not self._faults or self._outside(file):
                return result
            # The order of the first ten fields is that of `struct statvfs` in statvfs(3).
            fields = list(result)
            full = self.holds(FULL)
            if full is not None:
                fields[3] = fields[4] = full.bytes_left // max(1, result.f_frsize)
            if self.holds(READONLY) is not None:
                fields[8] = result.f_flag | _ST_RDONLY
            return os.statvfs_result((*fields, result.f_fsid))

        return measure

    def _outside(self, file: Path_) -> bool:
        if isinstance(file, int):
            return self.path_of(file) is None
        path = os.path.realpath(os.fsdecode(file))
        return path != self.root and not path.startswith(self.root + "/")

    def _opening(self) -> Callable[..., Any]:
        real = os.open

        def opening(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            if flags & _CREATES:
                self.refuse("open", path, READONLY, ERROR, dir_fd=dir_fd)
            return real(path, flags, mode, dir_fd=dir_fd)

        return opening

    def _open_file(self, file: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
        writes = any(letter in mode for letter in "wax+")
        if not writes or self.path_of(file) is None:
            return self._real_open(file, mode, *rest, **more)
        self.refuse("open", file, READONLY, ERROR)
        return self._written_file(file, mode, *rest, **more)

    def _written_file(  # noqa: PLR0917 - the arguments of open()
        self,
        file: Any,
        mode: str,
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        # A file of the io module writes from C; a raw file of our own brings it past the hooks.
        raw = _CardFile(self, file, mode.replace("b", "").replace("t", ""), closefd, opener)
        if buffering == 0 and "b" in mode:
            return raw
        size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
        buffered = (io.BufferedRandom if "+" in mode else io.BufferedWriter)(raw, size)
        if "b" in mode:
            return buffered
        text = io.TextIOWrapper(
            buffered, encoding or "locale", errors, newline, line_buffering=buffering == 1
        )
        text.mode = mode  # type: ignore[misc]
        return text


class _CardFile(io.FileIO):
    """A raw file whose writes ask the card first."""

    def __init__(self, disk: Disk, file: Any, mode: str, closefd: bool, opener: Any) -> None:
        self._disk = disk
        super().__init__(file, mode, closefd, opener)

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        return super().write(view[: self._disk.room("write", self.fileno(), view.nbytes)])

    def truncate(self, size: int | None = None, /) -> int:
        self._disk.refuse("truncate", self.fileno(), READONLY, ERROR)
        return super().truncate(size)


def install_from_environment() -> Disk | None:
    """The card that HW_MOCKS_DISK names, hooked in and connected; None if it names none."""
    root = os.environ.get(DISK_VARIABLE)
    if not root:
        return None
    disk = Disk(Path(root))
    disk.connect()
    disk.install()
    return disk
