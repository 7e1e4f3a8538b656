"""The ledger: what happened to this device and its recordings. Nothing in it can be taken back
unseen.

Entries are appended to the newest epoch's file; an entry is durable when `Ledger.append` returns.
An epoch lasts about a day. The next one begins with all that is still needed, so older ones can
expire, as recordings do; each leaves a checkpoint. docs/storage.md has the invariants and
procedures.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from typing import Any, Final

from camerad.base import durable_files, file_status
from camerad.base.clock import DAY, Clock, Moment
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.ledger import entries, epoch_start, log_segments
from camerad.ledger.audit import LedgerFinding, Witnessed, read_ledger, read_state
from camerad.ledger.calendar_years import AT_ONCE, is_another_year, is_over
from camerad.ledger.claim import Claim
from camerad.ledger.entries import Entry, Head
from camerad.ledger.entry_types import (
    AFTER_LOSS,
    WHOLE_LEDGER,
    Damaged,
    EpochExpired,
    Fact,
    IdentityEntry,
    RepairedEntry,
    SettingsChanged,
    StartedEntry,
)
from camerad.ledger.ledger_lines import entries_about
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_entries import Deleted
from camerad.ledger.recording_state import ClosedEpoch, RecordingState
from camerad.ledger.reserved_space import FULL, Reserve
from camerad.ledger.timeline import Ages

__all__ = [
    "Entry",
    "Head",
    "Ledger",
    "LedgerFinding",
    "LedgerState",
    "RecordingState",
    "Witnessed",
    "entries_about",
    "read_ledger",
    "read_state",
]

_log = logging.getLogger(__name__)

EPOCH_US: Final = DAY
"""The next epoch begins when this one is so old."""
MOST_ENTRIES: Final = 2_000
"""The next epoch begins when this one has so many entries: a start reads all of them."""

_URGENT: Final = (Deleted, StartedEntry, SettingsChanged, IdentityEntry)
"""Entries that must be written before anything can be deleted, after a start as well."""
_OWN: Final = frozenset(
    {"epoch", "carried", "identity", "repaired", "damaged", "epoch_expired", "unread"}
)


class Ledger:
    """Writes a ledger; made by `Ledger.open`. Any thread may call it.

    claim: is given up when it is closed. repairs: what was repaired when it was opened, in words
    for people. lossy: this run found that entries are lost. by_years: the first entry of a year
    begins an epoch (`camerad.ledger.calendar_years`), as in an office.
    """

    def __init__(self, claim: Claim, key: SigningKey, clock: Clock) -> None:
        self._claim = claim
        self._directory = claim.directory
        self._key = key
        self._clock = clock
        self._lock = threading.RLock()
        self._state = LedgerState()
        self._path = ""
        self._descriptor: int | None = None
        self._offset = 0
        self._ragged = False
        self._unsynced_name = False
        self.keys: KeyRing = KeyRing([key.public])
        """The key that signs here, and those that did so before."""
        self.reserve: Reserve | None = None
        """Room to write in where the storage has none."""
        self.repairs: tuple[str, ...] = ()
        self.lossy = False
        self.by_years = False
        self.at: tuple[str, Moment] | None = None
        """Boot and moment of all that is written, where it belongs together in one epoch."""

    @classmethod
    def open(
        cls,
        claim: Claim,
        key: SigningKey,
        clock: Clock,
        former: KeyRing | None = None,
        *,
        expected: bool = False,
        reserve: Reserve | None = None,
    ) -> Ledger:
        """Open the ledger that is claimed, or begin one; repairs what a loss of power left.

        The claim is the ledger's from here on, and given up if it cannot be opened. former: public
        keys that signed it before, if the device had others. expected: something else shows that
        there was a ledger. If it is not there, it was lost, and the new one begins by saying so.
        reserve: room to write in where the storage has none. Raises StorageError; a start that is
        interrupted can be repeated.
        """
        ledger = cls(claim, key, clock)
        ledger.reserve = reserve
        try:
            ledger.keys = KeyRing([key.public, *(former or {}).values()])
            ledger._open(ledger.keys, expected=expected)
        except BaseException:
            ledger.close()
            raise
        for text in ledger.repairs:
            _log.warning("%s", text, extra=MessageId.LEDGER.extra)
        if ledger.lossy:
            text = f"{ledger.directory}: the ledger has lost entries. {AFTER_LOSS}"
            _log.critical("%s", text, extra=MessageId.LEDGER.extra)
        return ledger

    @property
    def state(self) -> LedgerState:
        """The state that results from all entries up to the head. It never changes: each append
        makes another one."""
        return self._state

    @property
    def head(self) -> Head:
        """The last entry that is durable."""
        return self._state.head

    @property
    def directory(self) -> str:
        """The ledger's directory."""
        return self._directory

    def now(self) -> tuple[str, Moment]:
        """Boot and moment of the present, as the next entry would have them."""
        return self.at or (self._clock.boot_id, self._clock.moment())

    def append(self, kind: str, /, *, happened: Moment | None = None, **facts: Any) -> Entry:
        """Write an entry; it is durable when this returns.

        kind, facts: see `camerad.ledger.entry_types`. happened: when it happened, in this boot, if
        that is not now. Ages count from the writing all the same, which is later.

        Raises ValueError if these are not the facts of that kind, or for the tombstone of a
        held recording, and StorageError if the storage refuses it. Then nothing has happened, and
        the next entry takes its place. Only if the machine stops before there is a next one, the
        entry may be found after all.
        """
        if kind in _OWN:
            raise ValueError(f"entries {kind!r} are the ledger's own")
        said = entries.facts_of_kind(kind, facts)
        with self._lock:
            if self.by_years and is_another_year(self._state, *self.now()):
                self.rotate()
            return self._append(said, happened)

    def record_loss(self, shown_by: str) -> None:
        """Write down that entries are lost though the ledger itself does not show it: it was cut
        between two of them, or put back.

        shown_by: what shows it, in words for people. Raises StorageError.
        """
        with self._lock:
            self._append(Damaged(log_segments.epoch_name(self._state.head.epoch), ""))
            self.lossy = True
        _log.critical(
            "%s: %s. %s", self._directory, shown_by, AFTER_LOSS, extra=MessageId.LEDGER.extra
        )

    def share(self, path: str, content: bytes) -> None:
        """Announce a whole file that will be written, and what was changed before, if other servers
        have this ledger too. Raises StorageError; then it must not be written."""
        self._claim.publish()
        self._claim.announce(path, 0, content)

    def rotate(self) -> None:
        """Begin the next epoch. Raises StorageError: then either the epoch goes on, or the next one
        has begun and the next entry makes it durable."""
        with self._lock:
            self._begin(self._state, self._state.head.epoch + 1, [])

    def expire(self, retention_days: int) -> tuple[int, ...]:
        """Replace epochs that are at least so old by checkpoints; returns their numbers.

        The newest two stay: the one in use, and the one that it could be restored from. None
        expires while the ledger has entries that this version cannot read. Raises StorageError; the
        next call completes what was begun.
        """
        return self._expire_while(lambda one, by: by.minimum_us(one.ended) >= retention_days * DAY)

    def expire_years(self) -> tuple[int, ...]:
        """The same with what `calendar_years` keeps no longer, some at a time."""
        return self._expire_while(partial(is_over, self._directory, self.keys), AT_ONCE)

    def _expire_while(
        self, is_old: Callable[[ClosedEpoch, Ages], bool], most: int | None = None
    ) -> tuple[int, ...]:
        with self._lock:
            if self._state.unread:
                return ()
            ages = self._state.ages(*self.now())
            old = tuple(takewhile(lambda one: is_old(one, ages), self._state.epochs[:-1][:most]))
            for closed in old:
                self._expire(closed)
        return tuple(closed.number for closed in old)

    def rotate_if_due(self) -> None:
        """Begin the next epoch if it is time. Call it now and then. Raises as `rotate`."""
        with self._lock:
            state = self._state
            age_us = state.ages(*self.now()).minimum_us(state.begun)
            if age_us >= EPOCH_US or state.entries >= MOST_ENTRIES + state.restated:
                self.rotate()

    def rotate_and_expire(self, retention_days: int) -> tuple[int, ...]:
        """Both: `rotate_if_due`, then `expire`."""
        self.rotate_if_due()
        return self.expire(retention_days)

    def close(self) -> None:
        """Close the file, and give up the claim; nothing is lost without it."""
        with self._lock, self._claim:
            self._close_file()

    def _close_file(self) -> None:
        if self._descriptor is not None:
            durable_files.close(self._descriptor, self._path)
        self._descriptor = None

    # ------------------------------------------------------------------ opening

    def _open(self, keys: KeyRing, *, expected: bool) -> None:
        durable_files.make_directory(self._directory)
        shelf = log_segments.list_files(self._directory)
        for name in shelf.temporary:
            durable_files.remove(os.path.join(self._directory, name))
        number = shelf.newest
        if number:
            self._resume(shelf, number, keys)
        elif shelf.checkpoints:
            self._restart(max(shelf.checkpoints), keys)
        else:
            facts: list[Fact] = [IdentityEntry(self._key.public.thumbprint, None)]
            if expected:
                self._lost(f"{self._directory}: the ledger is gone, with every hold that it had")
                facts.append(Damaged(WHOLE_LEDGER, ""))
            self._begin(LedgerState(), 1, facts)
        if self._state.kid != self._key.public.thumbprint:
            self._append(IdentityEntry(self._key.public.thumbprint, self._state.kid))

    def _resume(self, shelf: log_segments.LedgerFiles, number: int, keys: KeyRing) -> None:
        """Go on with the newest epoch, mended where needed."""
        name = shelf.name(number) or ""
        content = log_segments.read_file(self._directory, name)
        reading = log_segments.read_epoch(None, number, content, keys)
        former = shelf.name(number - 1)
        if not reading.preamble and former is not None:
            # What this epoch was to begin with has to be taken from the one before.
            before = log_segments.read_epoch(
                None, number - 1, log_segments.read_file(self._directory, former), keys
            ).state
            reading = log_segments.read_epoch(before, number, content, keys)
        state = reading.state or LedgerState(head=Head(number, 0, ""))
        path = os.path.join(self._directory, name)
        if reading.damage or number in shelf.damaged:
            self._replace(state, number, name, content)
        elif reading.torn:
            # Never written over: a write over it, cut short in its turn, could look like damage.
            torn = reading.torn
            repaired = RepairedEntry(name, len(torn), hashlib.sha256(torn).hexdigest())
            self._begin(state, number + 1, [repaired])
            said = f"{path}: the last entry was cut short; the next epoch tells of it"
            self.repairs = (*self.repairs, said)
        else:
            self._adopt(state, path, reading.end, unsynced_name=False)

    def _replace(self, state: LedgerState, number: int, name: str, content: bytes) -> None:
        """Set a damaged epoch aside and begin the next one."""
        kept = log_segments.damaged_name(number)
        if name != kept:
            durable_files.rename(
                os.path.join(self._directory, name), os.path.join(self._directory, kept)
            )
        self._lost(
            f"{os.path.join(self._directory, kept)}: this part of the ledger is damaged; it was "
            "kept under this name, and the ledger goes on with what could be read of it"
        )
        sha256 = hashlib.sha256(content).hexdigest()
        self._begin(state, number + 1, [Damaged(kept, sha256)])

    def _restart(self, number: int, keys: KeyRing) -> None:
        """Begin again where all entries are gone and only checkpoints are left."""
        lost = log_segments.epoch_name(number + 1)
        try:
            token = log_segments.read_file(self._directory, log_segments.checkpoint_name(number))
            checkpoint = log_segments.parse_checkpoint(token, keys)
            head = Head(number + 1, checkpoint.last, checkpoint.final)
        except jws.JwsError:
            head = Head(number + 1, 0, "")
        self._lost(f"{os.path.join(self._directory, lost)}: this part of the ledger is gone")
        self._begin(LedgerState(head=head), number + 2, [Damaged(lost, "")])

    def _lost(self, text: str) -> None:
        self.repairs = (*self.repairs, text)
        self.lossy = True

    # ------------------------------------------------------------------ epochs

    def _begin(self, state: LedgerState, number: int, facts: list[Fact]) -> None:
        """Begin an epoch that follows `state`, whole or not at all. facts: its first entries
        behind what is carried; what holds at present is said again after them."""
        boot_id, now = self.now()
        thumbprint = self._key.public.thumbprint
        replaces = None if state.kid in ("", thumbprint) else state.kid
        begun, carried = epoch_start.carry_over(state, boot_id, now, number, replaces)
        if replaces is not None:
            facts = [IdentityEntry(thumbprint, replaces), *facts]
        if state.shift is not None:
            facts = [*facts, state.shift]  # a start reads one epoch, and the shift goes on
        content = b""
        again = (*epoch_start.restate_holds(state, carried), *epoch_start.restate(state, carried))
        for fact in (begun, *carried, *facts, *again):
            entry = entries.sign_entry(self._key, state.head, boot_id, now, fact)
            state = state.with_entry(entry)
            content += entry.token + b"\n"
        path = os.path.join(self._directory, log_segments.epoch_name(number))
        self.share(path, content)
        try:
            self._with_room(partial(durable_files.publish, path, content), content, urgent=True)
        except StorageError:
            # With the name in place this is the epoch that a restart would read, so entries
            # belong there, though perhaps not durably before the directory is synchronised.
            if not file_status.exists(path):
                raise
            self._adopt(state, path, len(content), unsynced_name=True)
            raise
        self._adopt(state, path, len(content), unsynced_name=False)

    def _adopt(self, state: LedgerState, path: str, offset: int, *, unsynced_name: bool) -> None:
        self._close_file()
        self._state = state
        self._path = path
        self._offset = offset
        self._ragged = False
        self._unsynced_name = unsynced_name

    def _expire(self, closed: ClosedEpoch) -> None:
        """The order makes it repeatable: whatever was done is done again to the same effect."""
        token = log_segments.make_checkpoint(self._key, closed, *self.now())
        number = closed.number
        path = os.path.join(self._directory, log_segments.checkpoint_name(number))
        self._with_room(partial(durable_files.publish, path, token), token, urgent=False)
        for name in (log_segments.epoch_name(number), log_segments.damaged_name(number)):
            durable_files.remove(os.path.join(self._directory, name), missing_ok=True)
        self._claim.publish()
        self._append(EpochExpired(number, closed.last))

    # ------------------------------------------------------------------ appending

    def _append(self, facts: Fact, happened: Moment | None = None) -> Entry:
        with self._lock:
            state = self._state
            if isinstance(facts, Deleted):
                known = state.recordings.get(facts.id)
                if known is not None and known.held:
                    raise ValueError(f"{facts.id} is held and must not be deleted")
            entry = entries.sign_entry(self._key, state.head, *self.now(), facts, happened=happened)
            after = state.with_entry(entry)
            line = entry.token + b"\n"
            self._claim.announce(self._path, self._offset, line)
            write = partial(self._write, line)
            self._with_room(write, line, urgent=isinstance(facts, _URGENT))
            self._state = after
            return entry

    def _with_room(self, write: Callable[[], None], content: bytes, *, urgent: bool) -> None:
        """Write it; if that fails for want of room, again in the reserve's."""
        try:
            write()
        except StorageError as error:
            if error.errno not in FULL or self.reserve is None:
                raise
            if not self.reserve.release(len(content), urgent=urgent):
                raise
            write()

    def _write(self, line: bytes) -> None:
        if self._unsynced_name:
            durable_files.sync_directory(self._directory)
            self._unsynced_name = False
        if self._descriptor is None:
            self._descriptor = durable_files.open_existing(self._path)
        if self._ragged:
            # Durably, so that a loss of power cannot mix what failed with what comes in its place.
            durable_files.truncate(self._descriptor, self._offset, self._path)
            durable_files.sync(self._descriptor, self._path)
        self._ragged = True
        offset = durable_files.write(self._descriptor, [line], self._offset, self._path)
        durable_files.sync(self._descriptor, self._path)
        self._ragged = False
        self._offset = offset
