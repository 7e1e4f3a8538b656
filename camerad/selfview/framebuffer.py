"""The front display: a framebuffer of the kernel, described by sysfs and written as a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from camerad.base.errors import HardwareError
from camerad.selfview.panel import FORMATS, Panel

if TYPE_CHECKING:
    from camerad.stream.newest import Frame


def read_panel(sysfs: str) -> Panel:
    """The panel that a directory such as /sys/class/graphics/fb0 describes.

    Raises HardwareError if it is not there, makes no sense, or has pixels of another format.
    """
    try:
        size, bits, stride = (
            (Path(sysfs) / name).read_text()
            for name in ("virtual_size", "bits_per_pixel", "stride")
        )
        width, height = (int(number) for number in size.split(","))
        panel = Panel(width, height, int(stride), int(bits))
    except (OSError, ValueError) as error:
        raise HardwareError(f"{sysfs} does not describe a display: {error}") from None
    if panel.bits not in FORMATS:
        raise HardwareError(
            f"{sysfs}: {panel.bits} bits per pixel; only "
            f"{' and '.join(f'{bits} ({name})' for bits, name in FORMATS.items())} can be shown"
        )
    if width <= 0 or height <= 0 or panel.stride < width * panel.bits // 8:
        raise HardwareError(
            f"{sysfs}: a stride of {panel.stride} bytes for {width}x{height} pixels"
        )
    return panel


class Framebuffer:
    """The device file of a panel. Dark once opened. Raises HardwareError."""

    def __init__(self, device: str, panel: Panel) -> None:
        self._device = device
        self._bytes = panel.stride * panel.height
        try:
            self._fd = os.open(device, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            raise HardwareError(
                f"the display {device} cannot be opened: {error.strerror}"
            ) from None
        self.darken()

    def show(self, picture: Frame) -> None:
        """Write a whole picture, `Panel.shape`. Raises HardwareError."""
        self._write(picture.data.cast("B"))

    def darken(self) -> None:
        """Make every pixel black. Raises HardwareError."""
        self._write(memoryview(bytes(self._bytes)))

    def _write(self, data: memoryview) -> None:
        done = 0
        try:
            while done < len(data):
                done += os.pwrite(self._fd, data[done:], done)
        except OSError as error:
            raise HardwareError(f"the display {self._device} fails: {error.strerror}") from None

    def close(self) -> None:
        """Close the device; what it shows stays."""
        os.close(self._fd)
