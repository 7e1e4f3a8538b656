"""Decides which facts of a recording's file the ledger adopts.

How long a recording is kept follows from what its header says, and any program can write a header.
So a ledger adopts only facts that a trusted key signed: the header, and the last statement. By the
chain of hashes that vouches for every statement in between. If no trusted key signed a file, the
ledger only records that it is here, and keeps it for `MOST_DAYS`, the longest retention. Such a
file makes nothing go early, and stays no longer than that.
"""

from __future__ import annotations

from typing import Any, Final

from camerad.base.clock import ClockSource, Moment
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.container.limits import MOST_DAYS
from camerad.container.members import NotARecordingError
from camerad.container.skeleton import Skeleton
from camerad.container.statements import RECOVERED
from camerad.ledger.recording_state import RecordingState

NO_DEVICE: Final = "it names no camera that recorded it"
"""Every camera has a name. A ledger has "" for its own writer, whose recordings date its own
boots."""


def reason_for_doubt(said: Skeleton, keys: KeyRing) -> str:
    """Why what a file says is not believed; "" if one of `keys` vouches for it."""
    statements = [said.statement]
    if said.closed_by is not None:
        statements.append(said.closed_by.statement)
    elif said.last is not None:
        statements.append(said.last.statement)
    try:
        for statement in statements:
            jws.check(statement, keys)
    except jws.JwsError as error:
        return str(error)
    if not said.header.device:
        return NO_DEVICE
    days = said.header.retention_days
    if not 1 <= days <= MOST_DAYS:
        return f"it says that it is kept for {days} days, which no policy allows"
    return ""


def facts_from(said: Skeleton, kind: str, *, own: bool) -> dict[str, Any]:
    """The facts of a ledger's entry about a recording, of the kind "closed", "recovered",
    "received" or "found". own: the ledger's own device made it.

    `reason_for_doubt` says whether they are to be believed. Raises NotARecordingError if the kind
    needs an end and there is none.
    """
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
            raise NotARecordingError(said.path, "it has no end")
        facts["reason"] = closed.end.closing.reason
    if kind == "received":
        facts["kid"] = said.statement.kid
    if kind == "recovered":
        facts["torn"] = 0 if said.torn is None else said.torn.member.size
    return facts


def unvouched_facts(recording: str, boot_id: str, now: Moment) -> dict[str, Any]:
    """The facts of an entry "found" about a recording that no trusted key signed.

    Nothing is taken from its file: its age counts from `now`. Wall time is not called trusted, so
    such an entry never confirms the clock.
    """
    return {
        "id": recording,
        "header": "",
        "final": None,
        "retention_days": MOST_DAYS,
        "ended": Moment(now.boot_us, now.wall_us, ClockSource.UNKNOWN),
        "ended_boot": boot_id,
        "flagged": False,
        "device": "",
    }


def is_vouched(known: RecordingState) -> bool:
    """Whether what a ledger knows of a recording is more than `unvouched_facts`."""
    return known.ended is None or known.final is not None or bool(known.header)
