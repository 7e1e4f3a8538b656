"""Takes pictures of the USB camera as the capture process does, in the emulated machine.

python -m tests.usb.taking [PICTURES]: prints the id of the camera, and the number in each picture,
until so many came or it is killed; else why the camera cannot be opened.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from hw_mocks import barcode

from camerad.base.errors import CaptureError
from camerad.capture.camera_source import open_camera
from camerad.capture.capture_settings import CaptureSettings

SETTINGS = CaptureSettings(
    source="usb",
    width=640,
    height=360,
    fps=10,
    lores_width=320,
    lores_height=240,
    bitrate=400_000,
    max_bitrate=800_000,
    encoder="software",
    key_interval_us=1_000_000,
)


def say(*words: object) -> None:
    """Print at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Take them."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else sys.maxsize
    try:
        picam2, source = open_camera(SETTINGS)
    except CaptureError as error:
        say("refused", error)
        return
    say("opened", picam2.camera.id, source.format)
    enough, taken = threading.Event(), []

    def take(request: Any) -> None:
        source.take(request)
        if source.whole() and not enough.is_set():
            plane = source.image().planes[0]
            with source.luma() as rows:
                taken.append(barcode.read(rows[: plane.height, : plane.width]))
            say("picture", taken[-1], source.view().shape)
            if len(taken) >= wanted:
                enough.set()

    picam2.pre_callback = take
    picam2.start()
    enough.wait()
    picam2.stop()
    say("stopped")
    # As the daemon has it: a capture process is killed, and not asked.
    os._exit(0)


if __name__ == "__main__":
    main()
