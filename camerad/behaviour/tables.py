"""The tables of the stage machine: outcomes of intents, events and conditions.

Read `camerad.behaviour.stages` first; it explains the use of these tables, and everything here can
be imported from there. A change to a table changes the camera: docs/stages.md is drawn from them,
and the tests visit every reachable state.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from camerad.behaviour.events import (
    Closed,
    Condition,
    CueKind,
    Event,
    Failed,
    Intent,
    Opened,
    Ready,
    Shutdown,
    Stage,
    Tick,
    Wiped,
)


class Outcome(StrEnum):
    """The result of an intent or an event."""

    SELF_VIEW = "self_view"
    """Show the person facing the camera their picture."""
    IDLE = "idle"
    """Leave self-view: dark at once, wipe, then idle."""
    RECORD = "record"
    """Start to record, unless it is refused."""
    STOP = "stop"
    """End the recording."""
    MARK = "mark"
    """Set a mark."""
    DISPLAY = "display"
    """Switch the display, and nothing else."""
    TELL = "tell"
    """Signal that it records, and nothing else."""
    MUTE = "mute"
    """Switch the sound, where that is allowed, and nothing else."""
    STATUS = "status"
    """Show the status for a moment."""
    STATUS_OVER = "status_over"
    """The moment is over."""
    REST = "rest"
    """The camera's wait is over: on to the remembered intent, or to idle."""
    REMIND = "remind"
    """Signal that the recording goes on."""
    STORE = "store"
    """The last footage of a stopped recording is made: only the card is waited for."""
    BREAK_OFF = "break_off"
    """The recording has failed; its file, or an earlier one, is still being closed."""
    END = "end"
    """Nothing is open: leave."""
    NOTE = "note"
    """Take note; nothing follows yet."""


ARMABLE: Final = frozenset({Stage.IDLE, Stage.SELF_VIEW})
"""Stages in which a policy may run the pre-event buffer."""

KEEPING: Final = frozenset({Stage.RECORDING, Stage.STOPPING})
"""Stages in which a recording is open."""

TELLS_STATUS: Final = frozenset({Stage.STARTING, Stage.IDLE})
"""Stages in which the display may show the status: no person opposite is shown or recorded."""

_FROM_IDLE: Final = {
    Intent.ESCALATE: Outcome.SELF_VIEW,
    Intent.TOGGLE_SELF_VIEW: Outcome.SELF_VIEW,
    Intent.RECORD: Outcome.RECORD,
}

INTENTS: Final[Mapping[Stage, Mapping[Intent, Outcome]]] = {
    Stage.STARTING: {**_FROM_IDLE, Intent.SHOW_STATUS: Outcome.STATUS},
    Stage.IDLE: {**_FROM_IDLE, Intent.SHOW_STATUS: Outcome.STATUS},
    Stage.SELF_VIEW: {
        Intent.ESCALATE: Outcome.RECORD,
        Intent.RECORD: Outcome.RECORD,
        Intent.TOGGLE_SELF_VIEW: Outcome.IDLE,
        Intent.DE_ESCALATE: Outcome.IDLE,
    },
    Stage.RECORDING: {
        Intent.ESCALATE: Outcome.MARK,
        Intent.MARK: Outcome.MARK,
        Intent.ASK: Outcome.TELL,
        Intent.TOGGLE_SELF_VIEW: Outcome.DISPLAY,
        Intent.TOGGLE_MUTE: Outcome.MUTE,
        Intent.STOP: Outcome.STOP,
    },
    Stage.STOPPING: _FROM_IDLE,
}
"""The outcome of an intent; a missing one has no meaning there."""

EVENTS: Final[Mapping[Stage, Mapping[type[Event], Outcome]]] = {
    Stage.STARTING: {Ready: Outcome.REST, Tick: Outcome.STATUS_OVER, Shutdown: Outcome.END},
    Stage.IDLE: {Tick: Outcome.STATUS_OVER, Shutdown: Outcome.END},
    Stage.SELF_VIEW: {Tick: Outcome.IDLE, Wiped: Outcome.REST, Shutdown: Outcome.IDLE},
    Stage.RECORDING: {
        Opened: Outcome.NOTE,
        Wiped: Outcome.NOTE,
        Tick: Outcome.REMIND,
        Failed: Outcome.REST,
        Shutdown: Outcome.STOP,
    },
    Stage.STOPPING: {
        Opened: Outcome.NOTE,
        Wiped: Outcome.NOTE,
        Tick: Outcome.STORE,
        Closed: Outcome.REST,
        Failed: Outcome.REST,
        Shutdown: Outcome.STORE,
    },
}
"""The outcome of an event; a missing one is illegal. A Tick counts when it is due, and
Wiped only answers a Wipe. A recording that fails while a file is still being closed is broken off.
Intents and conditions are legal everywhere and have their own tables."""

