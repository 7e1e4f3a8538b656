"""An upload has what was signed and synchronised, and one camera's uploads cost no other."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from state_helpers import refused, revoke, state_in, take_back, uploads_in

from camerad.base import durable_files
from camerad.base.clock import DAY, ClockSource, ManualClock
from camerad.base.errors import CameradError, StorageError
from camerad.office.server import uploads as uploads_module
from camerad.office.server.part_upload import WRITE_OUT, reads_as_it_came
from camerad.office.server.quarantine import Quarantine, Quarantined, measure_quarantined
from camerad.office.server.state_import import import_server_files
from camerad.office.server.upload_errors import UploadError, UploadRefusal
from camerad.office.server.upload_limits import (
    GIB,
    UploadLimits,
    UploadsHere,
    check_camera,
    fills_percent,
    most_of_one,
)
from camerad.office.server.uploads import INCOMING, Declaration, Uploads
from camerad.office.state.database import Database, DatabaseUnavailableError
from camerad.office.state.office_state import OfficeState
from camerad.office.state.state_copy import write_copy
from camerad.office.state.state_tables import STATE
from camerad.store import verified_copy
from camerad.store.locations import OFFICE

KID, OTHER = "k" * 43, "-" + "o" * 42
ID = "20261128T120000Z-000001-0123abcd"
FINAL = "ab" * 32


def number(count: int) -> str:
    return f"20261128T120000Z-{count:06d}-0123abcd"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def uploads(tmp_path: Path, clock: ManualClock) -> Uploads:
    return uploads_in(tmp_path, UploadLimits(camera=1 << 20, reserve=0), clock)


def declare(uploads: Uploads, length: int = 10, recording: str = ID, kid: str = KID) -> int:
    return uploads.declare(kid, Declaration(recording, FINAL, length))


def send(uploads: Uploads, body: bytes, offset: int = 0, kid: str = KID, rec: str = ID) -> int:
    part = uploads.begin(kid, rec, offset)
    try:
        part.write(body)
        return part.finish(hashlib.sha256(body).digest())
    finally:
        part.close()


def bring(uploads: Uploads, body: bytes, length: int, recording: str = ID, kid: str = KID) -> None:
    """Declare an upload, and have its first part come."""
    declare(uploads, length, recording, kid)
    if body:
        send(uploads, body, kid=kid, rec=recording)


def came(uploads: Uploads, recording: str = ID, kid: str = KID) -> int:
    return uploads.find(kid, recording).came


def content(uploads: Uploads) -> bytes:
    return Path(uploads.content_path(KID, ID)).read_bytes()


class Free:
    """So much is free on the storage; each camera may have all of it."""

    f_frsize, f_flag = 1, 0

    def __init__(self, patch: pytest.MonkeyPatch, free: int, *, half: bool = False) -> None:
        self.f_bavail = free
        patch.setattr(os, "statvfs", lambda _: self)
        if not half:
            patch.setattr("camerad.office.server.upload_limits.most_of_one", lambda *_: 1 << 60)


# ------------------------------------------------------------------------------------------ parts


def test_parts_come_one_behind_the_other_until_the_upload_is_complete(
    uploads: Uploads, tmp_path: Path, clock: ManualClock
) -> None:
    """Also where a server that has just started goes on."""
    declared = Declaration(ID, FINAL, 10)
    assert declare(uploads) == 0
    assert send(uploads, b"01234") == 5
    assert list(uploads.complete()) == [] and uploads.arrived(KID, declared) is None
    again = uploads_in(tmp_path, uploads.limits, clock)
    assert declare(again) == 5
    assert send(again, b"56789", 5) == 10
    assert content(uploads) == b"0123456789"
    assert list(uploads.complete()) == [(KID, declared)] == list(uploads.complete(KID))
    assert list(uploads.complete(OTHER)) == [] and uploads.find_complete(KID, ID) == declared
    parts = uploads.arrived(KID, declared)
    assert parts is not None and [(one.start, one.stop) for one in parts] == [(0, 5), (5, 10)]
    with refused(UploadRefusal.COMPLETE):
        uploads.begin(KID, ID, 10)


@pytest.mark.parametrize(("final", "length"), [("cd" * 32, 10), (FINAL, 11)])
def test_what_is_declared_differently_is_refused_and_the_log_says_so(
    uploads: Uploads, caplog: pytest.LogCaptureFixture, final: str, length: int
) -> None:
    bring(uploads, b"0123", 10)
    for _ in range(2):
        with refused(UploadRefusal.DECLARED_DIFFERENTLY, match="was declared with 10 bytes"):
            uploads.declare(KID, Declaration(ID, final, length))
    assert caplog.text.count(f"and now with {length}") == 1
    assert came(uploads) == 4


@pytest.mark.parametrize("offset", [0, 3, 5, 10, 1 << 70])
def test_a_part_begins_where_the_upload_ends(uploads: Uploads, offset: int) -> None:
    bring(uploads, b"0123", 10)
    with refused(UploadRefusal.WRONG_OFFSET) as wrong:
        uploads.begin(KID, ID, offset)
    assert wrong.value.headers == {"Upload-Offset": "4"}


def test_what_was_not_signed_or_was_given_up_leaves_nothing(uploads: Uploads) -> None:
    bring(uploads, b"0123", 10)
    part = uploads.begin(KID, ID, 4)
    part.write(b"forged")
    with refused(UploadRefusal.WRONG_BODY):
        part.finish(hashlib.sha256(b"456789").digest())
    part.close()
    assert (came(uploads), content(uploads)) == (4, b"0123")
    part = uploads.begin(KID, ID, 4)
    part.write(b"45")
    part.close()
    part.close()  # a request that is cancelled may close it again
    assert (came(uploads), content(uploads)) == (4, b"0123")
    with pytest.raises(StorageError, match="given up"):
        part.write(b"4")
    part = uploads.begin(KID, ID, 4)
    with refused(UploadRefusal.TOO_LARGE):
        part.write(b"4567890")
    part.close()


def test_the_client_s_own_checksum_is_compared_too(uploads: Uploads) -> None:
    declare(uploads)
    right = {
        "sha1": hashlib.sha1(b"01", usedforsecurity=False).digest(),
        "sha256": hashlib.sha256(b"01").digest(),
    }
    for name in right:
        part = uploads.begin(KID, ID, 0, name)
        part.write(b"01")
        with refused(UploadRefusal.WRONG_CHECKSUM):
            part.finish(right["sha256"], b"wrong")
        part.close()
        assert content(uploads) == b""
    for at, (name, checksum) in enumerate(right.items()):
        part = uploads.begin(KID, ID, 2 * at, name)
        part.write(b"01")
        assert part.finish(right["sha256"], checksum) == 2 * at + 2
        part.close()


def test_one_part_at_a_time(uploads: Uploads, clock: ManualClock) -> None:
    declare(uploads)
    part = uploads.begin(KID, ID, 0)
    for other in (lambda: uploads.begin(KID, ID, 0), lambda: uploads.remove(KID, ID)):
        with refused(UploadRefusal.BUSY):
            other()
    clock.advance(8 * DAY)
    assert uploads.expire(clock.moment()) == [], "what is being written does not expire"
    part.close()
    uploads.begin(KID, ID, 0).close()


def test_an_upload_is_its_cameras_and_can_begin_again(uploads: Uploads, tmp_path: Path) -> None:
    bring(uploads, b"01", 10)
    with refused(UploadRefusal.NO_UPLOAD):
        uploads.find(OTHER, ID)
    declare(uploads, 5, kid=OTHER)  # the same id, of another camera
    assert uploads.find(KID, ID).bytes == 10
    for _ in range(2):
        uploads.remove(KID, ID)
    assert not (tmp_path / "office/incoming" / KID / ID).exists()
    assert uploads.arrived(KID, Declaration(ID, FINAL, 2)) is None
    with refused(UploadRefusal.NO_UPLOAD):
        uploads.begin(KID, ID, 2)
    assert declare(uploads) == 0
    assert uploads.find(OTHER, ID).bytes == 5


def test_a_part_that_another_server_changed_the_upload_under_does_not_count(
    uploads: Uploads, tmp_path: Path
) -> None:
    """As after PostgreSQL was restarted: the claim was lost, and another server had it."""
    declare(uploads)
    part = uploads.begin(KID, ID, 0)
    part.write(b"01")
    state = state_in(tmp_path)
    with state.writing() as rows:
        rows.exec_driver_sql("UPDATE uploads SET came = 1")
    state.close()
    with refused(UploadRefusal.BUSY):
        part.finish(hashlib.sha256(b"01").digest())
    part.close()
    assert came(uploads) == 1


TRAVERSALS = ["..", "../x", f"../{KID}/{ID}", "/etc", f"{ID}/..", f"{ID}\n", "", ".", f"{ID}.tar"]


@pytest.mark.parametrize("name", TRAVERSALS)
def test_no_other_name_than_an_id_becomes_a_path(
    uploads: Uploads, tmp_path: Path, name: str
) -> None:
    calls: list[Callable[[], object]] = [
        lambda: uploads.begin(KID, name, 0),
        lambda: uploads.remove(KID, name),
        lambda: uploads.content_path(KID, name),
        lambda: uploads.declare(name, Declaration(ID, FINAL, 10)),
        lambda: uploads.remove(name, ID),
    ]
    for call in calls:
        with refused(UploadRefusal.NO_UPLOAD):
            call()
    with pytest.raises(ValueError, match="no recording's id"):
        Declaration(name, FINAL, 10)
    assert not (tmp_path / OFFICE / INCOMING).exists()


@pytest.mark.parametrize("place", ["office", "office/incoming", f"office/incoming/{KID}"])
def test_nothing_follows_a_link(tmp_path: Path, place: str) -> None:
    elsewhere, link = tmp_path / "elsewhere", tmp_path / "root" / place
    elsewhere.mkdir()
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    with pytest.raises(StorageError, match="symbolic link"):
        declare(uploads_in(tmp_path / "root"))
    assert list(elsewhere.iterdir()) == []


def test_a_link_in_the_place_of_the_content_is_not_written_through(
    uploads: Uploads, tmp_path: Path
) -> None:
    declare(uploads)
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    path = Path(uploads.content_path(KID, ID))
    path.parent.mkdir(parents=True)
    path.symlink_to(victim)
    with pytest.raises(StorageError, match="symbolic link"):
        uploads.begin(KID, ID, 0)
    assert victim.read_bytes() == b"mine"
    path.unlink()
    send(uploads, b"01")  # and the upload is not claimed for ever


# -------------------------------------------------------------------------------------- storage


def test_a_long_part_is_written_out_while_it_comes_and_counts_when_it_is_synchronised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = uploads_in(tmp_path, UploadLimits(reserve=0))
    piece, calls = bytes(WRITE_OUT // 2), list[tuple[str, int, int]]()
    begin_sync, sync = durable_files.begin_sync, durable_files.sync

    def begun(descriptor: int, offset: int, length: int, path: str) -> None:
        calls.append(("begun", offset, length))
        begin_sync(descriptor, offset, length, path)

    def synchronised(descriptor: int, path: str) -> None:
        calls.append(("synchronised", 0, came(uploads)))
        sync(descriptor, path)

    declare(uploads, 5 * len(piece))
    part = uploads.begin(KID, ID, 0)
    monkeypatch.setattr(durable_files, "begin_sync", begun)
    monkeypatch.setattr(durable_files, "sync", synchronised)
    for _ in range(5):
        part.write(piece)
    assert part.finish(hashlib.sha256(5 * piece).digest()) == 5 * len(piece) == came(uploads)
    part.close()
    # Two pieces at a time, and the fifth waits for the end; then nothing counted still.
    assert calls == [
        ("begun", 0, WRITE_OUT),
        ("begun", WRITE_OUT, WRITE_OUT),
        ("synchronised", 0, 0),
    ]


@pytest.mark.parametrize("failing", ["begin_sync", "sync", "write"])
def test_a_part_that_the_storage_refuses_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    uploads = uploads_in(tmp_path, UploadLimits(reserve=0))
    bring(uploads, b"01", 3 + WRITE_OUT)

    def refuse(*_: object) -> int:
        raise StorageError("EIO")

    with monkeypatch.context() as patch:
        patch.setattr(durable_files, failing, refuse)
        with pytest.raises(CameradError, match="EIO"):
            send(uploads, bytes(WRITE_OUT), 2)
    assert (came(uploads), content(uploads)) == (2, b"01")
    assert send(uploads, b"2", 2) == 3


def test_bytes_stay_where_the_row_may_say_that_they_count(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database fails at the commit: it may have it."""
    declare(uploads)
    noting = OfficeState.noting

    def committed(state: OfficeState, seconds: float = 0) -> object:
        class Failing:
            def __enter__(self) -> object:
                self.inner = noting(state, seconds)
                return self.inner.__enter__()

            def __exit__(self, *error: object) -> None:
                self.inner.__exit__(*error)  # type: ignore[arg-type]
                raise DatabaseUnavailableError("no answer to COMMIT")

        return Failing()

    with monkeypatch.context() as patch:
        patch.setattr(OfficeState, "noting", committed)
        with pytest.raises(StorageError, match="COMMIT"):
            send(uploads, b"0123")
    assert (came(uploads), content(uploads)) == (4, b"0123")


