"""The newest low-resolution frame, shared through an anonymous memfd.

The controller makes the memfd and hands it to the capture process (writer) and to the self-view
process (reader); it never maps it itself. There is no queue and no lock: the writer fills one of
three slots and then publishes it by storing its number, so a reader always finds a whole newest
frame and a writer never waits for a display. A reader that was overtaken while it copied notices
that by the number, and copies again.

Layout, little-endian: 64 bytes of header (magic, width, height, stride, published number as uint64
at offset 16), then per slot the frame's media time (int64, microseconds of CLOCK_BOOTTIME), then
the slots, each an I420 picture of `height * 3 // 2` rows of `stride` bytes.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MAGIC: Final = 0x31_56_46_43  # "CFV1"
SLOTS: Final = 3
HEADER_BYTES: Final = 64
_GEOMETRY: Final = struct.Struct("<IIII")
_NUMBER_AT: Final = _GEOMETRY.size
_TIMES_AT: Final = _NUMBER_AT + 8

Frame = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Geometry:
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
    """Make every picture in the memfd black, for when no capture process is there to do it.

    The geometry and the number of frames stay. Does nothing if no writer ever opened it.
    """
    geometry = _geometry(os.pread(fd, HEADER_BYTES, 0))
    if geometry is not None:
        luma = geometry.height * geometry.stride
        black = bytes([16]) * luma + bytes([128]) * (geometry.slot_bytes - luma)
        os.pwrite(fd, bytes(HEADER_BYTES - _TIMES_AT) + black * SLOTS, _TIMES_AT)


def _geometry(head: bytes) -> Geometry | None:
    """What the header says, or None if there is no whole one (yet)."""
    if len(head) < HEADER_BYTES:
        return None
    magic, width, height, stride = _GEOMETRY.unpack_from(head)
    return Geometry(width, height, stride) if magic == MAGIC else None


class FrameWriter:
    """The capture process's end. Raises ValueError if the memfd is too small for the geometry.

    Pictures that a writer before it left there are overwritten: that one may have been killed, and
    theirs may be of another geometry.
    """

    def __init__(self, fd: int, geometry: Geometry) -> None:
        size = os.fstat(fd).st_size
        if size < geometry.total_bytes:
            raise ValueError(f"{geometry.total_bytes} bytes do not fit into the {size} shared")
        self.geometry = geometry
        self._map = mmap.mmap(fd, geometry.total_bytes)
        self._numbers = np.frombuffer(self._map, np.uint64, 1, _NUMBER_AT)
        self._times = np.frombuffer(self._map, np.int64, SLOTS, _TIMES_AT)
        self._slots = np.frombuffer(
            self._map, np.uint8, SLOTS * geometry.slot_bytes, HEADER_BYTES
        ).reshape(SLOTS, *geometry.shape)
        self._number = int(self._numbers[0])
        if self._number:
            self.blacken()
        _GEOMETRY.pack_into(self._map, 0, MAGIC, geometry.width, geometry.height, geometry.stride)

    def put(self, frame: Frame, pts_us: int) -> None:
        """Publish a copy of `frame`, a uint8 array of `geometry.shape`."""
        slot = (self._number + 1) % SLOTS
        np.copyto(self._slots[slot], frame)
        self._times[slot] = pts_us
        self._number += 1
        self._numbers[0] = self._number

    def blacken(self) -> None:
        """Overwrite every slot, so that no picture stays behind; the number goes on."""
        self._slots[:, : self.geometry.height] = 16
        self._slots[:, self.geometry.height :] = 128
        self._times[:] = 0


class FrameReader:
    """The self-view process's end."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._map: mmap.mmap | None = None
        self.geometry: Geometry | None = None

    def _open(self) -> bool:
        geometry = _geometry(os.pread(self._fd, HEADER_BYTES, 0))
        if geometry is None or geometry == self.geometry:
            return geometry is not None
        self._map = mmap.mmap(self._fd, geometry.total_bytes, prot=mmap.PROT_READ)
        self._numbers = np.frombuffer(self._map, np.uint64, 1, _NUMBER_AT)
        self._times = np.frombuffer(self._map, np.int64, SLOTS, _TIMES_AT)
        self._slots = np.frombuffer(
            self._map, np.uint8, SLOTS * geometry.slot_bytes, HEADER_BYTES
        ).reshape(SLOTS, *geometry.shape)
        self.geometry = geometry
        return True

    @property
    def number(self) -> int:
        """How many frames were published; 0 before the first."""
        return int(self._numbers[0]) if self._open() else 0

    def newest(self) -> tuple[int, int, Frame] | None:
        """(number, pts_us, copy of the picture) of the newest frame; None before the first.

        The picture is a uint8 array of `geometry.shape`, I420.
        """
        if not self._open():
            return None
        while True:
            number = int(self._numbers[0])
            if number == 0:
                return None
            slot = number % SLOTS
            pts_us = int(self._times[slot])
            frame = self._slots[slot].copy()
            # The writer comes back to this slot only after two more frames.
            if int(self._numbers[0]) < number + SLOTS - 1:
                return number, pts_us, frame
