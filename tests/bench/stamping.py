"""What the stamp costs: a process that stamps pictures at 1920x1080, and copies as many bytes.

python -m tests.bench.stamping [FRAMES]

Every picture that is stamped was written to just before, as the camera does, and there are as many
as the camera has buffers, so that none is warmer in the cache than there. The text changes once in
thirty of them.

Not in it: what the kernel of a board does when it is told that a buffer was written to, which
depends on its processor and which no simulated buffer has.
"""

from __future__ import annotations

import sys
import time
from typing import Final

import numpy as np

from camerad.base.clock import SECOND, SystemClock
from camerad.capture.stamp import Stamp
from tests.bench import peers
from tests.bench.figures import Figures
from tests.bench.plan import FPS, Effort, answer

WIDTH: Final = 1920
HEIGHT: Final = 1080
BUFFERS: Final = 6
FRAMES: Final = 600
DEVICE: Final = "camera-07"
WEARER: Final = "W-0815"

LIMIT_MS: Final = 0.3

STAMP, COPY = "stamp", "copy of as many bytes"
GROUP: Final = "CPU of a picture at 1920x1080, ms"


def measure(effort: Effort) -> Figures:
    """Measure once in every round, each in a process of its own."""
    figures = Figures()
    for _ in range(effort.rounds):
        found = peers.run("tests.bench.stamping")
        figures.facts["stamp_bytes"] = found["bytes"]
        for name, figure in found["ms_per_frame"].items():
            figures.add(GROUP, name, figure)
    most = max(figures.of(GROUP, STAMP))
    figures.goal("stamp at 1920x1080, most of all runs", most, LIMIT_MS, "ms")
    return figures


def main() -> None:
    """Stamp and copy, and say what it took."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else FRAMES
    clock = SystemClock()
    stamp = Stamp(DEVICE, WIDTH, HEIGHT, clock)
    stamp.tell(pre=True, trusted=True, wearer=WEARER)
    pictures = [np.zeros((HEIGHT * 3 // 2, WIDTH), np.uint8) for _ in range(BUFFERS)]
    began_us = clock.now_us()
    stamp.write(pictures[0], began_us)
    size = int((pictures[0] > 0).any(1).sum() * (pictures[0] > 0).any(0).sum())
    source = np.ones(size, np.uint8)
    spent = {STAMP: 0, COPY: 0}
    for number in range(frames):
        pts_us = began_us + number * SECOND // FPS
        picture = pictures[number % BUFFERS]
        picture[:] = number % 256
        began = time.thread_time_ns()
        stamp.write(picture, pts_us)
        spent[STAMP] += time.thread_time_ns() - began
        flat = picture.reshape(-1)
        began = time.thread_time_ns()
        flat[:size] = source
        spent[COPY] += time.thread_time_ns() - began
    took = {name: ns / 1e6 / frames for name, ns in spent.items()}
    answer({"ms_per_frame": took, "bytes": size})


if __name__ == "__main__":
    main()
