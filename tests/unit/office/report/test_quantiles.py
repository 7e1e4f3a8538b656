"""Quantiles of buckets lie where the values are."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from camerad.control.metrics import BOUNDS
from camerad.office.report.quantiles import DELAYS, LENGTHS, PERCENTS, count_in, quantile


@pytest.mark.parametrize("bounds", [BOUNDS, DELAYS, LENGTHS, PERCENTS])
def test_bounds_grow(bounds: tuple[float, ...]) -> None:
    assert all(one < other for one, other in pairwise(bounds))


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
    counts = count_in((10, 20, 30), [15] * 4 + [25] * 4)
    assert counts == (0, 4, 4, 0)
    found = quantile((10, 20, 30), counts, 0.5)
    assert found == (20.0, 10.0, 20.0)  # the last of the first half ends where its bucket does
    assert quantile((10, 20, 30), counts, 0.25) == (15.0, 10.0, 20.0)
    assert quantile((10, 20, 30), (4, 0, 0, 0), 0.5) == (5.0, 0.0, 10.0)
    assert quantile((10, 20), (0, 1, 9), 0.5) == (None, 20.0, None)  # beyond the last bound
    assert quantile((10, 20), (0, 0, 0), 0.5) is None
    assert count_in((10, 20), [10, 10.5, 20, 21]) == (1, 2, 1)
