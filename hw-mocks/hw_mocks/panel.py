"""The board's display: a framebuffer as the kernel shows it.

`Panel` makes a tree below a directory, with the names and formats of Linux (drivers/video/fbdev)::

    dev/fb0
    sys/class/graphics/fb0/{name,virtual_size,bits_per_pixel,stride}

``dev/fb0`` leads to memory that this process holds, never to a file on a disk: what a display
shows is footage, and a body camera keeps none of it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

JPEG_QUALITY: Final = 85


class Panel:
    """A board below `root` with a display of `width` x `height` pixels.

    `bits_per_pixel`: 16 is RGB565, 32 is XRGB8888, both little-endian, as fbdev panels have them.
    Raises ValueError for other depths and OSError if the tree cannot be made.
    """

    def __init__(
        self, root: Path, width: int = 320, height: int = 240, bits_per_pixel: int = 16
    ) -> None:
        if bits_per_pixel not in (16, 32):
            raise ValueError(f"{bits_per_pixel} bits per pixel: only 16 and 32 are simulated")
        self.width, self.height, self.bits_per_pixel = width, height, bits_per_pixel
        self.stride = width * bits_per_pixel // 8
        self.device = root / "dev" / "fb0"
        self.sysfs = root / "sys" / "class" / "graphics" / "fb0"
        self._fd = os.memfd_create("fb0", os.MFD_CLOEXEC)
        os.ftruncate(self._fd, self.stride * height)
        self._write_tree()

    def _write_tree(self) -> None:
        files = {
            self.sysfs / "name": "hw-mocks\n",
            self.sysfs / "virtual_size": f"{self.width},{self.height}\n",
            self.sysfs / "bits_per_pixel": f"{self.bits_per_pixel}\n",
            self.sysfs / "stride": f"{self.stride}\n",
        }
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.device.parent.mkdir(parents=True, exist_ok=True)
        self.device.unlink(missing_ok=True)
        self.device.symlink_to(f"/proc/{os.getpid()}/fd/{self._fd}")

    def _pixels(self) -> NDArray[np.uint8]:
        # Read, not mapped: whoever opens a file may cut it short, and a mapping of what is gone
        # would kill this process (SIGBUS).
        size = self.stride * self.height
        return np.frombuffer(os.pread(self._fd, size, 0).ljust(size, b"\0"), np.uint8)

    def lit(self) -> bool:
        """Whether any pixel is not black."""
        return bool(self._pixels().any())

    def picture(self) -> NDArray[np.uint8]:
        """What the display shows now: (height, width, 3) uint8, red, green, blue."""
        if self.bits_per_pixel == 32:
            pixels = self._pixels().reshape(self.height, self.width, 4)
            return pixels[:, :, 2::-1].copy()
        words = self._pixels().view("<u2").reshape(self.height, self.width)
        # The high bits again below the low ones, so that full intensity is 255 and not 248.
        red, green, blue = words >> 11, (words >> 5) & 0x3F, words & 0x1F
        scaled = (red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2)
        return np.stack(scaled, axis=-1).astype(np.uint8)

    def jpeg(self) -> bytes:
        """`picture` as JPEG."""
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        done, data = cv2.imencode(".jpg", self.picture()[:, :, ::-1], quality)
        if not done:
            raise ValueError("the picture could not be encoded")
        return data.tobytes()

    def close(self) -> None:
        """Take the display away; what it showed is gone."""
        self.device.unlink(missing_ok=True)
        os.close(self._fd)
