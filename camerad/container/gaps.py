"""Gaps: missing footage, as statements record it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

CAPTURE_RESTARTED: Final = "capture restarted"
"""The capture process ended and another one went on."""
FRAMES_LOST: Final = "frames lost"
"""The sensor's frame numbers jumped: pictures were exposed and not encoded."""
RING_FULL: Final = "ring full"
"""Storage fell behind for longer than the ring can bridge, or a packet found no room."""


class Gap(msgspec.Struct, frozen=True):
    """Footage that is missing between two packets.

    frames: how many pictures are missing; None where unknown. from_us, to_us: media time of the
    last picture before and of the first one after, in microseconds of CLOCK_BOOTTIME; None where
    there is none.
    """

    reason: str
    frames: int | None
    from_us: int | None
    to_us: int | None


def add_frames(one: int | None, other: int | None) -> int | None:
    """The sum of two counts of pictures, unknown if either is."""
    return None if one is None or other is None else one + other


def join_gaps(gaps: Iterable[Gap], *, touching: bool = True) -> tuple[Gap, ...]:
    """The same gaps, in order; neighbours of one reason that overlap become one.

    touching: those that only touch become one too. That is wrong where the picture at which they
    touch is there.
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


NO_PICTURES: Final = "no pictures"
"""Nothing came for longer than `HOLE_US`, and no frame number is missing."""
STARTED_LATE: Final = "camera did not deliver at the start"
"""The first picture came more than `HOLE_US` after the trigger."""
STOPPED_SHORT: Final = "camera did not deliver until the stop"
"""The last picture ends before the stop."""
NOT_STORED: Final = "storage failed"
"""The storage refused it for longer than memory could hold it."""
NO_ANSWER: Final = "storage did not answer"
"""The daemon ended while the storage had not taken it yet."""
CUT_OFF: Final = "cut off"
"""The daemon ended before it was stored."""
HOLE_US: Final = 500_000
"""A longer time without a picture is a gap, whatever the frame numbers say. It is far longer than
the interval of any rate, and far shorter than what a person would notice."""


class FootageEnd(NamedTuple):
    """Where the pictures, or the sound, of a recording end. last_us: media time of the last
    picture, or of the first sample of the last unit; end_us: where that ends."""

    last_us: int
    end_us: int


def gaps_until(
    at_us: int, kept: FootageEnd, gaps: Sequence[Gap], why: str, longest_us: int
) -> tuple[Gap, ...]:
    """`gaps`, with one at the end for what is missing between `kept` and `at_us`.

    A gap that ends at `at_us` keeps its reason; otherwise the reason is `why`. If no more than
    `longest_us` is missing, there is no such gap.
    """
    before = tuple(gap for gap in gaps if gap.to_us != at_us)
    if at_us - kept.end_us <= longest_us:
        return before
    said = next((gap for gap in gaps if gap.to_us == at_us), Gap(why, None, None, at_us))
    return (*before, replace(said, from_us=kept.last_us))
