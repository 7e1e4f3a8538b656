"""The time of a simulated world: it stands still while the machine owes the world processor time.

A body camera has its processor for itself; a machine that runs tests has other things to do. What
is simulated by the machine's clock then comes too late for no fault of the program's: a sensor
exposes, a time-out runs out, while the program waits for a processor. So a world has a time of its
own, which every program in it is shown in the place of the machine's (`worldclock.c`, preloaded).

A keeper (`worldkeeper.c`), a process of its own, looks every 10 ms how long each thread of the
world has waited for a processor since (/proc/PID/schedstat; see
Documentation/scheduler/sched-stats.rst), and stops the world's time for as long as the one that
waited longest. The kernel counts a wait when it is over.
So a thread that ran lately, could run now, and does not, is in the middle of one. While it waits,
the world's time creeps at a 32nd of its speed, so that an effect has a later time than its cause.
The keeper lends time for 30 ms: where it gets no processor itself, the world's time ends there and
goes on with it.

A thread with the nice value `ASIDE` is not waited for: a judge, who takes what is left. Where the
kernel does not count waits, the world's time is the machine's, as long as the keeper is run.

    LD_PRELOAD=$(python -m hw_mocks.worldclock) python -m pytest ...
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import shutil
import struct
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

CLOCK_VARIABLE: Final = "HW_MOCKS_CLOCK"
"""Names the file with the page of the world that a process belongs to."""
ASIDE: Final = 15
"""The nice value of threads that no world's time waits for."""
_SHARED: Final = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - mkdtemp
"""In memory: no file system of the machine has to keep it, and none is written for it."""
_SOURCES: Final = Path(__file__).parent
_PAGE: Final = struct.Struct("@Qqqqqq")
"""version, real, world, lease, boottime, latest: as in worldclock.h."""
_LEASE_NS: Final = 30_000_000
"""How far a page goes that no keeper has written yet."""


def library() -> Path:
    """The library to preload."""
    return compiled("worldclock", ".so", "-shared", "-fPIC")


def compiled(name: str, ending: str, *options: str) -> Path:
    """What a source becomes; compiled when it is first asked for, and after a change."""
    from hw_mocks.clips import cache_folder

    source = _SOURCES / f"{name}.c"
    content = source.read_bytes() + (_SOURCES / "worldclock.h").read_bytes()
    path = cache_folder() / f"{name}-{hashlib.sha256(content).hexdigest()[:16]}{ending}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        command = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", *options]
        subprocess.run([*command, "-o", str(beside), str(source)], check=True)
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
        command = [str(compiled("worldkeeper", "")), str(self._page), str(os.getpid())]
        self._keeper = subprocess.Popen(command, env=ours, stdout=subprocess.PIPE)
        assert self._keeper.stdout is not None
        if not self._keeper.stdout.read(1):
            raise RuntimeError("the keeper of the world's time has ended; it says why above")
        attach(self._page)

    def end(self) -> None:
        """Leave the world, and end the keeper, and with it the time."""
        ctypes.CDLL(None).worldclock_leave()
        del os.environ[CLOCK_VARIABLE]
        self._keeper.kill()
        self._keeper.communicate()
        shutil.rmtree(self._page.parent, ignore_errors=True)


if __name__ == "__main__":
    print(library())
