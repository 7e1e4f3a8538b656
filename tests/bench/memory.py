"""What camerad holds in memory: its processes, and the ring beside the footage in it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import loss, machine
from tests.bench.camera import CAPTURE, SELF_VIEW, Camera
from tests.bench.machine import Memory
from tests.bench.plan import FPS, MAX_BITRATE, MEMORY_SECONDS, Effort, log

SETTLE_SECONDS = 3.0
CONTROLLER = "controller"
STATES = ("idle", "self_view", "recording")
NO_MEMORY = Memory(None, 0.0)


@dataclass(slots=True)
class Result:
    """processes: memory by state and process. sharers: other processes that have a library of
    camerad's in memory; with any, the proportional shares are too low.

    asked: the controller's after somebody has asked its control socket something, in idle.
    arena_bytes: what the controller has locked. footage_bytes: of the pictures from before a press
    that a recording began with; footage_seconds: how long they are.
    """

    processes: dict[str, dict[str, Memory]] = field(default_factory=dict)
    sharers: int = 0
    asked: Memory = NO_MEMORY
    arena_bytes: int = 0
    footage_bytes: int = 0
    footage_seconds: float = 0.0

    @property
    def arena_ratio(self) -> float:
        """Bytes locked for each byte that the seconds take at the maximum bit rate."""
        return self.arena_bytes / (MEMORY_SECONDS * MAX_BITRATE / 8)

    def worst(self, *names: str) -> float | None:
        """The most that these processes share together, over all states; megabytes.

        None if this user may not see it.
        """
        found = [[of[name].pss for name in names] for of in self.processes.values()]
        sums = [sum(figure for figure in row if figure is not None) for row in found]
        return None if any(figure is None for row in found for figure in row) else max(sums)


def measure(effort: Effort, footage: str, work: Path) -> Result:
    """Look at a camera with a buffer of 30 s in idle, in self-view and while it records."""
    log.info("memory: a buffer of %d s", MEMORY_SECONDS)
    result = Result()
    # Armed in idle as well, and the buffer may be as long as this.
    buffer = {"seconds": MEMORY_SECONDS}
    with Camera(work / "memory", footage, "bayern", buffer, sound=True) as camera:
        time.sleep(effort.fill_seconds)
        _look(result, camera, STATES[0])
        result.arena_bytes = machine.locked_bytes(camera.controller)
        # By its button: on most shifts nobody asks the control socket anything.
        camera.press_display()
        time.sleep(SETTLE_SECONDS)
        _look(result, camera, STATES[1])
        press_us = camera.record()
        time.sleep(SETTLE_SECONDS)
        _look(result, camera, STATES[2])
        result.sharers = machine.sharers([*processes(camera).values()])
        camera.stop()
        result.asked = machine.memory(camera.controller)
    span = loss.span(camera.newest(), camera.epoch_us)
    seconds = (press_us - span.first_us) / 1e6
    before = round(seconds * FPS)
    result.footage_bytes, result.footage_seconds = sum(span.sizes[:before]), seconds
    return result


def processes(camera: Camera) -> dict[str, int]:
    """The processes of a camera, by their names here."""
    return {
        CONTROLLER: camera.controller,
        CAPTURE: camera.child(CAPTURE),
        SELF_VIEW: camera.child(SELF_VIEW),
    }


def _look(result: Result, camera: Camera, state: str) -> None:
    camera.alive()
    result.processes[state] = {name: machine.memory(pid) for name, pid in processes(camera).items()}
