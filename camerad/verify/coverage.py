"""Times without pictures, or without sound, and how much of them the stated gaps cover; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from camerad.container.gaps import Gap
from camerad.verify.findings import Span

AHEAD_US: Final = 60_000_000
"""A statement may name times so far beyond what it can know. So no rounding is called a
contradiction, and no press just before the recorder began."""
UNSTATED_US: Final = 1_000_000
"""A longer time without pictures, or without sound, must be stated as a gap. The recorder states
half of it."""


class Holes:
    """Times without pictures, or without sound, that are long enough that they must be stated."""

    def __init__(self) -> None:
        self._found: list[Span] = []

    def add(self, from_us: int, to_us: int) -> None:
        """Note that nothing is between these two media times, unless the time is short."""
        if to_us - from_us > UNSTATED_US:
            self._found.append(Span(from_us, to_us))

    def unstated(self, gaps: Sequence[Gap]) -> Iterator[tuple[Span, list[Span]]]:
        """Each hole that `gaps` leave unexplained for too long, and the pieces that none covers."""
        for hole in self._found:
            bare = uncovered(hole, gaps)
            if lasts_us(bare) > UNSTATED_US:
                yield hole, bare


def uncovered(hole: Span, gaps: Iterable[Gap]) -> list[Span]:
    """The pieces of a hole that no gap covers, in their order.

    hole, gaps: in media time, microseconds. A gap without a beginning or an end reaches beyond the
    hole. Gaps may overlap and be in any order.
    """
    covered = sorted(
        (
            hole.from_us if gap.from_us is None else gap.from_us,
            hole.to_us if gap.to_us is None else gap.to_us,
        )
        for gap in gaps
    )
    left: list[Span] = []
    at_us = hole.from_us
    for from_us, to_us in covered:
        if from_us > at_us:
            left.append(Span(at_us, min(from_us, hole.to_us)))
        at_us = min(max(at_us, to_us), hole.to_us)
    left.append(Span(at_us, hole.to_us))
    return [one for one in left if one.to_us > one.from_us]


def lasts_us(spans: Iterable[Span]) -> int:
    """Sum of the lengths of these pieces, microseconds."""
    return sum(one.to_us - one.from_us for one in spans)
