"""Until when a second copy is locked: exactly the recording's legal end, and never longer.

Pure. A lock that is too long makes lawful deletion impossible, and nobody can take it back. So a
lock is only set by an office's clock that is trusted, and its end is never later than the retention
counted from now. While the clock is not trusted there is a legal hold in the lock's place, which
can be taken back; the lock follows (`camerad.vault.second_copy_worker`). A hold that somebody
places later is a legal hold too, and changes no lock.
"""

from __future__ import annotations

from typing import Final

from camerad.base.clock import DAY, SECOND, Moment
from camerad.container.limits import MOST_DAYS
from camerad.container.skeleton import Skeleton
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import RecordingState
from camerad.store.trust import facts_from
from camerad.vault.second_copy import Lock

NEAR_US: Final = 60 * SECOND
"""An end that is so near is not locked any more: the store's clock may be behind it already."""


def lock_at_takeover(said: Skeleton, now: Moment) -> Lock:
    """The lock of a recording that is just being taken over, by what its file says.

    The office counts from when it ended, and no later than now, as its own ledger will.
    """
    facts = facts_from(said, "received", own=False)
    days, ended = int(facts["retention_days"]), facts["ended"]
    if not now.trusted or not 1 <= days <= MOST_DAYS:
        return Lock(None, hold=True)
    from_us = min(ended.wall_us, now.wall_us) if ended.trusted else now.wall_us
    return Lock(_unless_near(from_us + days * DAY, now.wall_us))


def lock_by_ledger(known: RecordingState, state: LedgerState, boot_id: str, now: Moment) -> Lock:
    """The lock and the hold that a recording in the office's ledger should have now."""
    ages = state.ages(boot_id, now)
    age_us = known.age_us(ages)
    if not now.trusted or age_us is None or ages.now_us is None:
        return Lock(None, hold=True)
    # The clock may have jumped ahead: what the ledger believes of it counts, if that is less.
    now_us = min(now.wall_us, ages.now_us)
    end_us = now_us + known.retention_days * DAY - age_us
    return Lock(_unless_near(end_us, now.wall_us), hold=known.held)


def _unless_near(end_us: int, now_us: int) -> int | None:
    """The end in full seconds, which is what stores know; None if it is over or nearly so."""
    return None if end_us <= now_us + NEAR_US else end_us // SECOND * SECOND
