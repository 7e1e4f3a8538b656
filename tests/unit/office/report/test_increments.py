"""Increments of counters are never negative, and losses are reported and not made up."""

from __future__ import annotations

from datetime import UTC, date

import pytest
from check_in_helpers import WALL_US, said

from camerad.base.clock import DAY, SECOND, ClockSource, Moment
from camerad.control.check_in_report import counters_of
from camerad.control.metrics import BOUNDS
from camerad.office.report.camera_readings import Reading
from camerad.office.report.increments import Increment, Reset, difference, flatten, increments
from camerad.office.report.report_days import days_in
from camerad.store.check_in import Counters

HOUR = 3600 * SECOND
DAY_OF = days_in(UTC)


def counters(hours: int, recordings: int, shifts: int | None = 0) -> Counters:
    """Of a camera that ran so long, and made so many recordings."""
    dumped = {
        "entered": {"recording": recordings},
        "recordings": {"stop": recordings},
        "failures": {"hot": 1},
        "handover_failures": {"network": 2},
        "lasted": {"self_view recording": [recordings, *[0] * len(BOUNDS), 0.1 * recordings]},
        "shifts": shifts or 0,
        "us": [hours * HOUR, hours * HOUR, 0],
    }
    found = counters_of(dumped)
    if shifts is None:  # of an earlier version
        later = ("shifts", "handover_failures")
        names = [name for name in Counters.__struct_fields__ if name not in later]
        return Counters(**{name: getattr(found, name) for name in names})
    return found


def reading(day: int, counted: Counters, **other: object) -> Reading:
    """A camera's reading of a day."""
    moment = Moment(day * DAY, WALL_US + day * DAY, ClockSource.SYNCHRONISED)
    made = said(clock=moment, counters=counted, **other)
    return Reading("kid", WALL_US + day * DAY, made, b"")


def found_in(*readings: Reading) -> list[Increment]:
    return list(increments(readings, DAY_OF))


def test_what_grew_between_two_readings_belongs_to_the_day_of_the_later() -> None:
    (one,) = found_in(reading(0, counters(10, 3)), reading(1, counters(18, 5)))
    assert one.day == date(2026, 11, 25)  # WALL_US is 24 November, 2026, in the afternoon
    assert one.counts["entered/recording"] == one.counts["recordings/stop"] == 2
    assert one.counts["lasted/self_view>recording/0"] == 2
    assert one.counts["running_us"] == 8 * HOUR
    assert (one.reset, one.out) == (None, True)
    assert found_in(reading(0, counters(10, 3))) == [], "before the first one nothing counts"


def test_a_camera_that_begins_anew_counts_from_nothing() -> None:
    (one,) = found_in(reading(0, counters(500, 300)), reading(1, counters(8, 5)))
    assert one.reset is Reset.BEGUN_ANEW
    assert one.counts["entered/recording"] == 5
    assert one.counts["running_us"] == 8 * HOUR


def test_a_camera_that_lost_an_hour_counts_no_more_than_is_above() -> None:
    (one,) = found_in(reading(0, counters(500, 300)), reading(1, counters(499, 299, shifts=4)))
    assert one.reset is Reset.STEPPED_BACK
    assert min(one.counts.values()) == 0
    assert one.counts["entered/recording"] == 0
    assert one.counts["shifts"] == 4


@pytest.mark.parametrize(
    ("hours", "reset", "recordings"),
    [(15, Reset.BEGUN_ANEW, 18), (16, Reset.STEPPED_BACK, 0), (20, Reset.STEPPED_BACK, 0)],
)
def test_a_young_camera_that_lost_an_hour_is_none_that_begins_anew(
    hours: int, reset: Reset, recordings: int
) -> None:
    """All that it has ever counted fits into the days in between. It was counted before."""
    first, second = found_in(
        reading(0, counters(0, 0)), reading(2, counters(17, 20)), reading(5, counters(hours, 18))
    )
    assert first.counts["entered/recording"] == 20
    assert second.reset is reset
    assert second.counts["entered/recording"] == recordings
    assert second.counts["running_us"] == (hours if recordings else max(0, hours - 17)) * HOUR


def test_more_time_than_passed_counts_for_nothing() -> None:
    (one,) = found_in(reading(0, counters(5, 300)), reading(1, counters(400, 900)))
    assert (one.reset, dict(one.counts)) == (Reset.LEAPT, {})


def test_no_order_of_readings_gives_a_negative_number() -> None:
    rows = [counters(hours, number) for hours in (0, 3, 30, 300) for number in (0, 3, 30)]
    for old in rows:
        for new in rows:
            counts, _ = difference(flatten(old), flatten(new), 10 * HOUR)
            assert all(count >= 0 for count in counts.values())


def test_what_an_earlier_version_did_not_count_begins_with_the_first_that_does() -> None:
    before, after, later = counters(1, 0, None), counters(2, 0, 7), counters(3, 0, 9)
    first, second = found_in(reading(0, before), reading(1, after), reading(2, later))
    assert not [name for name in first.counts if name.startswith(("shifts", "handovers"))]
    assert second.counts["shifts"] == 2


def test_a_battery_counts_as_it_was_when_the_camera_was_taken() -> None:
    docked, out = reading(0, counters(1, 0), battery=77), reading(1, counters(2, 1), battery=20)
    assert found_in(docked, out)[0].battery == 77
    assert found_in(docked, reading(1, counters(2, 0)))[0].battery is None  # it was not out
    undocked = reading(0, counters(1, 0), battery=77, conditions=())
    assert found_in(undocked, out)[0].battery is None


@pytest.mark.parametrize("wall_us", [-(1 << 60), 1 << 60])
def test_a_time_that_is_no_date_is_an_error_and_no_other_one(wall_us: int) -> None:
    with pytest.raises(ValueError, match="no date"):
        DAY_OF(wall_us)