@pytest.mark.parametrize("lost", ["some", "all"])
def test_content_that_the_storage_lost_is_brought_again(uploads: Uploads, lost: str) -> None:
    bring(uploads, b"0123", 10)
    if lost == "some":
        os.truncate(uploads.content_path(KID, ID), 3)
    else:
        os.unlink(uploads.content_path(KID, ID))
    with pytest.raises(StorageError, match="4 were durable"):
        uploads.begin(KID, ID, 4)
    assert send(uploads, b"0123456789") == 10
    assert uploads.arrived(KID, Declaration(ID, FINAL, 10)) is not None


def test_files_without_a_row_are_removed(uploads: Uploads, tmp_path: Path) -> None:
    """As a loss of power leaves them in a removal, and a backup that has no uploads."""
    bring(uploads, b"01", 10)
    left = tmp_path / "office/incoming" / KID / number(2)
    for again in (False, True):
        left.mkdir()
        (left / "content").write_bytes(b"of before")
        if again:
            bring(uploads, b"", 10, number(2))
            send(uploads, b"new", rec=number(2))
            assert (left / "content").read_bytes() == b"new"
        else:
            uploads.tidy()
            assert not left.exists()
    assert content(uploads) == b"01"


def test_a_backup_has_no_uploads(uploads: Uploads, tmp_path: Path) -> None:
    bring(uploads, b"01", 10)
    file = tmp_path / "copy"
    assert write_copy(f"sqlite:///{tmp_path}/office/state.sqlite", str(file))
    copy = Database(f"sqlite:///{file}", STATE)
    assert not copy.has_row("SELECT 1 FROM uploads")
    assert not copy.has_row("SELECT 1 FROM upload_parts")
    copy.close()


