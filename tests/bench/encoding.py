"""The encoder as camerad sets it, for the two that are measured beside it."""

from __future__ import annotations

from typing import Any

from tests.bench.plan import MAX_BITRATE


def bound(codec: Any) -> None:
    """Give a codec context of libx264 camerad's bound on the rate; the rest is picamera2's."""
    codec.options["maxrate"] = str(MAX_BITRATE)
    codec.options["bufsize"] = str(MAX_BITRATE // 2)
    codec.options["bf"] = "0"
