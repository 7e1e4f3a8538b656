"""The real libcamera below the daemon, on a machine without a camera: its virtual pipeline handler.

Debian's libcamera and picamera2 run as they are, and play a film. What is stood in for lies below
libcamera (`virtualcamera.c`), but for one answer, which `answer_raw` gives: asked for a raw stream,
the handler says that it has none, and picamera2, which asks each camera, takes no such answer; a
USB camera's handler offers what it has instead, and so does this one then.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from hw_mocks import barcode
from hw_mocks.footage import MAIN, PreparedSource, load_info, picture_bytes

CAMERAS_VARIABLE: Final = "VIRTUAL_CAMERAS"
FRAME_VARIABLE: Final = "VIRTUAL_FRAME_US"
MODEL: Final = "virtual"
IMAGES: Final = 24
"""Images of a film. libcamera keeps each three times, without compression."""
REPEATED: Final = 4
"""Pictures for which it shows each (image_frame_generator.h)."""
_QUALITY: Final = 90


def library() -> Path:
    """The library to preload."""
    from hw_mocks.worldclock import compiled

    return compiled("virtualcamera", ".so", "-shared", "-fPIC")


def environment(directory: Path, footage: Path, fps: int, preloaded: str = "") -> dict[str, str]:
    """Variables of a process that is to have the camera.

    directory: gets the list of cameras and the film. footage: what `hw_mocks.footage.prepare` made;
    its sizes are those of the streams. fps: pictures per second. preloaded: other libraries.
    """
    film = directory / "film"
    write_film(footage, film)
    formats = "".join(
        f"    - {{width: {width}, height: {height}, frame_rates: [{fps}]}}\n"
        for width, height in load_info(footage).sizes.values()
    )
    cameras = directory / "cameras.yaml"
    cameras.write_text(
        f'"{MODEL}":\n  supported_formats:\n{formats}  frames:\n    path: "{film}/"\n'
        f'  location: "CameraLocationBack"\n  model: "{MODEL}"\n'
    )
    return {
        CAMERAS_VARIABLE: str(cameras),
        FRAME_VARIABLE: str(round(1_000_000 / fps)),
        "LD_PRELOAD": f"{preloaded} {library()}".strip(),
    }


def write_film(footage: Path, film: Path) -> None:
    """The first pictures of the footage as JPEG images, each with its number as a barcode."""
    film.mkdir(parents=True)
    source = PreparedSource(footage, MAIN)
    try:
        width, height = source.width, source.height
        picture = np.empty(picture_bytes(width, height), np.uint8)
        for number in range(min(IMAGES, load_info(footage).frames)):
            source.read(number, picture)
            rows = picture.reshape(height * 3 // 2, width)
            if width >= barcode.WIDTH:
                barcode.draw(rows[:height], number)
            colours = cv2.cvtColor(rows, cv2.COLOR_YUV2BGR_I420)
            _, image = cv2.imencode(".jpg", colours, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
            (film / f"{number}.jpg").write_bytes(image.tobytes())
    finally:
        source.close()


def answer_raw() -> None:
    """Have libcamera, in this process, offer its pictures where a raw stream is asked for."""
    import libcamera

    generate, raw = libcamera.Camera.generate_configuration, libcamera.StreamRole.Raw

    def answered(self: Any, roles: Sequence[Any]) -> Any:
        instead = libcamera.StreamRole.VideoRecording
        return generate(self, [instead if role == raw else role for role in roles])

    camera: Any = libcamera.Camera
    camera.generate_configuration = answered