def test_a_file_is_as_it_came_or_not(uploads: Uploads, tmp_path: Path) -> None:
    bring(uploads, b"abc", 7)
    send(uploads, b"defg", 3)
    parts, path = uploads.arrived(KID, Declaration(ID, FINAL, 7)), tmp_path / "file"
    assert parts is not None
    for changed in (b"abcdefG", b"Abcdefg", b"abcdef", b"abcdefgh", b""):
        path.write_bytes(changed)
        assert not reads_as_it_came(str(path), parts), changed
    path.write_bytes(b"abcdefg")
    assert reads_as_it_came(str(path), parts)


def test_what_is_known_of_parts_is_bounded(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads_module, "MOST_PARTS", 2)
    declare(uploads, 3)
    for at in range(3):
        send(uploads, b"x", at)
    assert uploads.arrived(KID, Declaration(ID, FINAL, 3)) is None
    assert uploads.find_complete(KID, ID) is not None


# -------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize("wrong", [Declaration(ID, "AB" * 32, 10), Declaration(ID, FINAL, 0)])
def test_what_can_be_no_recording_is_not_declared(uploads: Uploads, wrong: Declaration) -> None:
    with refused(UploadRefusal.BAD_DECLARATION):
        uploads.declare(KID, wrong)
    with refused(UploadRefusal.TOO_LARGE, match="10995116277760 bytes"):
        declare(uploads, 10 << 40)


