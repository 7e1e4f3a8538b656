"""Who cost a picture: only what no program could have prevented is the machine's."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
from waiting import DEADLINE

from hw_mocks.lateness import Missed, Waits, told

MS = 1_000_000
PERIOD = 33 * MS
BUFFERS = 6


class Sensor:
    """Exposes every 33 ms. Nothing is held up unless a test says so."""

    def __init__(self) -> None:
        self.missed = Missed(BUFFERS)
        self.now = self.waits = 0
        self.due = PERIOD
        self.number = 0

    def expose(self, *, queued: int = BUFFERS, lost: bool = False) -> dict[str, object] | None:
        """One exposure, at its instant or as soon as the sensor runs."""
        self.now = max(self.now, self.due)
        self.missed.exposes(self.due, self.now, self.waits)
        run = None
        if lost:
            self.missed.lost(self.number, queued)
        else:
            run = self.missed.found()
        self.missed.exposed(self.now, self.waits)
        self.due += PERIOD
        self.number += 1
        return run

    def sleep(self, ms: int, *, runnable: bool) -> None:
        """It does not run for so long after its next instant; runnable: for want of a processor."""
        self.now = self.due + ms * MS
        self.waits += ms * MS if runnable else 0


def stalled(ms: int, filled: int, lost: int, *, runnable: bool) -> int:
    """How many of the pictures that are lost in a stall are the machine's."""
    sensor = Sensor()
    for _ in range(3):
        sensor.expose()
    sensor.sleep(ms, runnable=runnable)
    for _ in range(filled):
        assert sensor.expose() is None
    for _ in range(lost):
        sensor.expose(lost=True)
    run = sensor.expose()
    assert run is not None
    assert (run["from"], run["to"]) == (3 + filled, 3 + filled + lost - 1)
    assert run["late_ms"] == ms
    assert sensor.expose() is None, "it is told once"
    machines = run["machine"]
    assert isinstance(machines, int)
    return machines


def test_a_sensor_without_a_processor_through_more_exposures_than_buffers_is_the_machines() -> None:
    # Due within 330 ms, at its first instant included: eleven exposures. Six find a buffer.
    assert stalled(330, 6, 5, runnable=True) == 5


def test_a_sensor_that_waits_for_the_program_is_the_programs() -> None:
    """Such as for the interpreter's lock: who computes for so long loses pictures in life too."""
    assert stalled(330, 6, 5, runnable=False) == 0


def test_a_buffer_that_the_program_holds_in_a_stall_is_the_programs() -> None:
    """Two of six were held: of what is lost, the first two would have found a buffer each."""
    assert stalled(330, 4, 7, runnable=True) == 5
    assert stalled(100, 2, 2, runnable=True) == 0


def test_a_program_that_gives_no_buffer_back_cannot_hide_behind_a_stall() -> None:
    sensor = Sensor()
    sensor.expose(lost=True, queued=0)
    sensor.sleep(330, runnable=True)
    for _ in range(11):
        sensor.expose(lost=True, queued=0)
    for _ in range(20):
        sensor.expose(lost=True, queued=0)
    run = sensor.expose()
    assert run is not None
    # 32 lost, of which those beyond the sixth within the stall could not have been taken.
    assert (run["from"], run["to"], run["machine"], run["held"]) == (0, 31, 5, BUFFERS)


def test_a_sensor_that_waited_before_its_instant_is_not_excused_for_what_came_after() -> None:
    """30 ms during the exposure before, which was over in time, say nothing about the next."""
    sensor = Sensor()
    sensor.expose()
    sensor.missed.exposes(sensor.due, sensor.due, sensor.waits)
    sensor.waits += 300 * MS
    sensor.missed.exposed(sensor.due + 1 * MS, sensor.waits)
    sensor.due += PERIOD
    sensor.sleep(300, runnable=False)
    for _ in range(6):
        sensor.expose()
    sensor.expose(lost=True)
    run = sensor.expose()
    assert run is not None
    assert (run["machine"], run["waited_ms"]) == (0, 0)


def test_an_exposure_that_itself_took_too_long_makes_the_next_ones_late() -> None:
    sensor = Sensor()
    sensor.expose()
    sensor.missed.exposes(sensor.due, sensor.due, sensor.waits)
    sensor.waits += 330 * MS
    sensor.now = sensor.due + 330 * MS
    sensor.missed.exposed(sensor.now, sensor.waits)
    sensor.due += PERIOD
    for _ in range(6):
        sensor.expose()
    sensor.expose(lost=True)
    run = sensor.expose()
    assert run is not None
    # Late by a period less than it had waited.
    assert (run["machine"], run["late_ms"], run["waited_ms"], run["own_ms"]) == (1, 297, 330, 297)


def test_it_is_told_in_one_line() -> None:
    run = {"from": 951, "to": 954, "machine": 1, "late_ms": 84.5, "waited_ms": 80.0}
    run |= {"own_ms": 2.5, "read_back": 3}
    assert told({**run, "held": 2, "buffers": 6}) == (
        "the sensor found no buffer for pictures 951 to 954, of which 1 are the machine's: it was "
        "84.5 ms late, 80.0 ms of it without a processor and 2.5 ms with the picture before; 3 "
        "times the process waited for memory from the disk; the program held 2 of 6 buffers"
    )


@pytest.mark.skipif(
    not os.path.exists("/proc/thread-self/schedstat"), reason="this kernel does not count waits"
)
def test_the_kernel_counts_what_a_thread_waits_for_a_processor_and_not_its_sleep() -> None:
    found: dict[str, int] = {}

    def measure() -> None:
        with Waits() as waits:
            before, began = waits.total_ns(), time.monotonic_ns()
            time.sleep(0.05)
            found["slept"] = waits.total_ns() - before
            found["late"] = time.monotonic_ns() - began - 50 * MS
            # Beside another program on one processor: what it does not compute, it waits.
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            try:
                before, began = waits.total_ns(), time.monotonic_ns()
                computed = time.thread_time_ns()
                while time.thread_time_ns() - computed < 100 * MS:
                    pass
                found["waited"] = waits.total_ns() - before
                computed = time.thread_time_ns() - computed
                found["without"] = time.monotonic_ns() - began - computed
            finally:
                other.kill()
                other.wait(DEADLINE)

    thread = threading.Thread(target=measure, daemon=True)
    thread.start()
    thread.join(DEADLINE)
    assert set(found) == {"slept", "late", "waited", "without"}
    # A millisecond for the calls themselves.
    assert found["slept"] <= found["late"] + MS
    assert found["waited"] > 0
    assert found["waited"] == pytest.approx(found["without"], rel=0.1, abs=2 * MS)
