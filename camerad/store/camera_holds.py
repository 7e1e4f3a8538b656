"""Holds that were placed on a camera, and count in an office too.

A camera's ledger comes to an office as a copy, with the recordings. What it holds, the office holds
too. The office's ledger ingests each hold once, with the reason ``on the camera: REASON`` and
the same person. Such a hold ends when the camera's ledger has a release, which is ingested as
``on the camera: PERSON``: the same hold counts again when it is placed on the camera again. Or it
ends by a release in the office; then it is not ingested again. A copy of a ledger that was put
back to before the hold does not end it, nor does damage that hides it: every hold counts that a
signed entry placed and no signed release ended, also in what was set aside of the copy, or beside
it.

A camera's ledger is read as long as a recording of the camera is here, also one that the register
does not have any more: the law needs its holds. With the last recording that ends.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from msgspec.structs import replace

from camerad.base import file_status
from camerad.base.clock import Moment
from camerad.base.errors import StorageError
from camerad.base.text import LONGEST
from camerad.container.keys import KeyRing
from camerad.ledger.entry_types import Fact
from camerad.ledger.ledger import read_state
from camerad.ledger.ledger_lines import entries_about_any
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.people_entries import ReleaseReasonEntry
from camerad.ledger.recording_entries import HoldPlaced, HoldReleased
from camerad.ledger.recording_state import Hold, RecordingState
from camerad.store.camera_directories import by_camera, with_newest_copies
from camerad.store.camera_ledgers import has_recordings
from camerad.store.held_on_camera import (
    Held,
    LedgerMemory,
    about_holds,
    entry_files,
    held_in,
    lines_in,
    placed_by,
)
from camerad.store.holds import MOST_HOLDS, enter_release
from camerad.store.locations import Holding, Place, PlaceKind, device_stem
from camerad.store.store import Store

ON_CAMERA: Final = "on the camera: "
"""How the reason of a hold that was adopted begins, and the person and the reason of a
release that was."""


class _Release(NamedTuple):
    """A release in a camera's ledger. reason: None if none was given."""

    recording: str
    who: str
    reason: str | None


_ENDED: Final = LedgerMemory[list[_Release]]([], 20_000, len)


def pending(
    place: Place, state: LedgerState | None, own: KeyRing, keys: KeyRing
) -> dict[str, tuple[Hold, ...]]:
    """The holds in cameras' ledgers that an office has to ingest, by the recordings' ids.

    state: what the office's ledger says, None if there is none. own: the keys to read that with.
    keys: those to read the cameras' ledgers with. Raises StorageError if one of them cannot be
    read.
    """
    found: dict[str, tuple[Hold, ...]] = {}
    for holding in filter(has_recordings, _with_ledger(place)):
        for recording, holds in not_ours(place, held_in(holding, keys).holds, state, own).items():
            found[recording] = (*found.get(recording, ()), *holds)
    return found


def not_ours(
    place: Place, held: Mapping[str, tuple[Hold, ...]], state: LedgerState | None, own: KeyRing
) -> dict[str, tuple[Hold, ...]]:
    """Of the holds on a camera, those that the office has to ingest. held: as `held_in` says;
    the rest, and raises: as `pending`."""
    found: dict[str, tuple[Hold, ...]] = {}
    for recording, holds in held.items():
        ours = state.recordings.get(recording) if state is not None else None
        if (ours is not None and ours.deleted is not None) or not place.files_of(recording):
            continue
        there = set(ours.holds) if ours is not None else set()
        new = tuple(one for one in map(_as_ours, holds) if one not in there)
        if new:
            found[recording] = new
    if not found or state is None:
        return found
    known = _already_ours(place, own, found)
    left = {
        recording: tuple(one for one in holds if one not in known[recording])
        for recording, holds in found.items()
    }
    return {recording: holds for recording, holds in left.items() if holds}


def read_ahead(
    place: Place, state: LedgerState, keys: KeyRing, trusted: KeyRing, now: Moment
) -> None:
    """Read the cameras' ledgers for `ingest`, before the office's ledger is claimed. state:
    what that says. The rest: as there. What cannot be read is told there."""
    place = with_newest_copies(place, keys)
    for holding in _with_ledger(place):
        with contextlib.suppress(StorageError):
            if has_recordings(holding):
                held_in(holding, keys)
            _released(_only(place, holding), state, now, keys, trusted)


