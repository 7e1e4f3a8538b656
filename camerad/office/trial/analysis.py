"""The analysis of a pilot, which is fixed before it begins: an exact interval, and power; pure.

Of all N shifts let K be those in which the outcome would happen if all had the camera, and L if
none had. What is asked for is the difference (K - L) / N. Only the draw is random: nothing is
assumed of how often things happen, in which seasons, to which officers, or together. Of the K
shifts, S fall into those that were drawn. A block's part of S is hypergeometric, and so a sum of
independent trials (Vatutin and Mikhailov 1982; Tang and Tang, Statistical Science 38, 2023). Hence
S is a sum of at most K independent trials with K / 2 as its mean, and its tails are no greater than
those of the binomial distribution with K trials of chance 1/2 (Hoeffding, Annals of Mathematical
Statistics 27, 1956). The values of K which do not make S rarer than 1.25 % on either side are an
interval of 97.5 %; with the same for L, the difference has one of at least 95 % (Bonferroni; as the
first method of arXiv 2508.03834, for strata). It is a seventh wider than the usual one, which is
right only for many events.

A shift without a form counts both ways: as one in which it happened, and as one in which not. So
nothing is gained by leaving forms out.

There is one analysis, after the end, and no figure by arm before: so no correction for looks in
between is needed. Power is that of this very interval, where shifts are independent of each other.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cache
from itertools import accumulate
from math import exp, lgamma, log
from typing import Final

import msgspec

from camerad.office.report.estimates import Interval, binomial_tail
from camerad.office.trial.trial_plan import MOST_SHIFTS

TAIL: Final = 0.0125
"""On each side of each of two intervals: 5 % in all."""
ENOUGH_POWER: Final = 0.8
_NEGLIGIBLE: Final = 1e-12


class ArmCount(msgspec.Struct, frozen=True):
    """Of the shifts that were drawn alike: in how many it happened, in how many it did not, and how
    many have no form."""

    happened: int
    did_not: int
    unknown: int


@cache
def least_total(count: int) -> int:
    """The least K of which so many in the drawn half are not too many."""
    low, high = count, 2 * count
    while low < high:
        middle = (low + high) // 2
        if binomial_tail(count, middle, 0.5) > TAIL:
            high = middle
        else:
            low = middle + 1
    return low


@cache
def most_total(count: int) -> int:
    """The greatest K of which so few in the drawn half are not too few."""
    low, high = 2 * count, 2 * count + 40 + 20 * round((count + 1) ** 0.5)
    while low < high:
        middle = (low + high + 1) // 2
        if middle <= count or 1 - binomial_tail(count + 1, middle, 0.5) > TAIL:
            low = middle
        else:
            high = middle - 1
    return low


def total_interval(arm: ArmCount, shifts: int) -> Interval:
    """The interval of 97.5 % for in how many of all shifts it would have happened."""
    low = least_total(arm.happened)
    high = min(most_total(arm.happened + arm.unknown), shifts - arm.did_not)
    return Interval(low, max(low, high))


def difference_interval(having: ArmCount, lacking: ArmCount, shifts: int) -> Interval:
    """The interval of 95 % for the effect: in how many more of 100 shifts it happens with what is
    compared than without; negative if in fewer. shifts: all of them, at least 1."""
    one, other = total_interval(having, shifts), total_interval(lacking, shifts)
    scale = 100 / shifts
    return Interval((one.low - other.high) * scale, (one.high - other.low) * scale)


def power(shifts: int, usual: float, relevant: float) -> float:
    """The chance that the interval does not have 0 in it. usual, relevant: shares of shifts,
    without and with what is compared."""
    half = shifts // 2
    lacking, having = _binomial(half, usual), _binomial(half, relevant)
    likely = max(
        count for count in range(half + 1) if max(lacking[count], having[count]) > _NEGLIGIBLE
    )
    below = [0.0, *accumulate(lacking[: likely + 1])]
    mosts = [most_total(count) for count in range(likely + 1)]
    leasts = [least_total(count) for count in range(likely + 1)]
    found = 0.0
    for count in range(likely + 1):
        fewer = bisect_left(mosts, leasts[count])
        more = bisect_right(leasts, mosts[count])
        found += having[count] * (below[fewer] + below[-1] - below[more])
    return min(1.0, found)


def needed_shifts(usual: float, relevant: float) -> int | None:
    """How many shifts it takes to find such an effect with a chance of 80 %; None for more than
    `MOST_SHIFTS`."""
    low, high = 8, 16
    while power(high, usual, relevant) < ENOUGH_POWER:
        low, high = high, 2 * high
        if high > MOST_SHIFTS:
            return None
    while high - low > max(2, low // 100):
        middle = (low + high) // 2
        if power(middle, usual, relevant) < ENOUGH_POWER:
            low = middle
        else:
            high = middle
    return high


def _binomial(total: int, share: float) -> list[float]:
    """The chance of each count."""
    if share in (0, 1):
        return [float(count == total * share) for count in range(total + 1)]
    return [
        exp(
            lgamma(total + 1)
            - lgamma(count + 1)
            - lgamma(total - count + 1)
            + count * log(share)
            + (total - count) * log(1 - share)
        )
        for count in range(total + 1)
    ]
