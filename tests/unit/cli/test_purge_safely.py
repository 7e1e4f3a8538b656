"""`camerad evidence purge` deletes, and calls deleted, only what it has read and what the ledger
names; whatever is away, lost or changed is told, and is no success."""

from __future__ import annotations

import json
import os
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

from .conftest import Desk
from .test_purge import LATER_US, Office, clock
from .test_unreadable_office import CLERK, GROUP, clerk, tmp_path
from .world import HOLD, PURGE, VERIFY, World

__all__ = ["clock", "tmp_path"]

UNFINISHED = "not finished"
DELETED = [("deleted", ONE)]


@pytest.fixture
def world(camera: Camera, desk: Desk, archive: Path, key: Path, clock: type[Office]) -> World:
    """An office's directory with one recording, which its ledger knows."""
    made = World(camera, desk, archive.parent)
    made.ask(PURGE, 0)
    return made


def purge(world: World, code: int, *words: str, times: int = 2) -> None:
    """Purge: each time the same is told, and the dry run does not call it complete either."""
    for _ in range(times):
        world.ask(PURGE, code, *words)


def signed(world: World) -> list[tuple[str, str]]:
    """Kind and recording of the entries of the office's ledger about what is gone."""
    found = []
    for path in sorted(world.archive.glob("office/ledger/*.jws")):
        for line in path.read_bytes().splitlines():
            said = json.loads(jws.parse(line).payload)
            if said["kind"] in ("deleted", "missing"):
                found.append((said["kind"], said["facts"]["id"]))
    return found


def serve_clerk(world: World) -> None:
    """Everything is the clerk's, and the commands as well."""
    for directory, _, names in os.walk(world.here):
        for one in (directory, *(os.path.join(directory, name) for name in names)):
            if not os.path.islink(one):
                os.chown(one, CLERK, GROUP)
    world.user = clerk


def shut(path: Path, mode: int) -> None:
    os.chown(path, 0, 0)
    path.chmod(mode)


@pytest.mark.parametrize("other", [False, True])
def test_a_file_that_cannot_be_read_is_neither_deleted_nor_called_so(
    world: World, clock: type[Office], *, other: bool
) -> None:
    """other: it is a recording that is held, under the name of one that is due."""
    world.add(TWO)
    world.ask(HOLD.replace("$ONE", "$TWO"), 0)
    if other:
        world.do("mv $HOLDING/recordings/$TWO.tar $FILE")
    clock.wall_us = LATER_US
    serve_clerk(world)
    shut(world.path("$FILE"), 0)
    # What is lost besides is graver than what cannot be read.
    purge(world, 2 if other else EX_NOPERM, UNFINISHED, "cannot read the recording")
    assert world.path("$FILE").exists()
    assert ("deleted", ONE) not in signed(world)


@pytest.mark.parametrize(
    ("put", "code"),
    [("ln -s $HERE/y.tar $FILE", 2), ("mkfifo $FILE", 2), ("mkdir $FILE", 2)],
)
def test_what_is_no_file_under_a_recordings_name_is_left_and_nothing_is_signed(
    world: World, clock: type[Office], put: str, code: int
) -> None:
    world.do(f"mv $FILE $HERE/y.tar; {put}")
    for days in (0, MOST_DAYS):
        clock.wall_us = LATER_US + days * DAY
        purge(world, code, UNFINISHED, "$ONE")
    assert os.path.lexists(world.path("$FILE"))
    assert signed(world) == []


@pytest.mark.parametrize(
    ("part", "mode", "words"),
    [
        ("$HOLDING/recordings", 0o755, (UNFINISHED, "cannot remove the recording")),
        # It is unknown what holds the copy of its ledger has, or what lies beside its recordings.
        ("$HOLDING/ledger", 0o700, ("$HOLDING/ledger: cannot list",)),
        ("$HOLDING", 0o711, ("$HOLDING: cannot list",)),
    ],
)
def test_a_directory_of_a_camera_that_this_user_may_not_use_is_told(
    world: World, clock: type[Office], part: str, mode: int, words: tuple[str, ...]
) -> None:
    if mode == 0o755:
        clock.wall_us = LATER_US
    serve_clerk(world)
    shut(world.path(part), mode)
    purge(world, EX_NOPERM, *words)
    assert signed(world) == []


