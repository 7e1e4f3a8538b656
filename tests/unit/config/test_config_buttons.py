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


# What stands in lines 8 and following, and what is said about it.
CASES = {
    "nothing_stops": (
        "",
        "c.yaml:2: buttons: no gesture stops a recording; add one, such as "
        "{gesture: hold_press, seconds: 2, in: [recording], intent: stop}",
    ),
    "a_body_stops": (
        "      - {gesture: hold, seconds: 3, in: [recording], intent: stop}\n",
        "c.yaml:5: buttons.trigger.gestures: a hold that stops a recording can be a body's weight; "
        "write {gesture: hold_press, seconds: 2, in: [recording], intent: stop}",
    ),
    "hold_without_length": (
        "      - {gesture: hold, in: [recording], intent: stop}\n",
        "c.yaml:8: buttons.trigger.gestures[2].seconds: missing; "
        "a hold needs its length, 0.3 to 10 seconds",
    ),
    "press_hold_without_length": (
        f"{STOP}      - {{gesture: press_hold, in: [recording], intent: toggle_mute}}\n",
        "c.yaml:9: buttons.trigger.gestures[3].seconds: missing; "
        "a press_hold needs its length, 0.3 to 10 seconds",
    ),
    "press_with_length": (
        f"{STOP}      - {{gesture: double_press, seconds: 1, in: [recording], intent: mark}}\n",
        "c.yaml:9: buttons.trigger.gestures[3].seconds: a double_press has no length; "
        "remove seconds, or write gesture: hold",
    ),
    "no_stages": (
        f"{STOP}      - {{gesture: double_press, in: [], intent: mark}}\n",
        "c.yaml:9: buttons.trigger.gestures[3].in: the list is empty; "
        "name stages: starting, idle, self_view, recording, stopping",
    ),
    "two_meanings": (
        f"{STOP}      - {{gesture: press, in: [stopping, recording], intent: mark}}\n",
        "c.yaml:9: buttons.trigger.gestures[3].in: press in recording has a meaning already "
        "(line 6); remove recording from one of the two",
    ),
    "two_meanings_of_one_length": (
        STOP + STOP.replace("2.5", "2.5000001"),
        "c.yaml:9: buttons.trigger.gestures[3].in: hold_press in recording has a meaning already "
        "(line 8); remove recording from one of the two",
    ),
    "unknown_gesture": (
        f"{STOP}      - {{gesture: doublepress, in: [recording], intent: mark}}\n",
        'c.yaml:9: buttons.trigger.gestures[3].gesture: found the text "doublepress"; '
        "did you mean double_press?",
    ),
    "unknown_stage": (
        f"{STOP}      - {{gesture: double_press, in: [recordings], intent: mark}}\n",
        'c.yaml:9: buttons.trigger.gestures[3].in[0]: found the text "recordings"; '
        "did you mean recording?",
    ),
    "unknown_intent": (
        f"{STOP}      - {{gesture: double_press, in: [recording], intent: film}}\n",
        'c.yaml:9: buttons.trigger.gestures[3].intent: found the text "film"; one of these is '
        "needed: escalate, record, stop, ask, toggle_self_view, de_escalate, mark, toggle_mute, "
        "show_status",
    ),
    "incomplete_gesture": (
        f"{STOP}      - {{gesture: double_press, intent: mark}}\n",
        "c.yaml:9: buttons.trigger.gestures[3].in: missing; "
        "a list is needed, such as [starting, idle, self_view, recording, stopping]",
    ),
    "gesture_that_is_no_section": (
        f"{STOP}      - press\n",
        'c.yaml:9: buttons.trigger.gestures[3]: found the text "press"; '
        "a section is needed, with: gesture, in, intent, seconds",
    ),
    "gestures_that_are_no_list": (
        f"{STOP}  other: {{gpio: 7, gestures: press}}\n",
        'c.yaml:9: buttons.other.gestures: found the text "press"; '
        "a list is needed, such as [{...}, {...}]",
    ),
    "button_without_a_pin": (
        f"{STOP}  other:\n    gestures: [{{gesture: press, in: [recording], intent: mark}}]\n",
        "c.yaml:9: buttons.other.gpio: missing; a GPIO number is needed (0-27)",
    ),
    "button_without_gestures": (
        f"{STOP}  other: {{gpio: 7}}\n",
        "c.yaml:9: buttons.other.gestures: a button without gestures does nothing; "
        "list its gestures, or remove the button",
    ),
    "button_with_an_empty_list": (
        f"{STOP}  other:\n    gpio: 7\n    gestures: []\n",
        "c.yaml:11: buttons.other.gestures: a button without gestures does nothing; "
        "list its gestures, or remove the button",
    ),
    "two_buttons_on_one_pin": (
        f"{STOP}  other:\n"
        "    gestures: [{gesture: press, in: [recording], intent: mark}]\n    gpio: 6\n",
        "c.yaml:11: buttons.other.gpio: GPIO 6 already serves buttons.trigger.gpio (line 4); "
        "choose a free one: 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 20, 21, 26, 27",
    ),
    "name_that_is_none": (
        f"{STOP}  Der Knopf: {{gpio: 7}}\n",
        "c.yaml:9: buttons.Der Knopf: this is no name; "
        "a short word of small letters and digits, such as main, is needed",
    ),
    "gestures_beside_a_preset": (
        f"{STOP}  preset: two-buttons\n  main: {{}}\n",
        "c.yaml:5: buttons.trigger.gestures: gestures cannot be changed within a preset; "
        "remove them, or buttons.preset",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_in_the_buttons_is_named(name: str, write: Write) -> None:
    text, message = CASES[name]
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
