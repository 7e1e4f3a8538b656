"""Judges a recording, once it is opened, by its pictures alone.

The simulated sensor writes its frame number into every picture as a barcode, and exposes frame n at
a known instant, so loss, order, doubling and time are read from the decoded file and need no word
of the code under test.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from hw_mocks import barcode, footage
from numpy.typing import NDArray

from tests.system import stamps
from tests.system.aside import aside
from tests.system.sealed import opened

__all__ = ["Frame", "Hole", "Verdict", "decode", "ffmpeg_is_silent", "opened", "similarities"]

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Frame:
    """pts_us: microseconds from the start of the file; number: what its barcode says."""

    pts_us: int
    number: int
    key: bool


@dataclass(frozen=True)
class Hole:
    """Frames that are not there: `missing` of them between frame numbers `after` and `before`."""

    after: int
    before: int

    @property
    def missing(self) -> int:
        return self.before - self.after - 1


@dataclass(frozen=True)
class Verdict:
    """What the pictures of one file say."""

    frames: tuple[Frame, ...]
    pictures: dict[int, Picture]
    """Some of the pictures by frame number: I420, (height * 3 // 2, width) uint8."""

    @property
    def numbers(self) -> list[int]:
        return [frame.number for frame in self.frames]

    @property
    def holes(self) -> list[Hole]:
        """Where the numbers jump; an order that goes back or stands still is an error."""
        found = []
        for earlier, later in zip(self.numbers, self.numbers[1:], strict=False):
            assert later > earlier, f"frame {later} comes after frame {earlier}"
            if later != earlier + 1:
                found.append(Hole(earlier, later))
        return found


@aside
def decode(path: str, keep_every: int = 30) -> Verdict:
    """Decode every frame of the file; every `keep_every`th picture is kept for comparison."""
    frames: list[Frame] = []
    pictures: dict[int, Picture] = {}
    with av.open(path) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        for picture in container.decode(stream):
            array = picture.to_ndarray(format="yuv420p")
            number = barcode.read(array[: picture.height])
            assert number is not None, f"frame {len(frames)} of {path} carries no barcode"
            assert picture.pts is not None
            pts_us = round(float(picture.pts * stream.time_base) * 1e6)
            frames.append(Frame(pts_us, number, bool(picture.key_frame)))
            if len(frames) % keep_every == 1:
                pictures[number] = array
    return Verdict(tuple(frames), pictures)


@aside
def ffmpeg_is_silent(path: str) -> None:
    """FFmpeg decodes the whole file, stopping at the first error, and has nothing to say.

    Times stay as they are: in ticks of a rate that FFmpeg guesses, pictures that come faster for a
    moment would fall together.
    """
    command = ["ffmpeg", "-nostdin", "-xerror", "-v", "error", "-i", path]
    done = subprocess.run(
        [*command, "-enc_time_base:v", "demux", "-f", "null", "-"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done.stderr


def ssim(one: Picture, other: Picture) -> float:
    """Mean structural similarity of two luma planes of the same shape, 1.0 for equal ones.

    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity",
    IEEE Trans. Image Processing 13(4), 2004: Gaussian window of 11 x 11, sigma 1.5, K1 = 0.01,
    K2 = 0.03.
    """
    a, b = one.astype(np.float64), other.astype(np.float64)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

    def blur(picture: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(picture, (11, 11), 1.5), dtype=np.float64)

    mean_a, mean_b = blur(a), blur(b)
    var_a = blur(a * a) - mean_a**2
    var_b = blur(b * b) - mean_b**2
    cov = blur(a * b) - mean_a * mean_b
    score = ((2 * mean_a * mean_b + c1) * (2 * cov + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    )
    return float(score.mean())


@aside
def similarities(verdict: Verdict, prepared: Path) -> list[float]:
    """SSIM of every kept picture with the source picture of its number.

    Left out are the rows that were written into: the barcode's, and those of the stamp.
    """
    found = []
    for number, picture in verdict.pictures.items():
        source = footage.source_picture(prepared, number, "main")
        height = source.shape[0] * 2 // 3
        top = 2 * barcode.CELL
        bottom = height - height // stamps.ROWS
        found.append(ssim(picture[top:bottom, : source.shape[1]], source[top:bottom]))
    return found
