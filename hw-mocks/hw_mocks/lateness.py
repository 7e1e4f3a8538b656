"""Who cost a picture: the program, which had not given a buffer back, or the machine, which did not
run the simulated sensor at its instants.

The kernel counts how long a thread that could run waited for a processor (/proc/PID/schedstat; see
Documentation/scheduler/sched-stats.rst). A sensor that waited so through the instants of more
exposures than there are buffers has nowhere to put the later ones, whatever the program does; those
are the machine's. All others are the program's. A sensor that waits for anything else, such as the
interpreter's lock in the program's hands, is not excused; nor are as many exposures as there are
buffers, since those would have found one each had the program not held it.
"""

from __future__ import annotations

import os
import resource
from typing import Any, Final, Self

_THREAD: Final = "/proc/thread-self/schedstat"
_NOTED_BYTES: Final = 100
_SHARE: Final = 0.9
"""Of its lateness a sensor has waited so much for a processor, or it was not only that."""


class Waits:
    """How long the thread that made it has waited for a processor. A context manager."""

    def __init__(self) -> None:
        try:
            self._fd = os.open(_THREAD, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._fd = -1  # a kernel that does not count that: nothing is the machine's

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def total_ns(self) -> int:
        """Nanoseconds since the thread began; 0 where the kernel does not count them."""
        if self._fd < 0:
            return 0
        return int(os.pread(self._fd, _NOTED_BYTES, 0).split()[1])


def read_back() -> int:
    """How often a thread of this process had to wait until a part of the program or of its
    libraries was read from the disk anew (major faults, getrusage(2)). What is read by a call, as
    the film is, is not in it (`hw_mocks.footage.Source`)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_majflt


class Missed:
    """Tells of pictures that found no buffer, each run of them once, when it is over.

    buffers: how many requests go round.
    """

    def __init__(self, buffers: int) -> None:
        self._buffers = buffers
        self._until_ns = self._count = 0
        self._began_waits_ns = self._ended_ns = self._ended_waits_ns = 0
        self._late_ns = self._waited_ns = 0
        self._machine = False
        self._own_ns = self._pages = self._read_back = 0
        self._run: dict[str, Any] | None = None

    def exposes(self, due_ns: int, now_ns: int, waits_ns: int, read_back: int = 0) -> None:
        """The exposure that was due at `due_ns` takes place at `now_ns`. waits_ns, read_back: what
        `Waits.total_ns`, and `read_back` and the film's sources together, say then.

        This and `exposed` are to be called for each, in order.
        """
        if due_ns > self._until_ns:
            # All that were due before have taken place: what this one is late, it is by itself.
            late_ns = now_ns - due_ns
            # What was waited for during the one before counts if that made this one late.
            since_ns = self._began_waits_ns if self._ended_ns > due_ns else self._ended_waits_ns
            waited_ns = waits_ns - since_ns
            self._until_ns, self._count = now_ns, 0
            self._late_ns, self._waited_ns = late_ns, waited_ns
            self._machine = waited_ns >= _SHARE * late_ns
            self._own_ns = max(0, self._ended_ns - due_ns)
            self._pages = read_back - self._read_back
        self._read_back = read_back
        self._count += 1
        self._began_waits_ns = waits_ns

    def exposed(self, now_ns: int, waits_ns: int) -> None:
        """It is over, and waits_ns is what `Waits.total_ns` says by now."""
        self._ended_ns, self._ended_waits_ns = now_ns, waits_ns

    def found(self) -> dict[str, Any] | None:
        """It found a buffer, or was not to be delivered. What is to be told now, if anything."""
        told, self._run = self._run, None
        return told

    def lost(self, number: int, queued: int) -> None:
        """It found none. queued: buffers that had been given back, but after it was due."""
        machines = int(self._machine and self._count > self._buffers)
        if self._run is None:
            self._run = {
                "from": number,
                "late_ms": round(self._late_ns / 1e6, 1),
                "waited_ms": round(self._waited_ns / 1e6, 1),
                "own_ms": round(self._own_ns / 1e6, 1),
                "read_back": self._pages,
                "held": self._buffers - queued,
                "buffers": self._buffers,
                "machine": 0,
            }
        self._run["to"] = number
        self._run["machine"] += machines


def told(missed: dict[str, Any]) -> str:
    """One line that says it."""
    return (
        f"the sensor found no buffer for pictures {missed['from']} to {missed['to']}, of which "
        f"{missed['machine']} are the machine's: it was {missed['late_ms']} ms late, "
        f"{missed['waited_ms']} ms of it without a processor and {missed['own_ms']} ms with the "
        f"picture before; {missed['read_back']} times the process waited for memory from the disk; "
        f"the program held {missed['held']} of {missed['buffers']} buffers"
    )
