"""What a button means: its gestures, and the intent of each in some stages.

`camerad.behaviour.gestures` recognises them.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from camerad.behaviour.stages import Intent, Stage


class Gesture(Enum):
    """What a hand does with a button."""

    PRESS = "press"
    DOUBLE_PRESS = "double_press"
    HOLD = "hold"
    PRESS_HOLD = "press_hold"
    """A press, and a second one that is held. Two short ones mean what a double press means, or, if
    that means nothing, what a press does."""
    HOLD_PRESS = "hold_press"
    """A hold that is answered by vibration, then let go, and one press. The weight of a body holds;
    it does not answer."""


HOLDS: Final = frozenset({Gesture.HOLD, Gesture.PRESS_HOLD, Gesture.HOLD_PRESS})
"""Gestures that have a length."""


class Binding(msgspec.Struct, frozen=True):
    """What a gesture means in some stages.

    hold_us: how long a HOLD lasts at least, the second press of a PRESS_HOLD, or the hold of a
    HOLD_PRESS; 0 for the other gestures. Raises ValueError otherwise.
    """

    gesture: Gesture
    intent: Intent
    stages: frozenset[Stage]
    hold_us: int = 0

    def __post_init__(self) -> None:
        if (self.gesture in HOLDS) != (self.hold_us > 0):
            raise ValueError(f"{self.gesture.value} of {self.hold_us} us: only a hold has a length")


class ButtonTable(msgspec.Struct, frozen=True):
    """Everything one button means.

    debounce_us: contacts bounce no longer than this. double_press_us: a second press comes within
    this time after the release of the first. Raises ValueError where two bindings say what the
    same gesture means in the same stage.
    """

    name: str
    bindings: tuple[Binding, ...]
    debounce_us: int = 20_000
    double_press_us: int = 400_000

    def __post_init__(self) -> None:
        seen: set[tuple[Gesture, int, Stage]] = set()
        for binding in self.bindings:
            for stage in binding.stages:
                key = (binding.gesture, binding.hold_us, stage)
                if key in seen:
                    raise ValueError(
                        f"button {self.name}: {binding.gesture.value} has two meanings in stage "
                        f"{stage.value}"
                    )
                seen.add(key)


# --------------------------------------------------------------------------------------- presets

_ALL: Final = frozenset(Stage)
_NOT_RECORDING: Final = _ALL - {Stage.RECORDING}
_NOT_SELF_VIEW: Final = _ALL - {Stage.SELF_VIEW}
_RECORDING: Final = frozenset({Stage.RECORDING})

_MAIN: Final = (
    Binding(Gesture.PRESS, Intent.ESCALATE, _ALL),
    Binding(Gesture.HOLD, Intent.RECORD, _NOT_RECORDING, hold_us=1_000_000),
    Binding(Gesture.HOLD_PRESS, Intent.STOP, _RECORDING, hold_us=2_000_000),
)

DEFAULT_TWO_BUTTONS: Final = (
    ButtonTable("main", _MAIN),
    ButtonTable(
        "display",
        (
            Binding(Gesture.PRESS, Intent.TOGGLE_SELF_VIEW, _ALL),
            Binding(Gesture.HOLD, Intent.SHOW_STATUS, _NOT_SELF_VIEW, hold_us=1_000_000),
            Binding(Gesture.PRESS_HOLD, Intent.TOGGLE_MUTE, _RECORDING, hold_us=1_000_000),
        ),
    ),
)
"""A main button and one for the display.

A hold of the display button asks for the status. That means nothing in a recording or while one is
closed, so neither does the hold: a finger that rests there switches neither the display nor the
sound, and who wants to read opens no self-view. The sound takes a press and a second one that is
held, as with one button; so the display follows a press in a recording a moment later.
"""

DEFAULT_ONE_BUTTON: Final = (
    ButtonTable(
        "main",
        (
            *_MAIN,
            Binding(Gesture.DOUBLE_PRESS, Intent.TOGGLE_SELF_VIEW, _RECORDING),
            Binding(Gesture.PRESS_HOLD, Intent.TOGGLE_MUTE, _RECORDING, hold_us=1_000_000),
        ),
    ),
)
"""A main button alone, which means the same as on a camera with two.

While recording, a double press switches the display, and one whose second press is held, the sound;
the mark of a single press is then decided a moment later, but set at its edge. Nothing here asks
for the status: in idle, whatever could is the beginning of something that records, two quick
presses included, and would delay it; such a camera shows it once, when it is ready. In self-view
nothing leads back to idle but the time-out: whatever an officer does with the button there records,
at its first edge. A gesture that cancels would delay every start, and a hand under stress would
find it.
"""
