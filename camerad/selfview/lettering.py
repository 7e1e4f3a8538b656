"""Renders words as pixels: their width, line breaks, and the letters.

The font is the sans that is built into OpenCV 5 (Rubik, variable weight, SIL Open Font License):
no font file has to be on the camera, figures are all of one width, and there are umlauts. A capital
letter is three quarters of the font's size high, measured on H at sizes from 20 to 100.

Lettering is drawn when what the display says changes, never for a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

FONT: Final = "sans"
WEIGHT: Final = 600
CAPITAL: Final = 0.75
"""Height of a capital letter by the font's size."""
LINE: Final = 1.25
"""From one baseline to the next by the font's size: umlauts on capitals and descenders fit."""
SHARE: Final = 12
"""The panel's height by the height of a capital of the main line."""
PAD: Final = 0.3
"""Space around text by the font's size."""
LEAST: Final = 6
"""The smallest size of the font."""
_UNBOUNDED: Final = (1 << 20, 1 << 10)
"""OpenCV wraps at the border of the picture that it is told of; here it never does."""

_NO_BREAK: Final = "\N{NO-BREAK SPACE}"


BLACK: Final = (0, 0, 0)
WHITE: Final = (255, 255, 255)
GREY: Final = (215, 215, 215)
RED: Final = (0, 0, 230)
"""Blue, green, red."""


class TextLine(msgspec.Struct, frozen=True):
    """One line of text. size: of the font. above: rows that stay free between it and the line
    before."""

    text: str
    size: int
    colour: tuple[int, int, int] = WHITE
    above: int = 0

    @property
    def height(self) -> int:
        """Rows that it takes, with the space above."""
        return self.above + round(self.size * LINE)


def height_of(lines: Sequence[TextLine]) -> int:
    """Rows that lines below each other take."""
    return sum(line.height for line in lines)


def size_of(capital: float) -> int:
    """The font's size, whole pixels, at which a capital is at least so many pixels high."""
    return max(LEAST, -int(-capital // CAPITAL))


class Lettering:
    """One font in one weight."""

    def __init__(self) -> None:
        self._font = cv2.FontFace(FONT)

    def width(self, text: str, size: int) -> int:
        """How many pixels a line of text takes from left to right."""
        text = text.replace(_NO_BREAK, " ")
        box = cv2.getTextSize(_UNBOUNDED, text, (0, 0), self._font, size, WEIGHT)
        return int(box[2])

    def draw(
        self, picture: NDArray[Any], text: str, at: tuple[int, int], size: int, colour: Any
    ) -> None:
        """Draw one line into `picture`, (height, width, 3) uint8; what lies outside is left out.

        at: the left end of its baseline.
        """
        whole_line = (0, 1 << 20)  # else it would wrap at the picture's border
        text = text.replace(_NO_BREAK, " ")
        cv2.putText(picture, text, at, colour, self._font, size, WEIGHT, 0, whole_line)
        for place, character in enumerate(text):
            if character == "0":
                right = at[0] + self.width(text[: place + 1], size)
                self._open_zero(picture, (right, at[1]), size, colour)

    def _open_zero(
        self, picture: NDArray[Any], end: tuple[int, int], size: int, colour: Any
    ) -> None:
        """Draw a zero that ends there anew: the font has a stroke in it, and is read as an 8. The
        letter O, as narrow as the figure, on black like all lettering."""
        width, wide = self.width("0", size), self.width("O", size)
        rows = round(size * CAPITAL) + 6  # a round letter is a little higher, and lower
        top = end[1] - rows + 3
        letter = np.zeros((rows, wide, 3), np.uint8)
        at = (0, end[1] - top)
        cv2.putText(letter, "O", at, colour, self._font, size, WEIGHT, 0, (0, 1 << 20))
        zero = cv2.resize(letter, (width, rows), interpolation=cv2.INTER_AREA)
        left, above = max(0, end[0] - width), max(0, top)
        place = picture[above : max(0, top + rows), left : max(0, end[0])]
        skipped = above - top, left - (end[0] - width)
        place[:] = zero[skipped[0] :, skipped[1] :][: place.shape[0], : place.shape[1]]

    def wrap(self, text: str, size: int, width: int) -> list[str] | None:
        """`text` in as few lines of at most `width` pixels as possible, each about as long as the
        others; None if a word alone is wider, since words are never cut. A no-break space keeps
        two words together."""
        words = [word for word in text.split(" ") if word]
        lines = self._greedy(words, size, width)
        if lines is None:
            return None
        # The narrowest column that needs no more lines makes them even.
        low, high = 0, width
        while high - low > 2:
            middle = (low + high) // 2
            tried = self._greedy(words, size, middle)
            if tried is None or len(tried) > len(lines):
                low = middle
            else:
                lines, high = tried, middle
        return lines

    def fitting(self, text: str, size: int, room: int, most: int = 4) -> tuple[list[str], int]:
        """`text` in at most `most` lines of `room` pixels, and the size, at most `size`, at which
        it fits."""
        while True:
            lines = self.wrap(text, size, room)
            if lines is not None and len(lines) <= most:
                return lines, size
            if size <= LEAST:
                return lines or text.split(), size
            size -= 1

    def widest(self, lines: Sequence[str], size: int) -> int:
        """Width of the widest line."""
        return max((self.width(line, size) for line in lines), default=0)

    def lines_of(self, text: str, size: int, width: int) -> int | None:
        """How many lines `wrap` makes of it, without making them; None if a word is wider."""
        lines = self._greedy([word for word in text.split(" ") if word], size, width)
        return None if lines is None else len(lines)

    def _greedy(self, words: Sequence[str], size: int, width: int) -> list[str] | None:
        """As many words in each line as it holds; None if a word alone is wider."""
        lines: list[str] = []
        for word in words:
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.width(longer, size) <= width:
                lines[-1] = longer
            elif self.width(word, size) <= width:
                lines.append(word)
            else:
                return None
        return lines
