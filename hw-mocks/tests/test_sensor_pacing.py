"""When the simulated sensor exposes, in simulated time."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw_mocks.pacing import NANOSECONDS, Pace, exact_period

EPOCH = 1_000_000_000_123
periods = st.integers(9_678, 200_000).map(exact_period)


def exposures(pace: Pace, count: int) -> list[tuple[int, int]]:
    """(instant in nanoseconds, number) of the next exposures."""
    found = []
    for _ in range(count):
        found.append((pace.at_ns, pace.number))
        pace.advance()
    return found


@pytest.mark.parametrize(
    ("microseconds", "rate"),
    [(33_333, 30), (66_666, 15), (40_000, 25), (100_000, 10), (16_666, 60)],
)
def test_a_whole_rate_that_picamera2_cut_to_microseconds_is_exact(
    microseconds: int, rate: int
) -> None:
    assert exact_period(microseconds) == Fraction(NANOSECONDS, rate)


def test_thirty_frames_a_second_do_not_drift_in_an_hour() -> None:
    """An hour at 30 frames a second is 108000 frames, and ends to the nanosecond."""
    pace = Pace(EPOCH, exact_period(33_333), EPOCH + 3600 * NANOSECONDS)
    assert (pace.at_ns, pace.number) == (EPOCH + 3600 * NANOSECONDS, 108_000)


@settings(deadline=None)
@given(period=periods, after=st.integers(-(10**12), 10**15))
def test_two_processes_that_start_at_any_time_are_on_one_grid(period: Fraction, after: int) -> None:
    """Number and instant belong together whoever counts, and no exposure lies before the start."""
    pace = Pace(EPOCH, period, EPOCH + after)
    for at_ns, number in exposures(pace, 5):
        assert at_ns == EPOCH + int(number * period)
        assert at_ns >= EPOCH + max(0, after) - 1
        assert number == round(Fraction(at_ns - EPOCH) / period)


def test_half_the_rate_skips_every_second_number_and_spaces_evenly() -> None:
    pace = Pace(0, exact_period(33_333), 0)
    exposures(pace, 3)
    pace.change(exact_period(66_666))
    found = exposures(pace, 4)
    assert [number for _, number in found] == [3, 4, 6, 8]
    third, fourth = found[2][0] - found[1][0], found[3][0] - found[2][0]
    # 1/15 s in nanoseconds, rounded down at either end.
    assert {third, fourth} <= {66_666_666, 66_666_667}


def test_a_rate_beyond_the_first_one_makes_the_numbers_jump_ahead_once() -> None:
    """At 10 frames a second for 1 s, then 30: number 10 at 1 s, then number 31 at 1.033 s."""
    pace = Pace(0, exact_period(100_000), 0)
    exposures(pace, 10)
    pace.change(exact_period(33_333))
    assert [number for _, number in exposures(pace, 4)] == [10, 31, 32, 33]


@settings(deadline=None)
@given(first=periods, changes=st.lists(periods, max_size=6))
def test_whatever_the_rates_numbers_and_instants_only_grow(
    first: Fraction, changes: list[Fraction]
) -> None:
    pace = Pace(EPOCH, first, EPOCH + NANOSECONDS)
    found = exposures(pace, 3)
    for period in changes:
        pace.change(period)
        found += exposures(pace, 3)
    for (before, lower), (after, higher) in pairwise(found):
        assert after > before
        assert higher > lower
