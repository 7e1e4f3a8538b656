"""Plans work on the replicas, from the office's ledger and the store's content. Pure.

Nothing is remembered from one check to the next: a server that lost everything but the ledger and
the store plans the same.

- A replica of what the ledger calls deleted is deleted, with its hold.
- A recording without a replica, or with one of another length, gets one.
- A replica gets the lock and the hold that it should have.
- A replica that the ledger does not know stays: perhaps its recording is just being ingested, or
  the office's directory was put back from an older backup. It is deleted once its lock is over, if
  nothing holds it.

If the ledger lost entries, holds may be among them, so no hold is ended; if this version cannot
read all of it, nothing is deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import RecordingState
from camerad.office.replicas.replica_store import Lock, StoredReplica, name_of, parse_name


class LocalCopy(msgspec.Struct, frozen=True):
    """A recording's file in the office's directory."""

    path: str
    bytes: int


class ReplicaPlan(msgspec.Struct, frozen=True):
    """delete: names of what the ledger calls deleted. secure: what has to have its lock and hold,
    by name. make: what has no replica, or one of another length, with the office's own copy, by
    name. strange: names that the ledger does not know. gone: ids of what has a replica, and is not
    in the office's directory."""

    delete: tuple[str, ...]
    secure: Mapping[str, RecordingState]
    make: Mapping[str, tuple[RecordingState, LocalCopy]]
    strange: tuple[str, ...]
    gone: tuple[str, ...]


def plan(
    state: LedgerState, listed: Iterable[StoredReplica], local: Mapping[str, LocalCopy]
) -> ReplicaPlan:
    """What is to be done. Pure. local: the recordings' files in the office's directory, by id."""
    there = {one.name: one.bytes for one in listed}
    known = {name: _find(state, name) for name in sorted(there)}
    here = {name: one for name, one in known.items() if one is not None and one.deleted is None}
    make = {}
    for one in sorted(state.recordings.values(), key=lambda one: one.known_since):
        own = local.get(one.id)
        if one.deleted is None and one.final is not None and own is not None:
            name = name_of(one.id, one.final)
            if there.get(name) != own.bytes:
                make[name] = (one, own)
    return ReplicaPlan(
        delete=tuple(
            name
            for name, one in known.items()
            if one is not None and one.deleted is not None and not state.unread
        ),
        secure=here,
        make=make,
        strange=tuple(name for name, one in known.items() if one is None),
        gone=tuple(one.id for one in here.values() if one.id not in local),
    )


def _find(state: LedgerState, name: str) -> RecordingState | None:
    """The recording whose replica has this name, as the ledger knows it."""
    recording, final = parse_name(name) or ("", "")
    known = state.recordings.get(recording)
    return known if known is not None and known.final in (None, final) else None


def hold_wanted(wanted: Lock, there: Lock, state: LedgerState, *, held: bool) -> bool:
    """Whether a replica is to be held. Where there is a lock, a clock that could not set one is no
    reason. A hold may be ended if the ledger has none, has lost nothing, and what the hold stood in
    for is there, or over. held: by a person."""
    if held or (wanted.hold and there.until_us is None):
        return True
    in_place = wanted.until_us is None or there.until_us is not None
    return there.hold and not (in_place and state.lost is None and not state.unread)
