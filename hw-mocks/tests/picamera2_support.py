"""What the scenarios of the real picamera2 have in common: cameras, waiting, and their names."""

from __future__ import annotations

import gc
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from picamera2 import Picamera2
from picamera2.encoders import LibavH264Encoder
from picamera2.outputs import Output

from hw_mocks.sensor import SENSOR

FOLDER = Path(sys.argv[2] if len(sys.argv) > 2 else ".")
MAIN = (640, 480)
LORES = (320, 240)

logging.getLogger("picamera2").setLevel(logging.CRITICAL)


SCENARIOS: dict[str, Callable[[], None]] = {}


def scenario(function: Callable[[], None]) -> Callable[[], None]:
    """Make a function known under its name."""
    SCENARIOS[function.__name__] = function
    return function


class Counting(Output):  # type: ignore[misc]
    """Counts what the encoder gives out, and fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.fails = False

    def outputframe(self, *_: Any, **__: Any) -> None:
        if self.fails:
            raise OSError(28, "No space left on device")
        self.count += 1


class Hung(Exception):
    """Error raised when a call does not return."""


def within(seconds: float, function: Callable[[], Any]) -> Any:
    """The result of a call. Raises Hung if it does not return in time, or what the call raises."""
    result: list[Any] = []
    error: list[BaseException] = []

    def run() -> None:
        try:
            result.append(function())
        except (RuntimeError, OSError, Hung) as raised:
            error.append(raised)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if error:
        raise error[0]
    if not result:
        raise Hung(f"no return within {seconds} s")
    return result[0]


def raised_by(function: Callable[[], Any]) -> str:
    """The error that a call raises, as text; empty if it raises none."""
    try:
        within(3, function)
    except (RuntimeError, OSError, Hung) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def wait_for(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for a condition. Raises TimeoutError if it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the condition did not come true")
        time.sleep(0.005)


def flows(camera: Picamera2, frames: int = 4) -> None:
    """Wait until this many more frames have come. Raises TimeoutError if they do not."""
    seen = camera.frames
    wait_for(lambda: camera.frames >= seen + frames)


def stands_still(camera: Picamera2, exposures: int = 8) -> bool:
    """Whether no frame comes while the sensor exposes a few more."""
    seen, exposed = camera.frames, SENSOR.exposed
    wait_for(lambda: SENSOR.exposed >= exposed + exposures)
    return bool(camera.frames <= seen + 1)


def configured(size: tuple[int, int] = MAIN) -> Picamera2:
    camera = Picamera2()
    camera.configure(
        camera.create_video_configuration(
            main={"size": size, "format": "YUV420"},
            lores={"size": LORES, "format": "YUV420"},
            raw=None,
            controls={"FrameRate": 30},
        )
    )
    return camera


def encoding() -> tuple[Picamera2, LibavH264Encoder, Counting]:
    """A camera that runs and encodes, after its first frames."""
    camera, encoder, output = configured(), LibavH264Encoder(bitrate=1_000_000), Counting()
    camera.start_encoder(encoder, output)
    camera.start()
    flows(camera)
    return camera, encoder, output


def encoded(output: Counting, frames: int) -> None:
    """Wait until the encoder has given this many frames out."""
    wait_for(lambda: output.count >= frames)


def luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """The brightness of a decoded frame."""
    return frame.to_ndarray(format="yuv420p")[: frame.height].astype(np.uint8, copy=False)


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def fail(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """End the process at once, with the error on stderr."""
    traceback.print_exception(kind, error, trace)
    sys.stderr.flush()
    os._exit(1)
