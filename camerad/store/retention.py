"""Decides which recordings may be deleted, and when. Pure: depends on the ledger's state and a
present.

A recording's age is the largest of the lower bounds that the ledger proves
(`camerad.ledger.timeline`). It is *due* when that age reaches its retention, unless it is held.
What the office acknowledged may be deleted before, to make room, unless its file was changed since:
then it shows what the office's copy does not. Nothing else is ever deleted.

If a ledger has lost entries, holds may be lost too. Then nothing is deleted before the recording's
retention has passed once more since that was noticed (`LedgerState.counted_us`). If this version of
camerad cannot read all of a ledger, nothing is deleted at all.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

import msgspec

from camerad.base.clock import DAY, Moment
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import RecordingState
from camerad.ledger.timeline import Ages

WARNING_US: Final = 2 * DAY
"""The holder of a flagged recording is warned so long before it is due."""


class Candidate(msgspec.Struct, frozen=True):
    """A recording that may be deleted. age_us: how old it is at the least."""

    known: RecordingState
    age_us: int


def left_us(known: RecordingState, state: LedgerState, boot_id: str, now: Moment) -> int | None:
    """The longest time until a recording is due, at least 0.

    None if it is held or has not ended: then nothing will delete it.
    """
    counted = state.counted_us(known, state.ages(boot_id, now))
    if counted is None or known.held:
        return None
    return max(0, known.retention_days * DAY - counted)


def days_left(known: RecordingState, state: LedgerState, boot_id: str, now: Moment) -> int | None:
    """The same in whole days, rounded up; 0 means due."""
    left = left_us(known, state, boot_id, now)
    return None if left is None else -(-left // DAY)


def due_us(known: RecordingState, state: LedgerState, ages: Ages) -> int | None:
    """Wall time at which a recording is due at the latest.

    ages: at the ledger's head (`LedgerState.ages_at_head`), so that the answer is the ledger's
    alone. None if nothing will delete it as things are, or if the ledger has no trusted time for
    it.
    """
    if state.unread or known.held or known.ended is None or not known.here:
        return None
    latest = ages.latest_us(known.instant, known.stated_us)
    if latest is not None and state.lost is not None:
        lost = ages.latest_us(state.lost)
        latest = None if lost is None else max(latest, lost)
    return None if latest is None else latest + known.retention_days * DAY


def list_due(
    state: LedgerState, boot_id: str, now: Moment, copied: Container[str] = ()
) -> tuple[Candidate, ...]:
    """Everything that has to be deleted, oldest first. copied: ids of recordings whose own file has
    vanished, and of which there are copies."""
    ages = state.ages(boot_id, now)
    found = (
        Candidate(known, known.age_us(ages) or 0)
        for known in state.recordings.values()
        if (known.here or (known.deleted is None and known.id in copied))
        and state.is_due(known, ages)
    )
    return tuple(sorted(found, key=_oldest_first))


def list_removable(state: LedgerState, boot_id: str, now: Moment) -> tuple[Candidate, ...]:
    """Recordings that may be deleted to make room, oldest first: the office has it as it is here,
    it is not held, and there was time to place a lost hold again."""
    if state.unread:
        return ()
    ages = state.ages(boot_id, now)
    lost_us = None if state.lost is None else ages.minimum_us(state.lost)
    found = (
        Candidate(known, known.age_us(ages) or 0)
        for known in state.recordings.values()
        if known.here
        and known.acknowledged is not None
        and known.changed is None
        and not known.held
        and (lost_us is None or lost_us >= known.retention_days * DAY)
    )
    return tuple(sorted(found, key=_oldest_first))


def list_expiring_flagged(
    state: LedgerState, boot_id: str, now: Moment, within_us: int = WARNING_US
) -> tuple[RecordingState, ...]:
    """Flagged recordings that are not held and due within so long, the most urgent first: their
    holder is to be warned."""
    if state.unread:
        return ()
    ages = state.ages(boot_id, now)
    found = []
    for known in state.recordings.values():
        counted = state.counted_us(known, ages)
        if counted is None or known.held or not known.flagged or not known.here:
            continue
        left = known.retention_days * DAY - counted
        if left <= within_us:
            found.append((left, known.known_since, known))
    return tuple(known for _, _, known in sorted(found, key=lambda one: one[:2]))


def _oldest_first(candidate: Candidate) -> tuple[int, int]:
    return -candidate.age_us, candidate.known.known_since
