"""Detects a covered lens from the brightness of the picture. Pure: time is an argument.

Darkness that comes within a second means a covered lens: by day or under lamps a hand or a jacket
takes the picture from bright to black within a second, and dusk takes minutes. Where it was dark
before, nothing is reported; a lamp that goes out in a cellar looks like a hand.
"""

from __future__ import annotations

from typing import Final

import msgspec

from camerad.base.clock import SECOND

BLACK: Final = 24
"""Nine tenths of the picture not brighter than this: video's black is 16 (ITU-R BT.601), a covered
lens adds its noise, and a street at night has more by the sensor's own gain."""
FREE: Final = 32
"""As bright as this, the lens is free again."""
BRIGHT: Final = 48
"""As bright as this, the camera sees its surroundings."""
DROP_US: Final = 3 * SECOND // 2
"""The longest time from the last bright reading to the first black one: one second, and a
reading."""
STAYS_US: Final = 2 * SECOND
"""For so long it must stay black: a hand that passes is no news."""


class Lens(msgspec.Struct, frozen=True):
    """When the picture was last bright, and since when it is black; None: it was not, or is not."""

    bright_us: int | None = None
    black_us: int | None = None


def look(lens: Lens, luma: int | None, now_us: int) -> tuple[Lens, bool | None]:
    """The state after a reading, and whether the lens is covered; None: that is not certain.

    luma: nine tenths of the picture are not brighter, 0 to 255; None: there is no picture.
    """
    if luma is None:
        return Lens(), None
    if luma > BLACK:
        bright_us = now_us if luma >= BRIGHT else lens.bright_us
        return Lens(bright_us), False if luma >= FREE else None
    black_us = now_us if lens.black_us is None else lens.black_us
    sudden = lens.bright_us is not None and black_us - lens.bright_us <= DROP_US
    covered = sudden and now_us - black_us >= STAYS_US
    return Lens(lens.bright_us, black_us), covered or None
