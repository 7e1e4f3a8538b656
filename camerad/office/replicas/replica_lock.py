"""The day a replica's lock ends: exactly the recording's legal end, and never later.

Pure. A lock that is too long makes lawful deletion impossible, and cannot be taken back. So an
end is only counted from a wall time that is proven:

- from the recording's own end, if its camera's clock was trusted and does not say that it lies in
  the future;
- from the entry in the office's ledger, if a trusted clock dates the run of that entry, and was not
  set anew within it. What another server's clock says now proves nothing about that run, nor does
  how long that server has been up.

An end that is over, or shorter by the ledger, stays shorter. While nothing is proven there is a
legal hold in the lock's place, which can be taken back; the lock follows
(`replica_job`), or the hold stays until the recording is deleted. A hold that
is placed later is a legal hold too, and changes no lock.

At ingest the ledger may know the recording already, as where the store was away, or a file was
lost and comes again. Then the ledger counts from when it heard of it, and a camera's clock that was
ahead no longer shows. So the end is taken from the recording alone only while the ledger has not
heard of it; else there is a hold, and the worker locks by the ledger.
"""

from __future__ import annotations

from typing import Final

from camerad.base.clock import DAY, SECOND, Moment
from camerad.container.limits import MOST_DAYS
from camerad.container.skeleton import Skeleton
from camerad.ledger.boot_runs import JUMP_US
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import RecordingState
from camerad.ledger.timeline import Ages
from camerad.office.replicas.replica_store import Lock
from camerad.store.trust import facts_from

NEAR_US: Final = 60 * SECOND
"""An end that is so near is not locked any more: the store's clock may be behind it already."""


def lock_at_ingest(said: Skeleton, unknown_at: Moment | None) -> Lock:
    """The lock of a recording that is just being ingested, by what its file says.

    unknown_at: a moment at which the office's ledger did not know it yet; None if it knows it.
    """
    facts = facts_from(said, "received", own=False)
    days, ended = int(facts["retention_days"]), facts["ended"]
    now = unknown_at
    if now is None or not (now.trusted and ended.trusted) or not 1 <= days <= MOST_DAYS:
        return Lock(None, hold=True)
    if ended.wall_us > now.wall_us:
        return Lock(None, hold=True)
    return Lock(_unless_near(ended.wall_us + days * DAY, now.wall_us))


def lock_by_ledger(known: RecordingState, state: LedgerState, boot_id: str, now: Moment) -> Lock:
    """The lock and the hold that a recording in the office's ledger should have now."""
    ages = state.ages(boot_id, now)
    age_us = known.age_us(ages)
    ended_us = _proven_end_us(known, ages)
    if not now.trusted or age_us is None or ages.now_us is None or ended_us is None:
        return Lock(None, hold=True)
    # The clock may have jumped ahead: what the ledger believes of it counts, if that is less.
    now_us = min(now.wall_us, ages.now_us)
    if ended_us > now_us:
        return Lock(None, hold=True)
    end_us = min(now_us - age_us, ended_us) + known.retention_days * DAY
    return Lock(_unless_near(end_us, now.wall_us), hold=known.held)


def _proven_end_us(known: RecordingState, ages: Ages) -> int | None:
    """Wall time when a recording had ended, by its camera and by the run of its entry; None if
    neither proves it, or that run had two times."""
    proven = [] if known.stated_us is None else [known.stated_us]
    for run in ages.timeline.runs:
        if run.number == known.instant.run and run.trusted:
            if run.high_us - run.low_us > JUMP_US:
                return None
            proven.append(run.low_us + known.instant.boot_us)
    return min(proven, default=None)


def _unless_near(end_us: int, now_us: int) -> int | None:
    """The end in full seconds, which is what stores know; None if it is over or nearly so."""
    return None if end_us <= now_us + NEAR_US else end_us // SECOND * SECOND
