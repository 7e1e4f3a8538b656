"""What happened to a recording since the press, by both ledgers: the camera's and the office's.
To that comes in which cases it was put, and with which it left the office: the cases' files say so
for as long as there is a case, the ledger for as long as it keeps its entries.

Entries are signed, and only those by a known key count; none is judged here. The office's ledger is
read as it is now, so what somebody has just done is in the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from camerad.base import file_status
from camerad.container.keys import KeyRing, PublicKey
from camerad.desk.cases import Case
from camerad.ledger.audit import carried_about
from camerad.ledger.entries import Entry
from camerad.ledger.ledger import entries_about
from camerad.ledger.state_memory import read_state
from camerad.office import office
from camerad.office.office_store import brought_keys
from camerad.store.locations import Place


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An entry about a recording. ledger: "camera" or "office". signer: whose key signed it."""

    ledger: str
    entry: Entry
    signer: PublicKey


def entries_of(place: Place, own: PublicKey, recording: str) -> Iterator[LedgerEntry]:
    """A recording's entries: the camera's first, then the office's, each oldest first. own: the
    office's present key. Raises StorageError."""
    for name, directory, keys in _ledgers(place, own):
        for entry in entries_about(directory, keys, recording):
            yield LedgerEntry(name, entry, keys[entry.kid])


def ends_carried(place: Place, own: PublicKey, recording: str) -> Iterator[LedgerEntry]:
    """Of each ledger, the newest entry that carries on what expired ones said of a recording: where
    no other names its end, this one does. It says the same of other recordings. Raises
    StorageError."""
    for name, directory, keys in _ledgers(place, own):
        entry = carried_about(directory, keys, recording)
        if entry is not None:
            yield LedgerEntry(name, entry, keys[entry.kid])


def _ledgers(place: Place, own: PublicKey) -> Iterator[tuple[str, str, KeyRing]]:
    """Those that are there: whose, where, and whose signatures count in it."""
    theirs = brought_keys(place)
    ledgers = [("camera", one.ledger, theirs) for one in place.holdings if one.root]
    ledgers.append(("office", place.ledger, office.ledger_keys(place, own).ring))
    return (one for one in ledgers if file_status.exists(one[1]))


def history_of(place: Place, own: PublicKey, recording: str) -> list[dict[str, Any]]:
    """The same in words. Raises StorageError."""
    return [_said(one.ledger, one.entry) for one in entries_of(place, own, recording)]


def steps_in_cases(cases: Iterable[Case], recording: str) -> list[dict[str, Any]]:
    """What cases say of it, oldest first: put into one, and handed over with one."""
    found: list[dict[str, Any]] = []
    for case in cases:
        for there in case.recordings:
            if there.id == recording:
                said = {"kind": "case_added", "who": there.added_by, "reason": case.number}
                found.append({"wall_us": there.added_us} | said)
        for left in case.handed_over:
            if recording in left.recordings:
                said = {
                    "kind": "handed_over",
                    "who": left.by,
                    "reason": f"{case.number}, {left.to}",
                }
                found.append({"wall_us": left.at_us} | said)
    more = {"ledger": "office", "sequence": None, "clock": None, "until_us": None}
    return [more | one for one in sorted(found, key=lambda one: int(one["wall_us"]))]


def is_held(place: Place, own: PublicKey, recording: str) -> bool:
    """Whether the office holds it now, also by an entry that has gone with its year. Raises
    StorageError."""
    if not file_status.exists(place.ledger):
        return False
    state = read_state(place.ledger, office.ledger_keys(place, own).ring)
    known = state.recordings.get(recording)
    return known is not None and known.held


def _said(ledger: str, entry: Entry) -> dict[str, Any]:
    return {
        "ledger": ledger,
        "sequence": entry.sequence,
        "wall_us": entry.when.wall_us,
        "clock": entry.when.source.value,
        "kind": entry.kind,
        "who": getattr(entry.facts, "who", None),
        "reason": getattr(entry.facts, "reason", None),
        "until_us": getattr(entry.facts, "until_us", None),
    }
