"""From the camera's low-resolution frame to the bytes of a panel: mirrored, in its proportions.

Mirrored, because people know themselves from mirrors and correct their posture the wrong way
otherwise. The picture keeps its proportions and is as large as fits; the rest is black.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from camerad.stream.frame import Geometry
from camerad.stream.newest import Frame

FORMATS: Final = {16: "RGB565", 32: "XRGB8888"}
"""Bits per pixel of a framebuffer, and what they mean on a Raspberry Pi; little-endian both."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A framebuffer. width, height: pixels. stride: bytes from one row to the next. bits: per
    pixel, one of `FORMATS`."""

    width: int
    height: int
    stride: int
    bits: int

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the uint8 array of one whole picture: (height, stride)."""
        return (self.height, self.stride)


def fit(width: int, height: int, panel: Panel) -> tuple[int, int, int, int]:
    """(x, y, width, height) on the panel of the largest centred picture in these proportions."""
    if width * panel.height > height * panel.width:
        wide, high = panel.width, max(1, round(panel.width * height / width))
    else:
        wide, high = max(1, round(panel.height * width / height)), panel.height
    return (panel.width - wide) // 2, (panel.height - high) // 2, wide, high


class Painter:
    """Paints frames for one panel, always into the same memory."""

    def __init__(self, panel: Panel, mirror: bool) -> None:
        self._panel = panel
        self._mirror = mirror
        self._canvas = np.zeros(panel.shape, np.uint8)
        self._shown: Geometry | None = None

    def paint(self, frame: Frame, geometry: Geometry) -> Frame:
        """The panel's bytes with `frame`, (height, stride) uint8, valid until the next call.

        frame: (height * 3 // 2, stride) uint8, I420 with limited range.
        """
        panel = self._panel
        if geometry != self._shown:
            self._canvas[:] = 0
            self._shown = geometry
        x, y, width, height = fit(geometry.width, geometry.height, panel)
        # Rows that are padded make a wider picture that is I420 all the same.
        colour = cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_I420)[:, : geometry.width]
        if (width, height) != (geometry.width, geometry.height):
            colour = cv2.resize(colour, (width, height), interpolation=cv2.INTER_LINEAR)
        if self._mirror:
            colour = cv2.flip(colour, 1)
        code = cv2.COLOR_BGR2BGR565 if panel.bits == 16 else cv2.COLOR_BGR2BGRA
        pixels = cv2.cvtColor(np.ascontiguousarray(colour), code).reshape(height, -1)
        left = x * panel.bits // 8
        self._canvas[y : y + height, left : left + pixels.shape[1]] = pixels
        return self._canvas

    def forget(self) -> None:
        """Overwrite the picture that was painted last."""
        self._canvas[:] = 0
