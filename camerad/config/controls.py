"""The sections about controls and signals: buttons, lights, self-view, announcements.

Declared like all others (`camerad.config.sections`, of whose `ConfigFile` they are a part).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from camerad.base.words import Language
from camerad.behaviour.bindings import Gesture
from camerad.behaviour.signals import Detail
from camerad.behaviour.stages import Intent, Stage
from camerad.config.fields import ABSOLUTE_PATH, Gpio, Key, Matches, Named, Range


class SelfViewSettings(msgspec.Struct, frozen=True):
    """The front display, on which people see themselves."""

    timeout_seconds: Annotated[
        float,
        "Self-view without a recording falls back to idle after this time.",
        Range(5, 3600, "seconds"),
    ] = 120.0
    while_recording: Annotated[
        bool,
        "Whether a recording begins with the display on, which shows that it runs; its button "
        "switches it. false leaves people to the red light alone.",
    ] = True
    mirror: Annotated[bool, "Whether the picture is reversed left to right, as in a mirror."] = True
    language: Annotated[Language, "Language of what stands on the display."] = "de"
    wording: Annotated[
        Path | None,
        "File with texts of the office's own, each in place of one of that language.",
        ABSOLUTE_PATH,
    ] = None
    driver: Annotated[
        Literal["fbdev", "none"],
        "How the display is driven. fbdev: through a framebuffer of the kernel, whatever wires "
        "lie behind it. none: there is no display.",
    ] = "fbdev"
    device: Annotated[Path, "Device file of the display's framebuffer.", ABSOLUTE_PATH] = Path(
        "/dev/fb0"
    )
    sysfs: Annotated[Path, "Where the kernel describes that framebuffer.", ABSOLUTE_PATH] = Path(
        "/sys/class/graphics/fb0"
    )
    fps: Annotated[
        int, "Pictures per second on the display, at most.", Range(1, 60, "pictures per second")
    ] = 30


class GestureEntry(msgspec.Struct, frozen=True):
    """One gesture of a button, and what it does in which stages."""

    gesture: Annotated[Gesture, "What the hand does."]
    stages: Annotated[
        frozenset[Stage],
        "The stages in which it does this.",
        Key("in"),
    ]
    intent: Annotated[Intent, "What the wearer wants by it."]
    seconds: Annotated[
        float | None,
        "How long to hold; for hold, press_hold and hold_press only.",
        Range(0.3, 10, "seconds"),
    ] = None


class ButtonEntry(msgspec.Struct, frozen=True):
    """One button: how it is wired and, without a preset, its gestures."""

    gpio: Annotated[
        int | None,
        "GPIO number (BCM) of the button. With a preset and left out: main 17, display 27.",
        Gpio(),
    ] = None
    active_low: Annotated[
        bool,
        "true: a press connects the pin to ground, and its pull-up is switched on. "
        "false: to 3.3 V, with its pull-down.",
    ] = True
    debounce_ms: Annotated[
        int | None,
        "How long the contact may bounce. Left out: 20.",
        Range(1, 100, "milliseconds"),
    ] = None
    double_press_ms: Annotated[
        int | None,
        "A second press this soon after the release of the first makes a double press. "
        "Left out: 400.",
        Range(250, 1000, "milliseconds"),
    ] = None
    gestures: Annotated[
        tuple[GestureEntry, ...] | None, "The gestures of this button; only without a preset."
    ] = None


class ButtonsEntry(msgspec.Struct, frozen=True):
    """The buttons: a preset, or gestures of your own for each button."""

    preset: Annotated[
        Literal["two-buttons", "one-button"] | None,
        "two-buttons: main and display. one-button: main alone. Left out: two-buttons, unless a "
        "button below has gestures of its own.",
    ] = None
    buttons: Annotated[
        Mapping[str, ButtonEntry],
        "A button by its name.",
        Named(r"[a-z][a-z0-9_-]{0,31}", "a short word of small letters and digits, such as main,"),
    ] = msgspec.field(default_factory=dict)


class OutputSettings(msgspec.Struct, frozen=True):
    """A light or the vibration motor."""

    gpio: Annotated[int, "GPIO number (BCM).", Gpio()]
    active_high: Annotated[bool, "true: on at 3.3 V. false: on at 0 V."] = True


class Buzzer(OutputSettings, frozen=True):
    """The buzzer."""

    kind: Annotated[
        Literal["passive", "active"],
        "passive: a bare piezo, which sounds at the pitch that it is driven with. active: one with "
        "an oscillator of its own, which only knows on and off.",
    ] = "passive"


class Lights(msgspec.Struct, frozen=True):
    """The three lights. None can be left out: a recording must show."""

    green: Annotated[OutputSettings, "Ready, or self-view."] = OutputSettings(22)
    red: Annotated[OutputSettings, "Recording."] = OutputSettings(23)
    amber: Annotated[OutputSettings, "A press would be refused; blinking: it is at work."] = (
        OutputSettings(24)
    )


class SignalSettings(msgspec.Struct, frozen=True):
    """What vibration and tone tell."""

    detail: Annotated[
        Detail,
        "basic: eight rhythms, and the display says the cause. full: a code of its own for each "
        "cause as well, for those who have learned them.",
    ] = Detail.BASIC


class Announcements(msgspec.Struct, frozen=True):
    """What the camera says aloud when its stage changes."""

    enabled: Annotated[
        bool | None,
        "Whether the beginning and the end of a recording are announced. Left out: as the policy "
        "has it.",
    ] = None
    self_view: Annotated[
        bool, "Whether the beginning and the end of self-view are announced too."
    ] = False
    language: Annotated[Literal["de", "en"], "Language of the files that came with camerad."] = "de"
    directory: Annotated[
        Path | None,
        "Directory with the office's own audio files; one that is not there is camerad's.",
        ABSOLUTE_PATH,
    ] = None
    device: Annotated[
        str,
        "ALSA device of the loudspeaker, as `aplay -L` lists them.",
        Matches(r"[^\0\s]{1,200}", "the name of an ALSA device, such as default,"),
    ] = "default"


class ShiftSettings(msgspec.Struct, frozen=True):
    """The wearer's shift. Recordings and their stamp bear the wearer's id."""

    hours: Annotated[
        float,
        "A shift ends by itself after this time, so that no wearer's name stays on a camera that "
        "was handed on.",
        Range(0.5, 24, "hours"),
    ] = 14.0
    reminder_seconds: Annotated[
        float,
        "How often vibration and tone warn during a shift that the camera cannot record.",
        Range(30, 3600, "seconds"),
    ] = 120.0
    badge_seconds: Annotated[
        float,
        "How long the camera looks for the wearer's badge, a QR code, after its start and each "
        "undocking, unless a shift runs. 0: never.",
        Range(0, 600, "seconds"),
    ] = 0.0
    dock_minutes: Annotated[
        float,
        "How long the camera has to stay docked before that ends its shift. An office whose cars "
        "have cradles gives more than a drive; 0: at once.",
        Range(0, 240, "minutes"),
    ] = 0.0
