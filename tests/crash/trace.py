"""Records what code does to the files below one directory, call by call, at the border of `os`.

Only what changes storage or makes a change durable is kept: making, writing, cutting, reserving,
renaming and removing files, making directories, changing modes, and synchronising. Each operation
carries the data and the place in the production code that asked for it, innermost frame first.

A call that this module does not know how to replay raises `UnknownOperationError` at once, so no
change can go by unnoticed through `os`; test_trace.py compares a whole life with what ``strace``
saw, for changes that would go by some other way.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from operator import attrgetter
from pathlib import Path
from types import FrameType
from typing import Any, Final

import camerad

PRODUCTION: Final = str(Path(camerad.__file__).parent)
_FRAMES: Final = 6
"""How many frames of the code a site names."""


class UnknownOperationError(AssertionError):
    """Error raised when code changes storage in a way that cannot be replayed."""


class Kind(StrEnum):
    """What an operation does."""

    CREATE = "create"
    WRITE = "write"
    TRUNCATE = "truncate"
    ALLOCATE = "allocate"
    MODE = "mode"
    SYNC_DATA = "sync data"
    """fdatasync(2): bytes and size."""
    SYNC_FILE = "sync file"
    """fsync(2): bytes, size and mode."""
    SYNC_DIRECTORY = "sync directory"
    SYNC_ALL = "sync all"
    """sync(2)."""
    RENAME = "rename"
    LINK = "link"
    """One more name for a file, in whatever directory."""
    UNLINK = "unlink"
    MKDIR = "mkdir"
    RMDIR = "rmdir"


SYNCS: Final = frozenset({Kind.SYNC_DATA, Kind.SYNC_FILE, Kind.SYNC_DIRECTORY, Kind.SYNC_ALL})


@dataclass(frozen=True, slots=True)
class Frame:
    """A place in the code. file: relative to the code's directory."""

    file: str
    function: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.function}:{self.line}"


Site = tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Op:
    """One operation.

    file: number of the file, the same for as long as it exists, whatever it is called; 0 for an
    operation on a directory. path: relative to the root, as it was called then. to: new name of a
    rename, or one more name. offset, size: bytes. data: what was written.
    """

    kind: Kind
    site: Site
    file: int
    path: str
    to: str = ""
    offset: int = 0
    size: int = 0
    data: bytes = b""
    mode: int = 0

    def __str__(self) -> str:
        place = f"{self.path} -> {self.to}" if self.to else self.path
        extent = f" {self.offset}+{len(self.data) or self.size}" if self.file else ""
        return f"{self.kind} {place}{extent} by {self.site[0] if self.site else '?'}"


@dataclass(frozen=True, slots=True)
class Promise:
    """What the code under test reported as done at this point of the recording, or is about to do.

    kind and facts are the judge's matter.
    """

    kind: str
    facts: Mapping[str, Any]


Event = Op | Promise


