"""What is to be done with the replicas, from the office's ledger and what is there. Pure.

Nothing is remembered from one look to the next: a server that lost everything but the ledger and
the store of replicas decides the same.

- What the ledger calls deleted goes, with its hold.
- What is here and has no replica, or one of another length, gets one.
- What is here and has one gets the lock and the hold that it should have.
- What the ledger does not know stays: perhaps it is being taken over just now, or the office's
  directory was put back from an older backup. When its lock is over, and nobody holds it, it goes.

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
    """delete: names of what the ledger calls deleted. secure: what has to have its lock and hold.
    make: what has no replica, or one of another length, with the office's own copy. strange:
    names that the ledger does not know. gone: what is not in the office's directory, and has a
    replica."""

    delete: tuple[str, ...] = ()
    secure: tuple[tuple[str, RecordingState], ...] = ()
    make: tuple[tuple[str, RecordingState, LocalCopy], ...] = ()
    strange: tuple[str, ...] = ()
    gone: tuple[str, ...] = msgspec.field(default_factory=tuple)


def plan(
    state: LedgerState, listed: Iterable[StoredReplica], local: Mapping[str, LocalCopy]
) -> ReplicaPlan:
    """What is to be done. local: the recordings' files in the office's directory, by id."""
    there = {one.name: one.bytes for one in listed}
    delete, secure, strange, gone = [], [], [], []
    for name in sorted(there):
        known = _known(state, name)
        if known is None:
            strange.append(name)
        elif known.deleted is not None:
            if not state.unread:
                delete.append(name)
        else:
            secure.append((name, known))
            if known.id not in local:
                gone.append(name)
    make = []
    for known in sorted(state.recordings.values(), key=lambda one: one.known_since):
        own = local.get(known.id)
        if known.deleted is None and known.final is not None and own is not None:
            name = name_of(known.id, known.final)
            if there.get(name) != own.bytes:
                make.append((name, known, own))
    return ReplicaPlan(tuple(delete), tuple(secure), tuple(make), tuple(strange), tuple(gone))


def _known(state: LedgerState, name: str) -> RecordingState | None:
    """The recording whose replica has this name, as the ledger knows it."""
    parsed = parse_name(name)
    known = None if parsed is None else state.recordings.get(parsed[0])
    if parsed is None or known is None or known.final not in (None, parsed[1]):
        return None
    return known


def may_release(state: LedgerState, wanted: Lock, there: Lock) -> bool:
    """Whether a hold may be ended: the ledger has none, has lost nothing, and what the hold stood
    in for is there, or over."""
    in_place = wanted.until_us is None or there.until_us is not None
    return not wanted.hold and in_place and state.lost is None and not state.unread


def is_over(there: Lock | None, now_us: int) -> bool:
    """Whether a copy that nobody knows had a lock, which is over, and is not held."""
    return (
        there is not None
        and not there.hold
        and there.until_us is not None
        and there.until_us <= now_us
    )
