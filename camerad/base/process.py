"""Protections that a process applies to itself: no dumps, no life after its parent, no leftovers.

Footage that is not kept may exist in memory only. A core dump would put it on disk, and a debugger
of the same user could too. A process whose parent has died would hold on to the camera. Freed
memory could still be read. The calls are those of ``prctl(2)`` and ``mallopt(3)``.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from typing import Final

from camerad.base.message_ids import MessageId

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_THP_DISABLE: Final = 41
_M_PERTURB: Final = -6
_M_MMAP_THRESHOLD: Final = -3
_M_TRIM_THRESHOLD: Final = -1
_M_ARENA_MAX: Final = -8
_PATTERN: Final = 0x55
_LARGE_BYTES: Final = 1024 * 1024
_KEPT_BYTES: Final = 32 * 1024 * 1024
_RETURNED_BYTES: Final = 256 * 1024

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    if _libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}, {value}): {os.strerror(number)}")


def forbid_dumps() -> None:
    """Make this process non-dumpable, and its core limit zero for good.

    A non-dumpable process writes no core, and only a process with CAP_SYS_PTRACE can read its
    memory. Not inherited over exec: each process calls this itself. Raises OSError.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0)


def end_within(seconds: float, code: int) -> None:
    """Have this process end after so many seconds at the latest, with this exit code, whatever its
    threads wait for. To be called when all that has to be done is done."""

    def end() -> None:
        log.warning(
            "this process ends although a thread still waits, mostly for storage",
            extra=MessageId.END_LATE.extra,
        )
        os._exit(code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def die_with_parent(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent dies: SIGKILL, unless it has
    something to do first and sees for itself that it ends.

    parent: the process id that ``os.getppid()`` gave first thing. Raises ProcessLookupError if that
    parent was gone before the kernel knew about it, and OSError if the kernel refuses.

    The kernel takes the *thread* that started this process for the parent, so the parent starts
    it from a thread that lives as long as itself.
    """
    _prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:
        raise ProcessLookupError(f"the parent process {parent} has ended")


def overwrite_freed_memory() -> None:
    """Have glibc overwrite every block of memory that is freed, and give large ones back.

    glibc keeps up to seven freed blocks of each size below about 1 KiB aside without overwriting
    them; that can only be forbidden from outside, by starting the process with
    ``GLIBC_TUNABLES=glibc.malloc.tcache_count=0``. Raises OSError if glibc refuses.
    """
    for option, value in ((_M_PERTURB, _PATTERN), (_M_MMAP_THRESHOLD, _LARGE_BYTES)):
        if _libc.mallopt(option, value) != 1:
            raise OSError(f"mallopt({option}, {value}) failed")


@contextlib.contextmanager
def untouched_memory() -> Iterator[None]:
    """Have glibc neither overwrite what is freed meanwhile nor fill what is allocated.

    Where freed memory is overwritten, glibc also fills what it hands out (``mallopt(3)``,
    M_PERTURB): so every page of a buffer takes memory, used or not, and an encoder has 15 MB that
    it never uses. To be used only while no thread frees what held pictures, sound or keys; in a
    process that calls `overwrite_freed_memory`. Afterwards freed memory is overwritten again.
    """
    _libc.mallopt(_M_PERTURB, 0)
    try:
        yield
    finally:
        _libc.mallopt(_M_PERTURB, _PATTERN)


def use_small_pages() -> None:
    """Have the kernel give this process, and what it starts, memory by the small page only.

    In huge pages, which libraries ask for and some kernels give unasked, what is used is rounded up
    to 2 MB: 5 MB for the encoder of pictures, which is no faster with them. Raises OSError if the
    kernel refuses.
    """
    _prctl(_PR_SET_THP_DISABLE, 1)


def keep_freed_memory() -> None:
    """Have glibc keep up to 32 MB of freed memory for the next use.

    For a process that allocates and frees megabytes all the time: getting each page from the kernel
    anew takes a tenth of its time. Where there is another C library nothing happens.
    """
    if hasattr(_libc, "mallopt"):
        for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
            _libc.mallopt(option, _KEPT_BYTES)


def return_freed_memory() -> None:
    """Have glibc give blocks of 256 KiB and more back to the kernel as soon as they are freed.

    For a process that must stay small. Otherwise glibc raises that limit to the largest block that
    was ever freed (``mallopt(3)``, M_MMAP_THRESHOLD), and keeps the room of a recording's first and
    largest fragments for good. Where there is another C library nothing happens.
    """
    if hasattr(_libc, "mallopt"):
        for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD):
            _libc.mallopt(option, _RETURNED_BYTES)


def share_one_heap() -> None:
    """Have all threads of this process share one heap of glibc's.

    Otherwise each of the first eight threads for each processor gets a separate one, and what is
    free in one of them serves no other: 6 MB in the controller, 4 MB in the capture process. Few
    allocations are made at once here, since Python makes one thread wait for another anyway; what
    it costs in time is less than can be measured. To be called before the first thread is started.
    Where there is another C library nothing happens.
    """
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, 1)


def raise_file_limit() -> None:
    """Allow as many open files as the kernel grants: no client can use them up then."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))


_SESSION: Final = "/proc/self/autogroup"
_SESSION_ATTEMPTS: Final = 5
_SESSION_SECONDS: Final = 0.11

CAMERA_NICE: Final = -10
DISPLAY_NICE: Final = 5


def set_priority(nice: int) -> bool:
    """Set this process's nice value, which its children inherit; whether the kernel allowed it.

    The camera has a fifth of a second of buffers: a frame that waits longer for a processor is
    lost. So the controller and the capture process go before everything else on the board, and
    the display (DISPLAY_NICE) after them.

    Linux shares processors out between sessions first, as if each were one program, and heeds nice
    values only within a session (``sched(7)``, "The autogroup feature"). So a process that leads
    its session sets that one's nice value too.

    A user without the right keeps what they have; the unit file's ``Nice=`` and ``LimitNICE=``
    grant it. To be called before `forbid_dumps`, which gives what /proc has of a process to root.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
        if os.getsid(0) == os.getpid():
            _set_session_priority(nice)
    except OSError:
        return False
    return True


def _set_session_priority(nice: int) -> None:
    """Set the nice value of this process's session, where sessions have one.

    Raises PermissionError; BlockingIOError if others set theirs all the time: the kernel takes one
    from plain users every 100 ms.
    """
    for attempt in range(_SESSION_ATTEMPTS):
        try:
            with open(_SESSION, "w", encoding="ascii") as session:
                session.write(str(nice))
        except FileNotFoundError:
            return  # a kernel that does not tell sessions apart
        except BlockingIOError:
            if attempt == _SESSION_ATTEMPTS - 1:
                raise
            time.sleep(_SESSION_SECONDS)
        else:
            return
