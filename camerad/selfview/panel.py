"""A panel: its description by the kernel, and rectangles on it."""

from __future__ import annotations

from typing import Final

import msgspec

FORMATS: Final = {16: "RGB565", 32: "XRGB8888"}
"""Bits per pixel of a framebuffer, and what they mean on a Raspberry Pi; little-endian both."""


class Rect(msgspec.Struct, frozen=True):
    """A rectangle of pixels."""

    left: int
    top: int
    width: int
    height: int


class Panel(msgspec.Struct, frozen=True):
    """A framebuffer. width, height: pixels. stride: bytes from one row to the next. bits: per
    pixel, one of `FORMATS`."""

    width: int
    height: int
    stride: int
    bits: int

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the uint8 array of one whole picture: (height, stride)."""
        return (self.height, self.stride)

    @property
    def whole(self) -> Rect:
        """All of it."""
        return Rect(0, 0, self.width, self.height)
