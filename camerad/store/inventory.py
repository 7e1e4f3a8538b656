"""A recording in a store, as its file and the ledger describe it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from camerad.base import file_status
from camerad.base.clock import DAY, SECOND, Moment
from camerad.base.storage_errors import ForbiddenError, explain
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_ids import ID
from camerad.container.statements import RecordingInfo, rfc3339
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import Hold, RecordingState
from camerad.store.listing import INTERRUPTED, RECORDING, Listing, OtherFiles
from camerad.store.locations import (
    DEVICE_KEY,
    OF_FILE_SYSTEM,
    OFFICE,
    RECORDINGS,
    Place,
    PlaceKind,
)
from camerad.store.retention import WARNING_US, days_left, left_us
from camerad.store.trust import is_vouched

LATEST_US: Final = 253_402_300_799 * SECOND
"""The last second of the year 9999, wall time."""


class Stored(msgspec.Struct, frozen=True):
    """A recording that is here.

    info: what its file says. known: what the ledger says, None if it says nothing. expires_us: wall
    time at which it is due at the latest, None if it is held, or unknown. days_left: the same in
    whole days, rounded up. urgent: it is flagged, and due soon. in_device_ledger: in an office, the
    copy of its device's ledger names it. copy: its file has another name than its own.
    """

    info: RecordingInfo
    known: RecordingState | None
    expires_us: int | None
    days_left: int | None
    urgent: bool
    in_device_ledger: bool = False
    copy: bool = False
    on_camera: tuple[Hold, ...] = ()

    @property
    def holds(self) -> tuple[Hold, ...]:
        """Why it is kept beyond its time."""
        return (*(self.known.holds if self.known is not None else ()), *self.on_camera)

    def held_on_camera(self, holds: tuple[Hold, ...]) -> Stored:
        """The recording with holds of its camera that the office has not ingested yet."""
        if not holds:
            return self
        return replace(self, on_camera=holds, expires_us=None, days_left=None, urgent=False)

    @property
    def flagged(self) -> bool:
        """Whether it has a mark."""
        return self.info.flagged or (self.known is not None and self.known.flagged)

    @property
    def acknowledged(self) -> bool:
        """Whether an office has a copy of it."""
        return self.known is not None and self.known.acknowledged is not None

    @property
    def changed(self) -> bool:
        """Whether the ledger says that its file is not what it was."""
        return self.known is not None and self.known.changed is not None

    @property
    def vouched(self) -> bool:
        """Whether a trusted key vouched for what the ledger knows of it."""
        return self.known is None or is_vouched(self.known)

    def as_json(self) -> dict[str, Any]:
        """The same as an object for JSON."""
        return self.info.as_json() | {
            "flagged": self.flagged,
            "holds": [_hold_as_json(hold) for hold in self.holds],
            "held": bool(self.holds),
            "acknowledged": self.acknowledged,
            "in_ledger": self.known is not None,
            "in_device_ledger": self.in_device_ledger,
            "vouched": self.vouched,
            "copy": self.copy,
            "changed": self.changed,
            "expires": None if self.expires_us is None else rfc3339(self.expires_us),
            "days_left": self.days_left,
            "expires_soon": self.urgent,
        }


def _hold_as_json(hold: Hold) -> dict[str, Any]:
    until = None if hold.end_us is None else rfc3339(hold.end_us)
    return {"reason": hold.reason, "who": hold.who, "until": until}


def join_with_ledger(
    infos: Iterable[RecordingInfo],
    state: LedgerState | None,
    boot_id: str,
    now: Moment,
    named: Collection[str] = (),
) -> list[Stored]:
    """Recordings with what a ledger says about them: flagged first, then the newest.

    state: None where there is no ledger. named: ids that the ledgers of other devices name, as far
    as their copies are here.
    """
    found = [
        replace(
            _joined(info, state, boot_id, now),
            in_device_ledger=info.id in named,
            copy=os.path.basename(info.path) != info.id + SUFFIX,
        )
        for info in infos
    ]
    # Stable: within each half the order is that of the listing.
    return sorted(found, key=lambda one: not one.flagged)


def _joined(info: RecordingInfo, state: LedgerState | None, boot_id: str, now: Moment) -> Stored:
    known = state.recordings.get(info.id) if state is not None else None
    if state is None or known is None:
        return Stored(info, None, None, None, urgent=False)
    left = left_us(known, state, boot_id, now)
    if left is None:
        return Stored(info, known, None, None, urgent=False)
    expires_us = now.wall_us + left if now.trusted else None
    if expires_us is None and known.ended is not None and known.ended.trusted:
        expires_us = known.ended.wall_us + known.retention_days * DAY
    if expires_us is not None and not 0 <= expires_us <= LATEST_US:
        expires_us = None  # no calendar has that day
    flagged = info.flagged or known.flagged
    days = days_left(known, state, boot_id, now)
    return Stored(info, known, expires_us, days, urgent=flagged and left <= WARNING_US)


def list_place(place: Place, listing: Listing | None = None) -> list[RecordingInfo]:
    """The recordings in a place, the newest first, without those in what could not be looked into
    (`Place.unread`). Raises StorageError."""
    listing = listing or Listing()
    infos = [info for directory in place.shelves for info in listing.read(directory)]
    infos = [seen_in(place, info) for info in infos]
    return sorted(infos, key=lambda info: info.id, reverse=True)


def find_strays(place: Place) -> list[str]:
    """Files that are called like recordings and lie where an office has none, however deep: nothing
    ingests them, and nothing deletes them. What the server keeps below `office/` is its own.
    Raises StorageError."""
    if place.kind is not PlaceKind.OFFICE:
        return []
    own, roots = os.path.join(place.root, OFFICE), {one.root for one in place.holdings}
    passed = {one.directory for one in place.unread} | {os.path.join(place.root, OF_FILE_SYSTEM)}

    def failed(error: OSError) -> None:
        path = str(error.filename)
        if os.path.dirname(path) not in roots:  # else who reads that part of a camera tells
            raise explain("list", path, error)

    def is_another(path: str) -> bool:
        """Whether this is the directory of a camera that was not asked for, or may be."""
        if os.path.dirname(path) != place.root or path in roots:
            return False
        try:
            return file_status.exists(os.path.join(path, DEVICE_KEY))
        except ForbiddenError:
            return True

    found = []
    for directory, below, names in os.walk(place.root, onerror=failed):
        inside = (os.path.join(directory, name) for name in sorted(below) if directory != own)
        below[:] = [
            os.path.basename(one) for one in inside if one not in passed and not is_another(one)
        ]
        if os.path.basename(directory) != RECORDINGS or os.path.dirname(directory) not in roots:
            strays = (one for one in sorted(names) if ID.match(one) and one.endswith(SUFFIX))
            found += [os.path.join(directory, one) for one in strays]
    return found


def seen_in(place: Place, info: RecordingInfo) -> RecordingInfo:
    """Facts of a file in a place, from itself.

    Any user who can read a file can lock it. So a lock shows a recorder on a camera only.
    """
    if place.kind is PlaceKind.DEVICE or info.state != RECORDING:
        return info
    return replace(info, state=INTERRUPTED)


def others_in(place: Place, listing: Listing | None = None) -> OtherFiles:
    """What lies beside the recordings in a place, copies of recordings above all, as far as it
    could be looked into."""
    listing = listing or Listing()
    found = [listing.others(directory) for directory in place.shelves]
    return OtherFiles(
        tuple(seen_in(place, info) for one in found for info in one.copies),
        tuple(odd for one in found for odd in one.odd),
        tuple(error for one in found for error in one.failed),
    )
