"""How often each process of a camera wakes a processor, counted by the kernel.

Each time a thread waits for something and goes on is one (``voluntary_ctxt_switches``,
proc_pid_status(5)). A processor that is woken seldom rests more deeply, which is what a battery
notices in idle. Nothing is armed in idle here: the policy has no pre-event buffer.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from tests.bench import machine
from tests.bench.camera import SELF_VIEW, Camera
from tests.bench.figures import Figures
from tests.bench.memory import CONTROLLER, SETTLE_SECONDS, STATES, processes
from tests.bench.plan import Effort, log

POLICY: Final = "nrw-ordnungsamt"
LIMIT: Final = 2.0
"""Wakes a second of a process in idle."""


def measure(effort: Effort, footage: str, work: Path) -> Figures:
    """Look at a camera in idle, in self-view and while it records."""
    log.info("wakes")
    figures = Figures()
    with Camera(work / "wakes", footage, POLICY, sound=True) as camera:
        # Its start is over then: what is done once counts for nothing.
        time.sleep(SETTLE_SECONDS)
        acts = (lambda: None, camera.press_display, camera.record)
        for state, act in zip(STATES, acts, strict=True):
            act()
            time.sleep(SETTLE_SECONDS)
            for name, wakes in _count(camera, effort.wake_seconds).items():
                figures.add(f"wakes a second, {state}", name, wakes)
        camera.stop()
    # The camera stack wakes for each picture, whatever camerad does.
    for name, shown in ((CONTROLLER, "the controller"), (SELF_VIEW, "the self-view")):
        (wakes,) = figures.of(f"wakes a second, {STATES[0]}", name)
        figures.goal(f"wakes of {shown} in idle", wakes, LIMIT, "/s")
    return figures


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
