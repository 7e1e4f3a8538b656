"""Processor time per picture: the bare encoder, picamera2, camerad.

The three work side by side and are measured over the same instants: whatever the machine does
meanwhile (another clock rate, another program, a hypervisor's neighbour) happens to all of them
alike, which taking turns does not give on a machine whose speed changes from second to second.
Together they need less than half a processor. A measurement lasts as long as the footage, so that
every subject gets every picture once, whatever its own start.

How the pages of a process happen to lie in the caches, and when in the frame time its pictures
come, is drawn anew at each start and makes a few per cent. So every round starts all of them anew;
what is quoted is the median over all slices of all rounds, and for a ratio each round's own too.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final

from tests.bench import loss, machine
from tests.bench.camera import SELF_VIEW, Camera
from tests.bench.peers import BareProcess, Picamera2Process
from tests.bench.plan import FPS, PRE_EVENT_SECONDS, THREADS, Effort, log, repeated

FILL_SECONDS: Final = PRE_EVENT_SECONDS + 1.5
"""Until a buffer is full: with the group that it may hold beyond."""
DRAIN_SECONDS: Final = 3.0
"""After a press, until only live footage is left to write."""
SETTLE_SECONDS: Final = 1.5
"""After a start."""
IDLE_SLICES: Final = 2
"""Nothing is encoded, so the pictures do not matter."""
THREAD_ROUNDS: Final = 2
SEED: Final = 20261124

BARE: Final = "bare encoder"
SENSOR: Final = "picamera2, no encoder"
PEER_BUFFERING: Final = "picamera2 buffering"
PEER_RECORDING: Final = "picamera2 recording"
PEER_ONE_THREAD: Final = "picamera2 alone, one thread"
PEER_DEFAULT: Final = "picamera2 alone, default threads"
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

    def add(self, other: Result) -> None:
        """Take in what another round has measured."""
        for mine, others in (
            (self.rounds, other.rounds),
            (self.pre_event, other.pre_event),
            (self.stopped_short, other.stopped_short),
        ):
            for subject, figures in others.items():
                mine[subject] += figures
        self.held += other.held
        self.others += other.others
        self.kilobits = other.kilobits or self.kilobits

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
    result, random = Result(), Random(SEED)

    def side_by_side(folder: Path) -> Result:
        return _Round(effort, footage).side_by_side(folder, random)

    for number in range(1, effort.rounds + 1):
        what = f"CPU: round {number} of {effort.rounds}"
        log.info("%s", what)
        result.add(repeated(what, side_by_side, work))
    for _ in range(min(THREAD_ROUNDS, effort.rounds)):
        threads = repeated("CPU: threads", lambda _: _Round(effort, footage).threads(), work)
        result.add(threads)
    return result


class _Round:
    """One round. What is measured of it counts once it is whole."""

    def __init__(self, effort: Effort, footage: str) -> None:
        self.result = Result()
        self._effort = effort
        self._footage = footage

    def _slices(self, groups: Mapping[str, Sequence[int]], count: int | None = None) -> None:
        effort = self._effort
        found = machine.slices(groups, count or effort.slices, effort.slice_seconds)
        self.result.others += [figure / 1000 for figure in found.pop(machine.OTHERS)]
        for name, figures in found.items():
            self.result.rounds[name].append([figure / FPS for figure in figures])

    def side_by_side(self, work: Path, random: Random) -> Result:
        """All subjects from their start to the end of a recording."""
        root, video = work / "cpu", work / "cpu.mp4"
        pre_event = {"seconds": PRE_EVENT_SECONDS}
        with contextlib.ExitStack() as stack:
            peer = stack.enter_context(Picamera2Process(self._footage, THREADS, PRE_EVENT_SECONDS))
            # So that their pictures come at another time in each round.
            time.sleep(random.random() / FPS)
            camera = stack.enter_context(Camera(root, self._footage, "generic", pre_event))
            with Picamera2Process(self._footage, THREADS, 0) as sensor:
                time.sleep(SETTLE_SECONDS)
                memory, held = machine.memory(peer.pid), peer.held()
                self._slices({SENSOR: [sensor.pid], **_of(camera, IDLE)}, IDLE_SLICES)
            camera.self_view()
            time.sleep(FILL_SECONDS - SETTLE_SECONDS)
            with BareProcess(self._footage, self._effort) as bare:
                time.sleep(SETTLE_SECONDS)
                self._slices(
                    {
                        PEER_BUFFERING: [peer.pid],
                        **_of(camera, BUFFERING),
                        "": [bare.pid],
                    }
                )
                answer = bare.answer()
            del self.result.rounds[""]
            self.result.rounds[BARE].append(answer["ms_per_frame"])
            self.result.kilobits = answer["kilobits"]
            self._note_held(machine.memory(peer.pid).rss - memory.rss, held, peer.held())
            camera_press_us = camera.record()
            peer_press_us = peer.record(video)
            time.sleep(DRAIN_SECONDS)
            self._slices({PEER_RECORDING: [peer.pid], **_of(camera, RECORDING)})
            camera_stop_us = machine.now_us()
            camera.stop()
            # So long that something of after the press comes out of picamera2's delay line.
            late_us = peer_press_us + (PRE_EVENT_SECONDS + 2) * 1_000_000 - machine.now_us()
            time.sleep(max(0.0, late_us / 1e6))
            peer_stop_us = peer.close()
        found = loss.span(camera.newest(), camera.epoch_us)
        self._note_span(loss.CAMERAD, found, camera_press_us, camera_stop_us)
        found = loss.span(video, peer.epoch_us)
        self._note_span(loss.PEER, found, peer_press_us, peer_stop_us)
        return self.result

    def threads(self) -> Result:
        """picamera2 with the number of threads that libx264 chooses beside picamera2 with one."""
        with (
            Picamera2Process(self._footage, 0, PRE_EVENT_SECONDS) as default,
            Picamera2Process(self._footage, 1, PRE_EVENT_SECONDS) as one,
        ):
            time.sleep(SETTLE_SECONDS)
            self._slices({PEER_DEFAULT: [default.pid], PEER_ONE_THREAD: [one.pid]})
        return self.result

    def _note_held(
        self, memory: float, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        self.result.held.append(
            {"bytes": after["bytes"] - before["bytes"], "memory_bytes": round(memory * 1e6)}
        )

    def _note_span(self, subject: str, span: loss.Span, press_us: int, stop_us: int) -> None:
        self.result.pre_event[subject].append((press_us - span.first_us) / 1e6)
        self.result.stopped_short[subject].append((stop_us - span.last_us) / 1e6)


def _of(camera: Camera, state: str) -> dict[str, list[int]]:
    camera.alive()
    return {
        state: camera.camera_pids,
        state + CONTROLLER: [camera.controller],
        state + DISPLAY: [camera.child(SELF_VIEW)],
    }