class Recorder:
    """Records operations on files below `root`, from `recording()` on.

    root: an absolute directory that exists. code: directory whose frames make up a site. sites:
    whether operations have one, which takes longer than the rest of noting them.
    """

    def __init__(self, root: str, code: str = PRODUCTION, *, sites: bool = True) -> None:
        self.root: Final = os.path.realpath(root)
        self._sites = sites
        self.events: list[Event] = []
        self._code = code + os.sep
        self._lock = threading.RLock()
        self._numbers: dict[tuple[int, int], int] = {}
        self._next = 1
        self.numbers: Final[dict[str, int]] = {}
        """Of the files that were there at the beginning, by path relative to the root."""
        device = os.stat(self.root).st_dev
        for path, inode in _files(self.root):
            self.numbers[path[len(self.root) + 1 :]] = self._next
            self._numbers[device, inode] = self._next
            self._next += 1

    @property
    def ops(self) -> list[Op]:
        """The operations alone."""
        return [event for event in self.events if isinstance(event, Op)]

    def promise(self, kind: str, **facts: Any) -> None:
        """Note what was reported, or what is about to be done."""
        with self._lock:
            self.events.append(Promise(kind, facts))

    def rebooted(self) -> None:
        """The machine was started anew, and everything happened to be on the storage."""
        with self._lock:
            self.events.append(Op(Kind.SYNC_ALL, (), 0, ""))

    @contextmanager
    def recording(self) -> Iterator[Recorder]:
        """Everything done meanwhile is recorded, whichever thread does it."""
        replaced = {name: getattr(os, name) for name in _WRAPPERS if hasattr(os, name)}
        try:
            for name, original in replaced.items():
                setattr(os, name, _WRAPPERS[name](self, original))
            yield self
        finally:
            for name, original in replaced.items():
                setattr(os, name, original)

    # ------------------------------------------------------------------ what the wrappers use

    def locked(self) -> threading.RLock:
        """Held over a call and its note, so that the order is the true one."""
        return self._lock

    def relative(self, path: Any, dir_fd: int | None = None) -> str | None:
        """The path below the root, "" for the root; None if it is elsewhere."""
        if dir_fd is not None:  # root's way, see `camerad.base.durable_files`
            path = os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}"), os.fsdecode(path))
        if isinstance(path, int):
            full = os.readlink(f"/proc/self/fd/{path}")
        else:
            full = os.fsdecode(path)
            full = _normal(full) if full.startswith(os.sep) else os.path.abspath(full)
        if full == self.root:
            return ""
        return full[len(self.root) + 1 :] if full.startswith(self.root + os.sep) else None

    def number(self, target: int | str) -> int | None:
        """The file's number; None if it is not below the root."""
        state = os.fstat(target) if isinstance(target, int) else os.lstat(target)
        return self._numbers.get((state.st_dev, state.st_ino))

    def _register(self, descriptor: int) -> int:
        state = os.fstat(descriptor)
        self._numbers[state.st_dev, state.st_ino] = self._next
        self._next += 1
        return self._next - 1

    def forget(self, descriptor: int) -> None:
        """Note that this is a file without a name, which may have the inode of one that is gone."""
        state = os.fstat(descriptor)
        self._numbers.pop((state.st_dev, state.st_ino), None)

    def created(self, descriptor: int, path: str) -> None:
        """Note a file that was not there before."""
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        self.note(Kind.CREATE, self._register(descriptor), path, mode=mode)

    def note(self, kind: Kind, file: int, path: str, **more: Any) -> None:
        """Add an operation, with the site of the call."""
        self.events.append(Op(kind, self._site() if self._sites else (), file, path, **more))

    def note_file(self, kind: Kind, descriptor: int, **more: Any) -> None:
        """Add an operation on an open file, if it is one below the root."""
        number = self.number(descriptor)
        if number is not None:
            path = self.relative(descriptor) or ""
            self.note(kind, number, path.removesuffix(" (deleted)"), **more)

    def _site(self) -> Site:
        found: list[Frame] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and len(found) < _FRAMES:
            code = frame.f_code
            here = _frame(self._code, code.co_filename, code.co_qualname, frame.f_lineno)
            if here is not None:
                found.append(here)
            frame = frame.f_back
        return tuple(found)


_normal: Final = lru_cache(maxsize=10_000)(os.path.normpath)


def _files(directory: str) -> Iterator[tuple[str, int]]:
    """Path and inode of every file below, always in the same order. Nothing is mounted there."""
    with os.scandir(directory) as found:
        entries = sorted(found, key=attrgetter("name"))
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        else:
            yield entry.path, entry.inode()


@cache
def _frame(directory: str, file: str, function: str, line: int) -> Frame | None:
    """A place in the code below `directory`; None if it is elsewhere."""
    return Frame(file[len(directory) :], function, line) if file.startswith(directory) else None


# ---------------------------------------------------------------------- the calls

Call = Callable[..., Any]


