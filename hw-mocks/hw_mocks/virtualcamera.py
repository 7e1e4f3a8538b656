"""The real libcamera below the daemon, on a machine without a camera: its virtual pipeline handler.

Debian's libcamera and picamera2 run as they are, and play a film. What is stood in for lies below
libcamera (`virtualcamera.c`), but for one answer, which `answer_raw` gives: asked for a raw stream,
the handler says that it has none, and picamera2, which asks each camera, takes no such answer; a
USB camera's handler offers what it has instead, and so does this one then.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

CAMERAS_VARIABLE: Final = "VIRTUAL_CAMERAS"
FRAME_VARIABLE: Final = "VIRTUAL_FRAME_US"
MODEL: Final = "virtual"
REPEATED: Final = 4
"""Pictures for which libcamera shows each image of a film (image_frame_generator.h)."""


def library() -> Path:
    """The library to preload."""
    from hw_mocks.worldclock import compiled

    return compiled("virtualcamera", ".so", "-shared", "-fPIC")


def environment(
    directory: Path, film: Path, sizes: Sequence[tuple[int, int]], fps: int
) -> dict[str, str]:
    """Variables of a process that is to have the camera.

    directory: gets the list of cameras. film: a folder with JPEG images, in the order of their
    names, and nothing else. sizes: what the streams can be, width and height in pixels. fps:
    pictures per second that it delivers.
    """
    formats = [
        f"    - {{width: {width}, height: {height}, frame_rates: [{fps}]}}\n"
        for width, height in sizes
    ]
    cameras = directory / "cameras.yaml"
    cameras.write_text(
        f'"{MODEL}":\n  supported_formats:\n{"".join(formats)}'
        f'  frames:\n    path: "{film}/"\n'
        f'  location: "CameraLocationBack"\n  model: "{MODEL}"\n'
    )
    return {
        CAMERAS_VARIABLE: str(cameras),
        FRAME_VARIABLE: str(round(1_000_000 / fps)),
        "LD_PRELOAD": " ".join(
            one for one in (os.environ.get("LD_PRELOAD"), str(library())) if one
        ),
    }


def answer_raw() -> None:
    """Have libcamera, in this process, offer its pictures where a raw stream is asked for."""
    import libcamera

    generate, raw = libcamera.Camera.generate_configuration, libcamera.StreamRole.Raw

    def answered(self: Any, roles: Sequence[Any]) -> Any:
        instead = libcamera.StreamRole.VideoRecording
        return generate(self, [instead if role == raw else role for role in roles])

    camera: Any = libcamera.Camera
    camera.generate_configuration = answered
