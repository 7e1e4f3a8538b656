"""Loads a configuration file as checked settings, or reports every mistake in it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec.structs import replace

from camerad.base.clock import SECOND
from camerad.base.errors import ConfigError
from camerad.behaviour.bindings import (
    DEFAULT_ONE_BUTTON,
    DEFAULT_TWO_BUTTONS,
    HOLDS,
    Binding,
    ButtonTable,
    Gesture,
)
from camerad.behaviour.stages import Intent, Stage, outcome
from camerad.config import policies
from camerad.config.controls import ButtonEntry, ButtonsEntry, GestureEntry
from camerad.config.display_wording import display_wording
from camerad.config.document import Mistake, read_document
from camerad.config.fields import GPIO_HIGH, plain_number
from camerad.config.office_section import Office, OfficeServer
from camerad.config.scalars import suggest
from camerad.config.sections import AAC_RATES, ConfigFile
from camerad.config.settings import Button, Settings
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


DEFAULT_PATH: Final = policies.ETC / "camerad.yaml"
"""Path of an installed camera's configuration."""


def load(path: str | Path) -> Settings:
    """Read and check the configuration file at `path`.

    Raises ConfigError naming every mistake in it, in its policy and in its wording of the display,
    in the order of the lines, each as ``FILE:LINE: key.path: what was found; what is allowed``.
    """
    path = Path(path)
    reader = SettingsReader(str(path))
    values = reader.values(read_document(path, _hint()), ConfigFile)
    return make_settings(ConfigFile(**values), reader, path, policies.policy_directories(path))


def make_settings(
    file: ConfigFile, reader: SettingsReader, path: Path, places: tuple[Path, ...]
) -> Settings:
    """The settings that a configuration makes, once its sections have been read.

    reader: has read it, and knows lines and mistakes. path: where it will be used. places: the
    directories in which its policy is looked for. Raises ConfigError, as `load`.
    """
    _check_numbers(file, reader)
    made = build_tables(file.buttons, reader)
    _check_gpio(file, made, reader)
    office = _office(file.office, reader)
    policy, overridden, of_policy = policies.resolve_policy(file, reader, places)
    if policy is not None:
        _check_idle(file, Stage.IDLE in policy.pre_event.armed_in, reader)
    view = file.self_view
    wording, of_wording = display_wording(view.language, view.wording, reader)
    if policy is None or reader.mistakes or of_policy or of_wording:
        ordered = [
            *sorted(reader.mistakes, key=_line),
            *sorted(of_policy, key=_line),
            *sorted(of_wording, key=_line),
        ]
        raise ConfigError([str(mistake) for mistake in ordered])
    return Settings(
        path=path,
        device=file.device,
        policy=policy,
        recipients=file.recipients,
        camera=file.camera,
        microphone=file.microphone,
        ring=file.ring,
        recording=file.recording,
        self_view=file.self_view,
        display_wording=wording,
        buttons=made,
        lights=file.lights,
        vibration=file.vibration,
        buzzer=file.buzzer,
        signals=file.signals,
        announcements=replace(file.announcements, enabled=policy.announcement),
        shift=file.shift,
        access=file.access,
        office=office,
        storage=file.storage,
        idle=file.idle.camera
        or ("encode" if Stage.IDLE in policy.pre_event.armed_in else "sensor"),
        battery=file.battery,
        thermal=file.thermal,
        clock=file.clock,
        overrides=file.overrides,
        overridden=overridden,
    )


def check_file(path: str | Path) -> list[str]:
    """Every mistake in the configuration file at `path`; an empty list if it is sound."""
    try:
        load(path)
    except ConfigError as error:
        return list(error.mistakes)
    return []


def _line(mistake: Mistake) -> int:
    return mistake.line


def _hint() -> str:
    """The remedy for a missing or an empty file."""
    examples = (place / "camerad.yaml" for place in policies.shipped_directories())
    example = next((str(path) for path in examples if path.is_file()), "camerad's camerad.yaml")
    return f"; begin with a copy of {example}"


