"""The intervals are those of the tables, and cover the truth as often as they say."""

from __future__ import annotations

import random
from functools import lru_cache
from math import exp, lgamma, log

import pytest
from report_year import _poisson

from camerad.office.report import intervals
from camerad.office.report.intervals import (
    binomial_tail,
    gamma_tail,
    poisson_interval,
    share_interval,
)

SIMULATIONS = 1000
"""Of each truth: the share that covers it is known to 2 points then."""


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [  # Garwood's table, as reprinted by Johnson, Kotz and Kemp: 95 % limits of a Poisson mean
        (0, 0.0, 3.689),
        (1, 0.0253, 5.572),
        (2, 0.242, 7.225),
        (5, 1.623, 11.668),
        (10, 4.795, 18.390),
        (20, 12.217, 30.888),
        (50, 37.111, 65.919),
        (100, 81.364, 121.627),
    ],
)
def test_the_poisson_interval_is_garwoods(count: int, low: float, high: float) -> None:
    found = poisson_interval(count)
    assert found.low == pytest.approx(low, abs=6e-4)
    assert found.high == pytest.approx(high, abs=6e-4)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [  # Clopper and Pearson's: 0 and all of n in closed form, the others from published tables
        (0, 10, 0.0, 1 - 0.025 ** (1 / 10)),
        (10, 10, 0.025 ** (1 / 10), 1.0),
        (1, 10, 0.0025, 0.4450),
        (5, 20, 0.0866, 0.4910),
        (50, 100, 0.3983, 0.6017),
        (4000, 10_000, 0.39038, 0.40968),
    ],
)
def test_the_share_has_that_of_clopper_and_pearson(
    count: int, total: int, low: float, high: float
) -> None:
    found = share_interval(count, total)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


@pytest.mark.parametrize("shape", [1, 2, 7, 40, 300])
@pytest.mark.parametrize("part", [0.05, 0.5, 0.95, 1.0, 1.05, 1.5, 4.0])
def test_the_gamma_tail_is_the_poisson_sum(shape: int, part: float) -> None:
    x = shape * part
    rest = sum(exp(k * log(x) - x - lgamma(k + 1)) for k in range(shape))
    assert gamma_tail(shape, x) == pytest.approx(1 - rest, abs=1e-12)
    assert gamma_tail(shape, 0) == 0


def test_a_tail_is_everything_or_nothing_at_its_ends() -> None:
    assert (binomial_tail(0, 5, 0.0), binomial_tail(1, 5, 0.0)) == (1.0, 0.0)
    assert (binomial_tail(5, 5, 1.0), binomial_tail(0, 5, 0.4)) == (1.0, 1.0)
    assert binomial_tail(6, 5, 0.4) == 0.0
    assert binomial_tail(3, 5, 0.5) == pytest.approx(0.5)


def test_large_counts_come_near_to_the_normal_distribution() -> None:
    low, high = poisson_interval(1_000_000)
    assert (low, high) == pytest.approx((998_040.9, 1_001_961.9), abs=1.0)


@pytest.mark.parametrize("wrong", [(-1, 5), (6, 5), (0, 0)])
def test_what_is_no_share_has_none(wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no share"):
        share_interval(*wrong)
    with pytest.raises(ValueError, match="no count"):
        poisson_interval(-1)


@pytest.mark.parametrize("expected", [0.7, 3.0, 12.0, 60.0, 150.0])
def test_a_rate_s_interval_covers_the_truth_as_often_as_it_says(expected: float) -> None:
    draw = random.Random(17)
    interval = lru_cache(maxsize=None)(poisson_interval)
    covered = sum(
        low <= expected <= high
        for low, high in (interval(_poisson(draw, expected)) for _ in range(SIMULATIONS))
    )
    # Exact: at least 95 %, but for three standard errors of a thousand draws (0.7 points each).
    assert covered >= 0.95 * SIMULATIONS - 21
    # Not so wide that it says nothing: of means of 10 and more about 96 %.
    assert expected < 10 or covered <= 0.97 * SIMULATIONS + 17


@pytest.mark.parametrize(("total", "share"), [(30, 0.1), (200, 0.3), (400, 0.7)])
def test_a_share_s_interval_covers_the_truth_as_often_as_it_says(total: int, share: float) -> None:
    draw = random.Random(17)
    interval = lru_cache(maxsize=None)(share_interval)
    covered = 0
    for _ in range(SIMULATIONS):
        low, high = interval(sum(draw.random() < share for _ in range(total)), total)
        covered += low <= share <= high
    assert covered >= 0.95 * SIMULATIONS - 21


def test_a_wrong_interval_is_found_by_this_way_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test before can fail: an interval by the normal approximation covers less."""
    monkeypatch.setattr(
        intervals,
        "poisson_interval",
        lambda n: intervals.Interval(n - 1.96 * n**0.5, n + 1.96 * n**0.5),
    )
    draw = random.Random(17)
    wrong = [intervals.poisson_interval(_poisson(draw, 3.0)) for _ in range(SIMULATIONS)]
    assert sum(low <= 3.0 <= high for low, high in wrong) < 0.95 * SIMULATIONS - 21
