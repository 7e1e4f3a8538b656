"""The simulated camera from one process to the next: its time and its numbers go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from waiting import DEADLINE, in_time, until

from hw_mocks.pacing import boottime_ns

pytestmark = pytest.mark.campaign

HERE = Path(__file__).parent


def steps(values: list[int]) -> list[int]:
    return [after - before for before, after in pairwise(values)]


REPORT = """
import os, signal, sys
from hw_mocks.pacing import boottime_ns
from libcamera_support import running
asked = []
signal.signal(signal.SIGUSR1, lambda *_: asked.append(True))
with running(buffers=4) as app:
    while True:
        for frame in app.frames(1):
            print(frame.sequence, frame.number, frame.at_ns, flush=True)
        if asked and len(app.camera._queue) == 4:
            asked.clear()
            print("stops", boottime_ns(), flush=True)
            os.kill(os.getpid(), signal.SIGSTOP)
"""


class Child:
    """A process that runs the camera and tells every frame: (sequence, number, at_ns)."""

    def __init__(self, epoch_us: int) -> None:
        environment = os.environ | {
            "PYTHONPATH": f"{HERE.parent}:{HERE}",
            "HW_MOCKS_EPOCH_US": str(epoch_us),
            "HW_MOCKS_WORLD": "",
            "HW_MOCKS_REALTIME": "1",  # other cameras run beside this one
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", REPORT], env=environment, stdout=subprocess.PIPE, text=True
        )

    def frames(self, count: int) -> list[tuple[int, int, int]]:
        """The next frames."""
        assert self.process.stdout is not None
        found = []
        with in_time(self.process, f"{count} frames"):
            for _ in range(count):
                sequence, number, at_ns = self.process.stdout.readline().split()
                found.append((int(sequence), int(number), int(at_ns)))
        return found

    def stop(self) -> tuple[list[tuple[int, int, int]], int]:
        """Let it stop itself while all its requests are queued; the frames up to then, and when."""
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGUSR1)
        found = []
        with in_time(self.process, "it stops"):
            while (words := self.process.stdout.readline().split())[0] != "stops":
                sequence, number, at_ns = words
                found.append((int(sequence), int(number), int(at_ns)))
            os.waitpid(self.process.pid, os.WUNTRACED)
        return found, int(words[1])

    def kill(self) -> None:
        """End the process as the kernel would."""
        self.process.kill()
        self.process.communicate(timeout=DEADLINE)


def test_numbers_go_on_in_the_next_process_where_time_is() -> None:
    epoch_us = boottime_ns() // 1000 - 3_600_000_000
    told = []
    for _ in range(2):
        child = Child(epoch_us)
        told.append(child.frames(4))
        child.kill()
    first, second = told
    # An hour at 30 frames a second is 108000 frames.
    assert first[0][1] >= 108_000
    assert second[0][1] > first[-1][1]
    for _, number, at_ns in first + second:
        assert number == round((at_ns // 1000 - epoch_us) * 30 / 1_000_000)
    # The sequence starts over with the process.
    assert second[0][0] < 5


def test_a_process_held_up_finds_its_requests_filled_and_the_rest_lost() -> None:
    """As by DMA: the four requests that were queued hold the frames of the pause's beginning."""
    child = Child(boottime_ns() // 1000)
    told = child.frames(3)
    more, stopped_ns = child.stop()
    told += more
    until(lambda: boottime_ns() > stopped_ns + 700_000_000)
    resumed_ns = boottime_ns()
    child.process.send_signal(signal.SIGCONT)
    while told[-1][2] < resumed_ns + 200_000_000:
        told += child.frames(1)
    child.kill()
    pause = [at_ns for _, _, at_ns in told if stopped_ns < at_ns < resumed_ns]
    assert 1 <= len(pause) <= 4
    # Five periods of 33.3 ms hold the first four frames; the other 17 or so of 0.7 s are lost.
    assert pause[-1] - stopped_ns < 5 * 33_400_000
    # Wherever the sequence jumps, the number jumps as far.
    assert steps([number for _, number, _ in told]) == steps([sequence for sequence, _, _ in told])
