"""Imports picamera2 without what needs a screen or makes still pictures.

Still pictures: with anything of picamera2 come Pillow, piexif, pidng and simplejpeg: 3 MB of the
capture process, and time at its start. While picamera2 is imported, modules in which every name is
an empty class stand in their place; afterwards the real ones can be imported. camerad asks
picamera2 for no still picture; code that does so where they were left out gets a RuntimeError.

Screen: with anything of picamera2 comes its preview through DRM, which imports the bindings of
libkms++: `kms`, or else `pykms` (python3-kms++ of Raspberry Pi OS; its Lite version and Debian have
neither). Where both are missing, a module with the names that are read at the import takes their
place.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from typing import Final, NoReturn

NAMES: Final = (
    "PIL",
    "PIL.Image",
    "piexif",
    "pidng",
    "pidng.camdefs",
    "pidng.core",
    "simplejpeg",
)


class _Everything(type):
    """Every name of it is the class itself: what is imported is named in annotations."""

    def __getattr__(cls, name: str) -> _Everything:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __call__(cls, *_arguments: object, **_named: object) -> NoReturn:
        raise RuntimeError(f"still pictures are left out here ({__name__})")


class NoStill(metaclass=_Everything):
    """In the place of whatever is left out."""


class _Absent(types.ModuleType):
    def __getattr__(self, name: str) -> type[NoStill]:
        if name.startswith("__"):
            raise AttributeError(name)
        return NoStill


@contextlib.contextmanager
def left_out() -> Iterator[None]:
    """Within this context an import finds none of `NAMES` that is not loaded already. To be used
    while no other thread imports anything."""
    standing = {name: _Absent(name) for name in NAMES if name not in sys.modules}
    sys.modules.update(standing)
    try:
        yield
    finally:
        for name in standing:
            del sys.modules[name]


_SCREENS: Final = ("kms", "pykms")
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
    if any(importlib.util.find_spec(name) is not None for name in _SCREENS):
        return
    module = types.ModuleType(_SCREENS[-1], __doc__)
    vars(module)["PixelFormat"] = PixelFormat
    sys.modules[_SCREENS[-1]] = module
