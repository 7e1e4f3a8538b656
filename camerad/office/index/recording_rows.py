"""Rows of the table `recordings`, from a file and the ledgers. Pure.

A row is a mapping with a value for each column, so that two of them compare as they are stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from camerad.base.clock import SECOND
from camerad.container import jws
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_ids import ID
from camerad.container.skeleton import Skeleton
from camerad.container.statements import RecordingInfo
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import Hold, RecordingState
from camerad.ledger.timeline import Ages
from camerad.office.index.spoken_ids import columns_of
from camerad.office.state import index_tables
from camerad.office.state.index_tables import GONE, HERE, LEDGER, QUARANTINE, QUARANTINED
from camerad.store.listing import INTERRUPTED, RECORDING
from camerad.store.receipts import CopiedRecording
from camerad.store.retention import due_us
from camerad.store.trust import is_vouched

Row = dict[str, Any]

_FILE_COLUMNS: Final = (
    *("id", "file_bytes", "file_time_ns", "camera", "key", "wearer", "policy"),
    *("began_us", "ended_us", "clock", "length_us", "frames", "bytes", "marks", "gaps"),
    *("sound", "sound_gaps", "course", "reason", "continues", "header", "final", "stated_days"),
)
_OF_DELETION: Final = ("ended_us", "clock", "final", "flagged", "retention_days")
_NOTHING: Final[Row] = {
    one.name: False if not one.nullable and str(one.type) == "BOOLEAN" else None
    for one in index_tables.recordings.columns
}
_MOST: Final = (1 << 63) - 1


class Knowledge(msgspec.Struct, frozen=True):
    """What all ledgers in an office say.

    state: the office's own, None if there is none; ages: at its head. named: ids that cameras'
    ledgers name. pending: holds on cameras that the office's ledger has not ingested. deletions:
    rows of that table, the last one for each id. handed: when each recording left the office with a
    case, the last time, wall time. not_authentic: of which a tab found that last, and whose it was.
    touched: whose rows in these three may be others than the last time; None if that is
    unknown.
    """

    state: LedgerState | None
    ages: Ages | None
    named: Set[str]
    pending: Mapping[str, tuple[Hold, ...]]
    deletions: Mapping[str, Row]
    handed: Mapping[str, int]
    not_authentic: Mapping[str, str]
    touched: Set[str] | None = None

    def find(self, recording: str) -> RecordingState | None:
        """What the office's ledger says of a recording now."""
        return None if self.state is None else self.state.recordings.get(recording)

    @property
    def stated(self) -> Set[str]:
        """What the office's ledger names now."""
        return frozenset() if self.state is None else self.state.recordings.keys()

    def due_us(self, recording: str) -> int | None:
        """When a recording is due by the office's ledger."""
        ours, state, ages = self.find(recording), self.state, self.ages
        known = ours is not None and state is not None and ages is not None
        return due_us(ours, state, ages) if known else None  # type: ignore[arg-type]

    def differs_from(self, before: Knowledge) -> set[str]:
        """Recordings about which it says something else than before. Only where it is known what
        was touched since."""
        pending = {*self.pending, *before.pending}
        return {
            *(self.touched or ()),
            *(self.named ^ before.named),
            *(one for one in pending if self.pending.get(one) != before.pending.get(one)),
            *(
                one
                for one in self.stated | before.stated
                if self.find(one) != before.find(one) or self.due_us(one) != before.due_us(one)
            ),
        }


def facts_of_file(info: RecordingInfo, said: Skeleton, size: int, time_ns: int) -> Row:
    """What a file says of itself. size, time_ns: of the file, and of its last change."""
    header = said.header
    pre_event_us = round(info.pre_event_seconds * SECOND)
    length_us = round(info.seconds * SECOND)
    began_us = header.started_wall_us - pre_event_us
    return {
        "id": info.id,
        "file_bytes": size,
        "file_time_ns": time_ns,
        "camera": header.device,
        "key": said.kid,
        "wearer": header.wearer,
        "policy": header.policy,
        "began_us": began_us,
        "ended_us": began_us + length_us,
        "clock": header.clock.source.value,
        "length_us": length_us,
        "frames": info.frames,
        "bytes": info.bytes,
        "marks": len(info.marks),
        "gaps": len(info.gaps),
        "sound": info.sound,
        "sound_gaps": len(info.sound_gaps),
        # Every reader of a file can lock it: in an office nothing is being recorded.
        "course": INTERRUPTED if info.state == RECORDING else info.state,
        "reason": info.reason,
        "continues": info.continues,
        "header": jws.digest(said.statement.token),
        "final": info.final,
        "stated_days": info.retention_days,
    }


def facts_in(row: Row) -> Row:
    """What a row has of its file, so that it need not be read again."""
    return {name: row[name] for name in _FILE_COLUMNS}


def names_file(copied: CopiedRecording, facts: Row) -> bool:
    """Whether a receipt is about the file with these facts."""
    return bool(copied.final == facts["final"] and copied.bytes == facts["file_bytes"])


