"""A USB camera for an emulated machine, which drives it by Debian's kernel and libcamera."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from hw_mocks import clips
from hw_mocks.footage import prepare
from hw_mocks.usbcamera import PRODUCT, VENDOR
from hw_mocks.virtualcamera import IMAGES, write_film

SIZE: Final = (640, 360)
"""Pixels of its pictures: as wide as the number in each."""
NAMED: Final = f"-{VENDOR:04x}:{PRODUCT:04x}"
"""What libcamera's id of it ends with."""


class UsbCamera:
    """A camera that shows numbered images; `device`: what QEMU has to be told of it.

    folder: gets the images, and the socket that the camera is plugged into. paced: the machine says
    when a picture is taken, on a serial port called pace.
    """

    def __init__(self, folder: Path, *, paced: bool = False) -> None:
        footage = prepare(
            clips.find("vtest.avi"), *SIZE, None, folder / "footage", max_frames=IMAGES
        )
        write_film(footage, folder / "film")
        address = folder / "usb"
        self.device = [
            *("-device", "qemu-xhci,id=usb", "-device", "usb-redir,chardev=camera,bus=usb.0"),
            *("-chardev", f"socket,id=camera,path={address},server=on,wait=off"),
        ]
        self._words = [sys.executable, "-m", "hw_mocks.usbcamera", folder / "film", address]
        if paced:
            pace = folder / "pace"
            self.device += [
                *("-chardev", f"socket,id=pace,path={pace},server=on,wait=off"),
                *("-device", "virtio-serial-device"),
                *("-device", "virtserialport,chardev=pace,name=pace"),
            ]
            self._words += ["--pace", pace]
        self._process: subprocess.Popen[bytes] | None = None

    def plug(self) -> None:
        """Put it into the machine, which runs."""
        self._process = subprocess.Popen(self._words)

    def pull(self) -> None:
        """Take it out, if it is in there."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
