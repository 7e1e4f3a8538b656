"""An upload has what was signed and synchronised, and nothing else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from state_helpers import refused, revoke, take_back, uploads_in

from camerad.base import durable_files
from camerad.base.clock import DAY, ClockSource, ManualClock
from camerad.base.errors import CameradError, StorageError
from camerad.office.server import camera_quotas, upload_files
from camerad.office.server.part_upload import WRITE_OUT
from camerad.office.server.upload_errors import UploadRefusal
from camerad.office.server.upload_files import Declaration, UploadFiles
from camerad.office.server.upload_limits import UploadLimits
from camerad.office.server.uploads import INCOMING, Uploads
from camerad.store.locations import OFFICE

KID, OTHER = "k" * 43, "-" + "o" * 42
ID = "20261128T120000Z-000001-0123abcd"
FINAL = "ab" * 32
SMALL = UploadLimits(largest=1 << 20, reserve=0)


def number(count: int) -> str:
    return f"20261128T120000Z-{count:06d}-0123abcd"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def uploads(tmp_path: Path, clock: ManualClock) -> Uploads:
    return uploads_in(tmp_path, SMALL, clock)


def declare(uploads: Uploads, length: int = 10, recording: str = ID, kid: str = KID) -> int:
    return uploads.declare(kid, Declaration(recording, FINAL, length))


def send(uploads: Uploads, body: bytes, offset: int = 0, kid: str = KID, rec: str = ID) -> int:
    part = uploads.begin(kid, rec, offset)
    try:
        part.write(body)
        return part.finish(hashlib.sha256(body).digest())
    finally:
        part.close()


def content(uploads: Uploads) -> bytes:
    return Path(uploads.content_path(KID, ID)).read_bytes()


def test_parts_come_one_behind_the_other_until_the_upload_is_complete(uploads: Uploads) -> None:
    assert declare(uploads) == 0
    assert send(uploads, b"01234") == 5
    assert list(uploads.complete()) == []
    assert send(uploads, b"56789", 5) == 10
    assert content(uploads) == b"0123456789"
    assert list(uploads.complete()) == [(KID, Declaration(ID, FINAL, 10))]


def test_another_server_on_the_same_directory_goes_on_where_this_one_was(
    uploads: Uploads, tmp_path: Path, clock: ManualClock
) -> None:
    declare(uploads)
    send(uploads, b"0123")
    again = uploads_in(tmp_path, SMALL, clock)
    assert again.offset(KID, ID) == 4
    assert declare(again) == 4


def test_who_declares_the_same_again_is_told_where_it_is(uploads: Uploads) -> None:
    declare(uploads)
    send(uploads, b"0123")
    assert declare(uploads) == 4
    assert content(uploads) == b"0123"


@pytest.mark.parametrize(("final", "length"), [("cd" * 32, 10), (FINAL, 11)])
def test_who_declares_something_else_is_refused_and_the_log_says_so(
    uploads: Uploads, caplog: pytest.LogCaptureFixture, final: str, length: int
) -> None:
    declare(uploads)
    send(uploads, b"0123")
    with refused(UploadRefusal.DECLARED_DIFFERENTLY, match="was declared with 10 bytes"):
        uploads.declare(KID, Declaration(ID, final, length))
    assert f"and now with {length}" in caplog.text
    assert uploads.offset(KID, ID) == 4


@pytest.mark.parametrize("offset", [0, 3, 5, 10, 1 << 70])
def test_a_part_begins_where_the_upload_ends(uploads: Uploads, offset: int) -> None:
    declare(uploads)
    send(uploads, b"0123")
    with refused(UploadRefusal.WRONG_OFFSET) as wrong:
        uploads.begin(KID, ID, offset)
    assert wrong.value.headers == {"Upload-Offset": "4"}


def test_a_part_with_another_body_than_the_signed_one_leaves_nothing(uploads: Uploads) -> None:
    declare(uploads)
    send(uploads, b"0123")
    part = uploads.begin(KID, ID, 4)
    part.write(b"forged")
    with refused(UploadRefusal.WRONG_BODY):
        part.finish(hashlib.sha256(b"456789").digest())
    part.close()
    assert (uploads.offset(KID, ID), content(uploads)) == (4, b"0123")


def test_a_part_that_is_given_up_leaves_nothing(uploads: Uploads) -> None:
    declare(uploads)
    part = uploads.begin(KID, ID, 0)
    part.write(b"0123")
    part.close()
    part.close()  # as whoever is cancelled may do
    assert (uploads.offset(KID, ID), content(uploads)) == (0, b"")
    with pytest.raises(StorageError, match="given up"):
        part.write(b"4")


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
        calls.append(("synchronised", 0, uploads.offset(KID, ID)))
        sync(descriptor, path)

    declare(uploads, 5 * len(piece))
    monkeypatch.setattr(durable_files, "begin_sync", begun)
    monkeypatch.setattr(durable_files, "sync", synchronised)
    part = uploads.begin(KID, ID, 0)
    for _ in range(5):
        part.write(piece)
    assert part.finish(hashlib.sha256(5 * piece).digest()) == 5 * len(piece)
    part.close()
    # Two pieces at a time, and the fifth waits for the end; then nothing counted still, and the
    # offset is written behind it.
    assert calls == [
        ("begun", 0, WRITE_OUT),
        ("begun", WRITE_OUT, WRITE_OUT),
        ("synchronised", 0, 0),
        ("synchronised", 0, 5 * len(piece)),
    ]


def test_a_storage_that_fails_before_the_end_makes_nothing_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise StorageError("the disk is gone")

    uploads = uploads_in(tmp_path, UploadLimits(reserve=0))
    declare(uploads, WRITE_OUT)
    monkeypatch.setattr(durable_files, "begin_sync", failing)
    part = uploads.begin(KID, ID, 0)
    with pytest.raises(StorageError, match="gone"):
        part.write(bytes(WRITE_OUT))
    part.close()
    assert (uploads.offset(KID, ID), content(uploads)) == (0, b"")


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


def test_nothing_goes_beyond_what_was_declared(uploads: Uploads) -> None:
    declare(uploads)
    part = uploads.begin(KID, ID, 0)
    part.write(b"0123456789")
    with refused(UploadRefusal.TOO_LARGE):
        part.write(b"x")
    part.close()
    assert content(uploads) == b""


def test_one_part_at_a_time(uploads: Uploads) -> None:
    declare(uploads)
    part = uploads.begin(KID, ID, 0)
    for other in (lambda: uploads.begin(KID, ID, 0), lambda: uploads.remove(KID, ID)):
        with refused(UploadRefusal.BUSY):
            other()
    part.close()
    uploads.begin(KID, ID, 0).close()


def test_a_complete_upload_is_not_added_to(uploads: Uploads) -> None:
    declare(uploads, 2)
    send(uploads, b"01")
    with refused(UploadRefusal.COMPLETE):
        uploads.begin(KID, ID, 2)
    uploads.remove(KID, ID)  # whoever took it over does this
    with refused(UploadRefusal.NO_UPLOAD):
        uploads.offset(KID, ID)


def test_an_upload_that_was_removed_is_gone_and_can_begin_again(
    uploads: Uploads, tmp_path: Path
) -> None:
    declare(uploads)
    send(uploads, b"01")
    uploads.remove(KID, ID)
    assert not (tmp_path / "office/incoming" / KID / ID).exists()
    uploads.remove(KID, ID)
    assert declare(uploads) == 0


def test_a_camera_has_nothing_of_another_one_s(uploads: Uploads) -> None:
    declare(uploads)
    for ask in (uploads.offset, uploads.declared):
        with refused(UploadRefusal.NO_UPLOAD):
            ask(OTHER, ID)
    declare(uploads, 5, kid=OTHER)  # the same id, of another camera
    assert uploads.declared(KID, ID).bytes == 10


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
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["office", "office/incoming", f"office/incoming/{KID}"])
def test_nothing_follows_a_link(tmp_path: Path, place: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    root = tmp_path / "root"
    link = root / place
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    with pytest.raises(StorageError, match="symbolic link"):
        declare(uploads_in(root, SMALL))
    assert list(elsewhere.iterdir()) == []


def test_a_link_in_the_place_of_the_content_is_not_written_through(
    uploads: Uploads, tmp_path: Path
) -> None:
    declare(uploads)
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    path = Path(uploads.content_path(KID, ID))
    path.unlink()
    path.symlink_to(victim)
    with pytest.raises(StorageError, match="symbolic link"):
        uploads.begin(KID, ID, 0)
    assert victim.read_bytes() == b"mine"
    path.unlink()
    path.write_bytes(b"")
    send(uploads, b"01")  # and the upload is not claimed for ever


@pytest.mark.parametrize("wrong", [Declaration(ID, "AB" * 32, 10), Declaration(ID, FINAL, 0)])
def test_what_can_be_no_recording_is_not_declared(uploads: Uploads, wrong: Declaration) -> None:
    with refused(UploadRefusal.BAD_DECLARATION):
        uploads.declare(KID, wrong)


def test_ten_terabytes_are_refused_before_anything_is_written(
    uploads: Uploads, tmp_path: Path
) -> None:
    with refused(UploadRefusal.TOO_LARGE, match="10995116277760 bytes"):
        declare(uploads, 10 << 40)
    assert not (tmp_path / OFFICE / INCOMING).exists()


def test_a_camera_has_so_many_unfinished_uploads_and_complete_ones_do_not_count(
    uploads: Uploads,
) -> None:
    declare(uploads, 2, number(99))
    send(uploads, b"01", rec=number(99))
    for count in range(8):
        declare(uploads, recording=number(count))
    with refused(UploadRefusal.TOO_MANY, match="8 unfinished"):
        declare(uploads, recording=number(8))
    declare(uploads, kid=OTHER)
    assert declare(uploads, recording=number(3)) == 0, "one of the eight goes on"
    uploads.remove(KID, number(0))
    declare(uploads, recording=number(8))


def test_room_is_kept_for_all_that_was_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = os.statvfs(tmp_path)
    free = 1_000_000 // state.f_frsize * state.f_frsize

    class Full:
        f_bavail, f_frsize = free // state.f_frsize, state.f_frsize
        f_flag = 0

    monkeypatch.setattr(camera_quotas, "most_of_one", lambda *_: 1 << 60)  # a rule of its own
    monkeypatch.setattr(os, "statvfs", lambda path: Full)
    uploads = uploads_in(tmp_path, UploadLimits(reserve=100_000))
    declare(uploads, free - 200_000)
    with refused(UploadRefusal.NO_ROOM, match="are promised to uploads that are not complete"):
        declare(uploads, 100_001, number(2), kid=OTHER)
    declare(uploads, 100_000, number(2), kid=OTHER)


def test_what_a_withdrawn_camera_does_not_bring_has_no_room_and_is_not_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it brought whole still waits to be taken over."""

    class Free:
        f_bavail, f_frsize = 1_000_000, 1
        f_flag = 0

    monkeypatch.setattr(camera_quotas, "most_of_one", lambda *_: 1 << 60)  # a rule of its own
    monkeypatch.setattr(os, "statvfs", lambda path: Free)
    uploads = uploads_in(tmp_path, SMALL)
    declare(uploads, 1, number(2))
    send(uploads, b"0", rec=number(2))
    declare(uploads, 400_000)
    assert uploads.count() == (1, 1)
    with refused(UploadRefusal.NO_ROOM, match="are promised to uploads"):
        declare(uploads, 650_000, kid=OTHER)
    revoke(tmp_path, KID)
    assert uploads.count() == (0, 1)
    declare(uploads, 650_000, kid=OTHER)
    assert uploads.count() == (1, 1)
    take_back(tmp_path, KID)
    assert uploads.count() == (2, 1)


