"""Confidence intervals of counts, and quantiles of what was counted in buckets; pure.

A count of events in a time of exposure is taken as Poisson distributed. Its interval is the exact
one of Garwood (Biometrika 28, 1936): the rates that do not make the count, or what is further from
them, rarer than 2.5 % on either side. A count out of a number of trials has that of Clopper and
Pearson (Biometrika 26, 1934) in the same way. Both cover the truth at least as often as they say,
and mostly more often, since counts are whole. scipy has both, and would bring 100 MB with numpy for
them; here the tail of the distribution is summed, and its quantile is found by bisection.

No person's single value is kept, only how many fell between which bounds. So a quantile is known to
lie in one bucket; within it the values are taken as evenly spread (as Prometheus'
``histogram_quantile`` does). `Quantile` says the bucket as well, so a reader sees how coarse it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate
from math import exp, lgamma, log
from typing import Final, NamedTuple

_TAIL: Final = 0.025
"""On either side of an interval of 95 %."""
_HALVINGS: Final = 100
"""Of the bisection: more than a float has digits."""
_SMALL: Final = 1e-16
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


class Interval(NamedTuple):
    """Both ends count."""

    low: float
    high: float


class Quantile(NamedTuple):
    """value: the estimate; None beyond the last bound. low, high: between which it is for
    certain; high is None beyond the last bound."""

    value: float | None
    low: float
    high: float | None


def poisson_interval(count: int) -> Interval:
    """Garwood's interval for the expectation of a count."""
    most = count + 20.0 * (count + 1) ** 0.5 + 40
    # The chance of `count` or more grows with the rate.
    low = _root(lambda rate: _poisson_tail(count, rate) - _TAIL, most) if count else 0.0
    return Interval(low, _root(lambda rate: _poisson_tail(count + 1, rate) - 1 + _TAIL, most))


def share_interval(count: int, total: int) -> Interval:
    """The interval of Clopper and Pearson for a share. count: among 0 to total, which is not 0."""
    low = _root(lambda share: binomial_tail(count, total, share) - _TAIL, 1) if count else 0.0
    if count == total:
        return Interval(low, 1.0)
    return Interval(low, _root(lambda share: binomial_tail(count + 1, total, share) - 1 + _TAIL, 1))


def _poisson_tail(count: int, rate: float) -> float:
    """The chance of `count` events or more, at least 1, where `rate` are expected."""
    if count > rate:
        return _sum(_poisson(count, rate), count, 1, lambda k: rate / (k + 1))
    return 1 - _sum(_poisson(count - 1, rate), count - 1, -1, lambda k: k / rate)


def _poisson(count: int, rate: float) -> float:
    return exp(count * log(rate) - rate - lgamma(count + 1))


def binomial_tail(count: int, total: int, share: float) -> float:
    """The chance of `count` or more, at least 1, among `total`, each with the chance `share`."""
    ratio = share / (1 - share)

    def chance(k: int) -> float:
        choose = lgamma(total + 1) - lgamma(k + 1) - lgamma(total - k + 1)
        return exp(choose + k * log(share) + (total - k) * log(1 - share))

    if count > total * share:
        return _sum(chance(count), count, 1, lambda k: (total - k) / (k + 1) * ratio)
    return 1 - _sum(chance(count - 1), count - 1, -1, lambda k: k / (total - k + 1) / ratio)


def _sum(term: float, at: int, step: int, next_by: Callable[[int], float]) -> float:
    """A term and those behind it, each by a factor from the one before, until nothing is added."""
    found = term
    while term > found * _SMALL:
        term *= next_by(at)
        at += step
        found += term
    return found


def _root(function: Callable[[float], float], high: float) -> float:
    """Where a function that grows is 0, between 0 and `high`."""
    low = 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if function(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


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
