"""The store: which recordings are here, what the ledger says about them, and how they go.

Invariants:

1. What is here is what the files say; there is no index that could disagree with them.
2. A recording is deleted only if `camerad.store.retention` names it, and its file was read just
   now and is the one that the ledger names (`camerad.store.deletable`); its tombstone is durable
   before its file is unlinked.
3. Whatever files and ledger disagree about is written into the ledger once, as what it is.
4. The ledger takes over what a file says only if a trusted key vouches for it
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
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final

from camerad.base import durable_files
from camerad.base.clock import DAY, Clock
from camerad.base.errors import EX_USAGE, CameradError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import LONGEST, is_plain, printable
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.recording_files import ID, SUFFIX, UNREADABLE, names
from camerad.ledger.audit import tombstones
from camerad.ledger.entry_types import EXPIRED, LONGEST_DAYS, OFFLOADED
from camerad.ledger.ledger import Ledger
from camerad.ledger.recording_state import Held, RecordingState
from camerad.ledger.reserved_space import Reserve
from camerad.store import deletable, disk, identity, receipts
from camerad.store.copies import Copies
from camerad.store.discrepancies import Discrepancy, DiscrepancyKind
from camerad.store.inventory import Stored, join, list_place, others_in, seen_in
from camerad.store.listing import Listing, read_info
from camerad.store.locations import (
    NotThereError,
    Place,
    PlaceKind,
    device_place,
    office_place,
    place_of,
)
from camerad.store.purging import Deletion, Purged, reasons
from camerad.store.reconcile import Comparison
from camerad.store.recovery import TORN
from camerad.store.retention import Candidate, due, may_make_room
from camerad.store.whereabouts import Whereabouts

__all__ = ["Deletion", "Discrepancy", "DiscrepancyKind", "HoldError", "Store", "required"]

_log = logging.getLogger(__name__)

OFFICE_LEDGER_DAYS: Final = 31
"""An epoch of an office's ledger expires after so long, or after the longest retention there."""

MOST_HOLDS: Final = 100
"""Holds on one recording: each epoch of the ledger begins with all of them, in one entry."""


class HoldError(CameradError, ValueError):
    """Error raised when a hold is placed or released without what that needs."""

    exit_code: ClassVar[int] = EX_USAGE


