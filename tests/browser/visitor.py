"""A visitor whose own camera the body camera films: Chromium's fake one, and what its clock says.

The fake camera shows a green picture with a clock in its upper left corner: time since it was
opened, and the number of the picture, twenty a second. Chromium draws both into the picture, so
that whoever reads them in a recording knows which pictures it has, and in which order.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from hw_mocks.sound import decode
from numpy.typing import NDArray

FLAGS: Final = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
"""A camera that nobody has, and somebody who lets every page use it."""
PICTURES_A_SECOND: Final = 20.0
BEEP_LOUDNESS: Final = 0.05
_CLOCK: Final = (slice(26, 78), slice(84, 470))
"""Where the clock lies in a picture of 1280x720, below the numbers of the simulated sensor."""
_SAID: Final = re.compile(r"^(\d):(\d\d):(\d\d):(\d{3})\s*(\d+)$")


def is_visitor(picture: NDArray[np.uint8]) -> bool:
    """Whether a picture, blue, green and red, is the fake camera's: green, and nothing else."""
    blue, green, red = picture.reshape(-1, 3).mean(axis=0)
    return bool(green > 2 * max(blue, red))


def pictures(film: Path, every: int) -> list[NDArray[np.uint8]]:
    """Every so many pictures of a film, blue, green and red."""
    with av.open(str(film)) as container:
        frames: Iterable[Any] = container.decode(video=0)
        return [
            frame.to_ndarray(format="bgr24")
            for number, frame in enumerate(frames)
            if number % every == 0
        ]


def beeps(film: Path) -> list[float]:
    """When the fake microphone's beeps begin in a film, in seconds. It beeps twice a second for a
    50th of a second, and is silent between."""
    samples, rate = decode(film)
    block = rate // 100
    loudness = np.abs(samples[: len(samples) // block * block]).reshape(-1, block).max(axis=1)
    loud = loudness > BEEP_LOUDNESS
    begins = np.flatnonzero(loud[1:] & ~loud[:-1]) + 1
    return [float(one) / 100 for one in begins]


def clocks(shown: Iterable[NDArray[np.uint8]], scratch: Path) -> list[tuple[float, int]]:
    """What the clock says in each picture: seconds, and the picture's number.

    All are read at once, by tesseract. Raises ValueError if one cannot be read.
    """
    lines = []
    for picture in shown:
        green = picture[_CLOCK][:, :, 2]
        # Only the writing has any red; dark on white is what is read best.
        _, line = cv2.threshold(green, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
        lines.append(cv2.copyMakeBorder(line, 14, 14, 30, 30, cv2.BORDER_CONSTANT, value=255))
    page = scratch / "clocks.png"
    cv2.imwrite(str(page), np.vstack(lines))
    command = ["tesseract", str(page), "-", "--psm", "6", "-c"]
    command.append("tessedit_char_whitelist=0123456789: ")
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    read = [_SAID.match(line.strip()) for line in said.splitlines() if line.strip()]
    if len(read) != len(lines) or None in read:
        raise ValueError(f"of {len(lines)} clocks this was read: {said!r}")
    return [
        (int(h) * 3600 + int(m) * 60 + int(s) + int(ms) / 1000, int(number))
        for h, m, s, ms, number in (one.groups() for one in read if one is not None)
    ]
