"""What the soak calls growth."""

from __future__ import annotations

import pytest

from tests.campaign.soak import Grown, Sample, lasting

pytestmark = pytest.mark.campaign


def grown(*sizes: int) -> Grown:
    """A process, looked at every ten minutes."""
    samples = [Sample(600.0 * n, 1, "idle", size, size, 9, 5) for n, size in enumerate(sizes)]
    return Grown("camerad", samples)


def test_a_process_that_grows_evenly_has_that_slope() -> None:
    # 100 kB in ten minutes are 600 kB in an hour.
    assert grown(1000, 1100, 1200, 1300).slope(0) == pytest.approx(600)


def test_what_comes_and_goes_has_none() -> None:
    assert grown(1000, 1200, 1000, 1200, 1000).slope(0) == pytest.approx(0)


def test_the_first_part_does_not_count() -> None:
    assert grown(0, 900, 1000, 1000, 1000).slope(1200) == pytest.approx(0)


def test_two_looks_are_no_slope() -> None:
    assert grown(1000, 1100, 1200).slope(600) is None


def test_what_is_there_at_one_look_only_does_not_last() -> None:
    assert lasting([8, 8, 9, 8, 8]) == {8}
    assert lasting([8, 8, 9, 9, 9]) == {8, 9}
    assert lasting([8, 9, 10]) == {8, 9}
