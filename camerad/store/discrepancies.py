"""Words the differences between files and a store's ledger for people."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from camerad.base.text import printable
from camerad.container.statements import RecordingInfo
from camerad.ledger.recording_state import RecordingState
from camerad.store.trust import is_vouched


class DiscrepancyKind(StrEnum):
    """Kind of a difference between files and ledger."""

    FOUND = "found"
    """A file that the ledger did not know."""
    RECEIVED = "received"
    """The same, in an office: the recording was handed over."""
    ENDED = "ended"
    """A file with an end that the ledger did not know."""
    MISSING = "missing"
    """A file that has vanished without a tombstone."""
    DELETED = "deleted"
    """A file with a tombstone: the deletion was completed."""
    CHANGED = "changed"
    """A file that ends otherwise than the ledger says, or does so no more."""
    DOUBLED = "doubled"
    """A file with the id of another one. The one that a trusted key vouches for counts."""
    COPY = "copy"
    """A file that is a copy of a recording, under another name."""
    RENAMED = "renamed"
    """A recording that had another name, and has its own again."""
    UNVOUCHED = "unvouched"
    """A file that no trusted key vouches for; the ledger believes nothing of it."""
    UNREADABLE = "unreadable"
    """A file that could not be read, moved or removed."""


class Discrepancy(msgspec.Struct, frozen=True):
    """A difference between a file and the ledger. alarm: nothing that is in order explains it."""

    what: DiscrepancyKind
    id: str
    text: str
    alarm: bool = False

    def __str__(self) -> str:
        return printable(f"{self.id}: {self.text}")


def describe_ingest(info: RecordingInfo, kind: str, known: RecordingState | None) -> Discrepancy:
    """What the ledger ingested from a file, by an entry of that kind. known: what it knew
    before."""
    if known is not None and known.missing:
        return Discrepancy(DiscrepancyKind.FOUND, info.id, "its file, which had vanished, is back")
    if kind == "received":
        return Discrepancy(DiscrepancyKind.RECEIVED, info.id, f"received from {info.device}")
    if known is None or not is_vouched(known):
        return Discrepancy(DiscrepancyKind.FOUND, info.id, "the ledger did not know it")
    if kind == "found":
        return Discrepancy(
            DiscrepancyKind.FOUND, info.id, "it has no end, and can get none any more"
        )
    return Discrepancy(DiscrepancyKind.ENDED, info.id, f"its file has an end ({info.reason})")
