"""Derives each part's parameters from the settings."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

from msgspec.structs import asdict, replace

from camerad.base.clock import SECOND
from camerad.behaviour.stages import Rules
from camerad.config import Settings, policies
from camerad.config.controls import OutputSettings as WiredOutput
from camerad.hardware.output_lines import Output

ARENA_SLACK: Final = 1.01
"""Room beyond seconds times bit rate: packet headers and the unused end of the arena before a wrap.
Together with one group of pictures this stays within 1.05 times for a buffer of 30 s."""

CHANNELS: Final = 1
"""Of sound: a body camera has one microphone."""

_UNIT_SAMPLES: Final = 1024
"""Samples of an access unit of AAC-LC (ISO/IEC 14496-3)."""


def group_us(settings: Settings) -> int:
    """Media time from one key frame to the next, microseconds."""
    return round(settings.camera.key_interval_s * SECOND)


def ring_bytes(settings: Settings) -> int:
    """Size of the ring's arena in bytes.

    The pre-event buffer with the one group more that it may hold, or the stall of the storage that
    a recording must ride out, whichever is longer, at the encoder's maximum bit rate.
    """
    pre_event = settings.policy.pre_event
    buffered = pre_event.seconds + settings.camera.key_interval_s if pre_event.armed_in else 0.0
    # A stall comes on top of the group that is being read.
    seconds = max(buffered, settings.ring.stall_seconds + settings.camera.key_interval_s)
    least = 2 * settings.camera.width * settings.camera.height  # a key frame at a poor bit rate
    return max(least, math.ceil(seconds * settings.camera.max_bitrate / 8 * ARENA_SLACK))


def buffer_limit(settings: Settings) -> float | None:
    """Seconds after which the pre-event buffer keeps nothing, though a gap or a group that takes
    longer has it hold less than its seconds then; None where there is no buffer.

    The law's limit, or, where `overrides` allow more seconds, those and the one group more.
    """
    buffer = settings.policy.pre_event
    if not buffer.seconds:
        return None
    return max(buffer.max_seconds, buffer.seconds + settings.camera.key_interval_s)


def unit_us(settings: Settings) -> int:
    """Media time from one access unit of sound to the next, microseconds."""
    return round(_UNIT_SAMPLES * SECOND / settings.microphone.rate)


def sound_seconds(settings: Settings) -> float:
    """The time that the ring for sound covers before a recording: as far back as pictures can
    reach, which leave by whole groups."""
    buffer = settings.policy.pre_event
    return buffer.seconds + settings.camera.key_interval_s if buffer.sound else 0.0


def sound_ring_bytes(settings: Settings) -> int:
    """Size of the arena of the ring for sound, in bytes; for the same times as that for pictures.

    AAC's encoder keeps to its bit rate over some seconds only, so twice as much.
    """
    seconds = max(
        sound_seconds(settings) if settings.policy.pre_event.armed_in else 0.0,
        settings.ring.stall_seconds + settings.camera.key_interval_s,
    )
    return math.ceil(2 * (seconds + 1) * settings.microphone.bitrate / 8)


def unarmed(rules: Rules) -> Rules:
    """The same rules without a pre-event buffer."""
    return replace(rules, armed_in=frozenset())


def capture(settings: Settings) -> dict[str, Any]:
    """The object of the capture process's ``--settings``."""
    camera = settings.camera
    return {
        "width": camera.width,
        "height": camera.height,
        "fps": camera.fps,
        "lores_width": camera.lores_width,
        "lores_height": camera.lores_height,
        "bitrate": camera.bitrate,
        "max_bitrate": camera.max_bitrate,
        "source": camera.source,
        "encoder": camera.encoder,
        "encoder_threads": camera.encoder_threads,
        "key_interval_us": group_us(settings),
        "stamp": {"device": settings.device.id} if settings.policy.stamp else None,
        "sound": sound(settings),
        "rests": settings.idle == "none",
    }


def sound(settings: Settings) -> dict[str, Any] | None:
    """The settings of sound; None where recordings are to have none."""
    microphone = settings.microphone
    if not (settings.policy.sound and microphone.enabled):
        return None
    return {
        "device": microphone.device,
        "rate": microphone.rate,
        "channels": CHANNELS,
        "bitrate": microphone.bitrate,
        "delay_us": microphone.delay_ms * 1000,
    }


def self_view(settings: Settings) -> dict[str, Any]:
    """The object of the self-view process's ``--settings``."""
    view = settings.self_view
    return {
        "device": str(view.device),
        "sysfs": str(view.sysfs),
        "mirror": view.mirror,
        "fps": view.fps,
        "texts": asdict(settings.display_wording),
    }


def announcements(settings: Settings) -> tuple[Path, ...]:
    """Directories of the announcements' audio files, best first."""
    chosen = settings.announcements
    own = () if chosen.directory is None else (chosen.directory,)
    came = (place / "announcements" / chosen.language for place in policies.shipped_directories())
    return (*own, *(place for place in came if place.is_dir()))


def outputs(settings: Settings) -> tuple[Output, ...]:
    """Wiring of lights, vibration motor and buzzer; the names are those of the settings."""
    lights = settings.lights
    wired: dict[str, WiredOutput] = {
        "green": lights.green,
        "red": lights.red,
        "amber": lights.amber,
        "vibration": settings.vibration,
        "buzzer": settings.buzzer,
    }
    pitched = settings.buzzer.kind == "passive"
    return tuple(
        Output(name, pin.gpio, pin.active_high, pitched=pitched and name == "buzzer")
        for name, pin in wired.items()
    )
