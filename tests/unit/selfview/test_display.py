"""The framebuffer: what sysfs says of it, and what is written to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from camerad.base.errors import HardwareError
from camerad.selfview.framebuffer import Framebuffer, read_panel
from camerad.selfview.panel import Panel


def sysfs(root: Path, size: str = "320,240", bits: str = "16", stride: str = "640") -> str:
    for name, text in (("virtual_size", size), ("bits_per_pixel", bits), ("stride", stride)):
        (root / name).write_text(text + "\n")
    return str(root)


def test_the_panel_is_what_sysfs_says(tmp_path: Path) -> None:
    assert read_panel(sysfs(tmp_path)) == Panel(320, 240, 640, 16)
    assert read_panel(sysfs(tmp_path, "480,320", "32", "2048")) == Panel(480, 320, 2048, 32)


@pytest.mark.parametrize(
    ("size", "bits", "stride", "words"),
    [
        ("320x240", "16", "640", "does not describe a display"),
        ("320,240", "", "640", "does not describe a display"),
        ("320,240", "24", "960", r"24 bits per pixel; only 16 \(RGB565\) and 32 \(XRGB8888\)"),
        ("320,240", "16", "600", "a stride of 600 bytes for 320x240 pixels"),
        ("0,0", "16", "0", "a stride of 0 bytes for 0x0 pixels"),
    ],
)
def test_a_panel_that_cannot_be_is_refused_with_a_reason(
    tmp_path: Path, size: str, bits: str, stride: str, words: str
) -> None:
    with pytest.raises(HardwareError, match=words):
        read_panel(sysfs(tmp_path, size, bits, stride))


def test_a_panel_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match="does not describe a display"):
        read_panel(str(tmp_path / "fb0"))


def test_a_display_is_dark_once_it_is_opened(tmp_path: Path) -> None:
    device = tmp_path / "fb0"
    device.write_bytes(b"old picture")
    Framebuffer(str(device), Panel(16, 8, 40, 16)).close()
    assert device.read_bytes() == bytes(40 * 8)


def test_a_picture_is_written_whole_and_can_be_darkened(tmp_path: Path) -> None:
    device = tmp_path / "fb0"
    device.touch()
    panel = Panel(16, 8, 40, 16)
    display = Framebuffer(str(device), panel)
    picture = np.arange(320, dtype=np.uint16).astype(np.uint8).reshape(panel.shape)
    display.show(picture)
    assert device.read_bytes() == picture.tobytes()
    display.darken()
    assert device.read_bytes() == bytes(320)
    display.close()


def test_a_device_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match="cannot be opened: No such file"):
        Framebuffer(str(tmp_path / "fb0"), Panel(16, 8, 32, 16))
    assert list(tmp_path.iterdir()) == []


def test_a_display_that_fails_says_so() -> None:
    # Every write to this device fails with ENOSPC.
    with pytest.raises(HardwareError, match="/dev/full fails: No space left"):
        Framebuffer("/dev/full", Panel(16, 8, 32, 16))
