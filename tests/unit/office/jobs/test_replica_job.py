"""O4 for replicas: they go when their recordings go, held ones stay, and none is missing."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import DAYS, ONE, THREE, TWO
from msgspec.structs import replace
from state_helpers import state_in

from camerad.base import durable_files
from camerad.base.clock import DAY, SECOND, ClockSource, Moment
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.skeleton import skeleton
from camerad.evidence import holdings
from camerad.ledger.audit import read_state
from camerad.ledger.ledger_state import LedgerState
from camerad.office.jobs import replica_job
from camerad.office.jobs.periodic_job import JobFailedError
from camerad.office.jobs.replica_job import (
    LOOK_SECONDS,
    SOON_SECONDS,
    ReplicaJob,
)
from camerad.office.replicas.replica_lock import lock_at_ingest, lock_by_ledger
from camerad.office.replicas.replica_store import (
    Lock,
    ReplicaFault,
    name_of,
)
from camerad.office.replicas.replicas import Replicas
from camerad.store.disk import TakenError
from camerad.store.locations import NotThereError, office_place
from tests.unit.office.replicas.replica_scene import replica_fault

from .deletion_scene import IN_A_MONTH, OFFICE, Office, end_us


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_a_clock_that_was_set_years_ahead_makes_no_lock_longer(office: Office) -> None:
    office.take(ONE)
    office.retention.look()
    until_us = end_us(office, ONE)
    office.clock.step_wall(400 * DAY)
    office.worker.copy()
    lock = office.lock(ONE)
    assert lock.until_us is None or lock.until_us <= until_us


def test_a_damaged_file_gets_no_copy_and_the_log_says_how_to_bring_it_back(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.take(ONE)
    office.look()
    good = (office.second / office.name(ONE)).read_bytes()
    with office.file(ONE).open("r+b") as file:
        file.seek(5000)
        file.write(b"another byte")
        file.truncate(len(good) - 1024)
    with caplog.at_level(logging.WARNING), pytest.raises(JobFailedError):
        office.worker.copy()
    assert (office.second / office.name(ONE)).read_bytes() == good
    assert f"camerad office restore {ONE}" in caplog.text


def look_once(office: Office) -> None:
    """What the server does once, with the ledger as it is now."""
    office.retention.look()
    office.worker.look()


def test_after_a_start_a_new_hold_does_not_wait_for_copies_that_are_in_order(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look asks for so many, and knows of none yet."""
    office.take(ONE, TWO, THREE)
    office.look()
    monkeypatch.setattr(replica_job, "MOST_ASKED", 1)
    office.restart()
    newest = max(ONE, TWO, THREE)
    office.hold(newest)
    look_once(office)
    assert office.lock(newest).hold


