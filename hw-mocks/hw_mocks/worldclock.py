"""The time of a simulated world: it stands still while the machine owes the world processor time.

A body camera has its processor for itself; a machine that runs tests has other things to do. What
is simulated by the machine's clock then comes too late for no fault of the program's: a sensor
exposes, a time-out runs out, while the program waits for a processor. So a world has a time of its
own, which every program in it is shown in the place of the machine's (`worldclock.c`, preloaded).

A keeper, a process of its own, looks every 10 ms how long each thread of the world has waited for a
processor since (/proc/PID/schedstat; see Documentation/scheduler/sched-stats.rst), and stops the
world's time for as long as the one that waited longest. The kernel counts a wait when it is over.
So a thread that ran lately, could run now, and does not, is in the middle of one. While it waits,
the world's time creeps at a 32nd of its speed, so that an effect has a later time than its cause.
The keeper lends time for 30 ms: where it gets no processor itself, the world's time ends there and
goes on with it.

A thread with the nice value `ASIDE` is not waited for: a judge, who takes what is left. Where the
kernel does not count waits, the world's time is the machine's, as long as the keeper is run.

    LD_PRELOAD=$(python -m hw_mocks.worldclock) python -m pytest ...
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import mmap
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CLOCK_VARIABLE: Final = "HW_MOCKS_CLOCK"
"""Names the file with the page of the world that a process belongs to."""
ASIDE: Final = 15
"""The nice value of threads that no world's time waits for."""
_SHARED: Final = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - mkdtemp
"""In memory: no file system of the machine has to keep it, and none is written for it."""
_SOURCE: Final = Path(__file__).with_suffix(".c")
_PAGE: Final = struct.Struct("@Qqqqqq")
"""version, real, world, lease, boottime, latest: as in worldclock.c."""
_CREEP: Final = 32
_TICK_NS: Final = 10_000_000
_LEASE_NS: Final = 3 * _TICK_NS
_AHEAD_NS: Final = 300_000
"""How long the keeper may take to write what it has decided."""
_MOST_NS: Final = 10 * _TICK_NS
"""What the world is owed at most: while its time stands still it catches up."""
_LATELY_TICKS: Final = 10
"""A thread that has not run for so many ticks is taken to sleep. Most do, and are not asked."""
_LOOK_TICKS: Final = 20
"""Ticks from one look at which threads there are to the next."""
_PRIORITY: Final = 2
"""In the real-time class, before what stands for hardware (`hw_mocks.priority`)."""


def library() -> Path:
    """The library to preload; compiled when it is first asked for, and after a change."""
    from hw_mocks.clips import cache_folder

    source = _SOURCE.read_bytes()
    path = cache_folder() / f"worldclock-{hashlib.sha256(source).hexdigest()[:16]}.so"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}")
        command = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        subprocess.run([*command, "-o", str(beside), str(_SOURCE)], check=True)
        beside.rename(path)
    return path


def preloaded() -> bool:
    """Whether this process can live in a world's time."""
    return hasattr(ctypes.CDLL(None), "worldclock_attach")


def new_page(path: Path) -> None:
    """Write the page of a world whose time has begun."""
    now_ns = time.monotonic_ns()
    # The least, since a thread may lose the processor between two looks.
    boottime_ns = min(
        time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns() for _ in range(1000)
    )
    page = _PAGE.pack(0, now_ns, now_ns, _LEASE_NS, boottime_ns, now_ns)
    path.write_bytes(page.ljust(mmap.PAGESIZE, b"\0"))
    path.chmod(0o666)


def attach(page: Path) -> None:
    """Let this process, and all that it starts from now on, live in the world of this page.

    Raises RuntimeError if the library was not preloaded, or if the page cannot be read.
    """
    if not preloaded():
        raise RuntimeError(f"to live in a world's time takes LD_PRELOAD={library()}")
    if ctypes.CDLL(None).worldclock_attach(os.fsencode(page)) != 0:
        raise RuntimeError(f"{page} cannot be read and written")
    os.environ[CLOCK_VARIABLE] = str(page)


def outside() -> dict[str, str]:
    """The environment of a program that goes by the machine's time, by which the kernel dates files
    and file systems."""
    return {name: value for name, value in os.environ.items() if name != CLOCK_VARIABLE}


class World:
    """A world for this process and all that it starts; they stay in it, and none may outlive it,
    since its time stands still then."""

    def __init__(self) -> None:
        self._page = Path(tempfile.mkdtemp(prefix="worldclock-", dir=_SHARED)) / "page"
        new_page(self._page)
        ours = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        command = [sys.executable, "-m", "hw_mocks.worldclock", str(self._page), str(os.getpid())]
        self._keeper = subprocess.Popen(command, env=ours, stdout=subprocess.PIPE)
        assert self._keeper.stdout is not None
        self._keeper.stdout.read(1)  # it keeps the time
        attach(self._page)

    def end(self) -> None:
        """Leave the world, and end the keeper, and with it the time."""
        ctypes.CDLL(None).worldclock_leave()
        del os.environ[CLOCK_VARIABLE]
        self._keeper.kill()
        self._keeper.communicate()
        shutil.rmtree(self._page.parent, ignore_errors=True)


