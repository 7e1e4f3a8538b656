"""Converts the camera's low-resolution frame to the bytes of a panel: mirrored, in its proportions.

Mirrored, because people know themselves from mirrors and correct their posture the wrong way
otherwise. The picture keeps its proportions and is as large as fits; the rest is black. Where text
covers a part of the panel, the picture is in the middle of the rest, if that is high enough for it,
and else at the top: a camera on a chest sees faces in the upper part of its picture.

All steps are OpenCV's, into memory that is there already. Only what shows is turned into the
panel's pixels, and mirrored last, when it is smallest: two or four bytes a pixel.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camerad.selfview.panel import Panel, Rect
from camerad.stream.frame import Geometry
from camerad.stream.newest import Frame


def fit(width: int, height: int, panel: Panel, bottom: int | None = None) -> Rect:
    """Place of the largest picture in these proportions on the panel.

    bottom: how many rows from the top are free of text; left out: all. The picture may reach below.
    """
    if width * panel.height > height * panel.width:
        wide, high = panel.width, max(1, round(panel.width * height / width))
    else:
        wide, high = max(1, round(panel.height * width / height)), panel.height
    free = panel.height if bottom is None else bottom
    return Rect((panel.width - wide) // 2, max(0, free - high) // 2, wide, high)


_CODES: Final = {16: cv2.COLOR_BGR2BGR565, 32: cv2.COLOR_BGR2BGRA}


class Painter:
    """Paints frames for one panel, always into the same memory.

    canvas: the panel's bytes, `Panel.shape` uint8.
    """

    def __init__(self, panel: Panel, mirror: bool) -> None:
        self._panel = panel
        self._mirror = mirror
        size = panel.bits // 8
        self.canvas: Frame = np.zeros(panel.shape, np.uint8)
        self._bytes = self.canvas[:, : panel.width * size]
        # The same memory by pixels; OpenCV knows no unsigned 32 bits everywhere.
        dtype = np.dtype(np.uint16 if panel.bits == 16 else np.int32)
        self._pixels: NDArray[np.integer[Any]] = self._bytes.view(dtype)
        self._shown: Geometry | None = None
        self._hole = panel.whole
        # The steps of `paint`, and what of each is used; `_prepare` makes them.
        self._colour: NDArray[Any] = np.zeros(0, np.uint8)
        self._cut = self._seen = self._scaled = self._encoded = self._colour
        self._encoded_pixels = self._window = self._pixels[:0]

    def blend(self, picture: NDArray[Any], left: int = 0, top: int = 0) -> None:
        """Put a picture, (height, width, 3) uint8, blue, green, red, onto the canvas."""
        size = self._panel.bits // 8
        height, width = picture.shape[:2]
        encoded = cv2.cvtColor(np.ascontiguousarray(picture), _CODES[self._panel.bits])
        place = self._bytes[top : top + height, left * size : (left + width) * size]
        place[:] = encoded.reshape(height, width * size)

    def encode(self, picture: NDArray[Any]) -> NDArray[Any]:
        """A picture as `lay` takes it, in the panel's pixels: (height, width)."""
        encoded = cv2.cvtColor(picture, _CODES[self._panel.bits])
        return np.ascontiguousarray(encoded).view(self._pixels.dtype)[:, :, 0]

    def place(self, pixels: NDArray[Any], left: int, top: int) -> None:
        """Put what `encode` made onto the canvas."""
        height, width = pixels.shape
        self._pixels[top : top + height, left : left + width] = pixels

    def open(self, hole: Rect) -> None:
        """Paint frames within `hole` only, from now on."""
        self._hole = hole
        self._shown = None

    def paint(self, frame: Frame, geometry: Geometry) -> None:
        """Put `frame` onto the canvas: (height * 3 // 2, stride) uint8, I420 with limited range."""
        if geometry != self._shown:
            self._prepare(geometry)
        # Rows that are padded make a wider picture that is I420 all the same.
        cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_I420, dst=self._colour)
        if self._scaled.size:
            size = self._scaled.shape[1::-1]
            cv2.resize(self._cut, size, dst=self._scaled, interpolation=cv2.INTER_LINEAR)
        if self._seen.size == 0:
            return
        cv2.cvtColor(self._seen, _CODES[self._panel.bits], dst=self._encoded)
        if self._mirror:
            cv2.flip(self._encoded_pixels, 1, dst=self._window)
        else:
            self._window[:] = self._encoded_pixels

    def _prepare(self, geometry: Geometry) -> None:
        """Memory and views for pictures of this geometry in the hole that is open."""
        hole, panel = self._hole, self._panel
        self._overwrite()
        place = fit(geometry.width, geometry.height, panel, hole.top + hole.height)
        rows, columns = geometry.shape[0] * 2 // 3, geometry.stride
        self._colour = np.zeros((rows, columns, 3), np.uint8)
        self._cut = self._colour[:, : geometry.width]
        picture = self._cut
        self._scaled = np.zeros(0, np.uint8)
        if (place.width, place.height) != (geometry.width, geometry.height):
            self._scaled = np.zeros((place.height, place.width, 3), np.uint8)
            picture = self._scaled
        left, top = max(place.left, hole.left), max(place.top, hole.top)
        right = min(place.left + place.width, hole.left + hole.width)
        bottom = min(place.top + place.height, hole.top + hole.height)
        width, height = max(0, right - left), max(0, bottom - top)
        first = left - place.left
        if self._mirror:
            first = place.width - first - width
        above = top - place.top
        self._seen = picture[above : above + height, first : first + width]
        self._encoded = np.zeros((height, width, panel.bits // 8), np.uint8)
        self._encoded_pixels = self._encoded.view(self._pixels.dtype)[:, :, 0]
        self._window = self._pixels[top : top + height, left : left + width]
        self._pixels[hole.top : hole.top + hole.height, hole.left : hole.left + hole.width] = 0
        self._shown = geometry

    def _overwrite(self) -> None:
        for memory in (self._colour, self._scaled, self._encoded):
            memory[:] = 0

    def forget(self) -> None:
        """Overwrite everything that was painted, the steps on the way to it too."""
        self._overwrite()
        self.canvas[:] = 0
