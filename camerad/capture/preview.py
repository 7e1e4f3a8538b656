"""Stands in for the screen that picamera2 expects.

With anything of picamera2 comes its preview through DRM, which takes the bindings of libkms++ as it
is imported: `kms`, or else `pykms` (python3-kms++ of Raspberry Pi OS; its Lite version and Debian
have none). A camera shows nothing that way, so where both are missing a module with the names
that are read at the import takes their place.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from typing import Final

NAMES: Final = ("kms", "pykms")
"""The bindings, in picamera2's order."""


class _AnyName(type):
    """Every name of it is its own value."""

    def __getattr__(cls, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return name


class PixelFormat(metaclass=_AnyName):
    """Formats of pixels by their names, which is all that is asked for."""


def stand_in() -> None:
    """Call this before picamera2 is imported. Where the bindings are there, it does nothing."""
    if any(importlib.util.find_spec(name) is not None for name in NAMES):
        return
    module = types.ModuleType(NAMES[-1], __doc__)
    vars(module)["PixelFormat"] = PixelFormat
    sys.modules[NAMES[-1]] = module