REFUSES_START: Final = frozenset(
    {
        Condition.CAMERA_DOWN,
        Condition.STORAGE_FAILED,
        Condition.STORAGE_READ_ONLY,
        Condition.STORAGE_FULL,
        Condition.LEDGER_FAILED,
        Condition.NO_RECIPIENTS,
        Condition.UNPROVISIONED,
    }
)
"""The only conditions that refuse to start a recording."""

ENDS_RECORDING: Final = frozenset(
    {Condition.STORAGE_FAILED, Condition.STORAGE_READ_ONLY, Condition.STORAGE_FULL}
)
"""The only conditions that end one. A recording outlives all others, also a ledger that fails,
since its own file holds the footage and its statements."""

IN_WORDS: Final = frozenset(Condition) - {Condition.DOCKED}
"""Conditions that the display shows in words. Docked is none: the wearer who docks a camera sees
it."""

CUES: Final[Mapping[Condition, CueKind]] = {
    Condition.STORAGE_LOW: CueKind.STORAGE_LOW,
    Condition.STORAGE_FULL: CueKind.STORAGE_FULL,
    Condition.STORAGE_STALLED: CueKind.STORAGE_STALLED,
    # Three causes for a technician, and one meaning for the wearer: nothing can be kept.
    Condition.STORAGE_FAILED: CueKind.STORAGE_FAILED,
    Condition.STORAGE_READ_ONLY: CueKind.STORAGE_FAILED,
    Condition.LEDGER_FAILED: CueKind.STORAGE_FAILED,
    # To the wearer the same: the camera is not set up.
    Condition.NO_RECIPIENTS: CueKind.NO_RECIPIENTS,
    Condition.UNPROVISIONED: CueKind.NO_RECIPIENTS,
    Condition.BATTERY_LOW: CueKind.BATTERY_LOW,
    Condition.BATTERY_CRITICAL: CueKind.BATTERY_CRITICAL,
    # To the wearer the same: it may not last, so it is to be docked soon.
    Condition.BATTERY_UNKNOWN: CueKind.BATTERY_LOW,
    Condition.HOT: CueKind.HOT,
    Condition.CLOCK_UNTRUSTED: CueKind.CLOCK_UNTRUSTED,
    Condition.CAMERA_DOWN: CueKind.CAMERA_DOWN,
    Condition.CAMERA_COVERED: CueKind.CAMERA_COVERED,
    Condition.DISPLAY_DOWN: CueKind.DISPLAY_DOWN,
    Condition.LIGHT_DOWN: CueKind.LIGHT_DOWN,
    Condition.MICROPHONE_DOWN: CueKind.MICROPHONE_DOWN,
}
"""The cue of a condition when it is raised, unless another one with the same cue holds already and
no recording ends by it. Docked is silent: the wearer who docks a camera sees it. So is a refused
file on the card: the technician who put it there finds a report beside it."""

SAID_AGAIN: Final[Mapping[Outcome, tuple[Condition, ...]]] = {
    # A wearer who shows the display may record next, and should know now that it will be refused. A
    # refused press has the same cue.
    Outcome.SELF_VIEW: (
        Condition.CAMERA_DOWN,
        Condition.STORAGE_FAILED,
        Condition.STORAGE_READ_ONLY,
        Condition.LEDGER_FAILED,
        Condition.STORAGE_FULL,
        Condition.NO_RECIPIENTS,
        Condition.UNPROVISIONED,
    ),
    # The recording may not show: the wearer has to say it. Without sound, to call a witness.
    Outcome.RECORD: (Condition.LIGHT_DOWN, Condition.MICROPHONE_DOWN),
    Outcome.REMIND: (
        Condition.CAMERA_DOWN,
        Condition.LIGHT_DOWN,
        Condition.MICROPHONE_DOWN,
        Condition.BATTERY_CRITICAL,
    ),
}
"""Conditions whose cue is repeated when this happens, because then it matters."""

LEADS_TO: Final[Mapping[Intent | None, Stage]] = {
    None: Stage.IDLE,
    Intent.ESCALATE: Stage.SELF_VIEW,
    Intent.RECORD: Stage.RECORDING,
}
"""The stage to which the remembered intent leads from idle: its row judges the next intent."""

REMEMBERED_AS: Final[Mapping[Outcome, Intent | None]] = {
    Outcome.IDLE: None,
    Outcome.STOP: None,
    Outcome.SELF_VIEW: Intent.ESCALATE,
    Outcome.RECORD: Intent.RECORD,
}
"""The intent that leads from idle to an outcome's stage; others change nothing remembered."""
