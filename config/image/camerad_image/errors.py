"""What goes wrong when an image is built."""

from __future__ import annotations


class ImageError(Exception):
    """Raised when an image cannot be built; says what is wrong, where, and what to do."""
