"""What came of a ledger, and counts for nothing, goes when nothing more comes of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from desk_helpers import KEY, ONE, Camera
from vault_helpers import KID, Vault, ledger_files, register

from camerad.base.clock import DAY, ClockSource
from camerad.container.keys import SigningKey
from camerad.office.jobs.office_jobs import _expire
from camerad.office.server.ledger_copy import AdoptResult

DAYS = 7


class Office(Vault):
    """With a camera that was undocked when its ledger had come, and before it named all of it."""

    def __init__(self, root: Path, camera: Camera) -> None:
        super().__init__(root)
        self.stage = root / "office" / "incoming" / KID / "ledger"
        camera.put(ONE)
        with camera.open() as store:
            store.hold(ONE, "Az 9", "Meier")
        for path in ledger_files(camera):
            self.copies.put(KID, path.name, path.read_bytes())
        self.came(self.clock.wall_us())

    def came(self, wall_us: int) -> None:
        """The last of it came then."""
        os.utime(self.stage, ns=(wall_us * 1000, wall_us * 1000))

    def expire(self) -> list[str]:
        return self.copies.expire(DAYS, self.clock.moment())

    @property
    def staged(self) -> list[str]:
        return sorted(os.listdir(self.stage))


@pytest.fixture
def office(tmp_path: Path, camera: Camera) -> Office:
    return Office(tmp_path / "archive", camera)


def test_what_did_not_come_whole_goes_after_the_days_of_an_upload_and_comes_again(
    office: Office, camera: Camera, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    office.clock.advance(DAYS * DAY - 1)
    _expire(office.uploads, office.copies, lambda *_: None, office.clock)
    assert office.staged == ["000001.jws"]
    office.clock.advance(1)
    _expire(office.uploads, office.copies, lambda *_: None, office.clock)
    assert office.staged == []
    assert f"the camera {KID} did not come whole for 7 days" in caplog.text
    caplog.clear()
    _expire(office.uploads, office.copies, lambda *_: None, office.clock)
    assert "did not come whole" not in caplog.text
    assert office.bring_ledger(camera) == AdoptResult()


def test_what_was_ingested_stays(office: Office, camera: Camera) -> None:
    assert office.bring_ledger(camera) == AdoptResult()
    there = office.copies.files(KID)
    office.clock.advance(366 * DAY)
    assert office.expire() == []
    assert office.copies.files(KID) == there


def test_a_file_that_comes_begins_the_days_of_all_anew(office: Office, camera: Camera) -> None:
    office.came(0)
    for path in ledger_files(camera):
        office.copies.put(KID, path.name, path.read_bytes())
    office.clock.step_wall(os.lstat(office.stage).st_mtime_ns // 1000 - office.clock.wall_us())
    office.clock.advance(DAYS * DAY - 1)
    assert office.expire() == []
    office.clock.advance(2)
    assert office.expire() == [KID]


def test_it_goes_also_of_a_key_that_the_register_has_no_more(office: Office) -> None:
    register(office.register, ("cam-1", SigningKey.generate().public, (KEY.public.thumbprint,)))
    office.restart()
    office.clock.advance(DAYS * DAY)
    assert office.expire() == [KID]
    assert office.staged == []


def test_by_a_clock_that_is_not_trusted_nothing_goes(office: Office) -> None:
    office.clock.advance(DAYS * DAY)
    office.clock.source = ClockSource.UNKNOWN
    assert office.expire() == []
    office.clock.source = ClockSource.RTC
    assert office.expire() == [KID]


def test_what_came_by_a_clock_that_was_ahead_goes_in_its_time_from_when_it_is_right(
    office: Office,
) -> None:
    office.came(office.clock.wall_us() + 3650 * DAY)
    assert office.expire() == []
    office.clock.advance(DAYS * DAY - 1)
    assert office.expire() == []
    office.clock.advance(1)
    assert office.expire() == [KID]


def test_what_is_just_coming_and_a_ledger_that_is_being_ingested_are_left(
    office: Office,
) -> None:
    office.clock.advance(DAYS * DAY)
    with office.state.hold(f"ledger {KID}"):
        assert office.expire() == []
    (name,) = office.staged
    coming = office.copies.begin(KID, name, 5)
    coming.write(b"12345")
    office.came(office.clock.wall_us() - DAYS * DAY)
    assert office.expire() == [KID]
    assert [one.startswith(f"{name}-") for one in office.staged] == [True]
    coming.close()
    assert office.staged == []


def test_a_link_in_the_place_of_a_stage_is_not_followed_and_keeps_no_other(
    office: Office, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "000001.jws").write_bytes(b"x")
    other = office.stage.parent.with_name("-" + "o" * 42)
    other.mkdir()
    (other / "ledger").symlink_to(elsewhere)
    office.clock.advance(366 * DAY * 10)
    assert office.expire() == [KID]
    assert os.listdir(elsewhere) == ["000001.jws"]
    assert f"{other}/ledger" in caplog.text
