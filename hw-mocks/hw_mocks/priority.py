"""Simulated hardware waits for no processor, as real hardware does not.

Linux shares processors out between sessions first, each of them as heavy as any other, and then
between the threads of each (sched(7), "The autogroup feature"). A thread that wakes up in a session
whose other threads are busy may wait a tenth of a second beside other sessions, whatever its nice
value; that is three pictures. What goes before all of them is the real-time class.
"""

from __future__ import annotations

import contextlib
import os
from typing import Final

REALTIME_VARIABLE: Final = "HW_MOCKS_REALTIME"
"""Where it is set, a process runs at once as long as its simulated camera does."""
_FIRST_NICE: Final = -12
_LOWEST: Final = os.sched_param(1)


def go_first() -> None:
    """Go before every program, camerad too, where the kernel lets this user: the hardware that a
    process stands for would not wait for a processor.

    A process that leads its session takes that along, since the kernel shares processors out
    between sessions first (sched(7), "The autogroup feature").
    """
    with contextlib.suppress(PermissionError, FileNotFoundError, BlockingIOError):
        os.setpriority(os.PRIO_PROCESS, 0, _FIRST_NICE)
        if os.getsid(0) == os.getpid():
            with open("/proc/self/autogroup", "w", encoding="ascii") as session:
                session.write(str(_FIRST_NICE))


def run_at_once(pid: int | None = None) -> bool:
    """Have all threads of a process, and all that they start from now on, run as soon as they can:
    in turns before every program of the usual class (SCHED_RR), at the lowest priority of those.

    pid: another process than this one. Returns whether the kernel let this user; nothing has
    changed if not. Raises ProcessLookupError if there is no such process.

    What is in the real-time class gets 95 % of each second at most (sched(7),
    sched_rt_runtime_us), so that a program that runs wild can still be ended.
    """
    done: set[str] = set()
    # A thread may be started by one whose turn has not come yet.
    while threads := {*_threads(pid)} - done:
        for thread in threads:
            try:
                os.sched_setscheduler(int(thread), os.SCHED_RR, _LOWEST)
            except ProcessLookupError:
                pass  # it has ended meanwhile
            except PermissionError:
                return False
        done |= threads
    return True


def _threads(pid: int | None) -> list[str]:
    try:
        return os.listdir(f"/proc/{'self' if pid is None else pid}/task")
    except FileNotFoundError:
        raise ProcessLookupError(f"there is no process {pid}") from None
