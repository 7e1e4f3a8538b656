"""Settings of the capture process, from the controller, once per process life."""

from __future__ import annotations

import json
from typing import Any, Final, Literal, get_args, get_type_hints

import msgspec
from msgspec.structs import fields

from camerad.base.errors import ConfigError

EncoderChoice = Literal["auto", "software", "hardware"]
SourceChoice = Literal["auto", "board", "usb"]
_CHOICES: Final = {"encoder": get_args(EncoderChoice), "source": get_args(SourceChoice)}

_EVEN: Final = ("width", "height", "lores_width", "lores_height")


class StampSettings(msgspec.Struct, frozen=True):
    """The stamp's text about the camera itself. device: its id."""

    device: str


class SoundSettings(msgspec.Struct, frozen=True):
    """The microphone and how its sound is encoded.

    device: name of the ALSA device. rate: samples per second. channels: 1. bitrate: bits per
    second. delay_us: how long sound takes from the microphone to where its arrival is seen.
    """

    device: str
    rate: int
    channels: int
    bitrate: int
    delay_us: int = 0


class CaptureSettings(msgspec.Struct, frozen=True):
    """The object of ``--settings``.

    width, height, lores_width, lores_height: pixels of the main and the low-resolution stream, even
    numbers. fps: pictures per second. bitrate, max_bitrate: bits per second, on average and at
    most. encoder: which encoder to take; "auto" takes the hardware where there is one.
    encoder_threads: threads of the software encoder. source: which camera to take; "auto" takes a
    USB camera only where there is no other. key_interval_us: time from one key frame to
    the next. stamp: what is written into the picture; None: nothing is. sound: the microphone;
    None: there is to be no sound. rests: whether the sensor is off while no picture is needed.
    """

    width: int
    height: int
    fps: float
    lores_width: int
    lores_height: int
    bitrate: int
    max_bitrate: int
    encoder: EncoderChoice
    key_interval_us: int
    encoder_threads: int = 1
    source: SourceChoice = "auto"
    stamp: StampSettings | None = None
    sound: SoundSettings | None = None
    rests: bool = False

    @property
    def frame_us(self) -> int:
        """Microseconds from one picture to the next at the nominal rate."""
        return round(1_000_000 / self.fps)


def parse(text: str) -> CaptureSettings:
    """The settings in a JSON object. Raises ConfigError naming every mistake."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ConfigError([f"--settings: not JSON: {error}"]) from None
    mistakes = _mistakes_of(given, CaptureSettings, "--settings: ")
    if not mistakes and given["max_bitrate"] < given["bitrate"]:
        mistakes.append("--settings: max_bitrate is below bitrate")
    if mistakes:
        raise ConfigError(mistakes)
    stamp, sound = given.pop("stamp", None), given.pop("sound", None)
    return CaptureSettings(
        **given,
        stamp=None if stamp is None else StampSettings(**stamp),
        sound=None if sound is None else SoundSettings(**sound),
    )


def _mistakes_of(given: Any, kind: type, where: str) -> list[str]:
    """The mistake in the object `given` of the settings in the Struct `kind`."""
    if not isinstance(given, dict):
        return [f"{where}a {type(given).__name__}, not an object"]
    hints = get_type_hints(kind)
    mistakes = [f"{where}unknown key {key!r}" for key in sorted(given.keys() - hints.keys())]
    for field in fields(kind):
        if field.name in given:
            mistakes += _mistakes(where, field.name, hints[field.name], given[field.name])
        elif field.required:
            mistakes.append(f"{where}{field.name} is missing")
    return mistakes


def _mistakes(where: str, name: str, hint: Any, value: Any) -> list[str]:
    if name == "stamp":
        return _mistakes_of_stamp(value)
    if name == "sound":
        return [] if value is None else _mistakes_of(value, SoundSettings, f"{where}sound: ")
    if name == "rests":
        return [] if isinstance(value, bool) else [f"{where}rests: {value!r} is no switch"]
    if allowed := _CHOICES.get(name):
        return [] if value in allowed else [f"{where}{name}: {value!r} is not in {allowed}"]
    if hint is str:
        good = isinstance(value, str) and value
        return [] if good else [f"{where}{name}: {value!r} is not a name"]
    kinds = (int, float) if hint is float else (int,)
    if isinstance(value, bool) or not isinstance(value, kinds):
        return [f"{where}{name}: {value!r} is not a number"]
    if name == "delay_us" and value < 0:
        return [f"{where}{name}: {value} is negative"]
    if name != "delay_us" and value <= 0:
        return [f"{where}{name}: {value} is not positive"]
    if name == "channels" and value != 1:
        return [f"{where}{name}: only 1 is encoded"]
    if name in _EVEN and value % 2:
        return [f"{where}{name}: {value} is odd"]
    return []


def _mistakes_of_stamp(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, dict) or value.keys() != {"device"}:
        return [f'--settings: stamp: {value!r} is neither null nor {{"device": ...}}']
    if not isinstance(value["device"], str) or not value["device"]:
        return [f"--settings: stamp.device: {value['device']!r} is no name"]
    return []
