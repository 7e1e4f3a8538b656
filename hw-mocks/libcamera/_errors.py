"""How the bindings tell of errors."""

from __future__ import annotations

import os
from typing import NoReturn


def failed(what: str, code: int) -> NoReturn:
    """Raise what the bindings raise where libcamera returned -`code`, an errno."""
    raise RuntimeError(f"Failed to {what}: {os.strerror(code)}")
