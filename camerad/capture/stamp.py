"""The stamp: time, camera and wearer, written into the picture.

    2026-11-24 23:13:02+01:00  camera-07  W-0815  PRE

Promise: every picture that is encoded bears the stamp, in its bottom left corner and nowhere else;
only luma is written. What the stamp says:

- The wall time at which the picture was exposed: CLOCK_REALTIME at its media time, cut to the
  second, in the zone of the machine. The format is that of RFC 3339, 5.6, with the space that its
  note allows in the place of the T; with the offset from UTC it is one instant everywhere.
- `` ?`` behind it while nothing vouches for the wall clock (`camerad.base.wall_clock`), and from
the
  moment it was set until that has been judged anew: a wrong time that looks right would be worse
  than none.
- The camera's id, and the wearer's where one is assigned.
- ``PRE`` if the picture was exposed before it was decided to record. A picture without it was
  exposed while a recording was running, never before; one or two from after the decision may bear
  it all the same, until the word has come to this process.

Lines that do not fit the width of the picture are broken, never cut off. A character that is not in
the glyphs is shown as a box.

Why it is readable on anything: glyphs are white (235) on a band of black (16), the ends of the
range of luma (ITU-R BT.709), so that white stays far brighter than black whatever chroma lies under
them. Why it costs so little: a strip is kept ready, of which only characters that have changed are
drawn anew, once a second; each picture takes one copy of the strip.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import numpy as np

from camerad.base.clock import SECOND, Clock, read_both
from camerad.capture import glyphs
from camerad.capture.glyphs import Glyphs, Samples

BLACK: Final = 16
WHITE: Final = 235
LINES: Final = 36
"""Lines of text that would fill a picture: 20 pixels in 720, 30 in 1080."""
LEAST_SIZE: Final = 14
"""The smallest size that is well readable; taken for small pictures too, if the time fits."""
STEP_US: Final = 600_000
"""Wall time that moves more than this from picture to picture was set. More than the half second of
`camerad.base.wall_clock`, so that whatever is doubted here is looked at there."""
LOOKED_US: Final = 10 * SECOND
"""Of pictures that are further apart nothing follows: meanwhile wall time was looked at twice."""
TIME_COLUMNS: Final = len(" 2026-11-24 23:13:02+01:00 ? ")
APART: Final = "  "


class StampWords(msgspec.Struct, frozen=True):
    """Facts for the stamp. from_us: media time from which `pre` holds."""

    pre: bool = True
    trusted: bool = False
    wearer: str | None = None
    from_us: int = 0

    def is_pre(self, pts_us: int) -> bool:
        """Whether a picture of this media time is one from before a recording."""
        return self.pre if pts_us >= self.from_us else not self.pre


class Stamp:
    """Writes into pictures of one size.

    device: the camera's id. width, height: of the pictures, in pixels. clock: what tells wall time.
    Raises CaptureError if the glyphs that came with camerad are not there.

    `tell` may be called from another thread than `write`.
    """

    def __init__(self, device: str, width: int, height: int, clock: Clock) -> None:
        self._device = device
        self._height = height
        self._clock = clock
        self._glyphs = choose(width, height)
        self._columns = width // self._glyphs.width - 2
        self._lock = threading.Lock()
        self._said = StampWords()
        self._offset_us = 0
        self._pts_us = 0
        self._was_set = False
        self._shows: tuple[int, bool, bool, str | None] | None = None
        self._lines: list[str] = []
        self._strip: Samples = np.empty((0, 0), np.uint8)

    def tell(self, *, pre: bool, trusted: bool, wearer: str | None, from_us: int = 0) -> None:
        """What the pictures show from now on.

        pre: whether they are from before a recording; where that changes, it does so with the
        pictures of media time `from_us`. trusted: whether something vouches for the wall clock
        as it is now.
        """
        with self._lock:
            before = self._said
            if pre == before.pre:
                from_us = before.from_us
            self._said = StampWords(pre, trusted, wearer, from_us)
            self._offset_us = self._read_offset()
            self._was_set = False

    def write(self, picture: Samples, pts_us: int) -> None:
        """Stamp one picture.

        picture: (rows, stride) uint8, the luma plane first; rows beyond it, and columns beyond the
        width, are left alone. pts_us: when it was exposed.
        """
        with self._lock:
            offset_us, said = self._read_offset(), self._said
            moved_us = abs(offset_us - self._offset_us)
            if moved_us > STEP_US and pts_us - self._pts_us <= LOOKED_US:
                self._was_set = True
            self._offset_us, self._pts_us = offset_us, pts_us
            trusted = said.trusted and not self._was_set
        second = (offset_us + pts_us) // SECOND
        shows = (second, trusted, said.is_pre(pts_us), said.wearer)
        if shows != self._shows:
            self._draw(text(second, trusted), shows[2], said.wearer)
            self._shows = shows
        rows, columns = self._strip.shape
        picture[self._height - rows : self._height, :columns] = self._strip

    def _read_offset(self) -> int:
        """Wall time minus media time, microseconds."""
        boot_us, wall_us = read_both(self._clock)
        return wall_us - boot_us

    def _draw(self, when: str, pre: bool, wearer: str | None) -> None:
        """Bring the strip up to date."""
        fields = [when, self._device, *([wearer] if wearer else []), *(["PRE"] if pre else [])]
        lines = broken(fields, self._columns)
        shape = _shape(lines, self._glyphs)
        known = self._lines
        if shape != self._strip.shape:
            self._strip = np.full(shape, BLACK, np.uint8)
            known = [" " * len(line) for line in lines]
        height, width = self._glyphs.height, self._glyphs.width
        for row, (line, old) in enumerate(zip(lines, known, strict=True)):
            for column, (character, drawn) in enumerate(zip(line, old, strict=True)):
                if character != drawn:
                    top, left = _edge(self._glyphs) + row * height, (column + 1) * width
                    cell = self._strip[top : top + height, left : left + width]
                    cell[:] = (
                        BLACK
                        + self._glyphs.of(character).astype(np.uint16) * (WHITE - BLACK) // 255
                    )
        self._lines = lines


def choose(width: int, height: int) -> Glyphs:
    """The glyphs for pictures of this size. Raises CaptureError as `glyphs.load` does."""
    wanted = max(height / LINES, LEAST_SIZE)
    smallest, *larger = glyphs.SIZES
    for size in reversed([size for size in larger if size <= wanted]):
        chosen = glyphs.load(size)
        if chosen.width * TIME_COLUMNS <= width:
            return chosen
    return glyphs.load(smallest)


def text(
    second: int, trusted: bool, zone: Callable[[int], time.struct_time] = time.localtime
) -> str:
    """Date and time as the stamp shows them.

    second: wall time in whole seconds since the Unix epoch. zone: gives local time and its offset.
    """
    local = zone(second)
    minutes = local.tm_gmtoff // 60
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return (
        f"{local.tm_year:04d}-{local.tm_mon:02d}-{local.tm_mday:02d} "
        f"{local.tm_hour:02d}:{local.tm_min:02d}:{local.tm_sec:02d}"
        f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
        f"{'' if trusted else ' ?'}"
    )


def broken(fields: Sequence[str], columns: int) -> list[str]:
    """The fields in as many lines as they need, all filled up to the length of the longest.

    A field goes into the next line if it does not fit, and is broken if no line is long enough.
    """
    lines = [""]
    for field in fields:
        line = lines[-1] + APART + field if lines[-1] else field
        if len(line) <= columns:
            lines[-1] = line
            continue
        if not lines[-1]:
            lines.pop()
        lines += [field[at : at + columns] for at in range(0, len(field), columns)]
    longest = max(len(line) for line in lines)
    return [line.ljust(longest) for line in lines]


def _edge(drawn: Glyphs) -> int:
    """Rows of the band above and below the text."""
    return drawn.height // 8


def _shape(lines: Sequence[str], drawn: Glyphs) -> tuple[int, int]:
    """Rows and columns of the strip, one empty column at either end."""
    return (len(lines) * drawn.height + 2 * _edge(drawn), (len(lines[0]) + 2) * drawn.width)
