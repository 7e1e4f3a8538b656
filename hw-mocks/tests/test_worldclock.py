"""A world's time stands still when it is told to, for everybody who asks or waits.

This has to run in the machine's time: it keeps that of a world itself.
"""

from __future__ import annotations

import json
import mmap
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw_mocks import worldclock

SECOND_NS = 1_000_000_000
FOR_GOOD_NS = 3600 * SECOND_NS
STILL_SECONDS = 0.3
"""Longer than any of the waits is."""

CLOCKS = ("REALTIME", "MONOTONIC", "MONOTONIC_RAW", "BOOTTIME", "TAI")
WAITS = {
    "time.sleep": "time.sleep(0.1)",
    "select": "select.select([], [], [], 0.1)",
    "poll": "select.poll().poll(100)",
    "epoll": "select.epoll().poll(0.1)",
    "socket": "timed_out(pair[0].recv, 1)",
    "lock": "lock.acquire(timeout=0.1)",
    "condition": "waited(threading.Condition())",
    "event": "threading.Event().wait(0.1)",
    "queue": "timed_out(queue.SimpleQueue().get, timeout=0.1)",
    "asyncio": "asyncio.run(asyncio.sleep(0.1))",
    "subprocess": "timed_out(child.wait, 0.1)",
    "sleep(1)": "subprocess.run(['sleep', '0.1'])",
    "usleep": "libc.usleep(100_000)",
    "nanosleep": "libc.nanosleep(span(0.1), None)",
    "until a time of CLOCK_BOOTTIME": "libc.clock_nanosleep(7, 1, span(boottime() + 0.1), None)",
    "until a time of CLOCK_REALTIME": "libc.clock_nanosleep(0, 1, span(time.time() + 0.1), None)",
    "sem_timedwait": "libc.sem_timedwait(semaphore, span(time.time() + 0.1))",
    "pthread_cond_timedwait": "libc.pthread_cond_timedwait(cond, mutex, span(time.time() + 0.1))",
}
PROGRAM = """
import asyncio, ctypes, queue, select, socket, subprocess, sys, threading, time

libc = ctypes.CDLL(None, use_errno=True)
semaphore, cond, mutex = (ctypes.create_string_buffer(128) for _ in range(3))
libc.sem_init(semaphore, 0, 0)
libc.pthread_mutex_lock(mutex)
pair = socket.socketpair()
pair[0].settimeout(0.1)
lock = threading.Lock()
lock.acquire()
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)

def boottime():
    return time.clock_gettime(time.CLOCK_BOOTTIME)

def span(seconds):
    return (ctypes.c_long * 2)(int(seconds), int(seconds % 1 * 1e9))

def timed_out(wait, *arguments, **options):
    try:
        wait(*arguments, **options)
    except (TimeoutError, queue.Empty, subprocess.TimeoutExpired):
        return
    raise AssertionError("it has not timed out")

def waited(condition):
    with condition:
        condition.wait(0.1)

began = time.monotonic()
print("begun", flush=True)
{wait}
print(time.monotonic() - began, flush=True)
child.communicate()
"""


class Page:
    """The page of a world whose time a test keeps."""

    def __init__(self, path: Path) -> None:
        worldclock.new_page(path)
        self.path = path
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._version = 0
        self.world_ns = struct.unpack_from("@q", self._memory, 16)[0]

    def tell(self, lease_ns: int, ago_ns: int = 0) -> None:
        """From now on time goes on for so long; or since so long ago."""
        self._version += 2
        values = (self._version, time.monotonic_ns() - ago_ns, self.world_ns, lease_ns)
        struct.pack_into("@Qqqq", self._memory, 0, *values)

    def start(self, code: str) -> subprocess.Popen[str]:
        """A program that lives in the world."""
        variables = {
            **os.environ,
            "LD_PRELOAD": str(worldclock.library()),
            worldclock.CLOCK_VARIABLE: str(self.path),
        }
        return subprocess.Popen(
            [sys.executable, "-c", code], env=variables, stdout=subprocess.PIPE, text=True
        )


def test_this_runs_in_the_machine_s_time() -> None:
    assert worldclock.CLOCK_VARIABLE not in os.environ


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    yield Page(tmp_path / "page")


@pytest.mark.parametrize("wait", WAITS)
def test_a_wait_lasts_until_the_world_has_got_so_far(page: Page, wait: str) -> None:
    page.tell(0)
    with page.start(PROGRAM.replace("{wait}", WAITS[wait])) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "begun\n"
        assert select.select([program.stdout], [], [], STILL_SECONDS)[0] == []
        page.tell(FOR_GOOD_NS)
        # It has waited for 0.1 s of the world's time, and nothing of what it stood still.
        assert 0.1 <= float(program.stdout.readline()) < STILL_SECONDS