def test_storage_that_is_mounted_read_only_is_named(
    world: World, clock: type[Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Only:
        f_flag = os.ST_RDONLY

    def fails(_: str) -> Any:
        raise OSError(5, "input/output error")

    clock.wall_us = LATER_US
    for statvfs, text in ((lambda _: Only, "read-only"), (fails, "input/output")):
        monkeypatch.setattr(deletable.os, "statvfs", statvfs)
        purge(world, EX_IOERR, text, times=1)
        assert signed(world) == []


def test_a_deletion_that_fails_is_told_each_time_and_what_is_left_is_no_copy(
    world: World, clock: type[Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, **_: Any) -> None:
        raise storage_errors.explain("remove the file", path, OSError(5, "input/output error"))

    clock.wall_us = LATER_US
    with monkeypatch.context() as patched:
        patched.setattr(durable_files, "remove", refuse)
        purge(world, EX_IOERR, UNFINISHED, "is deleted by the ledger, and still here")
    world.ask("list $ARCHIVE", 0, "deleted by the ledger, and still here")
    world.ask(VERIFY, 2, "$ONE: the ledger calls it deleted, but its file is still here")
    purge(world, 0, times=1)
    assert not world.path("$FILE").exists()


@pytest.mark.parametrize(
    "deed", ["truncate -s -2048 $FILE", "head -c 9000 /dev/zero > $FILE", "rm $FILE"]
)
def test_what_is_lost_or_changed_is_told_by_each_purge(
    world: World, clock: type[Office], deed: str
) -> None:
    world.do(deed)
    purge(world, 2, UNFINISHED, "$ONE")
    if deed == "rm $FILE":
        return
    clock.wall_us = LATER_US
    purge(world, 2)
    assert (world.path("$FILE").exists(), signed(world)) == (True, [])
    # Nothing stays for ever.
    clock.wall_us += MOST_DAYS * DAY
    purge(world, 0, times=1)
    assert (world.path("$FILE").exists(), signed(world)) == (False, DELETED)


def test_a_recording_that_is_held_and_gone_is_told_for_as_long_as_it_is_held(
    world: World, clock: type[Office]
) -> None:
    world.ask(HOLD, 0)
    world.do("rm $FILE")
    clock.wall_us = LATER_US
    purge(world, 2, "$ONE: its file has vanished", "though it is held")


SECOND_DIRECTORY = "mkdir -p $ARCHIVE/cam-1-AAAAAAAA/recordings"
"""One of the same camera by another key, as after a reset, with nothing in it yet."""


@pytest.mark.parametrize(
    ("put", "undo"),
    [
        (":", ":"),
        ("mkdir $HOLDING", "rmdir $HOLDING"),
        ("echo x > $HOLDING", "rm $HOLDING"),
        ("ln -s $HERE/elsewhere $HOLDING", "rm $HOLDING"),
        (SECOND_DIRECTORY, ":"),
    ],
)
def test_a_cameras_directory_that_is_away_is_no_loss_of_recordings(
    world: World, clock: type[Office], put: str, undo: str
) -> None:
    world.do(f"mv $HOLDING $HERE/elsewhere; {put}")
    for wall_us in (clock.wall_us, LATER_US, LATER_US):
        clock.wall_us = wall_us
        for more in (" --dry-run", ""):
            world.ask(PURGE + more, 2, "'cam-1' is away, with 1 recording")
    assert signed(world) == []
    world.do(f"{undo}; mv $HERE/elsewhere $HOLDING")
    purge(world, 0, times=1)
    assert signed(world) == DELETED


@pytest.mark.parametrize("lost", ["receipts", "ledger"])
def test_of_a_camera_with_two_directories_a_recording_that_has_vanished_is_called_so(
    world: World, lost: str
) -> None:
    """What came with it tells in which of them it was."""
    world.do(f"{SECOND_DIRECTORY}; rm -r $FILE $HOLDING/{lost}")
    purge(world, 2, "$ONE: its file has vanished", times=1)
    assert signed(world) == [("missing", ONE)]


@pytest.mark.parametrize("put", ["ln -s $HERE/y.tar $FILE", "mkfifo $FILE"])
def test_what_lies_under_the_name_of_what_is_deleted_goes_only_if_it_is_a_plain_file(
    world: World, clock: type[Office], put: str
) -> None:
    world.do("cp $FILE $HERE/y.tar")
    clock.wall_us = LATER_US
    purge(world, 0, times=1)
    assert signed(world) == DELETED
    world.do(put)
    for _ in range(2):
        said = world.ask(PURGE, 2, UNFINISHED, "$ONE is deleted by the ledger")
        assert said.out.count(world.text("$FILE")) == 1
    assert os.path.lexists(world.path("$FILE"))
    world.do("rm $FILE; cp $HERE/y.tar $FILE")
    purge(world, 0, times=1)
    assert not world.path("$FILE").exists()


@pytest.mark.parametrize("part", ["$ARCHIVE/office", "$HOLDING"])
def test_a_ledger_that_is_larger_than_memory_ends_no_command_for_the_rest(
    world: World, clock: type[Office], part: str
) -> None:
    """What can be done is done, and what is wrong is said."""
    huge = world.text(f"{part}/ledger/000002.jws")
    world.do(f"truncate -s 1T {part}/ledger/000002.jws")
    clock.wall_us = LATER_US
    for more in (" --dry-run", ""):
        said = world.ask(PURGE + more, EX_IOERR)
        assert (said.out.count(huge), huge in said.err) == (1, False)
        assert said.out.startswith((UNFINISHED, "not certain"))
    # Without its ledger an office deletes nothing: the holds are in it. Those of a camera's may be
    # hidden, so what is due has its days once more.
    assert world.path("$FILE").exists()
    clock.wall_us = LATER_US + 10 * DAY
    world.desk("evidence", "purge", world.archive, "--key", world.path("$KEY"))
    assert world.path("$FILE").exists() == (part == "$ARCHIVE/office")
    world.path("$FILE").write_bytes(recording(ONE).file)
    assert world.ask("list $ARCHIVE", EX_IOERR, "$ONE").err.count(huge) == 1
    assert world.ask("list $ARCHIVE --json", EX_IOERR).json[0]["id"] == ONE


@pytest.mark.parametrize(
    "deed",
    [
        "rm -r $HOLDING/ledger",
        "rm -r $HOLDING/ledger; mkdir $HOLDING/ledger",
        "for one in $HOLDING/ledger/*; do echo garbage > $one; done",
        "for one in $HOLDING/ledger/*; do head -c 4000 /dev/zero > $one; done",
    ],
)
def test_a_copy_of_the_cameras_ledger_that_says_nothing_is_told(world: World, deed: str) -> None:
    world.do(deed)
    purge(world, 2, "the copy of the camera's ledger is", times=1)


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
