"""How often each process of a camera wakes a processor, counted by the kernel.

Each time a thread waits for something and goes on is one (``voluntary_ctxt_switches``,
proc_pid_status(5)). A processor that is woken seldom rests more deeply, which is what a battery
notices in idle. Nothing is armed in idle here: the policy has no pre-event buffer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.bench import machine
from tests.bench.camera import CAPTURE, SELF_VIEW, Camera
from tests.bench.goals import Goal
from tests.bench.memory import CONTROLLER, SETTLE_SECONDS, STATES, processes
from tests.bench.plan import Effort, log

POLICY: Final = "nrw-ordnungsamt"
LIMIT: Final = 2.0
"""Wakes a second of a process in idle."""


@dataclass(slots=True)
class Result:
    """wakes: a second, by state and process."""

    wakes: dict[str, dict[str, float]] = field(default_factory=dict)

    def goals(self) -> list[Goal]:
        """The camera stack wakes for each picture, whatever camerad does."""
        idle = self.wakes[STATES[0]]
        return [
            Goal(f"wakes of {shown} in idle", round(idle[name], 1), LIMIT, "/s")
            for name, shown in ((CONTROLLER, "the controller"), (SELF_VIEW, "the self-view"))
        ]

    def as_json(self) -> dict[str, Any]:
        """The figures as an object for JSON."""
        return {
            state: {name: round(one, 1) for name, one in of.items()}
            for state, of in self.wakes.items()
        }

    def table(self) -> list[str]:
        """The figures, for people."""
        lines = [f"{'wakes a second':<36}" + "".join(f"{s:>12}" for s in STATES), "-" * 73]
        for name in (CONTROLLER, CAPTURE, SELF_VIEW):
            row = "".join(f"{self.wakes[state][name]:>12.1f}" for state in STATES)
            lines.append(f"{name:<36}{row}")
        return lines


def measure(effort: Effort, footage: str, work: Path) -> Result:
    """Look at a camera in idle, in self-view and while it records."""
    log.info("wakes")
    result = Result()
    with Camera(work / "wakes", footage, POLICY, sound=True) as camera:
        # Its start is over then: what is done once counts for nothing.
        time.sleep(2 * SETTLE_SECONDS)
        result.wakes[STATES[0]] = _count(camera, effort.wake_seconds)
        camera.press_display()
        time.sleep(SETTLE_SECONDS)
        result.wakes[STATES[1]] = _count(camera, effort.wake_seconds)
        camera.record()
        time.sleep(SETTLE_SECONDS)
        result.wakes[STATES[2]] = _count(camera, effort.wake_seconds)
        camera.stop()
    return result


def _count(camera: Camera, seconds: float) -> dict[str, float]:
    found = processes(camera)
    before = {name: machine.waits(pid) for name, pid in found.items()}
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    return {
        name: sum((machine.waits(pid) - before[name]).values()) / took
        for name, pid in found.items()
    }