def test_a_camera_has_so_many_uploads_whole_or_not(tmp_path: Path) -> None:
    uploads = uploads_in(tmp_path, UploadLimits(reserve=0, files=3))
    bring(uploads, b"x", 1, number(1))
    for count in (2, 3):
        declare(uploads, recording=number(count))
    with refused(UploadRefusal.CAMERA_FULL, match="bring the camera's ledger"):
        declare(uploads, recording=number(4))
    declare(uploads, recording=number(4), kid=OTHER)
    assert declare(uploads, recording=number(3)) == 0, "one of the three goes on"
    uploads.remove(KID, number(1))
    declare(uploads, recording=number(4))


def test_room_is_kept_for_all_that_was_declared_but_not_of_a_revoked_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a revoked camera brought whole still waits for its ingest."""
    Free(monkeypatch, 1_100_000)
    uploads = uploads_in(tmp_path, UploadLimits(reserve=100_000))
    bring(uploads, b"0", 1, number(2))
    declare(uploads, 400_000)
    assert uploads.count() == (1, 1)
    with refused(UploadRefusal.NO_ROOM, match="are promised to uploads that are not complete"):
        declare(uploads, 600_001, kid=OTHER)
    revoke(tmp_path, KID)
    assert uploads.count() == (0, 1)
    declare(uploads, 650_000, kid=OTHER)
    assert uploads.count() == (1, 1)
    take_back(tmp_path, KID)
    assert uploads.count() == (2, 1)


def test_room_that_was_promised_and_not_used_is_free_again_after_a_day(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came stays; its upload goes on as soon as there is room for the rest."""
    Free(monkeypatch, 100)
    uploads = uploads_in(tmp_path, UploadLimits(reserve=0), clock)
    bring(uploads, b"01234", 90)
    for advance in (0, DAY - 1):
        clock.advance(advance)
        with refused(UploadRefusal.NO_ROOM, match="promised to uploads"):
            declare(uploads, 20, number(2), OTHER)
    clock.advance(1)
    declare(uploads, 20, number(2), OTHER)
    assert uploads.expire(clock.moment()) == []
    assert declare(uploads, 90) == 5, "it is still there"
    with refused(UploadRefusal.NO_ROOM, match="are promised"):
        uploads.begin(KID, ID, 5)
    uploads.remove(OTHER, number(2))
    assert send(uploads, b"56789", 5) == 10
    with refused(UploadRefusal.NO_ROOM, match="are promised"):
        declare(uploads, 21, number(2), OTHER)


