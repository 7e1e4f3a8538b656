"""Times without pictures, or without sound, and how much of them the stated gaps cover; pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from camerad.container.gaps import Gap
from camerad.container.limits import MOST_EVENTS
from camerad.verify.findings import Span

AHEAD_US: Final = 60_000_000
"""A statement may name times so far beyond what it can know. So no rounding is called a
contradiction, and no press just before the recorder began."""
UNSTATED_US: Final = 1_000_000
"""A longer time without pictures, or without sound, must be stated as a gap. The recorder states
half of it."""

_EVER: Final = 1 << 63
"""Beyond every media time."""


class Holes:
    """Times without pictures, or without sound, that are long enough that they must be stated."""

    def __init__(self) -> None:
        self._found: list[Span] = []

    def add(self, from_us: int, to_us: int) -> None:
        """Note that nothing is between these two media times, unless the time is short. Beyond
        `MOST_EVENTS` they are left out: to state them all is more than a recorder may."""
        if to_us - from_us > UNSTATED_US and len(self._found) < MOST_EVENTS:
            self._found.append(Span(from_us, to_us))

    def unstated(self, gaps: Sequence[Gap]) -> Iterator[tuple[Span, list[Span]]]:
        """Each hole that `gaps` leave unexplained for too long, and the pieces that none covers."""
        covered = union(gaps)
        ends = [to_us for _, to_us in covered]
        for hole in self._found:
            bare = _bare(hole, covered, bisect_right(ends, hole.from_us))
            if lasts_us(bare) > UNSTATED_US:
                yield hole, bare


def union(gaps: Iterable[Gap]) -> list[tuple[int, int]]:
    """What any gap covers, ascending, in media time, microseconds. Gaps may overlap and be in any
    order; one without a beginning or an end reaches beyond everything, and one that ends before it
    begins covers nothing."""
    found: list[tuple[int, int]] = []
    for from_us, to_us in sorted(
        (
            -_EVER if gap.from_us is None else gap.from_us,
            _EVER if gap.to_us is None else gap.to_us,
        )
        for gap in gaps
    ):
        if found and from_us <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], to_us))
        elif from_us <= to_us:
            found.append((from_us, to_us))
    return found


def _bare(hole: Span, covered: Sequence[tuple[int, int]], first: int) -> list[Span]:
    """The pieces of a hole that nothing covers, in their order. first: what of `covered` is the
    first that ends behind the hole's beginning."""
    left: list[Span] = []
    at_us = hole.from_us
    for index in range(first, len(covered)):
        from_us, to_us = covered[index]
        if from_us >= hole.to_us:
            break
        if from_us > at_us:
            left.append(Span(at_us, from_us))
        at_us = min(to_us, hole.to_us)
    if at_us < hole.to_us:
        left.append(Span(at_us, hole.to_us))
    return left


def lasts_us(spans: Iterable[Span]) -> int:
    """Sum of the lengths of these pieces, microseconds."""
    return sum(one.to_us - one.from_us for one in spans)
