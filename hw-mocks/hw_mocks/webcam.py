"""What a visitor's own camera sees, in place of the film: memory that two processes share.

One process writes pictures (`WebcamMemory`; see `hw_mocks.webcam_decoder`), and the simulated
sensor, in another one, reads the newest of them at its own instants (`WebcamSource`). Neither
waits for the other. The memory is anonymous (memfd_create(2)): it lies on no disk, and it is gone
with the processes that hold it. A reader opens it as ``/proc/PID/fd/N``, the value of
HW_MOCKS_WEBCAM.

The memory begins with a page for the head, and then has three slots. A slot holds one picture at
the sizes of the camera's two streams, tightly packed I420. Picture n lies in slot n % 3; its
number is written into the head once it is whole. A reader that was overtaken while it copied, which
the head tells, copies again. The head is eight unsigned integers of 64 bits: number of the newest
picture (0: none), its instant in nanoseconds of CLOCK_BOOTTIME, both combined by exclusive or, and
the widths and heights of both streams; the last is a constant.

A picture is shown for `FRESH_SECONDS`. When none came for so long, whatever the reason, the film is
back.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw_mocks.footage import Picture, Source, picture_bytes
from hw_mocks.pacing import boottime_ns

WEBCAM_VARIABLE: Final = "HW_MOCKS_WEBCAM"
FRESH_SECONDS: Final = 1.0
_FRESH_NS: Final = round(FRESH_SECONDS * 1e9)
_HEAD: Final = struct.Struct("<8Q")
_PAGE: Final = 4096
_SLOTS: Final = 3
_MAGIC: Final = 0x6361_6D65_7261_0001
_TRIES: Final = 3

Size = tuple[int, int]


class WebcamMemory:
    """The writer's end. main, lores: width and height of the camera's streams, in pixels.

    fd: memory that another process has made of the same sizes; None makes it. Raises OSError if
    the kernel has none to give.
    """

    def __init__(self, main: Size, lores: Size, fd: int | None = None) -> None:
        self.sizes: Final = (main, lores)
        self._bytes = sum(picture_bytes(*size) for size in self.sizes)
        self.fd = os.memfd_create("webcam", os.MFD_CLOEXEC) if fd is None else fd
        os.ftruncate(self.fd, _PAGE + _SLOTS * self._bytes)
        self._number = self._head()[0]
        if fd is None:
            self.clear()

    @property
    def path(self) -> Path:
        """Where processes of the same user open it, while this process holds it."""
        return Path(f"/proc/{os.getpid()}/fd/{self.fd}")

    def put(self, main: NDArray[np.uint8], lores: NDArray[np.uint8]) -> None:
        """Show these pictures, I420 of both sizes, from now on. Raises ValueError for others."""
        expected = [picture_bytes(*size) for size in self.sizes]
        if [main.nbytes, lores.nbytes] != expected:
            raise ValueError(f"pictures of {main.nbytes} and {lores.nbytes} bytes, not {expected}")
        number = self._number + 1
        place = _PAGE + number % _SLOTS * self._bytes
        os.pwrite(self.fd, np.ascontiguousarray(main).data, place)
        os.pwrite(self.fd, np.ascontiguousarray(lores).data, place + expected[0])
        self._number = number
        self._write_head(number, boottime_ns())

    def clear(self) -> None:
        """Show the film at once, and forget every picture."""
        self._write_head(0, 0)
        size = _PAGE + _SLOTS * self._bytes
        # What is cut off is given back to the kernel, and reads as zeros afterwards.
        os.ftruncate(self.fd, _PAGE)
        os.ftruncate(self.fd, size)

    def _head(self) -> tuple[int, ...]:
        head = os.pread(self.fd, _HEAD.size, 0)
        return _HEAD.unpack(head)

    def _write_head(self, number: int, at_ns: int) -> None:
        (width, height), (small_width, small_height) = self.sizes
        fields = (number, at_ns, number ^ at_ns, width, height, small_width, small_height, _MAGIC)
        os.pwrite(self.fd, _HEAD.pack(*fields), 0)

    def close(self) -> None:
        """Let go of the memory."""
        os.close(self.fd)


class WebcamSource:
    """The reader's end: a `Source` of the pictures of one stream, and of the film without them.

    path: of the memory. A stream of a size that the memory does not have shows the film. Raises
    OSError if there is no such memory.
    """

    def __init__(self, path: Path, width: int, height: int, film: Source) -> None:
        self._film = film
        self._bytes = picture_bytes(width, height)
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        *_, main_width, main_height, small_width, small_height, magic = self._head()
        if magic != _MAGIC:
            os.close(self._fd)
            raise OSError(f"{path}: no memory of a webcam")
        main, lores = (main_width, main_height), (small_width, small_height)
        self._slot_bytes = picture_bytes(*main) + picture_bytes(*lores)
        self._place = {lores: picture_bytes(*main), main: 0}.get((width, height))

    @property
    def read_back(self) -> int:
        """As in `Source`; of the film, for memory is never waited for."""
        return self._film.read_back

    def read(self, number: int, into: Picture) -> None:
        """As `Source.read`: the newest picture if there is a fresh one, else the film's."""
        if not self._read_newest(into):
            self._film.read(number, into)

    def _read_newest(self, into: Picture) -> bool:
        if self._place is None:
            return False
        for _ in range(_TRIES):
            number, at_ns, both, *_ = self._head()
            if not number or boottime_ns() - at_ns > _FRESH_NS:
                return False
            if number ^ at_ns != both:
                continue
            place = _PAGE + number % _SLOTS * self._slot_bytes + self._place
            if os.preadv(self._fd, [into.data], place) != self._bytes:
                return False
            newest = self._head()[0]
            # The writer may have begun with the one after the newest.
            if number <= newest < number + _SLOTS - 1:
                return True
        return False

    def _head(self) -> tuple[int, ...]:
        return _HEAD.unpack(os.pread(self._fd, _HEAD.size, 0))

    def close(self) -> None:
        """Let go of the memory, and of the film."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._film.close()
