"""Rows that follow from an office's ledger, epoch by epoch: `entries`, `deletions`, `hand_overs`,
`case_entries`, `verdicts`.

An epoch's file is read when it is another one than before. A ledger only grows, so that is mostly
the newest. When an epoch expires, its entries and tombstones go from the index as well: it never
knows more than the ledger. Where it does, because the ledger was cut between two entries or put
back, it says so before it forgets them (`Lost`): nothing else here remembers them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, func, insert, select

from camerad.base import file_status
from camerad.base.storage_errors import explaining
from camerad.container.keys import KeyRing
from camerad.evidence.case_file import name_of
from camerad.ledger import log_segments
from camerad.ledger.camera_entries import CameraEntry, OfferEntry
from camerad.ledger.entries import Entry
from camerad.ledger.entry_types import Fact
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.people_entries import (
    AccessRequestEntry,
    CaseEntry,
    DownloadedEntry,
    JudgedEntry,
    ReportMadeEntry,
    RightsEntry,
    SignedEntry,
    TrialNotedEntry,
    TrialStartedEntry,
    ViewedEntry,
    ViewingApprovedEntry,
)
from camerad.ledger.recording_entries import Deleted
from camerad.office.index.recording_rows import Row, plain
from camerad.office.state.index_tables import (
    LEDGER,
    NOT_AUTHENTIC,
    case_entries,
    deletions,
    entries,
    hand_overs,
    verdicts,
)

_MOST_ROWS: Final = 1000
"""Of one statement."""
_MOST_IDS: Final = 500
"""Asked for in one statement."""
_OF_RECORDINGS: Final = (deletions, hand_overs, verdicts)
SHOWN: Final = (
    *(SignedEntry, RightsEntry, ViewedEntry, DownloadedEntry, ViewingApprovedEntry),
    *(CaseEntry, CameraEntry, OfferEntry, ReportMadeEntry, TrialStartedEntry, TrialNotedEntry),
    AccessRequestEntry,
)
"""Entries of which the index keeps all that they say: who did what to whom, to which case or camera
(O5)."""
Lost = Callable[[int, str], None]
"""Told how many entries are gone that the index has, and from which file. Raises if that cannot be
written down now; then the index keeps them."""
HANDED_OVER: Final = "recording_handed_over"
"""What was done to a case, by the entry about each recording that left the office with it."""


def epoch_versions(ledger: str, keys: KeyRing) -> dict[str, str]:
    """The files with entries, by their names in `sources`, and what tells each from another one.
    Raises StorageError."""
    if not file_status.is_directory(ledger):
        return {}
    shelf = log_segments.list_files(ledger)
    readers = hashlib.sha256(" ".join(sorted(keys)).encode()).hexdigest()[:16]
    found = {}
    for number in sorted(shelf.epochs | shelf.damaged):
        name = shelf.name(number) or ""
        path = os.path.join(ledger, name)
        with explaining("look at the ledger", path):
            state = os.lstat(path)
        found[f"{LEDGER}/{name}"] = f"{state.st_size} {state.st_mtime_ns} {readers}"
    return found


def put_epochs(
    connection: Connection,
    ledger: str,
    keys: KeyRing,
    before: Mapping[str, str],
    now: Mapping[str, str],
    *,
    lost: Lost | None = None,
) -> set[str]:
    """Bring the tables to what the ledger's files say; returns the recordings whose tombstone,
    hand-over or verdict may be another one. before, now: versions of these files as the index has
    them, and as they are. lost: is told of entries that are gone. Raises StorageError."""
    if not before:  # tables of an earlier version: the sources of their rows are unknown
        before = dict.fromkeys(map(_name_of, _epochs_of(connection)), "")
    other = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    touched: set[str] = set()
    had: dict[int, list[str]] = {}
    for number in map(number_of, other):
        had[number] = had.get(number) or _entries_of(connection, number)
        touched |= _named_in(connection, number)
        for table in (entries, case_entries, *_OF_RECORDINGS):
            connection.execute(delete(table).where(table.c.epoch == number))
    for name in other:
        if name in now:
            content = log_segments.read_file(ledger, os.path.basename(name))
            number = number_of(name)
            reading = log_segments.read_epoch(None, number, content, keys)
            read = [entry for _, entry in reading.entries]
            put_rows(connection, entries, map(_row_of_entry, read))
            put_rows(connection, hand_overs, _hand_overs(read))
            put_rows(connection, case_entries, _cases(read))
            put_rows(connection, verdicts, _verdicts(read))
            if reading.state is not None:
                put_rows(connection, deletions, _deletions(read, reading.state))
            touched |= _named_in(connection, number)
    newest = max(map(number_of, now), default=0)
    for number, known in had.items():
        name = _name_of(number)
        # Of what expired a checkpoint is left; of what is damaged the ledger itself tells.
        if lost is not None and (name in now or number > newest):
            there = set(_entries_of(connection, number))
            # An entry that none follows may never have been durable.
            if not there.issuperset(known[:-1]):
                lost(len(set(known) - there), os.path.join(ledger, os.path.basename(name)))
    return touched


def _epochs_of(connection: Connection) -> list[int]:
    """The epochs of which the table has anything."""
    return list(connection.execute(select(entries.c.epoch).distinct()).scalars())


def _entries_of(connection: Connection, epoch: int) -> list[str]:
    """What the table has of an epoch, oldest first: the SHA-256 of each entry."""
    asked = select(entries.c.sha256).where(entries.c.epoch == epoch)
    return list(connection.execute(asked.order_by(entries.c.sequence)).scalars())


def _named_in(connection: Connection, epoch: int) -> set[str]:
    """What was deleted, handed over or judged in an epoch, as the tables have it."""
    return {
        recording
        for table in _OF_RECORDINGS
        for recording in connection.execute(
            select(table.c.recording).where(table.c.epoch == epoch)
        ).scalars()
    }


def put_rows(connection: Connection, table: object, rows: Iterator[Row]) -> None:
    """Insert rows, some at a time."""
    waiting: list[Row] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == _MOST_ROWS:
            connection.execute(insert(table), waiting)  # type: ignore[arg-type]
            waiting = []
    if waiting:
        connection.execute(insert(table), waiting)  # type: ignore[arg-type]


def in_pieces(ids: Set[str]) -> Iterator[list[str]]:
    """Ids, as many at a time as one statement may ask for."""
    ordered = sorted(ids)
    return (ordered[at : at + _MOST_IDS] for at in range(0, len(ordered), _MOST_IDS))


class LastWords:
    """What the tables say of each recording last, kept from one look to the next.

    deletions: the last tombstone of each that was ever deleted, as far as the ledger has it.
    handed: when each was handed over last, wall time. not_authentic: of which a tab found that
    last, and whose it was.
    """

    def __init__(self) -> None:
        self.deletions: dict[str, Row] = {}
        self.handed: dict[str, int] = {}
        self.not_authentic: dict[str, str] = {}
        self._versions: Mapping[str, str] | None = None

    def follow(
        self,
        connection: Connection,
        before: Mapping[str, str],
        now: Mapping[str, str],
        touched: set[str],
    ) -> set[str] | None:
        """Bring it to what the tables say; returns what may be another one, None if that may be
        anything. before, now, touched: as of `put_epochs`. If the tables were not as this has left
        them, as after a refresh that was given up or by another one, all of them is read."""
        known, self._versions = self._versions, now
        some: list[list[str] | None] = [None]
        if known == before:
            some = [*in_pieces(touched)]
            for one in touched:
                self.deletions.pop(one, None)
                self.handed.pop(one, None)
                self.not_authentic.pop(one, None)
        else:
            self.deletions, self.handed, self.not_authentic = {}, {}, {}
        for these in some:
            asked = select(deletions).order_by(deletions.c.epoch)
            left = select(hand_overs.c.recording, func.max(hand_overs.c.handed_us))
            judged = select(verdicts).order_by(verdicts.c.epoch)
            if these is not None:
                asked = asked.where(deletions.c.recording.in_(these))
                left = left.where(hand_overs.c.recording.in_(these))
                judged = judged.where(verdicts.c.recording.in_(these))
            for row in connection.execute(asked).mappings():
                self.deletions[row["recording"]] = dict(row)
            for recording, handed_us in connection.execute(left.group_by(hand_overs.c.recording)):
                self.handed[recording] = handed_us
            for row in connection.execute(judged).mappings():
                self.not_authentic.pop(row["recording"], None)
                if row["verdict"] == NOT_AUTHENTIC:
                    self.not_authentic[row["recording"]] = row["who"]
        return touched if known == before else None


def number_of(name: str) -> int:
    """The epoch of a ledger's file, by its name in `sources`."""
    return int(os.path.basename(name).partition(".")[0])


