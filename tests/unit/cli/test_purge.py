"""`camerad evidence purge`: its first line and its exit code say whether everything that is due was
deleted, and a sentence each what is in the way and what to do about it."""

from __future__ import annotations

import errno
import json
import os
import socketserver
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from desk_helpers import KEY, ONE, THREE, TWO, Camera

from camerad.base import durable_files, storage_errors
from camerad.base.clock import DAY, SECOND, ClockSource, Moment, SystemClock
from camerad.base.errors import EX_CONFIG, EX_IOERR, EX_NOPERM, EX_TEMPFAIL, EX_USAGE, StorageError
from camerad.base.office_time import office_clock
from camerad.container import jws
from camerad.container.keys import SigningKey
from camerad.ledger.entries import LEDGER
from camerad.ledger.ledger import Ledger
from camerad.store.purging import Purged, Reason, ReasonKind, exit_code, reason_of_error
from tests.unit.answering import Answering, served

from .conftest import Desk, Said
from .evidence_steps import copy_in
from .world import HOLD, PURGE, RELEASE, VERIFY, World

COMMAND = ("evidence", "purge")
NOW_US = 1_796_000_000 * SECOND
"""In November 2026: nothing is due."""
LATER_US = NOW_US + 20 * DAY
"""Everything that was recorded by then is due."""


class Office:
    """A clock that can be set, on the computer of the evidence desk. ran: the computer runs while
    time passes, so that uptime counts too."""

    wall_us = NOW_US
    source = ClockSource.SYNCHRONISED
    ran = True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Office]:
    class Set(Office):
        pass

    def moment(_: object) -> Moment:
        return Moment((Set.wall_us - NOW_US) * Set.ran + DAY, Set.wall_us, Set.source)

    monkeypatch.setattr("camerad.base.clock.SystemClock.moment", moment)
    return Set


@pytest.fixture
def world(camera: Camera, desk: Desk, archive: Path, key: Path, clock: type[Office]) -> World:
    """An office's directory with one recording, on a computer whose clock can be set."""
    return World(camera, desk, archive.parent)


def append_unknown(root: Path, key: SigningKey) -> None:
    """As a later version would: an entry that this one cannot read."""
    path = max((root / "ledger").glob("*.jws"))
    last = path.read_bytes().splitlines()[-1]
    said = json.loads(jws.parse(last).payload)
    said |= {
        "sequence": said["sequence"] + 1,
        "previous": jws.digest(last),
        "kind": "hold_of_two",
        "facts": {"id": ONE, "reason": "Anzeige", "who": ["Desk", "Head"]},
    }
    with path.open("ab") as file:
        file.write(jws.sign(key, LEDGER, said) + b"\n")


def lines(said: Said) -> list[str]:
    return said.out.splitlines()


def test_when_everything_due_is_deleted_the_first_line_says_so(
    world: World, clock: type[Office]
) -> None:
    assert lines(world.ask(PURGE, 0)) == ["nothing is due"]
    clock.wall_us = LATER_US
    assert lines(world.ask(PURGE, 0))[0] == "everything that was due is deleted: 1 recording"
    nothing = {"complete": True, "reasons": []}
    assert world.ask(f"{PURGE} --json", 0).json == nothing | {"deleted": []}
    assert world.ask(f"{PURGE} --dry-run --json", 0).json == nothing | {"due": []}


def test_a_camera_whose_key_is_not_enrolled_is_named_and_so_is_what_mends_it(
    world: World, clock: type[Office]
) -> None:
    (world.here / "other.pem").write_text(SigningKey.generate().public.pem)
    purge = "purge $ARCHIVE --key other.pem"
    named = ("cam-1", KEY.public.thumbprint, "provision collect", "1 recording,", "366")
    for dry in ("", " --dry-run"):
        world.ask(purge + dry, EX_USAGE, "recordings may be kept beyond their day", *named)
    clock.wall_us = LATER_US
    said = world.ask(f"{purge} --json", EX_USAGE).json
    assert (said["complete"], [one["why"] for one in said["reasons"]]) == (False, ["key_unknown"])
    world.ask("purge $ARCHIVE", EX_USAGE, "is not enrolled")
    assert copy_in(world.archive).exists()
    # By the key it is taken over, with its own days.
    world.ask(PURGE, 0)
    assert not copy_in(world.archive).exists()


