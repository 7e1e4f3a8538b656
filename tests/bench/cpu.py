"""Processor time per picture: the bare encoder, picamera2, camerad.

Each round measures every subject once, and every other round in the opposite order, so that a
machine that grows slower or faster weighs on all of them alike. What is compared is medians over
all slices of all rounds, and the spread of the rounds' own ratios says how far to trust them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.bench import loss, machine, peers
from tests.bench.camera import CAPTURE, SELF_VIEW, Camera
from tests.bench.plan import FPS, PRE_EVENT_SECONDS, THREADS, Effort, log

FILL_SECONDS: Final = PRE_EVENT_SECONDS + 1.5
"""Until a buffer is full: with the group that it may hold beyond."""
DRAIN_SECONDS: Final = 3.0
"""After a press, until only live footage is left to write."""
SETTLE_SECONDS: Final = 1.5
"""After a start."""

BARE: Final = "bare encoder"
SENSOR: Final = "picamera2, no encoder"
PEER_BUFFERING: Final = "picamera2 buffering"
PEER_RECORDING: Final = "picamera2 recording"
PEER_DEFAULT: Final = "picamera2 buffering, default threads"
IDLE: Final = "camerad idle, nothing armed"
BUFFERING: Final = "camerad self-view, ring full"
RECORDING: Final = "camerad recording"
CONTROLLER: Final = ", controller"
DISPLAY: Final = ", display process"


@dataclass(slots=True)
class Result:
    """rounds: milliseconds per picture, by subject and round, one figure for each slice.

    pre_event: seconds that a recording had from before the press, by subject, one for each round.
    stopped_short: seconds missing at the end of a recording that was closed in order, likewise.
    held: what the buffer of picamera2 held and what memory it took, one for each round.
    others: what else went on, as a share of one processor, one for each slice.
    """

    rounds: dict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    pre_event: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    stopped_short: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    held: list[dict[str, Any]] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    kilobits: int = 0

    def median(self, subject: str) -> float:
        """Milliseconds per picture over all rounds."""
        return median(figure for slices in self.rounds[subject] for figure in slices)

    def ratio(self, one: str, other: str) -> dict[str, Any]:
        """How much `one` takes for each millisecond of `other`: over all, and round by round."""
        pairs = zip(self.rounds[one], self.rounds[other], strict=True)
        return {
            "ratio": round(self.median(one) / self.median(other), 3),
            "rounds": [round(median(a) / median(b), 3) for a, b in pairs],
        }


def measure(effort: Effort, footage: str, work: Path) -> Result:
    """Run all rounds."""
    bench = _Bench(effort, footage, work)
    subjects: list[Callable[[], None]] = [bench.bare, bench.picamera2, bench.camerad]
    for number in range(effort.rounds):
        log.info("CPU: round %d of %d", number + 1, effort.rounds)
        bench.number = number
        for subject in subjects if number % 2 == 0 else reversed(subjects):
            subject()
    return bench.result


class _Bench:
    def __init__(self, effort: Effort, footage: str, work: Path) -> None:
        self.result = Result()
        self.number = 0
        self._effort = effort
        self._footage = footage
        self._work = work

    def _slices(self, groups: Mapping[str, Sequence[int]]) -> None:
        effort = self._effort
        found = machine.slices(groups, effort.slices, effort.slice_seconds)
        self.result.others += [figure / 1000 for figure in found.pop(machine.OTHERS)]
        for name, figures in found.items():
            self.result.rounds[name].append([figure / FPS for figure in figures])

    def bare(self) -> None:
        effort = self._effort
        answer = peers.run("tests.bench.bare", self._footage, effort.slices, effort.slice_seconds)
        self.result.rounds[BARE].append(answer["ms_per_frame"])
        self.result.kilobits = answer["kilobits"]

    def picamera2(self) -> None:
        with peers.Picamera2Process(self._footage, THREADS, 0) as peer:
            time.sleep(SETTLE_SECONDS)
            self._slices({SENSOR: [peer.pid]})
        if self.number % 2 == 0:
            with peers.Picamera2Process(self._footage, 0, PRE_EVENT_SECONDS) as peer:
                time.sleep(SETTLE_SECONDS)
                self._slices({PEER_DEFAULT: [peer.pid]})
        video = self._work / f"picamera2-{self.number}.mp4"
        with peers.Picamera2Process(self._footage, THREADS, PRE_EVENT_SECONDS) as peer:
            time.sleep(SETTLE_SECONDS)
            empty, held = machine.memory(peer.pid), peer.held()
            time.sleep(FILL_SECONDS - SETTLE_SECONDS)
            self._slices({PEER_BUFFERING: [peer.pid]})
            full, full_held = machine.memory(peer.pid), peer.held()
            self.result.held.append(
                {
                    "bytes": full_held["bytes"] - held["bytes"],
                    "memory_bytes": round((full.rss - empty.rss) * 1e6),
                }
            )
            press_us = peer.record(video)
            time.sleep(DRAIN_SECONDS)
            self._slices({PEER_RECORDING: [peer.pid]})
            # So long that something of after the press comes out of the delay line.
            time.sleep(max(0.0, press_us / 1e6 + PRE_EVENT_SECONDS + 2 - machine.now_us() / 1e6))
            stop_us = peer.close()
        self._judge("picamera2", video, peer.epoch_us, press_us, stop_us)

    def camerad(self) -> None:
        root = self._work / f"cpu-{self.number}"
        pre_event = {"seconds": PRE_EVENT_SECONDS}
        with Camera(root, self._footage, "generic", pre_event) as camera:
            time.sleep(SETTLE_SECONDS)
            self._slices(_groups(camera, IDLE))
            camera.self_view()
            time.sleep(FILL_SECONDS)
            self._slices(_groups(camera, BUFFERING))
            press_us = camera.record()
            time.sleep(DRAIN_SECONDS)
            self._slices(_groups(camera, RECORDING))
            stop_us = machine.now_us()
            camera.stop()
        self._judge("camerad", camera.newest(), camera.epoch_us, press_us, stop_us)

    def _judge(self, subject: str, video: Path, epoch_us: int, press_us: int, stop_us: int) -> None:
        span = loss.span(video, epoch_us)
        self.result.pre_event[subject].append((press_us - span.first_us) / 1e6)
        self.result.stopped_short[subject].append((stop_us - span.last_us) / 1e6)


def _groups(camera: Camera, state: str) -> dict[str, list[int]]:
    camera.alive()
    return {
        state: camera.camera_pids,
        state + CONTROLLER: [camera.controller],
        state + DISPLAY: [camera.child(SELF_VIEW)],
    }


__all__ = ["CAPTURE", "Result", "measure"]
