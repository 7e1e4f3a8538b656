"""Puts what the sensor sees into a stream's buffers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hw_mocks import barcode
from hw_mocks.footage import Source, picture_bytes
from hw_mocks.sound import flashes

from ._formats import LAYOUTS, Packing

Samples = NDArray[np.uint8]


class Painter:
    """Fills the buffers of one stream.

    Where rows have no padding, an I420 picture is copied into the buffer in one go; otherwise it is
    laid out from a copy of its own, plane by plane. Packed formats show the luma only, as grey.

    pixel_format: its name. stride: bytes from one row to the next. numbered: whether each frame's
    number is drawn into it, which takes a picture 640 pixels wide. clapper: frames from one flash,
    a white picture, to the next; None: no flashes.
    """

    def __init__(
        self,
        pixel_format: str,
        width: int,
        height: int,
        stride: int,
        source: Source,
        *,
        numbered: bool,
        clapper: int | None = None,
    ) -> None:
        self._name = pixel_format
        self._packing = LAYOUTS[pixel_format].packing
        self._width, self._height, self._stride = width, height, stride
        self._source = source
        self._clapper = clapper
        self._numbered = numbered and width >= barcode.WIDTH and height >= barcode.CELL
        self._direct = pixel_format == "YUV420" and stride == width
        self._picture: Samples = np.empty(
            0 if self._direct else picture_bytes(width, height), np.uint8
        )

    def paint(self, buffer: Samples, number: int, *, dark: bool = False) -> None:
        """Put frame `number` into all bytes of a buffer. dark: behind a covered lens."""
        picture = buffer[: picture_bytes(self._width, self._height)]
        if not self._direct:
            picture = self._picture
        self._source.read(number, picture)
        clap = self._clapper is not None and flashes(number, self._clapper)
        if clap or dark:
            samples = self._width * self._height
            picture[:samples] = barcode.BLACK if dark else barcode.WHITE
            picture[samples:] = 128
        if self._numbered:
            luma = picture[: self._width * self._height].reshape(self._height, self._width)
            barcode.draw(luma, number % 2**32)
        if not self._direct:
            self._lay_out(buffer)

    @property
    def read_back(self) -> int:
        """How many pictures of the source had to be read from a disk while this waited."""
        return self._source.read_back

    def close(self) -> None:
        """Let go of the source."""
        self._source.close()

    def _lay_out(self, buffer: Samples) -> None:
        width, height, stride = self._width, self._height, self._stride
        samples = width * height
        luma = self._picture[:samples].reshape(height, width)
        rows = buffer[: stride * height].reshape(height, stride)
        if self._packing is Packing.PACKED:
            depth = LAYOUTS[self._name].row_bits // 8
            rows[:, : width * depth].reshape(height, width, depth)[:] = luma[:, :, np.newaxis]
            return
        rows[:, :width] = luma
        u = self._picture[samples : samples * 5 // 4].reshape(height // 2, width // 2)
        v = self._picture[samples * 5 // 4 :].reshape(height // 2, width // 2)
        if self._name in ("YVU420", "NV21"):
            u, v = v, u
        chroma = buffer[stride * height : stride * height * 3 // 2]
        if self._packing is Packing.PLANAR:
            planes = chroma.reshape(2, height // 2, stride // 2)
            planes[0, :, : width // 2] = u
            planes[1, :, : width // 2] = v
        else:
            pairs = chroma.reshape(height // 2, stride)
            pairs[:, 0:width:2] = u
            pairs[:, 1:width:2] = v
