"""Judges a file by its pictures alone: python -m tests.bench.judge PATH

The sensor writes its frame number into every picture. Prints one JSON object: "numbers", in the
order of the file, and "bytes", the size of each picture's packet; both are empty for a file that
cannot be opened, and end where decoding fails. A recording of camerad (.tar) is opened with the
demonstration key first, in memory.
"""

from __future__ import annotations

import contextlib
import io
import sys
from typing import Any

import av
from hw_mocks import barcode

from tests.bench.plan import answer
from tests.system import sealed


def judge(path: str) -> dict[str, Any]:
    """What the file holds."""
    numbers: list[int | None] = []
    sizes: list[int] = []
    broken = (av.FFmpegError, OSError, IndexError, AssertionError)
    with contextlib.suppress(*broken), av.open(_film(path)) as container:
        stream: Any = container.streams.video[0]
        stream.thread_type = "AUTO"
        for packet in container.demux(stream):
            # At the end there is an empty one, which draws out of the decoder what it still has.
            if packet.size:
                sizes.append(packet.size)
            for picture in packet.decode():
                luma = picture.to_ndarray(format="gray")
                numbers.append(barcode.read(luma))
    return {"numbers": numbers, "bytes": sizes[: len(numbers)]}


def _film(path: str) -> str | io.BytesIO:
    """What the decoder can open."""
    return io.BytesIO(sealed.read(path).opened()) if path.endswith(".tar") else path


def main() -> None:
    """Judge the file that the argument names."""
    answer(judge(sys.argv[1]))


if __name__ == "__main__":
    main()