def test_a_ledger_of_a_later_version_deletes_nothing_and_says_so(
    world: World, clock: type[Office]
) -> None:
    world.ask(PURGE, 0)
    world.ask(f"{PURGE} --dry-run", 0)
    (key,) = (world.here / "config").rglob("*.pem")
    append_unknown(world.archive / "office", SigningKey.from_pem(key.read_bytes()))
    clock.wall_us = LATER_US
    for more in (" --dry-run", "", ""):
        said = world.ask(PURGE + more, 2, "cannot read 1 entry of the ledger")
        assert said.out.startswith("not ")
    assert copy_in(world.archive).exists()
    reasons = world.ask(f"{PURGE} --json", 2).json["reasons"]
    assert [one["why"] for one in reasons] == ["ledger_unread"]


def test_a_damaged_ledger_is_told_until_holds_can_have_been_placed_again(
    world: World, clock: type[Office]
) -> None:
    world.ask(HOLD, 0)
    path = world.path("$ARCHIVE/office/ledger/000001.jws")
    content = path.read_bytes().splitlines(keepends=True)
    content[-1] = content[-1].replace(b".", b"_", 1)  # the hold
    path.write_bytes(b"".join(content))
    world.ask(f"{PURGE} --dry-run", 2, "the ledger is damaged")
    clock.wall_us = LATER_US
    world.ask(PURGE, 2, "place every hold again", "for 14 days at most")
    assert copy_in(world.archive).exists()
    clock.wall_us += 14 * DAY
    world.ask(PURGE, 0)
    assert not copy_in(world.archive).exists()


def test_a_clock_that_is_not_trusted_is_no_success(world: World, clock: type[Office]) -> None:
    world.ask(PURGE, 0)
    clock.wall_us, clock.ran = LATER_US, False
    clock.source = ClockSource.UNKNOWN
    for more in (" --dry-run", ""):
        world.ask(PURGE + more, EX_TEMPFAIL, "may be kept beyond their day", AHEAD, "--trust-clock")
    assert copy_in(world.archive).exists()
    # Where nothing is kept, nothing can be overdue.
    clock.source, clock.ran = ClockSource.SYNCHRONISED, True
    world.ask(PURGE, 0)
    clock.source = ClockSource.UNKNOWN
    world.ask(PURGE, 0)


@pytest.mark.parametrize(("code", "exits"), [(errno.EIO, EX_IOERR), (errno.EACCES, EX_NOPERM)])
def test_what_cannot_be_removed_is_told_beside_what_was_deleted(
    world: World, clock: type[Office], monkeypatch: pytest.MonkeyPatch, code: int, exits: int
) -> None:
    world.add(TWO)
    real = durable_files.remove

    def remove(path: str, **more: Any) -> None:
        if ONE in path:
            raise storage_errors.explain(
                "remove the recording", path, OSError(code, os.strerror(code))
            )
        real(path, **more)

    monkeypatch.setattr(durable_files, "remove", remove)
    clock.wall_us = LATER_US
    said = world.ask(PURGE, exits)
    assert lines(said)[0].endswith("(1 recording deleted)")
    assert "cannot remove the recording" in lines(said)[1]
    assert lines(said)[2:] == [f"deleted {TWO}: expired"]


def test_a_recording_that_cannot_be_read_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(path: str) -> Any:
        raise error

    for error in (StorageError("the card fails"), ValueError("it is none")):
        with monkeypatch.context() as patched:
            patched.setattr("camerad.store.purging.skeleton", unreadable)
            world.ask(f"{PURGE} --dry-run", EX_IOERR, str(error))
    world.do("truncate -s -2048 $FILE")  # its end is gone
    world.ask(PURGE, 2, "evidence verify $FILE")


def test_the_gravest_reason_is_the_exit_code() -> None:
    codes = [EX_TEMPFAIL, EX_USAGE, EX_IOERR, EX_NOPERM, 2]
    found = [Reason(ReasonKind.CLOCK, "x", code) for code in codes]
    for number, code in enumerate(codes, 1):
        assert exit_code(found[:number]) == code
    assert exit_code([]) == 0


def test_mere_files_have_no_day_to_go_on(world: World) -> None:
    world.do("mkdir plain")
    world.ask("purge plain --dry-run", EX_USAGE, "without a ledger")


# ------------------------------------------------------------------------------------- on a camera


