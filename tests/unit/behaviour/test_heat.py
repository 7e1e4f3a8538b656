"""How hot it is, and how many pictures per second that leaves."""

from __future__ import annotations

import pytest

from camerad.base.clock import SECOND
from camerad.behaviour.heat import Cause, Heat, HeatReading, fps, step

HOT = 70.0
LOOK_US = 10 * SECOND


def after(heat: Heat, *celsius: float | None, throttled: bool | None = None) -> Heat:
    """A look every ten seconds after the last."""
    for number, one in enumerate(celsius, 1):
        heat = step(heat, HeatReading(heat.held_us + number * LOOK_US, one, throttled), HOT)
    return heat


@pytest.mark.parametrize(
    ("celsius", "index", "hot"),
    [(45.0, 0, False), (69.9, 0, False), (70.0, 1, True), (74.9, 1, True), (75.0, 2, True)],
)
def test_the_step_is_that_of_the_temperature(celsius: float, index: int, hot: bool) -> None:
    heat = after(Heat(), celsius)
    assert (heat.step, heat.hot) == (index, hot)
    assert heat.cause is (Cause.HEAT if index else Cause.COOLED)


@pytest.mark.parametrize(
    ("nominal", "expected"),
    # Two thirds, and half; never below 5, which is far from the half second that is a gap.
    [(30, (30, 20, 15)), (60, (60, 40, 30)), (25, (25, 17, 12)), (8, (8, 5, 5)), (5, (5, 5, 5))],
)
def test_the_pictures_per_second_of_each_step(nominal: int, expected: tuple[int, ...]) -> None:
    assert tuple(fps(Heat(index), nominal) for index in range(3)) == expected


def test_half_of_the_pictures_are_gone_before_the_firmware_slows_down() -> None:
    def index(celsius: float) -> int:
        return step(Heat(), HeatReading(LOOK_US, celsius), 75.0).step

    # 75 is the highest first threshold that may be chosen, and the firmware begins at 80.
    assert [index(celsius) for celsius in (74.9, 75.0, 77.9, 78.0)] == [0, 1, 1, 2]


def test_it_steps_down_at_once_and_up_one_by_one_a_minute_after_it_has_cooled() -> None:
    heat, seen = after(Heat(), 76.0), []
    for number in range(1, 20):
        heat = step(heat, HeatReading(LOOK_US + number * LOOK_US, 60.0), HOT)
        seen.append((heat.step, heat.hot, heat.cause))
    # It is too hot no longer, whatever the rate still is.
    assert seen[:5] == [(2, False, Cause.HEAT)] * 5
    assert seen[5:11] == [(1, False, Cause.COOLED)] * 6
    assert seen[11:] == [(0, False, Cause.COOLED)] * 8


@pytest.mark.parametrize(("first", "then"), [(76.0, 70.0), (71.0, 65.0)])
def test_within_five_degrees_it_stays(first: float, then: float) -> None:
    heat = after(Heat(), first)
    for number in range(60):
        heat = step(heat, HeatReading(number * LOOK_US, then), HOT)
    assert heat.step == after(Heat(), first).step
    assert heat.hot


def test_what_the_firmware_slows_down_takes_half_of_the_pictures_at_once() -> None:
    heat = after(Heat(), 40.0, throttled=True)
    assert (heat.step, heat.cause, heat.hot) == (2, Cause.THROTTLED, False)
    assert after(heat, *[40.0] * 20, throttled=True).step == 2
    cooled = after(heat, *[40.0] * 20, throttled=False)
    assert (cooled.step, cooled.cause) == (0, Cause.COOLED)


def test_heat_that_throttles_is_heat() -> None:
    assert after(Heat(), 82.0, throttled=True).cause is Cause.HEAT
    # One step by its temperature, the other by the firmware.
    heat = after(Heat(), 72.0, throttled=True)
    assert (heat.cause, heat.hot) == (Cause.THROTTLED, True)


@pytest.mark.parametrize(
    ("celsius", "throttled", "lasting"),
    [
        ((76.0,), False, Cause.HEAT),
        ((40.0,), True, Cause.THROTTLED),
        # The second step was the firmware's; what is left is the heat's.
        ((72.0, 72.0), True, Cause.HEAT),
    ],
)
def test_one_step_cooler_there_are_fewer_pictures_for_the_reason_that_took_the_step_left(
    celsius: tuple[float, ...], throttled: bool, lasting: Cause
) -> None:
    *warm, last = celsius
    heat = after(after(Heat(), *warm), last, throttled=throttled)
    while heat.step > 1:
        heat = after(heat, *[40.0] * 6)
    assert (heat.cause, heat.lasting) == (Cause.COOLED, lasting)
    while heat.step:
        heat = after(heat, *[40.0] * 6)
    assert heat.lasting is Cause.COOLED


def test_without_a_word_of_either_nothing_changes() -> None:
    heat = after(Heat(), 76.0)
    blind = after(heat, *[None] * 30)
    assert (blind.step, blind.hot) == (2, True)
    assert after(Heat(), None) == Heat(held_us=LOOK_US)


def test_the_firmware_alone_is_enough_to_come_back() -> None:
    """Where there is no thermal zone."""
    heat = after(Heat(), None, throttled=True)
    assert heat.step == 2
    assert after(heat, *[None] * 30, throttled=False).step == 0
