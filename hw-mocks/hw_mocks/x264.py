"""Pictures in DMA buffers to H.264 packets, as the hardware encoder makes them: key frames where
they are asked for, no B frames, nothing held back.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Any, Final, Self

import av
import numpy as np
from av.video.frame import PictureType

_START: Final = b"\0\0\1"
_PICTURE_UNITS: Final = frozenset({1, 5})  # slices of a picture: ITU-T H.264, table 7-1
_MOST: Final = 1 << 30  # libx264's own value for "never"


@dataclass(frozen=True, slots=True)
class Coding:
    """width, height: pixels. stride: bytes from row to row of luma. bitrate: bits per second.
    period: pictures from one key frame to the next where none is asked for. least_qp: quantiser
    below which quality is not raised. repeat: whether every key frame comes with its parameter
    sets, or only the first.
    """

    width: int
    height: int
    stride: int
    bitrate: int
    period: int
    least_qp: int
    repeat: bool


class X264:
    """One stream. A context manager; used from one thread."""

    def __init__(self, coding: Coding) -> None:
        self._coding = coding
        self._count = 0
        self._images: dict[int, tuple[mmap.mmap, Any]] = {}
        codec: Any = av.CodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = coding.width, coding.height, "yuv420p"
        codec.time_base, codec.framerate = Fraction(1, 30), Fraction(30)
        codec.bit_rate = coding.bitrate
        codec.gop_size = min(coding.period, _MOST)
        codec.thread_count = 1
        codec.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "bf": "0",
            "sc_threshold": "0",
            "qmin": str(coding.least_qp),
            "forced-idr": "1",
        }
        self._codec = codec

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._codec = None
        self._images.clear()

    def encode(self, fd: int, key: bool, place: memoryview) -> tuple[int, bool]:
        """Encode the picture in the DMA buffer `fd` into `place`.

        Returns how many bytes it took and whether it is a key frame. Raises ValueError if it takes
        more than there is room for.
        """
        image = self._image(fd)
        image.pts = self._count
        image.pict_type = PictureType.I if key else PictureType.NONE
        (packet,) = self._codec.encode(image)
        with memoryview(packet) as whole:
            begin = 0 if self._coding.repeat or not self._count else pictures_begin(whole)
            size = len(whole) - begin
            place[:size] = whole[begin:]
        self._count += 1
        return size, packet.is_keyframe

    def _image(self, fd: int) -> Any:
        """The buffer as a frame of libav, without a copy, mapped once for each buffer."""
        inode = os.fstat(fd).st_ino
        if inode not in self._images:
            rows = self._coding.height * 3 // 2
            mapped = mmap.mmap(fd, rows * self._coding.stride, prot=mmap.PROT_READ)
            array = np.frombuffer(mapped, np.uint8).reshape(rows, self._coding.stride)
            frame = av.VideoFrame.from_numpy_buffer(array, "yuv420p", width=self._coding.width)
            self._images[inode] = mapped, frame
        return self._images[inode][1]


def pictures_begin(packet: memoryview) -> int:
    """Where in a packet the first slice of a picture begins, with its start code."""
    data = bytes(packet[:1024])
    at = data.find(_START)
    while at >= 0 and data[at + 3] & 0x1F not in _PICTURE_UNITS:
        at = data.find(_START, at + 3)
    return max(at - 1, 0)