def _name_of(number: int) -> str:
    """What the file with an epoch's entries is called in `sources`."""
    return f"{LEDGER}/{log_segments.epoch_name(number)}"


def _row_of_entry(entry: Entry) -> Row:
    facts = entry.facts
    reason = _reason(facts)
    who = getattr(facts, "who", None)
    recording = entry.recording
    if recording is None and isinstance(facts, CaseEntry):
        recording = facts.recording or None
    return {
        "sequence": entry.sequence,
        "epoch": entry.epoch,
        "kind": plain(entry.kind),
        "recording": None if recording is None else plain(recording),
        "wall_us": entry.when.wall_us,
        "clock": entry.when.source.value,
        "who": None if who is None else plain(who),
        "reason": None if reason is None else plain(reason),
        "sha256": entry.sha256,
        "until_us": getattr(facts, "until_us", None),
        "person": plain(getattr(facts, "person", "")) or None,
        "case_number": plain(getattr(facts, "case", "")) or None,
        "facts": _facts(facts) if isinstance(facts, SHOWN) else None,
    }


def _facts(facts: Fact) -> str:
    def told(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(one) for one in value]
        return plain(value) if isinstance(value, str) else value

    said = msgspec.structs.asdict(facts)
    return json.dumps({name: told(value) for name, value in said.items()})


