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
from typing import Any, ClassVar, Final

from camerad.clock import DAY, Clock, Moment
from camerad.errors import EX_USAGE, CameradError
from camerad.evidence import files, jws, storage
from camerad.evidence.container import SUFFIX
from camerad.evidence.facts import EXPIRED, OFFLOADED, Held, Known
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
from camerad.evidence.reading import NotARecordingError, skeleton
from camerad.evidence.records import RECOVERED, RecordingInfo, rfc3339
from camerad.evidence.repair import TORN
from camerad.evidence.retention import (
    WARNING_US,
    Candidate,
    days_left,
    due,
    left_us,
    may_make_room,
)
from camerad.evidence.state import LedgerState

_log = logging.getLogger(__name__)


class HoldError(CameradError, ValueError):
    """Error raised when a hold is placed or released without what that needs."""

    exit_code: ClassVar[int] = EX_USAGE


@dataclass(frozen=True, slots=True)
class Stored:
    """A recording that is here.

    info: what its file says. known: what the ledger says, None if it says nothing. expires_us: wall
    time at which it is due at the latest, None if it is held, or nobody can tell. days_left: the
    same in whole days, rounded up. urgent: it is flagged, and due soon.
    """

    info: RecordingInfo
    known: Known | None
    expires_us: int | None
    days_left: int | None
    urgent: bool

    @property
    def holds(self) -> tuple[Held, ...]:
        """Why it is kept beyond its time."""
        return self.known.holds if self.known is not None else ()

    @property
    def flagged(self) -> bool:
        """Whether it has a mark."""
        return self.info.flagged or (self.known is not None and self.known.flagged)

    @property
    def acknowledged(self) -> bool:
        """Whether an office has a copy of it."""
        return self.known is not None and self.known.acknowledged is not None

    def as_json(self) -> dict[str, Any]:
        """The same as an object for JSON."""
        return self.info.as_json() | {
            "flagged": self.flagged,
            "holds": [{"reason": hold.reason, "who": hold.who} for hold in self.holds],
            "held": bool(self.holds),
            "acknowledged": self.acknowledged,
            "in_ledger": self.known is not None,
            "expires": None if self.expires_us is None else rfc3339(self.expires_us),
            "days_left": self.days_left,
            "expires_soon": self.urgent,
        }


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

        Everything is written once: the next call finds only what is an alarm. Raises StorageError;
        then the rest is found by the next call.
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
        """Delete everything that is due. Raises StorageError; the next call goes on."""
        list(self._complete_deletions())
        return [self._delete(candidate, EXPIRED) for candidate in self.due()]

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


def join(
    infos: Iterable[RecordingInfo], state: LedgerState | None, boot_id: str, now: Moment
) -> list[Stored]:
    """Recordings with what a ledger says about them: flagged first, then the newest.

    state: None where there is no ledger.
    """
    found = [_joined(info, state, boot_id, now) for info in infos]
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
    flagged = info.flagged or known.flagged
    days = days_left(known, state, boot_id, now)
    return Stored(info, known, expires_us, days, urgent=flagged and left <= WARNING_US)


def list_place(place: Place, listing: Listing | None = None) -> list[RecordingInfo]:
    """The recordings in a place, the newest first. Raises StorageError."""
    listing = listing or Listing()
    infos = [info for holding in place.holdings for info in listing.read(holding.recordings)]
    return sorted(infos, key=lambda info: info.id, reverse=True)


def facts_of(path: str, kind: str, *, own: bool) -> dict[str, Any]:
    """What a ledger has to be told of a recording's file: the facts of an entry of that kind
    ("closed", "recovered", "received" or "found"). own: the ledger's own device made it.

    Raises NotARecordingError and StorageError.
    """
    said = skeleton(path)
    header = said.header
    closed = said.closed_by
    ended, boot_id = header.clock, header.boot_id
    flagged = said.point.marks > 0
    facts: dict[str, Any] = {"id": header.id, "retention_days": header.retention_days}
    if said.last is not None:
        ended = said.last.commit.facts.clock
    if closed is not None:
        closing = closed.end.closing
        flagged = flagged or bool(closing.marks)
        if closing.reason != RECOVERED:
            ended, boot_id = closing.clock, closing.boot_id
    facts |= {
        "final": None if closed is None else closed.sha256,
        "ended": ended,
        "ended_boot": boot_id,
        "flagged": flagged,
    }
    if kind in ("received", "found"):
        header_sha256 = jws.digest(said.statement.token)
        facts |= {"header": header_sha256, "device": "" if own else header.device}
    if kind != "found":
        if closed is None:
            raise NotARecordingError(path, "it has no end")
        facts["reason"] = closed.end.closing.reason
    if kind == "received":
        facts["kid"] = said.statement.kid
    if kind == "recovered":
        facts["torn"] = 0 if said.torn is None else said.torn.member.size
    return facts


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
