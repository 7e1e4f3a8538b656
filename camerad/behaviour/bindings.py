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


HOLDS: Final = frozenset({Gesture.HOLD, Gesture.PRESS_HOLD})
"""Gestures that have a length."""


class Binding(msgspec.Struct, frozen=True):
    """What a gesture means in some stages.

    hold_us: how long a HOLD lasts at least, or the second press of a PRESS_HOLD; 0 for the other
    gestures. Raises ValueError otherwise.
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
