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
    "office",
    "uptime",
    "board",
)
"""Checks that need none of the camera's parts. The office's is made where there is one."""
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
DEADLINE_SECONDS: Final = 20.0
"""What a check may take before it is given up, unless it is one of these."""
DEADLINES: Final = {
    "daemon": 60.0,  # which has ten to begin to answer, twenty to have its camera, five an answer
    "ledger": 30.0,
    "hardening": 30.0,  # systemd-analyze has twenty
    "office": 40.0,  # whose server has fifteen, and the daemon ten to sign
}
DEVICE_SECONDS: Final = 60.0
"""Time limit of a device's check without a question to a person: most is for libraries, and for
opening."""
AFTERWARDS_SECONDS: Final = 10.0
"""What a further look at a store that has not answered once may take: a report is to come."""
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
"""Checks that may be chosen."""
BRING_UP: Final = ("minute", "drill")
"""Further ones, of ``--bring-up``."""
