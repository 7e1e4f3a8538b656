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


class FindingId(StrEnum):
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

LEVELS: Final[Mapping[FindingId, Level]] = {
    FindingId.CONFIGURATION_OK: _OK,
    FindingId.CONFIGURATION_WRONG: _FAIL,
    FindingId.CONFIGURATION_NEEDED: _NOT,
    FindingId.NO_ANSWER: _FAIL,
    FindingId.DAEMON_RUNS: _OK,
    FindingId.DAEMON_STOPPED: _OK,
    FindingId.DAEMON_SILENT: _FAIL,
    FindingId.DAEMON_FORBIDDEN: _NOT,
    FindingId.DEVICES_TAKEN: _NOT,
    FindingId.RECIPIENTS_OK: _OK,
    FindingId.RECIPIENTS_NONE: _FAIL,
    FindingId.RECIPIENTS_WRONG: _FAIL,
    FindingId.KEY_OK: _OK,
    FindingId.KEY_NONE: _FAIL,
    FindingId.KEY_LOST: _FAIL,
    FindingId.KEY_OPEN: _FAIL,
    FindingId.KEY_DAMAGED: _FAIL,
    FindingId.KEY_OTHER: _FAIL,
    FindingId.KEY_CREDENTIAL: _NOT,
    FindingId.KEY_FORBIDDEN: _NOT,
    FindingId.LEDGER_OK: _OK,
    FindingId.LEDGER_NONE: _NOT,
    FindingId.LEDGER_DAMAGED: _FAIL,
    FindingId.LEDGER_UNREADABLE: _NOT,
    FindingId.CLOCK_SYNCHRONISED: _OK,
    FindingId.CLOCK_RTC: _OK,
    FindingId.CLOCK_UNKNOWN: _WARN,
    FindingId.BATTERY_OK: _OK,
    FindingId.BATTERY_LOW: _WARN,
    FindingId.BATTERY_CRITICAL: _FAIL,
    FindingId.BATTERY_SILENT: _FAIL,
    FindingId.BATTERY_GONE: _FAIL,
    FindingId.BATTERY_NONE: _NOT,
    FindingId.TEMPERATURE_OK: _OK,
    FindingId.TEMPERATURE_HOT: _WARN,
    FindingId.TEMPERATURE_VOLTAGE: _WARN,
    FindingId.TEMPERATURE_NONE: _NOT,
    FindingId.SPACE_OK: _OK,
    FindingId.SPACE_LOW: _WARN,
    FindingId.SPACE_FULL: _FAIL,
    FindingId.SPACE_READ_ONLY: _FAIL,
    FindingId.SPACE_MISSING: _FAIL,
    FindingId.CARD_OK: _OK,
    FindingId.CARD_HESITATES: _WARN,
    FindingId.CARD_SLOW: _FAIL,
    FindingId.CARD_FAILS: _FAIL,
    FindingId.CARD_NO_ROOM: _NOT,
    FindingId.CARD_MISSING: _NOT,
    FindingId.CARD_BUSY: _NOT,
    FindingId.CARD_FORBIDDEN: _NOT,
    FindingId.HARDENING_OK: _OK,
    FindingId.HARDENING_WEAK: _WARN,
    FindingId.HARDENING_ALONE: _FAIL,
    FindingId.HARDENING_NO_UNIT: _NOT,
    FindingId.HARDENING_NO_TOOL: _NOT,
    FindingId.UPTIME: _OK,
    FindingId.CAMERA_OK: _OK,
    FindingId.CAMERA_DOWN: _FAIL,
    FindingId.CAMERA_SILENT: _FAIL,
    FindingId.CAMERA_SIZE: _FAIL,
    FindingId.CAMERA_RATE: _FAIL,
    FindingId.CAMERA_LOSES: _WARN,
    FindingId.CAMERA_BLACK: _FAIL,
    FindingId.MICROPHONE_OK: _OK,
    FindingId.MICROPHONE_SILENT: _FAIL,
    FindingId.MICROPHONE_CLIPS: _WARN,
    FindingId.MICROPHONE_MISSING: _FAIL,
    FindingId.MICROPHONE_HANGS: _FAIL,
    FindingId.MICROPHONE_UNWANTED: _NOT,
    FindingId.MICROPHONE_CLOSED: _NOT,
    FindingId.MICROPHONE_SERVES: _OK,
    FindingId.LOUDSPEAKER_HEARD: _OK,
    FindingId.LOUDSPEAKER_PLAYED: _OK,
    FindingId.LOUDSPEAKER_FAINT: _WARN,
    FindingId.LOUDSPEAKER_UNHEARD: _FAIL,
    FindingId.LOUDSPEAKER_FAILS: _FAIL,
    FindingId.LOUDSPEAKER_NO_FILE: _FAIL,
    FindingId.LOUDSPEAKER_UNWANTED: _NOT,
    FindingId.LOUDSPEAKER_CLOSED: _NOT,
    FindingId.DISPLAY_OK: _OK,
    FindingId.DISPLAY_DOWN: _FAIL,
    FindingId.DISPLAY_UNSEEN: _FAIL,
    FindingId.DISPLAY_NONE: _NOT,
    FindingId.DISPLAY_SERVES: _OK,
    FindingId.OUTPUT_OK: _OK,
    FindingId.OUTPUT_SEEN: _OK,
    FindingId.OUTPUT_DEAD: _FAIL,
    FindingId.OUTPUT_UNSEEN: _FAIL,
    FindingId.OUTPUT_TAKEN: _FAIL,
    FindingId.OUTPUT_SERVES: _OK,
    FindingId.BUTTON_FREE: _OK,
    FindingId.BUTTON_WORKS: _OK,
    FindingId.BUTTON_STUCK: _FAIL,
    FindingId.BUTTON_UNPRESSED: _FAIL,
    FindingId.BUTTON_TAKEN: _FAIL,
}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check came to. check: its id. values: what the sentences put in, ready for JSON."""

    check: str
    what: FindingId
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> Level:
        """How bad it is."""
        return LEVELS[self.what]


EXIT_WARN: Final = 2
"""Something is to be seen to, and nothing failed."""
EXIT_FAIL: Final = 1
"""Something failed."""


def exit_code(findings: Iterable[CheckResult]) -> int:
    """0 where all is well; what was not tested does not count."""
    levels = {finding.level for finding in findings}
    if Level.FAIL in levels:
        return EXIT_FAIL
    return EXIT_WARN if Level.WARN in levels else 0
