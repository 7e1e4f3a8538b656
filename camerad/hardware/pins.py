"""Prepares the pin library for gpiozero, and words the error where there is none.

lgpio, as soon as it is imported, makes a FIFO (`.lgd-nfy` and a number) in the directory that the
variable LG_WD names, or else in the working directory, and cannot be imported where it may not. A
service works in `/`, which it cannot write.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from typing import Final

PLACE_VARIABLE: Final = "LG_WD"
RUNTIME_VARIABLE: Final = "RUNTIME_DIRECTORY"
"""Set by systemd (systemd.exec(5)); directories, separated by colons."""
_ROOTS_PLACE: Final = "/run"


def set_fifo_directory() -> None:
    """Name a directory that may be written for lgpio's FIFO, unless one is named already.

    The service's own; for root, as in a diagnosis, `/run`, where no other user can have put files;
    else one for temporary files.
    """
    own = os.environ.get(RUNTIME_VARIABLE, "").partition(":")[0]
    roots = _ROOTS_PLACE if os.access(_ROOTS_PLACE, os.W_OK) else ""
    os.environ.setdefault(PLACE_VARIABLE, own or roots or tempfile.gettempdir())


def explain_missing_library() -> str:
    """The sentence for a machine on which gpiozero finds no pin library, with its cure."""
    try:
        importlib.import_module("lgpio")
    except ImportError:
        return (
            "no GPIO library works here: install python3-lgpio with apt, and make the virtual "
            "environment with --system-site-packages"
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the reason
        return (
            f"lgpio, the GPIO library, cannot be loaded: {error}; it needs a directory that may be "
            f"written, which the variable {PLACE_VARIABLE} names"
        )
    return (
        "lgpio, the GPIO library, finds no GPIO chip: check that this machine has one (gpiodetect "
        "lists them) and that the daemon's user is in the group gpio"
    )
