"""The store: which recordings are here, what the ledger says about them, and how they go.

Invariants:

1. What is here is what the files say; there is no index that could disagree with them.
2. A recording is deleted only if `camerad.evidence.retention` names it, and its tombstone is
   durable before its file is unlinked.
3. Whatever files and ledger disagree about is written into the ledger once, as what it is.

Procedures; each line is durable before the next begins:

- delete: tombstone; unlink; fsync of the directory.
- reconcile: unlink every file that has a tombstone; then one entry for each difference.

A device's state directory and an office's directory are both stores: see `camerad.evidence.places`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from camerad.clock import Clock
from camerad.errors import EX_USAGE, CameradError
from camerad.evidence import files, receipts, storage
from camerad.evidence.container import SUFFIX
from camerad.evidence.facts import EXPIRED, OFFLOADED, Known
from camerad.evidence.keys import KeyRing, SigningKey
from camerad.evidence.ledger import Ledger
from camerad.evidence.listing import INTERRUPTED, RECORDING, Listing
from camerad.evidence.places import (
    NotThereError,
    Place,
    PlaceKind,
    device_place,
    office_place,
    place_of,
)
from camerad.evidence.records import RECOVERED, RecordingInfo
from camerad.evidence.repair import TORN
from camerad.evidence.retention import (
    Candidate,
    due,
    may_make_room,
)
from camerad.evidence.stored import Stored, facts_of, join, list_place

_log = logging.getLogger(__name__)

OFFICE_LEDGER_DAYS: Final = 31
"""An epoch of an office's ledger expires after so long, or after the longest retention there."""


class HoldError(CameradError, ValueError):
    """Error raised when a hold is placed or released without what that needs."""

    exit_code: ClassVar[int] = EX_USAGE


class What(StrEnum):
    """How files and ledger differed."""

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
    """A file that ends otherwise than the ledger says."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between a file and the ledger. alarm: nothing that is in order explains it."""

    what: What
    id: str
    text: str
    alarm: bool = False

    def __str__(self) -> str:
        return f"{self.id}: {self.text}"


@dataclass(frozen=True, slots=True)
class Deletion:
    """A recording that was deleted. why: `EXPIRED` or `OFFLOADED`. bytes: room that it took."""

    id: str
    why: str
    bytes: int


