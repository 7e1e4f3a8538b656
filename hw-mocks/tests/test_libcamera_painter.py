"""Layout of pictures in buffers, on both platforms and in every format."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hw_mocks import barcode
from hw_mocks.footage import picture_bytes
from hw_mocks.sensor import Platform
from libcamera._formats import LAYOUTS, OUTPUT_FORMATS, Packing
from libcamera._painter import Painter

pytestmark = pytest.mark.campaign

WIDTH, HEIGHT = 648, 32  # 648 is no multiple of any alignment


class Gradient:
    """Every sample tells where it is from: luma 16 and up, u below 100, v from 100 on."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.closed = False
        y = np.arange(width * height) % 200 + 16
        u = np.arange(width * height // 4) % 100
        v = np.arange(width * height // 4) % 100 + 100
        self.picture = np.concatenate([y, u, v]).astype(np.uint8)

    def read(self, number: int, into: NDArray[np.uint8]) -> None:
        assert into.size == picture_bytes(self.width, self.height)
        assert into.flags.c_contiguous
        into[:] = self.picture
        into[-1] = number % 256

    def close(self) -> None:
        self.closed = True


def test_behind_a_covered_lens_all_is_black_but_the_number() -> None:
    buffer = np.zeros(picture_bytes(WIDTH, HEIGHT), np.uint8)
    painter = Painter("YUV420", WIDTH, HEIGHT, WIDTH, Gradient(WIDTH, HEIGHT), numbered=True)
    painter.paint(buffer, 7, dark=True)
    luma = buffer[: WIDTH * HEIGHT].reshape(HEIGHT, WIDTH)
    assert set(luma[barcode.CELL :].flat) == {barcode.BLACK}
    assert barcode.read(luma) == 7
    painter.paint(buffer, 8)
    assert luma[barcode.CELL :].max() > 200


@pytest.mark.parametrize("platform", list(Platform))
@pytest.mark.parametrize("name", ["YUV420", "NV12", "XBGR8888", "BGR888"])
@pytest.mark.parametrize("width", [320, 648, 1280, 1920])
def test_rows_are_aligned_as_the_hardware_aligns_them(
    platform: Platform, name: str, width: int
) -> None:
    """picamera2 says so in Picamera2.align_stream: 32 bytes on vc4, 64 on pisp, chroma too."""
    layout = LAYOUTS[name]
    stride = layout.stride(width, platform)
    align = {Platform.VC4: 32, Platform.PISP: 64}[platform] * (2 if name == "YUV420" else 1)
    assert stride % align == 0
    assert 0 <= stride - width * layout.row_bits // 8 < align


def test_the_strides_of_a_low_resolution_stream_differ() -> None:
    layout = LAYOUTS["YUV420"]
    assert layout.stride(320, Platform.VC4) == 320
    assert layout.stride(320, Platform.PISP) == 384
    assert layout.frame_size(384, 240) == 384 * 360


def samples(buffer: NDArray[np.uint8], name: str, stride: int) -> list[NDArray[np.uint8]]:
    """[y, u, v] of a painted buffer, without padding, by the format's definition."""
    luma = buffer[: stride * HEIGHT].reshape(HEIGHT, stride)
    chroma = buffer[stride * HEIGHT :]
    if name in ("YUV420", "YVU420"):
        planes = chroma.reshape(2, HEIGHT // 2, stride // 2)[:, :, : WIDTH // 2]
        first, second = planes[0], planes[1]
    else:
        pairs = chroma.reshape(HEIGHT // 2, stride)[:, :WIDTH]
        first, second = pairs[:, 0::2], pairs[:, 1::2]
    if name in ("YVU420", "NV21"):
        first, second = second, first
    return [luma[:, :WIDTH], first, second]


@pytest.mark.parametrize("platform", list(Platform))
@pytest.mark.parametrize("name", OUTPUT_FORMATS)
def test_every_sample_is_where_the_format_has_it(platform: Platform, name: str) -> None:
    layout = LAYOUTS[name]
    stride = layout.stride(WIDTH, platform)
    source = Gradient(WIDTH, HEIGHT)
    painter = Painter(name, WIDTH, HEIGHT, stride, source, numbered=False)
    buffer = np.full(layout.frame_size(stride, HEIGHT), 7, np.uint8)
    painter.paint(buffer, 77)
    painter.close()
    assert source.closed
    y, u, v = np.split(source.picture, [WIDTH * HEIGHT, WIDTH * HEIGHT * 5 // 4])
    v[-1] = 77
    if layout.packing is Packing.PACKED:
        depth = layout.row_bits // 8
        rows = buffer.reshape(HEIGHT, stride)
        grey = rows[:, : WIDTH * depth].reshape(HEIGHT, WIDTH, depth)
        assert all(np.array_equal(grey[:, :, n].reshape(-1), y) for n in range(depth))
        assert np.all(rows[:, WIDTH * depth :] == 7)
        return
    found = samples(buffer, name, stride)
    for plane, expected in zip(found, (y, u, v), strict=True):
        assert np.array_equal(plane.reshape(-1), expected)
    # Padding is not touched.
    assert np.count_nonzero(buffer == 7) >= buffer.size - picture_bytes(WIDTH, HEIGHT)


@pytest.mark.parametrize("name", ["YUV420", "NV12", "RGB888"])
@pytest.mark.parametrize("width", [640, 648])
def test_the_number_is_in_the_luma_of_every_format(name: str, width: int) -> None:
    layout = LAYOUTS[name]
    stride = layout.stride(width, Platform.PISP)
    painter = Painter(name, width, HEIGHT, stride, Gradient(width, HEIGHT), numbered=True)
    buffer = np.zeros(layout.frame_size(stride, HEIGHT), np.uint8)
    painter.paint(buffer, 2**32 + 5)  # after 4.5 years at 30 frames a second it starts over
    step = layout.row_bits // 8
    luma = buffer[: stride * HEIGHT].reshape(HEIGHT, stride)[:, : width * step : step]
    assert barcode.read(luma) == 5