def test_a_camera_whose_clock_is_not_trusted(world: World, clock: type[Office]) -> None:
    clock.source = ClockSource.UNKNOWN
    world.ask("purge", EX_TEMPFAIL, "the camera's time is not trusted")


def test_a_file_of_another_camera_on_a_camera_is_not_believed(world: World) -> None:
    camera = world.camera
    camera.key = SigningKey.generate()
    (camera.root / "keys" / f"{KEY.public.thumbprint}.jwk").unlink()
    jwk = json.dumps(camera.key.public.jwk)
    (camera.root / "keys" / f"{camera.key.public.thumbprint}.jwk").write_text(jwk)
    (camera.root / "identity.pem").write_bytes(camera.key.pem)
    world.ask("purge", 2, "no trusted key signed this file")


class _Daemon(Answering):
    answered: Purged

    def get(self) -> None:
        self.answer(200, {"thumbprint": KEY.public.thumbprint})

    def post(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, self.answered.as_json())


@pytest.fixture
def daemon(camera: Camera, tmp_path: Path) -> Iterator[type[_Daemon]]:
    camera.put(ONE)
    claim = durable_files.lock_directory(str(camera.recordings))
    with served(socketserver.UnixStreamServer(str(tmp_path / "control.sock"), _Daemon)):
        yield _Daemon
    os.close(claim)


def test_what_a_running_camera_says_is_said_the_same(desk: Desk, daemon: type[_Daemon]) -> None:
    reason = Reason(ReasonKind.CLOCK, "its time is not trusted", EX_TEMPFAIL)
    daemon.answered = Purged((), (reason, reason_of_error(StorageError("the card fails"))))
    said = desk(*COMMAND)
    told = ["  its time is not trusted", "  the card fails"]
    assert (said.code, lines(said)[1:]) == (EX_IOERR, told)
    assert desk(*COMMAND, "--json").json == daemon.answered.as_json()
    assert "--trust-clock changes nothing there" in desk(*COMMAND, "--trust-clock").err


def test_an_answer_is_read_as_it_was_written() -> None:
    done = Purged((), (Reason(ReasonKind.LEDGER_UNREAD, "x", 2),))
    assert Purged.from_json(json.loads(msgspec.json.encode(done.as_json()))) == done


def test_the_office_ledger_is_not_begun_by_a_dry_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> Any:
        raise AssertionError

    monkeypatch.setattr(Ledger, "open", never)
    world.ask(f"{PURGE} --dry-run", EX_TEMPFAIL, "not ingested yet")
    assert not (world.archive / "office" / "ledger").exists()


def test_a_hold_to_the_end_of_a_day_is_over_on_the_next(world: World, clock: type[Office]) -> None:
    """The day is named as it is here; a dry run says what a purge would do."""
    hold = HOLD.replace("Anzeige", "Frist")
    world.ask(f"{hold} --until soon", EX_USAGE, "this is no day")
    world.ask(f"{hold} --until 2001-01-01", EX_USAGE)
    last = datetime.fromtimestamp(clock.wall_us / SECOND).date() + timedelta(days=40)
    said = world.ask(f"{hold} --until {last}", 0)
    assert said.out == f"{ONE} is held to the end of {last}: Frist\n"
    shown = (f"Frist (Desk) until {last}", f"held until {last}: Frist")
    world.ask("show $ONE --state $ARCHIVE", 0, *shown)
    end = datetime(last.year, last.month, last.day) + timedelta(days=1)
    clock.wall_us = round(end.timestamp() * SECOND) - SECOND
    world.ask(f"{PURGE} --trust-clock --dry-run", 0, "!its hold ended")
    world.ask(f"{PURGE} --trust-clock", 0, "!$ONE")
    clock.wall_us += SECOND
    ended = "$ONE: its hold ended on "
    world.ask(f"{PURGE} --trust-clock --dry-run", 0, ended, "$ONE is due")
    world.ask(f"{PURGE} --trust-clock", 0, ended, "deleted $ONE: expired")


def test_a_hold_says_what_it_is_for_and_the_ledger_has_it(world: World) -> None:
    world.ask(f"{HOLD} --ground curiosity", EX_USAGE)
    said = world.ask(f"{HOLD} --ground lawfulness", 0)
    assert said.out == f"{ONE} is held: Anzeige\n"
    assert world.ask("show $ONE --state $ARCHIVE --json", 0).json
    ends = entries(world.archive)[-2:]
    assert [one["kind"] for one in ends] == ["hold", "hold_ground"]
    assert ends[1]["facts"] == {"ground": "lawfulness", "id": ONE, "who": "Desk"}


