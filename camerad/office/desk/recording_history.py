"""History of a recording since the press, from both ledgers: the camera's and the office's.

It includes the cases that the recording was put in, and those with which it left the office: the
cases' files say so for as long as there is a case, the ledger for as long as it keeps its entries.

Entries are signed, and only those by a known key count; none is judged here. The office's ledger is
read as it is now, so what was just done is in the answer. For a page, `RecordingHistory`
reads of it only where the index says that there are entries, and what the index has not read yet;
of the cameras' ledgers, those that can be the recording's.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from camerad.base import file_status
from camerad.container.keys import KeyFileError, KeyRing, PublicKey
from camerad.evidence import office_key_file
from camerad.evidence.case_file import Case, CaseRecording, TakenOut
from camerad.evidence.holdings import holding_key
from camerad.evidence.office_store import brought_keys
from camerad.ledger.audit import read_state
from camerad.ledger.entries import Entry
from camerad.ledger.ledger import entries_about
from camerad.ledger.ledger_lines import carried_about
from camerad.office.desk.route_table import DeskParts
from camerad.office.index import entry_query, recording_query
from camerad.office.index.ledger_rows import epoch_versions
from camerad.store.locations import (
    THUMBPRINT,
    Holding,
    Place,
    device_stem,
    office_place,
)


class LedgerEntry(msgspec.Struct, frozen=True):
    """An entry about a recording. ledger: "camera" or "office". signer: whose key signed it."""

    ledger: str
    entry: Entry
    signer: PublicKey


def entries_of(place: Place, own: PublicKey, recording: str) -> Iterator[LedgerEntry]:
    """A recording's entries: the camera's first, then the office's, each oldest first. own: the
    office's present key. Raises StorageError."""
    for name, directory, keys in _ledgers(place, own):
        yield from _entries_in(name, directory, keys, recording)


class RecordingHistory:
    """What happened to a recording, for a page: what each click costs does not grow with the
    ledgers.

    Any thread may ask. Everything raises StorageError and IndexUnavailableError.
    """

    def __init__(self, desk: DeskParts) -> None:
        self._desk = desk
        self._index = desk.index

    def knows(self, recording: str) -> bool:
        """Whether there is a recording of this id, or either ledger says that there was one."""
        place = office_place(self._desk.directory)
        if place.files_of(recording):
            return True
        rows = [one.columns for one in self._index.ask(recording_query.about, recording)]
        return bool(self.read(place, recording, rows)[0])

    def read(
        self, place: Place, recording: str, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[list[dict[str, Any]], bool]:
        """What happened, the camera's entries first, each ledger's oldest first; and whether the
        office holds it now, also by an entry that has gone with its year. place: the office's, as
        it is now. rows: of the index."""
        near = replace(place, holdings=self._holdings(place, recording, rows))
        said, held = [], False
        for name, directory, keys in _ledgers(near, self._desk.own):
            within = None
            if directory == place.ledger:
                now = epoch_versions(directory, keys)
                within = self._index.ask(entry_query.find_places, recording).to_look_in(now)
                known = read_state(directory, keys).recordings.get(recording)
                held = known is not None and known.held
            said += [_said(one) for one in _entries_in(name, directory, keys, recording, within)]
        return said, held

    def lacks_key(self, place: Place, recording: str, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether a camera's ledger that may tell of it is here without the key that it is read by:
        none of its entries counts then. place, rows: as of `read`."""
        for one in self._holdings(place, recording, rows):
            try:
                holding_key(one)
            except KeyFileError:
                if file_status.exists(one.ledger):
                    return True
        return False

    def _holdings(
        self, place: Place, recording: str, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[Holding, ...]:
        """Where the ledger may be that tells of a recording: of the camera that made it, by each of
        its names and keys that anything here knows. If nothing is known, all of them."""
        parts = {os.path.join(place.root, one["part"]) for one in rows}
        parts |= {os.path.dirname(os.path.dirname(one)) for one in place.files_of(recording)}
        there = [one for one in place.holdings if one.root in parts]
        stems = {one.stem for one in there}
        stems |= {device_stem(one["camera"]) for one in rows if one["camera"]}
        keys = {one["key"][:THUMBPRINT] for one in rows if one["key"]}
        keys |= {one.name[-THUMBPRINT:] for one in there}
        for camera in self._desk.cameras.list_all():
            its = {one[:THUMBPRINT] for one in (camera.thumbprint, *camera.former)}
            if keys & its or device_stem(camera.name) in stems:
                keys |= its
        if not stems and not keys:
            return place.holdings
        return tuple(
            one for one in place.holdings if one.stem in stems or one.name[-THUMBPRINT:] in keys
        )


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
    ledgers.append(("office", place.ledger, office_key_file.ledger_keys(place, own).ring))
    return (one for one in ledgers if file_status.exists(one[1]))


def with_steps(
    history: list[dict[str, Any]], cases: Iterable[Case], recording: str
) -> list[dict[str, Any]]:
    """What happened, with what cases say of it where it was in the office's time."""
    theirs = [one for one in history if one["ledger"] == "camera"]
    office_s = history[len(theirs) :]
    steps = _steps_in_cases(cases, recording)
    return [*theirs, *heapq.merge(office_s, steps, key=lambda one: int(one["wall_us"]))]


def _steps_in_cases(cases: Iterable[Case], recording: str) -> list[dict[str, Any]]:
    """What cases say of it, oldest first: put into one, taken out, and handed over with one."""
    found: list[dict[str, Any]] = []
    for case in cases:
        been: list[CaseRecording | TakenOut] = [*case.recordings, *case.taken_out]
        for there in been:
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
        for gone in case.taken_out:
            if gone.id == recording:
                said = {"kind": "case_removed", "who": gone.by, "reason": case.number}
                found.append({"wall_us": gone.at_us} | said)
    more = {"ledger": "office", "sequence": None, "clock": None, "until_us": None}
    return [more | one for one in sorted(found, key=lambda one: int(one["wall_us"]))]


def _entries_in(
    ledger: str,
    directory: str,
    keys: KeyRing,
    recording: str,
    within: Collection[int] | None = None,
) -> Iterator[LedgerEntry]:
    for entry in entries_about(directory, keys, recording, within):
        yield LedgerEntry(ledger, entry, keys[entry.kid])


def _reason(facts: object) -> str | None:
    """Why, and for which case, unless the reason names it."""
    reason: str | None = getattr(facts, "reason", None)
    case: str = getattr(facts, "case", "")
    if reason is None or case in reason:
        return reason
    return f"{case}, {reason}"


def _said(one: LedgerEntry) -> dict[str, Any]:
    entry = one.entry
    return {
        "ledger": one.ledger,
        "sequence": entry.sequence,
        "wall_us": entry.when.wall_us,
        "clock": entry.when.source.value,
        "kind": entry.kind,
        "who": getattr(entry.facts, "who", None),
        "reason": _reason(entry.facts),
        "until_us": getattr(entry.facts, "until_us", None),
    }