@dataclass(slots=True)
class _Thread:
    """fd: of its schedstat. used_ns, waited_ns: what that said last. paid_ns: for how much of its
    present wait the world has stood still. rested: ticks since it was last seen to run or to wait.
    """

    fd: int
    used_ns: int
    waited_ns: int
    paid_ns: int = 0
    rested: int = 0

    def owed_ns(self, number: int, since_ns: int) -> int:
        """What the world owes it for the time since the last look, `since_ns`. Raises OSError if it
        has ended."""
        used_ns, waited_ns = _times(self.fd)
        if (used_ns, waited_ns) == (self.used_ns, self.waited_ns):
            if self.rested >= _LATELY_TICKS:
                return 0
            if not _ready(number):
                self.rested += 1
                return 0
            self.paid_ns += since_ns
            return since_ns
        owed_ns = max(0, waited_ns - self.waited_ns - self.paid_ns)
        self.used_ns, self.waited_ns, self.paid_ns, self.rested = used_ns, waited_ns, 0, 0
        return owed_ns


class Keeper:
    """Keeps the time of the world of `root` and its descendants in the page that `memory` is."""

    def __init__(self, memory: mmap.mmap, root: int) -> None:
        self._memory = memory
        self._root = root
        self._threads: dict[int, _Thread] = {}
        self._version, self._real, self._world, self._lease, *_ = _PAGE.unpack_from(memory)
        self._owed_ns = 0
        self._ticked_ns = self._real

    def look(self) -> None:
        """See which threads the world has now. Those that have begun since the last look are owed
        all that they have waited."""
        first, there = not self._threads, set(threads(self._root))
        for number in self._threads.keys() - there:
            os.close(self._threads.pop(number).fd)
        for number in there - self._threads.keys():
            with contextlib.suppress(OSError):
                fd = os.open(f"/proc/{number}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
                used_ns, waited_ns = _times(fd)
                self._threads[number] = _Thread(fd, used_ns, waited_ns if first else 0)

    def tick(self, now_ns: int) -> None:
        """Stop or let go the world's time by what its threads have waited since the last tick."""
        since_ns, most = min(now_ns - self._ticked_ns, _MOST_NS), 0
        self._ticked_ns = now_ns
        for number, thread in self._threads.items():
            with contextlib.suppress(OSError):  # it has ended
                most = max(most, thread.owed_ns(number, since_ns))
        self._owed_ns = min(self._owed_ns + most, _MOST_NS)
        at_ns = now_ns + _AHEAD_NS
        gone_ns = at_ns - self._real
        goes_ns = -(-gone_ns // _CREEP) if gone_ns < 0 else min(gone_ns, self._lease)
        pause_ns = min(self._owed_ns, _TICK_NS)
        self._owed_ns -= pause_ns
        # A pause that the tick before has begun goes on to its end.
        self._real = max(at_ns, self._real) + pause_ns
        self._world += goes_ns + (self._real - at_ns) // _CREEP
        self._write()

    def _write(self) -> None:
        self._version += 2
        struct.pack_into("@Q", self._memory, 0, self._version - 1)
        struct.pack_into("@qqq", self._memory, 8, self._real, self._world, self._lease)
        struct.pack_into("@Q", self._memory, 0, self._version)


def _times(fd: int) -> tuple[int, int]:
    """Nanoseconds for which a thread has had a processor, and has waited for one, from its
    schedstat."""
    used, waited, _ = os.pread(fd, 100, 0).split()
    return int(used), int(waited)


def _ready(number: int) -> bool:
    """Whether a thread has a processor or waits for one; raises OSError if it has ended."""
    with open(f"/proc/{number}/stat", "rb") as file:
        return file.read().rpartition(b") ")[2].startswith(b"R")


def threads(root: int) -> Iterator[int]:
    """The threads of a process and of all below it, without those at `ASIDE`."""
    processes = [root]
    while processes:
        process = processes.pop()
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{process}/task"):
                with contextlib.suppress(OSError):
                    with open(f"/proc/{process}/task/{thread}/children", "rb") as file:
                        processes += map(int, file.read().split())
                    if os.getpriority(os.PRIO_PROCESS, int(thread)) != ASIDE:
                        yield int(thread)


def keep(path: Path, root: int) -> None:
    """Keep the time of a world until `root` ends, and remove its page then."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    with path.open("r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)

    keeper = Keeper(memory, root)
    due_ns, count = time.monotonic_ns(), 0
    while os.getppid() == root:
        if count % _LOOK_TICKS == 0:
            keeper.look()
        keeper.tick(time.monotonic_ns())
        if count == 0:
            os.write(1, b"\n")
        count += 1
        due_ns = max(due_ns + _TICK_NS, time.monotonic_ns())
        time.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
    shutil.rmtree(path.parent, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        keep(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        print(library())
