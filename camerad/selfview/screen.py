"""Composes the whole screen: the camera's picture, and the scene over it.

The picture is mirrored, because people know themselves from mirrors and correct their posture the
wrong way otherwise. It keeps its proportions and is as large as fits; the rest is black. Where text
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

from camerad.base.clock import SECOND
from camerad.behaviour.scene import DARK, Mirror, RecordingScene, Scene
from camerad.selfview.overlay import Designer, Overlay, running_time
from camerad.selfview.panel import Panel, Rect
from camerad.selfview.viewer_settings import Texts
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


_KEPT: Final = 8
"""Overlays that are kept ready: they take some milliseconds to draw, and come again and again."""


class Screen:
    """A panel's content, in its own bytes.

    A scene's texts are drawn when it begins and, for the running time, taken from figures that are
    ready; a picture costs only itself.
    """

    def __init__(self, panel: Panel, mirror: bool, texts: Texts) -> None:
        self._painter = Painter(panel, mirror)
        self._designer = Designer(panel.width, panel.height, texts)
        self._texts = texts
        self._scene: Scene = DARK
        self._overlay = self._designer.overlay(DARK)
        self._ready: dict[tuple[Scene, int], Overlay] = {}
        self._glyphs: dict[str, NDArray[Any]] = {}
        self._glyph_size = 0
        self._time = ""
        self._seconds = -1
        self._says_no_picture = False
        # What people wait for is drawn before they do.
        for scene in (Mirror(), RecordingScene(0)):
            self._design(scene, len("00:00"))

    @property
    def pixels(self) -> Frame:
        """The panel's bytes, `Panel.shape` uint8; the same memory each time."""
        return self._painter.canvas

    @property
    def scene(self) -> Scene:
        """The picture on the panel."""
        return self._scene

    @property
    def has_picture(self) -> bool:
        """Whether the camera's picture belongs to the scene."""
        return isinstance(self._scene, Mirror | RecordingScene)

    def show(self, scene: Scene, now_us: int) -> None:
        """Begin a scene at the media time `now_us`, without a picture yet."""
        self._scene = scene
        self._time = ""
        self._says_no_picture = False
        if isinstance(scene, RecordingScene):
            self._seconds = (now_us - scene.since_us) // SECOND
            self._time = running_time(self._seconds)
        self._overlay = self._design(scene, len(self._time))
        self._painter.forget()
        self._painter.blend(self._overlay.picture)
        self._painter.open(self._overlay.hole)
        self._put_time()

    def tick(self, now_us: int) -> bool:
        """Bring the running time up to date; whether it is another one now."""
        if not isinstance(self._scene, RecordingScene):
            return False
        seconds = (now_us - self._scene.since_us) // SECOND
        if seconds == self._seconds:
            return False
        self._seconds = seconds
        time = running_time(seconds)
        if time == self._time:
            return False
        if len(time) != len(self._time):
            said = self._says_no_picture
            self.show(self._scene, now_us)
            if said:
                self.remove_picture()
        else:
            self._time = time
            self._put_time()
        return True

    def next_tick_us(self, now_us: int) -> int | None:
        """Media time at which `tick` will have something to do; None if never."""
        if not isinstance(self._scene, RecordingScene):
            return None
        since_us = self._scene.since_us
        return since_us + (max(0, now_us - since_us) // SECOND + 1) * SECOND

    def paint(self, frame: Frame, geometry: Geometry) -> None:
        """Show `frame`, (height * 3 // 2, stride) uint8, I420."""
        self._says_no_picture = False
        self._painter.paint(frame, geometry)

    def remove_picture(self) -> None:
        """Say, where the picture was, that there is none."""
        self._says_no_picture = True
        hole = self._overlay.hole
        if hole.width and hole.height:
            self._painter.open(hole)
            self._painter.blend(
                self._designer.message(self._texts["no_picture"], hole), hole.left, hole.top
            )

    def _design(self, scene: Scene, length: int) -> Overlay:
        """The overlay for a scene; what differs in its running time only looks the same."""
        key = (
            RecordingScene(0, scene.sound) if isinstance(scene, RecordingScene) else scene,
            length,
        )
        if key not in self._ready:
            running = "0:00:00"[-length:] if length > len("00:00") else "00:00"
            if len(self._ready) >= _KEPT:
                self._ready.pop(next(iter(self._ready)))
            self._ready[key] = self._designer.overlay(key[0], running.rjust(length, "0"))
        return self._ready[key]

    def _put_time(self) -> None:
        place = self._overlay.running
        if place is None:
            return
        if place.size != self._glyph_size:
            self._glyph_size = place.size
            self._glyphs = {
                character: self._painter.encode(glyph)
                for character, glyph in self._designer.time_glyphs(place.size).items()
            }
        left, top = place.left, place.baseline - self._designer.glyph_height(place.size) + 1
        for character in self._time:
            glyph = self._glyphs[character]
            self._painter.place(glyph, left, top)
            left += glyph.shape[1]
