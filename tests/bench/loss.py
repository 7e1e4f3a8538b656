"""What of a recording is on the disk: after a stop, and after SIGKILL at a random moment."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.bench import peers
from tests.bench.camera import Camera
from tests.bench.figures import Figures
from tests.bench.peers import Picamera2Process
from tests.bench.plan import (
    PERIOD_US,
    PRE_EVENT_SECONDS,
    THREADS,
    BenchError,
    Effort,
    log,
)

CAMERAS: Final = 2
"""Of camerad, killed in each turn."""
FILL_SECONDS: Final = PRE_EVENT_SECONDS + 1.0
LONGEST_SECONDS: Final = 6.0
"""A recording is killed at a random moment this long after its press at the latest."""
SEED: Final = 20261124

PEER: Final = "picamera2"
FRAGMENTED: Final = "picamera2, fragmented MP4"
CAMERAD: Final = "camerad"
LOST: Final = "lost by SIGKILL, s"
UNREADABLE: Final = "files without a picture after SIGKILL"
LIMIT_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Span:
    """When the first and the last picture of a file were exposed, microseconds of boot time.

    missing: how many pictures between them are not there. bytes: of their packets, by picture.
    """

    first_us: int
    last_us: int
    missing: int
    sizes: tuple[int, ...]


def span(video: Path, epoch_us: int) -> Span:
    """Judge a file by its pictures. Raises BenchError if there is none, or one has no number."""
    found = find_span(video, epoch_us)
    if found is None:
        raise BenchError(f"{video}: no picture can be decoded")
    return found


def find_span(video: Path, epoch_us: int) -> Span | None:
    """As `span`; None if no picture can be decoded."""
    verdict: dict[str, Any] = peers.run("tests.bench.judge", video)
    numbers = verdict["numbers"]
    if not numbers:
        return None
    if None in numbers or sorted(set(numbers)) != numbers:
        raise BenchError(f"{video}: the numbers in its pictures do not rise from one to the next")
    first, last = numbers[0], numbers[-1]
    return Span(
        first_us=round(epoch_us + first * PERIOD_US),
        last_us=round(epoch_us + last * PERIOD_US),
        missing=last - first + 1 - len(numbers),
        sizes=tuple(verdict["bytes"]),
    )


def add(figures: Figures, subject: str, found: Span | None, press_us: int, kill_us: int) -> None:
    """Count one recording. Whatever was wanted and is not there is lost; all of a file of which
    nothing can be decoded."""
    wanted_us = press_us - PRE_EVENT_SECONDS * 1_000_000
    last_us = wanted_us if found is None else found.last_us
    figures.add(LOST, subject, (kill_us - last_us) / 1e6)
    figures.add(UNREADABLE, subject, found is None)


def measure(effort: Effort, footage: str, work: Path) -> Figures:
    """Kill recordings, several at once in each turn."""
    figures = Figures()
    random = Random(SEED)
    for turn in range(effort.kills):
        log.info("SIGKILL: turn %d of %d", turn + 1, effort.kills)
        _turn(figures, footage, work / f"kill-{turn}", random)
    most = max(figures.of(LOST, CAMERAD))
    figures.goal("footage lost by SIGKILL, most", most, LIMIT_SECONDS, "s")
    return figures


def _turn(figures: Figures, footage: str, work: Path, random: Random) -> None:
    work.mkdir()
    pre_event = {"seconds": PRE_EVENT_SECONDS}
    with contextlib.ExitStack() as stack:
        cameras = [
            stack.enter_context(Camera(work / f"camera-{i}", footage, "generic", pre_event))
            for i in range(CAMERAS)
        ]
        running = {
            subject: stack.enter_context(Picamera2Process(footage, THREADS, PRE_EVENT_SECONDS))
            for subject in (PEER, FRAGMENTED)
        }
        for camera in cameras:
            camera.self_view()
        time.sleep(FILL_SECONDS)
        pressed = [camera.record() for camera in cameras]
        began = time.monotonic()
        for subject, peer in running.items():
            path = work / f"{subject}.mp4".replace(" ", "-")
            pressed.append(peer.record(path, fragmented=subject == FRAGMENTED))
        moments = [1 + random.random() * (LONGEST_SECONDS - 1) for _ in pressed]
        subjects: list[Camera | Picamera2Process] = [*cameras, *running.values()]
        killed: dict[int, int] = {}
        for index in sorted(range(len(subjects)), key=moments.__getitem__):
            time.sleep(max(0.0, began + moments[index] - time.monotonic()))
            killed[index] = subjects[index].kill()
    names = [CAMERAD] * CAMERAS + list(running)
    videos = [camera.newest() for camera in cameras]
    videos += [work / f"{subject}.mp4".replace(" ", "-") for subject in running]
    for index, subject in enumerate(names):
        found = find_span(videos[index], subjects[index].epoch_us)
        add(figures, subject, found, pressed[index], killed[index])
