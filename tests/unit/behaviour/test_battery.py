"""What a gauge says, and what is believed of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from camerad.base.clock import SECOND
from camerad.behaviour.battery import Battery, GaugeReading, Limits, Meter, step

LIMITS = Limits(low_minutes=15, critical=0.04, first_drain=1 / 3)
LOOK_US = 10 * SECOND


def readings(
    *levels: float | None, external: bool = False, recording: bool = True, from_us: int = 0
) -> Iterator[GaugeReading]:
    """One every ten seconds."""
    for number, level in enumerate(levels):
        yield GaugeReading(from_us + number * LOOK_US, level, external, recording)


def after(battery: Battery, *seen: GaugeReading) -> Battery:
    for one in seen:
        battery = step(battery, one, LIMITS)
    return battery


def life(
    hours: float, *, recording: bool = True, curve: float = 1.0, first: float = LIMITS.first_drain
) -> tuple[float | None, float | None, Battery]:
    """Minutes at which low and critical began while a battery that lasts so long ran empty.

    curve: over 1, the level falls ever faster, as it does where a gauge only knows the voltage.
    """
    limits = replace(LIMITS, first_drain=first)
    battery, low, critical, at_us = Battery(), None, None, 0
    while critical is None:
        spent = at_us / SECOND / 3600 / hours
        level = int(100 * max(0.0, 1 - spent**curve)) / 100
        battery = step(battery, GaugeReading(at_us, level, False, recording), limits)
        minutes = at_us / SECOND / 60
        low = minutes if battery.low and low is None else low
        critical = minutes if battery.critical else None
        at_us += LOOK_US
    return low, critical, battery


@pytest.mark.parametrize("curve", [1.0, 1.3, 1.6])
@pytest.mark.parametrize("hours", [0.7, 1.0, 1.9, 3.0, 5.0, 12.0])
def test_low_leaves_a_quarter_of_an_hour_of_recording(hours: float, curve: float) -> None:
    low, critical, _ = life(hours, curve=curve)
    assert low is not None
    assert critical is not None
    assert critical - low >= 15


@pytest.mark.parametrize("hours", [1.0, 3.0, 12.0])
def test_a_warning_is_not_cried_all_day(hours: float) -> None:
    low, critical, _ = life(hours)
    assert low is not None
    assert critical is not None
    # A fifth for safety, and at most a fifth that a gauge's steps cost the meter; the rest are two
    # steps of the gauge and the half minute that confirms critical.
    assert critical - low <= 15 * 1.2 * 1.25 + 2 * hours * 60 / 100 + 1


def test_the_drain_that_was_measured_is_what_the_battery_lost() -> None:
    _, _, battery = life(2.0)
    # Half of it in an hour; each conclusion is over five steps and at most one beside.
    assert battery.recording.rate == pytest.approx(0.5, rel=0.2)
    assert battery.standby.rate is None


def test_what_the_camera_loses_without_recording_is_a_drain_of_its_own() -> None:
    _, _, battery = life(10.0, recording=False)
    assert battery.recording.rate is None
    assert battery.standby.rate == pytest.approx(0.1, rel=0.2)
    assert battery.drain(LIMITS) == pytest.approx(1.2 / 3)
    # One that loses more at rest than it was thought to lose in a recording loses that then too.
    _, _, worn = life(1.0, recording=False)
    assert worn.drain(LIMITS) == pytest.approx(1.2, rel=0.2)


def test_a_drain_that_rises_counts_at_once_and_none_is_out_of_this_world() -> None:
    hour = 3600 * SECOND
    assert Meter().add(0.05, hour).rate == pytest.approx(0.05)
    assert Meter(0.25).add(0.05, hour) == Meter(0.15)
    assert Meter(0.25).add(0.5, hour) == Meter(0.5)
    assert Meter().add(0.04, hour) == Meter(None, 0.04, hour)
    assert Meter().add(0.9, SECOND).rate == 4.0
    assert Meter().add(0.05, 1000 * hour).rate == 0.02
    # A gauge that goes up and down measures nothing.
    assert Meter(None, 0.01, 5).add(-0.02, 5) == Meter(None, 0.0, 10)


@pytest.mark.parametrize(
    "second",
    [
        GaugeReading(LOOK_US, 0.8, True, True),  # a charger is there
        GaugeReading(LOOK_US, 0.8, False, False),  # it does not record any more
        GaugeReading(121 * SECOND, 0.8, False, True),  # nobody knows what it did meanwhile
    ],
)
def test_only_what_is_comparable_is_measured(second: GaugeReading) -> None:
    battery = after(Battery(), GaugeReading(0, 0.84, False, True), second)
    assert battery.level == 0.8
    assert battery.recording == battery.standby == Meter()


def test_low_is_over_when_a_quarter_more_is_left() -> None:
    # One percent of what is above critical is the gauge's step.
    battery = after(Battery(), *readings(0.14))
    assert battery.low  # 9 % at 40 % an hour: 13.5 minutes
    battery = after(battery, *readings(0.16, external=True, from_us=LOOK_US))
    assert battery.low  # 16.5 minutes
    battery = after(battery, *readings(0.18, external=True, from_us=2 * LOOK_US))
    assert not battery.low  # 19.5 minutes


def test_critical_has_to_stay_for_half_a_minute() -> None:
    battery = after(Battery(), *readings(0.04, 0.04, 0.04))
    assert not battery.critical
    assert after(battery, *readings(0.05, 0.04, from_us=3 * LOOK_US)).critical is False
    battery = after(battery, *readings(0.04, from_us=3 * LOOK_US))
    assert battery.critical
    # A battery that rests rises a little, and is as empty as before.
    assert after(battery, *readings(0.06, from_us=4 * LOOK_US)).critical
    assert not after(battery, *readings(0.07, from_us=4 * LOOK_US)).critical


def test_a_charger_ends_critical_at_once_and_lets_none_begin() -> None:
    battery = after(Battery(), *readings(0.02, 0.02, 0.02, 0.02))
    assert battery.critical
    docked = after(battery, *readings(0.02, external=True, from_us=4 * LOOK_US))
    assert (docked.critical, docked.docked, docked.low) == (False, True, True)
    assert not after(docked, *readings(*[0.02] * 9, external=True, from_us=5 * LOOK_US)).critical
    # Also where the gauge says nothing.
    assert not after(battery, *readings(None, external=True, from_us=4 * LOOK_US)).critical


def docked(*levels: float | None, from_number: int = 0) -> Iterator[GaugeReading]:
    return readings(*levels, external=True, from_us=from_number * LOOK_US)


def test_a_charger_that_does_not_hold_the_level_lets_critical_begin() -> None:
    battery = after(Battery(), *docked(0.06, 0.05))
    assert not battery.losing  # one step of a gauge is none
    battery = after(battery, *docked(0.04, 0.03, 0.03, from_number=2))
    assert (battery.docked, battery.losing, battery.critical) == (True, True, False)
    battery = after(battery, *docked(0.02, from_number=5))
    assert battery.critical
    # A gauge that fails for a moment is no charger that holds it.
    assert after(battery, *docked(None, from_number=6)).critical
    # It charges again, or comes off and on again.
    assert after(battery, *docked(0.03, from_number=6)).critical
    rising = after(battery, *docked(0.03, 0.04, from_number=6))
    assert (rising.losing, rising.critical) == (False, False)
    again = after(battery, *readings(0.02, from_us=6 * LOOK_US), *docked(0.02, from_number=7))
    assert (again.losing, again.critical) == (False, False)


def test_a_charger_is_measured_by_the_highest_level_that_it_reached() -> None:
    battery = after(Battery(), *docked(0.02, 0.03, 0.05, 0.04))
    assert not battery.losing
    assert after(battery, *docked(0.03, from_number=4)).losing
    # A full one that rests in the dock loses some, and is far from empty.
    full = after(Battery(), *docked(1.0, 0.98, 0.97, 0.97, 0.97, 0.97))
    assert (full.losing, full.low, full.critical) == (True, False, False)


def test_a_gauge_that_fails_is_unknown_after_half_a_minute_and_never_empty() -> None:
    battery = after(Battery(), *readings(0.5, None, None, None))
    assert (battery.unknown, battery.level) == (False, 0.5)
    battery = after(battery, *readings(None, from_us=4 * LOOK_US))
    assert (battery.unknown, battery.level, battery.minutes) == (True, None, None)
    assert not battery.low
    assert not battery.critical
    battery = after(battery, *readings(0.49, from_us=5 * LOOK_US))
    assert (battery.unknown, battery.level) == (False, 0.49)


def test_what_was_low_stays_so_while_the_gauge_fails() -> None:
    battery = after(Battery(), *readings(0.1, *[None] * 9))
    assert battery.unknown
    assert battery.low


def test_a_jump_is_believed_when_it_stays() -> None:
    battery = after(Battery(), *readings(0.8, 0.0, 0.0))
    assert battery.level == 0.8
    assert after(battery, *readings(0.79, from_us=3 * LOOK_US)).level == 0.79
    battery = after(battery, *readings(0.0, 0.0, from_us=3 * LOOK_US))
    assert battery.level == 0.0
    # And no drain is made of it.
    assert battery.recording == Meter()


def test_a_jump_up_is_believed_no_sooner_and_meanwhile_the_battery_stays_empty() -> None:
    battery = after(Battery(), *readings(0.03, 0.03, 0.03, 0.03, 0.8, 0.8, 0.8))
    assert (battery.level, battery.low, battery.critical) == (0.03, True, True)
    assert after(battery, *readings(0.03, from_us=7 * LOOK_US)).critical
    # As after a fall: half a minute later it is what the gauge says.
    battery = after(battery, *readings(0.8, from_us=7 * LOOK_US))
    assert (battery.level, battery.low, battery.critical) == (0.8, False, False)


def test_a_gauge_that_is_right_more_often_than_not_tells_that_the_battery_is_empty() -> None:
    battery = after(Battery(), *readings(*[0.03, 0.03, 0.8] * 3))
    assert battery.critical
    assert after(Battery(), *readings(*[0.03, 0.03, None] * 3)).critical
    # What it seldom says is no proof of anything.
    seldom = after(Battery(), *readings(*[0.03, 0.8, 0.79] * 9))
    assert (seldom.low, seldom.critical) == (True, False)


def test_a_gauge_that_says_this_and_that_is_unknown_and_never_empty() -> None:
    battery = after(Battery(), *readings(0.5, *[0.0, 1.0] * 2, 0.0))
    assert not battery.unknown
    battery = after(battery, *readings(*[1.0, 0.0] * 9, from_us=6 * LOOK_US))
    assert (battery.unknown, battery.low, battery.critical) == (True, False, False)
    battery = after(battery, *readings(0.48, from_us=24 * LOOK_US))
    assert (battery.unknown, battery.level) == (False, 0.48)


def none_shows(at_us: int, *, external: bool = False) -> GaugeReading:
    return GaugeReading(at_us, None, external, recording=True, shown=False)


def test_where_no_battery_was_ever_seen_nothing_is_the_matter() -> None:
    battery = after(Battery(), *(none_shows(number * LOOK_US) for number in range(9)))
    assert battery == Battery()
    # The dock is one all the same.
    assert after(battery, none_shows(9 * LOOK_US, external=True)) == Battery(docked=True)


def test_a_battery_that_shows_no_more_is_one_whose_gauge_fails() -> None:
    battery = after(Battery(), *readings(0.5, 0.5), *(none_shows(n * LOOK_US) for n in range(2, 5)))
    assert not battery.unknown
    battery = after(battery, none_shows(5 * LOOK_US, external=True))
    assert (battery.present, battery.unknown, battery.level) == (True, True, None)
    assert battery.docked
    assert not after(battery, *readings(0.49, from_us=6 * LOOK_US)).unknown


def test_a_battery_that_was_empty_when_it_vanished_stays_so() -> None:
    battery = after(Battery(), *readings(*[0.03] * 4))
    assert battery.critical
    gone = after(battery, *(none_shows(n * LOOK_US) for n in range(4, 9)))
    assert (gone.critical, gone.low, gone.unknown) == (True, True, True)
