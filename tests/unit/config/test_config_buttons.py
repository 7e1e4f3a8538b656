"""Buttons: two presets, any mapping of one's own, and none with which a camera would be useless."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from camerad.behaviour.bindings import (
    DEFAULT_ONE_BUTTON,
    DEFAULT_TWO_BUTTONS,
    Binding,
    ButtonTable,
    Gesture,
)
from camerad.behaviour.stages import Intent, Stage
from camerad.config import check_file, load
from tests.unit.config.vectors import vectors

Write = Callable[..., Path]

# Lines 1 to 7 of a configuration; tests add to it.
OWN = """\
policy: generic
buttons:
  trigger:
    gpio: 6
    gestures:
      - {gesture: press, in: [idle, self_view, recording], intent: escalate}
      - {gesture: hold, seconds: 1, in: [idle], intent: record}
"""
STOP = "      - {gesture: hold_press, seconds: 2.5, in: [recording], intent: stop}\n"


def test_two_buttons_is_the_preset_of_whoever_says_nothing(write: Write) -> None:
    settings = load(write("policy: generic\n"))
    assert settings.button_tables == DEFAULT_TWO_BUTTONS
    assert [(button.name, button.gpio) for button in settings.buttons] == [
        ("main", 17),
        ("display", 27),
    ]
    assert all(button.active_low for button in settings.buttons)


def test_one_button_leaves_the_pin_of_the_display_button_free(write: Write) -> None:
    settings = load(write("policy: generic\nbuttons: {preset: one-button}\nbuzzer: {gpio: 27}\n"))
    assert settings.button_tables == DEFAULT_ONE_BUTTON
    assert [button.gpio for button in settings.buttons] == [17]


def test_the_wiring_of_a_preset_can_be_set_alone(write: Write) -> None:
    text = (
        "policy: generic\nbuttons:\n"
        "  main: {gpio: 5, active_low: false, debounce_ms: 30, double_press_ms: 300}\n"
    )
    main, display = load(write(text)).buttons
    assert (main.gpio, main.active_low) == (5, False)
    assert main.table.debounce_us == 30_000
    assert main.table.double_press_us == 300_000
    assert main.table.bindings == DEFAULT_TWO_BUTTONS[0].bindings
    assert display.gpio == 27


def test_a_mapping_of_ones_own_becomes_a_button_table(write: Write) -> None:
    (button,) = load(write(OWN + STOP)).buttons
    escalate = frozenset({Stage.IDLE, Stage.SELF_VIEW, Stage.RECORDING})
    assert (button.name, button.gpio, button.active_low) == ("trigger", 6, True)
    assert button.table == ButtonTable(
        "trigger",
        (
            Binding(Gesture.PRESS, Intent.ESCALATE, escalate),
            Binding(Gesture.HOLD, Intent.RECORD, frozenset({Stage.IDLE}), 1_000_000),
            Binding(Gesture.HOLD_PRESS, Intent.STOP, frozenset({Stage.RECORDING}), 2_500_000),
        ),
    )


def test_holds_of_different_length_may_mean_different_things_in_one_stage(write: Write) -> None:
    more = "      - {gesture: hold, seconds: 1, in: [recording], intent: mark}\n"
    assert check_file(write(OWN + STOP + more)) == []


def test_a_press_and_a_hold_may_mean_something_of_its_own(write: Write) -> None:
    more = "      - {gesture: press_hold, seconds: 1, in: [recording], intent: toggle_mute}\n"
    (button,) = load(write(OWN + STOP + more)).buttons
    assert button.table.bindings[-1] == Binding(
        Gesture.PRESS_HOLD, Intent.TOGGLE_MUTE, frozenset({Stage.RECORDING}), 1_000_000
    )


def test_the_status_shows_by_itself_only_where_no_gesture_asks_for_it(write: Write) -> None:
    assert not load(write("policy: generic\n")).rules.status_at_ready
    assert load(write("policy: generic\nbuttons: {preset: one-button}\n")).rules.status_at_ready
    asking = "      - {gesture: double_press, in: [idle], intent: show_status}\n"
    assert not load(write(OWN + STOP + asking)).rules.status_at_ready
    # A gesture for it in a stage where it means nothing asks for nothing.
    elsewhere = asking.replace("idle", "self_view")
    assert load(write(OWN + STOP + elsewhere)).rules.status_at_ready


CASES = vectors("button_mistakes.txt")


@pytest.mark.parametrize(("text", "message"), CASES)
def test_a_mistake_in_the_buttons_is_named(text: str, message: str, write: Write) -> None:
    assert check_file(write(OWN + text)) == [message]


def test_a_button_that_the_preset_has_not_is_named_with_those_it_has(write: Write) -> None:
    path = write("policy: generic\nbuttons:\n  mian: {gpio: 5}\n")
    assert check_file(path) == [
        "c.yaml:3: buttons.mian: preset two-buttons has no such button; did you mean main? "
        "(its buttons: main, display)"
    ]


def test_a_preset_that_is_none_is_the_only_mistake(write: Write) -> None:
    path = write("policy: generic\nbuttons:\n  preset: three-buttons\n  third: {gpio: 5}\n")
    assert check_file(path) == [
        'c.yaml:3: buttons.preset: found the text "three-buttons"; did you mean two-buttons?'
    ]


@pytest.mark.parametrize("stage", ["idle", "self_view"])
def test_a_mapping_that_cannot_start_a_recording_by_one_gesture_is_a_mistake(
    stage: str, write: Write
) -> None:
    other = "self_view" if stage == "idle" else "idle"
    path = write(
        "policy: generic\nbuttons:\n  trigger:\n    gpio: 6\n    gestures:\n"
        f"      - {{gesture: press, in: [{other}], intent: record}}\n"
        f"      - {{gesture: press, in: [{stage}], intent: toggle_self_view}}\n{STOP}"
    )
    assert check_file(path) == [
        f"c.yaml:2: buttons: no gesture starts a recording in {stage}; add one, such as "
        f"{{gesture: hold, seconds: 1, in: [{stage}], intent: record}}"
    ]


def test_the_ways_are_not_judged_while_a_gesture_is_wrong(write: Write) -> None:
    path = write(OWN + "      - {gesture: hold_press, seconds: 2, in: [recordin], intent: stop}\n")
    assert [line.split(": ")[1] for line in check_file(path)] == [
        "buttons.trigger.gestures[2].in[0]"
    ]
