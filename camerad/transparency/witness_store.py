"""Memory of a witness (C2SP ``tlog-witness``): the checkpoints that it cosigned or refused.

For each log, the newest checkpoint that it has cosigned is a file, on the storage before the
cosignature leaves. A checkpoint that does not continue it is refused. It is kept beside it if it is
evidence: every client can send a log's checkpoint with a wrong proof, so what the log signed has to
say itself that the log was another one.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from camerad.base import durable_files, file_status
from camerad.base.errors import CameradError
from camerad.base.safe_read import read_plain
from camerad.container.keys import SigningKey
from camerad.transparency import checkpoints, merkle
from camerad.transparency.checkpoints import (
    WITNESS,
    Checkpoint,
    NoteError,
    NoteKey,
    SignatureLine,
    SignedCheckpoint,
)

SIZE: Final = "text/x.tlog.size"
"""Content type of the answer that names the size which the witness knows."""
AGAIN_SECONDS: Final = 60
"""A checkpoint that was cosigned so shortly before is answered with that cosignature: nothing is
written, however often a stranger sends it."""
_OLD: Final = "old "
_NEWEST: Final = ".checkpoint"
_DISPUTED: Final = ".disputed"


class WitnessRefusalError(CameradError):
    """Error raised when a checkpoint is not cosigned. status: of the answer. content_type: of its
    text."""

    def __init__(self, status: HTTPStatus, text: str, content_type: str = "text/plain") -> None:
        super().__init__(text)
        self.status: Final = status
        self.content_type: Final = content_type


class WitnessStore:
    """directory: its own. key, name: by which it cosigns. logs: the keys of those that it knows, by
    origin. Any thread may call it. Raises StorageError."""

    def __init__(self, directory: str, key: SigningKey, name: str, logs: Sequence[NoteKey]) -> None:
        self._directory = directory
        self._key = key
        self.own: Final = NoteKey(name, WITNESS, key.public)
        self._logs = logs
        self._lock = threading.Lock()

    def add(self, body: str, seconds: int) -> str:
        """Answer a request ``add-checkpoint``: the line with the cosignature. seconds: now, since
        1970. Raises WitnessRefusalError."""
        old, proof, note = _parse(body)
        signed = self._signed_by_log(note)
        now = note.checkpoint
        with self._lock:
            seen = self._seen(now.origin)
            if old > now.size:
                raise WitnessRefusalError(
                    HTTPStatus.BAD_REQUEST, f"old is {old}, and the checkpoint has {now.size}"
                )
            if old != seen.size:
                raise WitnessRefusalError(HTTPStatus.CONFLICT, f"{seen.size}\n", SIZE)
            if not merkle.is_consistent(seen.size, seen.root, now.size, now.root, proof):
                self._keep_refused(seen, now, proof, body)
                raise WitnessRefusalError(
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                    f"this does not continue the log of {seen.size} leaves that was seen",
                )
            if seen == now and (line := self._cosigned_lately(now.origin, seconds)) is not None:
                return str(line)
            line = checkpoints.cosign(self._key, self.own.name, now, seconds)
            kept = SignedCheckpoint(now, (*signed, line))
            durable_files.publish(self._path(now.origin, _NEWEST), str(kept).encode())
        return str(line)

    def newest(self, origin_hash: str) -> str | None:
        """The newest checkpoint of a log that was cosigned. origin_hash: SHA-256 of the log's
        origin, hexadecimal; None if none was, or the log is unknown."""
        return self._read(origin_hash, _NEWEST)

    def disputed(self, origin_hash: str) -> str | None:
        """The last request about a log that did not continue what was seen."""
        return self._read(origin_hash, _DISPUTED)

    def _keep_refused(
        self, seen: Checkpoint, now: Checkpoint, proof: list[bytes], body: str
    ) -> None:
        """Keep a request as evidence of two histories. Only one with a proof replaces one without:
        nobody has it written again and again."""
        path = self._path(now.origin, _DISPUTED)
        if now == seen:
            return  # the very checkpoint that was cosigned, with a wrong proof
        kept = self._read(_hash_of(now.origin), _DISPUTED)
        if kept is not None:
            _, its_proof, its_note = _parse(kept)
            if _is_other(seen, its_note.checkpoint, its_proof) or not _is_other(seen, now, proof):
                return
        durable_files.publish(path, body.encode())

    def _cosigned_lately(self, origin: str, seconds: int) -> SignatureLine | None:
        """Its own line below the newest checkpoint, if it is not older than `AGAIN_SECONDS`."""
        text = self._read(_hash_of(origin), _NEWEST)
        line = None if text is None else self.own.find(checkpoints.parse(text))
        if line is None or not 0 <= seconds - checkpoints.cosigned_at(line) < AGAIN_SECONDS:
            return None
        return line

    def _signed_by_log(self, note: SignedCheckpoint) -> list[SignatureLine]:
        keys = [one for one in self._logs if one.name == note.checkpoint.origin]
        if not keys:
            raise WitnessRefusalError(HTTPStatus.NOT_FOUND, "this log is not known here")
        try:
            found = [line for key in keys if (line := key.find(note)) is not None]
        except NoteError as error:
            raise WitnessRefusalError(HTTPStatus.FORBIDDEN, str(error)) from error
        if not found:
            raise WitnessRefusalError(HTTPStatus.FORBIDDEN, "no key of this log has signed it")
        return found

    def _seen(self, origin: str) -> Checkpoint:
        text = self._read(_hash_of(origin), _NEWEST)
        if text is None:
            return Checkpoint(origin, 0, merkle.EMPTY_ROOT)
        return checkpoints.parse(text).checkpoint

    def _read(self, origin_hash: str, ending: str) -> str | None:
        if not any(_hash_of(one.name) == origin_hash for one in self._logs):
            return None
        path = os.path.join(self._directory, origin_hash + ending)
        if not file_status.exists(path):
            return None
        return read_plain(path, "checkpoint").decode()

    def _path(self, origin: str, ending: str) -> str:
        return os.path.join(self._directory, _hash_of(origin) + ending)


def make_request(old: int, proof: Sequence[str], checkpoint: str) -> str:
    """The body of a request ``add-checkpoint``. proof: in base64."""
    return "".join(f"{one}\n" for one in (f"{_OLD}{old}", *proof)) + f"\n{checkpoint}"


def _is_other(seen: Checkpoint, now: Checkpoint, proof: Sequence[bytes]) -> bool:
    """Whether a checkpoint is proven not to continue what was seen."""
    return now.size == seen.size or merkle.proves_other(
        seen.size, seen.root, now.size, now.root, proof
    )


def _parse(body: str) -> tuple[int, list[bytes], SignedCheckpoint]:
    head, _, text = body.partition("\n\n")
    first, *proof = head.split("\n")
    number = first.removeprefix(_OLD)
    try:
        if not first.startswith(_OLD) or not checkpoints.is_size(number):
            raise NoteError("the first line is 'old', and a size")
        if len(proof) > merkle.LONGEST_PROOF:
            raise NoteError("no proof has so many lines")
        hashes = [checkpoints.decode_hash(one) for one in proof]
        return int(number), hashes, checkpoints.parse(text)
    except NoteError as error:
        raise WitnessRefusalError(HTTPStatus.BAD_REQUEST, str(error)) from error


def _hash_of(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()
