"""`camerad evidence purge` deletes, and calls deleted, only what it has read and what the ledger
names; whatever is away, lost or changed is told, and is no success."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import ONE, TWO, Camera, recording

from camerad.base import durable_files, storage_errors
from camerad.base.clock import DAY
from camerad.base.errors import EX_IOERR, EX_NOPERM
from camerad.container import jws
from camerad.container.limits import MOST_DAYS
from camerad.store import deletable

from .conftest import Desk, Said
from .evidence_steps import WHO, copy_in
from .test_purge import COMMAND as PURGE
from .test_purge import LATER_US, Office, clock, lines
from .test_unreadable_office import CLERK, GROUP, clerk, tmp_path

__all__ = ["clock", "tmp_path"]


@pytest.fixture
def purge(desk: Desk, archive: Path, key: Path, clock: type[Office]) -> Desk:
    def run(*more: object) -> Said:
        return desk(*PURGE, archive, "--key", key, *more)

    return run


def signed(archive: Path) -> list[tuple[str, str]]:
    """Kind and recording of the entries of the office's ledger about what is gone."""
    found = []
    for path in sorted((archive / "office" / "ledger").glob("*.jws")):
        for line in path.read_bytes().splitlines():
            said = json.loads(jws.parse(line).payload)
            if said["kind"] in ("deleted", "missing"):
                found.append((said["kind"], said["facts"]["id"]))
    return found


@pytest.fixture
def two(archive: Path, camera: Camera) -> Path:
    """A second recording in the office's directory; where it is."""
    camera.put(TWO)
    camera.offload(archive)
    return copy_in(archive).with_name(f"{TWO}.tar")


def hold(desk: Desk, archive: Path, key: Path, what: str) -> None:
    more = ("--state", archive, "--reason", "Anzeige", *WHO, "--key", key)
    assert desk("evidence", "hold", what, *more).code == 0


def give(archive: Path) -> None:
    """Everything is the clerk's."""
    for directory, _, names in os.walk(archive.parent):
        for one in (directory, *(os.path.join(directory, name) for name in names)):
            if not os.path.islink(one):
                os.chown(one, CLERK, GROUP)


@pytest.mark.parametrize("other", [False, True])
def test_a_file_that_cannot_be_read_is_neither_deleted_nor_called_so(
    desk: Desk, two: Path, archive: Path, key: Path, clock: type[Office], *, other: bool
) -> None:
    """other: it is a recording that is held, under the name of one that is due."""
    assert desk(*PURGE, archive, "--key", key).code == 0
    hold(desk, archive, key, TWO)
    one = copy_in(archive)
    if other:
        two.rename(one)
    clock.wall_us = LATER_US
    give(archive)
    os.chown(one, 0, 0)
    one.chmod(0o000)
    with clerk():
        for _ in range(2):
            said = desk(*PURGE, archive, "--key", key, "--office-key", _office_key(key))
            # What is lost besides is graver than what cannot be read.
            assert (said.code, lines(said)[0][:12]) == (2 if other else EX_NOPERM, "not finished")
            assert "cannot read the recording" in said.out
    assert one.exists()
    assert ("deleted", ONE) not in signed(archive)


def _office_key(key: Path) -> Path:
    (path,) = (key.parent / "config").rglob("*.pem")
    return path


@pytest.mark.parametrize("kind", ["link", "pipe", "directory"])
def test_what_is_no_file_under_a_recordings_name_is_left_and_nothing_is_signed(
    purge: Desk, archive: Path, clock: type[Office], tmp_path: Path, kind: str
) -> None:
    assert purge().code == 0
    one, elsewhere = copy_in(archive), tmp_path / "y.tar"
    one.rename(elsewhere)
    if kind == "link":
        one.symlink_to(elsewhere)
    elif kind == "pipe":
        os.mkfifo(one)
    else:
        one.mkdir()
    for days in (20, MOST_DAYS + 20):
        clock.wall_us = LATER_US + (days - 20) * DAY
        for _ in range(2):
            said = purge()
            assert (said.code in (2, EX_IOERR), lines(said)[0][:12]) == (True, "not finished")
            assert str(one) in said.out or ONE in said.out
    assert one.is_symlink() or one.exists()
    assert signed(archive) == []


