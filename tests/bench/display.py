"""The front display: how old a picture is when it is there, and how soon words are.

Judged from outside: this process holds the memory that the simulated panel shows, looks at it twice
a millisecond, and finds out afterwards which of the film's pictures it saw. The sensor exposes each
at a known instant.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from hw_mocks import footage as film
from numpy.typing import NDArray

from tests.bench.camera import MAIN_BUTTON, PANEL, SELF_VIEW, Camera
from tests.bench.figures import Figures, quantile
from tests.bench.machine import cpu_ns, now_us
from tests.bench.plan import PERIOD_US, BenchError, Effort, log

CLIP: Final = "carphone_pristine.mp4"
"""A face, in a car that moves: no two pictures are the same."""
TOP, ROWS = 8, 64
"""The rows that are looked at: above all text, and not at the edge."""
SETTLE_SECONDS: Final = 2.0
LOOK_SECONDS: Final = 0.0005
HOLD_SECONDS: Final = 1.0
"""How long the display button is held in idle for the status: the gesture's decision time."""
WORDS_SECONDS: Final = 10.0
LATENCY_LIMIT_MS: Final = 1.5 * PERIOD_US / 1000
WORDS_LIMIT_MS: Final = 200.0
CPU_LIMIT_MS: Final = 0.5
CORRELATION_LIMIT: Final = 0.95
CANDIDATES: Final = 12
"""A picture is looked for among so many of the newest."""
DISTINCT: Final = 0.7
"""The picture that is meant differs from what is seen by at most this share of the next best."""


@dataclass(slots=True)
class Seen:
    """latency: milliseconds from the exposure of a picture to its being on the panel. correlation:
    of what the panel shows with the mirrored picture of the film; plain: with the one that is not
    mirrored. missed: pictures that never were on the panel, of `exposed`."""

    latency: list[float] = field(default_factory=list)
    correlation: list[float] = field(default_factory=list)
    plain: list[float] = field(default_factory=list)
    missed: int = 0
    exposed: int = 0


def measure(effort: Effort, prepared: str, work: Path) -> Figures:
    """Watch the display in self-view."""
    log.info("display: %.0f s", effort.display_seconds)
    with Camera(work / "display", prepared, "generic") as camera:
        camera.self_view()
        time.sleep(SETTLE_SECONDS)
        display = camera.child(SELF_VIEW)
        began_ns = cpu_ns(display)
        seen = watch(camera.panel, effort.display_seconds)
        spent_ns = cpu_ns(display) - began_ns
        epoch_us = camera.epoch_us
    judged = judge(seen, epoch_us, lambda number: _source(Path(prepared), number))
    if not judged.latency:
        raise BenchError("no picture on the display is one of the film's")
    cpu_ms, words_ms = spent_ns / 1e6 / len(seen), words(effort.holds, prepared, work)
    facts = {"display_pictures": {"missed": judged.missed, "exposed": judged.exposed}}
    figures = Figures(facts)
    figures.add("display, ms", "exposure to front display", *judged.latency)
    figures.add("display, ms", "decided press to the cause in words", *words_ms)
    figures.add("display, ms", "CPU of its process per picture", cpu_ms)
    figures.add("display, correlation", "with the mirrored picture", *judged.correlation)
    figures.add("display, correlation", "with the picture", *judged.plain)
    late_ms, least = quantile(judged.latency, 0.99), min(judged.correlation)
    figures.goal("exposure to front display, p99", late_ms, LATENCY_LIMIT_MS, "ms")
    figures.goal("decided press to the cause in words, most", max(words_ms), WORDS_LIMIT_MS, "ms")
    figures.goal("CPU of the display's process per picture", cpu_ms, CPU_LIMIT_MS, "ms")
    name = "display like the mirrored picture, least correlation"
    figures.goal(name, least, CORRELATION_LIMIT, "", at_least=True)
    return figures