@pytest.mark.parametrize("busy", ["time.sleep(30)", "libc.pause()"])
def test_an_alarm_ends_nobody_before_the_world_has_got_so_far(page: Page, busy: str) -> None:
    page.tell(0)
    program = (
        "import ctypes, signal, time\n"
        "libc = ctypes.PyDLL(None)\n"  # holds Python up: no handler of Python's would run
        "signal.setitimer(signal.ITIMER_REAL, 0.05)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.1)\n"
        "print('begun', flush=True)\n"
        f"while True: {busy}\n"
    )
    with page.start(program) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(STILL_SECONDS)
        page.tell(FOR_GOOD_NS)
        assert process.wait(10) == -signal.SIGALRM


def test_every_clock_stands_still_and_goes_on_together(page: Page) -> None:
    clocks = ", ".join(f"time.CLOCK_{name}" for name in CLOCKS)
    program = (
        "import json, time\n"
        "while input():\n"
        f"    now = [time.clock_gettime(clock) for clock in ({clocks})]\n"
        "    print(json.dumps([*now, time.time()]), flush=True)\n"
    )
    page.tell(0)
    variables = {"LD_PRELOAD": str(worldclock.library()), "HW_MOCKS_CLOCK": str(page.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None

        def asked() -> list[float]:
            print("now", file=process.stdin, flush=True)
            assert process.stdout is not None
            values: list[float] = json.loads(process.stdout.readline())
            return values

        before = asked()
        time.sleep(STILL_SECONDS)
        # What they are ahead of CLOCK_MONOTONIC is read anew each time, to 20 us.
        assert asked() == pytest.approx(before, abs=1e-4)
        page.tell(SECOND_NS // 4)
        time.sleep(STILL_SECONDS)
        assert [now - then for now, then in zip(asked(), before, strict=True)] == pytest.approx(
            [0.25] * len(before), abs=1e-3
        )
        print(file=process.stdin, flush=True)


BUSY = {"always": ["while True: pass"] * 3}
"""Programs that leave a quarter of a processor, in slices; of another session, less."""
if os.geteuid() == 0:
    BUSY["for long"] = [
        """
import os, time
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
while True:
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        pass
    time.sleep(0.1)
"""
    ]
SPENT_SECONDS = 0.5
COMPUTES = f"""
import time
from hw_mocks.worldclock import World

world = World()
began, used = time.monotonic(), time.process_time()
while time.process_time() - used < {SPENT_SECONDS}:
    pass
print(time.monotonic() - began)
world.end()
"""


@pytest.mark.parametrize("programs", BUSY.values(), ids=BUSY)
def test_who_waits_for_a_processor_loses_no_time_of_the_world(programs: list[str]) -> None:
    """Half a second of computing lasts more than one second, and half a second in the world."""
    processor = {min(os.sched_getaffinity(0))}
    busy = [subprocess.Popen([sys.executable, "-c", program]) for program in programs]
    try:
        for one in busy:
            os.sched_setaffinity(one.pid, processor)
        began = time.monotonic()
        variables = {**os.environ, "LD_PRELOAD": str(worldclock.library())}
        with subprocess.Popen(
            ["taskset", "-c", str(*processor), sys.executable, "-c", COMPUTES],
            env=variables,
            stdout=subprocess.PIPE,
            text=True,
        ) as program:
            lasted = float(program.communicate(timeout=120)[0])
        machine = time.monotonic() - began
    finally:
        for one in busy:
            one.kill()
            one.wait()
    assert program.returncode == 0
    assert lasted + 0.05 >= SPENT_SECONDS and lasted < 2 * SPENT_SECONDS < machine


def test_nobody_outlives_the_time_of_the_world(page: Page) -> None:
    """A minute after the last word of the keeper; what is asleep then wakes up for it."""
    page.tell(0, ago_ns=59 * SECOND_NS)
    with page.start("import time\ntime.sleep(0.1)") as program:
        assert program.wait(timeout=60) == -signal.SIGKILL


def test_whoever_leaves_a_world_goes_by_the_machine_s_time() -> None:
    """Also with a wait that has begun in the world."""
    code = (
        "import threading, time\n"
        "from hw_mocks.worldclock import World\n"
        "world = World()\n"
        "waiting = threading.Thread(target=threading.Event().wait, args=(3600,))\n"
        "waiting.start()\n"
        "world.end()\n"
        "began = time.monotonic()\n"
        "time.sleep(0.1)\n"
        "assert time.monotonic() - began >= 0.1\n"
        "import os; os._exit(0)\n"
    )
    variables = {**os.environ, "LD_PRELOAD": str(worldclock.library())}
    subprocess.run([sys.executable, "-c", code], env=variables, check=True, timeout=60)


def test_a_world_whose_maker_is_killed_leaves_nothing_behind() -> None:
    code = (
        "import os, signal\n"
        "from hw_mocks import worldclock\n"
        "worldclock.World()\n"
        "print(os.environ[worldclock.CLOCK_VARIABLE], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    variables = {**os.environ, "LD_PRELOAD": str(worldclock.library())}
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False
    )
    page = Path(done.stdout.strip())
    assert done.returncode == -signal.SIGKILL and page.name == "page"
    deadline = time.monotonic() + 60
    while page.parent.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_without_the_library_there_is_no_world() -> None:
    variables = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    code = "from hw_mocks.worldclock import World; World()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False
    )
    assert "RuntimeError: to live in a world's time takes LD_PRELOAD=" in done.stderr
