"""Exact confidence intervals of counts; pure.

A count of events in a time of exposure is taken as Poisson distributed. Its interval is the exact
one of Garwood (Biometrika 28, 1936): the rates that do not make the count, or what is further from
them, rarer than 2.5 % on either side. A count out of a number of trials has that of Clopper and
Pearson (Biometrika 26, 1934) in the same way. Both cover the truth at least as often as they say,
and mostly more often, since counts are whole.

Both need one quantile of a distribution whose tail is a sum or a well-known function. scipy has
them, and would bring 100 MB with numpy to an office's server for these. So the tail of the gamma
distribution is evaluated here (series and continued fraction, DLMF 8.7.1 and 8.9.2), that of the
binomial one is summed, and the quantile is found by bisection; the tests compare with published
tables.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, inf, lgamma, log
from typing import Final, NamedTuple

CONFIDENCE: Final = 0.95
_HALVINGS: Final = 100
"""Of the bisection: more than a float has digits."""
_SMALL: Final = 1e-16


class Interval(NamedTuple):
    """Both ends count."""

    low: float
    high: float


def poisson_interval(count: int, confidence: float = CONFIDENCE) -> Interval:
    """Garwood's interval for the expectation of a count. Raises ValueError if it is negative."""
    if count < 0:
        raise ValueError(f"{count} is no count")
    tail = (1 - confidence) / 2
    most = count + 20.0 * (count + 1) ** 0.5 + 40
    # The chance of `count` or more at a rate x is the gamma tail P(count, x), and grows with x.
    low = 0.0 if count == 0 else _root(lambda x: gamma_tail(count, x) - tail, 0.0, most)
    high = _root(lambda x: gamma_tail(count + 1, x) - (1 - tail), 0.0, most)
    return Interval(low, high)


def share_interval(count: int, total: int, confidence: float = CONFIDENCE) -> Interval:
    """The interval of Clopper and Pearson for a share. Raises ValueError if count is not among
    0 to total, or there is nothing."""
    if not 0 <= count <= total or total == 0:
        raise ValueError(f"{count} of {total} is no share")
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else _root(lambda p: binomial_tail(count, total, p) - tail, 0, 1)
    if count == total:
        return Interval(low, 1.0)
    return Interval(low, _root(lambda p: binomial_tail(count + 1, total, p) - (1 - tail), 0, 1))


def gamma_tail(shape: float, x: float) -> float:
    """The regularised lower incomplete gamma function P(shape, x): for a whole shape the chance
    that a Poisson count of expectation x is at least `shape`."""
    if x <= 0:
        return 0.0
    front = exp(shape * log(x) - x - lgamma(shape))
    if x < shape + 1:
        term = total = 1 / shape
        step = 0
        while term > total * _SMALL:
            step += 1
            term *= x / (shape + step)
            total += term
        return min(1.0, front * total)
    # The upper tail by Lentz's way through the continued fraction. `upper` begins at infinity,
    # where a quotient by it is 0.
    value = denominator = x + 1 - shape
    upper, fraction, change = inf, 1 / value, 0.0
    step = 0
    while abs(change - 1) > 10 * _SMALL:
        step += 1
        factor = -step * (step - shape)
        value += 2
        denominator = value + factor / denominator
        upper = value + factor / upper
        change = upper / denominator
        fraction *= change
    return max(0.0, 1 - front * fraction)


def binomial_tail(count: int, total: int, share: float) -> float:
    """The chance of `count` or more among `total`, each with the chance `share`."""
    if share <= 0:
        return 0.0 if count > 0 else 1.0
    if share >= 1:
        return 1.0
    ratio = share / (1 - share)
    # Summed from the larger side of the two, from its greatest term on, until nothing is added.
    if count > total * share:
        return min(1.0, _sum(count, total, share, lambda k: (total - k) / (k + 1) * ratio, 1))
    return max(0.0, 1 - _sum(count - 1, total, share, lambda k: k / (total - k + 1) / ratio, -1))


def _sum(first: int, total: int, share: float, next_by: Callable[[int], float], step: int) -> float:
    """Probabilities of first, first + step, ... among `total`."""
    if not 0 <= first <= total:
        return 0.0
    choose = lgamma(total + 1) - lgamma(first + 1) - lgamma(total - first + 1)
    term = exp(choose + first * log(share) + (total - first) * log(1 - share))
    found, at = term, first
    while term > found * _SMALL and 0 <= at + step <= total:
        term *= next_by(at)
        at += step
        found += term
    return found


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that grows is 0."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if function(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
