"""Fragments as a recorder makes them, as many as anybody wants, from pictures that are encoded
once: each has its own number and time."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.video.frame import PictureType
from camerad.recording.fragment_muxer import TIMESCALE, FragmentMaker
from camerad.stream.packets import Packet, PacketInfo

FPS: Final = 30
PICTURES: Final = FPS // 2
"""In a fragment."""
FRAGMENT_US: Final = PICTURES * TIMESCALE // FPS
_GROUPS: Final = 4
"""Seconds of the film, each with a key frame."""
_I420: Final = "yuv420p"


class EndlessFilm:
    """packets: of pictures at `FPS`, the first at 0 us, whole fragments of them. `init` is the
    initialisation segment. Raises ValueError if the muxer's fragments are not as they were when
    this was written."""

    def __init__(self, packets: Sequence[Packet], width: int, height: int) -> None:
        self.width, self.height = width, height
        maker = FragmentMaker(width, height, packets[0][1])
        self.init: Final = maker.init
        self._made: Final = [
            bytearray(maker.make(packets[at : at + PICTURES], pts_of(at + PICTURES), 0))
            for at in range(0, len(packets), PICTURES)
        ]
        for made in self._made:
            if made.count(b"mfhd") != 1 or made[made.index(b"tfdt") + 4] != 1:
                raise ValueError("a fragment has its number or its time elsewhere than expected")

    @property
    def fragment_bytes(self) -> float:
        """Of a fragment, on the average."""
        return sum(map(len, self._made)) / len(self._made)

    def fragment(self, number: int) -> bytes:
        """Fragment `number`, counted from 0, with its own number and time in it."""
        made = self._made[number % len(self._made)]
        struct.pack_into(">I", made, made.index(b"mfhd") + 8, number + 1)
        struct.pack_into(">Q", made, made.index(b"tfdt") + 8, number * FRAGMENT_US)
        return bytes(made)


def pts_of(number: int) -> int:
    """Media time of a picture, microseconds."""
    return number * TIMESCALE // FPS


def noise(width: int, height: int, bitrate: int) -> EndlessFilm:
    """A film of noise. bitrate: bits per second that it has, about. For whoever does not look at
    the pictures, as an office does not."""
    random = np.random.default_rng(1)
    pictures = (
        random.integers(0, 256, (height * 3 // 2, width), np.uint8) for _ in range(_GROUPS * FPS)
    )
    frames = (av.VideoFrame.from_ndarray(one, _I420) for one in pictures)
    return EndlessFilm(list(_encoded(frames, width, height, bitrate)), width, height)


def of_clip(path: Path, width: int, height: int, bitrate: int) -> EndlessFilm:
    """A film of a clip's first pictures, for whoever looks at them. The clip has enough of them."""
    with av.open(str(path)) as clip:
        frames = [
            one.reformat(width, height, _I420)
            for one in itertools.islice(clip.decode(video=0), _GROUPS * FPS)
        ]
    return EndlessFilm(list(_encoded(frames, width, height, bitrate)), width, height)


def _encoded(frames: Iterable[Any], width: int, height: int, bitrate: int) -> Iterator[Packet]:
    codec: Any = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, _I420
    codec.time_base, codec.framerate = Fraction(1, TIMESCALE), Fraction(FPS)
    codec.bit_rate, codec.gop_size, codec.thread_count = bitrate, FPS, 1
    codec.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "bf": "0",
        "sc_threshold": "0",
        "forced-idr": "1",
        "maxrate": str(bitrate),
        "bufsize": str(bitrate // 2),
    }
    for number, frame in enumerate(frames):
        frame.pts, frame.time_base = pts_of(number), Fraction(1, TIMESCALE)
        frame.pict_type = PictureType.I if number % FPS == 0 else PictureType.NONE
        for packet in codec.encode(frame):
            unit = bytes(packet)
            yield PacketInfo(1, number, packet.pts, bool(packet.is_keyframe), len(unit)), unit
