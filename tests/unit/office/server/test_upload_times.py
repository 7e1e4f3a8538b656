"""An upload goes in its time, whatever its server's clock said when it came."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from state_helpers import refused, uploads_in

from camerad.base.clock import DAY, ClockSource, ManualClock
from camerad.office.server.upload_errors import UploadRefusal
from camerad.office.server.upload_files import Declaration
from camerad.office.server.upload_limits import UploadLimits
from camerad.office.server.uploads import ExpiredUpload

KID, OTHER = "k" * 43, "-" + "o" * 42
ID, ANOTHER = "20261128T120000Z-000001-0123abcd", "20261128T120000Z-000002-0123abcd"
FINAL = "ab" * 32


class Office:
    """Its uploads, in a storage of 120 bytes. clock: the server's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = ManualClock()
        self.restart()

    def restart(self) -> None:
        """Begin anew on what is on the storage."""
        self.uploads = uploads_in(self.root, UploadLimits(reserve=0), self.clock)

    def bring(self, body: bytes, length: int, kid: str = KID, recording: str = ID) -> None:
        """Have a part come of an upload, after its declaration."""
        offset = self.uploads.declare(kid, Declaration(recording, FINAL, length))
        if not body:
            return
        part = self.uploads.begin(kid, recording, offset)
        try:
            part.write(body)
            part.finish(hashlib.sha256(body).digest())
        finally:
            part.close()

    def set_ahead(self, days: int) -> None:
        """Nothing vouches for the clock from now on, and it is so far ahead."""
        self.clock.step_wall(days * DAY)
        self.clock.source = ClockSource.UNKNOWN

    def set_right(self, days: int) -> None:
        """A time server puts it back by so much, and vouches for it."""
        self.clock.step_wall(-days * DAY)
        self.clock.source = ClockSource.SYNCHRONISED

    def expire(self) -> list[ExpiredUpload]:
        return self.uploads.expire(self.clock.moment())


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    class Free:
        f_bavail, f_frsize = 120, 1
        f_flag = 0

    monkeypatch.setattr(os, "statvfs", lambda _: Free)
    return Office(tmp_path)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(("body", "length", "days"), [(b"x", 60, 7), (b"", 60, 1), (b"x", 1, 7)])
def test_what_a_clock_noted_that_was_ahead_goes_in_its_time_from_when_it_is_right(
    office: Office, body: bytes, length: int, days: int, restarted: bool
) -> None:
    """Unfinished, declared only, or complete; and nothing goes early."""
    office.set_ahead(3650)
    office.bring(body, length)
    office.set_right(3650)
    assert office.expire() == []
    office.clock.advance(days * DAY - 1)
    if restarted:
        office.restart()
    assert office.expire() == []
    office.clock.advance(1 + (DAY if restarted and len(body) == length else 0))
    assert office.expire() == [(KID, ID, bool(body))]


def test_room_that_was_promised_by_a_clock_that_was_ahead_is_free_again_after_a_day(
    office: Office,
) -> None:
    office.set_ahead(3650)
    office.bring(b"x", 60)
    office.set_right(3650)
    assert office.expire() == []
    office.clock.advance(DAY - 1)
    with refused(UploadRefusal.CAMERA_FULL):
        office.bring(b"", 60, OTHER, ANOTHER)
    office.clock.advance(1)
    office.bring(b"", 60, OTHER, ANOTHER)
    assert office.uploads.offset(KID, ID) == 1, "what came stays for its week"


def test_a_clock_that_is_not_trusted_notes_nothing_again(office: Office) -> None:
    office.set_ahead(30)
    office.bring(b"x", 60)
    office.clock.step_wall(-30 * DAY)
    assert office.expire() == []
    office.clock.advance(DAY)
    office.set_right(0)
    assert office.expire() == [], "its week begins here, not a day ago"
    office.clock.advance(7 * DAY - 1)
    assert office.expire() == []
    office.clock.advance(1)
    assert office.expire() == [(KID, ID, True)]


def test_a_trusted_clock_that_was_behind_for_a_while_has_nothing_go_early(office: Office) -> None:
    office.bring(b"x", 60)
    office.restart()
    office.clock.step_wall(-365 * DAY)
    assert office.expire() == []
    office.clock.step_wall(365 * DAY)
    assert office.expire() == []
    office.clock.advance(7 * DAY - 1)
    assert office.expire() == []
    office.clock.advance(1)
    assert office.expire() == [(KID, ID, True)]


def test_what_is_just_coming_is_not_noted_again_and_goes_on(office: Office) -> None:
    office.set_ahead(30)
    office.bring(b"x", 60)
    part = office.uploads.begin(KID, ID, 1)
    office.set_right(30)
    part.write(b"y")
    assert office.expire() == []
    assert part.finish(hashlib.sha256(b"y").digest()) == 2
    part.close()
    assert office.expire() == []
    assert office.uploads.offset(KID, ID) == 2
    office.clock.advance(7 * DAY - 1)
    assert office.expire() == []
    office.clock.advance(1)
    assert office.expire() == [(KID, ID, True)]
