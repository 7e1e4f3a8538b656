"""Checkpoints of a log, and the cosignatures of its witnesses, as text that people can read.

Formats of C2SP: ``signed-note`` (a text, and lines with signatures), ``tlog-checkpoint`` (what the
text says of a tree) and ``tlog-cosignature`` (a witness's signature with its time). All keys are
Ed25519: type 1 signs for a log, type 4 for a witness. No text of these can be a statement of
`camerad.container.jws` or a request's signature base, so one key may sign all three: the first
begins with ``eyJ``, the other with a quotation mark.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import Final, Self

import msgspec

from camerad.base.errors import CameradError
from camerad.container.keys import PublicKey, SigningKey
from camerad.transparency.merkle import HASH_BYTES

LOG: Final = 0x01
"""Type of a key that signs a log's checkpoints."""
WITNESS: Final = 0x04
"""Type of a key that cosigns them."""
LONGEST: Final = 64 * 1024
"""Characters of a note: a checkpoint with a few hundred cosignatures."""
_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8
_LAST_SECOND: Final = 253_402_300_799
"""Of the year 9999: what comes later is no date."""
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_NAME: Final = re.compile(r"[^\s+\x00-\x1f\x7f]{1,200}")
_ORIGIN: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_LINE: Final = re.compile(r"— ([^\s+\x00-\x1f\x7f]{1,200}) ([A-Za-z0-9+/]{8,}={0,2})")


class NoteError(CameradError, ValueError):
    """Error raised when a text is no checkpoint, key or signature in its one spelling, or is not
    signed by the key that it has to be."""


class Checkpoint(msgspec.Struct, frozen=True):
    """What a log says of itself. origin: its name, which never changes. size: leaves of its tree.
    root: hash of the tree, 32 bytes."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{encode(self.root)}\n"


class SignatureLine(msgspec.Struct, frozen=True):
    """A line below a note. name, key_id: of the key that it says it is by. signature: 64 bytes; a
    witness's has its time before them, 8 bytes."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def signer(self) -> tuple[str, bytes]:
        """By whom it says that it is."""
        return self.name, self.key_id

    def __str__(self) -> str:
        return f"— {self.name} {encode(self.key_id + self.signature)}\n"


class SignedCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint with the lines below it, by any signers. None is checked."""

    checkpoint: Checkpoint
    lines: tuple[SignatureLine, ...]

    def __str__(self) -> str:
        return f"{self.checkpoint.text}\n{''.join(map(str, self.lines))}"

    def with_lines(self, more: Iterable[SignatureLine]) -> SignedCheckpoint:
        """The same with further signatures behind those that are there."""
        return SignedCheckpoint(self.checkpoint, (*self.lines, *more))


class NoteKey(msgspec.Struct, frozen=True):
    """A public key with its name and type: `LOG` or `WITNESS`."""

    name: str
    kind: int
    key: PublicKey

    @property
    def key_id(self) -> bytes:
        """The 4 bytes by which signatures name it."""
        named = self.name.encode() + b"\n" + bytes([self.kind]) + self.key.raw
        return hashlib.sha256(named).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        """As a ``vkey`` (C2SP signed-note)."""
        return f"{self.name}+{self.key_id.hex()}+{encode(bytes([self.kind]) + self.key.raw)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises NoteError if this is no ``vkey`` of an Ed25519 key."""
        name, _, rest = text.partition("+")
        raw = _decode(rest.partition("+")[2])
        if _NAME.fullmatch(name) is None or len(raw) != 1 + HASH_BYTES:
            raise NoteError("this is no verifier key of an Ed25519 key")
        try:
            found = cls(name, raw[0], PublicKey(raw[1:]))
        except ValueError as error:
            raise NoteError("this verifier key is no Ed25519 key") from error
        if raw[0] not in (LOG, WITNESS) or str(found) != text:
            raise NoteError("this verifier key is of another type, or names itself wrongly")
        return found

    def find(self, note: SignedCheckpoint) -> SignatureLine | None:
        """Its line below a note; None if there is none. Raises NoteError if the signature does not
        hold."""
        for line in note.lines:
            if line.signer == (self.name, self.key_id):
                if not self._holds(note.checkpoint, line.signature):
                    raise NoteError(f"the signature of {self.name} on this checkpoint is wrong")
                return line
        return None

    def _holds(self, checkpoint: Checkpoint, signature: bytes) -> bool:
        text = checkpoint.text
        if self.kind == WITNESS:
            seconds = int.from_bytes(signature[:_TIME_BYTES])
            if len(signature) < _TIME_BYTES or not 0 < seconds <= _LAST_SECOND:
                return False
            text = _cosigned(checkpoint, seconds)
            signature = signature[_TIME_BYTES:]
        return self.key.verify(signature, text.encode())


