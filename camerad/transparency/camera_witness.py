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

``witnessed/KID.json`` in the camera's state directory has what it remembers of the office with the
key KID. A camera that is set up for another office begins there anew. The entry in the ledger is
first on the storage, then this file: after a loss of power the camera remembers an earlier
checkpoint, which the same office continues.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from camerad.base import durable_files, file_status, typed_json
from camerad.base.clock import SECOND
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.container import jws
from camerad.container.jws import JwsError
from camerad.container.keys import KeyRing, PublicKey, SigningKey
from camerad.ledger.entries import parse_entry
from camerad.ledger.entry_types import HistoryLost
from camerad.ledger.ledger import Ledger
from camerad.transparency import checkpoints, merkle
from camerad.transparency.checkpoints import (
    LOG,
    WITNESS,
    Checkpoint,
    NoteError,
    NoteKey,
    SignedCheckpoint,
)
from camerad.transparency.office_log import SHOWN, TEXTS, ShownLog, names
from camerad.transparency.proof import leaf_of

_log = logging.getLogger(__name__)

DIRECTORY: Final = "witnessed"
"""In the camera's state directory."""
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


class Remembered(msgspec.Struct, frozen=True):
    """What a camera knows of an office's log. key: as a vkey. note: the checkpoint that it cosigned
    last, with its own signature. dispute: why it did not cosign what it was shown after that, None
    if it did; shown: what that was."""

    key: str
    note: str
    dispute: Dispute | None = None
    shown: ShownLog | None = None


class WitnessOutcome(msgspec.Struct, frozen=True):
    """What became of what the office showed. cosigned: it is new, and this camera cosigned it.
    dispute: why it did not; None also where it had cosigned it before."""

    cosigned: bool
    dispute: Dispute | None = None


class CameraWitness:
    """state_dir: the camera's. office: the key that signs the office's ledger. ledger, key: the
    camera's own. It is for the thread that has the ledger. Raises StorageError."""

    def __init__(self, state_dir: str, office: PublicKey, ledger: Ledger, key: SigningKey) -> None:
        self._path = os.path.join(state_dir, DIRECTORY, f"{office.thumbprint}.json")
        self._office = office
        self._ledger = ledger
        self._key = key

    def read(self) -> Remembered | None:
        """What it remembers; None if the office has shown it no log yet, or if the file cannot be
        read any more."""
        if not file_status.exists(self._path):
            return None
        try:
            found = typed_json.decode(read_plain(self._path, "checkpoint", _LONGEST), Remembered)
            checkpoints.parse(found.note)
        except ValueError as error:
            _log.warning(
                "%s: this cannot be read (%s): the office's next checkpoint counts as the first",
                self._path,
                error,
                extra=MessageId.CHECK_IN.extra,
            )
            return None
        return found

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
        if before is None:
            self._accept(log, note, None)
            return WitnessOutcome(cosigned=True)
        seen = checkpoints.parse(before.note).checkpoint
        if before.dispute is None and seen == now:
            return WitnessOutcome(cosigned=False)
        dispute: Dispute | None = Dispute.OTHER_LOG
        if before.key == str(log):
            dispute = _find_dispute(seen, now, proof)
        if dispute is None or self._is_declared(seen, shown, now):
            self._accept(log, note, None if dispute is None else seen)
            return WitnessOutcome(cosigned=True)
        if before.dispute is None:
            self._refuse(before, seen, shown, now, dispute)
        return WitnessOutcome(cosigned=False, dispute=dispute)

    def _signed(self, token: bytes) -> ShownLog:
        try:
            statement = jws.parse(token)
            jws.check(statement, KeyRing([self._office]))
            return jws.decode(statement, SHOWN, ShownLog, TEXTS)
        except JwsError as error:
            raise NoteError(f"the office has not signed what it shows: {error}") from error

    def _accept(self, log: NoteKey, note: SignedCheckpoint, lost: Checkpoint | None) -> None:
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
        self._keep(Remembered(str(log), str(note.with_lines([line]))))

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
        self._keep(Remembered(before.key, before.note, dispute, shown))

    def _keep(self, what: Remembered) -> None:
        durable_files.make_directory(os.path.dirname(self._path))
        durable_files.publish(self._path, msgspec.json.encode(what))

    def _is_declared(self, seen: Checkpoint, shown: ShownLog, now: Checkpoint) -> bool:
        """Whether the office proves that its ledger says that it lost what this camera has seen."""
        if (loss := shown.loss) is None:
            return False
        token = loss.entry.encode("ascii", "replace")
        try:
            facts = parse_entry(token, KeyRing([self._office])).facts
        except JwsError:
            return False
        proof = _decoded(loss.proof)
        is_there = merkle.is_included(leaf_of(token), loss.index, now.size, proof, now.root)
        return is_there and isinstance(facts, HistoryLost) and names(facts, seen)


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
