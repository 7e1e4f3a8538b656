"""Buttons: edges with their time, levels, and lines that cannot be had."""

from __future__ import annotations

import pytest
from gpiozero.pins.mock import MockFactory

from camerad.base.clock import ManualClock
from camerad.base.errors import EX_UNAVAILABLE, HardwareError
from camerad.hardware.buttons import ButtonLine, Buttons

MAIN, DISPLAY = ButtonLine("main", 17), ButtonLine("display", 27)


def test_every_edge_is_reported_with_its_media_time(pins: MockFactory) -> None:
    edges: list[tuple[str, bool, int]] = []
    clock = ManualClock(1_000)
    buttons = Buttons((MAIN, DISPLAY), lambda *edge: edges.append(edge), clock)
    pins.pin(17).drive_low()  # active low: a press connects to ground
    clock.advance(500)
    pins.pin(17).drive_high()
    pins.pin(27).drive_low()
    assert edges == [("main", True, 1_000), ("main", False, 1_500), ("display", True, 1_500)]
    buttons.close()


def test_an_edge_that_is_seen_late_bears_the_time_at_which_it_happened(pins: MockFactory) -> None:
    edges: list[tuple[str, bool, int]] = []
    clock = ManualClock(2_000_000)
    buttons = Buttons((MAIN,), lambda *edge: edges.append(edge), clock)
    device = buttons._devices["main"]
    pins.ticks = lambda: 100.030
    device._pin_changed(100.0, 0)  # the kernel's stamp is 30 ms old: the press
    device._pin_changed(100.003, 1)  # and its bounce, 3 ms after it
    assert edges == [("main", True, 1_970_000), ("main", False, 1_973_000)]
    buttons.close()


@pytest.mark.parametrize("held_up", [1, 2])
def test_a_thread_that_is_held_up_as_it_reads_the_clocks_changes_no_edge(
    pins: MockFactory, held_up: int
) -> None:
    """For 20 ms, before it reads ours for the first time, or for the second."""

    class Clock(ManualClock):
        reads = 0

        def now_us(self) -> int:
            self.reads += 1
            if self.reads == held_up:
                self.advance(20_000)
            return super().now_us()

    edges: list[tuple[str, bool, int]] = []
    clock = Clock(2_000_000)
    buttons = Buttons((MAIN,), lambda *edge: edges.append(edge), clock)
    pins.ticks = lambda: clock._now_us / 1e6
    buttons._devices["main"]._pin_changed(1.99, 0)
    assert edges == [("main", True, 1_990_000)]
    buttons.close()


@pytest.mark.parametrize("stamp", [3_000.0, 90.0], ids=["in the future", "long ago"])
def test_an_edge_stamped_by_another_clock_counts_as_just_seen(
    pins: MockFactory, stamp: float
) -> None:
    edges: list[tuple[str, bool, int]] = []
    buttons = Buttons((MAIN,), lambda *edge: edges.append(edge), ManualClock(2_000_000))
    pins.ticks = lambda: 100.0
    buttons._devices["main"]._pin_changed(stamp, 0)
    assert edges == [("main", True, 2_000_000)]
    buttons.close()


def test_a_button_wired_to_3v3_is_pressed_when_high(pins: MockFactory) -> None:
    edges: list[tuple[str, bool, int]] = []
    buttons = Buttons(
        (ButtonLine("main", 17, active_low=False),), lambda *edge: edges.append(edge), ManualClock()
    )
    assert buttons.levels() == {"main": False}
    pins.pin(17).drive_high()
    assert edges == [("main", True, 0)]
    assert buttons.levels() == {"main": True}
    buttons.close()


def test_a_button_held_before_the_start_shows_in_its_level(pins: MockFactory) -> None:
    edges: list[tuple[str, bool, int]] = []
    buttons = Buttons((MAIN,), lambda *edge: edges.append(edge), ManualClock())
    buttons.close()
    pins.pin(17).drive_low()
    buttons = Buttons((MAIN,), lambda *edge: edges.append(edge), ManualClock())
    # A pin that gpiozero sets up anew floats to its pull-up; the hand still holds it down.
    pins.pin(17).drive_low()
    assert buttons.levels() == {"main": True}
    buttons.close()


def test_a_line_in_use_is_one_sentence_that_names_it_and_frees_the_others(
    pins: MockFactory,
) -> None:
    first = Buttons((DISPLAY,), lambda *_: None, ManualClock())
    with pytest.raises(HardwareError) as caught:
        Buttons((MAIN, DISPLAY), lambda *_: None, ManualClock())
    assert str(caught.value).startswith("GPIO 27 (buttons.display.gpio) is already in use")
    assert caught.value.exit_code == EX_UNAVAILABLE
    first.close()
    # GPIO 17 was given back: it can be opened again.
    Buttons((MAIN, DISPLAY), lambda *_: None, ManualClock()).close()


def test_a_line_that_the_board_lacks_is_one_sentence(pins: MockFactory) -> None:
    with pytest.raises(HardwareError, match=r"^GPIO 99 \(buttons\.main\.gpio\) cannot be opened"):
        Buttons((ButtonLine("main", 99),), lambda *_: None, ManualClock())


def test_close_can_be_called_again(pins: MockFactory) -> None:
    buttons = Buttons((MAIN,), lambda *_: None, ManualClock())
    buttons.close()
    buttons.close()
