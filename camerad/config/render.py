"""Writes the effective configuration as a configuration file."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec.structs import asdict

from camerad.base.clock import SECOND
from camerad.behaviour.bindings import Binding
from camerad.behaviour.stages import Stage
from camerad.config.fields import plain_number
from camerad.config.settings import Button, Settings


class _Dumper(yaml.SafeDumper):
    """Writes every number in digits: no reader has to know what 6.1e-05 means."""


def _digits(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    text = f"{Decimal(repr(value)):f}"
    return dumper.represent_scalar("tag:yaml.org,2002:float", text if "." in text else f"{text}.0")


_Dumper.add_representer(float, _digits)


def render(settings: Settings) -> str:
    """Every setting with the value that holds, as YAML which `load` reads back to the same.

    Presets are written out. What only the policy decides stands in comments at the top.
    """
    policy = settings.policy
    buffer = policy.pre_event
    head = [
        f"Effective configuration of {settings.path}",
        f"Policy {policy.name}: {policy.title}",
        f"  from {policy.path}",
        f"  pre-event buffer at most {plain_number(buffer.max_seconds)} seconds, "
        f"recordings {'with' if policy.sound else 'without'} sound, "
        f"stamp {'on' if policy.stamp else 'off'}, "
        f"announcement {'on' if policy.announcement else 'off'}",
        *(
            f"Beyond the policy: {beyond.key}: {beyond.configured} (allowed: {beyond.allowed})"
            for beyond in settings.overridden
        ),
    ]
    sections = {
        "policy": policy.name,
        "recipients": list(settings.recipients),
        "device": settings.device,
        "pre_event": {
            "seconds": buffer.seconds,
            "sound": buffer.sound,
            "armed_in": buffer.armed_in,
        },
        "sound": {"may_mute": policy.may_mute},
        "retention": {"days": policy.retention_days},
        "camera": settings.camera,
        "microphone": settings.microphone,
        "ring": settings.ring,
        "recording": settings.recording,
        "self_view": settings.self_view,
        "buttons": {button.name: _button(button) for button in settings.buttons},
        "lights": settings.lights,
        "vibration": settings.vibration,
        "buzzer": settings.buzzer,
        "signals": settings.signals,
        "announcements": settings.announcements,
        "shift": settings.shift,
        "access": settings.access,
        "storage": settings.storage,
        "idle": {"camera": settings.idle},
        "battery": settings.battery,
        "thermal": settings.thermal,
        "clock": settings.clock,
    }
    if settings.overrides:
        sections["overrides"] = settings.overrides
    if settings.office:
        sections["office"] = settings.office
    comments = "".join(f"# {' '.join(line.splitlines())}\n" for line in head)
    body = yaml.dump(
        _written(sections),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=200,
    )
    return f"{comments}{body}"


def _button(button: Button) -> dict[str, Any]:
    return {
        "gpio": button.gpio,
        "active_low": button.active_low,
        "debounce_ms": button.table.debounce_us * 1000 // SECOND,
        "double_press_ms": button.table.double_press_us * 1000 // SECOND,
        "gestures": [_gesture(binding) for binding in button.table.bindings],
    }


def _gesture(binding: Binding) -> dict[str, Any]:
    held = {"seconds": binding.hold_us / SECOND} if binding.hold_us else {}
    return {
        "gesture": binding.gesture,
        **held,
        "in": binding.stages,
        "intent": binding.intent,
    }


def _written(value: Any) -> Any:
    """A value in the types of YAML; stages in the order of an encounter. What is not set is left
    out."""
    if isinstance(value, msgspec.Struct):
        value = asdict(value)
    if isinstance(value, dict):
        return {key: _written(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [_written(entry) for entry in value]
    if isinstance(value, frozenset):
        return [stage.value for stage in Stage if stage in value]
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value
