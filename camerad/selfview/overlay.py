"""Draws over the picture: a calm line in self-view, a red frame and the time while recording.

An overlay is drawn once for each scene. Text stands white on solid black (contrast 21:1, and 14:1
for the grey of the second line; WCAG 2.2 asks for 7:1 at level AAA), in a band at the lower edge,
so that it is readable in sunlight whatever the picture behind it is. Capitals of the main line are
a twelfth of the panel's height, unless a word would not fit its width then; words are never cut.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Final

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from camerad.behaviour.scene import (
    Badge,
    Dark,
    Mirror,
    OfficerStatus,
    PatternPicture,
    RecordingScene,
    Scene,
    SoundScene,
)
from camerad.selfview.lettering import (
    BLACK,
    CAPITAL,
    GREY,
    LEAST,
    LINE,
    PAD,
    RED,
    SHARE,
    WHITE,
    Lettering,
    TextLine,
    height_of,
    size_of,
)
from camerad.selfview.panel import Rect
from camerad.selfview.status_text import StatusText
from camerad.selfview.viewer_settings import Texts

LEAST_SHARE: Final = 16
"""The same, where the text of self-view is so long that it would cover too much of the picture."""
BAND_SHARE: Final = 0.4
PORTRAIT_BAND_SHARE: Final = 0.5
"""Of the panel's height: what text may cover in self-view before it becomes smaller. A panel that
stands upright has room below the picture."""
SECOND: Final = (1.0, 0.9, 0.8, 0.72)
"""Sizes of the second line by that of the first, the largest that fits is taken."""

_SMOOTH: Final = 8
"""Signs are drawn so many times larger and then reduced."""


class RunningTime(msgspec.Struct, frozen=True):
    """Place of a recording's running time: its left edge, baseline and font size."""

    left: int
    baseline: int
    size: int


class Overlay(msgspec.Struct, frozen=True):
    """picture: (height, width, 3) uint8, blue, green, red; all that does not change by itself.

    hole: where the camera's picture shows. band: how many rows at the lower edge belong to text.
    """

    picture: NDArray[Any]
    hole: Rect
    band: int = 0
    running: RunningTime | None = None


def running_time(seconds: int) -> str:
    """``00:07``, ``59:59``, ``1:00:00``; never negative."""
    minutes, seconds = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