def _check_numbers(file: ConfigFile, reader: SettingsReader) -> None:
    """Numbers that are each allowed, but not together."""
    camera = file.camera
    _at_most(reader, "camera.bitrate", camera.bitrate, "camera.max_bitrate", camera.max_bitrate)
    _at_most(reader, "camera.lores_width", camera.lores_width, "camera.width", camera.width)
    _at_most(reader, "camera.lores_height", camera.lores_height, "camera.height", camera.height)
    rate = file.microphone.rate
    if rate not in AAC_RATES:
        rates = ", ".join(map(str, AAC_RATES))
        reader.add_mistake(
            "microphone.rate", f"{rate} is no sampling rate of AAC; those are {rates}"
        )
    storage = file.storage
    low, full = storage.low_minutes, storage.full_minutes
    _at_most(reader, "storage.full_minutes", full, "storage.low_minutes", low)


def _check_idle(file: ConfigFile, armed: bool, reader: SettingsReader) -> None:
    """Encoded is in idle exactly where the pre-event buffer is armed there."""
    chosen = file.idle.camera
    if armed and chosen in {"sensor", "none"}:
        text = (
            f"{chosen}, and the pre-event buffer is armed in idle; write encode, or take idle out"
        )
        reader.add_mistake("idle.camera", f"{text} of pre_event.armed_in")
    if not armed and chosen == "encode":
        text = "encode, and no pre-event buffer is armed in idle; write sensor, or add idle to"
        reader.add_mistake("idle.camera", f"{text} pre_event.armed_in")


def _office(server: OfficeServer | None, reader: SettingsReader) -> Office | None:
    """The office's server, if it is named with its key."""
    if server is None:
        return None
    if server.key is None:
        if reader.is_sound("office.key"):
            reader.add_mistake(
                "office.key", "missing; write the office's public key, which signs its receipts"
            )
        return None
    return Office(server.url, server.ca, server.key, server.mbit_per_second)


def _at_most(reader: SettingsReader, small: str, value: float, large: str, bound: float) -> None:
    if value <= bound or not reader.is_sound(small, large):
        return
    here, there = (small, large) if reader.is_given(small) else (large, small)
    found, other = (value, bound) if here == small else (bound, value)
    word, way = ("more", "lower") if here == small else ("less", "raise")
    text = f"{plain_number(found)} is {word} than {there} ({plain_number(other)})"
    text += f"; {way} it, or change {there}"
    reader.add_mistake(here, text)


def _check_gpio(file: ConfigFile, made: tuple[Button, ...], reader: SettingsReader) -> None:
    """Each GPIO has one use."""
    used = {f"buttons.{button.name}.gpio": button.gpio for button in made}
    used |= {
        "lights.green.gpio": file.lights.green.gpio,
        "lights.red.gpio": file.lights.red.gpio,
        "lights.amber.gpio": file.lights.amber.gpio,
        "vibration.gpio": file.vibration.gpio,
        "buzzer.gpio": file.buzzer.gpio,
    }
    uses: dict[int, list[str]] = {}
    for where, gpio in used.items():
        if reader.is_sound(where):
            uses.setdefault(gpio, []).append(where)
    # 0 to 3 belong to the boards on top and to I2C (clocks, fuel gauges): free, but not to propose.
    free = sorted(set(range(4, GPIO_HIGH + 1)) - set(used.values()))
    for gpio, wheres in uses.items():
        wheres.sort(key=lambda where: (reader.is_given(where), reader.line_of(where)))
        first = wheres[0]
        known = f"line {reader.line_of(first)}" if reader.is_given(first) else "its default"
        for where in wheres[1:]:
            text = f"GPIO {gpio} already serves {first} ({known}); choose a free one"
            reader.add_mistake(where, f"{text}: {', '.join(str(number) for number in free)}")
