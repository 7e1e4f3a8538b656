"""Keeps backports out that libraries prefer to the standard library.

Some libraries try a backport first, and the standard library, which has the same by now, only where
the backport is not installed. A camera has it installed for some other program, and the daemon
would load it on every shift: msgspec loads typing_extensions, gpiozero loads importlib_metadata.
Together they take 1 MB of the controller.

gpiozero asks which pin libraries are installed only where a variable names one. The standard
library's answer comes with its modules for mail and archives, a twelfth of what a camera does
before it can remember a press; so they are loaded when it is asked.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Final

BACKPORTS: Final = ("typing_extensions", "importlib_metadata")


@contextlib.contextmanager
def without_backports() -> Iterator[None]:
    """Within this context an import finds no backport, unless it is loaded already. Use it only
    while no other thread imports anything."""
    kept_out = [name for name in BACKPORTS if name not in sys.modules]
    for name in kept_out:
        # What the import system takes for a module that is not there (importlib's reference).
        sys.modules[name] = None  # type: ignore[assignment]
    if "importlib_metadata" in kept_out:
        sys.modules["importlib_metadata"] = _asked_later()
    try:
        yield
    finally:
        for name in kept_out:
            del sys.modules[name]


def _asked_later() -> ModuleType:
    """As much of importlib_metadata as gpiozero takes, for a library that asks it later."""
    module = ModuleType("importlib_metadata")
    vars(module)["entry_points"] = _entry_points
    return module


def _entry_points(**chosen: Any) -> Any:
    from importlib import metadata  # noqa: PLC0415 - see above

    return metadata.entry_points(**chosen)
