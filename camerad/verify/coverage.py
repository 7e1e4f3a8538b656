"""What of a time without pictures, or without sound, the stated gaps cover; pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from camerad.container.gaps import Gap
from camerad.verify.findings import Span

UNSTATED_US: Final = 1_000_000
"""A longer time without pictures, or without sound, has to be stated as a gap; the recorder states
half of it."""


def uncovered(hole: Span, gaps: Iterable[Gap]) -> list[Span]:
    """The pieces of a hole that no gap covers, in their order.

    hole, gaps: in media time, microseconds. A gap without a beginning or an end reaches as far as
    need be; gaps may overlap and be in any order.
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
    """How long they are together, microseconds."""
    return sum(one.to_us - one.from_us for one in spans)
