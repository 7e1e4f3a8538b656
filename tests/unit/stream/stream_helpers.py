"""Streams written as strings, as in "IPPIPP": a key frame, two that depend on it, and again.

A blank is only for the eye, "x" is a frame of the sensor that never became a packet, and "~" marks
a gap in what was read.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from camerad.stream.ring import Gap, Lease, PacketInfo, Ring, RingReader

FRAME_US = 100_000
"""Ten frames a second, so that a second is easily counted."""


def payload(number: int, size: int) -> bytes:
    """Bytes that only packet `number` has; none of them is zero."""
    return bytes(random.Random(number).choices(range(1, 256), k=size))


class Stream:
    """Feeds a ring, and remembers what it fed."""

    def __init__(self, ring: Ring, *, size: int = 100, frame_us: int = FRAME_US) -> None:
        self.ring = ring
        self.size = size
        self.frame_us = frame_us
        self.frame = 0
        self.sent: list[PacketInfo] = []

    @property
    def now_us(self) -> int:
        return 1_000_000 + self.frame * self.frame_us

    def feed(self, pattern: str, size: int | None = None) -> str:
        """What the ring made of each packet: the letter if it took it, "-" if not."""
        taken = ""
        for letter in pattern.replace(" ", ""):
            if letter != "x":
                taken += letter if self.packet(letter == "I", size or self.size) else "-"
            self.frame += 1
        return taken

    def packet(self, key: bool, size: int) -> bool:
        info = PacketInfo(1, self.frame, self.now_us, key, size)
        self.ring.reserve(size)[:] = payload(self.frame, size)
        self.sent.append(info)
        return self.ring.commit(info)


def letters(infos: Iterable[PacketInfo]) -> str:
    """ "IPP IPP": the groups, apart."""
    return "".join(" I" if info.key else "P" for info in infos).strip()


def drain(reader: RingReader, **limits: int) -> Iterator[Lease]:
    while (lease := reader.take(10**12, **limits)) is not None:
        with lease:
            yield lease


def read(reader: RingReader, **limits: int) -> str:
    """All that is there, as "IPP~ IPP" with "~" for each gap; checks the bytes on the way."""
    text = ""
    for lease in drain(reader, **limits):
        gaps = list(lease.gaps)
        for info, view in lease.packets:
            assert view == payload(info.frame, info.size)
            while gaps and gaps[0].to_us is not None and gaps[0].to_us <= info.pts_us:
                gaps.pop(0)
                text += "~"
            text += " I" if info.key else "P"
        assert not gaps
    return text.strip()


def gaps(reader: RingReader) -> list[Gap]:
    return [gap for lease in drain(reader) for gap in lease.gaps]


def held(ring: Ring) -> str:
    """What a recording that began now would begin with."""
    with ring.follow() as reader:
        return read(reader)
