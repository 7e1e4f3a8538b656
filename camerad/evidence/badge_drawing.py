"""Draws a badge (`camerad.behaviour.badge`): its QR code as SVG, to be printed at its own size."""

from __future__ import annotations

import io
from typing import Final

from camerad.behaviour.badge import badge

MODULE_MM: Final = 3
"""Side of a module of the QR code as it is printed. A camera reads one of three pixels: where
320 pixels see 65 degrees, that is 25 cm away; all of the code, 99 mm with its border, is seen from
11 cm on."""
BORDER: Final = 4
"""Modules, as ISO/IEC 18004 asks for."""


def draw_badge(wearer: str) -> bytes:
    """The badge of `wearer` as SVG. Raises ValueError if that is no wearer's id."""
    text = badge(wearer)
    import segno  # noqa: PLC0415 - nothing else needs it

    drawing = io.BytesIO()
    # A code that a camera can read from far rather than one that may be scratched.
    code = segno.make_qr(text, error="m", boost_error=False)
    code.save(
        drawing, kind="svg", scale=MODULE_MM, unit="mm", border=BORDER, light="white", title=wearer
    )
    return drawing.getvalue()