class Store:
    """The store in the directory `root`, and the one that writes there.

    ledger: the store's own, which it closes with itself. Used by one thread at a time. Raises
    StateDirectoryError if another process has the store, and StorageError.
    """

    def __init__(self, root: str, ledger: Ledger) -> None:
        self.ledger: Final = ledger
        self._place = place_of(root)
        if self._place.kind is PlaceKind.FILES:
            self._place = device_place(root)  # one that has not recorded yet
        self._claims = [storage.claim(_claimed(self._place))]
        self._listing = Listing()

    @classmethod
    def open(
        cls, place: Place, key: SigningKey, clock: Clock, former: KeyRing | None = None
    ) -> Store:
        """Claim a place, then open its ledger: what a command does while no daemon runs.

        Nothing is reconciled yet. Raises StateDirectoryError if somebody else has it.
        """
        if place.kind is PlaceKind.FILES:
            raise HoldError(
                f"{place.root}: these are files without a ledger; name a device's state directory, "
                "or the office's directory"
            )
        files.settle()
        files.make_directory(os.path.dirname(place.ledger))
        claims = []
        if place.kind is PlaceKind.DEVICE:
            # A daemon claims this before it opens anything.
            claims.append(storage.claim(place.holdings[0].recordings))
        try:
            ledger = Ledger.open(place.ledger, key, clock, former)
            try:
                store = cls(place.root, ledger)
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
        return join(self._infos(), self.ledger.state, boot_id, now)

    def _infos(self) -> list[RecordingInfo]:
        return list_place(self.place, self._listing)

    def reconcile(self) -> list[Difference]:
        """Compare files with the ledger, and write down what differs; for the start, after repair.

        Everything is written once, and logged, alarms as errors: the next call finds only files
        that were changed. Raises StorageError; then the rest is found by the next call.
        """
        if self._place.kind is PlaceKind.DEVICE:
            # Nobody else publishes here; in an office's directory, an offload may be under way.
            files.remove_unpublished(self._place.holdings[0].recordings)
        found = list(self._complete_deletions())
        infos = self._infos()
        for info in infos:
            difference = self._compare(info)
            if difference is not None:
                found.append(difference)
        listed = {info.id for info in infos}
        place = self.place
        for known in tuple(self.ledger.state.recordings.values()):
            if known.here and known.id not in listed and _path(place, known.id) is None:
                self.ledger.append("missing", id=known.id)
                text = "its file has vanished, and no deletion of it was ever noted"
                found.append(Difference(What.MISSING, known.id, text, alarm=True))
        for one in found:
            _log.log(logging.ERROR if one.alarm else logging.INFO, "%s", one)
        return found

    def _complete_deletions(self) -> Iterator[Difference]:
        place = self.place
        for known in self.ledger.state.recordings.values():
            path = _path(place, known.id) if known.deleted is not None else None
            if path is not None:
                _unlink(path)
                yield Difference(What.DELETED, known.id, "its deletion was completed")

    def _compare(self, info: RecordingInfo) -> Difference | None:
        """A difference between one file and the ledger, written down."""
        known = self.ledger.state.recordings.get(info.id)
        if info.state == RECORDING or (known is not None and known.deleted is not None):
            return None
        if known is not None and known.final is not None and known.final != info.final:
            ends = f"ends with {info.final}" if info.final is not None else "has no end"
            text = f"its file {ends}, but the ledger knows the end {known.final}"
            return Difference(What.CHANGED, info.id, text, alarm=True)
        if known is None or known.missing:
            return self._take_in(info, known)
        if known.ended is not None and known.final == info.final:
            return None
        # Only what nobody can close any more has no end here: repair has run before.
        ended = info.state != INTERRUPTED
        self._tell(
            info, ("recovered" if info.reason == RECOVERED else "closed") if ended else "found"
        )
        if not ended:
            return Difference(What.FOUND, info.id, "it has no end, and can get none any more")
        return Difference(What.ENDED, info.id, f"its file has an end ({info.reason})")

    def _take_in(self, info: RecordingInfo, known: Known | None) -> Difference:
        received = self.place.kind is PlaceKind.OFFICE and info.final is not None
        self._tell(info, "received" if received and known is None else "found")
        if known is not None:
            return Difference(What.FOUND, info.id, "its file, which had vanished, is back")
        if received:
            return Difference(What.RECEIVED, info.id, f"received from {info.device}")
        return Difference(What.FOUND, info.id, "the ledger did not know it")

    def _tell(self, info: RecordingInfo, kind: str) -> None:
        self.ledger.append(
            kind, **facts_of(info.path, kind, own=self.place.kind is PlaceKind.DEVICE)
        )

    # ------------------------------------------------------------------ holds

    def hold(self, recording: str, reason: str, who: str) -> None:
        """Keep a recording until `release`. who: the authorised person.

        Raises HoldError without reason and person, NotThereError if it is not here, StorageError.
        """
        reason, who = required("a reason", reason), required("the authorised person", who)
        self.place.find(recording)
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
        """Delete everything that is due. Raises StorageError; the next call goes on.

        An office's receipts go with their recordings, and so do, in time, the epochs of its ledger;
        a device's ledger is its daemon's matter.
        """
        list(self._complete_deletions())
        deleted = [self._delete(candidate, EXPIRED) for candidate in self.due()]
        if self._place.kind is PlaceKind.OFFICE:
            known = self.ledger.state.recordings.values()
            gone = {one.id for one in known if one.deleted is not None}
            for holding in self.place.holdings:
                receipts.remove(holding.receipts, gone)
            days = max((one.retention_days for one in known), default=0)
            self.ledger.keep_house(max(days, OFFICE_LEDGER_DAYS))
        return deleted

    def make_room(self, wanted: int) -> list[Deletion]:
        """Delete what an office has acknowledged, oldest first, until `wanted` bytes are freed or
        there is no more of it. Raises StorageError."""
        deleted: list[Deletion] = []
        for candidate in may_make_room(self.ledger.state, *self.ledger.now()):
            if sum(one.bytes for one in deleted) >= wanted:
                break
            deleted.append(self._delete(candidate, OFFLOADED))
        return deleted

    def _delete(self, candidate: Candidate, why: str) -> Deletion:
        known = candidate.known
        path = _path(self.place, known.id)
        size = os.stat(path).st_size if path is not None else 0
        self.ledger.append(
            "deleted", id=known.id, final=known.final, why=why, age_us=candidate.age_us
        )
        if path is not None:
            _unlink(path)
        return Deletion(known.id, why, size)


def required(what: str, text: str) -> str:
    """`text` without spaces around it. Raises HoldError if nothing is left, or it has lines."""
    text = text.strip()
    if not text or not text.isprintable():
        raise HoldError(f"{what} is needed, in one line of text")
    return text


def _claimed(place: Place) -> str:
    """What to claim, so that nobody else writes here; a device's recordings are claimed by its
    daemon besides."""
    return os.path.dirname(place.ledger)


def _path(place: Place, recording: str) -> str | None:
    """The recording's file, if it is there."""
    try:
        return place.find(recording)
    except NotThereError:
        return None


def _unlink(path: str) -> None:
    torn = path.removesuffix(SUFFIX) + TORN
    if os.path.lexists(torn):
        files.remove(torn)
    files.remove(path)


def _let_go(claims: Iterable[int]) -> None:
    for descriptor in claims:
        os.close(descriptor)
