"""What a page has to know of a camera before it can draw it: buttons, faults, display, policy."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, Final

from camerad.behaviour import stages
from camerad.behaviour.signals import Pattern, rhythm, sounding
from camerad.behaviour.stages import CueKind, Stage, State
from camerad.config import Settings
from camerad.hardware import from_settings

from hw_mocks.sensor import Sensor
from hw_mocks.sim.expectations import expectations
from hw_mocks.sim.faults import DOCK, FAULTS

_LONG_MS: Final = 300
"""Strokes are long or short; nothing lies near this."""


def about_rhythms(settings: Settings) -> dict[str, str]:
    """{strokes, short "." and long "-": what they say}, of every rhythm that this camera may give;
    what they say is the name of a `Rhythm` in small letters."""
    rhythms: dict[str, str] = {}
    detail = settings.signals.detail
    for kind, stage in product(CueKind, (Stage.IDLE, Stage.RECORDING)):
        state = State(stage, 0)
        strokes = _strokes(sounding(kind, state, detail).vibration)
        rhythms.setdefault(strokes, rhythm(kind, state).name.lower())
    return rhythms


def _strokes(vibration: Pattern) -> str:
    return "".join("-" if ms > _LONG_MS else "." for on, ms in vibration.steps if on)


def about_buttons(settings: Settings) -> list[dict[str, Any]]:
    """[{"name", "gpio", "gestures": [{"gesture": "press" | "double_press" | "hold", "seconds": how
    long to hold, "in": [stage in which it means something], "intent"}]}], in the configuration's
    order."""
    return [
        {
            "name": button.name,
            "gpio": button.gpio,
            "gestures": [
                {
                    "gesture": binding.gesture.value,
                    "seconds": binding.hold_us / 1e6,
                    "in": sorted(
                        stage.value
                        for stage in binding.stages
                        if stages.outcome(stage, binding.intent) is not None
                    ),
                    "intent": binding.intent.value,
                }
                for binding in button.table.bindings
            ],
        }
        for button in settings.buttons
    ]


def about_faults(
    settings: Settings, environment: Mapping[str, str], *, office: bool = False
) -> list[dict[str, Any]]:
    """[{"name", "what": for people, "group": "camera" | "card" | "button" | "light" | "clock" |
    "process" or the mock's role, "lasts": it lasts for seconds, "on_button", "within": seconds
    within which the camera tells of it, none where it does so at once or not at all}], of those
    that can happen on this board.

    environment: the daemon's, which says what board it is. office: whether its dock has one.
    """
    expected = expectations(settings)
    encodes = Sensor(environment).has_encoder and settings.camera.encoder != "software"
    return [
        {
            "name": kind.name,
            "what": kind.what,
            "group": kind.group,
            "lasts": kind.lasts,
            "on_button": kind.on_button,
            "within": expected.get(kind.name, ()),
        }
        for kind in FAULTS.values()
        if (encodes or not kind.of_encoder) and (office or kind.role != DOCK)
    ]


def about_policy(settings: Settings) -> dict[str, Any]:
    """{"name", "pre_event_seconds": 0 without a buffer, "armed_in": [stage], "sound": whether
    recordings are to have sound, "may_mute": whether the wearer may switch it off}."""
    pre_event = settings.policy.pre_event
    return {
        "name": settings.policy.name,
        "pre_event_seconds": pre_event.seconds,
        "armed_in": sorted(stage.value for stage in pre_event.armed_in),
        "sound": from_settings.sound(settings) is not None,
        "may_mute": settings.rules.may_mute,
    }
