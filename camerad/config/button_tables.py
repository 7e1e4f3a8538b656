"""Turns the ``buttons`` section, a preset or own gestures, into button tables."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from camerad.base.clock import SECOND
from camerad.behaviour.bindings import (
    DEFAULT_ONE_BUTTON,
    DEFAULT_TWO_BUTTONS,
    HOLDS,
    Binding,
    ButtonTable,
    Gesture,
)
from camerad.behaviour.stages import Intent, Stage, outcome
from camerad.config.controls import ButtonEntry, ButtonsEntry, GestureEntry
from camerad.config.scalars import suggest
from camerad.config.settings import Button
from camerad.config.settings_reader import SettingsReader

PRESETS: Final = {"two-buttons": DEFAULT_TWO_BUTTONS, "one-button": DEFAULT_ONE_BUTTON}
PRESET_GPIO: Final = {"main": 17, "display": 27}

_MS: Final = SECOND // 1000


def build_tables(entry: ButtonsEntry, reader: SettingsReader) -> tuple[Button, ...]:
    """The buttons of a camera; what cannot work is a mistake noted in `reader`."""
    own = any(reader.is_given(f"buttons.{name}.gestures") for name in entry.buttons)
    if own and not reader.is_given("buttons.preset"):
        return _explicit(entry, reader)
    return _preset(entry, entry.preset or "two-buttons", reader)


def _preset(entry: ButtonsEntry, preset: str, reader: SettingsReader) -> tuple[Button, ...]:
    tables = {table.name: table for table in PRESETS[preset]}
    for name in entry.buttons:
        where = f"buttons.{name}"
        if reader.is_given(f"{where}.gestures"):
            text = "gestures cannot be changed within a preset; remove them, or buttons.preset"
            reader.add_mistake(f"{where}.gestures", text)
        elif name not in tables and reader.is_sound("buttons.preset"):
            near, listed = suggest(name, tables), f"its buttons: {', '.join(tables)}"
            hint = f"{near} ({listed})" if near else listed
            reader.add_mistake(where, f"preset {preset} has no such button; {hint}")
    return tuple(
        _button(table, PRESET_GPIO[name], entry.buttons.get(name, ButtonEntry()))
        for name, table in tables.items()
    )


def _explicit(entry: ButtonsEntry, reader: SettingsReader) -> tuple[Button, ...]:
    buttons = []
    for name, button in entry.buttons.items():
        where = f"buttons.{name}"
        if button.gpio is None and reader.is_sound(f"{where}.gpio"):
            reader.add_mistake(f"{where}.gpio", "missing; a GPIO number is needed (0-27)")
        if not button.gestures and reader.is_sound(f"{where}.gestures"):
            text = "a button without gestures does nothing; list its gestures, or remove the button"
            reader.add_mistake(f"{where}.gestures", text)
        bindings = _bindings(button.gestures or (), f"{where}.gestures", reader)
        buttons.append(_button(ButtonTable(name, bindings), 0, button))
    if reader.is_sound("buttons"):
        _check_ways(buttons, reader)
    return tuple(buttons)


def _button(table: ButtonTable, gpio: int, entry: ButtonEntry) -> Button:
    if entry.debounce_ms is not None:
        table = replace(table, debounce_us=entry.debounce_ms * _MS)
    if entry.double_press_ms is not None:
        table = replace(table, double_press_us=entry.double_press_ms * _MS)
    return Button(table.name, gpio if entry.gpio is None else entry.gpio, entry.active_low, table)


def _bindings(
    entries: tuple[GestureEntry, ...], where: str, reader: SettingsReader
) -> tuple[Binding, ...]:
    """The meanings of one button's gestures; empty if there is any mistake in them."""
    taken: dict[tuple[Gesture, int, Stage], int] = {}
    for index, entry in enumerate(entries):
        here = f"{where}[{index}]"
        word = entry.gesture.value
        if entry.gesture in HOLDS and entry.seconds is None:
            text = f"missing; a {word} needs its length, 0.3 to 10 seconds"
            reader.add_mistake(f"{here}.seconds", text)
        elif entry.gesture not in HOLDS and entry.seconds is not None:
            text = f"a {word} has no length; remove seconds, or write gesture: hold"
            reader.add_mistake(f"{here}.seconds", text)
        if not entry.stages:
            stages = ", ".join(stage.value for stage in Stage)
            reader.add_mistake(f"{here}.in", f"the list is empty; name stages: {stages}")
        for stage in (stage for stage in Stage if stage in entry.stages):
            first = taken.setdefault((entry.gesture, _hold_us(entry), stage), index)
            if first != index:
                line = reader.line_of(f"{where}[{first}]")
                text = f"{word} in {stage.value} has a meaning already (line {line})"
                reader.add_mistake(
                    f"{here}.in", f"{text}; remove {stage.value} from one of the two"
                )
    if not reader.is_sound(where):
        return ()
    return tuple(
        Binding(entry.gesture, entry.intent, entry.stages, _hold_us(entry)) for entry in entries
    )


def _hold_us(entry: GestureEntry) -> int:
    return round((entry.seconds or 0) * SECOND)


def _check_ways(buttons: list[Button], reader: SettingsReader) -> None:
    """A recording can be started from idle and from self-view by one gesture, and be stopped."""
    ways = {
        (stage, outcome(stage, binding.intent))
        for button in buttons
        for binding in button.table.bindings
        for stage in binding.stages
    }
    stop = "gesture: hold_press, seconds: 2, in: [recording], intent: stop"
    for stage in (Stage.IDLE, Stage.SELF_VIEW):
        if (stage, "record") not in ways:
            example = (
                f"gesture: hold, seconds: 1, in: [{stage.value}], intent: {Intent.RECORD.value}"
            )
            text = f"no gesture starts a recording in {stage.value}; add one, such as {{{example}}}"
            reader.add_mistake("buttons", text)
    if (Stage.RECORDING, "stop") not in ways:
        reader.add_mistake("buttons", f"no gesture stops a recording; add one, such as {{{stop}}}")
    for button in buttons:
        for binding in button.table.bindings:
            if binding.intent is Intent.STOP and binding.gesture is not Gesture.HOLD_PRESS:
                text = (
                    f"a {binding.gesture.value} that stops a recording can be a body's weight; "
                    f"write {{{stop}}}"
                )
                reader.add_mistake(f"buttons.{button.name}.gestures", text)
