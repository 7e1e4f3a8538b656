"""Keeps out what libraries load in place of the standard library.

Some libraries try a backport first, and the standard library, which has the same by now, only where
the backport is not installed. A camera has it installed for some other program, and the daemon
would load it on every shift: msgspec loads typing_extensions, gpiozero loads importlib_metadata.
Together they take 1 MB of the controller.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Final

BACKPORTS: Final = ("typing_extensions", "importlib_metadata")


@contextlib.contextmanager
def without_backports() -> Iterator[None]:
    """What is imported in here finds no backport, unless it is loaded already; afterwards they can
    be imported by who needs them. To be used while no other thread imports anything."""
    kept_out = [name for name in BACKPORTS if name not in sys.modules]
    for name in kept_out:
        # What the import system takes for a module that is not there (importlib's reference).
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in kept_out:
            del sys.modules[name]
