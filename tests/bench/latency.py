"""From a finger to a light and to the disk, and from a start to readiness.

Edges and lights are stamped inside the daemon's process, where the pins are driven; a fragment is
durable when the fdatasync(2) has returned that makes its commit so, which the simulated card
stamps there too.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from random import Random
from typing import Any, Final

from hw_mocks.bus import Message

from tests.bench.camera import RED, Camera
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
SYNCS_BEFORE_FIRST: Final = 1
"""Of the recording's file: the one that makes its header durable."""


@dataclass(slots=True)
class Result:
    """Milliseconds, by policy where there are several.

    light: from a press in self-view, which is decided by its first edge, to the red light.
    fragment: to the first fragment on the disk. hold: from the moment at which a hold in idle is
    decided to the red light. ready: from the start of the process to READY; control: to its control
    socket. peer_ready: of picamera2, to its first picture.
    """

    light: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    fragment: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    hold: list[float] = field(default_factory=list)
    ready: list[float] = field(default_factory=list)
    control: list[float] = field(default_factory=list)
    peer_ready: list[float] = field(default_factory=list)


def quantile(figures: Sequence[float], share: float) -> float:
    """The smallest figure that at least `share` of all do not exceed (nearest rank)."""
    ordered = sorted(figures)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def measure(effort: Effort, footage: str, work: Path) -> Result:
    """Start cameras, and press their buttons."""
    result = Result()
    random = Random(SEED)
    log.info("starts: %d", effort.starts)
    for number in range(effort.starts):
        with Camera(work / f"start-{number}", footage, "generic", sound=True) as camera:
            result.ready.append((camera.ready_us - camera.started_us) / 1000)
            result.control.append((camera.control_us - camera.started_us) / 1000)
        with Picamera2Process(footage, THREADS, PRE_EVENT_SECONDS) as peer:
            result.peer_ready.append((peer.ready_us - peer.started_us) / 1000)
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
                result.light[name].append((red_us - edge_us) / 1000)
                result.fragment[name].append((synced_us - edge_us) / 1000)
                camera.stop()
            for _ in range(effort.holds if name == WITHOUT else 0):
                edge_us, mark = camera.press(HOLD_SECONDS + 0.3)
                red_us = camera.light(RED, True, mark)
                result.hold.append((red_us - edge_us) / 1000 - HOLD_SECONDS * 1000)
                camera.stop()
    return result


def _first_commit(camera: Camera, mark: int) -> int:
    """When the first commit of the recording that began after `mark` was durable."""
    seen = 0

    def wanted(role: str, message: Message | dict[str, Any]) -> bool:
        nonlocal seen
        if role == "disk" and str(message.get("synced", "")).endswith(".tar"):
            seen += 1
        return seen > SYNCS_BEFORE_FIRST

    return int(camera.wait(wanted, mark, "the first fragment")["at_us"])