def test_where_nothing_can_be_removed_no_deletion_is_signed(
    desk: Desk, archive: Path, key: Path, clock: type[Office]
) -> None:
    assert desk(*PURGE, archive, "--key", key).code == 0
    clock.wall_us = LATER_US
    give(archive)
    os.chown(copy_in(archive).parent, 0, 0)
    copy_in(archive).parent.chmod(0o755)
    with clerk():
        for _ in range(2):
            said = desk(*PURGE, archive, "--key", key, "--office-key", _office_key(key))
            assert (said.code, lines(said)[0][:12]) == (EX_NOPERM, "not finished")
            assert "cannot remove the recording" in said.out
    assert signed(archive) == []


def test_storage_that_is_mounted_read_only_is_named(
    purge: Desk, archive: Path, clock: type[Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert purge().code == 0
    clock.wall_us = LATER_US

    class Only:
        f_flag = os.ST_RDONLY

    monkeypatch.setattr(deletable.os, "statvfs", lambda _: Only)
    said = purge()
    assert (said.code, "read-only" in said.out, signed(archive)) == (EX_IOERR, True, [])

    def fails(_: str) -> Any:
        raise OSError(5, "input/output error")

    monkeypatch.setattr(deletable.os, "statvfs", fails)
    said = purge()
    assert (said.code, "input/output" in said.out, signed(archive)) == (EX_IOERR, True, [])


def test_a_deletion_that_fails_is_told_each_time_and_what_is_left_is_no_copy(
    desk: Desk,
    purge: Desk,
    *,
    archive: Path,
    key: Path,
    clock: type[Office],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(path: str, **_: Any) -> None:
        raise storage_errors.explain("remove the file", path, OSError(5, "input/output error"))

    clock.wall_us = LATER_US
    with monkeypatch.context() as patched:
        patched.setattr(durable_files, "remove", refuse)
        for _ in range(2):
            said = purge()
            assert (said.code, lines(said)[0][:12]) == (EX_IOERR, "not finished")
            assert "is deleted by the ledger, and still here" in said.out
    assert "deleted by the ledger, and still here" in desk("evidence", "list", archive).out
    said = desk("evidence", "verify", archive, "--key", key)
    assert (
        said.code,
        f"{ONE}: the ledger calls it deleted, but its file is still here" in said.out,
    ) == (
        2,
        True,
    )
    assert purge().code == 0
    assert not copy_in(archive).exists()


@pytest.mark.parametrize("made", ["cut", "zeros", "gone"])
def test_what_is_lost_or_changed_is_told_by_each_purge(
    purge: Desk, archive: Path, clock: type[Office], made: str
) -> None:
    assert purge().code == 0
    one = copy_in(archive)
    whole = one.read_bytes()
    if made == "gone":
        one.unlink()
    else:
        one.write_bytes(whole[:-2048] if made == "cut" else bytes(len(whole)))
    for _ in range(2):
        said = purge()
        assert (said.code, lines(said)[0][:12], ONE in said.out) == (2, "not finished", True)
    if made == "gone":
        return
    clock.wall_us = LATER_US
    for _ in range(2):
        assert purge().code == 2
    assert (one.exists(), signed(archive)) == (True, [])
    # Nothing stays for ever.
    clock.wall_us += MOST_DAYS * DAY
    assert purge().code == 0
    assert (one.exists(), signed(archive)) == (False, [("deleted", ONE)])


def test_a_recording_that_is_held_and_gone_is_told_for_as_long_as_it_is_held(
    desk: Desk, purge: Desk, *, two: Path, archive: Path, key: Path, clock: type[Office]
) -> None:
    assert purge().code == 0
    hold(desk, archive, key, TWO)
    two.unlink()
    clock.wall_us = LATER_US
    for _ in range(2):
        said = purge()
        assert (said.code, f"{TWO}: its file has vanished" in said.out) == (2, True)
        assert "though it is held" in said.out


@pytest.mark.parametrize("how", ["gone", "empty", "file", "link"])
def test_a_cameras_directory_that_is_away_is_no_loss_of_recordings(
    purge: Desk, archive: Path, clock: type[Office], tmp_path: Path, how: str
) -> None:
    assert purge().code == 0
    holding = copy_in(archive).parents[1]
    elsewhere = tmp_path / "elsewhere"
    holding.rename(elsewhere)
    if how == "empty":
        holding.mkdir()
    elif how == "file":
        holding.write_text("x")
    elif how == "link":
        holding.symlink_to(elsewhere)
    for wall_us in (clock.wall_us, LATER_US, LATER_US):
        clock.wall_us = wall_us
        for more in (("--dry-run",), ()):
            said = purge(*more)
            assert (said.code, "'cam-1' is away, with 1 recording" in said.out) == (2, True)
    assert signed(archive) == []
    if how in ("file", "link"):
        holding.unlink()
    elif how == "empty":
        holding.rmdir()
    elsewhere.rename(holding)
    assert purge().code == 0
    assert signed(archive) == [("deleted", ONE)]


def other_directory(archive: Path) -> Path:
    """One of the same camera by another key, with nothing in it yet."""
    other = archive / f"cam-1-{'A' * 8}"
    (other / "recordings").mkdir(parents=True)
    return other


def test_a_camera_with_two_directories_of_which_one_is_away_has_lost_nothing(
    purge: Desk, archive: Path, clock: type[Office], tmp_path: Path
) -> None:
    """As after a reset, which makes another key."""
    assert purge().code == 0
    holding, elsewhere = copy_in(archive).parents[1], tmp_path / "elsewhere"
    holding.rename(elsewhere)
    other_directory(archive)
    for wall_us in (clock.wall_us, LATER_US, LATER_US):
        clock.wall_us = wall_us
        for more in (("--dry-run",), ()):
            said = purge(*more)
            assert (said.code, "'cam-1' is away, with 1 recording" in said.out) == (2, True)
    assert signed(archive) == []
    elsewhere.rename(holding)
    assert purge().code == 0
    assert signed(archive) == [("deleted", ONE)]


@pytest.mark.parametrize("left", ["receipts", "ledger"])
def test_of_a_camera_with_two_directories_a_recording_that_has_vanished_is_called_so(
    purge: Desk, archive: Path, left: str
) -> None:
    """What came with it tells in which of them it was."""
    assert purge().code == 0
    holding = copy_in(archive).parents[1]
    other_directory(archive)
    copy_in_first = holding / "recordings" / f"{ONE}.tar"
    copy_in_first.unlink()
    shutil.rmtree(holding / ("ledger" if left == "receipts" else "receipts"))
    said = purge()
    assert (said.code, f"{ONE}: its file has vanished" in said.out) == (2, True)
    assert signed(archive) == [("missing", ONE)]


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_lies_under_the_name_of_what_is_deleted_goes_only_if_it_is_a_plain_file(
    purge: Desk, archive: Path, clock: type[Office], tmp_path: Path, kind: str
) -> None:
    assert purge().code == 0
    one, elsewhere = copy_in(archive), tmp_path / "y.tar"
    whole = one.read_bytes()
    clock.wall_us = LATER_US
    assert purge().code == 0
    assert signed(archive) == [("deleted", ONE)]
    if kind == "link":
        elsewhere.write_bytes(whole)
        one.symlink_to(elsewhere)
    else:
        os.mkfifo(one)
    for _ in range(2):
        said = purge()
        assert (said.code, lines(said)[0][:12]) == (2, "not finished")
        assert said.out.count(str(one)) == 1
        assert f"{ONE} is deleted by the ledger" in said.out
    assert one.is_symlink() or one.exists()
    one.unlink()
    one.write_bytes(whole)
    assert purge().code == 0
    assert not one.exists()


@pytest.mark.parametrize("whose", ["the office's", "a camera's"])
def test_a_ledger_that_nobody_can_hold_in_memory_ends_no_command_for_the_rest(
    desk: Desk,
    purge: Desk,
    *,
    archive: Path,
    key: Path,
    clock: type[Office],
    whose: str,
) -> None:
    """What can be done is done, and what is wrong is said."""
    assert purge().code == 0
    parts = {"the office's": archive / "office", "a camera's": copy_in(archive).parents[1]}
    huge = parts[whose] / "ledger" / "000002.jws"
    with huge.open("wb") as file:
        file.truncate(1 << 40)
    clock.wall_us = LATER_US
    for more in (("--dry-run",), ()):
        said = purge(*more)
        assert (said.code, said.out.count(str(huge))) == (EX_IOERR, 1), said
        assert lines(said)[0].startswith(("not finished", "not certain"))
        assert str(huge) not in said.err
    # Without its ledger an office deletes nothing: the holds are in it. Those of a camera's may be
    # hidden, so what is due has its days once more.
    assert copy_in(archive).exists()
    clock.wall_us = LATER_US + 10 * DAY
    purge()
    assert copy_in(archive).exists() == (whose == "the office's")
    camera = copy_in(archive)
    camera.write_bytes(recording(ONE).file)
    said = desk("evidence", "list", archive)
    assert (said.code, ONE in said.out, said.err.count(str(huge))) == (EX_IOERR, True, 1)
    assert json.loads(desk("evidence", "list", archive, "--json").out)[0]["id"] == ONE


@pytest.mark.parametrize("how", ["gone", "empty", "garbage", "zeros"])
def test_a_copy_of_the_cameras_ledger_that_says_nothing_is_told(
    purge: Desk, archive: Path, how: str
) -> None:
    assert purge().code == 0
    ledger = copy_in(archive).parents[1] / "ledger"
    if how in ("gone", "empty"):
        shutil.rmtree(ledger)
        if how == "empty":
            ledger.mkdir()
    else:
        for path in ledger.iterdir():
            size = path.stat().st_size
            path.write_bytes(b"garbage\n" if how == "garbage" else bytes(size))
    said = purge()
    assert (said.code, "the copy of the camera's ledger is" in said.out) == (2, True)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("part", "mode"), [("ledger", 0o700), (".", 0o711)])
def test_a_part_of_a_camera_that_cannot_be_read_is_told(
    desk: Desk, archive: Path, key: Path, part: str, mode: int
) -> None:
    """Nobody knows what holds the copy of its ledger has, or what lies beside its recordings."""
    assert desk(*PURGE, archive, "--key", key).code == 0
    give(archive)
    shut = copy_in(archive).parents[1] / part
    os.chown(shut, 0, 0)
    shut.chmod(mode)
    with clerk():
        said = desk(*PURGE, archive, "--key", key, "--office-key", _office_key(key))
    assert (said.code, f"{shut}: cannot list" in said.out) == (EX_NOPERM, True)


# ------------------------------------------------------------------------------------- on a camera


def test_a_camera_deletes_nothing_under_a_name_that_is_not_the_recording(
    camera: Camera, caplog: pytest.LogCaptureFixture
) -> None:
    path = camera.put(ONE)
    whole = path.read_bytes()
    with camera.open() as store:
        store.reconcile()
        camera.clock.advance(20 * DAY)
        path.write_bytes(recording(TWO).file)
        for _ in range(2):
            assert (store.purge(), store.make_room(1)) == ([], [])
        assert sum("another recording" in one for one in caplog.messages) == 1
        path.write_bytes(whole[:-1024])
        assert (store.purge(), path.exists()) == ([], True)
        store.reconcile()
        assert [one.id for one in store.purge()] == [ONE]
        assert store.ledger.state.recordings[ONE].deleted is not None


def test_a_camera_makes_room_only_of_what_it_has_read(camera: Camera, archive: Path) -> None:
    path = camera.recordings / f"{ONE}.tar"
    whole = path.read_bytes()
    with camera.open() as store:
        path.write_bytes(bytes(len(whole)))
        for _ in range(2):
            assert store.make_room(1) == []
        path.unlink()
        assert store.make_room(1) == []
        assert [one.id for one in store.purge()] == []
        path.write_bytes(whole)
        assert [one.id for one in store.make_room(1)] == [ONE]


def test_a_camera_whose_file_has_vanished_since_calls_it_missing(camera: Camera) -> None:
    path = camera.put(ONE)
    with camera.open() as store:
        camera.clock.advance(20 * DAY)
        path.unlink()
        assert store.purge() == []
        known = store.ledger.state.recordings[ONE]
        assert (known.missing, known.deleted) == (True, None)