def sign(key: SigningKey, checkpoint: Checkpoint) -> SignedCheckpoint:
    """A log's checkpoint. key: the log's, whose name is the origin."""
    own = NoteKey(checkpoint.origin, LOG, key.public)
    return SignedCheckpoint(
        checkpoint,
        (SignatureLine(own.name, own.key_id, key.sign(checkpoint.text.encode())),),
    )


def cosign(key: SigningKey, name: str, checkpoint: Checkpoint, time: int) -> SignatureLine:
    """A witness's signature. name: the witness's. time: seconds since 1970, above 0."""
    own = NoteKey(name, WITNESS, key.public)
    signature = key.sign(_cosigned(checkpoint, time).encode())
    return SignatureLine(name, own.key_id, time.to_bytes(_TIME_BYTES) + signature)


def cosigned_at(line: SignatureLine) -> int:
    """When a witness signed, by its own clock: seconds since 1970."""
    return int.from_bytes(line.signature[:_TIME_BYTES])


def parse(text: str) -> SignedCheckpoint:
    """A checkpoint and its signatures, none of which is checked. Raises NoteError."""
    body, blank, below = text.rpartition("\n\n")
    if not blank or len(text) > LONGEST:
        raise NoteError("this is no signed checkpoint, or a longer one than any log makes")
    origin, *rest = body.split("\n")
    if len(rest) != 2 or _ORIGIN.fullmatch(origin) is None or _SIZE.fullmatch(rest[0]) is None:
        raise NoteError("a checkpoint has three lines: origin, size and root of its tree")
    checkpoint = Checkpoint(origin, int(rest[0]), decode_hash(rest[1]))
    return SignedCheckpoint(checkpoint, parse_lines(below))


def parse_lines(text: str) -> tuple[SignatureLine, ...]:
    """Lines with signatures, one or more, each with its newline. Raises NoteError."""
    *lines, end = text.split("\n")
    if end or not lines or len(text) > LONGEST:
        raise NoteError("below a checkpoint are its signatures, each on a line that ends")
    found = []
    for line in lines:
        match = _LINE.fullmatch(line)
        raw = b"" if match is None else _decode(match[2])
        if match is None or len(raw) <= _ID_BYTES:
            raise NoteError("a line below a checkpoint is no signature")
        found.append(SignatureLine(match[1], raw[:_ID_BYTES], raw[_ID_BYTES:]))
    return tuple(found)


def is_size(text: str) -> bool:
    """Whether this is a number of leaves in its one spelling."""
    return _SIZE.fullmatch(text) is not None


def encode(data: bytes) -> str:
    """Base64 (RFC 4648, section 4)."""
    return base64.b64encode(data).decode()


def decode_hash(text: object) -> bytes:
    """A hash from base64. Raises NoteError."""
    found = _decode(text) if isinstance(text, str) else b""
    if len(found) != HASH_BYTES:
        raise NoteError("this is no hash: it has to be 32 bytes in base64")
    return found


def _decode(text: str) -> bytes:
    try:
        found = base64.b64decode(text.encode("ascii", "replace"), validate=True)
    except binascii.Error:
        raise NoteError("this is no base64") from None
    if encode(found) != text:
        raise NoteError("this is not the one spelling of base64")
    return found


def _cosigned(checkpoint: Checkpoint, time: int) -> str:
    return f"cosignature/v1\ntime {time}\n{checkpoint.text}"