def test_a_camera_takes_no_hold_with_an_end(world: World) -> None:
    hold = "hold $ONE --state $STATE --reason Frist $WHO"
    world.ask(f"{hold} --until 2027-03-31", EX_USAGE, "a hold on a camera has no end")
    world.ask(f"{hold} --ground danger", EX_USAGE, "a hold on a camera has no end and no ground")


@pytest.mark.parametrize("left", ["nothing", "id", "id and another ledger begun"])
def test_what_a_lost_ledger_may_hold_is_not_deleted_and_its_loss_is_damage(
    world: World, clock: type[Office], *, left: str
) -> None:
    """All of `office/` is gone, or all but its id: receipts show it, without the office's key."""
    world.add(TWO)
    world.ask(HOLD, 0)
    world.add(THREE)
    world.do("cd $ARCHIVE/office; mv id ..; rm -r *")
    if left != "nothing":
        world.do("mv $ARCHIVE/id $ARCHIVE/office")
    clock.wall_us = LATER_US
    if left.endswith("begun"):
        world.ask(f"{HOLD} --new-office-key", 0)
        world.ask(VERIFY, 1, "holds may be lost")
        world.desk("evidence", "purge", world.archive, "--key", world.path("$KEY"))
    else:
        world.ask(VERIFY, 2, "own ledger is gone")
        world.ask(PURGE, EX_CONFIG, "own ledger is gone")
        world.ask(f"{PURGE} --new-office-key", 2)
    assert len(list(world.archive.glob("*/recordings/*.tar"))) == 3
    clock.wall_us += 15 * DAY
    world.desk("evidence", "purge", world.archive, "--key", world.path("$KEY"))
    held = [ONE] if left.endswith("begun") else []
    assert [path.stem for path in world.archive.glob("*/recordings/*.tar")] == held


def test_recordings_of_another_office_s_directory_are_not_taken_over_without_its_ledger(
    world: World, clock: type[Office]
) -> None:
    world.do("mkdir -p elsewhere/office; echo 0a1b > elsewhere/office/id")
    world.ask("purge elsewhere $BY", 0)
    world.do("mv $HOLDING elsewhere")
    world.ask("verify elsewhere $BY", 2, "name the office's directory")
    clock.wall_us = LATER_US
    for _ in range(2):
        world.ask("purge elsewhere $BY", 2)
    assert world.ask("list elsewhere", 0).out.count(ONE) == 1


def entries(root: Path) -> list[dict[str, Any]]:
    """What an office's ledger has."""
    files = sorted((root / "office" / "ledger").glob("*.jws"))
    lines_ = (line for one in files for line in one.read_bytes().splitlines())
    return [json.loads(jws.parse(line).payload) for line in lines_]


def test_a_clock_that_a_person_declares_right_ages_only_what_it_is_declared_for(
    world: World, clock: type[Office]
) -> None:
    """Not even the next plain purge by the same clock; and the ledger has who declared it."""
    clock.source, clock.ran = ClockSource.UNKNOWN, False
    clock.wall_us = LATER_US
    world.ask(f"{HOLD} --trust-clock", 0)
    world.ask(RELEASE, 0)
    said = [one["facts"] for one in entries(world.archive) if one["kind"] == "clock_declared"]
    assert [(one["who"], one["wall_us"]) for one in said] == [("Desk", LATER_US)]
    assert {one["clock"]["source"] for one in entries(world.archive)} == {"unknown"}
    world.ask(PURGE, EX_TEMPFAIL)
    assert copy_in(world.archive).exists()
    world.ask(f"{PURGE} --trust-clock", 0)
    assert not copy_in(world.archive).exists()


AHEAD = "was set ahead by 20.0 days since it was started"
BEFORE = "declared its time right before"