class Store:
    """The store in the directory `root`, and the one that writes there.

    ledger: the store's own, which it closes with itself. trusted: keys of the devices whose
    recordings are believed; by default, on a device its own, and in an office none. unread: what
    the last comparison could not look at, so that nothing was done about it. Used by one thread at
    a time. Raises StateDirectoryError if another process has the store, and StorageError.
    """

    def __init__(self, root: str, ledger: Ledger, trusted: KeyRing | None = None) -> None:
        self.ledger: Final = ledger
        self._place = place_of(root)
        if self._place.kind is PlaceKind.FILES:
            self._place = device_place(root)  # one that has not recorded yet
        own = ledger.keys if self._place.kind is PlaceKind.DEVICE else KeyRing()
        self._trusted = own if trusted is None else trusted
        self._claims = [_claim(self._place)]
        self._listing = Listing()
        self.unread: tuple[StorageError, ...] = ()
        self._told: set[str] = set()
        """What was logged of files that are left where they are."""

    @classmethod
    def open(
        cls,
        place: Place,
        key: SigningKey,
        clock: Clock,
        former: KeyRing | None = None,
        trusted: KeyRing | None = None,
        *,
        expected: bool = False,
    ) -> Store:
        """Claim a place, then open its ledger: what a command does while no daemon runs.

        key: signs the ledger; former: those that did so before. trusted: as for `Store`. expected:
        there was a ledger, as for `Ledger.open`; of a device it is known here. Nothing is
        reconciled yet. Raises StateDirectoryError if somebody else has it.
        """
        if place.kind is PlaceKind.FILES:
            raise HoldError(
                f"{place.root}: these are files without a ledger; name a device's state directory, "
                "or the office's directory"
            )
        durable_files.settle()
        own = place.kind is PlaceKind.DEVICE
        durable_files.make_directory(os.path.dirname(place.ledger), linked=own)
        claims = []
        if own:
            # A daemon claims this before it opens anything.
            claims.append(disk.claim(place.holdings[0].recordings))
        try:
            ledger = Ledger.open(
                place.ledger,
                key,
                clock,
                former,
                expected=expected or (own and had_ledger(place)),
                reserve=Reserve(place.root) if own else None,
            )
            try:
                store = cls(place.root, ledger, trusted)
            except BaseException:
                ledger.close()
                raise
        except BaseException:
            _let_go(claims)
            raise
        store._claims += claims
        return store

    @property
    def place(self) -> Place:
        """The place as it is now: an office's grows with every device."""
        if self._place.kind is PlaceKind.OFFICE:
            return office_place(self._place.root)
        return self._place

    def close(self) -> None:
        """Let go of ledger and store."""
        self.ledger.close()
        _let_go(self._claims)
        self._claims = []

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------ what is here

    def recordings(self) -> list[Stored]:
        """The recordings that are here: flagged first, then the newest. Raises StorageError."""
        boot_id, now = self.ledger.now()
        infos = list_place(self.place, self._listing)
        return join(infos, self.ledger.state, boot_id, now)

    def _copies(self, place: Place) -> Copies:
        """Copies as they are now. The names that are recordings' own were looked at by the last
        `reconcile`."""
        others = others_in(place, self._listing)
        return Copies(place, others, self.ledger.state.recordings, self._trusted)

    def reconcile(self) -> list[Discrepancy]:
        """Compare files with the ledger, and write down what differs; for the start, after repair.

        Everything is written once, and logged, alarms as errors: the next call finds only alarms
        that still stand. What is wrong with a file never keeps from comparing the others. Raises
        StorageError if the ledger or a directory fails; then the rest is found by the next call.
        """
        if self._place.kind is PlaceKind.DEVICE:
            # Nobody else publishes here; in an office's directory, an offload may be under way.
            durable_files.remove_unpublished(self._place.holdings[0].recordings)
        # One look at what is here serves all of it: what is not in it was not seen.
        place = self.place
        infos = list_place(place, self._listing)
        copies = self._copies(place)
        left: list[StorageError] = []
        found = [*self._complete_deletions(copies, left), *self._remove_buried(copies)]
        if copies.any:
            found += self._copies(place).rename()
        if found:
            infos = list_place(place, self._listing)
        comparison = Comparison(place, self.ledger, self._trusted, infos)
        found += comparison.run()
        if copies.any:
            found += self._copies(place).told()
        directories = (one.error for one in place.unread)
        failed = (*self._listing.failed.values(), *copies.failed)
        self.unread = (*directories, *failed, *comparison.unread, *left)
        for one in found:
            _log.log(logging.ERROR if one.alarm else logging.INFO, "%s", one)
        return found

    def reconcile_for(self, recording: str) -> list[Discrepancy]:
        """Compare one recording, and those of which the ledger has never heard, for whoever asks
        about that one alone; otherwise as `reconcile`. No other file is read: what became of those
        is a matter of that."""
        known = self.ledger.state.recordings
        place = self.place
        there = {name for directory in place.shelves for name in names(directory)}
        new = {stem for name in there if (stem := name.removesuffix(SUFFIX)) != name} - set(known)
        infos = []
        failed = []
        for path in (path for one in sorted(new | {recording}) for path in place.files_of(one)):
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
        found = comparison.some()
        self.unread = (*(one.error for one in place.unread), *failed, *comparison.unread)
        for one in found:
            _log.log(logging.ERROR if one.alarm else logging.INFO, "%s", one)
        return found

    def _complete_deletions(
        self, copies: Copies, errors: list[StorageError]
    ) -> Iterator[Discrepancy]:
        """errors: what could not be removed is added here, and the others are removed all the
        same."""
        if self.ledger.state.unread:
            return
        for known in self.ledger.state.recordings.values():
            for path in copies.files_of(known) if known.deleted is not None else ():
                try:
                    deletable.check_plain(path)
                    _unlink(path, known.id)
                except StorageError as error:
                    text = f"is deleted by the ledger, and still here: {error}"
                    errors.append(_again(error, f"{known.id} {text}"))
                    text = f"it {text}"
                    yield Discrepancy(DiscrepancyKind.UNREADABLE, known.id, text, alarm=True)
                    continue
                yield Discrepancy(DiscrepancyKind.DELETED, known.id, "its deletion was completed")

    def _remove_buried(self, copies: Copies) -> Iterator[Discrepancy]:
        """Remove copies of what was deleted so long ago that only older epochs know it."""
        unknown = copies.unknown()
        if not unknown or self.ledger.state.unread:
            return
        headers = tombstones(self.ledger.directory, self.ledger.keys, unknown)
        for info in copies.buried(headers):
            durable_files.remove(info.path, missing_ok=True)
            yield Discrepancy(
                DiscrepancyKind.DELETED, info.id, f"{info.path} was a copy of it, and is deleted"
            )

    # ------------------------------------------------------------------ holds

    def hold(self, recording: str, reason: str, who: str) -> None:
        """Keep a recording until `release`. who: the authorised person.

        Asked for once more by the same person for the same reason, it holds already. Raises
        HoldError without reason and person, or if there are as many as there may be, NotThereError
        if it is not here, StorageError.
        """
        reason, who = required("a reason", reason), required("the authorised person", who)
        if ID.fullmatch(recording.removesuffix(UNREADABLE)) is None:
            # Also of what would lead out of the directory: a hold is on an id, not on a path.
            raise NotThereError(
                f"{printable(recording)} is no recording's id; list what there is, and hold that"
            )
        self.place.find(recording)
        known = self.ledger.state.recordings.get(recording)
        if known is not None and Held(reason, who) in known.holds:
            return
        if known is not None and len(known.holds) >= MOST_HOLDS:
            raise HoldError(
                f"{recording} is held {MOST_HOLDS} times, and stays so: release it, and hold it "
                "anew for all reasons that are left"
            )
        self.ledger.append("hold", id=recording, reason=reason, who=who)

    def release(self, recording: str, who: str) -> None:
        """End all holds on a recording; it is then due as if it had never been held.

        Raises HoldError without a person, or if it is not held; StorageError.
        """
        who = required("the authorised person", who)
        known = self.ledger.state.recordings.get(recording)
        if known is None or not known.held:
            raise HoldError(f"{recording} is not held; list what is")
        self.ledger.append("release", id=recording, who=who)

    # ------------------------------------------------------------------ deleting

    def due(self) -> tuple[Candidate, ...]:
        """What `purge` would delete."""
        return due(self.ledger.state, *self.ledger.now())

    def purge(self) -> list[Deletion]:
        """Delete everything that is due. Raises StorageError once everything was tried that could
        be; the next call goes on.

        An office's receipts go with their recordings, and so do, in time, the epochs of its ledger;
        a device's ledger is its daemon's matter.
        """
        deleted, errors = self._purge()
        for error in errors:
            if isinstance(error, deletable.NotTheRecordingError):
                if str(error) not in self._told:
                    _log.error("%s", error, extra=MessageId.STORAGE.extra)  # the storage is well
                self._told.add(str(error))
            else:
                raise error
        return deleted

    def purge_and_tell(self) -> Purged:
        """The same for whoever asked for it, with everything that keeps a recording beyond its day.
        Raises StorageError if the ledger fails."""
        deleted, errors = self._purge()
        place = self.place
        # A device's own recordings reach its ledger by themselves, while they are made.
        infos = list_place(place, self._listing) if place.kind is PlaceKind.OFFICE else ()
        told = reasons(
            place,
            self.ledger.state,
            self.ledger.now(),
            self._trusted,
            infos=infos,
            errors=[*self.unread, *errors],
        )
        return Purged(tuple(deleted), told)

    def _purge(self) -> tuple[list[Deletion], list[StorageError]]:
        """What was deleted, and the errors of what was not."""
        place = self.place
        copies = self._copies(place)
        deleted: list[Deletion] = []
        errors: list[StorageError] = []
        for one in self._complete_deletions(copies, errors):
            if not one.alarm:  # what is left there is in `errors`
                _log.info("%s", one, extra=MessageId.NOT_LISTED.extra)
        for candidate in due(self.ledger.state, *self.ledger.now(), set(copies.missing())):
            known = candidate.known
            try:
                paths = copies.files_of(known)
                if self._stays_as_changed(candidate, paths):
                    continue
                if paths:
                    deletable.check(known, paths)
                elif not self._is_gone(place, known):
                    continue  # it may be where nobody could look, or another file has its name
            except StorageError as error:
                errors.append(error)
                continue
            if not paths:
                self.ledger.append("missing", id=known.id)
                _log.error("%s: its file has vanished", known.id, extra=MessageId.STORAGE.extra)
                continue
            self._note_deletion(candidate, EXPIRED)
            try:
                deleted.append(self._remove(candidate, EXPIRED, copies))
            except StorageError as error:
                text = f"{known.id} is deleted by the ledger, and still here: {error}"
                errors.append(_again(error, text))
        if self.ledger.reserve is not None:
            self.ledger.reserve.fill()
        if not errors and self._place.kind is PlaceKind.OFFICE:
            recordings = self.ledger.state.recordings.values()
            gone = {one.id for one in recordings if one.deleted is not None}
            for holding in place.holdings:
                try:
                    receipts.remove(holding.receipts, gone)
                except StorageError as error:
                    errors.append(error)
            days = max((one.retention_days for one in recordings), default=0)
            self.ledger.keep_house(max(days, OFFICE_LEDGER_DAYS))
        return deleted, errors

    def make_room(self, wanted: int) -> list[Deletion]:
        """Delete what an office has acknowledged, oldest first, until `wanted` bytes are freed or
        there is no more of it. Raises StorageError."""
        deleted: list[Deletion] = []
        copies = self._copies(self.place)
        for candidate in may_make_room(self.ledger.state, *self.ledger.now()):
            if sum(one.bytes for one in deleted) >= wanted:
                break
            try:
                paths = copies.files_of(candidate.known)
                deletable.check(candidate.known, paths)
            except StorageError as error:
                if str(error) not in self._told:
                    _log.error("%s", error, extra=MessageId.STORAGE.extra)  # others may make room
                self._told.add(str(error))
                continue
            if not paths:
                continue  # the next comparison says what became of it
            self._note_deletion(candidate, OFFLOADED)
            deleted.append(self._remove(candidate, OFFLOADED, copies))
        if self.ledger.reserve is not None:
            self.ledger.reserve.fill()
        return deleted

    def _note_deletion(self, candidate: Candidate, why: str) -> None:
        known = candidate.known
        self.ledger.append(
            "deleted",
            id=known.id,
            final=deletable.final_of(known),
            why=why,
            age_us=candidate.age_us,
        )

    def _stays_as_changed(self, candidate: Candidate, paths: Sequence[str]) -> bool:
        """Whether this is what somebody made of a recording in an office: that is looked into, so
        it stays for as long as any recording may."""
        return (
            self._place.kind is PlaceKind.OFFICE
            and candidate.known.changed is not None
            and candidate.age_us < LONGEST_DAYS * DAY
            # Under another name it can be what it was.
            and (
                not paths
                or any(os.path.basename(path) == candidate.known.id + SUFFIX for path in paths)
            )
        )

    def _is_gone(self, place: Place, known: RecordingState) -> bool:
        """Whether a recording that has no file is gone, and not only out of sight. Raises
        NotTheRecordingError if another one has its name."""
        if others := place.files_of(known.id):
            raise deletable.NotTheRecordingError(
                f"{others[0]}: this is another recording than its name says: it is left as it is, "
                f"and {known.id} is not called deleted; find out where that is"
            )
        away = Whereabouts(place).is_away(known)
        return not place.unread and not known.missing and not away

    def _remove(self, candidate: Candidate, why: str, copies: Copies) -> Deletion:
        """Unlink a recording that has its tombstone, every copy of it."""
        size = 0
        for path in copies.files_of(candidate.known):
            size += _size(path)
            _unlink(path, candidate.known.id)
        return Deletion(candidate.known.id, why, size)


