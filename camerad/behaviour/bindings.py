"""Assigns intents to a button's gestures, by stage.

`camerad.behaviour.gestures` recognises them.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from camerad.behaviour.stages import Intent, Stage


class Gesture(Enum):
    """A movement on a button."""

    PRESS = "press"
    DOUBLE_PRESS = "double_press"
    HOLD = "hold"
    PRESS_HOLD = "press_hold"
    """A press, and a second one that is held. Two short ones count as a double press or, if that
    has no meaning, as a press."""
    HOLD_PRESS = "hold_press"
    """A hold that is answered by vibration, then let go, and one press. The weight of a body holds;
    it does not answer."""


HOLDS: Final = frozenset({Gesture.HOLD, Gesture.PRESS_HOLD, Gesture.HOLD_PRESS})
"""Gestures that have a length."""


class Binding(msgspec.Struct, frozen=True):
    """The meaning of a gesture in some stages.

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
    """All meanings of one button.

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

A hold of the display button asks for the status. It has no meaning in a recording or while one is
closed, so that a finger resting there switches neither the display nor the sound, and a wearer who
wants to read opens no self-view. The sound takes a press and a second one that is held, as with one
button; so the display follows a press in a recording a moment later.
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
"""A main button alone, with the meanings of a camera with two.

While recording, a double press switches the display, and one whose second press is held, the sound;
the mark of a single press is then decided a moment later, but set at its edge. No gesture asks for
the status: in idle every free gesture is the beginning of one that records, two quick presses
included, and would delay it; such a camera shows the status once, when it is ready. In self-view
only the time-out leads back to idle: every gesture there records, at its first edge. A gesture that
cancels would delay every start, and a hand under stress would find it.
"""
