"""The store: lists recordings with their ledger entries, and deletes them.

Invariants:

1. What is here is what the files say; there is no index that could disagree with them.
2. A recording is deleted only if `camerad.store.retention` names it, and its file was read just
   now and is the one that the ledger names (`camerad.store.deletable`); its tombstone is durable
   before its file is unlinked.
3. Whatever files and ledger disagree about is written into the ledger once, as what it is.
4. The ledger adopts what a file says only if a trusted key vouches for it
   (`camerad.store.trust`).
5. No file keeps from dealing with the others: what is wrong with one is a `Discrepancy`.
6. A file is the recording that its content says, whatever it is called: see
   `camerad.store.copies`.

Procedures; each line is durable before the next begins:

- delete: read the files; tombstone, on a full device in the room of its reserve; unlink copies,
  then the file; fsync of the directory; fill the reserve again.
- reconcile: unlink every file that has a tombstone; give recordings their names back; then one
  entry for each difference.

A device's state directory and an office's directory are both stores: see `camerad.store.locations`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Final

from camerad.base import durable_files, file_status
from camerad.base.clock import Clock
from camerad.base.errors import CameradError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.recording_files import SUFFIX, list_names
from camerad.container.recording_ids import ID
from camerad.ledger.claim import Claim
from camerad.ledger.ledger import Ledger
from camerad.ledger.reserved_space import Reserve
from camerad.store import deletable, disk, holds, identity
from camerad.store.camera_ledgers import find_doubtful
from camerad.store.copies import Copies
from camerad.store.deletion import Deleter
from camerad.store.discrepancies import Discrepancy
from camerad.store.inventory import Stored, join_with_ledger, list_place, others_in, seen_in
from camerad.store.listing import Listing, read_info
from camerad.store.locations import (
    Place,
    PlaceKind,
    device_place,
    office_place,
    place_of,
)
from camerad.store.purging import Deletion, Purged, find_reasons
from camerad.store.reconcile import Comparison
from camerad.store.retention import Candidate, list_due

_log = logging.getLogger(__name__)


class PlaceClaim(Claim):
    """The sole right to write in a place, and its ledger.

    running: for the daemon, which has claimed its recordings before. Raises TakenError if another
    process has it, HoldError if there is no ledger to write, and StorageError.
    """

    def __init__(self, place: Place, *, running: bool = False) -> None:
        if place.kind is PlaceKind.FILES:
            raise holds.HoldError(
                f"{place.root}: these are files without a ledger; name a device's state directory, "
                "or the office's directory"
            )
        self.place: Final = place
        own = place.kind is PlaceKind.DEVICE
        # A daemon claims the recordings before it opens anything.
        first = [disk.claim(place.holdings[0].recordings)] if own and not running else []
        try:
            super().__init__(place.ledger, linked=own, held=first)
        except BlockingIOError as error:
            raise disk.TakenError(
                f"{place.root}: another command of camerad is at work here; wait until it has "
                "ended, and give this one again"
            ) from error
        durable_files.sync_all()  # what its last holder wrote is durable before it is read


class Store:
    """The store in the directory `root`, and the only one that writes there. One thread uses it at
    a time.

    ledger: the store's own, which holds the claim to the store; the store closes it. trusted: keys
    of the devices whose recordings are believed; by default a device's own, and in an office none.
    unread: what the last comparison could not look at, so that nothing was done about it. Raises
    StorageError.
    """

    def __init__(self, root: str, ledger: Ledger, trusted: KeyRing | None = None) -> None:
        self.ledger: Final = ledger
        self._place = place_of(root)
        if self._place.kind is PlaceKind.FILES:
            self._place = device_place(root)  # one that has not recorded yet
        own = ledger.keys if self._place.kind is PlaceKind.DEVICE else KeyRing()
        self._trusted = own if trusted is None else trusted
        self._listing = Listing()
        self.unread: tuple[StorageError, ...] = ()
        self._deleter = Deleter(ledger, self._place.kind)
        ledger.by_years = self._place.kind is PlaceKind.OFFICE

    @classmethod
    def open(
        cls,
        claim: PlaceClaim,
        key: SigningKey,
        clock: Clock,
        former: KeyRing | None = None,
        trusted: KeyRing | None = None,
        *,
        expected: bool = False,
    ) -> Store:
        """Open the ledger of a claimed place, for a command while no daemon runs.

        The claim is the store's from here on. key: signs the ledger; former: those that did so
        before. trusted: as for `Store`. expected: there was a ledger, as for `Ledger.open`; for a
        device this is found out here. Nothing is reconciled yet. Raises StorageError.
        """
        place = claim.place
        own = place.kind is PlaceKind.DEVICE
        try:
            ledger = Ledger.open(
                claim,
                key,
                clock,
                former,
                expected=expected or (own and had_ledger(place)),
                reserve=Reserve(place.root) if own else None,
            )
            return cls(place.root, ledger, trusted)
        except BaseException:
            claim.close()
            raise

    @property
    def place(self) -> Place:
        """The place as it is now: an office's grows with every device."""
        if self._place.kind is PlaceKind.OFFICE:
            return office_place(self._place.root)
        return self._place

    def close(self) -> None:
        """Close the ledger, which gives up the claim."""
        self.ledger.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------ what is here

    def recordings(self) -> list[Stored]:
        """The recordings that are here: flagged first, then the newest. Raises StorageError."""
        boot_id, now = self.ledger.now()
        infos = list_place(self.place, self._listing)
        return join_with_ledger(infos, self.ledger.state, boot_id, now)

    def _copies(self, place: Place) -> Copies:
        """The copies as they are now. The last `reconcile` has looked at the files with recordings'
        names."""
        others = others_in(place, self._listing)
        return Copies(place, others, self.ledger.state.recordings, self._trusted)

    def reconcile(self) -> list[Discrepancy]:
        """Compare files with the ledger, and write down what differs. For the start, after repair.

        Each difference is written once and logged, alarms as errors; the next call finds only
        alarms that still hold. If something is wrong with a file, the others are compared all the
        same. Raises StorageError if the ledger or a directory fails; the next call finds the rest.
        """
        if self._place.kind is PlaceKind.DEVICE:
            # No other process publishes here; in an office's directory, an offload may.
            durable_files.remove_unpublished(self._place.holdings[0].recordings)
        # One look at what is here serves all of it: what is not in it was not seen.
        place = self.place
        infos = list_place(place, self._listing)
        copies = self._copies(place)
        left: list[StorageError] = []
        found = [
            *self._deleter.complete_deletions(copies, left),
            *self._deleter.remove_copies_of_deleted(copies),
        ]
        if copies.exist:
            found += self._copies(place).restore_names()
        if found:
            infos = list_place(place, self._listing)
        comparison = Comparison(place, self.ledger, self._trusted, infos)
        found += comparison.compare_all()
        if copies.exist:
            found += self._copies(place).report()
        directories = (one.error for one in place.unread)
        failed = (*self._listing.failed.values(), *copies.failed)
        self.unread = (*directories, *failed, *comparison.unread, *left)
        return _logged(found)

    def reconcile_for(self, *recordings: str) -> list[Discrepancy]:
        """Compare these recordings, and those that the ledger does not know yet. Otherwise as
        `reconcile`.

        For requests about those recordings alone: no other file is read.
        """
        known = self.ledger.state.recordings
        place = self.place
        there = {name for directory in place.shelves for name in list_names(directory)}
        new = {stem for name in there if (stem := name.removesuffix(SUFFIX)) != name} - set(known)
        infos = []
        failed = []
        for path in (path for one in sorted(new.union(recordings)) for path in place.files_of(one)):
            try:
                infos.append(seen_in(place, read_info(path)))
            except StorageError as error:
                failed.append(error)
            except (CameradError, ValueError, ArithmeticError) as error:
                _log.warning(
                    "this recording is not looked at: %s",
                    printable(error),
                    extra=MessageId.NOT_LISTED.extra,
                )
        comparison = Comparison(place, self.ledger, self._trusted, infos)
        found = comparison.compare_given()
        self.unread = (*(one.error for one in place.unread), *failed, *comparison.unread)
        return _logged(found)

    # ------------------------------------------------------------------ holds

    def hold(
        self,
        recording: str,
        reason: str,
        who: str,
        *,
        until_us: int | None = None,
        ground: str = "",
    ) -> None:
        """Keep a recording until `release`: see `camerad.store.holds.place_hold`."""
        holds.place_hold(
            self.ledger, self.place, recording, reason, who, until_us=until_us, ground=ground
        )

    def release(self, recording: str, who: str, reason: str | None = None) -> None:
        """End all holds on a recording: see `camerad.store.holds.release_holds`."""
        holds.release_holds(self.ledger, recording, who, reason)

    # ------------------------------------------------------------------ deleting

    def list_due(self) -> tuple[Candidate, ...]:
        """Recordings that `purge` would delete."""
        return list_due(self.ledger.state, *self.ledger.now())

    def purge(self) -> list[Deletion]:
        """Delete everything that is due.

        Everything is tried; then StorageError is raised if something failed, and the next call goes
        on. An office's receipts go with their recordings, and in time the epochs of its ledger. A
        device's ledger is kept by its daemon.
        """
        place = self.place
        doubtful = find_doubtful(place, self.ledger.state, self._trusted)
        deleted, errors = self._deleter.purge(place, self._copies(place), doubtful)
        for error in errors:
            if isinstance(error, deletable.NotTheRecordingError):
                self._deleter.log_once(error)  # the storage is well
            else:
                raise error
        return deleted

    def purge_and_explain(self) -> Purged:
        """The same, with everything that keeps a recording beyond its day, for the caller.
        Recordings whose holds have ended are released before.

        Raises StorageError if the ledger fails.
        """
        released = holds.release_ended(self.ledger)
        place = self.place
        doubtful = find_doubtful(place, self.ledger.state, self._trusted)
        deleted, errors = self._deleter.purge(place, self._copies(place), doubtful)
        # A device's own recordings reach its ledger by themselves, while they are made.
        infos = list_place(place, self._listing) if place.kind is PlaceKind.OFFICE else ()
        kept = find_reasons(
            place,
            self.ledger.state,
            self.ledger.now(),
            self._trusted,
            infos=infos,
            errors=[*self.unread, *errors],
            doubtful=doubtful,
        )
        return Purged(tuple(deleted), kept, released)

    def expire_missing(self, copied: Collection[str]) -> list[str]:
        """Write the tombstones of what is due, has vanished from here, and has copies elsewhere:
        the caller removes those afterwards. copied: their ids. Returns the ids of what has its
        tombstone now. Raises StorageError."""
        here = set(self._copies(self.place).ids_of_missing())  # `purge` sees to these
        return self._deleter.expire_missing(set(copied) - here)

    def make_room(self, wanted: int) -> list[Deletion]:
        """Delete what an office has acknowledged, oldest first, until `wanted` bytes are freed or
        there is no more of it. Raises StorageError."""
        place = self.place
        return self._deleter.make_room(self._copies(place), wanted)


def had_ledger(place: Place) -> bool:
    """Whether a device had a ledger, by something else than the ledger itself: its recordings and
    its confirmed key come later than that. Raises StorageError."""
    recordings = place.holdings[0].recordings
    there = list_names(recordings) if file_status.is_directory(recordings, linked=True) else []
    recorded = any(ID.fullmatch(name.removesuffix(SUFFIX)) is not None for name in there)
    return recorded or identity.is_confirmed(place.root)


def _logged(found: list[Discrepancy]) -> list[Discrepancy]:
    """The same, each written to the log, alarms as errors."""
    for one in found:
        if one.alarm:
            _log.error("%s", one, extra=MessageId.NOT_LISTED.extra)
        else:
            _log.info("%s", one, extra=MessageId.DETAIL.extra)
    return found