class Designer:
    """Draws overlays for a panel of `width` x `height` pixels."""

    def __init__(self, width: int, height: int, texts: Texts) -> None:
        self._width, self._height = width, height
        self._texts = texts
        self._letters = Lettering()
        self._main = size_of(height / SHARE)
        self._status_text = StatusText(self._letters, width, height, texts)

    def overlay(self, scene: Scene, running: str = "00:00") -> Overlay:
        """The overlay of a scene. running: a time as long as the one to be shown."""
        match scene:
            case Dark():
                return Overlay(self._blank(), Rect(0, 0, 0, 0))
            case Mirror(seconds):
                return self._mirror(seconds)
            case RecordingScene():
                return self._recording(scene.sound, running)
            case OfficerStatus():
                return self._status(scene)
            case Badge():
                whole = Rect(0, 0, self._width, self._height)
                picture = self.message(self._texts["badge"], whole, WHITE)
                return Overlay(picture, Rect(0, 0, 0, 0))
            case PatternPicture():
                return Overlay(colour_bars(self._width, self._height), Rect(0, 0, 0, 0))

    def message(self, text: str, place: Rect, colour: tuple[int, int, int] = GREY) -> NDArray[Any]:
        """Text on black, (height, width, 3) uint8 of the size of `place`."""
        picture = np.zeros((place.height, place.width, 3), np.uint8)
        size = self._main
        while (lines := self._letters.wrap(text, size, place.width)) is None and size > LEAST:
            size -= 1
        rows = [TextLine(line, size, colour) for line in lines or [text]]
        top = (place.height - height_of(rows)) // 2
        self._write(picture, rows, top)
        return picture

    def time_glyphs(self, size: int) -> dict[str, NDArray[Any]]:
        """The figures and the colon, white on black, each as wide as it advances."""
        glyphs = {}
        for character in "0123456789:":
            width = self._letters.width(character, size)
            glyph = np.zeros((self.glyph_height(size), width, 3), np.uint8)
            self._letters.draw(glyph, character, (0, glyph.shape[0] - 1), size, WHITE)
            glyphs[character] = glyph
        return glyphs

    @staticmethod
    def glyph_height(size: int) -> int:
        """Height of a glyph of the running time; its last row lies on the baseline."""
        return math.ceil(size * CAPITAL) + 2

    # ------------------------------------------------------------------ scenes

    def _blank(self) -> NDArray[Any]:
        return np.zeros((self._height, self._width, 3), np.uint8)

    def _mirror(self, pre_event_seconds: float) -> Overlay:
        texts = self._texts
        second = texts["not_recorded"]
        if pre_event_seconds:
            second = texts["reaches_back"].format(seconds=_plain(pre_event_seconds))
        room = self._width - 2 * max(4, self._width // 40)
        most = self._height * (BAND_SHARE if self._width >= self._height else PORTRAIT_BAND_SHARE)
        sizes = range(self._main, size_of(self._height / LEAST_SHARE) - 1, -1)
        for wanted, share in itertools.product(sizes, SECOND):
            first, size = self._letters.fitting(texts["self_view"], wanted, room)
            below, below_size = self._letters.fitting(second, round(size * share), room)
            rows = [TextLine(line, size) for line in first]
            rows += [TextLine(line, below_size, GREY) for line in below]
            band = height_of(rows) + self._pad(size) * 2
            if band <= most:
                break
        picture = self._blank()
        self._write(picture, rows, self._height - band + self._pad(size))
        return Overlay(picture, Rect(0, 0, self._width, self._height - band), band)

    def _recording(self, sound: SoundScene, running: str) -> Overlay:
        edge = max(4, self._height // 36)
        room = self._width - 2 * edge - max(4, self._width // 32)
        size = self._main
        while True:
            parts = self._parts(sound, running, size)
            rows = self._arranged([part.width for part in parts], size, room)
            if rows is not None or size <= LEAST:
                break
            size -= 1
        rows = rows or [[0], [1], [2]]
        step = round(size * LINE)
        band = step * len(rows) + self._pad(size)
        picture = self._blank()
        bottom = self._height - edge
        place = None
        for number, row in enumerate(rows):
            # The middle of a row is that of its capitals.
            middle = bottom - band + self._pad(size) // 2 + step * number + step // 2
            left = (self._width - self._row_width([parts[i].width for i in row], size)) // 2
            for part in (parts[i] for i in row):
                part.draw(picture, left, middle)
                if part.is_time:
                    place = RunningTime(left, middle + part.capital // 2, size)
                left += part.width + self._gap(size)
        # The frame last: nothing may lie over it.
        picture[:edge], picture[-edge:] = RED, RED
        picture[:, :edge], picture[:, -edge:] = RED, RED
        hole = Rect(edge, edge, self._width - 2 * edge, self._height - 2 * edge - band)
        return Overlay(picture, hole, band + edge, place)

    def _status(self, status: OfficerStatus) -> Overlay:
        rows = self._status_text.lines(status)
        picture = self._blank()
        self._write(picture, rows, (self._height - height_of(rows)) // 2)
        return Overlay(picture, Rect(0, 0, 0, 0))

    # ------------------------------------------------------------------ text

    @staticmethod
    def _pad(size: int) -> int:
        return round(size * PAD)

    def _write(self, picture: NDArray[Any], rows: Sequence[TextLine], top: int) -> None:
        """Write lines below each other, each in the middle."""
        for row in rows:
            top, step = top + row.above, row.height - row.above
            baseline = top + (step + round(row.size * CAPITAL)) // 2
            left = (picture.shape[1] - self._letters.width(row.text, row.size)) // 2
            self._letters.draw(picture, row.text, (left, baseline), row.size, row.colour)
            top += step

    # ------------------------------------------------------------------ recording

    def _parts(self, sound: SoundScene, running: str, size: int) -> list[_Part]:
        small = max(6, round(size * 0.8))
        said = {
            SoundScene.ON: "sound_on",
            SoundScene.MUTED: "sound_muted",
            SoundScene.NONE: "sound_none",
        }[sound]
        return [
            _Part(self._letters, self._texts["recording"], size, _dot(round(size * CAPITAL))),
            _Part(self._letters, running, size, None, is_time=True),
            _Part(
                self._letters,
                self._texts[said],
                small,
                _microphone(round(small * 1.05), crossed=sound is not SoundScene.ON),
            ),
        ]

    @staticmethod
    def _gap(size: int) -> int:
        """Between two parts of a row."""
        return round(size * 0.6)

    @staticmethod
    def _row_width(widths: Sequence[int], size: int) -> int:
        return sum(widths) + Designer._gap(size) * (len(widths) - 1)

    def _arranged(self, widths: Sequence[int], size: int, room: int) -> list[list[int]] | None:
        """The parts in rows, in as few as fit; None if one alone is too wide."""
        for rows in ([[0, 1, 2]], [[0, 1], [2]], [[0], [1, 2]], [[0], [1], [2]]):
            if all(self._row_width([widths[i] for i in row], size) <= room for row in rows):
                return rows
        return None


class _Part:
    """A sign and a word beside it."""

    def __init__(
        self,
        letters: Lettering,
        text: str,
        size: int,
        sign: NDArray[Any] | None,
        *,
        is_time: bool = False,
    ) -> None:
        self._letters, self._text, self._size, self._sign = letters, text, size, sign
        self.is_time = is_time
        self.capital = round(size * CAPITAL)
        self._indent = 0 if sign is None else sign.shape[1] + round(size * 0.35)
        self.width = self._indent + letters.width(text, size)

    def draw(self, picture: NDArray[Any], left: int, middle: int) -> None:
        """Draw it; the running time is drawn elsewhere, since it changes."""
        if self._sign is not None:
            high, wide = self._sign.shape[:2]
            top = middle - high // 2
            picture[top : top + high, left : left + wide] = self._sign
        if not self.is_time:
            baseline = middle + self.capital // 2
            at = (left + self._indent, baseline)
            self._letters.draw(picture, self._text, at, self._size, WHITE)


def colour_bars(width: int, height: int) -> NDArray[Any]:
    """Colour bars over a ramp of greys in a white frame, (height, width, 3) uint8, blue, green,
    red: wrong colours, wrong depth, missing rows and a picture that is cut off all show."""
    picture = np.zeros((height, width, 3), np.uint8)
    ramp = height * 3 // 4
    for number in range(8):
        # White, yellow, cyan, green, magenta, red, blue, black: from the brightest to the darkest.
        blue, red, green = ((7 - number) >> shift & 1 for shift in range(3))
        left, right = width * number // 8, width * (number + 1) // 8
        picture[:ramp, left:right] = (blue * 255, green * 255, red * 255)
    picture[ramp:] = np.linspace(0, 255, width).astype(np.uint8)[:, np.newaxis]
    picture[[0, -1]] = picture[:, [0, -1]] = WHITE
    return picture


def _dot(diameter: int) -> NDArray[Any]:
    """A red disc."""
    large = np.zeros((diameter * _SMOOTH, diameter * _SMOOTH, 3), np.uint8)
    middle = diameter * _SMOOTH // 2
    cv2.circle(large, (middle, middle), middle - 1, RED, cv2.FILLED)
    return np.asarray(cv2.resize(large, (diameter, diameter), interpolation=cv2.INTER_AREA))


def _microphone(height: int, *, crossed: bool) -> NDArray[Any]:
    """A microphone, white on black; crossed out where nothing is heard."""
    width = max(3, round(height * 0.8))
    large = np.zeros((height * _SMOOTH, width * _SMOOTH, 3), np.uint8)
    unit = height * _SMOOTH / 100
    centre = width * _SMOOTH // 2

    def at(x: float, y: float) -> tuple[int, int]:
        return (centre + round(x * unit), round(y * unit))

    def thick(share: float) -> int:
        return max(1, round(share * unit))

    cv2.line(large, at(0, 22), at(0, 42), WHITE, thick(32))
    axes = (round(29 * unit), round(29 * unit))
    cv2.ellipse(large, at(0, 44), axes, 0, 0, 180, WHITE, thick(9))
    cv2.line(large, at(0, 74), at(0, 92), WHITE, thick(9))
    cv2.line(large, at(-17, 93), at(17, 93), WHITE, thick(9))
    if crossed:
        cv2.line(large, at(-32, 6), at(32, 94), BLACK, thick(24))
        cv2.line(large, at(-32, 6), at(32, 94), WHITE, thick(9))
    return np.asarray(cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA))


def _plain(number: float) -> str:
    """A number without a fraction that is zero."""
    return f"{number:g}"