def test_no_camera_reserves_the_room_of_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Declarations of the largest recording, without a byte of any; the first one too."""
    uploads = uploads_in(tmp_path, UploadLimits(reserve=0))
    Free(monkeypatch, 65 * GIB, half=True)
    with refused(UploadRefusal.CAMERA_FULL, match="half of the room"):
        declare(uploads, 64 * GIB, number(0))
    Free(monkeypatch, 300 * GIB, half=True)
    declare(uploads, 64 * GIB, number(0))
    declare(uploads, 64 * GIB, number(1))
    with refused(UploadRefusal.CAMERA_FULL, match="half of the room"):
        declare(uploads, 64 * GIB, number(2))
    for count in range(3):
        declare(uploads, 10 * GIB, number(count), kid=OTHER)
    assert declare(uploads, 64 * GIB, number(1)) == 0, "what was declared goes on"


def quarantine(uploads: Uploads, root: Path, recording: str, body: bytes) -> None:
    bring(uploads, body, len(body), recording)
    path = uploads.content_path(KID, recording)
    Quarantine(str(root)).keep(KID, recording, path, verified_copy.digest(path), "not authentic")
    uploads.remove(KID, recording)


def test_what_does_not_verify_fills_the_place_of_its_camera_and_stays(tmp_path: Path) -> None:
    uploads = uploads_in(tmp_path, UploadLimits(reserve=0, camera=25))
    for one in range(2):
        quarantine(uploads, tmp_path, number(one), b"%010d" % one)
    with refused(UploadRefusal.CAMERA_FULL, match=f"office/quarantine/{KID}"):
        declare(uploads, 10, number(9))
    whole = Quarantined(2, 20)
    assert measure_quarantined(str(tmp_path)) == measure_quarantined(str(tmp_path), KID) == whole
    declare(uploads, 10, number(9), kid=OTHER)
    for path in (tmp_path / OFFICE / "quarantine" / KID).glob(f"{number(0)}*"):
        path.unlink()  # as a person does who has looked at it
    assert declare(uploads, 10, number(9)) == 0


LIMITS = UploadLimits(camera=100 * GIB, files=3)


class Asked(NamedTuple):
    """A camera with this much here asks for so many GiB. match: what it is told, "" if nothing."""

    length: float
    match: str = ""
    came: int = 0
    awaited: int = 0
    quarantined: tuple[int, float] = (0, 0)
    uploads: int = 0
    spare: int = 1000


@pytest.mark.parametrize(
    "asked",
    [
        Asked(40, awaited=60),
        Asked(41, "101 GiB of this camera.*receive.camera_gib.*was ingested", awaited=60),
        Asked(50, spare=100),
        Asked(51, "half of the room", spare=100),
        Asked(1, "half of the room", came=60, spare=1),
        Asked(10, quarantined=(2, 90)),
        Asked(11, f"look at office/quarantine/{KID}", quarantined=(2, 90)),
        Asked(0, "in 4 files.*at office/quarantine", quarantined=(3, 0)),
        Asked(0, "in 4 files.*at office/quarantine", quarantined=(1, 0), uploads=2),
        Asked(0, "in 4 files.*bring the camera's ledger", uploads=3),
        Asked(0, quarantined=(1, 0), uploads=1),
    ],
)
def test_a_camera_has_what_its_card_holds_and_at_most_half_of_the_room(asked: Asked) -> None:
    files, size = asked.quarantined
    here = UploadsHere(asked.uploads, asked.came * GIB, asked.awaited * GIB)
    quarantined = Quarantined(files, int(size * GIB))
    spare, length = asked.spare * GIB, int(asked.length * GIB) or 1
    if asked.match:
        with refused(UploadRefusal.CAMERA_FULL, match=asked.match):
            check_camera(
                LIMITS, KID, length, here, quarantined=quarantined, spare=asked.spare * GIB
            )
    else:
        check_camera(LIMITS, KID, length, here, quarantined=quarantined, spare=spare)


def test_how_full_the_place_of_a_camera_is() -> None:
    """By bytes or files, whichever is more; without any room it is full."""
    room = [(1000, 0, 100), (100, 0, 50), (60, 40, 50), (-5, 40, 20), (0, 0, 0)]
    for spare, here, most in room:
        assert most_of_one(LIMITS, spare * GIB, here * GIB) == most * GIB
    for files, size, percent in [(0, 0, 0), (1, 50, 50), (3, 0, 100), (1, 200, 200), (1, 0, 33)]:
        assert fills_percent(LIMITS, Quarantined(files, size * GIB), 1000 * GIB) == percent
    assert fills_percent(LIMITS, Quarantined(1, 0), 0) == 100


# -------------------------------------------------------------------------------------- times


class Idle(NamedTuple):
    """An upload of so many bytes of which this came, and after how many days it goes."""

    body: bytes
    length: int
    days: int


IDLE = [Idle(b"x", 60, 7), Idle(b"", 60, 1), Idle(b"x", 1, 7)]
"""Unfinished, declared only, and complete."""


@pytest.mark.parametrize("upload", IDLE)
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("ahead", [0, 3650], ids=["right", "ahead"])
def test_an_upload_goes_in_its_time_whatever_the_clock_said_when_it_came(
    tmp_path: Path, clock: ManualClock, upload: Idle, restarted: bool, ahead: int
) -> None:
    """From when the clock is right. A server that was away has a day to ingest what is whole."""
    uploads = uploads_in(tmp_path, UploadLimits(reserve=0), clock)
    if ahead:
        clock.step_wall(ahead * DAY)
        clock.source = ClockSource.UNKNOWN
    bring(uploads, upload.body, upload.length)
    if ahead:
        clock.step_wall(-ahead * DAY)
        clock.source = ClockSource.SYNCHRONISED
    assert uploads.expire(clock.moment()) == []
    clock.advance(upload.days * DAY - 1)
    if restarted:
        uploads = uploads_in(tmp_path, uploads.limits, clock)
    assert uploads.expire(clock.moment()) == []
    clock.advance(1)
    if restarted and len(upload.body) == upload.length:
        assert uploads.expire(clock.moment()) == []
        clock.advance(DAY)
    assert uploads.expire(clock.moment()) == [(KID, ID, bool(upload.body))]
    assert not (tmp_path / "office/incoming" / KID / ID).exists()
    with refused(UploadRefusal.NO_UPLOAD):
        uploads.find(KID, ID)


def test_room_that_was_promised_by_a_clock_that_was_ahead_is_free_again_after_a_day(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Free(monkeypatch, 120, half=True)
    uploads = uploads_in(tmp_path, UploadLimits(reserve=0), clock)
    clock.step_wall(3650 * DAY)
    bring(uploads, b"x", 60)
    clock.step_wall(-3650 * DAY)
    assert uploads.expire(clock.moment()) == []
    clock.advance(DAY - 1)
    with refused(UploadRefusal.CAMERA_FULL):
        bring(uploads, b"", 60, number(2), OTHER)
    clock.advance(1)
    bring(uploads, b"", 60, number(2), OTHER)
    assert came(uploads) == 1, "what came stays for its week"


def test_a_part_begins_the_week_anew(uploads: Uploads, clock: ManualClock) -> None:
    bring(uploads, b"0", 10)
    clock.advance(6 * DAY)
    part = uploads.begin(KID, ID, 1)
    part.write(b"1")
    clock.step_wall(30 * DAY)  # it was behind
    part.finish(hashlib.sha256(b"1").digest())
    part.close()
    clock.advance(7 * DAY - 1)
    assert uploads.expire(clock.moment()) == []
    clock.advance(1)
    assert uploads.expire(clock.moment()) == [(KID, ID, True)]


def test_a_clock_that_jumps_or_is_not_trusted_takes_nothing_away(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    Free(monkeypatch, 100)
    uploads = uploads_in(tmp_path, UploadLimits(reserve=0), clock)
    declare(uploads, 90)
    clock.step_wall(365 * DAY)
    assert uploads.expire(clock.moment()) == [], "not a second has passed"
    clock.source = ClockSource.UNKNOWN
    clock.advance(8 * DAY)
    assert uploads.expire(clock.moment()) == []
    assert uploads_in(tmp_path, uploads.limits, clock).expire(clock.moment()) == []
    with refused(UploadRefusal.NO_ROOM):
        declare(uploads, 20, number(2), OTHER)


# -------------------------------------------------------------------------------------- import


def old_upload(
    root: Path, recording: str, offsets: dict[int, tuple[int, int]], body: bytes
) -> Path:
    """An upload as version 0004 kept it. offsets: by record, bytes and when the last of them
    came."""
    directory = root / "office/incoming" / KID / recording
    directory.mkdir(parents=True)
    (directory / "content").write_bytes(body)
    slots = [bytes(512), bytes(512)]
    for record, (offset, at_us) in offsets.items():
        said = struct.pack(">8sQQQ", b"camerad1", record, offset, at_us)
        slots[record % 2] = (said + hashlib.sha256(said).digest()[:16]).ljust(512, b"\0")
    (directory / "offset").write_bytes(b"".join(slots))
    declared = {"recording": recording, "final": FINAL, "bytes": 10}
    (directory / "declaration").write_text(json.dumps(declared))
    return directory


def test_uploads_of_older_versions_go_on_though_their_import_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the commit nothing is there, and after it the files are only removed."""
    clock = ManualClock()
    now_us = clock.wall_us()
    old_upload(tmp_path, number(1), {3: (4, 0), 4: (10, now_us)}, b"0123456789")
    half = old_upload(tmp_path, number(2), {1: (4, now_us), 0: (0, 0)}, b"0123 not counted")
    damaged = old_upload(tmp_path, number(3), {0: (4, now_us)}, b"0123")
    (damaged / "declaration").write_text("nonsense")
    unknown = old_upload(tmp_path, number(4), {}, b"0123")
    (tmp_path / "office/incoming" / KID / "ledger").mkdir()
    remove = durable_files.remove
    removed: list[str] = []

    def interrupted(path: str, *, missing_ok: bool = False) -> None:
        if len(removed) == limit:
            raise StorageError("the power is gone")
        removed.append(path)
        remove(path, missing_ok=missing_ok)

    monkeypatch.setattr(durable_files, "remove", interrupted)
    for limit in (0, 1, 2, 99):
        removed.clear()
        state = state_in(tmp_path)
        if limit < 99:
            with pytest.raises(StorageError, match="power"):
                state.open()
        else:
            state.open()
        state.close()
    monkeypatch.undo()
    uploads = uploads_in(tmp_path, UploadLimits(reserve=0), clock)
    uploads.tidy()
    assert uploads.find_complete(KID, number(1)) == Declaration(number(1), FINAL, 10)
    assert came(uploads, number(2)) == 4
    assert send(uploads, b"456789", 4, rec=number(2)) == 10
    assert (half / "content").read_bytes() == b"0123456789"
    assert uploads.arrived(KID, Declaration(number(2), FINAL, 10)) is None, "not from its beginning"
    assert came(uploads, number(4)) == 0 and unknown.exists()
    assert not damaged.exists(), "its camera brings it again"
    assert uploads.expire(clock.moment()) == [(KID, number(4), False)]
    assert [path.name for path in tmp_path.rglob("incoming/*/*/*")] == ["content", "content"]


def test_an_import_that_is_done_brings_nothing_back(tmp_path: Path) -> None:
    path = old_upload(tmp_path, ID, {0: (4, 0)}, b"0123")
    state = state_in(tmp_path)
    state.open()
    uploads = Uploads(str(tmp_path), state, UploadLimits(reserve=0))
    uploads.remove(KID, ID)
    old_upload(tmp_path, ID, {0: (4, 0)}, b"0123")
    database = Database(f"sqlite:///{tmp_path}/office/state.sqlite", STATE)
    import_server_files(str(tmp_path), database)
    database.close()
    assert not (path / "declaration").exists()
    with pytest.raises(UploadError):
        uploads.find(KID, ID)
    state.close()
