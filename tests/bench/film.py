"""Fragments of any number as a recorder makes them, from a clip that is encoded once."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

import av
import numpy as np
from av.video.frame import PictureType
from hw_mocks.footage import LORES, MAIN, PreparedSource, picture_bytes

from camerad.recording.fragment_muxer import TIMESCALE, FragmentMaker
from camerad.stream.packets import Packet, PacketInfo
from tests.bench import bare
from tests.bench.plan import BITRATE, FPS, GROUP_FRAMES, BenchError

PICTURES: Final = FPS // 2
"""In a fragment."""
FRAGMENT_US: Final = PICTURES * TIMESCALE // FPS
ASKED_BITRATE: Final = BITRATE * 14 // 15
"""The encoder, told so, delivers `BITRATE` of this clip."""
SMALL_BITRATE: Final = 320_000
"""Makes fragments of 20 kB."""
_CLIP_SECONDS: Final = 10
"""As long as the footage."""


class Kind(NamedTuple):
    """Which stream of the footage is encoded, and at which bit rate."""

    stream: str
    bitrate: int


KINDS: Final = {"main": Kind(MAIN, ASKED_BITRATE), "small": Kind(LORES, SMALL_BITRATE)}


class Film:
    """As long as anybody wants it. `init` is its segment."""

    def __init__(self, folder: Path, kind: Kind) -> None:
        source = PreparedSource(folder, kind.stream)
        packets = list(encoded(source, kind.bitrate))
        maker = FragmentMaker(source.width, source.height, packets[0][1])
        self.width, self.height = source.width, source.height
        self.init: Final = maker.init
        starts = range(0, len(packets), PICTURES)
        self._made: Final = [
            bytearray(maker.make(packets[at : at + PICTURES], _pts(at + PICTURES), 0))
            for at in starts
        ]
        source.close()
        for made in self._made:
            if made.count(b"mfhd") != 1 or made[made.index(b"tfdt") + 4] != 1:
                raise BenchError("the fragments are not as they were when this was written")

    def fragment(self, number: int) -> bytes:
        """Fragment `number`, counted from 0, with its own number and time in it."""
        made = self._made[number % len(self._made)]
        struct.pack_into(">I", made, made.index(b"mfhd") + 8, number + 1)
        struct.pack_into(">Q", made, made.index(b"tfdt") + 8, number * FRAGMENT_US)
        return bytes(made)


def _pts(number: int) -> int:
    return number * TIMESCALE // FPS


def encoded(source: PreparedSource, bitrate: int) -> Iterator[Packet]:
    """The clip's packets, the first at 0 us."""
    codec = bare.encoder(source.width, source.height, bitrate)
    shape = source.height * 3 // 2, source.width
    for number in range(_CLIP_SECONDS * FPS):
        array = np.empty(picture_bytes(source.width, source.height), np.uint8)
        source.read(number, array)
        frame: Any = av.VideoFrame.from_ndarray(array.reshape(shape), "yuv420p")
        frame.pts, frame.time_base = _pts(number), Fraction(1, TIMESCALE)
        frame.pict_type = PictureType.I if number % GROUP_FRAMES == 0 else PictureType.NONE
        for packet in codec.encode(frame):
            unit = bytes(packet)
            info = PacketInfo(1, number, packet.pts, bool(packet.is_keyframe), len(unit))
            yield info, unit
