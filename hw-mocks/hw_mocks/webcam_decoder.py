"""Decodes the pictures of a visitor's camera, in a process of its own.

    python -m hw_mocks.webcam_decoder FD WIDTHxHEIGHT WIDTHxHEIGHT

FD is the memory of `hw_mocks.webcam`, for the sizes of the camera's main and low-resolution stream.
Pictures come on standard input, each as its length (four bytes, most significant first) and so many
bytes of JPEG. Each is answered on standard output with one byte: ``1`` if it is shown, ``0`` if it
is no JPEG, or one with more pixels than MAX_PIXELS. The process ends when its input does.

What comes from a network is decoded here and nowhere else: the process may take MEMORY_BYTES at
most, and whatever becomes of it, neither the server nor the daemon notices. It is nicer than both:
what comes late is left out, and nothing waits for it.

A picture is scaled to fill each stream, keeping its proportions, and what stands over is cut off on
both sides, as `hw_mocks.footage` does it with films.
"""

from __future__ import annotations

import argparse
import os
import resource
import struct
import sys
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from hw_mocks.boot import end_with_parent
from hw_mocks.webcam import Size, WebcamMemory

MAX_BYTES: Final = 1 << 20
"""Of one picture: a JPEG of 1920x1080 has half of that."""
MAX_PIXELS: Final = 4096 * 2304
MEMORY_BYTES: Final = 2 << 30
"""Of address space, libraries included."""
NICE: Final = 5
LENGTH: Final = struct.Struct(">I")
SHOWN: Final = b"1"
NO_PICTURE: Final = b"0"
_JPEG: Final = b"\xff\xd8\xff"

Picture = NDArray[np.uint8]


def decode(content: bytes) -> Picture | None:
    """The picture of a JPEG, as rows of blue, green and red; None if it is none that is taken."""
    import cv2

    if not content.startswith(_JPEG):
        return None
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def fill(picture: Picture, size: Size) -> Picture:
    """I420 of `size` (width, height, both even) that a picture of any size fills."""
    import cv2

    height, width = picture.shape[:2]
    wide, high = size
    if (width, height) != size:
        scale = max(wide / width, high / height)
        across, down = max(wide, round(width * scale)), max(high, round(height * scale))
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        scaled = cv2.resize(picture, (across, down), interpolation=way)
        left, top = (across - wide) // 2, (down - high) // 2
        picture = np.asarray(scaled, np.uint8)[top : top + high, left : left + wide]
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)


def serve(memory: WebcamMemory, source: BinaryIO, answers: BinaryIO) -> None:
    """Show picture after picture until there are no more. Raises ValueError for one that is longer
    than MAX_BYTES: whatever it is, the next one could not be found."""
    main, lores = memory.sizes
    while len(head := source.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        if length > MAX_BYTES:
            raise ValueError(f"a picture of {length} bytes, of at most {MAX_BYTES}")
        content = source.read(length)
        if len(content) < length:
            return
        picture = decode(content)
        if picture is not None:
            memory.put(fill(picture, main), fill(picture, lores))
        answers.write(NO_PICTURE if picture is None else SHOWN)
        answers.flush()


def _size(text: str) -> Size:
    width, height = text.split("x")
    return int(width), int(height)


def main(arguments: list[str] | None = None) -> int:
    """Carry out the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hw_mocks.webcam_decoder")
    parser.add_argument("fd", type=int)
    parser.add_argument("main", type=_size)
    parser.add_argument("lores", type=_size)
    chosen = parser.parse_args(arguments)
    end_with_parent()
    os.nice(NICE)
    # Read by OpenCV when it is loaded.
    os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MAX_PIXELS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    import cv2

    cv2.setNumThreads(1)
    memory = WebcamMemory(chosen.main, chosen.lores, chosen.fd)
    try:
        serve(memory, sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        return 0  # nobody is there any more who would hear it
    finally:
        memory.clear()
    return 0


if __name__ == "__main__":
    sys.exit(main())
