"""Vocabulary of the stage machine: stages, conditions and intents, events in, effects out.

Times are microseconds of CLOCK_BOOTTIME. An event's `at_us` is when it happened or, for a button,
when its meaning was decided. Everything here is immutable and compares by value. Import these
names from `camerad.behaviour.stages`.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, TypeAlias

import msgspec


class Stage(Enum):
    """The camera's activity; exactly one at a time."""

    STARTING = "starting"
    """Camera and storage are not usable yet. Presses are remembered."""
    IDLE = "idle"
    """Worn in plain sight. Nothing is kept."""
    SELF_VIEW = "self_view"
    """The person facing the camera sees their own picture. Nothing is kept."""
    RECORDING = "recording"
    """Footage is kept."""
    STOPPING = "stopping"
    """The end of the footage is being brought to storage. A press that records does so at once;
    others are remembered."""


class Condition(Enum):
    """A circumstance besides the stage; any number at a time, each reported from outside."""

    STORAGE_LOW = "storage_low"
    STORAGE_FULL = "storage_full"
    STORAGE_FAILED = "storage_failed"
    """Written data did not arrive; holds until some does."""
    STORAGE_STALLED = "storage_stalled"
    """The storage refuses the running recording, or does not answer; the footage waits in memory,
    and writing is retried."""
    STORAGE_READ_ONLY = "storage_read_only"
    """The file system is read-only, as the kernel leaves it after an error of the card."""
    LEDGER_FAILED = "ledger_failed"
    """Identity, ledger or store cannot be opened or written; holds until they can."""
    NO_RECIPIENTS = "no_recipients"
    """No recipient is configured who could open a recording, and nothing is kept in the clear."""
    UNPROVISIONED = "unprovisioned"
    """The office has not set the camera up yet: there is no recipient who could open a
    recording."""
    PROVISION_REFUSED = "provision_refused"
    """A file on the card was refused, or could not be removed; the camera is as it was set up."""
    OFFICE_DISPUTED = "office_disputed"
    """The office showed a ledger that does not continue what this camera has seen of it."""
    BATTERY_LOW = "battery_low"
    BATTERY_CRITICAL = "battery_critical"
    """The camera ends in order within half a minute, unless it is docked."""
    BATTERY_UNKNOWN = "battery_unknown"
    """There is a battery, and its gauge fails: it may end without a warning."""
    HOT = "hot"
    CLOCK_UNTRUSTED = "clock_untrusted"
    CAMERA_DOWN = "camera_down"
    CAMERA_COVERED = "camera_covered"
    """In a recording the picture went black at once, and stays so."""
    DISPLAY_DOWN = "display_down"
    LIGHT_DOWN = "light_down"
    MICROPHONE_DOWN = "microphone_down"
    """Recordings are to have sound, and the microphone is missing or fails, or did when it was last
    used: in idle its device is closed and is not checked."""
    DOCKED = "docked"


class Intent(Enum):
    """A wish of the wearer, from any button or program."""

    ESCALATE = "escalate"
    """One stage up; while recording, set a mark."""
    RECORD = "record"
    """Record at once, from any stage."""
    STOP = "stop"
    """End the recording. Nothing else does, so that no accident can."""
    ASK = "ask"
    """Feel whether it records: a hand holds the button, and may mean to end the recording."""
    TOGGLE_SELF_VIEW = "toggle_self_view"
    """Self-view on or off; while recording, switch the display only."""
    DE_ESCALATE = "de_escalate"
    """From self-view back to idle."""
    MARK = "mark"
    """Set a mark in the recording."""
    TOGGLE_MUTE = "toggle_mute"
    """Sound off or on in the recording."""
    SHOW_STATUS = "show_status"
    """In idle, and while the camera starts: show conditions, battery, storage and clock on the
    display for a moment."""


class CueKind(Enum):
    """A vibration and tone that plays once; `camerad.behaviour.signals` defines its rhythm."""

    READY = "ready"
    STARTED = "started"
    STILL_RECORDING = "still_recording"
    STOPPED = "stopped"
    MARKED = "marked"
    ASKED = "asked"
    MUTED = "muted"
    UNMUTED = "unmuted"
    REFUSED = "refused"
    SELF_VIEW_ON = "self_view_on"
    SELF_VIEW_OFF = "self_view_off"
    CUT_OFF = "cut_off"
    RECORDING_FAILED = "recording_failed"
    STORAGE_LOW = "storage_low"
    STORAGE_FULL = "storage_full"
    STORAGE_FAILED = "storage_failed"
    STORAGE_STALLED = "storage_stalled"
    NO_RECIPIENTS = "no_recipients"
    BATTERY_LOW = "battery_low"
    BATTERY_CRITICAL = "battery_critical"
    HOT = "hot"
    CLOCK_UNTRUSTED = "clock_untrusted"
    CAMERA_DOWN = "camera_down"
    CAMERA_COVERED = "camera_covered"
    DISPLAY_DOWN = "display_down"
    LIGHT_DOWN = "light_down"
    MICROPHONE_DOWN = "microphone_down"
    SHIFT_BEGUN = "shift_begun"
    SHIFT_ENDED = "shift_ended"
    NOT_READY = "not_ready"


