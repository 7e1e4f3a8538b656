"""The plan for replicas follows from ledger and store alone."""

from __future__ import annotations

from desk_helpers import ONE, TWO
from msgspec.structs import replace

from camerad.base.clock import DAY, ClockSource, Moment
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import RecordingState, Tombstone
from camerad.ledger.timeline import Instant
from camerad.office.jobs.replica_job import LocalCopy, ReplicaPlan, hold_wanted, plan
from camerad.office.replicas.replica_store import Lock, StoredReplica, name_of

FINAL = "ab" * 32
NAME = name_of(ONE, FINAL)
OWN = LocalCopy("/office/one.tar", 100)


def known(**other: object) -> RecordingState:
    facts: dict[str, object] = {
        "id": ONE,
        "device": "cam-1",
        "header": "cd" * 32,
        "final": FINAL,
        "ended": Moment(0, 0, ClockSource.SYNCHRONISED),
        "ended_boot": "boot",
        "instant": Instant(1, 0),
        "stated_us": 0,
        "retention_days": 14,
        "flagged": False,
        "holds": (),
        "acknowledged": None,
        "missing": False,
        "changed": None,
        "deleted": None,
        "known_since": 1,
    }
    return RecordingState(**(facts | other))  # type: ignore[arg-type]


def state(*recordings: RecordingState, **other: object) -> LedgerState:
    made = LedgerState(recordings={one.id: one for one in recordings})
    return replace(made, **other)  # type: ignore[arg-type]


def planned(**some: object) -> ReplicaPlan:
    nothing: dict[str, object] = {"delete": (), "secure": {}, "make": {}, "strange": (), "gone": ()}
    return ReplicaPlan(**(nothing | some))  # type: ignore[arg-type]


DELETED = known(deleted=Tombstone("expired", 14 * DAY, 1))
THERE = [StoredReplica(NAME, 100)]


def test_what_is_deleted_goes_unless_the_ledger_cannot_be_read() -> None:
    assert plan(state(DELETED), THERE, {}) == planned(delete=(NAME,))
    assert plan(state(DELETED, unread=("token",)), THERE, {}) == planned()
    assert plan(state(DELETED), [], {}) == planned()


def test_what_is_here_is_made_secured_or_missed() -> None:
    one = known()
    assert plan(state(one), [], {ONE: OWN}).make == {NAME: (one, OWN)}
    assert plan(state(one), THERE, {ONE: OWN}) == planned(secure={NAME: one})
    longer = plan(state(one), [StoredReplica(NAME, 101)], {ONE: OWN})
    assert (longer.make, longer.secure) == ({NAME: (one, OWN)}, {NAME: one})
    assert plan(state(one), THERE, {}).gone == (ONE,)
    # Where there is nothing here either, there is nothing to copy.
    assert plan(state(one), [], {}) == planned()


def test_another_recording_of_the_same_id_is_strange_and_one_that_nobody_vouches_for_is_not() -> (
    None
):
    other = [StoredReplica(name_of(ONE, "ef" * 32), 100)]
    assert plan(state(known()), other, {}).strange == (other[0].name,)
    assert plan(state(known(final=None)), other, {ONE: OWN}) == planned(
        secure={other[0].name: known(final=None)}
    )
    assert plan(state(), [StoredReplica(name_of(TWO, FINAL), 1)], {}).strange


def test_a_hold_ends_only_where_nothing_speaks_for_it() -> None:
    whole, lost = state(), state(lost=Instant(1, 0))
    for wanted, there, of, held in (
        (Lock(5), Lock(5, hold=True), whole, False),
        (Lock(None), Lock(None, hold=True), whole, False),
        (Lock(5), Lock(None, hold=True), whole, True),
        (Lock(None, hold=True), Lock(None), whole, True),
        (Lock(None, hold=True), Lock(5), whole, False),
        (Lock(5), Lock(5, hold=True), lost, True),
        (Lock(5), Lock(5, hold=True), state(unread=("token",)), True),
    ):
        assert hold_wanted(wanted, there, of, held=False) is held, (wanted, there)
    assert hold_wanted(Lock(5), Lock(5), whole, held=True)
