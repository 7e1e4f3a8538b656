"""The two ends of the shared memory for the newest low-resolution frame: writer and reader.

For the capture process and the self-view process only: the controller, which has `camerad.stream.
frame`, does without numpy and the memory that it takes.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from camerad.stream.frame import (
    GEOMETRY,
    HEADER_BYTES,
    MAGIC,
    NUMBER_AT,
    SLOTS,
    TIMES_AT,
    Geometry,
    geometry_of,
)

Frame = NDArray[np.uint8]


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
        self._numbers = np.frombuffer(self._map, np.uint64, 1, NUMBER_AT)
        self._times = np.frombuffer(self._map, np.int64, SLOTS, TIMES_AT)
        self._slots = np.frombuffer(
            self._map, np.uint8, SLOTS * geometry.slot_bytes, HEADER_BYTES
        ).reshape(SLOTS, *geometry.shape)
        self._number = int(self._numbers[0])
        if self._number:
            self.blacken()
        GEOMETRY.pack_into(self._map, 0, MAGIC, geometry.width, geometry.height, geometry.stride)

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
        self._head = b""
        self.geometry: Geometry | None = None

    def _open(self) -> bool:
        # Asked some ten times for each picture, and it hardly ever is another geometry.
        if self._map is not None and self._map[: GEOMETRY.size] == self._head:
            return True
        head = os.pread(self._fd, HEADER_BYTES, 0)
        geometry = geometry_of(head)
        if geometry is None or geometry == self.geometry:
            return geometry is not None
        self._map = mmap.mmap(self._fd, geometry.total_bytes, prot=mmap.PROT_READ)
        self._numbers = np.frombuffer(self._map, np.uint64, 1, NUMBER_AT)
        self._times = np.frombuffer(self._map, np.int64, SLOTS, TIMES_AT)
        self._slots = np.frombuffer(
            self._map, np.uint8, SLOTS * geometry.slot_bytes, HEADER_BYTES
        ).reshape(SLOTS, *geometry.shape)
        self._head = head[: GEOMETRY.size]
        self.geometry = geometry
        return True

    @property
    def number(self) -> int:
        """How many frames were published; 0 before the first."""
        return int(self._numbers[0]) if self._open() else 0

    @property
    def newest_us(self) -> int:
        """Media time of the newest frame, microseconds; 0 before the first."""
        return int(self._times[int(self._numbers[0]) % SLOTS]) if self._open() else 0

    def newest(self) -> tuple[int, int, Frame] | None:
        """(number, pts_us, copy of the picture) of the newest frame; None before the first.

        The picture is a uint8 array of `geometry.shape`, I420.
        """
        copies: list[Frame] = []
        found = self.use(lambda frame: copies.append(frame.copy()))
        return None if found is None else (*found, copies[-1])

    def use(self, work: Callable[[Frame], None]) -> tuple[int, int] | None:
        """Have `work` done with the newest frame where it lies, without a copy; (number, pts_us).

        None, and no work, before the first frame. If the writer comes back to the frame meanwhile,
        the work is done once more with a newer one: what the last call made is whole.
        """
        if not self._open():
            return None
        while True:
            number = int(self._numbers[0])
            if number == 0:
                return None
            slot = number % SLOTS
            pts_us = int(self._times[slot])
            work(self._slots[slot])
            # The writer comes back to this slot only after two more frames.
            if int(self._numbers[0]) < number + SLOTS - 1:
                return number, pts_us
