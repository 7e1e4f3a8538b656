"""Holds: keep a recording beyond its time, on an authorised person's request.

In an office a hold may have an end. A recording is held until the last of its holds has ended, and
for good if one of them has no end. Then the office releases it by itself (`release_ended`), and it
is due as if it had never been held. Only trusted time ends a hold. A camera's own holds have no
end: its ledger is read by cameras and offices of every age.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import ClassVar, Final, NamedTuple

from msgspec.structs import replace

from camerad.base.clock import Moment
from camerad.base.errors import EX_USAGE, CameradError
from camerad.base.text import LONGEST, is_plain, is_unicode, looks_empty, printable
from camerad.container.limits import GREATEST
from camerad.container.recording_files import UNREADABLE
from camerad.container.recording_ids import ID
from camerad.container.statements import rfc3339
from camerad.ledger.ledger import Ledger
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import Hold
from camerad.store import deletable
from camerad.store.locations import NotThereError, Place, PlaceKind

MOST_HOLDS: Final = 100
"""The most holds on one recording: each epoch of the ledger begins with all of them, in one
entry."""


ENDED: Final = "camerad, by itself: the hold ended"
"""Who released a recording whose holds have all ended; when that was follows."""


class HoldRefusal(StrEnum):
    """Reasons for refusing to place or release a hold."""

    TEXT = "text"
    """A reason or a person is missing, or cannot be kept."""
    NOT_HELD = "not_held"
    """There is no hold to release."""
    END = "end"
    """A hold cannot end then."""
    TOO_MANY = "too_many"
    """The recording is held `MOST_HOLDS` times."""


class HoldError(CameradError, ValueError):
    """Error raised when a hold cannot be placed or released as it was asked for."""

    exit_code: ClassVar[int] = EX_USAGE

    def __init__(self, text: str, refusal: HoldRefusal = HoldRefusal.TEXT) -> None:
        self.refusal = refusal
        super().__init__(text)


class EndedHold(NamedTuple):
    """A recording whose holds have all ended. end_us: wall time at which the last one did."""

    id: str
    end_us: int


def place_hold(
    ledger: Ledger,
    place: Place,
    recording: str,
    reason: str,
    who: str,
    *,
    until_us: int | None = None,
    ground: str = "",
) -> None:
    """Keep a recording until `release_holds`. who: the authorised person. until_us: wall time at
    which the hold ends by itself; None without an end. ground: what it is for, one of `GROUNDS`; ""
    if not given. Only an office's ledger has the last two.

    The same hold of the same person until the same time is placed once only. Raises HoldError
    without reason or person, for an end that is none, or if there are too many holds; NotThereError
    if the recording is not here; StorageError.
    """
    if until_us is not None:
        _check_end(ledger, place, until_us)
    reason, who = one_line("a reason", reason), one_line("the authorised person", who)
    if ID.fullmatch(recording.removesuffix(UNREADABLE)) is None:
        # Also of what would lead out of the directory: a hold is on an id, not on a path.
        raise NotThereError(
            f"{printable(recording)} is no recording's id; list what there is, and hold that"
        )
    deletable.find_kept(place, ledger.state, recording)
    known = ledger.state.recordings.get(recording)
    hold = Hold(reason, who) if until_us is None else Hold(reason, who, until_us)
    if known is not None and hold in known.holds:
        return
    if known is not None and len(known.holds) >= MOST_HOLDS:
        raise HoldError(
            f"{recording} is held {MOST_HOLDS} times, which is the most, and stays held: release "
            "it, then hold it again for each reason that remains",
            HoldRefusal.TOO_MANY,
        )
    if until_us is None:
        ledger.append("hold", id=recording, reason=reason, who=who)
    else:
        ledger.append("hold_until", id=recording, reason=reason, who=who, until_us=until_us)
    if ground and place.kind is PlaceKind.OFFICE:
        ledger.append("hold_ground", id=recording, who=who, ground=ground)


def _check_end(ledger: Ledger, place: Place, until_us: int) -> None:
    """Raises HoldError unless a hold may end then."""
    if place.kind is not PlaceKind.OFFICE:
        raise HoldError(
            "a hold on a camera has no end: leave the end out, or place the hold in the office's "
            "directory",
            HoldRefusal.END,
        )
    _, now = ledger.now()
    if not now.wall_us < until_us <= GREATEST:
        raise HoldError(
            "a hold ends in the future, and before the year 2255: name another day, and see "
            "whether this computer's date is right",
            HoldRefusal.END,
        )


def list_ended(state: LedgerState, now: Moment) -> Iterator[EndedHold]:
    """Every recording whose holds have all ended. None does by a clock that is not trusted, and
    none by a ledger that this version cannot read as a whole: that may have other holds."""
    if not now.trusted or state.unread:
        return
    for known in state.recordings.values():
        end_us = known.hold_end_us
        if end_us is not None and end_us <= now.wall_us:
            yield EndedHold(known.id, end_us)


def without_ended(state: LedgerState, now: Moment) -> LedgerState:
    """What the ledger will say once `release_ended` was here."""
    ended = {one.id: replace(state.recordings[one.id], holds=()) for one in list_ended(state, now)}
    return replace(state, recordings={**state.recordings, **ended}) if ended else state


def release_ended(ledger: Ledger) -> tuple[EndedHold, ...]:
    """Release every recording whose holds have all ended; returns them. Raises StorageError."""
    released = tuple(list_ended(ledger.state, ledger.now()[1]))
    for one in released:
        enter_release(ledger, one.id, f"{ENDED} {rfc3339(one.end_us)}", None)
    return released


def release_holds(ledger: Ledger, recording: str, who: str, reason: str | None = None) -> None:
    """End all holds on a recording; it is then due as if it had never been held. reason: why; None
    if not given.

    Raises HoldError without a person, for a reason that is none, or if it is not held;
    StorageError.
    """
    who = one_line("the authorised person", who)
    reason = None if reason is None else one_line("a reason", reason)
    known = ledger.state.recordings.get(recording)
    if known is None or not known.held:
        raise HoldError(f"{recording} is not held; list what is", HoldRefusal.NOT_HELD)
    enter_release(ledger, recording, who, reason)


def enter_release(ledger: Ledger, recording: str, who: str, reason: str | None) -> None:
    """Write that all holds on a recording end. The reason is an entry of its own, so that versions
    which do not know it can read the release. Raises StorageError."""
    if reason is not None:
        ledger.append("release_reason", id=recording, who=who, reason=reason)
    ledger.append("release", id=recording, who=who)


def one_line(what: str, text: str) -> str:
    """`text` without spaces around it.

    Raises HoldError, which says what is wrong: nothing is left that shows, it is too long for a
    text in a ledger, or it has line breaks or other characters that do not print.
    """
    text = text.strip()
    if looks_empty(text):
        raise HoldError(f"{what} is needed: say it in one line")
    if is_plain(text):
        return text
    if len(text) > LONGEST:
        why = f"it takes at most {LONGEST} characters, and these are {len(text)}"
    elif not is_unicode(text):
        why = "it is not UTF-8: set the terminal to UTF-8, and type it anew"
    else:
        why = "it has line breaks or other characters that do not print: type it anew"
    raise HoldError(f"{printable(text[:LONGEST])}: this cannot be kept as {what}: {why}")
