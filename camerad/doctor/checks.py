"""The checks by their ids, which are part of ``--json``, in the order in which they are made."""

from __future__ import annotations

from typing import Final

BEFORE: Final = ("configuration", "daemon")
"""What everything else is tested with; always made."""
STILL: Final = (
    "recipients",
    "key",
    "ledger",
    "clock",
    "battery",
    "temperature",
    "space",
    "card",
    "hardening",
    "uptime",
)
"""Checks that need none of the camera's parts."""
OUTPUTS: Final = {
    "light_green": "green",
    "light_red": "red",
    "light_amber": "amber",
    "vibration": "vibration",
    "buzzer": "buzzer",
}
"""The checks of what shines, shakes and sounds, and the names of those parts."""
BUTTONS: Final = "buttons"
"""Stands for each button that is configured, as ``button_NAME``."""
BUTTON: Final = "button_"
CHECKS: Final = (
    *BEFORE,
    *STILL,
    "camera",
    "microphone",
    "loudspeaker",
    "display",
    *OUTPUTS,
    BUTTONS,
)
"""What may be chosen."""
