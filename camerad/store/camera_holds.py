"""Holds that were placed on a camera, and count in an office too.

A camera's ledger comes to an office as a copy, with the recordings. What it holds, the office holds
too. The office's ledger takes over each hold once, with the reason ``on the camera: REASON`` and
the same person. Such a hold ends when the camera's ledger has a release, or by a release in the
office; then it is not taken over again. A copy of a ledger that was put back to before the hold
does not end it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from camerad.base import file_status
from camerad.base.errors import StorageError
from camerad.base.text import LONGEST
from camerad.container.keys import KeyRing
from camerad.ledger.audit import entries_about
from camerad.ledger.ledger import read_state
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_entries import HoldPlaced, HoldReleased
from camerad.ledger.recording_state import Hold
from camerad.store.holds import MOST_HOLDS
from camerad.store.locations import Holding, Place, PlaceKind
from camerad.store.store import Store

ON_CAMERA: Final = "on the camera: "
"""How the reason of a hold that was taken over begins."""


def pending(
    place: Place, state: LedgerState | None, own: KeyRing, keys: KeyRing
) -> dict[str, tuple[Hold, ...]]:
    """The holds in cameras' ledgers that an office has to take over, by the recordings' ids.

    state: what the office's ledger says, None if there is none. own: the keys to read that with.
    keys: those to read the cameras' ledgers with. Raises StorageError if one of them cannot be
    read.
    """
    found: dict[str, tuple[Hold, ...]] = {}
    for holding in _with_ledger(place):
        for known in read_state(holding.ledger, keys).recordings.values():
            if not known.held or not place.files_of(known.id):
                continue
            ours = state.recordings.get(known.id) if state is not None else None
            if ours is not None and ours.deleted is not None:
                continue
            there = set(ours.holds) if ours is not None else set()
            if state is not None:
                there |= _ever_placed(place, own, known.id)
            new = tuple(one for one in map(_as_ours, known.holds) if one not in there)
            if new:
                found[known.id] = (*found.get(known.id, ()), *new)
    return found


def take_over(store: Store, keys: KeyRing, trusted: KeyRing) -> Iterator[str]:
    """Take the holds of an office's cameras over into its store; yields a sentence on each change.

    What cannot be read is added to the store's `unread`. keys: any that may sign a hold. trusted:
    those that may end one.
    """
    place = store.place
    for holding in _with_ledger(place):
        part = Place(place.kind, place.root, (holding,), place.unread)
        try:
            held = pending(part, store.ledger.state, store.ledger.keys, keys)
            ended = list(_released(holding, store.ledger.state, trusted))
        except StorageError as error:
            store.unread += (error,)
            continue
        for recording, holds in held.items():
            ours = store.ledger.state.recordings.get(recording)
            room = MOST_HOLDS - (len(ours.holds) if ours is not None else 0)
            for one in holds[:room]:  # it is held by the others, too
                store.ledger.append("hold", id=recording, reason=one.reason, who=one.who)
                yield f"{recording}: it is held {one.reason} ({one.who})"
        for recording, who in ended:
            store.ledger.append("release", id=recording, who=who)
            yield f"{recording}: it was held on the camera, which released it ({who})"


def _as_ours(hold: Hold) -> Hold:
    """A hold of a camera as the office keeps it."""
    return Hold(f"{ON_CAMERA}{hold.reason}"[:LONGEST], hold.who)


def _with_ledger(place: Place) -> Iterator[Holding]:
    for one in place.holdings if place.kind is PlaceKind.OFFICE else ():
        if not one.broken and file_status.is_directory(one.ledger):
            yield one


def _ever_placed(place: Place, own: KeyRing, recording: str) -> set[Hold]:
    """All holds on it that the office's ledger has, also those that were released."""
    if not file_status.is_directory(place.ledger):
        return set()
    facts = (one.facts for one in entries_about(place.ledger, own, recording))
    return {Hold(one.reason, one.who) for one in facts if isinstance(one, HoldPlaced)}


def _released(holding: Holding, state: LedgerState, trusted: KeyRing) -> Iterator[tuple[str, str]]:
    """What the office holds only because its camera held it, and the camera's ledger has released:
    the id, and who released it."""
    ours = [
        one
        for one in state.recordings.values()
        if one.held and all(hold.reason.startswith(ON_CAMERA) for hold in one.holds)
    ]
    if not ours:
        return
    theirs = read_state(holding.ledger, trusted).recordings
    for one in ours:
        known = theirs.get(one.id)
        if known is None or known.held:
            continue
        entries = [
            entry.facts
            for entry in entries_about(holding.ledger, trusted, one.id)
            if isinstance(entry.facts, HoldPlaced | HoldReleased)
        ]
        if entries and isinstance(entries[-1], HoldReleased):
            yield one.id, entries[-1].who