@pytest.mark.parametrize(
    ("steps", "said", "deleted"),
    [
        # Each: days by which the clock is off, and how purge is called; b: by another boot.
        (("0", "20"), AHEAD, False),
        (("0", "0", "20", "20"), AHEAD, False),
        (("0 t", "20 t"), BEFORE, False),
        (("0 t", "20 t", "0 t", "20 t"), BEFORE, False),
        (("0", "0 t", "20 t"), BEFORE, False),
        (("0 t", "20"), AHEAD, False),
        (("20", "0"), "was set back by 20.0 days", False),
        (("0", "0 b", "20"), AHEAD, False),
        (("0", "0 tb", "20 t"), BEFORE, False),
        (("-9000", "0"), "was set ahead by 9000.0 days", False),
        # What is declared first is believed, and it is said how far the clock was set.
        (("0", "20 t"), AHEAD, True),
        (("0", "0 b", "20 t"), AHEAD, True),
        (("-9000", "20 t"), "was set ahead by 9020.0 days", True),
        (("0", "20 b"), "", True),
    ],
)
def test_a_clock_that_is_set_by_hand_within_a_boot_ages_nothing_unless_a_person_declares_it(
    desk: Desk,
    archive: Path,
    key: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    steps: tuple[str, ...],
    said: str,
    deleted: bool,
) -> None:
    """No time server is at hand. The recording is due in 9 days."""
    rule = office_clock.__kwdefaults__
    monkeypatch.setitem(rule, "kernel", lambda: False)
    monkeypatch.setitem(rule, "synchronised", archive / "none")
    real = SystemClock.__init__
    now, boots = {"now_us": 0, "wall_us": 0}, 0

    def started(self: SystemClock, *arguments: Any) -> None:
        real(self, *arguments)
        self.boot_id = f"00000000-0000-4000-8000-{boots:012x}"  # type: ignore[misc]

    monkeypatch.setattr(SystemClock, "__init__", started)
    monkeypatch.setattr(SystemClock, "now_us", lambda _: now["now_us"])
    monkeypatch.setattr(SystemClock, "wall_us", lambda _: now["wall_us"])
    for at, step in enumerate(steps):
        days, _, how = step.partition(" ")
        boots += "b" in how
        now["now_us"] = at * 60 * SECOND
        now["wall_us"] = NOW_US + at * 60 * SECOND + int(days) * DAY
        purge = (*COMMAND, archive, "--key", key, *(("--trust-clock",) if "t" in how else ()))
        dry = desk(*purge, "--dry-run")
        found = desk(*purge)
    assert copy_in(archive).exists() is not deleted
    assert found.code == (0 if deleted else EX_TEMPFAIL)
    assert said in (found.err if deleted else found.out)
    if not deleted:
        assert (dry.code, said in dry.out) == (EX_TEMPFAIL, True)


def test_time_that_a_time_server_set_takes_back_what_is_declared(
    world: World, clock: type[Office]
) -> None:
    clock.ran = False
    world.ask(HOLD, 0)
    clock.source, clock.wall_us = ClockSource.UNKNOWN, LATER_US
    for release in (False, True):  # nothing is due, and something would be
        if release:
            world.ask(RELEASE, 0)
        for more in (" --dry-run", ""):
            said = world.ask(f"{PURGE} --trust-clock{more}", EX_TEMPFAIL)
            for text in (lines(said)[1], said.err):
                assert text.count("contradicts what a time server said") == 1
    assert copy_in(world.archive).exists()


def test_show_of_a_deleted_recording_has_its_tombstone(world: World, clock: type[Office]) -> None:
    clock.wall_us = LATER_US
    world.ask(PURGE, 0)
    show = "show $ONE --state $ARCHIVE"
    world.ask(show, 0, "deleted", "by the office's ledger: expired, at least 25.")
    found = world.ask(f"{show} --json", 0).json
    assert [(one["ledger"], one["why"]) for one in found["deletions"]] == [("office", "expired")]
    world.ask("show $TWO --state $ARCHIVE", 3)


@pytest.mark.parametrize(
    "there",
    [
        "$ARCHIVE",
        "$ARCHIVE/office",
        "$ARCHIVE/old",
        "$HOLDING",
        "$HOLDING/ledger",
        "$HOLDING/a/b",
        "$HOLDING/recordings/sub",
    ],
)
def test_what_lies_beside_where_recordings_belong_is_told(world: World, there: str) -> None:
    """Nothing would delete it."""
    world.ask(PURGE, 0)
    world.do(f"mkdir -p {there}; cp $FILE {there}")
    world.ask(PURGE, 2, f"{there}/$ONE.tar: ")
    world.ask(f"{PURGE} --dry-run", 2, f"{there}/$ONE.tar: ")
    world.ask(VERIFY, 1, f"{there}/$ONE.tar: it lies beside")
