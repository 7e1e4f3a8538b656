"""O4: due recordings go automatically, within an hour of trusted time; held ones stay."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import DAYS, KEY, ONE, THREE, TWO, Camera

from camerad.base.clock import DAY, ClockSource
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.statements import rfc3339
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.evidence.office_store import open_office_store
from camerad.ledger.ledger import entries_about, read_state
from camerad.office.jobs.alert_rules import StoreFacts
from camerad.office.jobs.periodic_job import JobFailedError, PeriodicJob
from camerad.office.jobs.retention_job import AGAIN_SECONDS, LOOK_SECONDS, RetentionJob
from camerad.office.server.cameras import Cameras
from camerad.store.locations import office_place
from camerad.store.store import Store

OFFICE = SigningKey.generate()
HOUR = DAY // 24


class Office:
    """An office's directory that one camera has filled, and its worker."""

    def __init__(self, root: Path) -> None:
        self.camera = Camera(root / "camera")
        self.directory = root / "office"
        self.register = root / "register.json"
        known = RegisteredCamera("cam-1", KEY.public.thumbprint, KEY.public.jwk, 1, None, None, "")
        camera_register.write(str(self.register), Register((known,)))
        self.clock = self.camera.clock
        self.worker = RetentionJob(
            str(self.directory), Cameras(str(self.register)), OFFICE, self.clock
        )

    def take(self, *recordings: str) -> None:
        for one in recordings:
            self.camera.put(one)
        self.camera.offload(self.directory)

    @property
    def there(self) -> set[str]:
        return {path.stem for path in self.directory.glob("*/recordings/*.tar")}

    def hold(
        self, recording: str, reason: str = "prosecutor 1 Js 1/26", *, until_us: int | None = None
    ) -> None:
        place = office_place(str(self.directory))
        trusted = KeyRing([KEY.public])
        with open_office_store(place, OFFICE, self.clock, trusted, lambda _: None) as store:
            store.hold(recording, reason, "Desk", until_us=until_us)

    def release(self, recording: str) -> None:
        place = office_place(str(self.directory))
        trusted = KeyRing([KEY.public])
        with open_office_store(place, OFFICE, self.clock, trusted, lambda _: None) as store:
            store.release(recording, "Desk")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_what_is_received_is_logged_once(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    office.take(ONE)
    with caplog.at_level(logging.INFO):
        office.worker.look()
        office.worker.look()
    said = [one.getMessage() for one in caplog.records]
    assert [one for one in said if "received" in one] == [f"{ONE}: received from cam-1"]


def test_o4_what_is_due_goes_by_itself_and_leaves_a_tombstone(office: Office) -> None:
    office.take(ONE, TWO)
    assert office.worker.look() == LOOK_SECONDS
    office.clock.advance(DAYS * DAY - 2 * HOUR)
    office.worker.look()
    assert office.there == {ONE, TWO}, "early"
    office.clock.advance(2 * HOUR)
    office.worker.look()
    assert office.there == set()
    place = office_place(str(office.directory))
    state = read_state(place.ledger, KeyRing([OFFICE.public]))
    assert all(state.recordings[one].deleted is not None for one in (ONE, TWO))


def test_o4_nothing_goes_early_and_nothing_late_through_months(office: Office) -> None:
    """Recordings come every few hours, the server looks as it does, or was down over the day."""
    office.take(ONE)
    ends = {ONE: office.clock.wall_us()}
    for step in range(1, 40):
        office.clock.advance(9 * HOUR if step % 7 else 3 * DAY)
        before = office.there
        office.worker.look()
        for gone in before - office.there:
            assert office.clock.wall_us() >= ends[gone] + DAYS * DAY - 2 * HOUR, "early"
        for kept in office.there:
            assert office.clock.wall_us() < ends[kept] + DAYS * DAY + HOUR, "late"
        if step % 5 == 0 and step < 30:
            name = f"20261124T153000Z-{step:06d}-{step:08x}"
            office.take(name)
            # Its footage is of the same day: it is as old as the first one.
            ends[name] = ends[ONE]
    assert office.there == set()


def test_o4_a_hold_outlasts_the_day_and_its_release_ends_that(office: Office) -> None:
    office.take(ONE, TWO)
    office.worker.look()
    office.hold(ONE)
    office.clock.advance(20 * DAYS * DAY)
    office.worker.look()
    assert office.there == {ONE}
    office.release(ONE)
    office.worker.look()
    assert office.there == set()


def test_a_clock_that_nobody_vouches_for_deletes_nothing_early(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.take(ONE)
    office.worker.look()
    office.clock.source = ClockSource.UNKNOWN
    office.clock.step_wall(400 * DAY)
    with caplog.at_level(logging.WARNING):
        office.worker.look()
    assert office.there == {ONE}
    assert "beyond their day" in caplog.text
    assert "Let a time server set this computer's clock" in caplog.text
    assert "--trust-clock" not in caplog.text, "an option that the server does not have"
    office.clock.advance((DAYS + 1) * DAY)
    office.worker.look()
    assert office.there == set(), "uptime counts all the same"


def test_what_keeps_something_is_said_once_until_it_is_something_else(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.take(ONE)
    office.worker.look()
    office.clock.source = ClockSource.UNKNOWN
    with caplog.at_level(logging.WARNING):
        office.worker.look()
        said = len(caplog.records)
        office.worker.look()
        assert (said, len(caplog.records)) == (1, 1)
        office.clock.source = ClockSource.SYNCHRONISED
        office.worker.look()
        office.clock.source = ClockSource.UNKNOWN
        office.worker.look()
        assert len(caplog.records) == 2


def test_recordings_of_a_camera_that_is_in_no_register_are_not_taken_over(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.take(ONE)
    camera_register.write(str(office.register), Register(()))
    office.clock.advance(DAYS * DAY)
    with caplog.at_level(logging.WARNING):
        office.worker.look()
    assert office.there == {ONE}
    assert "key" in caplog.text


def test_a_mistake_of_ours_is_logged_and_ends_deletion_for_one_look_only(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    office.take(ONE)
    office.worker.look()
    office.clock.advance(DAYS * DAY)
    runs: list[bool] = []
    work = PeriodicJob(
        "retention",
        office.worker.look,
        office.clock,
        lambda _, ok, __: runs.append(ok),
        least_seconds=60,
    )
    with monkeypatch.context() as patched:
        patched.setattr(Store, "purge_and_explain", lambda _: 1 / 0)
        work.run_once()
    assert "ZeroDivisionError" in caplog.text
    assert office.there == {ONE}
    work.run_once()
    assert office.there == set()
    assert runs == [False, True]


def test_while_a_command_of_the_desk_works_it_looks_again_soon(office: Office) -> None:
    office.take(ONE)
    place = office_place(str(office.directory))
    trusted = KeyRing([KEY.public])
    office.clock.advance(DAYS * DAY)
    with open_office_store(place, OFFICE, office.clock, trusted, lambda _: None):
        assert office.worker.look() == AGAIN_SECONDS
        assert office.there == {ONE}
    office.worker.look()
    assert office.there == set()


def test_a_ledger_by_another_key_deletes_nothing_and_says_what_to_do(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.take(ONE, THREE)
    office.worker.look()
    office.clock.advance(DAYS * DAY)
    other = RetentionJob(
        str(office.directory), Cameras(str(office.register)), SigningKey.generate(), office.clock
    )
    with caplog.at_level(logging.WARNING), pytest.raises(JobFailedError):
        other.look()
    assert office.there == {ONE, THREE}
    assert "nothing was deleted" in caplog.text
    office.worker.look()
    assert office.there == set()


def test_o4_a_hold_with_an_end_is_released_by_itself_and_what_is_due_goes(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    """ONE is due before its hold ends, TWO after: it is deleted on its own day."""
    office.take(ONE, TWO)
    office.worker.look()
    day_us = office.clock.wall_us() + DAYS * DAY
    office.hold(ONE, until_us=day_us + 5 * DAY)
    office.hold(TWO, until_us=day_us - 5 * DAY)
    caplog.set_level(logging.INFO)
    office.clock.advance((DAYS - 5) * DAY + HOUR)
    office.worker.look()
    assert [
        record.getMessage()[: len(TWO)]
        for record in caplog.records
        if "its hold ended" in record.getMessage()
    ] == [TWO]
    assert office.there == {ONE, TWO}, "early"
    office.clock.advance(5 * DAY)
    office.worker.look()
    assert office.there == {ONE}
    office.clock.advance(5 * DAY - 2 * HOUR)
    office.worker.look()
    assert office.there == {ONE}, "early"
    office.clock.advance(2 * HOUR)
    office.worker.look()
    assert office.there == set()
    ledger = office_place(str(office.directory)).ledger
    keys = KeyRing([OFFICE.public])
    said = [
        (entry.kind, getattr(entry.facts, "who", "")) for entry in entries_about(ledger, keys, ONE)
    ]
    assert [kind for kind, _ in said] == ["received", "hold_until", "release", "deleted"]
    assert said[2][1] == f"camerad, by itself: the hold ended {rfc3339(day_us + 5 * DAY)}"


def test_o4_a_hold_ends_by_trusted_time_alone(office: Office) -> None:
    office.take(ONE)
    office.worker.look()
    office.hold(ONE, until_us=office.clock.wall_us() + DAY)
    office.clock.source = ClockSource.UNKNOWN
    office.clock.advance(2 * DAYS * DAY)
    office.worker.look()
    assert office.there == {ONE}
    office.clock.source = ClockSource.SYNCHRONISED
    office.worker.look()
    assert office.there == set()


def test_o4_what_is_held_without_an_end_too_stays(office: Office) -> None:
    """And of several ends the last counts, in any order and by any person."""
    office.take(ONE, TWO)
    office.worker.look()
    now_us = office.clock.wall_us()
    office.hold(ONE, "until the verdict", until_us=now_us + 30 * DAY)
    office.hold(ONE)
    office.hold(TWO, "objection", until_us=now_us + 60 * DAY)
    office.hold(TWO, "complaint", until_us=now_us + 30 * DAY)
    office.clock.advance(59 * DAY)
    office.worker.look()
    assert office.there == {ONE, TWO}
    office.clock.advance(2 * DAY)
    office.worker.look()
    assert office.there == {ONE}


def test_the_end_of_a_hold_is_told_before_and_a_hold_with_one_is_not_called_forgotten(
    office: Office,
) -> None:
    found: list[StoreFacts] = []
    office.worker = RetentionJob(
        str(office.directory),
        Cameras(str(office.register)),
        OFFICE,
        office.clock,
        looked=found.append,
    )
    office.take(ONE, TWO)
    office.worker.look()
    end_us = office.clock.wall_us() + 90 * DAY
    office.hold(ONE, until_us=end_us)
    office.hold(TWO)
    office.worker.look()
    assert found[-1].hold_ends == (), "that is long before"
    office.clock.advance(85 * DAY)
    office.worker.look()
    assert [(one.id, one.due_us) for one in found[-1].hold_ends] == [(ONE, end_us)]
    assert [one.id for one in found[-1].held_beyond] == [TWO]


def test_a_year_of_the_ledger_that_an_rtc_ends_stays_and_that_is_said(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.take(ONE)
    looked: list[StoreFacts] = []
    office.worker._looked = looked.append
    for _ in range(3):
        office.worker.look()
        office.clock.advance(2 * DAY)
    ledger = office.directory / "office/ledger"
    before = sorted(ledger.glob("*.jws"))
    office.clock.source = ClockSource.RTC
    office.clock.reboot()
    office.clock.advance(800 * DAY)
    office.worker.look()
    assert set(before) <= set(ledger.glob("*.jws"))
    assert "only time that a time server has set ends a year" in caplog.text
    assert "clock_not_synchronised" in [str(why) for why, _ in looked[-1].reasons]
    office.clock.source = ClockSource.SYNCHRONISED
    office.worker.look()
    assert not set(before[:1]) & set(ledger.glob("*.jws"))
    assert looked[-1].reasons == ()


def test_a_file_that_cannot_be_removed_keeps_no_epoch_of_the_ledger_open(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a directory that came to belong to root. Nothing is called deleted that is not."""
    office.take(ONE, TWO)
    office.worker.look()
    real = os.access

    def closed(path: str, mode: int, **how: Any) -> bool:
        return real(path, mode, **how) and not (mode & os.W_OK and "recordings" in str(path))

    monkeypatch.setattr(os, "access", closed)
    for _ in range(2 * DAYS):
        office.clock.advance(DAY + 1)
        try:
            office.worker.look()
        except JobFailedError as error:
            assert "cannot" in str(error)
    assert office.there == {ONE, TWO}
    place = office_place(str(office.directory))
    assert len(list(Path(place.ledger).glob("*.jws"))) > DAYS
