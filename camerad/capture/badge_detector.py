"""Finds a wearer's badge in a picture: a QR code (ISO/IEC 18004), read by OpenCV.

Nothing of a picture leaves here but the id of a wearer; the content of other codes is private.
"""

from __future__ import annotations

from typing import Final

import cv2

from camerad.base.clock import SECOND, Clock
from camerad.behaviour.badge import wearer_on
from camerad.stream.newest import Frame, FrameReader

STALE_US: Final = SECOND
"""An older frame is not looked at: it shows what was, and not who is there."""
LARGER: Final = 2
"""Pictures are looked at twice as large: OpenCV then reads every code of three pixels a module,
turned in any way, where it reads four of five without. That costs 1.7 times the time."""


class BadgeDetector:
    """Looks at the newest frame of `reader`, and keeps none."""

    def __init__(self, reader: FrameReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._detector = cv2.QRCodeDetector()
        self._number = 0

    def wearer(self) -> str | None:
        """The wearer whose badge is in the newest frame; None if there is no badge in it, or if it
        is not new."""
        if self._reader.number == self._number:
            return None
        found = self._reader.newest()
        if found is None:
            return None
        self._number, pts_us, frame = found
        try:
            if self._clock.now_us() - pts_us > STALE_US or self._reader.geometry is None:
                return None
            geometry = self._reader.geometry
            return self.read(frame[: geometry.height, : geometry.width])
        finally:
            frame[:] = 0

    def read(self, luma: Frame) -> str | None:
        """The wearer whose badge is in a picture, uint8 (height, width); None if there is none."""
        larger = cv2.resize(luma, None, fx=LARGER, fy=LARGER, interpolation=cv2.INTER_CUBIC)
        try:
            text, _, _ = self._detector.detectAndDecode(larger)
        except cv2.error:
            return None  # what looked like a code was none: a matter of the picture
        finally:
            larger[:] = 0
        return wearer_on(text)
