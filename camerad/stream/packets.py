"""What the ring holds and hands out: packets, and the gaps between them.

Every picture the sensor exposed while the buffer was armed is either a packet or counted in a gap;
a gap is never silence (a reader finds the two words for everything that did not reach it).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

CAPTURE_RESTARTED: Final = "capture restarted"
"""The capture process ended and another one went on."""
FRAMES_LOST: Final = "frames lost"
"""The sensor's frame numbers jumped: pictures were exposed and not encoded."""
RING_FULL: Final = "ring full"
"""Storage fell behind for longer than the ring can bridge, or a packet found no room."""


class PacketInfo(NamedTuple):
    """One encoded picture: an H.264 access unit in Annex B form, decodable in this order. A tuple,
    since one is made for every picture.

    epoch: number of the `arm` command under which it was encoded.
    frame: the sensor's own frame number, modulo 2**32; begins anew with each capture process.
    pts_us: media time in microseconds of CLOCK_BOOTTIME.
    key: whether decoding can begin here.
    size: bytes.
    """

    epoch: int
    frame: int
    pts_us: int
    key: bool
    size: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Footage that is missing between two packets.

    frames: how many pictures are missing; None where nobody can know.
    from_us, to_us: media time of the last picture before and of the first one after, in
    microseconds of CLOCK_BOOTTIME; None where there is none.
    """

    reason: str
    frames: int | None
    from_us: int | None
    to_us: int | None


def add_frames(one: int | None, other: int | None) -> int | None:
    """The sum of two counts of pictures, unknown if either is."""
    return None if one is None or other is None else one + other


def join(gaps: Iterable[Gap], *, touching: bool = True) -> tuple[Gap, ...]:
    """The same gaps, in order; neighbours of one reason that overlap become one.

    touching: those that only touch as well, which is wrong where the picture at which they do so is
    there.
    """
    joined: list[Gap] = []
    for gap in gaps:
        last = joined[-1] if joined else None
        if last is not None and last.reason == gap.reason and _meet(last, gap, touching):
            joined[-1] = replace(last, frames=add_frames(last.frames, gap.frames), to_us=gap.to_us)
        else:
            joined.append(gap)
    return tuple(joined)


def _meet(one: Gap, other: Gap, touching: bool) -> bool:
    if one.to_us is None or other.from_us is None or other.from_us < one.to_us:
        return True
    return touching and other.from_us == one.to_us
