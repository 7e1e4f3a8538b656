"""The board's files, as a display's driver finds them."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from hw_mocks.panel import Panel


def show(panel: Panel, pixels: bytes, at: int = 0) -> None:
    fd = os.open(panel.device, os.O_RDWR)
    os.pwrite(fd, pixels, at)
    os.close(fd)


def test_sysfs_describes_the_framebuffer_as_the_kernel_does(tmp_path: Path) -> None:
    panel = Panel(tmp_path)
    read = {file.name: file.read_text() for file in panel.sysfs.iterdir()}
    assert read == {
        "name": "hw-mocks\n",
        "virtual_size": "320,240\n",
        "bits_per_pixel": "16\n",
        "stride": "640\n",
    }
    assert os.stat(panel.device).st_size == 320 * 240 * 2
    panel.close()


def test_what_a_display_shows_lies_on_no_disk(tmp_path: Path) -> None:
    panel = Panel(tmp_path)
    show(panel, b"\xa5" * 1000)
    target = os.readlink(panel.device)
    assert target.startswith("/proc/")
    assert os.readlink(target).startswith("/memfd:")
    panel.close()
    assert not panel.device.exists()


def test_a_program_that_cuts_the_device_short_does_no_harm(tmp_path: Path) -> None:
    panel = Panel(tmp_path)
    show(panel, b"\xff" * panel.stride * panel.height)
    os.truncate(panel.device, 0)
    assert not panel.lit()
    panel.device.write_bytes(b"\xff\xff")
    assert panel.lit()
    assert int(panel.picture().sum()) == 3 * 255
    panel.close()


@pytest.mark.parametrize(
    ("bits", "pixel", "rgb"),
    [
        (16, b"\x00\xf8", (255, 0, 0)),
        (16, b"\xe0\x07", (0, 255, 0)),
        (16, b"\x1f\x00", (0, 0, 255)),
        # 0x8410: 16/31, 32/63, 16/31, each with its high bits repeated below.
        (16, b"\x10\x84", (132, 130, 132)),
        (32, b"\x03\x02\x01\x00", (1, 2, 3)),
    ],
)
def test_pixels_are_read_in_the_panels_format(
    tmp_path: Path, bits: int, pixel: bytes, rgb: tuple[int, int, int]
) -> None:
    panel = Panel(tmp_path, 8, 4, bits)
    assert not panel.lit()
    # The second pixel of the third row.
    show(panel, pixel, 2 * panel.stride + len(pixel))
    assert panel.lit()
    picture = panel.picture()
    assert picture.shape == (4, 8, 3)
    assert tuple(int(value) for value in picture[2, 1]) == rgb
    assert int(picture.sum()) == sum(rgb)
    panel.close()


def test_the_jpeg_is_the_picture(tmp_path: Path) -> None:
    panel = Panel(tmp_path)
    show(panel, b"\x00\xf8" * (320 * 120))
    decoded = cv2.imdecode(np.frombuffer(panel.jpeg(), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (240, 320, 3)
    blue, green, red = (int(value) for value in decoded[50, 160])
    assert red > 240
    assert max(blue, green) < 15
    assert int(decoded[200, 160].max()) < 15
    panel.close()
