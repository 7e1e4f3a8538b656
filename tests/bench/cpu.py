"""Processor time per picture: the bare encoder, picamera2, camerad.

The three work side by side and are measured over the same instants: whatever the machine does
meanwhile (another clock rate, another program, a hypervisor's neighbour) happens to all of them
alike, which taking turns does not give on a machine whose speed changes from second to second.
Together they need less than half a processor. A measurement lasts as long as the footage, so that
every subject gets every picture once, whatever its own start.

How the pages of a process happen to lie in the caches, and when in the frame time its pictures
come, is drawn anew at each start and makes a few per cent. So every round starts all of them anew;
what is quoted is the median over all slices of all rounds.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

from tests.bench import loss, machine
from tests.bench.camera import SELF_VIEW, Camera
from tests.bench.figures import Figures
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
CPU: Final = "processor time per picture, ms"
OTHERS: Final = "other programs, share of a processor"
PRE_EVENT: Final = "footage from before the press, s"
STOPPED_SHORT: Final = "missing after an orderly stop, s"
LIMIT: Final = 1.05


def measure(effort: Effort, footage: str, work: Path) -> Figures:
    """Run all rounds."""
    figures, random = Figures(), Random(SEED)
    for number in range(1, effort.rounds + 1):
        what = f"CPU: round {number} of {effort.rounds}"
        log.info("%s", what)
        one = repeated(what, lambda folder: _side_by_side(effort, footage, folder, random), work)
        figures.take(one)
    for _ in range(min(THREAD_ROUNDS, effort.rounds)):
        figures.take(repeated("CPU: threads", lambda _: _threads(effort, footage), work))
    for state, ours, theirs in (
        ("buffering", BUFFERING, PEER_BUFFERING),
        ("recording", RECORDING, PEER_RECORDING),
    ):
        ratio = median(figures.of(CPU, ours)) / median(figures.of(CPU, theirs))
        figures.goal(f"CPU of picamera2's, {state}", ratio, LIMIT, "times")
    least = min(figures.of(PRE_EVENT, loss.CAMERAD))
    figures.goal("pre-event footage, least", least, PRE_EVENT_SECONDS, "s", at_least=True)
    return figures


def _slices(
    figures: Figures, effort: Effort, groups: Mapping[str, Sequence[int]], count: int | None = None
) -> None:
    found = machine.slices(groups, count or effort.slices, effort.slice_seconds)
    others = found.pop(machine.OTHERS)
    figures.add(OTHERS, "all", *(figure / 1000 for figure in others))
    for name, spent in found.items():
        if name:
            figures.add(CPU, name, *(figure / FPS for figure in spent))


def _side_by_side(effort: Effort, footage: str, work: Path, random: Random) -> Figures:
    """All subjects from their start to the end of a recording."""
    figures = Figures()
    root, video = work / "cpu", work / "cpu.mp4"
    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(Picamera2Process(footage, THREADS, PRE_EVENT_SECONDS))
        # So that their pictures come at another time in each round.
        time.sleep(random.random() / FPS)
        buffer = {"seconds": PRE_EVENT_SECONDS}
        camera = stack.enter_context(Camera(root, footage, "generic", buffer))
        with Picamera2Process(footage, THREADS, 0) as sensor:
            time.sleep(SETTLE_SECONDS)
            memory, held = machine.memory(peer.pid), peer.held()
            _slices(figures, effort, {SENSOR: [sensor.pid], **_of(camera, IDLE)}, IDLE_SLICES)
        camera.self_view()
        time.sleep(FILL_SECONDS - SETTLE_SECONDS)
        with BareProcess(footage, effort) as bare:
            time.sleep(SETTLE_SECONDS)
            groups = {PEER_BUFFERING: [peer.pid], **_of(camera, BUFFERING), "": [bare.pid]}
            _slices(figures, effort, groups)
            answer = bare.answer()
        figures.add(CPU, BARE, *answer["ms_per_frame"])
        figures.facts["encoded_kilobits_per_second"] = answer["kilobits"]
        more = machine.memory(peer.pid).rss - memory.rss
        footage_mb = (peer.held()["bytes"] - held["bytes"]) / 1e6
        figures.add("memory for the footage in it, times", loss.PEER, more / footage_mb)
        camera_press_us = camera.record()
        peer_press_us = peer.record(video)
        time.sleep(DRAIN_SECONDS)
        _slices(figures, effort, {PEER_RECORDING: [peer.pid], **_of(camera, RECORDING)})
        camera_stop_us = machine.now_us()
        camera.stop()
        # So long that something of after the press comes out of picamera2's delay line.
        late_us = peer_press_us + (PRE_EVENT_SECONDS + 2) * 1_000_000 - machine.now_us()
        time.sleep(max(0.0, late_us / 1e6))
        peer_stop_us = peer.close()
    for subject, path, epoch_us, press_us, stop_us in (
        (loss.CAMERAD, camera.newest(), camera.epoch_us, camera_press_us, camera_stop_us),
        (loss.PEER, video, peer.epoch_us, peer_press_us, peer_stop_us),
    ):
        span = loss.span(path, epoch_us)
        figures.add(PRE_EVENT, subject, (press_us - span.first_us) / 1e6)
        figures.add(STOPPED_SHORT, subject, (stop_us - span.last_us) / 1e6)
    return figures


def _threads(effort: Effort, footage: str) -> Figures:
    """picamera2 with the number of threads that libx264 chooses beside picamera2 with one."""
    figures = Figures()
    with (
        Picamera2Process(footage, 0, PRE_EVENT_SECONDS) as default,
        Picamera2Process(footage, 1, PRE_EVENT_SECONDS) as one,
    ):
        time.sleep(SETTLE_SECONDS)
        _slices(figures, effort, {PEER_DEFAULT: [default.pid], PEER_ONE_THREAD: [one.pid]})
    return figures


def _of(camera: Camera, state: str) -> dict[str, list[int]]:
    camera.alive()
    return {
        state: camera.camera_pids,
        state + CONTROLLER: [camera.controller],
        state + DISPLAY: [camera.child(SELF_VIEW)],
    }
