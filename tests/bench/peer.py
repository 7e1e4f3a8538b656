"""A process that does camerad's job with picamera2 alone, as its examples do it.

python -m tests.bench.peer THREADS BUFFER_MS

picamera2, its LibavH264Encoder, its CircularOutput2 before a PyavOutput. THREADS: of libx264; 0
leaves the number to it, which is picamera2's default. BUFFER_MS: of the pre-event buffer; 0 for
the camera alone, without an encoder.

Once the first picture is here it says {"ready": true}. After that it takes one command a line and
answers each with a JSON object: "record PATH", "record PATH fragmented", "close", "held", "end".
"""

from __future__ import annotations

import sys
import threading
from typing import Any, Final

from picamera2 import Picamera2
from picamera2.encoders import LibavH264Encoder
from picamera2.outputs import CircularOutput2, PyavOutput

from tests.bench import encoding
from tests.bench.machine import now_us
from tests.bench.plan import (
    BITRATE,
    FPS,
    GROUP_FRAMES,
    HEIGHT,
    LORES_HEIGHT,
    LORES_WIDTH,
    WIDTH,
    answer,
)

FRAGMENTED: Final = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "flush_packets": "1",
}
"""The best that an MP4 of PyavOutput can do against a kill: a fragment for each group."""
FIRST_PICTURE_SECONDS: Final = 10.0


class Encoder(LibavH264Encoder):  # type: ignore[misc]  # picamera2 has no types
    """picamera2's, with the same bound on the rate as camerad's."""

    def __init__(self, threads: int) -> None:
        super().__init__(bitrate=BITRATE, iperiod=GROUP_FRAMES, framerate=FPS)
        self.threads = threads

    def _start(self) -> None:
        super()._start()
        encoding.bound(self._stream.codec_context)


def main() -> None:
    """Run until "end" or the end of the input."""
    threads, buffer_ms = int(sys.argv[1]), int(sys.argv[2])
    camera = Picamera2()
    camera.configure(
        camera.create_video_configuration(
            main={"size": (WIDTH, HEIGHT), "format": "YUV420"},
            lores={"size": (LORES_WIDTH, LORES_HEIGHT), "format": "YUV420"},
            raw=None,
            controls={"FrameRate": FPS},
        )
    )
    arrived = threading.Event()
    camera.post_callback = lambda _request: arrived.set()
    circular = CircularOutput2(buffer_duration_ms=buffer_ms)
    if buffer_ms:
        camera.start_encoder(Encoder(threads), circular, name="main")
    camera.start()
    if not arrived.wait(FIRST_PICTURE_SECONDS):
        sys.exit("picamera2 delivers no pictures")
    camera.post_callback = None
    answer({"ready": True, "at_us": now_us()})
    for line in sys.stdin:
        words = line.split()
        if words[0] == "end":
            break
        answer(_carry_out(circular, words))


def _carry_out(circular: Any, words: list[str]) -> dict[str, Any]:
    at_us = now_us()
    match words:
        case ["record", path]:
            circular.open_output(PyavOutput(path, format="mp4"))
        case ["record", path, "fragmented"]:
            circular.open_output(PyavOutput(path, format="mp4", options=FRAGMENTED))
        case ["close"]:
            circular.close_output()
        case ["held"]:
            held = list(circular._circular)
            return {
                "at_us": at_us,
                "frames": len(held),
                "bytes": sum(len(frame) for frame, *_ in held),
                "seconds": (held[-1][2] - held[0][2]) / 1e6 if held else 0.0,
            }
        case _:
            raise ValueError(f"no such command: {words}")
    return {"at_us": at_us}


if __name__ == "__main__":
    main()
