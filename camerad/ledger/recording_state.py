"""A ledger's knowledge of a recording, and of an epoch before the present one.

It is what all entries add up to (`camerad.ledger.ledger_state`), and what a new epoch carries over
from those before it (`camerad.ledger.entry_types`).
"""

from __future__ import annotations

import msgspec

from camerad.base.clock import Moment
from camerad.ledger.timeline import Ages, Instant


class Hold(msgspec.Struct, frozen=True):
    """A hold: reason and person. until_us: wall time at which the hold ends by itself; unset
    without an end. No carried entry has it: see `camerad.ledger.epoch_start`."""

    reason: str
    who: str
    until_us: int | msgspec.UnsetType = msgspec.UNSET

    @property
    def end_us(self) -> int | None:
        """Wall time at which it ends by itself; None if only a person ends it."""
        return None if isinstance(self.until_us, msgspec.UnsetType) else self.until_us


class Tombstone(msgspec.Struct, frozen=True):
    """Why a recording was deleted, how old it was at the least, and in which epoch that was."""

    why: str
    age_us: int
    epoch: int


class RecordingState(msgspec.Struct, frozen=True):
    """A ledger's knowledge of a recording.

    device: who made it, "" for this device. header, final: SHA-256 of its first and last statement;
    final is None while it has no end. ended: when it ended, on the clocks of the boot ended_boot;
    None while it runs, and then ended_boot is the boot in which it runs. instant: the earliest
    point of the ledger's timeline that is not before its end. stated_us: the trusted wall time of
    its end, if that boot is not on the ledger's timeline. retention_days: days to keep it.
    flagged: it has a mark. acknowledged: SHA-256 of the office's receipt. missing: its file has
    vanished. changed: the other end that its file has, "" for none; None as long as it has this
    one. deleted: its tombstone. known_since: sequence number of the entry that named it first.
    """

    id: str
    device: str
    header: str
    final: str | None
    ended: Moment | None
    ended_boot: str
    instant: Instant
    stated_us: int | None
    retention_days: int
    flagged: bool
    holds: tuple[Hold, ...]
    acknowledged: str | None
    missing: bool
    changed: str | None
    deleted: Tombstone | None
    known_since: int

    @property
    def held(self) -> bool:
        """Whether it must not be deleted, whatever its age."""
        return bool(self.holds)

    @property
    def hold_end_us(self) -> int | None:
        """Wall time at which the last of its holds ends by itself; None if it is not held, or one
        of them has no end."""
        if self.lasting_holds:
            return None
        return max((one.end_us or 0 for one in self.holds), default=None)

    @property
    def lasting_holds(self) -> tuple[Hold, ...]:
        """The holds that only a person ends."""
        return tuple(one for one in self.holds if one.end_us is None)

    @property
    def ending_holds(self) -> tuple[Hold, ...]:
        """The others."""
        return tuple(one for one in self.holds if one.end_us is not None)

    @property
    def here(self) -> bool:
        """Whether its file should be there."""
        return self.deleted is None and not self.missing

    def age_us(self, ages: Ages) -> int | None:
        """How long ago it ended at the least, microseconds; None while it has not ended."""
        if self.ended is None:
            return None
        return max(0, ages.minimum_us(self.instant, self.stated_us))


class ClosedEpoch(msgspec.Struct, frozen=True):
    """An epoch that was followed by another and has not expired yet.

    first, last: sequence numbers of its entries. previous, final: SHA-256 of the entry before the
    first, and of the last. ended: when the next one began.
    """

    number: int
    first: int
    last: int
    previous: str
    final: str
    ended: Instant
