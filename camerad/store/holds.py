"""Holds: an authorised person has a recording kept beyond its time."""

from __future__ import annotations

from typing import ClassVar, Final

from camerad.base.errors import EX_USAGE, CameradError
from camerad.base.text import LONGEST, is_plain, printable
from camerad.container.recording_files import ID, UNREADABLE
from camerad.ledger.ledger import Ledger
from camerad.ledger.recording_state import Hold
from camerad.store.locations import NotThereError, Place

MOST_HOLDS: Final = 100
"""The most holds on one recording: each epoch of the ledger begins with all of them, in one
entry."""


class HoldError(CameradError, ValueError):
    """Error raised when a hold cannot be placed or released as it was asked for."""

    exit_code: ClassVar[int] = EX_USAGE


class NotHeldError(HoldError):
    """Error raised when holds are to end and there is none."""


class TooManyHoldsError(HoldError):
    """Error raised when a recording is held as often as it may be."""


def place_hold(ledger: Ledger, place: Place, recording: str, reason: str, who: str) -> None:
    """Keep a recording until `release_holds`. who: the authorised person.

    The same hold of the same person is placed once only. Raises HoldError without reason or person,
    or if there are too many holds; NotThereError if the recording is not here; StorageError.
    """
    reason, who = one_line("a reason", reason), one_line("the authorised person", who)
    if ID.fullmatch(recording.removesuffix(UNREADABLE)) is None:
        # Also of what would lead out of the directory: a hold is on an id, not on a path.
        raise NotThereError(
            f"{printable(recording)} is no recording's id; list what there is, and hold that"
        )
    place.find(recording)
    known = ledger.state.recordings.get(recording)
    if known is not None and Hold(reason, who) in known.holds:
        return
    if known is not None and len(known.holds) >= MOST_HOLDS:
        raise TooManyHoldsError(
            f"{recording} is held {MOST_HOLDS} times, which is the most, and stays held: release "
            "it, then hold it again for each reason that remains"
        )
    ledger.append("hold", id=recording, reason=reason, who=who)


def release_holds(ledger: Ledger, recording: str, who: str) -> None:
    """End all holds on a recording; it is then due as if it had never been held.

    Raises HoldError without a person, or if it is not held; StorageError.
    """
    who = one_line("the authorised person", who)
    known = ledger.state.recordings.get(recording)
    if known is None or not known.held:
        raise NotHeldError(f"{recording} is not held; list what is")
    ledger.append("release", id=recording, who=who)


def one_line(what: str, text: str) -> str:
    """`text` without spaces around it.

    Raises HoldError, which says what is wrong: nothing is left, it is too long for a text in a
    ledger, or it has line breaks or other characters that do not print.
    """
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
