"""A process that only encodes: the pictures of the footage at their time, no camera stack.

python -m tests.bench.bare FOOTAGE SLICES SLICE_SECONDS

Prints one JSON object, {"ms_per_frame": [...], "kilobits": ...}, and waits for the end of its
input. The first is the processor time of the encoder alone, for each slice: without reading the
pictures and waiting for their time.
"""

from __future__ import annotations

import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.video.frame import PictureType
from hw_mocks import barcode
from hw_mocks.footage import MAIN, PreparedSource, picture_bytes

from tests.bench import encoding
from tests.bench.plan import BITRATE, FPS, GROUP_FRAMES, HEIGHT, PERIOD_US, THREADS, WIDTH, answer

BUFFERS: Final = 6
"""As many as the camera has, so that no picture is warmer in the cache than there."""
WARM_FRAMES: Final = 45


def encoder(width: int = WIDTH, height: int = HEIGHT, bitrate: int = BITRATE) -> Any:
    """libx264 as picamera2 and camerad set it up."""
    container = av.open("/dev/null", "w", format="null")
    codec: Any = container.add_stream("h264", rate=FPS).codec_context
    codec.thread_count = THREADS
    codec.thread_type = av.codec.context.ThreadType.FRAME
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.bit_rate = bitrate
    codec.gop_size = GROUP_FRAMES
    codec.options.update({"preset": "ultrafast", "deblock": "1", "tune": "zerolatency"})
    codec.time_base = Fraction(1, 1_000_000)
    encoding.bound(codec)
    codec.open()
    return codec


def main() -> None:
    """Encode for as long as the arguments say."""
    folder, slices, per_slice = sys.argv[1], int(sys.argv[2]), round(float(sys.argv[3]) * FPS)
    source = PreparedSource(Path(folder), MAIN)
    arrays = [np.empty(picture_bytes(WIDTH, HEIGHT), np.uint8) for _ in range(BUFFERS)]
    frames = [
        av.VideoFrame.from_numpy_buffer(array.reshape(HEIGHT * 3 // 2, WIDTH), "yuv420p")
        for array in arrays
    ]
    codec = encoder()
    spent: list[float] = []
    size = encode_ns = 0
    frames_all = WARM_FRAMES + slices * per_slice
    began = time.monotonic()
    for number in range(frames_all):
        time.sleep(max(0.0, began + number * PERIOD_US / 1e6 - time.monotonic()))
        array, frame = arrays[number % BUFFERS], frames[number % BUFFERS]
        source.read(number, array)
        barcode.draw(array[: WIDTH * HEIGHT].reshape(HEIGHT, WIDTH), number)
        before_ns = time.process_time_ns()
        frame.pts = round(number * PERIOD_US)
        frame.pict_type = PictureType.I if number % GROUP_FRAMES == 0 else PictureType.NONE
        packets = codec.encode(frame)
        encode_ns += time.process_time_ns() - before_ns
        size += sum(packet.size for packet in packets)
        done = number + 1 - WARM_FRAMES
        if done % per_slice == 0:
            if done > 0:
                spent.append(encode_ns / 1e6 / per_slice)
            encode_ns = 0
    kilobits = round(size * 8 / 1000 / (frames_all / FPS))
    answer({"ms_per_frame": spent, "kilobits": kilobits})
    sys.stdin.read()


if __name__ == "__main__":
    main()
