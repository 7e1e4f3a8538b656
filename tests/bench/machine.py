"""What the kernel knows about processes and about this machine, read from outside."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from tests.bench.plan import ProcessEndedError

_libc: Final = ctypes.CDLL(None, use_errno=True)


def now_us() -> int:
    """Microseconds of CLOCK_BOOTTIME, which the simulated hardware stamps everything with."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def cpu_ns(pid: int) -> int:
    """Nanoseconds of processor time that a process has taken, all its threads, user and system.

    ``clock_getcpuclockid(3)``: the same account as utime + stime in /proc, which counts in ticks of
    10 ms. Raises ProcessEndedError if it is gone.
    """
    clock = ctypes.c_int()
    number = _libc.clock_getcpuclockid(pid, ctypes.byref(clock))
    if number:
        raise ProcessEndedError(f"process {pid} has ended: {os.strerror(number)}")
    return time.clock_gettime_ns(clock.value)


OTHERS: Final = "others"
SIMULATED_BUFFER: Final = "/memfd:simulated-dmabuf"


def slices(
    groups: Mapping[str, Sequence[int]], count: int, seconds: float
) -> dict[str, list[float]]:
    """Milliseconds of processor time per second that each group of processes takes.

    `count` times, each `seconds` long, one after another. OTHERS is what all processes took that
    are in no group, the kernel's threads and what a hypervisor kept for itself among them.
    """
    everyone = sorted(set().union(*groups.values()))
    found: dict[str, list[float]] = {name: [] for name in (*groups, OTHERS)}
    before, busy_before = {pid: cpu_ns(pid) for pid in everyone}, _busy_ns()
    began = time.monotonic()
    for number in range(1, count + 1):
        time.sleep(max(0.0, began + number * seconds - time.monotonic()))
        after, busy_after = {pid: cpu_ns(pid) for pid in everyone}, _busy_ns()
        spent = {pid: after[pid] - before[pid] for pid in everyone}
        others = busy_after - busy_before - sum(spent.values())
        for name, pids in groups.items():
            found[name].append(sum(spent[pid] for pid in pids) / 1e6 / seconds)
        found[OTHERS].append(max(0.0, others / 1e6 / seconds))
        before, busy_before = after, busy_after
    return found


def _busy_ns() -> int:
    """Nanoseconds that all processors were busy, or their hypervisor was; ``/proc/stat``."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _wait, irq, softirq, steal = file.readline().split()[1:9]
    ticks = sum(map(int, (user, nice, system, irq, softirq, steal)))
    return ticks * (1_000_000_000 // os.sysconf("SC_CLK_TCK"))


def children(pid: int) -> dict[int, list[str]]:
    """The processes directly below `pid`, and their arguments."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # comm, the second field, may hold anything; the fields behind it begin after its ')'.
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                arguments = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                found[int(entry.name)] = arguments
        except (OSError, ValueError, IndexError):
            continue
    return found


@dataclass(frozen=True, slots=True)
class Memory:
    """One process's memory in megabytes (1e6 bytes).

    pss: its proportional share; None where this user may not see it. rss: what it maps that is in
    memory, shared or not. simulated: the part of `pss` that is the simulated camera's buffers;
    those of a real camera are the kernel's and no process's.
    """

    pss: float | None
    rss: float
    simulated: float | None = None


def memory(pid: int) -> Memory:
    """The memory of a process; ``smaps`` in proc(5).

    A process that forbids dumps shows its share to root only. Raises ProcessEndedError if it has
    ended.
    """
    rss = _kilobytes(_status(pid), "VmRSS") * 1024 / 1e6
    try:
        whole = Path(f"/proc/{pid}/smaps_rollup").read_text()
        parts = Path(f"/proc/{pid}/smaps").read_text()
    except PermissionError:
        return Memory(None, rss)
    except (FileNotFoundError, ProcessLookupError) as error:
        raise _ended(pid, error) from None
    simulated = re.findall(rf"{SIMULATED_BUFFER}[^\n]*\n(?:.+\n)*?Pss:\s+(\d+) kB", parts)
    return Memory(
        pss=_kilobytes(whole, "Pss") * 1024 / 1e6,
        rss=rss,
        simulated=sum(map(int, simulated)) * 1024 / 1e6,
    )


def waits(pid: int) -> Counter[str]:
    """How often each thread of a process has waited for something, by its id.

    Of what threads did that have ended meanwhile nothing is known any more. Raises
    ProcessEndedError if the process has ended.
    """
    found: Counter[str] = Counter()
    _status(pid)
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            text = (thread / "status").read_text()
            found[thread.name] = int(text.split("\nvoluntary_ctxt_switches:")[1].split()[0])
    return found


def locked_bytes(pid: int) -> int:
    """Bytes that a process has locked in memory."""
    return _kilobytes(_status(pid), "VmLck") * 1024


def sharers(pids: Sequence[int]) -> int:
    """How many processes besides `pids` have a library of theirs in memory (root sees all).

    A library that others use too counts only in part in the proportional share.
    """
    ours = set().union(*map(_libraries, pids))
    others = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return sum(1 for pid in others if pid not in pids and _libraries(pid) & ours)


def _libraries(pid: int) -> set[str]:
    try:
        maps = Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return set()
    return set(re.findall(r"/\S*site-packages/\S+\.so\S*", maps))


def _status(pid: int) -> str:
    """Raises ProcessEndedError, also for one that its parent has not asked for yet (a zombie)."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError as error:
        raise _ended(pid, error) from None
    if "\nState:\tZ" in text:
        raise ProcessEndedError(f"process {pid} has ended")
    return text


def _ended(pid: int, error: OSError) -> ProcessEndedError:
    return ProcessEndedError(f"process {pid} has ended: {error.strerror}")


def _kilobytes(text: str, key: str) -> int:
    match = re.search(rf"^{key}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(match[1]) if match else 0


def description() -> dict[str, Any]:
    """The machine and the versions of what is measured."""
    model = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        **{name: metadata.version(name) for name in ("av", "picamera2", "camerad")},
    }


def written_bytes(device: str | None) -> int:
    """Bytes that were written to a block device since it is there; 0 of none.

    The seventh figure of its ``stat`` counts sectors of 512 bytes, whatever the device's own are
    (Documentation/block/stat.rst of the kernel).
    """
    if device is None:
        return 0
    return int(Path(f"/sys/block/{device}/stat").read_text().split()[6]) * 512


def cpu_of_thread_ns(name: str) -> int:
    """Nanoseconds of processor time that a thread of the kernel has taken; 0 if there is none.

    The first figure of ``schedstat`` (Documentation/scheduler/sched-stats.rst of the kernel).
    """
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == name:
                return int((entry / "schedstat").read_text().split()[0])
    return 0


def peak_rss_megabytes() -> float:
    """The most memory that this process has had since its program began, megabytes.

    ``VmHWM`` in proc_pid_status(5). getrusage(2) would count what the process that started this one
    had before.
    """
    return _kilobytes(_status(os.getpid()), "VmHWM") * 1024 / 1e6
