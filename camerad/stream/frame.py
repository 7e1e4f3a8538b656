"""The newest low-resolution frame, shared through an anonymous memfd.

The controller makes the memfd and hands it to the capture process (writer) and to the self-view
process (reader); it never maps it itself, and needs no array library for its part, which is this
file. The two ends are in `camerad.stream.newest`. There is no queue and no lock: the writer fills
one of three slots and then publishes it by storing its number, so a reader always finds a whole
newest frame and a writer never waits for a display. A reader that was overtaken while it copied
notices that by the number, and copies again.

Layout, little-endian: 64 bytes of header (magic, width, height, stride, published number as uint64
at offset 16), then per slot the frame's media time (int64, microseconds of CLOCK_BOOTTIME), then
the slots, each an I420 picture of `height * 3 // 2` rows of `stride` bytes.
"""

from __future__ import annotations

import os
import struct
from typing import Final

import msgspec

MAGIC: Final = 0x31_56_46_43  # "CFV1"
SLOTS: Final = 3
HEADER_BYTES: Final = 64
GEOMETRY: Final = struct.Struct("<IIII")
"""magic, width, height, stride; the header begins with it."""
NUMBER_AT: Final = GEOMETRY.size
TIMES_AT: Final = NUMBER_AT + 8


class Geometry(msgspec.Struct, frozen=True):
    """width, height: pixels; stride: bytes from one row of luma to the next."""

    width: int
    height: int
    stride: int

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the uint8 array of one I420 picture."""
        return (self.height * 3 // 2, self.stride)

    @property
    def slot_bytes(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def total_bytes(self) -> int:
        return HEADER_BYTES + SLOTS * self.slot_bytes


def create(limit_bytes: int) -> int:
    """A new memfd of `limit_bytes`, closed on exec unless it is passed on; the caller closes it.

    Pages that are never written take no memory, so the limit may be generous.
    """
    fd = os.memfd_create("camerad-newest-frame", os.MFD_CLOEXEC)
    os.ftruncate(fd, limit_bytes)
    return fd


def erase(fd: int) -> None:
    """Make every picture in the memfd black, for when no capture process does it, or none is sure
    to.

    The geometry and the number of frames stay. Does nothing if no writer ever opened it.
    """
    geometry = geometry_of(os.pread(fd, HEADER_BYTES, 0))
    if geometry is not None:
        luma = geometry.height * geometry.stride
        black = bytes([16]) * luma + bytes([128]) * (geometry.slot_bytes - luma)
        os.pwrite(fd, bytes(HEADER_BYTES - TIMES_AT) + black * SLOTS, TIMES_AT)


def geometry_of(head: bytes) -> Geometry | None:
    """The header's content, or None if there is no whole one (yet)."""
    if len(head) < HEADER_BYTES:
        return None
    magic, width, height, stride = GEOMETRY.unpack_from(head)
    return Geometry(width, height, stride) if magic == MAGIC else None
