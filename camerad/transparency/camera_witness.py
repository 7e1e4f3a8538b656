"""A camera as a witness of its office: it remembers what the office showed, and signs nothing else.

At each check-in the office shows the checkpoint of its log, and a proof that the one which this
camera has seen is its beginning (`camerad.transparency.office_log`). The camera checks that, writes
the checkpoint into its own ledger, cosigns it and keeps it. Its cosignature goes to the office with
the next check-in.

An office that was put back to yesterday, whose history was changed, or that shows another log
cannot give that proof. Then the camera says so in its ledger, keeps what it was shown, raises a
condition, and cosigns nothing: recordings are made and handed over as before. It takes the log
again when the office shows the checkpoint's continuation, or proves that it has declared in its own
ledger that it lost this very checkpoint; so what is lost is never lost silently.

For each recording that the office signed for, the camera asks for the proof that the log has the
office's entry about it. An office that does not give it for a day is disputed as well: neither a
log that stands still nor a recording that was taken away with its receipt goes unnoticed.

``witnessed/KID.json`` in the camera's state directory has what it remembers of the office with the
key KID. A camera that is set up for another office begins there anew; one whose office has a new
key, and its old log, goes on from what it has seen. The entry in the ledger is
first on the storage, then this file: after a loss of power the camera remembers an earlier
checkpoint, which the same office continues.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.base import durable_files, file_status, typed_json
from camerad.base.clock import DAY, SECOND
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.container import jws
from camerad.container.jws import JwsError
from camerad.container.keys import KeyRing, PublicKey, SigningKey
from camerad.ledger.entries import parse_entry
from camerad.ledger.entry_types import Fact, HistoryLost
from camerad.ledger.ledger import Ledger
from camerad.ledger.recording_entries import FoundEntry, Received
from camerad.ledger.timeline import Instant
from camerad.transparency import checkpoints, merkle
from camerad.transparency.checkpoints import (
    LOG,
    WITNESS,
    Checkpoint,
    NoteError,
    NoteKey,
    SignedCheckpoint,
)
from camerad.transparency.office_log import SHOWN, TEXTS, LoggedEntry, ShownLog, names
from camerad.transparency.proof import leaf_of

_log = logging.getLogger(__name__)

DIRECTORY: Final = "witnessed"
"""In the camera's state directory."""
LATE_US: Final = DAY
"""An office has so long to log what it ingested."""
FORGOTTEN_US: Final = 30 * DAY
"""A camera that was away for so long does not ask any more."""
MOST_ASKED: Final = 8
"""Recordings that one check-in asks about,"""
_MOST_AWAITED: Final = 1_000
"""and that are remembered."""
_LONGEST: Final = 1 << 20
_NAMED: Final = "camerad/camera/"


class Dispute(StrEnum):
    """Why a camera does not cosign what it is shown."""

    PUT_BACK = "put_back"
    """The log is shorter than the one that it has seen."""
    CHANGED = "changed"
    """The log that it has seen is not the beginning of this one."""
    OTHER_LOG = "other_log"
    """The log has another name or key."""
    NOT_LOGGED = "not_logged"
    """A recording was handed over more than a day ago, and the log does not have it."""


class AwaitedEntry(msgspec.Struct, frozen=True):
    """A recording whose entry in the office's log is awaited. final: SHA-256 of its last
    statement. since: when the office's receipt came."""

    final: str
    since: Instant