def ingest(
    store: Store, keys: KeyRing, trusted: KeyRing, about: Collection[str] | None = None
) -> Iterator[str]:
    """Ingest the holds of an office's cameras into its store; yields a sentence on each change,
    for the log: who holds what and why stands in the ledger alone.

    What cannot be read is added to the store's `unread`. keys: any that may sign a hold. trusted:
    those that may end one. about: only the holds on these recordings are ingested, and none is
    ended: no other camera's ledger is looked at.
    """
    place = store.place if about is None else near(store.place, about)
    place = with_newest_copies(place, keys)
    for holding in _with_ledger(place):
        part = _only(place, holding)
        state, now = store.ledger.state, store.ledger.now()[1]
        try:
            held = pending(part, state, store.ledger.keys, keys)
            ended = _released(part, state, now, keys, trusted) if about is None else []
        except StorageError as error:
            store.unread += (error,)
            continue
        for recording, holds in held.items():
            if about is not None and recording not in about:
                continue
            ours = store.ledger.state.recordings.get(recording)
            room = MOST_HOLDS - (len(ours.holds) if ours is not None else 0)
            for one in holds[:room]:  # it is held by the others, too
                store.ledger.append("hold", id=recording, reason=one.reason, who=one.who)
                yield f"{recording}: a hold of its camera's counts here too"
        for recording, who, reason in ended:
            why = None if reason is None else _on_camera(reason)
            enter_release(store.ledger, recording, _on_camera(who), why)
            yield f"{recording}: its camera has released it, and so it is here"


def near(place: Place, recordings: Collection[str]) -> Place:
    """The place with the directories alone of the cameras whose recordings these are."""
    paths = [path for one in recordings for path in place.files_of(one)]
    roots = {os.path.dirname(os.path.dirname(path)) for path in paths}
    several = [one for one in by_camera(place.holdings) if roots & {its.root for its in one}]
    return replace(place, holdings=tuple(one for camera in several for one in camera))


def _only(place: Place, holding: Holding) -> Place:
    return Place(place.kind, place.root, (holding,), place.unread)


def _as_ours(hold: Hold) -> Hold:
    """A hold of a camera as the office keeps it."""
    return Hold(_on_camera(hold.reason), hold.who)


def _on_camera(text: str) -> str:
    return f"{ON_CAMERA}{text}"[:LONGEST]


def _with_ledger(place: Place) -> Iterator[Holding]:
    for one in place.holdings if place.kind is PlaceKind.OFFICE else ():
        parts = (one.ledger, one.earlier_ledger)
        if not one.broken and any(file_status.is_directory(part) for part in parts):
            yield one


def _already_ours(place: Place, own: KeyRing, recordings: Collection[str]) -> dict[str, set[Hold]]:
    """The holds on these that the office's ledger has, also those that were released in the office.
    What was placed before a release by the camera is none of them: that may have come again."""
    found = {one: set[Hold]() for one in recordings}
    for entry in about_holds(lines_in(place.ledger, entry_files(place.ledger)), own, recordings):
        for held, hold in placed_by(entry):
            if held in found:
                found[held].add(hold)
        match entry.facts:
            case HoldReleased(id=released, who=who) if who.startswith(ON_CAMERA):
                found[released] = set()
    return found


def _is_same(theirs: RecordingState | Fact | None, ours: RecordingState) -> bool:
    """Whether a camera's ledger, or an entry of it, is about this recording: an id is its camera's
    choice."""
    final, header = getattr(theirs, "final", None), getattr(theirs, "header", "")
    return (final is not None and final == ours.final) or (bool(header) and header == ours.header)


def _only_by_camera(known: RecordingState, now: Moment) -> bool:
    """Whether only the camera holds it, apart from holds whose end is over."""
    standing = [
        hold
        for hold in known.holds
        if hold.end_us is None or not now.trusted or hold.end_us > now.wall_us
    ]
    return bool(standing) and all(hold.reason.startswith(ON_CAMERA) for hold in standing)


def _released(
    part: Place, state: LedgerState, now: Moment, keys: KeyRing, trusted: KeyRing
) -> list[_Release]:
    """What the office holds only because its camera held it, and the camera's ledger has released.
    part: with that camera's directory alone. state: of the office's ledger. The camera may have
    forgotten the recording since: its earlier epochs have not."""
    (holding,) = part.holdings
    ours = {
        one.id: one
        for one in state.recordings.values()
        if _only_by_camera(one, now)
        and (device_stem(one.device) == holding.stem or part.files_of(one.id))
    }
    still = held_in(holding, keys) if ours else Held()
    gone = {one: known for one, known in ours.items() if one not in still.holds}
    known = still.complete and still.current
    if not gone or not known or not file_status.is_directory(holding.ledger):
        return []
    ended, _ = _ENDED.find(holding, trusted, lambda: _ends_in(holding, trusted, gone), set(gone))
    return [one for one in ended if one.recording in gone]


def _ends_in(
    holding: Holding, trusted: KeyRing, gone: Mapping[str, RecordingState]
) -> list[_Release]:
    """Which of these its camera's ledger has released."""
    theirs = read_state(holding.ledger, trusted).recordings
    same = {one for one, ours in gone.items() if _is_same(theirs.get(one), ours)}
    released: dict[str, _Release] = {}
    reasons: dict[str, str] = {}
    for entry in entries_about_any(holding.ledger, trusted, gone):
        one = entry.recording or ""
        if _is_same(entry.facts, gone[one]):
            same.add(one)
        match entry.facts:
            case HoldPlaced():
                released.pop(one, None)
            case ReleaseReasonEntry(reason=reason):
                reasons[one] = reason
            case HoldReleased(who=who):
                released[one] = _Release(one, who, reasons.pop(one, None))
    return [said for one, said in released.items() if one in same]
