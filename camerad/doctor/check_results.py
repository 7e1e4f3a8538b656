"""The doctor's findings: ids, values and severity.

The names of findings and checks are part of ``--json`` and do not change; new ones may come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """The camera records; a technician has to see to it all the same."""
    FAIL = "fail"
    """The camera is not to be handed out."""
    NOT_TESTED = "not_tested"
    """It could not be looked at, or there is nothing to look at."""


_OK, _WARN, _FAIL, _NOT = Level.OK, Level.WARN, Level.FAIL, Level.NOT_TESTED


class FindingId(StrEnum):
    """A finding, and how bad it is. The first word is what it is about."""

    level: Level

    def __new__(cls, name: str, level: Level) -> FindingId:
        """A finding by the name that ``--json`` has."""
        one = str.__new__(cls, name)
        one._value_ = name
        one.level = level
        return one

    def found(self, check: str | None = None, /, **values: Any) -> CheckResult:
        """The result of a check with this finding. check: None for what it is about. values: what
        the sentences put in, ready for JSON."""
        return CheckResult(check or self.value.partition("_")[0], self, values)

    CONFIGURATION_OK = "configuration_ok", _OK
    CONFIGURATION_WRONG = "configuration_wrong", _FAIL
    CONFIGURATION_NEEDED = "configuration_needed", _NOT
    """Of every other check, where the configuration is wrong."""

    NO_ANSWER = "no_answer", _FAIL
    """Of any check that has not come to its end in its time."""

    DAEMON_RUNS = "daemon_runs", _OK
    DAEMON_REFUSES = "daemon_refuses", _FAIL
    """It runs, and a press would not record."""
    DAEMON_STOPPED = "daemon_stopped", _OK
    DAEMON_SILENT = "daemon_silent", _FAIL
    DAEMON_FORBIDDEN = "daemon_forbidden", _NOT
    DEVICES_TAKEN = "devices_taken", _NOT
    """Of every device, where another process has the store and does not tell."""

    RECIPIENTS_OK = "recipients_ok", _OK
    RECIPIENTS_NONE = "recipients_none", _FAIL
    RECIPIENTS_WRONG = "recipients_wrong", _FAIL

    KEY_OK = "key_ok", _OK
    KEY_NONE = "key_none", _FAIL
    KEY_LOST = "key_lost", _FAIL
    KEY_OPEN = "key_open", _FAIL
    KEY_DAMAGED = "key_damaged", _FAIL
    KEY_OTHER = "key_other", _FAIL
    KEY_CREDENTIAL = "key_credential", _NOT
    KEY_FORBIDDEN = "key_forbidden", _NOT

    LEDGER_OK = "ledger_ok", _OK
    LEDGER_NONE = "ledger_none", _NOT
    LEDGER_DAMAGED = "ledger_damaged", _FAIL
    LEDGER_UNREADABLE = "ledger_unreadable", _NOT

    CLOCK_SYNCHRONISED = "clock_synchronised", _OK
    CLOCK_RTC = "clock_rtc", _OK
    CLOCK_UNKNOWN = "clock_unknown", _WARN

    BATTERY_OK = "battery_ok", _OK
    BATTERY_LOW = "battery_low", _WARN
    BATTERY_CRITICAL = "battery_critical", _FAIL
    BATTERY_SILENT = "battery_silent", _FAIL
    BATTERY_GONE = "battery_gone", _FAIL
    BATTERY_NONE = "battery_none", _NOT

    TEMPERATURE_OK = "temperature_ok", _OK
    TEMPERATURE_HOT = "temperature_hot", _WARN
    TEMPERATURE_VOLTAGE = "temperature_voltage", _WARN
    TEMPERATURE_NONE = "temperature_none", _NOT

    SPACE_OK = "space_ok", _OK
    SPACE_LOW = "space_low", _WARN
    SPACE_FULL = "space_full", _FAIL
    SPACE_READ_ONLY = "space_read_only", _FAIL
    SPACE_MISSING = "space_missing", _FAIL

    CARD_OK = "card_ok", _OK
    CARD_HESITATES = "card_hesitates", _WARN
    CARD_SLOW = "card_slow", _FAIL
    CARD_FAILS = "card_fails", _FAIL
    CARD_NO_ROOM = "card_no_room", _NOT
    CARD_MISSING = "card_missing", _NOT
    CARD_BUSY = "card_busy", _NOT
    CARD_FORBIDDEN = "card_forbidden", _NOT

    HARDENING_OK = "hardening_ok", _OK
    HARDENING_WEAK = "hardening_weak", _WARN
    HARDENING_ALONE = "hardening_alone", _FAIL
    HARDENING_NO_UNIT = "hardening_no_unit", _NOT
    HARDENING_NO_TOOL = "hardening_no_tool", _NOT

    OFFICE_OK = "office_ok", _OK
    OFFICE_NONE = "office_none", _NOT
    OFFICE_NOT_DOCKED = "office_not_docked", _NOT
    """A camera that is worn has no network, and is ready without one."""
    OFFICE_NO_NETWORK = "office_no_network", _NOT
    """As where systemd runs the doctor: that has no network."""
    OFFICE_UNSIGNED = "office_unsigned", _NOT
    OFFICE_NO_ADDRESS = "office_no_address", _WARN
    OFFICE_UNREACHED = "office_unreached", _WARN
    OFFICE_CA_WRONG = "office_ca_wrong", _WARN
    OFFICE_STRANGER = "office_stranger", _WARN
    OFFICE_OUT_OF_TIME = "office_out_of_time", _WARN
    OFFICE_OTHER_NAME = "office_other_name", _WARN
    OFFICE_UNREGISTERED = "office_unregistered", _WARN
    OFFICE_WITHDRAWN = "office_withdrawn", _WARN
    OFFICE_REFUSES = "office_refuses", _WARN
    OFFICE_DISPUTED = "office_disputed", _WARN
    OFFICE_TAKES_NOTHING = "office_takes_nothing", _WARN
    OFFICE_NOT_EVERY = "office_not_every", _WARN
    OFFICE_UPLOAD_FAILS = "office_upload_fails", _WARN
    OFFICE_UPLOAD_SILENT = "office_upload_silent", _WARN

    UPTIME = "uptime", _OK

    BOARD_OK = "board_ok", _OK
    BOARD_NO_HEAP = "board_no_heap", _WARN
    BOARD_RESERVES = "board_reserves", _WARN
    BOARD_UNKNOWN = "board_unknown", _NOT

    CAMERA_OK = "camera_ok", _OK
    CAMERA_DOWN = "camera_down", _FAIL
    CAMERA_SILENT = "camera_silent", _FAIL
    CAMERA_SIZE = "camera_size", _FAIL
    CAMERA_RATE = "camera_rate", _FAIL
    CAMERA_LOSES = "camera_loses", _WARN
    CAMERA_BLACK = "camera_black", _FAIL

    MICROPHONE_OK = "microphone_ok", _OK
    MICROPHONE_SILENT = "microphone_silent", _FAIL
    MICROPHONE_CLIPS = "microphone_clips", _WARN
    MICROPHONE_MISSING = "microphone_missing", _FAIL
    MICROPHONE_HANGS = "microphone_hangs", _FAIL
    MICROPHONE_UNWANTED = "microphone_unwanted", _NOT
    MICROPHONE_CLOSED = "microphone_closed", _NOT
    MICROPHONE_SERVES = "microphone_serves", _OK

    LOUDSPEAKER_HEARD = "loudspeaker_heard", _OK
    LOUDSPEAKER_PLAYED = "loudspeaker_played", _OK
    LOUDSPEAKER_FAINT = "loudspeaker_faint", _WARN
    LOUDSPEAKER_UNHEARD = "loudspeaker_unheard", _FAIL
    LOUDSPEAKER_FAILS = "loudspeaker_fails", _FAIL
    LOUDSPEAKER_NO_FILE = "loudspeaker_no_file", _FAIL
    LOUDSPEAKER_UNWANTED = "loudspeaker_unwanted", _NOT
    LOUDSPEAKER_CLOSED = "loudspeaker_closed", _NOT

    DISPLAY_OK = "display_ok", _OK
    DISPLAY_DOWN = "display_down", _FAIL
    DISPLAY_UNSEEN = "display_unseen", _FAIL
    DISPLAY_NONE = "display_none", _NOT
    DISPLAY_SERVES = "display_serves", _OK

    OUTPUT_OK = "output_ok", _OK
    OUTPUT_SEEN = "output_seen", _OK
    OUTPUT_DEAD = "output_dead", _FAIL
    OUTPUT_UNSEEN = "output_unseen", _FAIL
    OUTPUT_TAKEN = "output_taken", _FAIL
    OUTPUT_SERVES = "output_serves", _OK

    BUTTON_FREE = "button_free", _OK
    BUTTON_WORKS = "button_works", _OK
    BUTTON_STUCK = "button_stuck", _FAIL
    BUTTON_UNPRESSED = "button_unpressed", _FAIL
    BUTTON_TAKEN = "button_taken", _FAIL

    MINUTE_OK = "minute_ok", _OK
    MINUTE_STRAINED = "minute_strained", _WARN
    MINUTE_NOT_READY = "minute_not_ready", _FAIL
    MINUTE_NONE = "minute_none", _NOT

    DRILL_OK = "drill_ok", _OK
    DRILL_LOST = "drill_lost", _FAIL
    DRILL_NONE = "drill_none", _NOT


class CheckResult(msgspec.Struct, frozen=True):
    """Result of one check. check: its id. values: what the sentences put in, ready for JSON."""

    check: str
    finding: FindingId
    values: Mapping[str, Any] = msgspec.field(default_factory=dict)

    @property
    def level(self) -> Level:
        """How bad it is."""
        return self.finding.level


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
