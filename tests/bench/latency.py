"""From a finger to a light and to the disk, and from a start to readiness.

Edges and lights are stamped inside the daemon's process, where the pins are driven; a fragment is
durable when the fdatasync(2) has returned that makes its commit so, which the simulated card
stamps there too.
"""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from typing import Any, Final

from hw_mocks.bus import Message

from tests.bench.camera import RED, Camera
from tests.bench.figures import Figures
from tests.bench.peers import Picamera2Process
from tests.bench.plan import PRE_EVENT_SECONDS, THREADS, Effort, log

HOLD_SECONDS: Final = 1.0
"""How long the main button is held in idle to record at once: the gesture's decision time."""
FILL_SECONDS: Final = PRE_EVENT_SECONDS + 1.0
"""Until the buffer is full."""
SEED: Final = 20261124

WITH: Final = "with a pre-event buffer"
WITHOUT: Final = "without a pre-event buffer"
POLICIES: Final = {WITH: "bayern", WITHOUT: "nrw-ordnungsamt"}
"""The first is armed in idle as well, so that the buffer is full at every press."""
STARTS: Final = "from the start of the process, ms"
LIGHT: Final = "edge to red light, ms"
"""From a press in self-view, which is decided by its first edge; of a hold in idle, from when that
is decided."""
HOLD: Final = "of a hold, once it is decided"
FRAGMENT: Final = "edge to first fragment on disk, ms"
LIGHT_LIMIT_MS: Final = 50.0
FRAGMENT_LIMIT_MS: Final = 150.0
SYNCS_BEFORE_FIRST: Final = 1
"""Of the recording's file: the one that makes its header durable."""


def measure(effort: Effort, footage: str, work: Path) -> Figures:
    """Start cameras, and press their buttons."""
    figures = Figures()
    random = Random(SEED)
    log.info("starts: %d", effort.starts)
    for number in range(effort.starts):
        with Camera(work / f"start-{number}", footage, "generic", sound=True) as camera:
            for name, at_us in (("READY", camera.ready_us), ("control", camera.control_us)):
                figures.add(STARTS, name, (at_us - camera.started_us) / 1000)
        with Picamera2Process(footage, THREADS, PRE_EVENT_SECONDS) as peer:
            taken_ms = (peer.ready_us - peer.started_us) / 1000
            figures.add(STARTS, "picamera2's first picture", taken_ms)
    for name, policy in POLICIES.items():
        log.info("presses: %d, %s", effort.presses, name)
        root = work / f"press-{policy}"
        pre_event = {"seconds": PRE_EVENT_SECONDS} if name == WITH else None
        with Camera(root, footage, policy, pre_event, witness=True, sound=True) as camera:
            time.sleep(FILL_SECONDS if name == WITH else 1.0)
            for _ in range(effort.presses):
                camera.self_view()
                # At any moment between two pictures.
                pause = random.random() * 0.2
                time.sleep(0.1 + pause)
                edge_us, mark = camera.press()
                red_us = camera.light(RED, True, mark)
                synced_us = _first_commit(camera, mark)
                figures.add(LIGHT, name, (red_us - edge_us) / 1000)
                figures.add(FRAGMENT, name, (synced_us - edge_us) / 1000)
                camera.stop()
            for _ in range(effort.holds if name == WITHOUT else 0):
                edge_us, mark = camera.press(HOLD_SECONDS + 0.3)
                red_us = camera.light(RED, True, mark)
                figures.add(LIGHT, HOLD, (red_us - edge_us) / 1000 - HOLD_SECONDS * 1000)
                camera.stop()
    for group, limit_ms in ((LIGHT, LIGHT_LIMIT_MS), (FRAGMENT, FRAGMENT_LIMIT_MS)):
        for name in POLICIES:
            worst_ms = figures.quantile(group, name, 0.99)
            figures.goal(f"{group.removesuffix(', ms')} {name}, p99", worst_ms, limit_ms, "ms")
    held_ms = max(figures.of(LIGHT, HOLD))
    figures.goal("decided hold to red light, most", held_ms, LIGHT_LIMIT_MS, "ms")
    return figures


def _first_commit(camera: Camera, mark: int) -> int:
    """When the first commit of the recording that began after `mark` was durable."""
    seen = 0

    def wanted(role: str, message: Message | dict[str, Any]) -> bool:
        nonlocal seen
        if role == "disk" and str(message.get("synced", "")).endswith(".tar"):
            seen += 1
        return seen > SYNCS_BEFORE_FIRST

    return int(camera.wait(wanted, mark, "the first fragment")["at_us"])