def _open(recorder: Recorder, call: Call) -> Call:
    def wrapper(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            with recorder.locked():
                descriptor = int(call(path, flags, mode, dir_fd=dir_fd))
                recorder.forget(descriptor)
                return descriptor
        if not flags & (os.O_CREAT | os.O_TRUNC):
            return int(call(path, flags, mode, dir_fd=dir_fd))
        with recorder.locked():
            relative = recorder.relative(path, dir_fd)
            if relative is None:
                return int(call(path, flags, mode, dir_fd=dir_fd))
            existed = os.path.lexists(os.path.join(recorder.root, relative))
            descriptor = int(call(path, flags, mode, dir_fd=dir_fd))
            if not existed:
                recorder.created(descriptor, relative)
            elif flags & os.O_TRUNC:
                recorder.note_file(Kind.TRUNCATE, descriptor, size=0)
            return descriptor

    return wrapper


def _positioned(recorder: Recorder, call: Call) -> Call:
    def wrapper(descriptor: int, data: Any, offset: int, *flags: int) -> int:
        with recorder.locked():
            written = int(call(descriptor, data, offset, *flags))
            recorder.note_file(Kind.WRITE, descriptor, offset=offset, data=_joined(data)[:written])
            return written

    return wrapper


def _sequential(recorder: Recorder, call: Call) -> Call:
    def wrapper(descriptor: int, data: Any) -> int:
        with recorder.locked():
            if recorder.number(descriptor) is None:
                return int(call(descriptor, data))
            written = int(call(descriptor, data))
            # Afterwards, since only then O_APPEND has chosen the place.
            offset = os.lseek(descriptor, 0, os.SEEK_CUR) - written
            recorder.note_file(Kind.WRITE, descriptor, offset=offset, data=_joined(data)[:written])
            return written

    return wrapper


def _joined(data: Any) -> bytes:
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    return b"".join(bytes(piece) for piece in data)


def _truncate(recorder: Recorder, call: Call) -> Call:
    def wrapper(descriptor: int, size: int) -> None:
        with recorder.locked():
            call(descriptor, size)
            recorder.note_file(Kind.TRUNCATE, descriptor, size=size)

    return wrapper


def _allocate(recorder: Recorder, call: Call) -> Call:
    def wrapper(descriptor: int, offset: int, length: int) -> None:
        with recorder.locked():
            call(descriptor, offset, length)
            recorder.note_file(Kind.ALLOCATE, descriptor, offset=offset, size=length)

    return wrapper


def _mode(recorder: Recorder, call: Call) -> Call:
    def wrapper(descriptor: int, mode: int) -> None:
        with recorder.locked():
            call(descriptor, mode)
            recorder.note_file(Kind.MODE, descriptor, mode=mode)

    return wrapper


def _sync(kind: Kind) -> Callable[[Recorder, Call], Call]:
    def wrap(recorder: Recorder, call: Call) -> Call:
        def wrapper(descriptor: int) -> None:
            with recorder.locked():
                call(descriptor)
                if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                    relative = recorder.relative(descriptor)
                    if relative is not None:
                        recorder.note(Kind.SYNC_DIRECTORY, 0, relative)
                else:
                    recorder.note_file(kind, descriptor)

        return wrapper

    return wrap


def _sync_all(recorder: Recorder, call: Call) -> Call:
    def wrapper() -> None:
        # The machine that runs the tests has no need to write out everything.
        with recorder.locked():
            recorder.note(Kind.SYNC_ALL, 0, "")

    return wrapper


def _rename(recorder: Recorder, call: Call) -> Call:
    def wrapper(path: Any, to: Any, **directories: int | None) -> None:
        with recorder.locked():
            old = recorder.relative(path, directories.get("src_dir_fd"))
            new = recorder.relative(to, directories.get("dst_dir_fd"))
            if old is None and new is None:
                call(path, to, **directories)
                return
            if old is None or new is None or os.path.dirname(old) != os.path.dirname(new):
                raise UnknownOperationError(f"a rename between directories: {path} to {to}")
            number = recorder.number(os.path.join(recorder.root, old))
            if number is None:
                raise UnknownOperationError(f"a rename of a directory: {path}")
            call(path, to, **directories)
            recorder.note(Kind.RENAME, number, old, to=new)

    return wrapper


def _link(recorder: Recorder, call: Call) -> Call:
    def wrapper(path: Any, to: Any, **more: Any) -> None:
        with recorder.locked():
            old = recorder.relative(path, more.get("src_dir_fd"))
            new = recorder.relative(to, more.get("dst_dir_fd"))
            if old is None and new is None:
                call(path, to, **more)
                return
            number = None if old is None else recorder.number(os.path.join(recorder.root, old))
            if old is None or new is None or number is None:
                raise UnknownOperationError(f"a link from elsewhere: {path} to {to}")
            call(path, to, **more)
            recorder.note(Kind.LINK, number, old, to=new)

    return wrapper


def _unlink(recorder: Recorder, call: Call) -> Call:
    def wrapper(path: Any, *, dir_fd: int | None = None) -> None:
        with recorder.locked():
            relative = recorder.relative(path, dir_fd)
            number = None
            if relative is not None:
                there = os.path.join(recorder.root, relative)
                number = recorder.number(there) if os.path.lexists(there) else None
            call(path, dir_fd=dir_fd)
            if relative is not None and number is not None:
                recorder.note(Kind.UNLINK, number, relative)

    return wrapper


def _mkdir(recorder: Recorder, call: Call) -> Call:
    def wrapper(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        with recorder.locked():
            relative = recorder.relative(path, dir_fd)
            call(path, mode, dir_fd=dir_fd)
            if relative is not None:
                recorder.note(Kind.MKDIR, 0, relative, mode=mode)

    return wrapper


def _rmdir(recorder: Recorder, call: Call) -> Call:
    def wrapper(path: Any, *, dir_fd: int | None = None) -> None:
        with recorder.locked():
            relative = recorder.relative(path, dir_fd)
            call(path, dir_fd=dir_fd)
            if relative is not None:
                recorder.note(Kind.RMDIR, 0, relative)

    return wrapper


def _unknown(name: str, targets: int) -> Callable[[Recorder, Call], Call]:
    """Refuses a call if one of its first `targets` arguments is below the root."""

    def wrap(recorder: Recorder, call: Call) -> Call:
        def wrapper(*arguments: Any, **more: Any) -> Any:
            for target in arguments[:targets]:
                if isinstance(target, int):
                    below = recorder.number(target) is not None
                else:
                    below = recorder.relative(target) is not None
                if below:
                    raise UnknownOperationError(f"os.{name} on {target}")
            return call(*arguments, **more)

        return wrapper

    return wrap


_WRAPPERS: Final[dict[str, Callable[[Recorder, Call], Call]]] = {
    "open": _open,
    "pwrite": _positioned,
    "pwritev": _positioned,
    "write": _sequential,
    "writev": _sequential,
    "ftruncate": _truncate,
    "posix_fallocate": _allocate,
    "fchmod": _mode,
    "fsync": _sync(Kind.SYNC_FILE),
    "fdatasync": _sync(Kind.SYNC_DATA),
    "sync": _sync_all,
    "rename": _rename,
    "replace": _rename,
    "link": _link,
    "unlink": _unlink,
    "remove": _unlink,
    "mkdir": _mkdir,
    "rmdir": _rmdir,
    **{
        name: _unknown(name, targets)
        for name, targets in (
            ("chmod", 1),
            ("copy_file_range", 2),
            ("lchown", 1),
            ("mkfifo", 1),
            ("mknod", 1),
            ("sendfile", 1),
            ("splice", 2),
            ("symlink", 2),
            ("truncate", 1),
        )
    },
}
