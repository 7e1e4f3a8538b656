"""Stands in for the bindings of libkms++, so that picamera2 can be imported without a display.

``picamera2.previews.drm_preview`` reads these names when it is imported and uses them only when
something is shown through DRM, which the simulated camera has not.
"""

from __future__ import annotations

from typing import Final


class PixelFormat:
    """The pixel formats that picamera2 can show."""

    RGB888: Final = "RGB888"
    BGR888: Final = "BGR888"
    XRGB8888: Final = "XRGB8888"
    XBGR8888: Final = "XBGR8888"
    ABGR8888: Final = "ABGR8888"
    YUV420: Final = "YUV420"
    YVU420: Final = "YVU420"
    NV12: Final = "NV12"


class Card:
    """A graphics card. There is none: raises FileNotFoundError."""

    def __init__(self, path: str = "/dev/dri/card0") -> None:
        raise FileNotFoundError(f"{path}: the simulated camera has no DRM display")