def had_ledger(place: Place) -> bool:
    """Whether something else than its ledger shows that a device had one: it has it before it makes
    a recording, and before its key is confirmed. Raises StorageError."""
    recordings = place.holdings[0].recordings
    there = names(recordings) if durable_files.is_directory(recordings, linked=True) else []
    recorded = any(ID.fullmatch(name.removesuffix(SUFFIX)) is not None for name in there)
    return recorded or identity.is_confirmed(place.root)


def required(what: str, text: str) -> str:
    """`text` without spaces around it. Raises HoldError, saying which, if nothing is left, if it is
    longer than a text in a ledger, or if it has lines, or anything else that does not print."""
    text = text.strip()
    if not text:
        raise HoldError(f"{what} is needed: say it in one line")
    if is_plain(text):
        return text
    if len(text) > LONGEST:
        why = f"it takes at most {LONGEST} characters, and these are {len(text)}"
    elif any("\ud800" <= letter <= "\udfff" for letter in text):
        # A byte of a command line that is no UTF-8 becomes half of a pair (PEP 383).
        why = "it is not UTF-8: set the terminal to UTF-8, and type it anew"
    else:
        why = "it has line breaks or other characters that do not print: type it anew"
    raise HoldError(f"{printable(text[:LONGEST])}: this cannot be kept as {what}: {why}")


def _claim(place: Place) -> int:
    """Claim a place, so that nobody else writes here; a device's recordings are claimed by its
    daemon besides."""
    directory = os.path.dirname(place.ledger)
    try:
        return disk.claim(directory, linked=place.kind is PlaceKind.DEVICE)
    except disk.TakenError as error:
        raise disk.TakenError(
            f"{place.root}: another command of camerad is at work here; wait until it has ended, "
            "and give this one again"
        ) from error


def _size(path: str) -> int:
    """Bytes that a name takes; 0 if it has gone meanwhile."""
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _again(error: StorageError, text: str) -> StorageError:
    """The same error in other words."""
    said = type(error)(text)
    said.errno = error.errno
    return said


def _unlink(path: str, recording: str) -> None:
    torn = path.removesuffix(SUFFIX) + TORN
    if os.path.basename(path) == recording + SUFFIX and durable_files.is_there(torn):
        durable_files.remove(torn)
    durable_files.remove(path)


def _let_go(claims: Iterable[int]) -> None:
    for descriptor in claims:
        os.close(descriptor)
