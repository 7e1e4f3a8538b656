"""What a ledger says about a recording: one Struct for each kind of entry, field by field its
``facts``. The other kinds, and what holds for all of them: `camerad.ledger.entry_types`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from camerad.base.clock import Moment

EXPIRED: Final = "expired"
"""A recording was deleted because it was as old as it may get."""
OFFLOADED: Final = "offloaded"
"""A recording was deleted to make room, because the office had acknowledged its copy."""


class OpenedEntry(msgspec.Struct, frozen=True):
    """A recording began. header: SHA-256 of its first statement."""

    id: str
    header: str


class ClosedEntry(msgspec.Struct, frozen=True):
    """A recording ended. ended_boot: "" stands for the boot of this entry."""

    id: str
    final: str
    retention_days: int
    ended: Moment
    flagged: bool
    reason: str
    ended_boot: str = ""


class Recovered(msgspec.Struct, frozen=True):
    """Repair closed a recording. ended: of its last commit, in the boot ended_boot; "" stands for
    the boot of this entry. torn: bytes that lay behind the last commit and are kept."""

    id: str
    final: str
    retention_days: int
    ended: Moment
    flagged: bool
    reason: str
    torn: int
    ended_boot: str = ""


class Received(msgspec.Struct, frozen=True):
    """An office ingested a recording. device, kid: who made it, and the key that signed it."""

    id: str
    final: str
    retention_days: int
    ended: Moment
    flagged: bool
    reason: str
    device: str
    kid: str
    ended_boot: str = ""
    header: str = ""


class FoundEntry(msgspec.Struct, frozen=True):
    """A recording is there that the ledger did not know, or had given up as missing."""

    id: str
    header: str
    final: str | None
    retention_days: int
    ended: Moment | None
    flagged: bool
    device: str = ""
    ended_boot: str = ""


class Missing(msgspec.Struct, frozen=True):
    """A recording's file has vanished, and there is no tombstone."""

    id: str


class Replaced(msgspec.Struct, frozen=True):
    """A recording is being made, and another file lies under its name. What it is written to has no
    name any more, and is gone when it is closed. Later entries say what becomes of the other
    file."""

    id: str


class Changed(msgspec.Struct, frozen=True):
    """The end of a recording's file differs from the ledger, or matches it again. The file is
    there. final: SHA-256 of the end that it has; None if it has none, or cannot be read."""

    id: str
    final: str | None


class HoldPlaced(msgspec.Struct, frozen=True):
    """A recording is kept until the hold is released. who: the authorised person."""

    id: str
    reason: str
    who: str


class HoldPlacedUntil(msgspec.Struct, frozen=True):
    """A recording is kept until `until_us` (wall time), when the office's server releases it. A
    kind of its own: an older camerad that meets it deletes nothing. Only an office's ledger has
    it."""

    id: str
    reason: str
    who: str
    until_us: int


class HoldReleased(msgspec.Struct, frozen=True):
    """All holds on a recording end. who: the authorised person; of a hold that ended by itself,
    that it did."""

    id: str
    who: str


class Acknowledged(msgspec.Struct, frozen=True):
    """The office has the recording that ends with `final`. receipt: SHA-256 of its receipt."""

    id: str
    final: str
    receipt: str


class Deleted(msgspec.Struct, frozen=True):
    """Tombstone of a recording. why: `EXPIRED` or `OFFLOADED`. age_us: its age at the least."""

    id: str
    final: str | None
    why: str
    age_us: int


class RemovedEmpty(msgspec.Struct, frozen=True):
    """A recording's file had nothing in it and was removed."""

    name: str


class Unreadable(msgspec.Struct, frozen=True):
    """A recording's file cannot be read, and was kept under this name. From then on it counts as a
    recording without a signature: it can be held, and it expires."""

    name: str
    sha256: str