class Remembered(msgspec.Struct, frozen=True):
    """What a camera knows of an office's log. key: as a vkey. note: the checkpoint that it cosigned
    last, with its own signature. dispute: why it did not cosign what it was shown after that, None
    if it did; shown: what that was. awaited: the oldest first."""

    key: str
    note: str
    dispute: Dispute | None = None
    shown: ShownLog | None = None
    awaited: tuple[AwaitedEntry, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """What the next check-in asks about: SHA-256 of last statements."""
        return tuple(one.final for one in self.awaited[:MOST_ASKED])


class WitnessOutcome(msgspec.Struct, frozen=True):
    """What became of what the office showed. cosigned: it is new, and this camera cosigned it.
    dispute: why it did not; None also where it had cosigned it before."""

    cosigned: bool
    dispute: Dispute | None = None


class CameraWitness:
    """state_dir: the camera's. office: the key that signs the office's ledger. ledger, key: the
    camera's own. It is for the thread that has the ledger. Raises StorageError."""

    def __init__(self, state_dir: str, office: PublicKey, ledger: Ledger, key: SigningKey) -> None:
        self._directory = os.path.join(state_dir, DIRECTORY)
        self._path = os.path.join(self._directory, f"{office.thumbprint}.json")
        self._office = office
        self._ledger = ledger
        self._key = key

    def read(self) -> Remembered | None:
        """What it remembers; None if the office has shown it no log yet, or if the file cannot be
        read any more."""
        return self._read(self._path)

    def _read(self, path: str) -> Remembered | None:
        if not file_status.exists(path):
            return None
        try:
            found = typed_json.decode(read_plain(path, "checkpoint", _LONGEST), Remembered)
            checkpoints.parse(found.note)
        except ValueError as error:
            _log.warning(
                "%s: this cannot be read (%s): the office's next checkpoint counts as the first",
                path,
                error,
                extra=MessageId.CHECK_IN.extra,
            )
            return None
        return found

    def expect(self, finals: Collection[str]) -> None:
        """The office signed for recordings with these last statements: its log has to have them. It
        is called before the ledger calls them acknowledged."""
        before = self.read()
        if before is None:
            return
        _, now = self._ledger.now()
        since = Instant(self._ledger.state.timeline.runs.newest.number, now.boot_us)
        known = {one.final for one in before.awaited}
        new = [AwaitedEntry(one, since) for one in finals if one not in known]
        if new:
            self._keep(replace(before, awaited=(*before.awaited, *new)[:_MOST_AWAITED]))

    def see(self, token: bytes, about: str) -> WitnessOutcome:
        """Check what the office shows, and cosign it if it continues what this camera has seen.

        token: `ShownLog`, signed by the office. about: SHA-256 of the check-in that it has to
        answer; so nothing that was shown before counts again. Raises NoteError if this is no
        answer of the office to that.
        """
        shown = self._signed(token)
        if shown.about != about:
            raise NoteError("this answers another check-in than the camera's last one")
        log = NoteKey.parse(shown.key)
        proof = _decoded(shown.proof)
        note = checkpoints.parse(shown.checkpoint)
        line = log.find(note)
        if (log.kind, log.name) != (LOG, note.checkpoint.origin) or line is None:
            raise NoteError("the checkpoint that the office shows is not signed by its log's key")
        note, now, before = SignedCheckpoint(note.checkpoint, (line,)), note.checkpoint, self.read()
        if before is None and (before := self._of_former_key(log)) is not None:
            # The office was not asked for a proof from there on; the next check-in does.
            self._keep(before)
            return WitnessOutcome(cosigned=False)
        if before is None:
            self._accept(log, note, None)
            return WitnessOutcome(cosigned=True)
        seen = checkpoints.parse(before.note).checkpoint
        dispute: Dispute | None = Dispute.OTHER_LOG
        if before.key == str(log):
            dispute = _find_dispute(seen, now, proof)
        awaited = before.awaited
        if dispute is None:
            awaited = self._still_awaited(before, shown, now)
            dispute = Dispute.NOT_LOGGED if self._is_older(awaited, LATE_US) else None
        if dispute is None and before.dispute is None and seen == now:
            if awaited != before.awaited:
                self._keep(replace(before, awaited=awaited))
            return WitnessOutcome(cosigned=False)
        if dispute is None:
            self._accept(log, note, None, awaited)
            return WitnessOutcome(cosigned=True)
        if self._is_declared(seen, shown, now):
            self._accept(log, note, seen)
            return WitnessOutcome(cosigned=True)
        after = replace(before, awaited=awaited)
        if dispute is not before.dispute and before.dispute in (None, Dispute.NOT_LOGGED):
            self._refuse(after, seen, shown, now, dispute)
        elif after != before:
            self._keep(after)
        return WitnessOutcome(cosigned=False, dispute=dispute)

    def _of_former_key(self, log: NoteKey) -> Remembered | None:
        """What it remembers of the same log, when the office had another key. What that key signed
        is awaited no more."""
        names = os.listdir(self._directory) if file_status.exists(self._directory) else ()
        for name in sorted(names):
            found = self._read(os.path.join(self._directory, name))
            if found is not None and found.key == str(log):
                return replace(found, awaited=())
        return None

    def _still_awaited(
        self, before: Remembered, shown: ShownLog, now: Checkpoint
    ) -> tuple[AwaitedEntry, ...]:
        """Without what the office proves to have in its log, and what is too long ago to ask for,
        unless the camera disputes that."""
        proven = {
            facts.final
            for one in shown.entries[:MOST_ASKED]
            if isinstance(facts := self._proven_facts(one, now), Received | FoundEntry)
        }
        return tuple(
            one
            for one in before.awaited
            if one.final not in proven
            and (before.dispute is Dispute.NOT_LOGGED or not self._is_older([one], FORGOTTEN_US))
        )

    def _is_older(self, awaited: Collection[AwaitedEntry], us: int) -> bool:
        """Whether the office had so long for one of these, at the least."""
        ages = self._ledger.state.ages(*self._ledger.now())
        return any(ages.minimum_us(one.since) > us for one in awaited)

    def _signed(self, token: bytes) -> ShownLog:
        try:
            statement = jws.parse(token)
            jws.check(statement, KeyRing([self._office]))
            return jws.decode(statement, SHOWN, ShownLog, TEXTS)
        except JwsError as error:
            raise NoteError(f"the office has not signed what it shows: {error}") from error

    def _accept(
        self,
        log: NoteKey,
        note: SignedCheckpoint,
        lost: Checkpoint | None,
        awaited: tuple[AwaitedEntry, ...] = (),
    ) -> None:
        now = note.checkpoint
        _, moment = self._ledger.now()
        self._ledger.append(
            "office_checkpoint",
            office=self._office.thumbprint,
            origin=now.origin,
            size=now.size,
            root=checkpoints.encode(now.root),
            lost=None if lost is None else lost.size,
        )
        name = witness_name(self._key.public)
        line = checkpoints.cosign(self._key, name, now, max(1, moment.wall_us // SECOND))
        self._keep(Remembered(str(log), str(note.with_lines([line])), awaited=awaited))

    def _refuse(
        self,
        before: Remembered,
        seen: Checkpoint,
        shown: ShownLog,
        now: Checkpoint,
        dispute: Dispute,
    ) -> None:
        self._ledger.append(
            "office_disputed",
            office=self._office.thumbprint,
            why=dispute.value,
            seen_size=seen.size,
            origin=now.origin,
            size=now.size,
            root=checkpoints.encode(now.root),
        )
        self._keep(replace(before, dispute=dispute, shown=shown))

    def _keep(self, what: Remembered) -> None:
        durable_files.make_directory(self._directory)
        durable_files.publish(self._path, msgspec.json.encode(what))

    def _is_declared(self, seen: Checkpoint, shown: ShownLog, now: Checkpoint) -> bool:
        """Whether the office proves that its ledger says that it lost what this camera has seen."""
        facts = None if shown.loss is None else self._proven_facts(shown.loss, now)
        return isinstance(facts, HistoryLost) and names(facts, seen)

    def _proven_facts(self, logged: LoggedEntry, now: Checkpoint) -> Fact | None:
        """What an entry says; None unless the office signed it, and proves that it is in its
        log."""
        token = logged.entry.encode("ascii", "replace")
        try:
            facts = parse_entry(token, KeyRing([self._office])).facts
        except JwsError:
            return None
        proof = _decoded(logged.proof)
        is_there = merkle.is_included(leaf_of(token), logged.index, now.size, proof, now.root)
        return facts if is_there else None


class Cosigned(msgspec.Struct, frozen=True):
    """What a camera has cosigned. seconds: when, since 1970, by its own clock."""

    checkpoint: Checkpoint
    seconds: int


def cosigned_by(camera: PublicKey, text: str, log: NoteKey | None = None) -> Cosigned | None:
    """The checkpoint in a text that this camera has cosigned; None if it has not, or if it is about
    `log`, which has not signed it: a camera can make up what it has seen."""
    try:
        note = checkpoints.parse(text)
        if log is not None and log.name == note.checkpoint.origin and log.find(note) is None:
            return None
        line = NoteKey(witness_name(camera), WITNESS, camera).find(note)
    except NoteError:
        return None
    return None if line is None else Cosigned(note.checkpoint, checkpoints.cosigned_at(line))


def witness_name(key: PublicKey) -> str:
    """The name of the camera with this key, in its cosignatures."""
    return f"{_NAMED}{key.thumbprint}"


def count_witnessing(witnesses: Iterable[str]) -> int:
    """How many of the witnesses with these names are cameras."""
    return sum(one.startswith(_NAMED) for one in witnesses)


def _find_dispute(seen: Checkpoint, now: Checkpoint, proof: list[bytes]) -> Dispute | None:
    if now.size < seen.size:
        return Dispute.PUT_BACK
    if merkle.is_consistent(seen.size, seen.root, now.size, now.root, proof):
        return None
    return Dispute.CHANGED


def _decoded(proof: tuple[str, ...]) -> list[bytes]:
    """Raises NoteError."""
    return [checkpoints.decode_hash(one) for one in proof[: merkle.LONGEST_PROOF]]
