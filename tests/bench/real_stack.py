"""Costs of the real libcamera beside the simulated one, and of converting pictures.

Two whole cameras, one on Debian's libcamera with its virtual camera and one on the simulated one,
run in the same interpreter, record at the same time and are looked at together, so a busy machine
slows both.

python -m tests.bench.real_stack FORMAT [PICTURES] takes pictures in NV12, or converts those of a
USB camera, with the self-view's, and says the processor time of each.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from camerad.capture.camera_source import OneStream, PictureSource, TwoStreams
from camerad.capture.capture_settings import CaptureSettings
from tests.bench import peers
from tests.bench.figures import Figures
from tests.bench.machine import memory, slices
from tests.bench.plan import (
    BITRATE,
    FPS,
    HEIGHT,
    LORES_HEIGHT,
    LORES_WIDTH,
    MAX_BITRATE,
    WIDTH,
    Effort,
    answer,
)
from tests.helpers.camera_requests import request_of
from tests.real import on_the_real_camera
from tests.system.watching import family

REAL, SIMULATED = "real", "simulated"
FORMATS: Final = ("NV12", "YUYV", "MJPEG")
PICTURES: Final = 200
STACK: Final = "libcamera, the real one and the simulated one"


def measure(effort: Effort, work: Path) -> Figures:
    """Record on both cameras at once. Needs what ``hw-mocks/prepare.sh real`` made."""
    figures = Figures()
    with ExitStack() as stack:
        cameras = {}
        for name in (REAL, SIMULATED):
            folder = Path(tempfile.mkdtemp(prefix=name, dir=work))
            camera = on_the_real_camera(folder, instead=name == SIMULATED)
            cameras[name] = stack.enter_context(camera)
        for camera in cameras.values():
            camera.press("main", 1.3)
        for camera in cameras.values():
            camera.wait(stage="recording")
        groups = {name: family(camera.daemon_pid) for name, camera in cameras.items()}
        seen = slices(groups, effort.slices * effort.rounds, effort.slice_seconds)
        for name in cameras:
            shares = [memory(pid).pss for pid in groups[name]]
            known = [one for one in shares if one is not None]
            if len(known) == len(shares):
                figures.add(STACK, f"{name}: proportional memory, MB", sum(known))
        for name, camera in cameras.items():
            recording = camera.stop()
            spans = [gap["to_us"] - gap["from_us"] for gap in recording["gaps"]]
            missing = sum(round(span * FPS / 1e6) - 1 for span in spans)
            figures.add(STACK, f"{name}: pictures recorded", recording["frames"])
            figures.add(STACK, f"{name}: pictures in stated gaps", missing)
            taken = recording["frames"] / (recording["frames"] + missing)
            spent = (of / FPS / taken for of in seen[name])
            figures.add(STACK, f"{name}: processor time per picture, ms", *spent)
    for name in FORMATS:
        for _ in range(effort.rounds):
            took_ms = peers.run("tests.bench.real_stack", name)["ms"]
            figures.add(f"taking a picture, {WIDTH}x{HEIGHT}, ms", name, took_ms)
    return figures


def _source(name: str) -> tuple[PictureSource, Any]:
    """A camera of a format, and a request with a picture of noise from it."""
    settings = CaptureSettings(
        width=WIDTH,
        height=HEIGHT,
        fps=FPS,
        lores_width=LORES_WIDTH,
        lores_height=LORES_HEIGHT,
        bitrate=BITRATE,
        max_bitrate=MAX_BITRATE,
        encoder="software",
        key_interval_us=1_000_000,
    )
    # Small noise, scaled: a JPEG image of a usual size.
    noise = np.random.default_rng(1).integers(16, 235, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    colours = cv2.resize(noise, (WIDTH, HEIGHT))
    if name == "MJPEG":
        contents = {"main": cv2.imencode(".jpg", colours)[1].ravel()}
    elif name == "YUYV":
        contents = {"main": np.resize(colours, WIDTH * HEIGHT * 2)}
    else:
        sizes = {"main": WIDTH * HEIGHT, "lores": LORES_WIDTH * LORES_HEIGHT}
        contents = {stream: np.resize(colours, size * 3 // 2) for stream, size in sizes.items()}
    stride = WIDTH * (2 if name == "YUYV" else 1)
    request = request_of(settings, name, stride, **contents)
    return (TwoStreams if name == "NV12" else OneStream)(request.picam2, settings), request


def main() -> None:
    """Take pictures of a format, and say what one took."""
    name = sys.argv[1]
    pictures = int(sys.argv[2]) if len(sys.argv) > 2 else PICTURES
    source, request = _source(name)
    source.take(request)
    source.image()
    began = time.thread_time_ns()
    for _ in range(pictures):
        source.take(request)
        source.image()
        source.view()
    answer({"ms": (time.thread_time_ns() - began) / 1e6 / pictures})


if __name__ == "__main__":
    main()