def row_of_file(facts: Row, part: str, place: str, known: Knowledge, *, receipt: bool) -> Row:
    """The row of a recording's file. receipt: the last receipt about it names this file."""
    recording, name = facts["id"], place.rpartition("/")[2]
    ours = known.find(recording)
    copy = name != recording + SUFFIX
    return (
        _NOTHING
        | facts
        | columns_of(recording)
        | _said(recording, ours, known)
        | {
            "place": place,
            "part": part,
            "at_us": facts["began_us"],
            "state": HERE,
            "flagged": facts["marks"] > 0 or (ours is not None and ours.flagged),
            "copy": copy,
            "changed": ours is not None and not copy and _is_changed(ours, facts["final"]),
            "receipt": receipt,
            "has_gaps": facts["gaps"] > 0 or facts["sound_gaps"] > 0,
            "retention_days": facts["stated_days"] if ours is None else ours.retention_days,
        }
    )


def row_of_ledger(recording: str, known: Knowledge, state: str) -> Row:
    """The row of a recording that has no file here, and that the office's ledger names, or has
    called deleted. state: what it is unless it is deleted."""
    ours = known.find(recording)
    row = _NOTHING | {"id": recording, "place": "", "part": LEDGER, "state": state}
    row |= columns_of(recording)
    if ours is not None:
        ended = ours.ended
        row |= _said(recording, ours, known) | {
            "camera": ours.device or None,
            "ended_us": None if ended is None else ended.wall_us,
            "clock": None if ended is None else ended.source.value,
            "header": ours.header or None,
            "final": ours.final,
            "flagged": ours.flagged,
            "changed": ours.changed is not None,
            "retention_days": ours.retention_days,
        }
    else:
        deleted = known.deletions[recording]
        row |= _tombstone(deleted) | {
            "camera": deleted["camera"] or None,
            "in_ledger": True,
            "in_device_ledger": recording in known.named,
            "vouched": bool(deleted["header"] or deleted["final"]),
            "header": deleted["header"] or None,
        }
        row |= {name: deleted[name] for name in _OF_DELETION}
    row |= _done_with(recording, known)
    if row["deleted_why"] is not None:
        row["state"] = GONE
    row["at_us"] = time_in(recording) if row["ended_us"] is None else row["ended_us"]
    return row


def quarantined_row(
    place: str, stem: str, size: int, time_ns: int, said: tuple[str, str, str]
) -> Row:
    """The row of a file that was quarantined. stem: its name without the ending. said: thumbprint
    of the camera that handed it over, that camera's name, and why it was not ingested. What the
    file says of itself is not repeated: it did not verify."""
    key, camera, why = said
    match = ID.match(stem)
    recording = stem if match is None else match[0]
    return (
        _NOTHING
        | columns_of(recording)
        | {
            "id": recording,
            "place": place,
            "part": QUARANTINE,
            "at_us": time_in(recording),
            "state": QUARANTINED,
            "file_bytes": size,
            "file_time_ns": time_ns,
            "camera": camera or None,
            "key": key,
            "quarantine_why": plain(why),
        }
    )


def time_in(recording: str) -> int:
    """The wall time that a recording's id has, microseconds; 0 if it has none. For the order of a
    list only."""
    if ID.fullmatch(recording.partition(".")[0]) is None:
        return 0
    try:
        when = datetime.strptime(recording[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return max(0, int(when.timestamp()) * SECOND)


def plain(text: str) -> str:
    """Text that any engine keeps: without NUL, and without halves of characters."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _said(recording: str, ours: RecordingState | None, known: Knowledge) -> Row:
    """What the ledgers say, wherever the recording is."""
    pending = known.pending.get(recording, ())
    row: Row = {
        "held": bool(pending),
        "in_ledger": ours is not None,
        "in_device_ledger": recording in known.named,
        "vouched": ours is None or is_vouched(ours),
        **_done_with(recording, known),
    }
    if ours is None:
        return row
    row["held"] = ours.held or bool(pending)
    if not pending:
        due = known.due_us(recording)
        row["due_us"] = None if due is None else min(max(due, -_MOST), _MOST)
    if ours.deleted is not None:
        entry = known.deletions.get(recording)
        row |= {"deleted_why": ours.deleted.why, "deleted_age_us": ours.deleted.age_us}
        if entry is not None and entry["epoch"] == ours.deleted.epoch:
            row |= _tombstone(entry)
    return row


def _done_with(recording: str, known: Knowledge) -> Row:
    """Whether it left the office with a case, and when last; whose tab found it not authentic."""
    handed_us = known.handed.get(recording)
    return {
        "handed_over": handed_us is not None,
        "handed_us": handed_us,
        "not_authentic_by": known.not_authentic.get(recording),
    }


def _tombstone(entry: Row) -> Row:
    return {
        "deleted_us": entry["deleted_us"],
        "deleted_clock": entry["deleted_clock"],
        "deleted_why": entry["why"],
        "deleted_age_us": entry["age_us"],
    }


def _is_changed(ours: RecordingState, final: str | None) -> bool:
    """Whether a file is not the one that the ledger names, also if it was not told yet."""
    return ours.changed is not None or (ours.final is not None and ours.final != final)
