"""O4: due recordings go automatically, within an hour of trusted time; held ones stay."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import DAYS, KEY, ONE, THREE, TWO

from camerad.base.clock import DAY, ClockSource
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.statements import rfc3339
from camerad.evidence.office_store import open_office_store
from camerad.ledger.ledger import entries_about
from camerad.office.jobs.periodic_job import JobFailedError
from camerad.office.jobs.retention_job import AGAIN_SECONDS, RetentionJob
from camerad.office.server.cameras import Cameras
from camerad.store.locations import office_place

from .deletion_scene import HOUR, OFFICE, Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_o4_nothing_goes_early_and_nothing_late_through_months(office: Office) -> None:
    """Recordings come every few hours, the server looks as it does, or was down over the day."""
    office.take(ONE)
    ends = {ONE: office.clock.wall_us()}
    for step in range(1, 40):
        office.clock.advance(9 * HOUR if step % 7 else 3 * DAY)
        before = office.there
        office.retention.look()
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


def test_what_keeps_something_is_said_once_until_it_is_something_else(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.take(ONE)
    office.retention.look()
    office.clock.source = ClockSource.UNKNOWN
    with caplog.at_level(logging.WARNING):
        office.retention.look()
        said = len(caplog.records)
        office.retention.look()
        assert (said, len(caplog.records)) == (1, 1)
        assert "beyond their day" in caplog.text
        assert "Let a time server set this computer's clock" in caplog.text
        assert "--trust-clock" not in caplog.text, "an option that the server does not have"
        office.clock.source = ClockSource.SYNCHRONISED
        office.retention.look()
        office.clock.source = ClockSource.UNKNOWN
        office.retention.look()
        assert len(caplog.records) == 2


def test_while_a_command_of_the_desk_works_it_looks_again_soon(office: Office) -> None:
    office.take(ONE)
    place = office_place(str(office.directory))
    trusted = KeyRing([KEY.public])
    office.clock.advance(DAYS * DAY)
    with open_office_store(place, OFFICE, office.clock, trusted, lambda _: None):
        assert office.retention.look() == AGAIN_SECONDS
        assert office.there == {ONE}
    office.retention.look()
    assert office.there == set()


def test_a_ledger_by_another_key_deletes_nothing_and_says_what_to_do(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.take(ONE, THREE)
    office.retention.look()
    office.clock.advance(DAYS * DAY)
    other = RetentionJob(
        str(office.directory), Cameras(str(office.register)), SigningKey.generate(), office.clock
    )
    with caplog.at_level(logging.WARNING), pytest.raises(JobFailedError):
        other.look()
    assert office.there == {ONE, THREE}
    assert "nothing was deleted" in caplog.text
    office.retention.look()
    assert office.there == set()


def test_o4_a_hold_with_an_end_is_released_in_the_log_and_in_the_ledger(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.take(ONE)
    office.retention.look()
    until_us = office.clock.wall_us() + (DAYS + 5) * DAY
    office.hold(ONE, until_us=until_us)
    caplog.set_level(logging.INFO)
    office.clock.advance((DAYS + 5) * DAY + HOUR)
    office.retention.look()
    assert f"{ONE}: its hold ended on {rfc3339(until_us)}" in caplog.text
    ledger = office_place(str(office.directory)).ledger
    said = list(entries_about(ledger, KeyRing([OFFICE.public]), ONE))
    assert [one.kind for one in said] == ["received", "hold_until", "release", "deleted"]
    who = getattr(said[2].facts, "who", "")
    assert who == f"camerad, by itself: the hold ended {rfc3339(until_us)}"


def test_the_end_of_a_hold_is_told_before_and_a_hold_with_one_is_not_called_forgotten(
    office: Office,
) -> None:
    found = office.looked
    office.take(ONE, TWO)
    office.retention.look()
    end_us = office.clock.wall_us() + 90 * DAY
    office.hold(ONE, until_us=end_us)
    office.hold(TWO)
    office.retention.look()
    assert found[-1].hold_ends == (), "that is long before"
    office.clock.advance(85 * DAY)
    office.retention.look()
    assert [(one.id, one.due_us) for one in found[-1].hold_ends] == [(ONE, end_us)]
    assert [one.id for one in found[-1].held_beyond] == [TWO]


def test_a_year_of_the_ledger_that_an_rtc_ends_stays_and_that_is_said(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.take(ONE)
    looked = office.looked
    for _ in range(3):
        office.retention.look()
        office.clock.advance(2 * DAY)
    ledger = office.directory / "office/ledger"
    before = sorted(ledger.glob("*.jws"))
    office.clock.source = ClockSource.RTC
    office.clock.reboot()
    office.clock.advance(800 * DAY)
    office.retention.look()
    assert set(before) <= set(ledger.glob("*.jws"))
    assert "only time that a time server has set ends a year" in caplog.text
    assert "clock_not_synchronised" in [str(why) for why, _ in looked[-1].reasons]
    office.clock.source = ClockSource.SYNCHRONISED
    office.retention.look()
    assert not set(before[:1]) & set(ledger.glob("*.jws"))
    assert looked[-1].reasons == ()


def test_a_file_that_cannot_be_removed_keeps_no_epoch_of_the_ledger_open(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a directory that came to belong to root. Nothing is called deleted that is not."""
    office.take(ONE, TWO)
    office.retention.look()
    real = os.access

    def closed(path: str, mode: int, **how: Any) -> bool:
        return real(path, mode, **how) and not (mode & os.W_OK and "recordings" in str(path))

    monkeypatch.setattr(os, "access", closed)
    for _ in range(2 * DAYS):
        office.clock.advance(DAY + 1)
        try:
            office.retention.look()
        except JobFailedError as error:
            assert "cannot" in str(error)
    assert office.there == {ONE, TWO}
    place = office_place(str(office.directory))
    assert len(list(Path(place.ledger).glob("*.jws"))) > DAYS