def _reason(facts: Fact | None) -> str | None:
    """What is shown beside an entry: why, and of which camera where it is about one."""
    match facts:
        case Deleted(why=why):
            return why
        case CameraEntry(name=name, why=why, reason=reason):
            return ", ".join(one for one in (name, why, reason) if one)
        case OfferEntry(name=name, what=what, offer=offer, version=version):
            return ", ".join(one for one in (name, offer, version, what) if one)
    return getattr(facts, "reason", None)


def _hand_overs(read: list[Entry]) -> Iterator[Row]:
    """What was handed over in an epoch: the last time of each recording. The entry about the case
    itself comes last, in the same epoch: without it the hand-over failed."""
    begun: dict[tuple[str, str], list[tuple[str, int]]] = {}
    last: dict[tuple[str, int], int] = {}
    for entry in read:
        facts = entry.facts
        if not isinstance(facts, CaseEntry):
            continue
        one = facts.case, facts.sha256
        if facts.what == HANDED_OVER:
            left = plain(facts.recording), entry.when.wall_us
            begun.setdefault(one, []).append(left)
        elif facts.what == "handed_over":
            for recording, handed_us in begun.pop(one, []):
                key = recording, entry.epoch
                last[key] = max(last.get(key, 0), handed_us)
    for (recording, epoch), handed_us in sorted(last.items()):
        yield {"recording": recording, "epoch": epoch, "handed_us": handed_us}


def _cases(read: list[Entry]) -> Iterator[Row]:
    """Which cases an epoch tells of, and whether of more than that they were opened."""
    found: dict[str, tuple[str, bool]] = {}
    for entry in read:
        facts = entry.facts
        if isinstance(facts, CaseEntry):
            name = name_of(facts.case)
            found[name] = facts.case, facts.what != "opened" or found.get(name, ("", False))[1]
    for name, (number, more) in sorted(found.items()):
        yield {
            "name": name,
            "epoch": read[0].epoch,
            "number": plain(number),
            "more": more,
        }


def _verdicts(read: list[Entry]) -> Iterator[Row]:
    """What tabs found in an epoch: the last of each recording."""
    last = {}
    for entry in read:
        if isinstance(facts := entry.facts, JudgedEntry):
            last[plain(facts.id), entry.epoch] = {
                "verdict": plain(facts.verdict),
                "who": plain(facts.who),
            }
    for recording, epoch in sorted(last):
        yield {"recording": recording, "epoch": epoch, **last[recording, epoch]}


def _deletions(read: list[Entry], state: LedgerState) -> Iterator[Row]:
    """What is deleted at the end of an epoch, and was deleted in it."""
    tombstones = {one.facts.id: one for one in read if isinstance(one.facts, Deleted)}
    for recording, entry in sorted(tombstones.items()):
        known = state.recordings.get(recording)
        if known is None or known.deleted is None or known.deleted.epoch != entry.epoch:
            continue  # it is here again
        ended = known.ended
        yield {
            "recording": plain(recording),
            "epoch": entry.epoch,
            "camera": known.device,
            "header": known.header,
            "final": known.final,
            "ended_us": None if ended is None else ended.wall_us,
            "clock": None if ended is None else ended.source.value,
            "retention_days": known.retention_days,
            "flagged": known.flagged,
            "deleted_us": entry.when.wall_us,
            "deleted_clock": entry.when.source.value,
            "why": known.deleted.why,
            "age_us": known.deleted.age_us,
        }
