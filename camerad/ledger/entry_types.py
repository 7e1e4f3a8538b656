"""Structs of the ledger's entries: one for each kind, field by field its ``facts``.

Those about a recording are in `camerad.ledger.recording_entries`, those about people at an office
in `camerad.ledger.people_entries`, those about its cameras in `camerad.ledger.camera_entries`;
`KINDS` has all of them.

A kind's fields never change; what needs others is a kind of its own. A reader checks signature and
chain of kinds that it does not know like those of any other. It cannot know what they say, though,
and so deletes nothing by such a ledger (`camerad.ledger.entries`).
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

from camerad.base.clock import ClockSource, Moment
from camerad.ledger import camera_entries, people_entries, recording_entries
from camerad.ledger.boot_runs import BootRun
from camerad.ledger.recording_state import ClosedEpoch, RecordingState
from camerad.ledger.timeline import DeclaredTime, Instant, Synchronised

WHOLE_LEDGER: Final = "ledger"
"""What `Damaged` names where a ledger is gone that must have been there."""
AFTER_LOSS: Final = (
    "Holds may be lost with it. Nothing is deleted before its retention has passed once more from "
    "now: within that time place again every hold that should be there ('camerad evidence hold'), "
    "and compare with what was offloaded ('camerad evidence verify')"
)
"""Advice to the operator of a camera or an office when entries are lost."""


class EpochBegun(msgspec.Struct, frozen=True):
    """First of each file.

    number: counted from 1. replaces: key of the entries before, if it was another. run: number of
    the run in which it began. stage: reached last, "" if none. lost: when entries were last found
    to be lost, while that still counts. carried: how many entries follow with what is still needed
    of the epochs before.
    """

    number: int
    replaces: str | None
    run: int
    synchronised: Synchronised | None
    stage: str
    lost: Instant | None
    carried: int


class Carried(msgspec.Struct, frozen=True):
    """Copied from an earlier epoch, because it is still needed."""

    runs: tuple[BootRun, ...]
    recordings: tuple[RecordingState, ...]
    epochs: tuple[ClosedEpoch, ...]


class StartedEntry(msgspec.Struct, frozen=True):
    """The daemon began. settings: SHA-256 of the settings in use."""

    software: str
    policy: str
    settings: str


class Stopped(msgspec.Struct, frozen=True):
    """The daemon ended in order."""


class StageReached(msgspec.Struct, frozen=True):
    """The camera changed its stage. display: the self-view is on."""

    stage: str
    display: bool


class OverriddenSetting(msgspec.Struct, frozen=True):
    """A setting beyond what the policy allows."""

    key: str
    configured: str
    allowed: str


class SettingsChanged(msgspec.Struct, frozen=True):
    """Other settings are in use. settings: their SHA-256. reason, authorised_by: why and by whose
    word they go beyond the policy."""

    settings: str
    overridden: tuple[OverriddenSetting, ...]
    reason: str | None
    authorised_by: str | None


class Provisioned(msgspec.Struct, frozen=True):
    """The office's file on the card was applied, or refused. outcome: "applied", "reset" or
    "refused"; sha256: of the file; serial: its number, None if it was not read; office: thumbprint
    of the key that signed it, or that it names; device: the camera's name by it; why: for what
    reason it was refused; retires: thumbprint of the device's key that is given up by it."""

    outcome: str
    sha256: str
    serial: int | None
    office: str
    device: str
    why: str | None
    retires: str | None


class Updated(msgspec.Struct, frozen=True):
    """Outcome of an update of the camera's software. outcome: "to_try" (it is installed),
    "confirmed" (it works, and starts by default from now on) or "fell_back" (it did not show that
    it works, and the one before goes on); version: of the new system; before: of the one that ran
    when the update began; slot: "A" or "B", where the new one is."""

    outcome: str
    version: str
    before: str
    slot: str


class Fault(msgspec.Struct, frozen=True):
    """A condition or another fault began, or is over."""

    condition: str
    holds: bool


class ShiftBegun(msgspec.Struct, frozen=True):
    """The camera is worn by `wearer` from `began` on, in the boot began_boot. source: who said so:
    "control" or "badge". Of a shift that goes on, each epoch begins with this anew."""

    wearer: str
    source: str
    began: Moment
    began_boot: str


class ShiftEnded(msgspec.Struct, frozen=True):
    """The shift that began last is over. why: "ended", "relieved", "time", "docked" or
    "unknown_time"."""

    why: str


class MuteSwitched(msgspec.Struct, frozen=True):
    """The wearer switched the sound of the running recording off or on, at at_us (media time)."""

    on: bool
    at_us: int


class Announced(msgspec.Struct, frozen=True):
    """The camera said something aloud, or should have. what: the name of the announcement; sha256:
    of its audio file, "" if there is none; at_us: media time at which it was to be said; recording:
    id of the one that it is about, if there is one; outcome: "played", "cut_short" or "failed", and
    why it failed. The entry is made when that is known."""

    what: str
    sha256: str
    at_us: int
    recording: str | None
    outcome: str
    why: str | None


class RebootWanted(msgspec.Struct, frozen=True):
    """The camera module does not answer, and only a reboot could help; the reason is named. count:
    which reboot in a row it is; None if there is none, because so many did not help, or because it
    could not be remembered."""

    reason: str
    count: int | None


class ClockChanged(msgspec.Struct, frozen=True):
    """Wall time jumped against boot time by step_us, or comes from another source."""

    step_us: int | None
    source: ClockSource | None


