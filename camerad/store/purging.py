"""Reports a purge's deletions, and the reasons for keeping recordings beyond their day.

A purge that deletes nothing looks like one that had nothing to delete. So everything that keeps a
recording longer than its days, other than a hold, is a `Reason`: a sentence that says what to do,
and the exit code of the command. The reasons follow from the ledger's state and a present. For
unsigned recordings, the headers of their files count too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec.structs import asdict

from camerad.base.clock import DAY, Moment, RefusedMoment
from camerad.base.errors import (
    EX_IOERR,
    EX_NOPERM,
    EX_TEMPFAIL,
    EX_USAGE,
    CameradError,
    StorageError,
)
from camerad.base.storage_errors import FORBIDDEN
from camerad.base.text import count, printable
from camerad.container.keys import KeyRing
from camerad.container.limits import MOST_DAYS
from camerad.container.recording_files import UNREADABLE
from camerad.container.skeleton import skeleton
from camerad.container.statements import RecordingInfo, rfc3339
from camerad.ledger.calendar_years import waits_for_clock
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import RecordingState
from camerad.store.camera_ledgers import DoubtfulLedger, devices_here
from camerad.store.deletable import NotTheRecordingError
from camerad.store.holds import EndedHold
from camerad.store.inventory import find_strays
from camerad.store.locations import Place, PlaceKind, device_stem, office_place
from camerad.store.retention import list_due
from camerad.store.trust import is_vouched
from camerad.store.whereabouts import Whereabouts

NOT_AUTHENTIC: Final = 2
"""As `camerad evidence verify` says it."""
_GRAVEST_FIRST: Final = (NOT_AUTHENTIC, EX_NOPERM, EX_IOERR, EX_USAGE, EX_TEMPFAIL)


class Deletion(msgspec.Struct, frozen=True):
    """A recording that was deleted.

    why: `EXPIRED` or `OFFLOADED` of `camerad.ledger.recording_entries`. bytes: what its files took.
    """

    id: str
    why: str
    bytes: int


class ReasonKind(StrEnum):
    """Reasons for keeping recordings, or entries, beyond their day."""

    LEDGER_UNREAD = "ledger_unread"
    """The ledger says what this version of camerad cannot read: nothing is deleted."""
    MISSING = "missing"
    """A recording's file has vanished, and nothing explains it."""
    CHANGED = "changed"
    """A recording's file is not what it was."""
    AWAY = "away"
    """A camera's directory is not there."""
    LEDGER_DAMAGED = "ledger_damaged"
    """The ledger lost entries, and perhaps holds: what was there counts its days once more."""
    NOT_VOUCHED = "not_vouched"
    """A file that no trusted key vouches for."""
    UNREADABLE = "unreadable"
    """Something cannot be read, or cannot be removed."""
    KEY_UNKNOWN = "key_unknown"
    """A camera's key is not enrolled, so its recordings are not believed."""
    MISPLACED = "misplaced"
    """A recording lies beside where an office has them, so nothing deletes it."""
    NOT_TAKEN_OVER = "not_taken_over"
    """A recording came after the ledger was compared with the files."""
    CLOCK = "clock_not_trusted"
    """The time is not trusted, so only uptime counted."""
    YEARS = "clock_not_synchronised"
    """No time server has set the clock, so no year of the office's ledger ends."""


_CODES: Final = {
    ReasonKind.LEDGER_UNREAD: NOT_AUTHENTIC,
    ReasonKind.LEDGER_DAMAGED: NOT_AUTHENTIC,
    ReasonKind.MISSING: NOT_AUTHENTIC,
    ReasonKind.CHANGED: NOT_AUTHENTIC,
    ReasonKind.AWAY: NOT_AUTHENTIC,
    ReasonKind.NOT_VOUCHED: NOT_AUTHENTIC,
    ReasonKind.UNREADABLE: EX_IOERR,
    ReasonKind.KEY_UNKNOWN: EX_USAGE,
    ReasonKind.MISPLACED: NOT_AUTHENTIC,
    ReasonKind.NOT_TAKEN_OVER: EX_TEMPFAIL,
    ReasonKind.CLOCK: EX_TEMPFAIL,
    ReasonKind.YEARS: EX_TEMPFAIL,
}

