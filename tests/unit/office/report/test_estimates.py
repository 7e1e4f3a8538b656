"""Intervals are those of the tables, and quantiles lie where the values are."""

from __future__ import annotations

import random
from functools import lru_cache
from itertools import pairwise

import pytest
from report_year import _poisson

from camerad.control.metrics import BOUNDS
from camerad.office.report.estimates import (
    DELAYS,
    LENGTHS,
    PERCENTS,
    count_in,
    poisson_interval,
    quantile,
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
    assert poisson_interval(count) == pytest.approx((low, high), abs=6e-4)


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
    assert share_interval(count, total) == pytest.approx((low, high), abs=5e-5)


def test_large_counts_come_near_to_the_normal_distribution() -> None:
    assert poisson_interval(1_000_000) == pytest.approx((998_040.9, 1_001_961.9), abs=1.0)


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


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.95])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_true_quantile_is_between_the_bounds_that_are_said(share: float, seed: int) -> None:
    draw = random.Random(seed)
    values = sorted(draw.expovariate(1 / 300) for _ in range(500))
    found = quantile(LENGTHS, count_in(LENGTHS, values), share)
    assert found is not None and found.high is not None and found.value is not None
    true = values[max(0, round(share * len(values)) - 1)]
    assert found.low <= true <= found.high
    assert found.low <= found.value <= found.high


def test_within_a_bucket_values_count_as_evenly_spread_and_beyond_all_nothing_is_known() -> None:
    for bounds in (BOUNDS, DELAYS, LENGTHS, PERCENTS):
        assert all(one < other for one, other in pairwise(bounds))
    counts = count_in((10, 20, 30), [15] * 4 + [25] * 4)
    assert counts == (0, 4, 4, 0)
    found = quantile((10, 20, 30), counts, 0.5)
    assert found == (20.0, 10.0, 20.0)  # the last of the first half ends where its bucket does
    assert quantile((10, 20, 30), counts, 0.25) == (15.0, 10.0, 20.0)
    assert quantile((10, 20, 30), (4, 0, 0, 0), 0.5) == (5.0, 0.0, 10.0)
    assert quantile((10, 20), (0, 1, 9), 0.5) == (None, 20.0, None)  # beyond the last bound
    assert quantile((10, 20), (0, 0, 0), 0.5) is None
    assert count_in((10, 20), [10, 10.5, 20, 21]) == (1, 2, 1)