def words(holds: int, prepared: str, work: Path) -> list[float]:
    """How long a camera that cannot record takes to say why, milliseconds for each of `holds`.

    The big button is held in idle, which is refused; that is decided while it is still held.
    """
    log.info("words: %d", holds)
    taken = []
    with Camera(work / "words", prepared, "generic", set_up=False) as camera:
        _wait(lambda: camera.request("GET", "/status")["stage"] == "idle", "the camera is not idle")
        for _ in range(holds):
            _until(camera.panel, lit=False)
            name, mark = camera.begin_press(MAIN_BUTTON, HOLD_SECONDS + 0.5)
            there_us = _until(camera.panel, lit=True)
            decided_us = camera.end_press(name, mark) + round(HOLD_SECONDS * 1e6)
            taken.append((there_us - decided_us) / 1000)
    return taken


def _until(panel: int, *, lit: bool) -> int:
    """When the panel shows something, or nothing any more."""
    width, height, bits = PANEL
    size = width * height * bits // 8
    what = f"the display is not {'lit' if lit else 'dark'}"
    return _wait(lambda: any(os.pread(panel, size, 0)) is lit, what)


def _wait(holds: Callable[[], bool], otherwise: str) -> int:
    """When something holds that will soon. Raises BenchError where it does not."""
    end_us = now_us() + round(WORDS_SECONDS * 1e6)
    while not holds():
        if now_us() > end_us:
            raise BenchError(f"{otherwise} in {WORDS_SECONDS:g} s")
        time.sleep(LOOK_SECONDS)
    return now_us()


def watch(panel: int, seconds: float) -> list[tuple[int, bytes]]:
    """What the panel shows, whenever it is another picture: (media time, bytes of the rows)."""
    width, _, bits = PANEL
    stride = width * bits // 8
    seen: list[tuple[int, bytes]] = []
    last, end_us = b"", now_us() + round(seconds * 1e6)
    while now_us() < end_us:
        rows = os.pread(panel, ROWS * stride, TOP * stride)
        at_us = now_us()
        if rows != last:
            seen.append((at_us, rows))
            last = rows
        time.sleep(LOOK_SECONDS)
    return seen[1:]  # the first may have been there for a while


def judge(
    seen: list[tuple[int, bytes]], epoch_us: int, source: Callable[[int], NDArray[Any]]
) -> Seen:
    """Which picture is which. source: the green of a numbered picture's rows, as exposed."""
    result = Seen()
    numbers = []
    for at_us, rows in seen:
        shown = green(rows)
        newest = int((at_us - epoch_us) / PERIOD_US)
        errors = {}
        for number in range(max(0, newest - CANDIDATES), newest + 1):
            errors[number] = float(np.mean((shown - source(number)[:, ::-1]) ** 2))
        best, second = sorted(errors, key=lambda number: errors[number])[:2]
        if errors[best] > DISTINCT * errors[second]:
            continue  # caught while it was being written, or too much like another
        numbers.append(best)
        result.latency.append((at_us - epoch_us - best * PERIOD_US) / 1000)
        picture = source(best)
        result.correlation.append(correlation(shown, picture[:, ::-1]))
        result.plain.append(correlation(shown, picture))
    if numbers:
        result.exposed = numbers[-1] - numbers[0] + 1
        result.missed = result.exposed - len(set(numbers))
    return result


def green(rows: bytes) -> NDArray[Any]:
    """The green of rows in RGB565, 0 to 255."""
    words = np.frombuffer(rows, "<u2").reshape(ROWS, PANEL[0])
    return (words >> 5 & 63).astype(np.float32) * 255 / 63


def correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Pearson's correlation of two pictures."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def _source(prepared: Path, number: int) -> NDArray[Any]:
    planes = film.source_picture(prepared, number, film.LORES)
    colour = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
    return np.asarray(colour[TOP : TOP + ROWS, :, 1], np.float32)