class ClockDeclared(DeclaredTime, frozen=True):
    """A person declared at a command that this computer's time is right, which nothing else
    confirms. It counts for what is done by time that is declared, and is true of nothing else. Each
    epoch that has the run says it anew."""


class Uptime(msgspec.Struct, frozen=True):
    """Time has passed; written every hour, so that running time counts towards a recording's
    age."""


class IdentityEntry(msgspec.Struct, frozen=True):
    """The key that signs from here on, this entry included. replaces: the one before."""

    kid: str
    replaces: str | None


class RepairedEntry(msgspec.Struct, frozen=True):
    """The last write to the previous epoch was cut short. What it left is still there, behind the
    entries in this file: so many bytes with this SHA-256."""

    file: str
    bytes: int
    sha256: str


class Damaged(msgspec.Struct, frozen=True):
    """An epoch's file was damaged, and kept under this name. sha256: of all of it; "" if it was
    not there at all. file: `WHOLE_LEDGER` if nothing of any epoch was there.

    Whatever entries are lost, holds may be among them: from here on retention counts anew."""

    file: str
    sha256: str


class EpochExpired(msgspec.Struct, frozen=True):
    """An epoch was old enough to go; a signed summary of it (checkpoint) remains. last: its last
    sequence number."""

    number: int
    last: int


class OfficeCheckpoint(msgspec.Struct, frozen=True):
    """The office showed a checkpoint of its log, and this camera cosigned it. office: thumbprint of
    the office's key, which signed what was shown. origin: the log's name. size, root: of its tree;
    the root in base64. lost: size of the checkpoint which the camera had seen and the office
    declared lost; None if this one continues it."""

    office: str
    origin: str
    size: int
    root: str
    lost: int | None


class OfficeDisputed(msgspec.Struct, frozen=True):
    """The office showed a log that does not continue what this camera has seen, or lacks what it
    handed over. why: "put_back", "changed", "other_log" or "not_logged"; seen_size: of the
    checkpoint that it has seen; the rest: what it was shown, as in `OfficeCheckpoint`."""

    office: str
    why: str
    seen_size: int
    origin: str
    size: int
    root: str


class HistoryLost(msgspec.Struct, frozen=True):
    """In an office's ledger: it has lost a checkpoint that a camera has seen, and what came before
    it. origin, size, root: of the checkpoint; reason, who: what was said about it, and by whom."""

    origin: str
    size: int
    root: str
    reason: str
    who: str


class UnreadEntry(msgspec.Struct, frozen=True):
    """An entry that another version of camerad wrote and this one cannot read completely; it is
    kept unchanged. It was in an earlier epoch. Whatever can read it takes it for what it says;
    until then nothing is deleted. token: all of the entry."""

    token: str


Fact: TypeAlias = msgspec.Struct
"""Facts of an entry: one of the Structs in `KINDS`."""

KINDS: Final[dict[str, type[Fact]]] = {
    "epoch": EpochBegun,
    "carried": Carried,
    "start": StartedEntry,
    "stop": Stopped,
    "stage": StageReached,
    "opened": recording_entries.OpenedEntry,
    "closed": recording_entries.ClosedEntry,
    "recovered": recording_entries.Recovered,
    "received": recording_entries.Received,
    "found": recording_entries.FoundEntry,
    "missing": recording_entries.Missing,
    "replaced": recording_entries.Replaced,
    "changed": recording_entries.Changed,
    "hold": recording_entries.HoldPlaced,
    "hold_until": recording_entries.HoldPlacedUntil,
    "release": recording_entries.HoldReleased,
    "acknowledged": recording_entries.Acknowledged,
    "deleted": recording_entries.Deleted,
    "settings": SettingsChanged,
    "provisioned": Provisioned,
    "updated": Updated,
    "fault": Fault,
    "shift_begun": ShiftBegun,
    "shift_ended": ShiftEnded,
    "mute": MuteSwitched,
    "announcement": Announced,
    "reboot": RebootWanted,
    "clock": ClockChanged,
    "clock_declared": ClockDeclared,
    "uptime": Uptime,
    "identity": IdentityEntry,
    "repaired": RepairedEntry,
    "damaged": Damaged,
    "epoch_expired": EpochExpired,
    "removed_empty": recording_entries.RemovedEmpty,
    "unreadable": recording_entries.Unreadable,
    "unread": UnreadEntry,
    "office_checkpoint": OfficeCheckpoint,
    "office_disputed": OfficeDisputed,
    "history_lost": HistoryLost,
    "signed": people_entries.SignedEntry,
    "viewed": people_entries.ViewedEntry,
    "downloaded": people_entries.DownloadedEntry,
    "viewing_approved": people_entries.ViewingApprovedEntry,
    "rights": people_entries.RightsEntry,
    "case": people_entries.CaseEntry,
    "camera": camera_entries.CameraEntry,
    "offer": camera_entries.OfferEntry,
    "report_made": people_entries.ReportMadeEntry,
    "hold_ground": people_entries.HoldGroundEntry,
    "release_reason": people_entries.ReleaseReasonEntry,
    "judged": people_entries.JudgedEntry,
    "packaged": people_entries.PackagedEntry,
    "redacted": people_entries.RedactedEntry,
    "access_request": people_entries.AccessRequestEntry,
    "trial_started": people_entries.TrialStartedEntry,
    "trial_noted": people_entries.TrialNotedEntry,
}
"""Kinds of entries, as they are written, and their facts."""
