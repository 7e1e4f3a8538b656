"""Keeps the replicas as the office's ledger has them.

Every quarter of an hour it asks the ledger and the store what there is, and makes a plan (`plan`).
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

There are two jobs, so that nothing waits behind a long copy: `look` deletes, locks and holds;
`copy` makes replicas. What cannot be done is logged once, and tried each time. Of several servers
one does each at a time. A replica that another thread or server works on is left for a minute.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from camerad.base import file_status
from camerad.base.clock import DAY, SECOND, Clock, Moment
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.base.text import count, printable
from camerad.container import jws
from camerad.container.keys import KeyRing, PublicKey
from camerad.container.recording_files import SUFFIX, list_names
from camerad.container.recording_ids import is_id
from camerad.container.skeleton import readable_skeleton
from camerad.evidence import office_key_file
from camerad.evidence.office_key_file import OfficeKeyError
from camerad.evidence.office_store import camera_keys
from camerad.ledger.audit import read_state
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import RecordingState
from camerad.office.jobs.periodic_job import JobFailedError
from camerad.office.replicas.replica_lock import lock_by_ledger
from camerad.office.replicas.replica_store import (
    Lock,
    ReplicaError,
    ReplicaFault,
    StoredReplica,
    name_of,
    parse_name,
)
from camerad.office.replicas.replicas import Replicas
from camerad.office.server.camera_holdings import size_of
from camerad.office.server.cameras import Cameras
from camerad.office.server.judgement import check_recording
from camerad.office.server.tombstones import Tombstones
from camerad.office.server.uploads import Declaration
from camerad.store.locations import Place, office_place

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 900.0
"""Between the beginnings of two looks. With the one that deletes in the directory, a replica goes
within an hour."""
SOON_SECONDS: Final = 60.0
"""To the next one behind one that was slow, or where another server was at work."""
COPY_SECONDS: Final = 600
"""For so long in each quarter of an hour it begins to copy; the next time it goes on."""
LOOKING: Final = "second-copies"
COPYING: Final = "second-copies-copying"
"""What one server does at a time."""
MOST_ASKED: Final = 2000
"""Locks that one look asks the store for; what was found in order is not asked for again."""


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


class ReplicaJob:
    """directory: the office's. cameras: its register. key: the office's, by which its
    ledger is read. clock: whose moments say whether wall time is trusted."""

    def __init__(
        self,
        directory: str,
        copies: Replicas,
        cameras: Cameras,
        key: PublicKey,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._copies = copies
        self._store = copies.store
        self._cameras = cameras
        self._key = key
        self._clock = clock
        self._tombstones = Tombstones(directory, key)
        self._said: dict[str, frozenset[str]] = {LOOKING: frozenset(), COPYING: frozenset()}
        self._recordings: frozenset[str] = frozenset()
        self._ending = threading.Event()
        self._settled: dict[str, Lock] = {}
        """What the store was found to have in the last day, so that it is not asked at each look,
        but for what is held: that may have been ended in the store itself."""
        self._since_us = clock.now_us()

    def end(self) -> None:
        """Begin nothing more: a job that is under way ends with what it does now."""
        self._ending.set()

    def list_recordings(self) -> frozenset[str]:
        """Ids of what had a replica at the last look. Any thread may ask."""
        return self._recordings

    @property
    def fails(self) -> bool:
        """Whether the store is silent, or the last looks could not do all that is to be done. Any
        thread may ask."""
        return self._copies.is_silent or any(self._said.values())

    def look(self) -> float:
        """Delete, lock and hold; returns after how many seconds to look again. It waits for no
        copy. Raises JobFailedError if not all of it could be done, which is logged."""
        return self._work(LOOKING, self._look)

    def copy(self) -> float:
        """Make the replicas that are missing, for some minutes; the rest as `look`. Another thread
        may look meanwhile."""
        return self._work(COPYING, self._copy)

    def _work(self, name: str, work: Callable[[set[str]], bool]) -> float:
        """work: is told where to add problems; returns whether nothing was left since another
        server or thread worked on it."""
        began_us = self._clock.now_us()
        problems: set[str] = set()
        complete = False
        try:
            with self._copies.working(name) as alone:
                complete = alone and work(problems)
        except CameradError as error:
            problems.add(str(error))
        for text in sorted(problems.difference(*self._said.values())):
            log.warning("replicas: %s", printable(text), extra=MessageId.REPLICA.extra)
        self._said[name] = frozenset(problems)
        if problems:
            raise JobFailedError("not every replica is as it has to be")
        taken = (self._clock.now_us() - began_us) / SECOND
        return max(SOON_SECONDS, LOOK_SECONDS - taken) if complete else SOON_SECONDS

    def _plan(self) -> tuple[LedgerState, ReplicaPlan] | None:
        """What is to be done now; None if nothing was ever ingested.

        A file is here before its replica is made, and goes behind its tombstone. So what counts
        of the ledger is read after the store and the directory, and what comes or goes meanwhile is
        not missing.
        """
        place = office_place(self._directory)
        if self._ledger(place) is None:
            return None
        self._copies.probe()
        listed = self._store.list_copies()
        self._copies.store_answered()
        self._recordings = frozenset(one.name.partition("/")[0] for one in listed)
        local = _local_copies(place)
        state = self._ledger(place)
        return None if state is None else (state, plan(state, listed, local))

    def _ledger(self, place: Place) -> LedgerState | None:
        found = office_key_file.ledger_keys(place, self._key)
        if found.problem:
            raise OfficeKeyError(f"{found.problem}; replicas stay as they are")
        if not file_status.is_directory(place.ledger):
            return None
        return read_state(place.ledger, found.ring)

    def _look(self, problems: set[str]) -> bool:
        planned = self._plan()
        if planned is None:
            return True
        state, found = planned
        now = self._clock.moment()
        done = [
            self._each(found.delete, self._delete, problems),
            self._secure(found, state, now, problems),
        ]
        if not state.unread:
            done.append(
                self._each(found.strange, lambda name: self._look_at_strange(name, now), problems)
            )
        self._copies.tidy()
        if found.gone:
            number = count(len(found.gone), "recording")
            problems.add(
                f"{number} in the replicas, such as {found.gone[0]}, and not in the office's "
                "directory: bring them back with 'camerad office restore --all'"
            )
        return all(done)

    def _each(self, names: Iterable[str], work: Callable[[str], None], problems: set[str]) -> bool:
        """Do something with each that nothing else works on; returns whether that was all. What one
        refuses keeps no other; a store that is away does."""
        complete = True
        for name in names:
            if self._ending.is_set():
                return complete
            try:
                with self._copies.alone(name) as alone:
                    if alone:
                        work(name)
                    complete = complete and alone
            except CameradError as error:
                if isinstance(error, ReplicaError) and error.fault is ReplicaFault.AWAY:
                    raise
                problems.add(str(error))
        return complete

    # ------------------------------------------------------------------ deleting

    def _delete(self, name: str) -> None:
        """Remove a replica of what the ledger calls deleted. Its hold stood for the ledger's."""
        self._settled.pop(name, None)
        self._store.hold(name, on=False)
        self._store.delete(name)
        log.info("deleted the replica %s", name, extra=MessageId.REPLICA.extra)

    def _look_at_strange(self, name: str, now: Moment) -> None:
        """Remove a replica that the ledger's newest part does not know, if an older one calls it
        deleted, or if its day is over."""
        recording, final = parse_name(name) or ("", "")
        if self._tombstones.has(recording, final):
            self._delete(name)
            return
        there = self._settled.get(name) or self._store.lock_of(name)
        if there is None:
            return
        self._settled[name] = there
        over = there.until_us is not None and there.until_us <= now.wall_us and not there.hold
        if not now.trusted or not over:
            return
        self._settled.pop(name)
        self._store.delete(name)
        log.warning(
            "deleted the replica %s, whose lock is over, and which the office's ledger does "
            "not know",
            name,
            extra=MessageId.REPLICA.extra,
        )

    # ------------------------------------------------------------------ locks and holds

    def _secure(
        self, found: ReplicaPlan, state: LedgerState, now: Moment, problems: set[str]
    ) -> bool:
        wanted = {
            name: lock_by_ledger(known, state, self._clock.boot_id, now)
            for name, known in found.secure.items()
        }
        held = {name for name, known in found.secure.items() if known.held}
        if self._clock.now_us() - self._since_us >= DAY:
            self._settled.clear()
            self._since_us = self._clock.now_us()
        # What was in order is so no more if the ledger's hold changed.
        unsure = [
            name
            for name in wanted
            if not self._is_in_order(name, wanted[name], state, held=name in held)
        ]
        # A new hold waits for no replica that has its lock. One that is known to be there comes
        # last: it may have been ended in the store itself.
        unsure.sort(key=lambda name: name not in held)
        unsure += sorted(held.difference(unsure))
        for name in set(self._settled) - set(wanted) - set(found.strange):
            self._settled.pop(name)
        return self._each(
            unsure[:MOST_ASKED],
            lambda name: self._secure_one(name, wanted[name], state, held=name in held),
            problems,
        )

    def _is_in_order(self, name: str, wanted: Lock, state: LedgerState, *, held: bool) -> bool:
        there = self._settled.get(name)
        if there is None or there.hold != hold_wanted(wanted, there, state, held=held):
            return False
        return there.until_us is not None or wanted.until_us is None

    def _secure_one(self, name: str, wanted: Lock, state: LedgerState, *, held: bool) -> None:
        """held: by a person, and not only because no clock is trusted."""
        there = self._store.lock_of(name)
        if there is None:
            return
        if wanted.until_us is not None and there.until_us is None:
            self._store.set_lock(name, wanted.until_us)
            there = there._replace(until_us=wanted.until_us)
        hold = hold_wanted(wanted, there, state, held=held)
        if hold != there.hold:
            self._store.hold(name, on=hold)
        self._settled[name] = there._replace(hold=hold)

    # ------------------------------------------------------------------ copying

    def _copy(self, problems: set[str]) -> bool:
        until_us = self._clock.now_us() + COPY_SECONDS * SECOND
        planned = self._plan()
        if planned is None:
            return True
        state, found = planned
        keys = camera_keys(office_place(self._directory), self._cameras.keys())

        def make(name: str) -> None:
            known, own = found.make[name]
            if self._clock.now_us() >= until_us:
                return  # the next time
            try:
                self._make(name, known, own, state, keys)
            except CameradError:
                # Unless it was deleted since the ledger was read.
                if not self._tombstones.has(known.id, known.final, known.header):
                    raise

        return self._each(found.make, make, problems)

    def _make(
        self, name: str, known: RecordingState, own: LocalCopy, state: LedgerState, keys: KeyRing
    ) -> None:
        if not is_id(known.id):
            return  # no file can be called so
        said = readable_skeleton(own.path)
        if said is not None and known.header not in ("", jws.digest(said.statement.token)):
            return  # another recording of that id has its name; the ledger says so
        try:
            key = None if said is None else keys.get(said.statement.kid)
            if key is None:
                raise ReplicaError("its camera's key is not known")
            declared = Declaration(known.id, str(known.final), own.bytes)
            judged = check_recording(own.path, declared, key, str(known.final))
            if judged.why:
                raise ReplicaError(judged.why)
        except ReplicaError as error:
            raise ReplicaError(
                f"{own.path}: it gets no replica: {error}; if there is a replica already, move "
                f"this file away, and bring that back with 'camerad office restore {known.id}'"
            ) from error
        lock = lock_by_ledger(known, state, self._clock.boot_id, self._clock.moment())
        self._copies.make_alone(name, own.path, judged.written, lock)
        # A hold may have been placed since the ledger was read: the next look asks.
        self._settled.pop(name, None)
        log.info("made the replica %s", name, extra=MessageId.REPLICA.extra)


def _local_copies(place: Place) -> dict[str, LocalCopy]:
    """The recordings' files in the office's directory, by id."""
    found: dict[str, LocalCopy] = {}
    for directory in place.shelves:
        for name in list_names(directory):
            recording = name.removesuffix(SUFFIX)
            path = os.path.join(directory, name)
            size = size_of(path) if name != recording and recording not in found else None
            if size is not None:
                found[recording] = LocalCopy(path, size)
    return found
