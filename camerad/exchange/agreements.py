"""Numbers that the camera in its dock and the office's server share."""

from __future__ import annotations

from typing import Final

CHECK_IN_SECONDS: Final = 900.0
"""From one check-in to the next, as long as the camera stays in its dock."""
LARGEST_BUNDLE: Final = 2 << 30
"""Bytes of an update's bundle. A system of today has some 300 MB."""