def test_what_got_nothing_for_a_week_is_removed_and_nothing_else(
    uploads: Uploads, clock: ManualClock
) -> None:
    """Complete uploads count from their last part as well."""
    for name in (ID, number(2)):
        declare(uploads, 2, name)
    send(uploads, b"0")
    clock.advance(DAY // 2)
    send(uploads, b"01", rec=number(2))
    clock.advance(7 * DAY - DAY // 2 - 1)
    declare(uploads, recording=number(3))
    assert uploads.expire(clock.moment()) == []
    clock.advance(1)
    assert uploads.expire(clock.moment())[0][:2] == (KID, ID)
    assert uploads.offset(KID, number(3)) == 0
    assert [one.recording for _, one in uploads.complete()] == [number(2)], "it waits to be taken"


def test_what_was_declared_and_never_came_is_removed_after_a_day(
    uploads: Uploads, clock: ManualClock
) -> None:
    declare(uploads)
    declare(uploads, 2, number(2))
    send(uploads, b"0", rec=number(2))
    clock.advance(DAY - 1)
    assert uploads.expire(clock.moment()) == []
    clock.advance(1)
    assert uploads.expire(clock.moment())[0][:2] == (KID, ID)
    assert uploads.offset(KID, number(2)) == 1


def test_room_that_was_promised_and_not_used_is_free_again_after_a_day(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came stays; its upload goes on as soon as there is room for the rest."""

    class Free:
        f_bavail, f_frsize = 100, 1
        f_flag = 0

    monkeypatch.setattr(camera_quotas, "most_of_one", lambda *_: 1 << 60)  # a rule of its own
    monkeypatch.setattr(os, "statvfs", lambda _: Free)
    uploads = uploads_in(tmp_path, UploadLimits(reserve=0), clock)
    declare(uploads, 90)
    send(uploads, b"01234")
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


def test_a_clock_that_is_not_trusted_takes_no_room_back(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Free:
        f_bavail, f_frsize = 100, 1
        f_flag = 0

    monkeypatch.setattr(camera_quotas, "most_of_one", lambda *_: 1 << 60)  # a rule of its own
    monkeypatch.setattr(os, "statvfs", lambda _: Free)
    clock.source = ClockSource.UNKNOWN
    uploads = uploads_in(tmp_path, UploadLimits(reserve=0), clock)
    declare(uploads, 90)
    clock.advance(3 * DAY)
    with refused(UploadRefusal.NO_ROOM):
        declare(uploads, 20, number(2), OTHER)


def test_an_upload_that_gets_a_part_begins_its_week_anew(
    uploads: Uploads, clock: ManualClock
) -> None:
    declare(uploads)
    send(uploads, b"0")
    clock.advance(6 * DAY)
    send(uploads, b"1", 1)
    clock.advance(6 * DAY)
    assert uploads.expire(clock.moment()) == []


def test_a_clock_that_jumps_or_is_not_trusted_removes_nothing(
    uploads: Uploads, clock: ManualClock, tmp_path: Path
) -> None:
    declare(uploads)
    clock.step_wall(365 * DAY)
    assert uploads.expire(clock.moment()) == [], "not a second has passed"
    clock.source = ClockSource.UNKNOWN
    clock.advance(8 * DAY)
    assert uploads.expire(clock.moment()) == []
    assert uploads_in(tmp_path, SMALL, clock).expire(clock.moment()) == []


def test_what_is_being_written_does_not_expire(uploads: Uploads, clock: ManualClock) -> None:
    declare(uploads)
    part = uploads.begin(KID, ID, 0)
    clock.advance(8 * DAY)
    assert uploads.expire(clock.moment()) == []
    part.close()


@pytest.mark.parametrize("slot", [0, 1])
def test_a_damaged_record_of_the_offset_leaves_the_one_before(uploads: Uploads, slot: int) -> None:
    declare(uploads)
    send(uploads, b"01")
    send(uploads, b"23", 2)  # records 0 and 2 went to the first slot, 1 to the second
    path = Path(uploads.content_path(KID, ID)).with_name("offset")
    damaged = bytearray(path.read_bytes())
    damaged[slot * 512 + 20] ^= 1
    path.write_bytes(damaged)
    assert uploads.offset(KID, ID) == (2 if slot == 0 else 4)


def test_an_offset_that_cannot_be_read_counts_as_nothing(
    uploads: Uploads, caplog: pytest.LogCaptureFixture
) -> None:
    declare(uploads)
    send(uploads, b"01")
    Path(uploads.content_path(KID, ID)).with_name("offset").write_bytes(b"\xff" * 1024)
    assert uploads.offset(KID, ID) == 0
    assert "damaged" in caplog.text
    assert send(uploads, b"0123456789") == 10


def test_content_that_the_storage_lost_is_brought_again(uploads: Uploads) -> None:
    declare(uploads)
    send(uploads, b"0123")
    os.truncate(uploads.content_path(KID, ID), 3)
    with pytest.raises(StorageError, match="4 were durable"):
        uploads.begin(KID, ID, 4)
    assert send(uploads, b"0123456789") == 10


def test_a_broken_upload_of_one_camera_keeps_no_other_out(
    uploads: Uploads, caplog: pytest.LogCaptureFixture
) -> None:
    declare(uploads)
    Path(uploads.content_path(KID, ID)).with_name("declaration").write_text("nonsense")
    declare(uploads, kid=OTHER)
    assert "no declaration" in caplog.text
    with pytest.raises(StorageError, match="no declaration"):
        declare(uploads)


@pytest.mark.parametrize("failing", ["sync", "write"])
def test_a_part_that_the_storage_refuses_does_not_count(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    declare(uploads)
    send(uploads, b"01")

    def refuse(*_: object) -> int:
        raise StorageError("EIO")

    with monkeypatch.context() as patch:
        patch.setattr(durable_files, failing, refuse)
        with pytest.raises(CameradError, match="EIO"):
            send(uploads, b"23", 2)
    assert (uploads.offset(KID, ID), content(uploads)) == (2, b"01")
    assert send(uploads, b"23", 2) == 4


def test_bytes_stay_where_the_offset_may_say_that_they_count(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The offset is written, and its synchronisation fails: the storage may have it."""
    declare(uploads)
    synced = []

    def second_fails(_: int, path: str) -> None:
        synced.append(os.path.basename(path))
        if len(synced) == 2:
            raise StorageError("EIO")

    with monkeypatch.context() as patch:
        patch.setattr(durable_files, "sync", second_fails)
        with pytest.raises(StorageError, match="EIO"):
            send(uploads, b"0123")
    assert synced == ["content", "offset"]
    assert content(uploads) == b"0123"
    assert uploads.offset(KID, ID) == 4


def test_what_a_loss_of_power_left_is_tidied_up(uploads: Uploads, tmp_path: Path) -> None:
    declare(uploads)
    half = tmp_path / "office/incoming" / KID / number(2)
    half.mkdir()
    (half / "content").touch()
    (half / "declaration.new").touch()
    uploads.tidy()
    assert not half.exists()
    assert uploads.offset(KID, ID) == 0


def _whole(uploads: Uploads, recording: str) -> None:
    declare(uploads, 1, recording)
    part = uploads.begin(KID, recording, 0)
    part.write(b"x")
    part.finish(hashlib.sha256(b"x").digest())
    part.close()


def test_complete_uploads_of_a_camera_are_bounded_and_found_by_name(tmp_path: Path) -> None:
    uploads = uploads_in(tmp_path, UploadLimits(reserve=0, complete=2))
    for count in (1, 2):
        _whole(uploads, number(count))
    with refused(UploadRefusal.TOO_MANY, match="bring its ledger"):
        declare(uploads, recording=number(3))
    declare(uploads, recording=number(3), kid=OTHER)
    assert uploads.find_complete(KID, number(1)) == Declaration(number(1), FINAL, 1)
    assert uploads.find_complete(KID, number(3)) is None
    assert uploads.find_complete(OTHER, number(3)) is None
    assert list(uploads.complete(OTHER)) == []
    uploads.remove(KID, number(1))
    declare(uploads, recording=number(3))


def test_a_complete_upload_that_nobody_ingests_goes_in_its_time(
    uploads: Uploads, clock: ManualClock, tmp_path: Path
) -> None:
    _whole(uploads, ID)
    clock.advance(7 * DAY - 1)
    assert uploads.expire(clock.moment()) == []
    clock.advance(1)
    # A server that was away meanwhile has a day to take it over.
    again = uploads_in(tmp_path, SMALL, clock)
    assert again.expire(clock.moment()) == []
    clock.advance(DAY)
    assert again.expire(clock.moment())[0][:2] == (KID, ID)
    assert again.find_complete(KID, ID) is None


def test_one_damaged_declaration_keeps_nothing_else_from_going_on(
    uploads: Uploads, clock: ManualClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The server starts, and what is due goes."""
    for count in (1, 2, 3):
        declare(uploads, recording=number(count))
    (path,) = tmp_path.rglob(f"{number(2)}/declaration")
    path.write_bytes(bytes(60))
    uploads.tidy()
    assert f"{number(2)}/declaration: this is no declaration" in caplog.text
    clock.advance(8 * DAY)
    gone = uploads.expire(clock.moment())
    assert gone == [(KID, number(1), False), (KID, number(3), False)]
    assert path.exists()


def test_an_upload_that_is_removed_while_somebody_asks_is_none(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its declaration was read, and then it was taken over."""
    declare(uploads)
    send(uploads, b"0123456789")
    read = UploadFiles.declaration

    def removed_behind(files: UploadFiles) -> Declaration | None:
        found = read(files)
        monkeypatch.setattr(UploadFiles, "declaration", read)
        uploads.remove(KID, ID)
        return found

    monkeypatch.setattr(UploadFiles, "declaration", removed_behind)
    assert uploads.find_complete(KID, ID) is None
    declare(uploads)
    monkeypatch.setattr(UploadFiles, "declaration", removed_behind)
    with refused(UploadRefusal.NO_UPLOAD, match="just now"):
        uploads.offset(KID, ID)
    declare(uploads)
    monkeypatch.setattr(UploadFiles, "declaration", removed_behind)
    assert list(uploads.complete()) == []
    declare(uploads)
    os.unlink(uploads._files(KID, ID).offset)
    with pytest.raises(StorageError):
        uploads.offset(KID, ID)


def test_a_declaration_that_goes_while_it_is_read_is_none(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(uploads)
    read = upload_files.read_plain

    def gone(path: str, what: str, largest: int) -> bytes:
        os.unlink(path)
        return read(path, what, largest)

    monkeypatch.setattr(upload_files, "read_plain", gone)
    assert uploads.find_complete(KID, ID) is None
