"""Words as pixels: how wide they are, where lines break, and the letters themselves.

The font is the sans that is built into OpenCV 5 (Rubik, variable weight, SIL Open Font License):
no font file has to be on the camera, figures are all of one width, and there are umlauts. A capital
letter is three quarters of the font's size high, measured on H at sizes from 20 to 100.

Lettering is drawn when what the display says changes, never for a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cv2
from numpy.typing import NDArray

FONT: Final = "sans"
WEIGHT: Final = 600
CAPITAL: Final = 0.75
"""Height of a capital letter by the font's size."""
LINE: Final = 1.25
"""From one baseline to the next by the font's size: umlauts on capitals and descenders fit."""
_UNBOUNDED: Final = (1 << 20, 1 << 10)
"""OpenCV wraps at the border of the picture that it is told of; here it never does."""

_NO_BREAK: Final = "\N{NO-BREAK SPACE}"


def size_of(capital: float) -> int:
    """The font's size, whole pixels, at which a capital is at least so many pixels high."""
    return max(6, -int(-capital // CAPITAL))


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

    def wrap(self, text: str, size: int, width: int) -> list[str] | None:
        """`text` in as few lines of at most `width` pixels as possible, each about as long as the
        others; None if a word alone is wider, since words are never cut. A no-break space keeps
        two words together."""
        words = [word for word in text.split(" ") if word]
        if any(self.width(word, size) > width for word in words):
            return None
        lines = self._greedy(words, size, width)
        # The narrowest column that needs no more lines makes them even.
        low, high = 0, width
        while high - low > 2:
            middle = (low + high) // 2
            tried = self._greedy(words, size, middle)
            if len(tried) > len(lines) or self.widest(tried, size) > middle:
                low = middle
            else:
                lines, high = tried, middle
        return lines

    def widest(self, lines: Sequence[str], size: int) -> int:
        """Width of the widest line."""
        return max((self.width(line, size) for line in lines), default=0)

    def _greedy(self, words: Sequence[str], size: int, width: int) -> list[str]:
        lines: list[str] = []
        for word in words:
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self.width(longer, size) <= width:
                lines[-1] = longer
            else:
                lines.append(word)
        return lines
