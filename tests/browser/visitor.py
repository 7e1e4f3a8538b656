"""A visitor whose own camera the body camera films: Chromium's fake one, and what its clock says.

The fake camera shows a green picture with a clock in its upper left corner: time since it was
opened, and the number of the picture, twenty a second. Chromium draws both into the picture, so
that a reader of a recording knows which pictures it has, and in which order.
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
from hw_mocks.sound import Values
from numpy.typing import NDArray

FLAGS: Final = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
"""A camera that nobody has, and somebody who lets every page use it."""
SILENCE: Final = 0.05
BEEP_LOUDNESS: Final = 0.5
"""Both of 1, which is as loud as can be."""
BEEP_BLOCKS: Final = 5
"""Hundredths of a second that a beep lasts at most, once encoded and wherever it begins in one."""
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


def beeping(samples: Values, rate: int) -> float:
    """The share of whole seconds in which a fake microphone beeps, and nothing else is heard.

    It beeps twice a second, as loudly as can be for a 50th of a second, and is silent between,
    which nobody is who speaks. How far the beeps are apart says nothing: what such a microphone
    gives while the body camera's time stands still is left out.
    """
    blocks = np.abs(samples[: len(samples) // rate * rate]).reshape(-1, rate // 100).max(axis=1)
    return float(np.mean([_only_beeps(second) for second in blocks.reshape(-1, 100)]))


def _only_beeps(loudness: Values) -> bool:
    """Whether hundredths of a second have sounds, and each of them is loud, and short."""
    edges = np.flatnonzero(np.diff(loudness > SILENCE, prepend=False, append=False))
    return len(edges) > 0 and all(
        end - begin <= BEEP_BLOCKS and loudness[begin:end].max() > BEEP_LOUDNESS
        for begin, end in edges.reshape(-1, 2)
    )


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
