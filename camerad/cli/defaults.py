"""Default paths of an installed camera."""

from __future__ import annotations

import os
from typing import Final

DEFAULT_STATE: Final = "/var/lib/camerad"
"""The state directory of an installed camera."""


def default_state() -> str:
    """``$CAMERAD_STATE``, or that of an installed camera."""
    return os.environ.get("CAMERAD_STATE", DEFAULT_STATE)
