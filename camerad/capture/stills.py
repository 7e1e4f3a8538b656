"""Keeps picamera2 from importing its modules for still pictures.

With anything of picamera2 come Pillow, piexif, pidng and simplejpeg: 3 MB of the capture process,
and time at its start. While picamera2 is imported, modules in which every name is an empty class
stand in their place; afterwards the real ones can be imported by who needs them. Nothing of
camerad's asks picamera2 for a still picture; who does in a process that left them out gets a
RuntimeError.
"""

from __future__ import annotations

import contextlib
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
