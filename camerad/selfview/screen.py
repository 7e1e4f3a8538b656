"""Composes the whole screen: the camera's picture, and the scene over it."""

from __future__ import annotations

from typing import Any, Final

from numpy.typing import NDArray

from camerad.base.clock import SECOND
from camerad.behaviour.scene import DARK, Mirror, RecordingScene, Scene
from camerad.selfview.overlay import Designer, Overlay, running_time
from camerad.selfview.panel import Panel
from camerad.selfview.picture import Painter
from camerad.selfview.viewer_settings import Texts
from camerad.stream.frame import Geometry
from camerad.stream.newest import Frame

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
