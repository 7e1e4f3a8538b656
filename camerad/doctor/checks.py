"""The checks by their ids, which are part of ``--json``, in the order in which they are made, and
their names for people."""

from __future__ import annotations

from typing import Final

from camerad.base.words import NC_

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
CHECK_NAMES: Final = {
    "configuration": NC_("check", "configuration"),
    "daemon": NC_("check", "daemon"),
    "recipients": NC_("check", "recipients"),
    "key": NC_("check", "device's key"),
    "ledger": NC_("check", "ledger"),
    "clock": NC_("check", "clock"),
    "battery": NC_("check", "battery"),
    "temperature": NC_("check", "temperature"),
    "space": NC_("check", "free space"),
    "card": NC_("check", "card"),
    "hardening": NC_("check", "hardening"),
    "office": NC_("check", "office"),
    "uptime": NC_("check", "since boot"),
    "board": NC_("check", "board"),
    "camera": NC_("check", "camera"),
    "microphone": NC_("check", "microphone"),
    "loudspeaker": NC_("check", "loudspeaker"),
    "display": NC_("check", "display"),
    "light_green": NC_("check", "green light"),
    "light_red": NC_("check", "red light"),
    "light_amber": NC_("check", "amber light"),
    "vibration": NC_("check", "vibration"),
    "buzzer": NC_("check", "buzzer"),
    "buttons": NC_("check", "buttons"),
    "minute": NC_("check", "recorded minute"),
    "drill": NC_("check", "power cut"),
}
