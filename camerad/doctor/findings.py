"""What the doctor can come to: every finding, what it is about, and how bad it is.

The names of findings and checks are part of ``--json`` and do not change; new ones may come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """The camera records; somebody has to see to it all the same."""
    FAIL = "fail"
    """The camera is not to be handed out."""
    NOT_TESTED = "not_tested"
    """It could not be looked at, or there is nothing to look at."""


class What(StrEnum):
    """A finding. The first word is what it is about."""

    CONFIGURATION_OK = "configuration_ok"
    CONFIGURATION_WRONG = "configuration_wrong"
    CONFIGURATION_NEEDED = "configuration_needed"
    """Of every other check, where the configuration is wrong."""

    NO_ANSWER = "no_answer"
    """Of any check that has not come to its end in its time."""

    DAEMON_RUNS = "daemon_runs"
    DAEMON_STOPPED = "daemon_stopped"
    DAEMON_SILENT = "daemon_silent"
    DAEMON_FORBIDDEN = "daemon_forbidden"
    DEVICES_TAKEN = "devices_taken"
    """Of every device, where another process has the store and does not tell."""

    RECIPIENTS_OK = "recipients_ok"
    RECIPIENTS_NONE = "recipients_none"
    RECIPIENTS_WRONG = "recipients_wrong"

    KEY_OK = "key_ok"
    KEY_NONE = "key_none"
    KEY_LOST = "key_lost"
    KEY_OPEN = "key_open"
    KEY_DAMAGED = "key_damaged"
    KEY_OTHER = "key_other"
    KEY_CREDENTIAL = "key_credential"
    KEY_FORBIDDEN = "key_forbidden"

    LEDGER_OK = "ledger_ok"
    LEDGER_NONE = "ledger_none"
    LEDGER_DAMAGED = "ledger_damaged"
    LEDGER_UNREADABLE = "ledger_unreadable"

    CLOCK_SYNCHRONISED = "clock_synchronised"
    CLOCK_RTC = "clock_rtc"
    CLOCK_UNKNOWN = "clock_unknown"

    BATTERY_OK = "battery_ok"
    BATTERY_LOW = "battery_low"
    BATTERY_CRITICAL = "battery_critical"
    BATTERY_SILENT = "battery_silent"
    BATTERY_GONE = "battery_gone"
    BATTERY_NONE = "battery_none"

    TEMPERATURE_OK = "temperature_ok"
    TEMPERATURE_HOT = "temperature_hot"
    TEMPERATURE_VOLTAGE = "temperature_voltage"
    TEMPERATURE_NONE = "temperature_none"

    SPACE_OK = "space_ok"
    SPACE_LOW = "space_low"
    SPACE_FULL = "space_full"
    SPACE_READ_ONLY = "space_read_only"
    SPACE_MISSING = "space_missing"

    CARD_OK = "card_ok"
    CARD_HESITATES = "card_hesitates"
    CARD_SLOW = "card_slow"
    CARD_FAILS = "card_fails"
    CARD_NO_ROOM = "card_no_room"
    CARD_MISSING = "card_missing"
    CARD_BUSY = "card_busy"
    CARD_FORBIDDEN = "card_forbidden"

    HARDENING_OK = "hardening_ok"
    HARDENING_WEAK = "hardening_weak"
    HARDENING_ALONE = "hardening_alone"
    HARDENING_NO_UNIT = "hardening_no_unit"
    HARDENING_NO_TOOL = "hardening_no_tool"

    UPTIME = "uptime"

    CAMERA_OK = "camera_ok"
    CAMERA_DOWN = "camera_down"
    CAMERA_SILENT = "camera_silent"
    CAMERA_SIZE = "camera_size"
    CAMERA_RATE = "camera_rate"
    CAMERA_LOSES = "camera_loses"
    CAMERA_BLACK = "camera_black"

    MICROPHONE_OK = "microphone_ok"
    MICROPHONE_SILENT = "microphone_silent"
    MICROPHONE_CLIPS = "microphone_clips"
    MICROPHONE_MISSING = "microphone_missing"
    MICROPHONE_HANGS = "microphone_hangs"
    MICROPHONE_UNWANTED = "microphone_unwanted"
    MICROPHONE_CLOSED = "microphone_closed"
    MICROPHONE_SERVES = "microphone_serves"

    LOUDSPEAKER_HEARD = "loudspeaker_heard"
    LOUDSPEAKER_PLAYED = "loudspeaker_played"
    LOUDSPEAKER_FAINT = "loudspeaker_faint"
    LOUDSPEAKER_UNHEARD = "loudspeaker_unheard"
    LOUDSPEAKER_FAILS = "loudspeaker_fails"
    LOUDSPEAKER_NO_FILE = "loudspeaker_no_file"
    LOUDSPEAKER_UNWANTED = "loudspeaker_unwanted"
    LOUDSPEAKER_CLOSED = "loudspeaker_closed"

    DISPLAY_OK = "display_ok"
    DISPLAY_DOWN = "display_down"
    DISPLAY_UNSEEN = "display_unseen"
    DISPLAY_NONE = "display_none"
    DISPLAY_SERVES = "display_serves"

    OUTPUT_OK = "output_ok"
    OUTPUT_SEEN = "output_seen"
    OUTPUT_DEAD = "output_dead"
    OUTPUT_UNSEEN = "output_unseen"
    OUTPUT_TAKEN = "output_taken"
    OUTPUT_SERVES = "output_serves"

    BUTTON_FREE = "button_free"
    BUTTON_WORKS = "button_works"
    BUTTON_STUCK = "button_stuck"
    BUTTON_UNPRESSED = "button_unpressed"
    BUTTON_TAKEN = "button_taken"


_OK, _WARN, _FAIL, _NOT = Level.OK, Level.WARN, Level.FAIL, Level.NOT_TESTED

LEVELS: Final[Mapping[What, Level]] = {
    What.CONFIGURATION_OK: _OK,
    What.CONFIGURATION_WRONG: _FAIL,
    What.CONFIGURATION_NEEDED: _NOT,
    What.NO_ANSWER: _FAIL,
    What.DAEMON_RUNS: _OK,
    What.DAEMON_STOPPED: _OK,
    What.DAEMON_SILENT: _FAIL,
    What.DAEMON_FORBIDDEN: _NOT,
    What.DEVICES_TAKEN: _NOT,
    What.RECIPIENTS_OK: _OK,
    What.RECIPIENTS_NONE: _FAIL,
    What.RECIPIENTS_WRONG: _FAIL,
    What.KEY_OK: _OK,
    What.KEY_NONE: _FAIL,
    What.KEY_LOST: _FAIL,
    What.KEY_OPEN: _FAIL,
    What.KEY_DAMAGED: _FAIL,
    What.KEY_OTHER: _FAIL,
    What.KEY_CREDENTIAL: _NOT,
    What.KEY_FORBIDDEN: _NOT,
    What.LEDGER_OK: _OK,
    What.LEDGER_NONE: _NOT,
    What.LEDGER_DAMAGED: _FAIL,
    What.LEDGER_UNREADABLE: _NOT,
    What.CLOCK_SYNCHRONISED: _OK,
    What.CLOCK_RTC: _OK,
    What.CLOCK_UNKNOWN: _WARN,
    What.BATTERY_OK: _OK,
    What.BATTERY_LOW: _WARN,
    What.BATTERY_CRITICAL: _FAIL,
    What.BATTERY_SILENT: _FAIL,
    What.BATTERY_GONE: _FAIL,
    What.BATTERY_NONE: _NOT,
    What.TEMPERATURE_OK: _OK,
    What.TEMPERATURE_HOT: _WARN,
    What.TEMPERATURE_VOLTAGE: _WARN,
    What.TEMPERATURE_NONE: _NOT,
    What.SPACE_OK: _OK,
    What.SPACE_LOW: _WARN,
    What.SPACE_FULL: _FAIL,
    What.SPACE_READ_ONLY: _FAIL,
    What.SPACE_MISSING: _FAIL,
    What.CARD_OK: _OK,
    What.CARD_HESITATES: _WARN,
    What.CARD_SLOW: _FAIL,
    What.CARD_FAILS: _FAIL,
    What.CARD_NO_ROOM: _NOT,
    What.CARD_MISSING: _NOT,
    What.CARD_BUSY: _NOT,
    What.CARD_FORBIDDEN: _NOT,
    What.HARDENING_OK: _OK,
    What.HARDENING_WEAK: _WARN,
    What.HARDENING_ALONE: _FAIL,
    What.HARDENING_NO_UNIT: _NOT,
    What.HARDENING_NO_TOOL: _NOT,
    What.UPTIME: _OK,
    What.CAMERA_OK: _OK,
    What.CAMERA_DOWN: _FAIL,
    What.CAMERA_SILENT: _FAIL,
    What.CAMERA_SIZE: _FAIL,
    What.CAMERA_RATE: _FAIL,
    What.CAMERA_LOSES: _WARN,
    What.CAMERA_BLACK: _FAIL,
    What.MICROPHONE_OK: _OK,
    What.MICROPHONE_SILENT: _FAIL,
    What.MICROPHONE_CLIPS: _WARN,
    What.MICROPHONE_MISSING: _FAIL,
    What.MICROPHONE_HANGS: _FAIL,
    What.MICROPHONE_UNWANTED: _NOT,
    What.MICROPHONE_CLOSED: _NOT,
    What.MICROPHONE_SERVES: _OK,
    What.LOUDSPEAKER_HEARD: _OK,
    What.LOUDSPEAKER_PLAYED: _OK,
    What.LOUDSPEAKER_FAINT: _WARN,
    What.LOUDSPEAKER_UNHEARD: _FAIL,
    What.LOUDSPEAKER_FAILS: _FAIL,
    What.LOUDSPEAKER_NO_FILE: _FAIL,
    What.LOUDSPEAKER_UNWANTED: _NOT,
    What.LOUDSPEAKER_CLOSED: _NOT,
    What.DISPLAY_OK: _OK,
    What.DISPLAY_DOWN: _FAIL,
    What.DISPLAY_UNSEEN: _FAIL,
    What.DISPLAY_NONE: _NOT,
    What.DISPLAY_SERVES: _OK,
    What.OUTPUT_OK: _OK,
    What.OUTPUT_SEEN: _OK,
    What.OUTPUT_DEAD: _FAIL,
    What.OUTPUT_UNSEEN: _FAIL,
    What.OUTPUT_TAKEN: _FAIL,
    What.OUTPUT_SERVES: _OK,
    What.BUTTON_FREE: _OK,
    What.BUTTON_WORKS: _OK,
    What.BUTTON_STUCK: _FAIL,
    What.BUTTON_UNPRESSED: _FAIL,
    What.BUTTON_TAKEN: _FAIL,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check came to. check: its id. values: what the sentences put in, ready for JSON."""

    check: str
    what: What
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> Level:
        """How bad it is."""
        return LEVELS[self.what]


EXIT_WARN: Final = 2
"""Something is to be seen to, and nothing failed."""
EXIT_FAIL: Final = 1
"""Something failed."""


def exit_code(findings: Iterable[Finding]) -> int:
    """0 where all is well; what was not tested does not count."""
    levels = {finding.level for finding in findings}
    if Level.FAIL in levels:
        return EXIT_FAIL
    return EXIT_WARN if Level.WARN in levels else 0
