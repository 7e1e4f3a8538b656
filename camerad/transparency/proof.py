"""Proofs that an entry lies in a log, as files (C2SP ``tlog-proof``). Pure.

A proof has the number of a leaf, the hashes that lead from it to the root, and the checkpoint with
its cosignatures.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

import msgspec

from camerad.container import jws
from camerad.transparency import checkpoints, merkle
from camerad.transparency.checkpoints import NoteError, SignedCheckpoint

ENDING: Final = ".tlog-proof"
POLICY_ENDING: Final = ".tlog-policy"
_FIRST: Final = "c2sp.org/tlog-proof@v1"


class LogProof(msgspec.Struct, frozen=True):
    """index: number of the leaf. hashes: from its sibling up to the root's child."""

    index: int
    hashes: tuple[bytes, ...]
    note: SignedCheckpoint

    def __str__(self) -> str:
        hashes = "".join(f"{checkpoints.encode(one)}\n" for one in self.hashes)
        return f"{_FIRST}\nindex {self.index}\n{hashes}\n{self.note}"

    def proves(self, leaf: bytes) -> bool:
        """Whether the leaf with this hash is in the tree of the checkpoint. Signatures are the
        policy's to check."""
        now = self.note.checkpoint
        return merkle.is_included(leaf, self.index, now.size, self.hashes, now.root)


def parse_proof(text: str) -> LogProof:
    """Raises NoteError. What it has besides (``extra``) is signed by no one, and left out."""
    head, _, note = text.partition("\n\n")
    first, *lines = head.split("\n")
    if lines and lines[0].startswith("extra "):
        try:
            base64.b64decode(lines.pop(0).removeprefix("extra "), validate=True)
        except (binascii.Error, ValueError):
            raise NoteError("the further data of this proof are no base64") from None
    number = lines[0].removeprefix("index ") if lines else ""
    if first != _FIRST or lines[:1] != [f"index {number}"] or not checkpoints.is_size(number):
        raise NoteError("this is no proof of a transparency log")
    if len(lines) > 1 + merkle.LONGEST_PROOF:
        raise NoteError("no proof has so many lines")
    hashes = tuple(checkpoints.decode_hash(one) for one in lines[1:])
    return LogProof(int(number), hashes, checkpoints.parse(note))


def leaf_of(token: bytes) -> bytes:
    """The hash of the leaf of an entry with this token."""
    return merkle.leaf_hash(bytes.fromhex(jws.digest(token)))
