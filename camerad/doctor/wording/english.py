"""The doctor's texts in English."""

from __future__ import annotations

from typing import Final

from camerad.doctor.check_results import Level
from camerad.doctor.wording.catalogue import DoctorWording
from camerad.doctor.wording.english_findings import FINDINGS
from camerad.doctor.wording.english_office import OFFICE_FINDINGS

ENGLISH: Final = DoctorWording(
    code="en",
    yes="y",
    levels={
        Level.OK: "ok",
        Level.WARN: "WARNING",
        Level.FAIL: "FAILED",
        Level.NOT_TESTED: "not tested",
    },
    checks={
        "configuration": "configuration",
        "daemon": "daemon",
        "recipients": "recipients",
        "key": "device's key",
        "ledger": "ledger",
        "clock": "clock",
        "battery": "battery",
        "temperature": "temperature",
        "space": "free space",
        "card": "card",
        "hardening": "hardening",
        "office": "office",
        "uptime": "since boot",
        "camera": "camera",
        "microphone": "microphone",
        "loudspeaker": "loudspeaker",
        "display": "display",
        "light_green": "green light",
        "light_red": "red light",
        "light_amber": "amber light",
        "vibration": "vibration",
        "buzzer": "buzzer",
        "buttons": "buttons",
    },
    states={"on": "on", "off": "off"},
    button="button {name}",
    findings={**FINDINGS, **OFFICE_FINDINGS},
    title="Check of the body-worn camera {device}",
    subtitle="{at}, clock {clock}; camerad {software}",
    summary="{ok} ok, {warn} warning(s), {fail} failed, {not_tested} not tested",
    cure="fix",
    progress="[{number}/{count}] {part} ...",
    saved="saved in {path}",
    ask_seen="{part}: did you see, feel or hear it? [y/n] ",
    ask_display="Does the display show coloured bars in a white frame? [y/n] ",
    ask_press="Press and release the {part} within {seconds:.0f} s.",
    ask_speak="Say something into the microphone.",
)
