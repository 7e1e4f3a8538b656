"""Medians and other quantiles of what was counted in buckets, pure.

No person's single value is kept, only how many fell between which bounds. So a quantile is known to
lie in one bucket; within it the values are taken as evenly spread (as Prometheus'
``histogram_quantile`` does). `Quantile` says the bucket as well, so a reader sees how coarse it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

HOUR: Final = 3600
DELAYS: Final = (
    *(60, 300, 600, 900, 1800),
    *(HOUR * hours for hours in (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 36, 48, 72, 168)),
)
"""Upper bounds in seconds: from the end of a recording to its entry in the office's ledger."""
LENGTHS: Final = (5, 10, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 3600)
"""Upper bounds in seconds: how long a recording is."""
PERCENTS: Final = tuple(range(5, 101, 5))
"""Upper bounds in percent: what a battery has."""


class Quantile(NamedTuple):
    """value: the estimate; None beyond the last bound. low, high: between which it is for
    certain; high is None beyond the last bound."""

    value: float | None
    low: float
    high: float | None


def count_in(bounds: Sequence[float], values: Sequence[float]) -> tuple[int, ...]:
    """How many values lie in each bucket; the last is for what is beyond all bounds."""
    counts = [0] * (len(bounds) + 1)
    for one in values:
        counts[bisect_left(bounds, one)] += 1
    return tuple(counts)


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> Quantile | None:
    """The value that a share of all does not exceed; None if nothing was counted. counts: of each
    bucket, and of what is beyond the last bound."""
    below = list(accumulate(counts))
    if not below[-1]:
        return None
    rank = share * below[-1]
    at = next(number for number, sums in enumerate(below) if sums >= rank and counts[number])
    low = float(bounds[at - 1]) if at else 0.0
    if at == len(bounds):
        return Quantile(None, low, None)
    high = float(bounds[at])
    part = (rank - below[at] + counts[at]) / counts[at]
    return Quantile(low + (high - low) * max(0.0, part), low, high)