def test_holds_that_may_not_be_ended_keep_no_copy_from_being_asked_for(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger lost entries: they stay, and are no more than that."""
    office.take(ONE, TWO, THREE)
    office.look()
    *older, newest = sorted((ONE, TWO, THREE))
    for one in older:
        office.store.hold(office.name(one), on=True)
    (office.second / office.name(newest)).with_suffix(".lock").unlink()
    read = replica_job.read_state

    def read_damaged(*of: Any) -> LedgerState:
        state = read(*of)
        return replace(state, lost=state.begun)

    monkeypatch.setattr(replica_job, "read_state", read_damaged)
    monkeypatch.setattr(replica_job, "MOST_ASKED", 1)
    office.restart()
    for _ in range(3):
        look_once(office)
    assert office.lock(newest).until_us is not None
    assert [office.lock(one).hold for one in older] == [True, True]


def once_behind(monkeypatch: pytest.MonkeyPatch, there: Any, name: str, work: Any) -> None:
    """Have something happen behind the next call of a function, as another thread may do it."""
    real, left = getattr(there, name), [work]

    def call(*what: Any) -> Any:
        found = real(*what)
        if left:
            left.pop()()
        return found

    monkeypatch.setattr(there, name, call)


@pytest.mark.parametrize("step", ["probe", "list_copies", "_local_copies", "ledger_keys"])
def test_what_comes_or_goes_during_a_look_is_not_missing(
    office: Office, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    office.take(ONE)
    office.look()
    office.clock.advance(IN_A_MONTH)
    copies = Replicas(office.store, office.clock, state_in(office.directory))
    other = ReplicaJob(str(office.directory), copies, office.cameras, OFFICE.public, office.clock)

    def meanwhile() -> None:
        office.take(TWO)
        office.hold(TWO)
        office.retention.look()
        other.copy()
        assert (office.there, office.copied) == ({TWO}, {ONE, TWO})

    where = {
        "probe": office.copies,
        "list_copies": office.store,
        "_local_copies": replica_job,
        "ledger_keys": replica_job.office_key_file,
    }
    once_behind(monkeypatch, where[step], step, meanwhile)
    assert office.worker.look() == LOOK_SECONDS
    assert not office.worker.fails
    office.look()
    assert (office.there, office.copied) == ({TWO}, {TWO})


@pytest.mark.parametrize("step", ["camera_keys", "readable_skeleton", "check_recording"])
def test_what_is_deleted_before_its_copy_is_made_needs_none(
    office: Office, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    office.take(ONE)
    office.retention.look()
    office.clock.advance(end_us(office, ONE) - office.clock.wall_us() - SECOND)

    def meanwhile() -> None:
        office.clock.advance(2 * SECOND)
        office.retention.look()
        assert office.there == set()

    once_behind(monkeypatch, replica_job, step, meanwhile)
    office.worker.copy()
    assert not office.worker.fails
    assert office.copied == set()


def test_what_the_ledger_does_not_know_stays_until_its_lock_is_over(office: Office) -> None:
    """As where the office's directory was put back from an older backup."""
    office.take(ONE)
    office.look()
    for number, lock in enumerate((Lock(office.clock.wall_us() + DAY), Lock(None, hold=True))):
        name = name_of(f"20261101T120000Z-00000{number}-0000000{number}", "ab" * 32)
        office.store.put(name, str(office.file(ONE)), office.file(ONE).stat().st_size, lock)
    office.look()
    assert len(office.copied) == 3
    office.clock.source = ClockSource.UNKNOWN
    office.clock.advance(2 * DAY)
    office.look()
    assert len(office.copied) == 3, "by no clock that is not trusted"
    office.clock.source = ClockSource.SYNCHRONISED
    office.look()
    assert office.copied == {ONE, "20261101T120000Z-000001-00000001"}, "a hold keeps it"


def test_a_ledger_by_another_key_changes_nothing(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.take(ONE)
    office.look()
    stranger = SigningKey.generate().public
    other = ReplicaJob(str(office.directory), office.copies, office.cameras, stranger, office.clock)
    with caplog.at_level(logging.WARNING), pytest.raises(JobFailedError):
        other.look()
    assert "replicas stay as they are" in caplog.text
    assert office.copied == {ONE}


def test_a_look_ends_after_a_while_and_the_next_one_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.take(ONE, TWO, THREE)
    office.retention.look()
    make = Replicas.make_alone

    def slow(*what: Any) -> None:
        make(*what)
        office.clock.advance(400 * SECOND)

    monkeypatch.setattr(Replicas, "make_alone", slow)
    assert office.worker.copy() == LOOK_SECONDS - 800
    assert len(office.copied) == 2
    office.worker.copy()
    assert len(office.copied) == 3


def slow_copies(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Have copies wait once they have begun: (one has begun, tell them to go on)."""
    make, begun, told = Replicas.make_alone, threading.Event(), threading.Event()

    def slow(*what: Any) -> None:
        begun.set()
        assert told.wait(30)
        make(*what)

    monkeypatch.setattr(Replicas, "make_alone", slow)
    return begun, told


def test_a_look_ends_between_two_copies_when_it_is_told_to(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.take(ONE, TWO, THREE)
    office.retention.look()
    begun, told = slow_copies(monkeypatch)
    look = threading.Thread(target=office.worker.copy)
    look.start()
    assert begun.wait(30)
    office.worker.end()
    told.set()
    look.join(30)
    assert not look.is_alive()
    assert len(office.copied) == 1


def test_no_deletion_and_no_hold_waits_behind_a_long_copy(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.take(ONE)
    office.look()
    office.take(TWO, THREE)
    office.retention.look()
    begun, told = slow_copies(monkeypatch)
    copying = threading.Thread(target=office.worker.copy)
    copying.start()
    assert begun.wait(30)
    office.hold(ONE)
    assert office.worker.look() == LOOK_SECONDS
    assert office.lock(ONE).hold
    told.set()
    copying.join(30)
    assert not copying.is_alive()
    assert office.copied == {ONE, TWO, THREE}


@pytest.mark.parametrize(("seconds", "again"), [(400, 500.0), (870, SOON_SECONDS)])
def test_a_slow_look_makes_the_next_one_no_later(
    office: Office, monkeypatch: pytest.MonkeyPatch, seconds: int, again: float
) -> None:
    office.take(ONE)
    office.look()
    list_copies = office.store.list_copies

    def slow() -> Any:
        office.clock.advance(seconds * SECOND)
        return list_copies()

    monkeypatch.setattr(office.store, "list_copies", slow)
    for work in (office.worker.look, office.worker.copy):
        assert work() == again


def test_what_somebody_works_on_just_now_is_left_for_a_minute(office: Office) -> None:
    office.take(ONE)
    office.look()
    office.take(TWO)
    office.hold(ONE)
    office.retention.look()
    first = office.name(ONE)
    with office.copies.alone(first) as alone:
        assert alone
        assert office.worker.look() == SOON_SECONDS
    assert not office.lock(ONE).hold
    assert office.worker.look() == LOOK_SECONDS
    assert office.lock(ONE).hold
    final = skeleton(str(office.file(TWO))).closed_by
    assert final is not None
    with office.copies.alone(name_of(TWO, final.sha256)):
        assert office.worker.copy() == SOON_SECONDS
    assert office.copied == {ONE}
    assert office.worker.copy() == LOOK_SECONDS
    assert office.copied == {ONE, TWO}


def test_of_two_servers_one_looks_and_one_copies_at_a_time(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.take(ONE)
    office.retention.look()
    check_recording = replica_job.check_recording
    checked, begun, told = [], threading.Event(), threading.Event()

    def slow(*what: Any) -> Any:
        checked.append(what)
        begun.set()
        assert told.wait(30)
        return check_recording(*what)

    monkeypatch.setattr(replica_job, "check_recording", slow)
    copies = Replicas(office.store, office.clock, state_in(office.directory))
    other = ReplicaJob(str(office.directory), copies, office.cameras, OFFICE.public, office.clock)
    copying = threading.Thread(target=office.worker.copy)
    copying.start()
    assert begun.wait(30)
    assert other.copy() == SOON_SECONDS
    assert other.look() == LOOK_SECONDS
    told.set()
    copying.join(30)
    assert len(checked) == 1
    with copies.working("second-copies"):
        assert other.look() == SOON_SECONDS


def test_what_an_attempt_left_goes_when_it_did_not_go_on_for_a_day(office: Office) -> None:
    office.take(ONE)
    office.look()
    left = (office.second / office.name(ONE)).with_suffix(".tar.new")
    left.write_bytes(b"half of it")
    now = office.clock.wall_us() / SECOND
    for age, there in ((23 * 3600, True), (25 * 3600, False)):
        os.utime(left, (now - age, now - age))
        office.look()
        assert left.exists() == there


# ------------------------------------------------------------------------------------ the lock


def test_take_over_and_ledger_come_to_the_same_end(office: Office) -> None:
    office.take(ONE)
    now = office.clock.moment()
    at_ingest = lock_at_ingest(skeleton(str(office.file(ONE))), now)
    office.retention.look()
    state = read_state(office_place(str(office.directory)).ledger, KeyRing([OFFICE.public]))
    by_ledger = lock_by_ledger(state.recordings[ONE], state, office.clock.boot_id, now)
    assert at_ingest == by_ledger == Lock(end_us(office, ONE))


def test_an_end_in_the_future_of_a_camera_or_one_that_is_known_is_no_lock(office: Office) -> None:
    office.take(ONE)
    said = skeleton(str(office.file(ONE)))
    assert lock_at_ingest(said, None) == Lock(None, hold=True)
    office.clock.step_wall(-20 * DAY)
    assert lock_at_ingest(said, office.clock.moment()) == Lock(None, hold=True)
    office.clock.step_wall(40 * DAY)
    assert lock_at_ingest(said, office.clock.moment()) == Lock(None), "it is over"


def test_a_lock_is_the_same_by_every_servers_clock_or_there_is_a_hold(
    office: Office,
) -> None:
    """The server that made the entry had no trusted clock then, and has one now. Another one cannot
    tell when that was; nor can one whose clock is before the recording's end."""
    office.take(ONE, closed=ClockSource.UNKNOWN)
    entered_us = office.clock.wall_us()
    office.clock.source = ClockSource.UNKNOWN
    office.retention.look()
    office.clock.advance(3 * DAY)
    office.clock.source = ClockSource.SYNCHRONISED
    state = read_state(office_place(str(office.directory)).ledger, KeyRing([OFFICE.public]))
    now, known = office.clock.moment(), state.recordings[ONE]
    early = Moment(now.boot_us, now.wall_us - 30 * DAY, ClockSource.SYNCHRONISED)
    other = "00000000-0000-4000-8000-0000000000bb"
    for at in (now, early):
        assert lock_by_ledger(known, state, other, at) == Lock(None, hold=True)
    own = lock_by_ledger(known, state, office.clock.boot_id, now)
    assert own.until_us == (entered_us + DAYS * DAY) // SECOND * SECOND


# ------------------------------------------------------------------------------------- restore


@pytest.mark.parametrize("lost", [True, False])
def test_a_cameras_part_is_made_under_the_lock_of_the_server(
    office: Office, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    office.take(ONE)
    office.look()
    office.file(ONE).unlink()
    if lost:
        office.directory.rename(office.directory.with_name("lost"))
        office.directory.mkdir()
    complete_holding = holdings.complete_holding
    free: list[bool] = []

    def seen(*what: Any) -> Any:
        with state_in(office.directory).try_hold("holdings") as held:
            free.append(held)
        return complete_holding(*what)

    monkeypatch.setattr(holdings, "complete_holding", seen)
    assert office.restorer().restore(ONE).restored == (ONE,)
    assert free == [False]


def test_two_do_not_bring_back_at_once(office: Office) -> None:
    office.take(ONE)
    office.look()
    office.file(ONE).unlink()
    directory = office.directory / "office" / "restoring"
    directory.mkdir()
    claim = durable_files.lock_directory(str(directory))
    with pytest.raises(TakenError, match="brought back already"):
        office.restorer().restore(ONE)
    os.close(claim)
    assert office.restorer().restore(ONE).restored == (ONE,)


def test_what_has_no_replica_is_said(office: Office) -> None:
    office.take(ONE)
    office.look()
    with pytest.raises(NotThereError, match="there is no replica"):
        office.restorer().restore(TWO)
    with pytest.raises(NotThereError, match="no recording's id"):
        office.restorer().restore("../x")
    away = office.second.with_name("unplugged")
    office.second.rename(away)
    with replica_fault(ReplicaFault.AWAY):
        office.restorer().restore(None)