# ---------------------------------------------------------------------------------------- events


class Ready(msgspec.Struct, frozen=True):
    """The camera delivers and storage is usable, for the first time since the start."""

    at_us: int


class Intended(msgspec.Struct, frozen=True):
    """A person or program asks for something.

    at_us: when it was decided. edge_us: when the hand moved, which is the instant that counts in
    the footage. source: such as ``button:main`` or ``control``. began: the stage in which the press
    of a gesture began; None for an intent without a press.
    """

    at_us: int
    intent: Intent
    edge_us: int
    source: str
    began: Stage | None = None


CONTINUED: Final = "continued"
"""Source of the intent that a recording goes on from one that was cut off: no person's press."""


class Raised(msgspec.Struct, frozen=True):
    """A condition holds from now on; repeating it is harmless."""

    at_us: int
    condition: Condition


class Cleared(msgspec.Struct, frozen=True):
    """A condition holds no longer; repeating it is harmless."""

    at_us: int
    condition: Condition


class CutOff(msgspec.Struct, frozen=True):
    """The camera's last run ended in a recording, and that does not go on."""

    at_us: int


class GivenUp(msgspec.Struct, frozen=True):
    """No pictures come, and every repair has failed: there is nothing to be recorded."""

    at_us: int


class Wiped(msgspec.Struct, frozen=True):
    """A Wipe has been carried out; every Wipe is answered once."""

    at_us: int


class Opened(msgspec.Struct, frozen=True):
    """The recorder has opened the recording's file."""

    at_us: int
    recording_id: str


class Closed(msgspec.Struct, frozen=True):
    """The recording that was told to stop is closed, and so is any from before it; nothing is kept
    any more.

    failed: the newest could not go on, as was reported; or no picture of it had come, so there is
    no file of it.
    """

    at_us: int
    failed: bool = False


class Failed(msgspec.Struct, frozen=True):
    """The recorder could not open its file, or not go on: no footage is made any more.

    closing: its file, or that of an earlier recording, is still being closed; else nothing is open.
    """

    at_us: int
    reason: str
    closing: bool = False


class Tick(msgspec.Struct, frozen=True):
    """Time has passed; due when `stages.deadline` says, and harmless at any other time."""

    at_us: int


RESTARTED: Final = "restarted"
"""Reason of a shutdown that no user asked for: after a mistake in camerad the daemon starts
anew."""


class Shutdown(msgspec.Struct, frozen=True):
    """Close open recordings, wipe the buffer, then end. reason: why, as stated by a recording that
    is ended by it."""

    at_us: int
    reason: str = "shutdown"


Event: TypeAlias = (
    Ready
    | Intended
    | Raised
    | Cleared
    | CutOff
    | GivenUp
    | Wiped
    | Opened
    | Closed
    | Failed
    | Tick
    | Shutdown
)

# --------------------------------------------------------------------------------------- effects


class Arm(msgspec.Struct, frozen=True):
    """Feed the ring. After a Wipe: only once that has been answered."""


class Disarm(msgspec.Struct, frozen=True):
    """Feed the ring no longer, and overwrite its content."""


class Wipe(msgspec.Struct, frozen=True):
    """Disarm, overwrite every place that still holds footage, then answer Wiped.

    Those places are the ring and the encoder of the capture process, which starts afresh.
    """


class ShowSelfView(msgspec.Struct, frozen=True):
    """Switch the self-view display. Nothing waits for it, and its failures do not matter here."""

    on: bool


class ShowStatus(msgspec.Struct, frozen=True):
    """Show the camera's status to the wearer, or no longer. Nothing waits for it. It and self-view
    are never on together."""

    on: bool


class StartRecording(msgspec.Struct, frozen=True):
    """Keep footage from now on, though an earlier recording may still be being closed.

    With sound, where the policy has it: a recording is never muted when it begins. trigger: the
    source of the intent. at_us: the edge of the press. pre_event: whether the ring's content from
    before `at_us` belongs to the recording; where False, no picture older than `at_us` may.
    """

    trigger: str
    at_us: int
    pre_event: bool


class StopRecording(msgspec.Struct, frozen=True):
    """Keep footage up to `at_us`, the moment of the decision or, after the wearer's stop, that
    moment plus the post-event time of the rules, then answer Closed or Failed.

    reason: ``stop``, that of a `Shutdown`, or the value of the condition that ended it.
    """

    reason: str
    at_us: int


class Mark(msgspec.Struct, frozen=True):
    """Set a mark in the recording at `at_us`, the edge of the press."""

    at_us: int


class Mute(msgspec.Struct, frozen=True):
    """Keep no sound from `at_us` on, the moment of the decision, or keep it again."""

    on: bool
    at_us: int


class Cue(msgspec.Struct, frozen=True):
    """Play a vibration and tone once, after those still playing."""

    kind: CueKind


class End(msgspec.Struct, frozen=True):
    """Everything is closed: leave."""


Effect: TypeAlias = (
    Arm
    | Disarm
    | Wipe
    | ShowSelfView
    | ShowStatus
    | StartRecording
    | StopRecording
    | Mark
    | Mute
    | Cue
    | End
)