_YEARS: Final = (
    "{}: entries may be kept beyond the end of the year that follows: only time that a time server "
    "has set ends a year, and this computer's, or what it was when they were written, is none. Let "
    "a time server set this computer's clock"
)


class Reason(msgspec.Struct, frozen=True):
    """Why recordings may be kept beyond their day. text: a sentence, with what to do. exit_code: of
    the command, if this is the gravest reason."""

    why: ReasonKind
    text: str
    exit_code: int

    def as_json(self) -> dict[str, Any]:
        """The same as an object for JSON."""
        return asdict(self)


def _reason(kind: ReasonKind, text: str) -> Reason:
    return Reason(kind, text, _CODES[kind])


def reason_of_error(error: StorageError) -> Reason:
    """The reason for an error of the storage."""
    if isinstance(error, NotTheRecordingError):
        return _reason(ReasonKind.CHANGED, str(error))
    code = EX_NOPERM if error.errno in FORBIDDEN else _CODES[ReasonKind.UNREADABLE]
    return Reason(ReasonKind.UNREADABLE, str(error), code)


def exit_code(reasons: Iterable[Reason]) -> int:
    """The exit code of the gravest reason; 0 without any."""
    codes = {one.exit_code for one in reasons}
    return next((code for code in _GRAVEST_FIRST if code in codes), 0)


