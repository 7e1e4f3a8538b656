"""What camerad holds in memory: its processes, and the ring beside the footage in it."""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench import loss, machine
from tests.bench.camera import CAPTURE, SELF_VIEW, Camera
from tests.bench.figures import Figures
from tests.bench.machine import Memory
from tests.bench.plan import FPS, MAX_BITRATE, MEMORY_SECONDS, Effort, log

SETTLE_SECONDS = 3.0
CONTROLLER = "controller"
STATES = ("idle", "self_view", "recording")
ARENA_LIMIT = 1.05
CAMERA_LIMIT_MB = 150.0
WHOLE_LIMIT_MB = 185.0


def measure(effort: Effort, footage: str, work: Path) -> Figures:
    """Look at a camera with a buffer of 30 s in idle, in self-view and while it records."""
    log.info("memory: a buffer of %d s", MEMORY_SECONDS)
    figures, looks = Figures(), {}
    # Armed in idle as well, and the buffer may be as long as this.
    buffer = {"seconds": MEMORY_SECONDS}
    with Camera(work / "memory", footage, "bayern", buffer, sound=True) as camera:
        time.sleep(effort.fill_seconds)
        looks[STATES[0]] = _look(figures, camera, STATES[0])
        arena_bytes = machine.locked_bytes(camera.controller)
        # By its button: on most shifts nobody asks the control socket anything.
        camera.press_display()
        time.sleep(SETTLE_SECONDS)
        looks[STATES[1]] = _look(figures, camera, STATES[1])
        press_us = camera.record()
        time.sleep(SETTLE_SECONDS)
        looks[STATES[2]] = _look(figures, camera, STATES[2])
        sharers = machine.sharers([*processes(camera).values()])
        camera.stop()
        asked = machine.memory(camera.controller)
    span = loss.span(camera.newest(), camera.epoch_us)
    seconds = (press_us - span.first_us) / 1e6
    ratio = arena_bytes / (MEMORY_SECONDS * MAX_BITRATE / 8)
    figures.facts["ring"] = {
        "arena_bytes": arena_bytes,
        "footage_seconds": round(seconds, 3),
        "footage_bytes": sum(span.sizes[: round(seconds * FPS)]),
    }
    # With processes that share a library of camerad's the proportional shares are too low.
    figures.facts["other_processes_sharing_libraries"] = sharers
    figures.facts["controller_asked_by_its_socket_mb"] = asked.pss
    figures.facts["of_that_the_simulated_cameras_buffers_mb"] = looks[STATES[2]][CAPTURE].simulated
    figures.goal("ring's memory by seconds at maximum rate", ratio, ARENA_LIMIT, "times")
    for name, parts, limit_mb in (
        ("memory of controller and capture", (CONTROLLER, CAPTURE), CAMERA_LIMIT_MB),
        ("memory with the self-view", (CONTROLLER, CAPTURE, SELF_VIEW), WHOLE_LIMIT_MB),
    ):
        figures.goal(name, _worst([*looks.values()], parts), limit_mb, "MB")
    return figures


def _worst(looks: list[dict[str, Memory]], names: tuple[str, ...]) -> float | None:
    """The most that these processes share together, megabytes. None if this user may not see it."""
    sums = []
    for look in looks:
        shares = [share for name in names if (share := look[name].pss) is not None]
        if len(shares) < len(names):
            return None
        sums.append(sum(shares))
    return max(sums)


def processes(camera: Camera) -> dict[str, int]:
    """The processes of a camera, by their names here."""
    return {
        CONTROLLER: camera.controller,
        CAPTURE: camera.child(CAPTURE),
        SELF_VIEW: camera.child(SELF_VIEW),
    }


def _look(figures: Figures, camera: Camera, state: str) -> dict[str, Memory]:
    camera.alive()
    found = {name: machine.memory(pid) for name, pid in processes(camera).items()}
    for name, one in found.items():
        if one.pss is not None:
            figures.add(f"proportional memory, {state}, MB", name, one.pss)
        figures.add(f"resident memory, {state}, MB", name, one.rss)
    return found
