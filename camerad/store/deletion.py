"""Deletes recordings: a signed tombstone first, then the files; docs/storage.md has the procedure.

What may be deleted `camerad.store.retention` says, and whether a file is that recording
`camerad.store.deletable`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Container, Iterator, Sequence
from typing import Final

from camerad.base import durable_files, file_status
from camerad.base.clock import DAY
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.container.limits import MOST_DAYS
from camerad.container.recording_files import SUFFIX
from camerad.ledger.ledger import Ledger
from camerad.ledger.ledger_lines import tombstones
from camerad.ledger.recording_entries import EXPIRED, OFFLOADED
from camerad.ledger.recording_state import RecordingState
from camerad.store import camera_ledgers, deletable, receipts
from camerad.store.camera_ledgers import DoubtfulLedger
from camerad.store.copies import Copies
from camerad.store.discrepancies import Discrepancy, DiscrepancyKind
from camerad.store.locations import Place, PlaceKind
from camerad.store.purging import Deletion
from camerad.store.recovery import TORN
from camerad.store.retention import Candidate, list_due, list_removable
from camerad.store.whereabouts import Whereabouts

_log = logging.getLogger(__name__)


class Deleter:
    """Deletes recordings in one store. kind: a device's store, or an office's."""

    def __init__(self, ledger: Ledger, kind: PlaceKind) -> None:
        self.ledger: Final = ledger
        self._kind = kind
        self._logged: set[str] = set()
        """What was logged of files that are left where they are."""

    def log_once(self, error: StorageError) -> None:
        """Log an error of a file that is left where it is, unless that was logged before."""
        if str(error) not in self._logged:
            _log.error("%s", error, extra=MessageId.STORAGE.extra)
        self._logged.add(str(error))

    def complete_deletions(
        self, copies: Copies, errors: list[StorageError]
    ) -> Iterator[Discrepancy]:
        """Remove the files of what has a tombstone.

        What cannot be removed is added to `errors`, and the others are removed all the same.
        """
        if self.ledger.state.unread:
            return
        for known in self.ledger.state.recordings.values():
            for path in copies.files_of(known) if known.deleted is not None else ():
                try:
                    deletable.check_plain(path)
                    if deletable.is_another(known, path):
                        continue
                    _unlink(path, known.id)
                except StorageError as error:
                    text = f"is deleted by the ledger, and still here: {error}"
                    errors.append(type(error)(f"{known.id} {text}", error))
                    text = f"it {text}"
                    yield Discrepancy(DiscrepancyKind.UNREADABLE, known.id, text, alarm=True)
                    continue
                yield Discrepancy(DiscrepancyKind.DELETED, known.id, "its deletion was completed")

    def remove_copies_of_deleted(self, copies: Copies) -> Iterator[Discrepancy]:
        """Remove copies of what was deleted so long ago that only older epochs know it."""
        unknown = copies.unknown_ids()
        if not unknown or self.ledger.state.unread:
            return
        headers = tombstones(self.ledger.directory, self.ledger.keys, unknown)
        for info in copies.copies_of_deleted(headers):
            durable_files.remove(info.path, missing_ok=True)
            yield Discrepancy(
                DiscrepancyKind.DELETED, info.id, f"{info.path} was a copy of it, and is deleted"
            )

    def purge(
        self, place: Place, copies: Copies, doubtful: Sequence[DoubtfulLedger] = ()
    ) -> tuple[list[Deletion], list[StorageError]]:
        """Delete everything that is due.

        doubtful: copies of cameras' ledgers that may hide holds. Returns what was deleted, and the
        errors of what was not.
        """
        deleted: list[Deletion] = []
        errors: list[StorageError] = []
        # Of what has its tombstone, and is here still: the epoch that names it goes on.
        left: list[StorageError] = []
        for one in self.complete_deletions(copies, left):
            if not one.alarm:  # what is left there is in `left`
                _log.info("%s", one, extra=MessageId.NOT_LISTED.extra)
        if self._kind is PlaceKind.OFFICE:
            self._note_clocks()
        whereabouts = Whereabouts(place)
        for candidate in list_due(
            self.ledger.state, *self.ledger.now(), set(copies.ids_of_missing())
        ):
            known = candidate.known
            try:
                paths = copies.files_of(known)
                if self._stays_as_changed(candidate, paths):
                    continue
                if camera_ledgers.stays(candidate, paths, doubtful):
                    continue
                if paths:
                    deletable.check_deletable(known, paths)
                elif not self._is_gone(place, known, whereabouts):
                    continue  # it may be in an unreadable place, or another file has its name
            except StorageError as error:
                errors.append(error)
                continue
            if not paths:
                self.ledger.append("missing", id=known.id)
                _log.error("%s: its file has vanished", known.id, extra=MessageId.STORAGE.extra)
                continue
            self._append_tombstone(candidate, EXPIRED)
            try:
                deleted.append(self._remove(candidate, EXPIRED, copies))
            except StorageError as error:
                text = f"{known.id} is deleted by the ledger, and still here: {error}"
                left.append(type(error)(text, error))
        if self.ledger.reserve is not None:
            self.ledger.reserve.fill()
        if not left and self._kind is PlaceKind.OFFICE:
            state = self.ledger.state
            ages = state.ages(*self.ledger.now())
            gone = {
                one.id
                for one in state.recordings.values()
                if one.deleted is not None or state.is_given_up(one, ages)
            }
            for holding in place.holdings:
                try:
                    receipts.remove(holding.receipts, gone)
                except StorageError as error:
                    errors.append(error)
            self.ledger.rotate_if_due()
        if self._kind is PlaceKind.OFFICE:
            self.ledger.expire_years()  # whatever else could not be deleted
        return deleted, left + errors

    def _note_clocks(self) -> None:
        """Have the ledger know what both clocks of this computer show, in each boot once. So it
        shows there if one of them is set later. Raises StorageError."""
        state = self.ledger.state
        if not state.unread and state.timeline.latest_run(self.ledger.now()[0]) is None:
            self.ledger.append("uptime")

    def expire_missing(self, copied: Container[str]) -> list[str]:
        """Append the tombstones of what is due, has no file in this store any more, and has copies
        elsewhere, which go afterwards; returns their ids. copied: ids of what has such copies.
        Raises StorageError."""
        expired = []
        for candidate in list_due(self.ledger.state, *self.ledger.now(), copied):
            known = candidate.known
            if known.missing and known.id in copied:
                self._append_tombstone(candidate, EXPIRED)
                expired.append(known.id)
        return expired

    def make_room(self, copies: Copies, wanted: int) -> list[Deletion]:
        """Delete what an office has acknowledged, oldest first, until `wanted` bytes are freed or
        nothing is left of it. Raises StorageError."""
        deleted: list[Deletion] = []
        for candidate in list_removable(self.ledger.state, *self.ledger.now()):
            if sum(one.bytes for one in deleted) >= wanted:
                break
            try:
                paths = copies.files_of(candidate.known)
                deletable.check_deletable(candidate.known, paths)
            except StorageError as error:
                self.log_once(error)  # others may make room
                continue
            if not paths:
                continue  # the next comparison says what became of it
            self._append_tombstone(candidate, OFFLOADED)
            deleted.append(self._remove(candidate, OFFLOADED, copies))
        if self.ledger.reserve is not None:
            self.ledger.reserve.fill()
        return deleted

    def _append_tombstone(self, candidate: Candidate, why: str) -> None:
        known = candidate.known
        self.ledger.append(
            "deleted",
            id=known.id,
            final=deletable.final_of(known),
            why=why,
            age_us=candidate.age_us,
        )

    def _stays_as_changed(self, candidate: Candidate, paths: Sequence[str]) -> bool:
        """Whether this is a recording in an office that was changed. It has to be investigated, so
        it stays as long as any recording may."""
        return (
            self._kind is PlaceKind.OFFICE
            and candidate.known.changed is not None
            and candidate.age_us < MOST_DAYS * DAY
            # Under another name it can be what it was.
            and (
                not paths
                or any(os.path.basename(path) == candidate.known.id + SUFFIX for path in paths)
            )
        )

    def _is_gone(self, place: Place, known: RecordingState, whereabouts: Whereabouts) -> bool:
        """Whether a recording without a file is gone, and not only out of sight. Raises
        NotTheRecordingError if another recording has its name."""
        if others := place.files_of(known.id):
            raise deletable.NotTheRecordingError(
                f"{others[0]}: this is another recording than its name says: it is left as it is, "
                f"and {known.id} is not recorded as deleted; find out where that is"
            )
        away = whereabouts.is_away(known)
        return not place.unread and not known.missing and not away

    def _remove(self, candidate: Candidate, why: str, copies: Copies) -> Deletion:
        """Remove every file of a recording that has its tombstone."""
        size = 0
        for path in copies.files_of(candidate.known):
            size += _size(path)
            _unlink(path, candidate.known.id)
        return Deletion(candidate.known.id, why, size)


def _size(path: str) -> int:
    """Bytes that a name takes; 0 if it has gone meanwhile."""
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _unlink(path: str, recording: str) -> None:
    torn = path.removesuffix(SUFFIX) + TORN
    if os.path.basename(path) == recording + SUFFIX and file_status.exists(torn):
        durable_files.remove(torn)
    durable_files.remove(path)