class Purged(msgspec.Struct, frozen=True):
    """Result of a purge. reasons: why it may not have deleted all that is due. released: in an
    office, what was held until its holds ended."""

    deleted: tuple[Deletion, ...]
    reasons: tuple[Reason, ...]
    released: tuple[EndedHold, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything that is due is deleted."""
        return not self.reasons

    @property
    def summary(self) -> str:
        """The same in a sentence."""
        deleted = count(len(self.deleted), "recording")
        if not self.complete:
            return f"not finished: recordings may be kept beyond their day ({deleted} deleted)"
        return (
            f"everything that was due is deleted: {deleted}" if self.deleted else "nothing is due"
        )

    def as_json(self) -> dict[str, Any]:
        """The same as an object for JSON."""
        return {
            "complete": self.complete,
            "deleted": [asdict(one) for one in self.deleted],
            "reasons": [one.as_json() for one in self.reasons],
        }

    @classmethod
    def from_json(cls, answer: Mapping[str, Any]) -> Purged:
        """The object that `as_json` of a daemon of the same version made."""
        return cls(
            tuple(Deletion(**one) for one in answer["deleted"]),
            tuple(
                Reason(ReasonKind(one["why"]), one["text"], one["exit_code"])
                for one in answer["reasons"]
            ),
        )


def find_reasons(
    place: Place,
    state: LedgerState,
    present: tuple[str, Moment],
    trusted: KeyRing,
    *,
    infos: Sequence[RecordingInfo] = (),
    errors: Iterable[StorageError] = (),
    doubtful: Iterable[DoubtfulLedger] = (),
) -> tuple[Reason, ...]:
    """Everything that keeps recordings in `place` beyond their day.

    state: what its ledger says. present: boot and moment. trusted: keys of the devices that are
    believed. infos: the files that are there, if the ledger may not know all of them yet. errors:
    those of the storage. doubtful: copies of cameras' ledgers that may hide holds.
    """
    kept = [one for one in state.recordings.values() if one.here and not one.held and one.ended]
    found: list[Reason] = [
        *_by_ledger(place, state, present, kept),
        *_by_loss(place, state, present),
        *_by_device_ledgers(state, present, doubtful),
        *map(reason_of_error, errors),
        *_by_files(place, state, kept, trusted, infos),
        *_by_strays(place),
    ]
    if isinstance(present[1], RefusedMoment):
        found.append(_reason(ReasonKind.CLOCK, describe_refusal(state, *present)))
    elif kept and not present[1].trusted:
        found.append(_reason(ReasonKind.CLOCK, _clock(place, state.moved_us(*present))))
    if place.kind is PlaceKind.OFFICE and waits_for_clock(state, *present):
        found.append(_reason(ReasonKind.YEARS, _YEARS.format(place.ledger)))
    found = list(dict.fromkeys(found))  # what several of these meet is said once
    order = [_GRAVEST_FIRST.index(one.exit_code) for one in found]
    return tuple(one for _, one in sorted(zip(order, found, strict=True), key=lambda one: one[0]))


def reason_of_damage(text: str) -> Reason:
    """The reason for a damaged ledger. text: what is wrong with it."""
    return _reason(ReasonKind.LEDGER_DAMAGED, text)


def _by_ledger(
    place: Place, state: LedgerState, present: tuple[str, Moment], kept: Sequence[RecordingState]
) -> Iterator[Reason]:
    if state.unread:
        entries = count(len(state.unread), "entry", "entries")
        text = (
            f"{place.ledger}: this version of camerad cannot read {entries} of the ledger, and "
            "there may be holds in them, so nothing is deleted: a later version wrote them; "
            "install that, and purge again"
        )
        yield _reason(ReasonKind.LEDGER_UNREAD, text)
    if state.lost is None:
        return
    lost_us = state.ages(*present).minimum_us(state.lost)
    days = [one.retention_days - lost_us // DAY for one in kept]
    days = [one for one in days if one > 0]
    if days:
        yield reason_of_damage(
            f"{place.ledger}: the ledger lost entries, and holds may be among them: place every "
            "hold again that should be there ('camerad evidence hold'). "
            f"{count(len(days), 'recording')} that are not held count their days once more since "
            f"then, for {count(max(days), 'day')} at most"
        )


def _by_loss(place: Place, state: LedgerState, present: tuple[str, Moment]) -> Iterator[Reason]:
    """Recordings that the ledger knows to be lost or changed, until they would have been
    deleted."""
    ages = state.ages(*present)
    # One camera's part alone may be asked about.
    whole = office_place(place.root) if place.kind is PlaceKind.OFFICE else place
    whereabouts = Whereabouts(whole)
    away: Counter[str] = Counter()
    for known in state.recordings.values():
        held = ", though it is held" if known.held else ""
        if known.missing and known.deleted is None and not state.is_due(known, ages):
            text = (
                f"{known.id}: its file has vanished, and no deletion of it was ever noted{held}: "
                "find out where it is, and put it back"
            )
            yield _reason(ReasonKind.MISSING, text)
        elif not known.here:
            continue
        elif known.changed is not None:
            text = (
                f"{known.id}: its file is not the one that was ingested{held}: see what is wrong "
                f"with 'camerad evidence verify {known.id} --state {place.root}'"
            )
            yield _reason(ReasonKind.CHANGED, text)
        elif not whole.files_of(known.id) and whereabouts.is_away(known):
            away[known.device] += 1
    for device, number in sorted(away.items()):
        text = (
            f"{place.root}: the directory of the camera {printable(device)!r} is away, with "
            f"{count(number, 'recording')}, of which nothing can be said: mount it, or put it back"
        )
        yield _reason(ReasonKind.AWAY, text)


def _by_device_ledgers(
    state: LedgerState, present: tuple[str, Moment], doubtful: Iterable[DoubtfulLedger]
) -> Iterator[Reason]:
    """What is wrong with the copies of the cameras' ledgers in an office. One that is damaged is
    told of also when all of its camera went just now; of others the reader of them reports it. One
    that only changed is told of if something stays for it."""
    devices = devices_here(state)
    due = {device_stem(one.known.device) for one in list_due(state, *present)}
    for one in doubtful:
        if one.passing and one.devices.isdisjoint(due):
            continue
        if (one.hides and one.error is None) or not one.devices.isdisjoint(devices):
            yield reason_of_error(one.error) if one.error else reason_of_damage(one.text)


def _by_strays(place: Place) -> Iterator[Reason]:
    """Recordings that lie where nothing looks for them."""
    try:
        strays = find_strays(place)
    except StorageError as error:
        yield reason_of_error(error)
        return
    for path in strays:
        text = (
            f"{path}: this file is called like a recording and lies beside where they belong, so "
            "nothing deletes it: move it into the camera's recordings/, or remove it"
        )
        yield _reason(ReasonKind.MISPLACED, text)


def _by_files(
    place: Place,
    state: LedgerState,
    kept: Sequence[RecordingState],
    trusted: KeyRing,
    infos: Sequence[RecordingInfo],
) -> Iterator[Reason]:
    paths = {
        one.id: place.files_of(one.id)
        for one in kept
        if not is_vouched(one) and not one.id.endswith(UNREADABLE)
    }
    new = {one.id: [one.path] for one in infos if one.id not in state.recordings}
    strangers: Counter[tuple[str, str]] = Counter()
    waiting = 0
    for recording, (path, *_) in ((name, of) for name, of in (paths | new).items() if of):
        try:
            said = skeleton(path)
        except StorageError as error:
            yield reason_of_error(error)
            continue
        except (CameradError, ValueError, ArithmeticError) as error:
            yield _reason(ReasonKind.UNREADABLE, f"{recording}: {error}")
            continue
        if said.kid not in trusted and place.kind is PlaceKind.OFFICE:
            strangers[said.header.device, said.kid] += 1
        elif recording in new:
            waiting += 1
        else:
            text = (
                f"{recording}: no trusted key signed this file, so it is kept for up "
                f"to {MOST_DAYS} days: see what is wrong with 'camerad evidence verify {path}'"
            )
            yield _reason(ReasonKind.NOT_VOUCHED, text)
    for (device, kid), number in sorted(strangers.items()):
        text = (
            f"{printable(device)}: the key of this camera ({kid}) is not enrolled, so "
            f"no trusted key signed {count(number, 'recording')}, kept for up to {MOST_DAYS} days "
            "whatever the policy says: enrol it ('camerad provision collect'), or name its public "
            f"key: camerad evidence purge {place.root} --key FILE"
        )
        yield _reason(ReasonKind.KEY_UNKNOWN, text)
    if waiting:
        text = f"{count(waiting, 'recording')} not ingested yet, which may be due: purge does both"
        yield _reason(ReasonKind.NOT_TAKEN_OVER, text)


def describe_refusal(state: LedgerState, boot_id: str, now: Moment) -> str:
    """Why it does not count that a person declares the time right, in words for people; "" if it
    does."""
    contradicted, other = state.dispute(boot_id, now)
    if contradicted:
        return (
            "this computer's time contradicts what a time server said, or what was believed at "
            "another start of a computer, so it does not count, though you declare it right "
            "(--trust-clock): let a time server set it"
        )
    if other is None:
        return ""
    moved_us = now.wall_us - now.boot_us - other.offset_us
    return (
        f"this computer's clock {describe_move(moved_us)}, and {printable(other.who)} declared its "
        f"time right before ({rfc3339(other.wall_us)}), so neither counts, though you declare it "
        "right (--trust-clock): let a time server set it; or restart the computer, make sure of "
        "its time, and then declare it"
    )


def describe_move(moved_us: int) -> str:
    """How a clock was set, in words for people that go on from its name."""
    hours, days = abs(moved_us) / DAY * 24, abs(moved_us) / DAY
    by = f"{days:.1f} days" if days >= 2 else f"{hours:.1f} hours"
    return f"was set {'ahead' if moved_us > 0 else 'back'} by {by} since it was started"


def _clock(place: Place, moved_us: int) -> str:
    if place.kind is PlaceKind.DEVICE:
        return (
            "the camera's time is not trusted, so only the time for which it ran counted, and "
            "recordings may be overdue: put it where a time server sets its clock, as its dock"
        )
    if moved_us:
        return (
            f"this computer's clock {describe_move(moved_us)}, by no time server, so only uptime "
            "counted, and recordings may be overdue: let a time server set it, or make sure that "
            "it is right and add --trust-clock"
        )
    return (
        "this computer's time is not trusted, so only uptime counted, and recordings may be "
        "overdue: set it by a time server, or make sure that it is right and add --trust-clock"
    )
