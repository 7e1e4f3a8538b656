"""`camerad evidence purge`: its first line and its exit code say whether everything that is due was
deleted, and a sentence each what is in the way and what to do about it."""

from __future__ import annotations

import errno
import json
import os
import shutil
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
from .evidence_steps import WHO, copy_in

PURGE = ("evidence", "purge")
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
def purge(desk: Desk, archive: Path, key: Path, clock: type[Office]) -> Desk:
    def run(*more: object) -> Said:
        return desk(*PURGE, archive, "--key", key, *more)

    return run


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
    purge: Desk, clock: type[Office]
) -> None:
    said = purge()
    assert (said.code, lines(said)) == (0, ["nothing is due"])
    clock.wall_us = LATER_US
    said = purge()
    assert (said.code, lines(said)[0]) == (0, "everything that was due is deleted: 1 recording")
    assert purge("--json").json == {"complete": True, "deleted": [], "reasons": []}
    assert purge("--dry-run", "--json").json == {"complete": True, "due": [], "reasons": []}


def test_a_camera_whose_key_is_not_enrolled_is_named_and_so_is_what_mends_it(
    desk: Desk, archive: Path, purge: Desk, clock: type[Office], tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_text(SigningKey.generate().public.pem)
    for dry in ((), ("--dry-run",)):
        said = desk(*PURGE, archive, "--key", other, *dry)
        assert said.code == EX_USAGE
        assert "recordings may be kept beyond their day" in lines(said)[0]
        for what in ("cam-1", KEY.public.thumbprint, "provision collect", "1 recording,", "366"):
            assert what in lines(said)[1]
    clock.wall_us = LATER_US
    said = desk(*PURGE, archive, "--key", other, "--json")
    assert (said.code, said.json["complete"]) == (EX_USAGE, False)
    assert [one["why"] for one in said.json["reasons"]] == ["key_unknown"]
    assert copy_in(archive).exists()
    # By the key it is taken over, with its own days.
    assert purge().code == 0
    assert not copy_in(archive).exists()


def test_without_any_key_the_same(desk: Desk, archive: Path, clock: type[Office]) -> None:
    said = desk(*PURGE, archive)
    assert (said.code, "is not enrolled" in lines(said)[1]) == (EX_USAGE, True)


def test_what_is_not_taken_over_yet_is_told_by_a_dry_run(purge: Desk) -> None:
    said = purge("--dry-run")
    assert (said.code, "not taken over yet" in lines(said)[1]) == (EX_TEMPFAIL, True)
    assert purge().code == 0
    assert purge("--dry-run").code == 0


def test_a_ledger_of_a_later_version_deletes_nothing_and_says_so(
    purge: Desk, archive: Path, tmp_path: Path, clock: type[Office]
) -> None:
    assert purge().code == 0
    (key,) = (tmp_path / "config").rglob("*.pem")
    append_unknown(archive / "office", SigningKey.from_pem(key.read_bytes()))
    clock.wall_us = LATER_US
    for more in (("--dry-run",), (), ()):
        said = purge(*more)
        assert said.code == 2
        assert lines(said)[0].startswith("not ")
        assert "cannot read 1 entry of the ledger" in lines(said)[1]
    assert copy_in(archive).exists()
    assert [one["why"] for one in purge("--json").json["reasons"]] == ["ledger_unread"]


def test_a_damaged_ledger_is_told_until_holds_can_have_been_placed_again(
    purge: Desk, desk: Desk, archive: Path, clock: type[Office], key: Path
) -> None:
    assert purge().code == 0
    hold = ("evidence", "hold", ONE, "--state", archive, "--reason", "Anzeige", *WHO, "--key", key)
    assert desk(*hold).code == 0
    path = archive / "office" / "ledger" / "000001.jws"
    content = path.read_bytes().splitlines(keepends=True)
    content[-1] = content[-1].replace(b".", b"_", 1)  # the hold
    path.write_bytes(b"".join(content))
    dry = purge("--dry-run")
    assert (dry.code, "the ledger is damaged" in lines(dry)[1]) == (2, True)
    clock.wall_us = LATER_US
    said = purge()
    assert (said.code, "place every hold again" in lines(said)[1]) == (2, True)
    assert "for 14 days at most" in lines(said)[1]
    assert copy_in(archive).exists()
    clock.wall_us += 14 * DAY
    assert purge().code == 0
    assert not copy_in(archive).exists()


def test_a_clock_that_is_not_trusted_is_no_success(
    purge: Desk, clock: type[Office], archive: Path
) -> None:
    assert purge().code == 0
    clock.wall_us, clock.ran = LATER_US, False
    clock.source = ClockSource.UNKNOWN
    for more in (("--dry-run",), ()):
        said = purge(*more)
        assert said.code == EX_TEMPFAIL
        assert "recordings may be kept beyond their day" in lines(said)[0]
        assert "was set ahead by 20.0 days since it was started" in lines(said)[1]
        assert "--trust-clock" in lines(said)[1]
    assert copy_in(archive).exists()
    # Where nothing is kept, nothing can be overdue.
    clock.source, clock.ran = ClockSource.SYNCHRONISED, True
    assert purge().code == 0
    clock.source = ClockSource.UNKNOWN
    assert purge().code == 0


@pytest.fixture
def two(archive: Path, camera: Camera) -> None:
    """A second recording in the office's directory."""
    camera.put(TWO)
    camera.offload(archive)


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(("code", "exits"), [(errno.EIO, EX_IOERR), (errno.EACCES, EX_NOPERM)])
def test_what_cannot_be_removed_is_told_beside_what_was_deleted(
    purge: Desk, clock: type[Office], monkeypatch: pytest.MonkeyPatch, code: int, exits: int
) -> None:
    real = durable_files.remove

    def remove(path: str, **more: Any) -> None:
        if ONE in path:
            raise storage_errors.explain(
                "remove the recording", path, OSError(code, os.strerror(code))
            )
        real(path, **more)

    monkeypatch.setattr(durable_files, "remove", remove)
    clock.wall_us = LATER_US
    said = purge()
    assert said.code == exits
    assert lines(said)[0].endswith("(1 recording deleted)")
    assert "cannot remove the recording" in lines(said)[1]
    assert lines(said)[2:] == [f"deleted {TWO}: expired"]


def test_a_file_that_nobody_vouches_for_though_its_key_is_enrolled(
    purge: Desk, archive: Path
) -> None:
    path = copy_in(archive)
    path.write_bytes(path.read_bytes()[:-2048])  # its end is gone
    said = purge()
    assert (said.code, f"evidence verify {path}" in said.out) == (2, True)


def test_a_recording_that_cannot_be_read_is_told(
    purge: Desk, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(path: str) -> Any:
        raise error

    for error, code in (
        (StorageError("the card fails"), EX_IOERR),
        (ValueError("it is none"), EX_IOERR),
    ):
        monkeypatch.setattr("camerad.store.purging.skeleton", unreadable)
        said = purge("--dry-run")
        assert (said.code, str(error) in lines(said)[1]) == (code, True)


def test_the_gravest_reason_is_the_exit_code() -> None:
    codes = [EX_TEMPFAIL, EX_USAGE, EX_IOERR, EX_NOPERM, 2]
    found = [Reason(ReasonKind.CLOCK, "x", code) for code in codes]
    for number, code in enumerate(codes, 1):
        assert exit_code(found[:number]) == code
    assert exit_code([]) == 0


def test_mere_files_have_no_day_to_go_on(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    said = desk(*PURGE, tmp_path / "plain", "--dry-run")
    assert (said.code, "without a ledger" in said.err) == (EX_USAGE, True)


# ------------------------------------------------------------------------------------- on a camera


def test_a_camera_whose_clock_is_not_trusted(
    desk: Desk, camera: Camera, clock: type[Office]
) -> None:
    camera.put(ONE)
    clock.source = ClockSource.UNKNOWN
    said = desk(*PURGE)
    assert (said.code, "the camera's time is not trusted" in lines(said)[1]) == (EX_TEMPFAIL, True)


def test_a_file_of_another_camera_on_a_camera_is_not_believed(
    desk: Desk, camera: Camera, clock: type[Office]
) -> None:
    camera.put(ONE)
    camera.key = SigningKey.generate()
    (camera.root / "keys" / f"{KEY.public.thumbprint}.jwk").unlink()
    jwk = json.dumps(camera.key.public.jwk)
    (camera.root / "keys" / f"{camera.key.public.thumbprint}.jwk").write_text(jwk)
    (camera.root / "identity.pem").write_bytes(camera.key.pem)
    said = desk(*PURGE)
    assert (said.code, "no trusted key signed this file" in said.out) == (2, True)


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
    said = desk(*PURGE)
    assert (said.code, lines(said)[1:]) == (
        EX_IOERR,
        ["  its time is not trusted", "  the card fails"],
    )
    assert desk(*PURGE, "--json").json == daemon.answered.as_json()
    assert "--trust-clock changes nothing there" in desk(*PURGE, "--trust-clock").err


def test_an_answer_is_read_as_it_was_written() -> None:
    done = Purged((), (Reason(ReasonKind.LEDGER_UNREAD, "x", 2),))
    assert Purged.from_json(json.loads(msgspec.json.encode(done.as_json()))) == done


def test_the_office_ledger_is_not_begun_by_a_dry_run(
    purge: Desk, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> Any:
        raise AssertionError

    monkeypatch.setattr(Ledger, "open", never)
    purge("--dry-run")
    assert not (archive / "office" / "ledger").exists()


def test_a_hold_to_the_end_of_a_day_is_over_on_the_next(
    desk: Desk, archive: Path, clock: type[Office], key: Path
) -> None:
    """The day is named as it is here; a dry run says what a purge would do."""
    hold = ("evidence", "hold", ONE, "--state", archive, "--reason", "Frist", *WHO, "--key", key)
    wrong = desk(*hold, "--until", "soon")
    assert (wrong.code, "this is no day" in wrong.err) == (64, True)
    assert desk(*hold, "--until", "2001-01-01").code == 64
    last = datetime.fromtimestamp(clock.wall_us / SECOND).date() + timedelta(days=40)
    said = desk(*hold, "--until", str(last))
    assert (said.code, said.out) == (0, f"{ONE} is held to the end of {last}: Frist\n")
    shown = desk("evidence", "show", ONE, "--state", archive)
    assert f"Frist (Desk) until {last}" in shown.out
    assert f"held until {last}: Frist" in shown.out
    end = datetime(last.year, last.month, last.day) + timedelta(days=1)
    purge = ("evidence", "purge", archive, "--key", key, "--trust-clock")
    clock.wall_us = round(end.timestamp() * SECOND) - SECOND
    assert "its hold ended" not in desk(*purge, "--dry-run").out
    assert ONE not in desk(*purge).out
    clock.wall_us += SECOND
    dry = desk(*purge, "--dry-run").out
    assert f"{ONE}: its hold ended on " in dry and f"{ONE} is due" in dry
    done = desk(*purge).out
    assert f"{ONE}: its hold ended on " in done and f"deleted {ONE}: expired" in done


def test_a_hold_says_what_it_is_for_and_the_ledger_has_it(
    desk: Desk, archive: Path, key: Path
) -> None:
    hold = ("evidence", "hold", ONE, "--state", archive, "--reason", "Az. 7", *WHO, "--key", key)
    assert desk(*hold, "--ground", "curiosity").code == 64
    said = desk(*hold, "--ground", "lawfulness")
    assert (said.code, said.out) == (0, f"{ONE} is held: Az. 7\n")
    shown = desk("evidence", "show", ONE, "--state", archive, "--json").out
    assert json.loads(shown)
    files = sorted((archive / "office" / "ledger").glob("*.jws"))
    said = [jws.parse(line) for one in files for line in one.read_bytes().splitlines()]
    ends = [json.loads(one.payload) for one in said][-2:]
    assert [one["kind"] for one in ends] == ["hold", "hold_ground"]
    assert ends[1]["facts"] == {"ground": "lawfulness", "id": ONE, "who": "Desk"}


def test_a_camera_takes_no_hold_with_an_end(desk: Desk, camera: Camera) -> None:
    camera.put(ONE)
    hold = ("evidence", "hold", ONE, "--state", camera.root, "--reason", "Frist", *WHO)
    said = desk(*hold, "--until", "2027-03-31")
    assert (said.code, "a hold on a camera has no end" in said.err) == (64, True)
    said = desk(*hold, "--ground", "danger")
    assert (said.code, "a hold on a camera has no end and no ground" in said.err) == (64, True)


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("left", ["nothing", "id", "id and another ledger begun"])
def test_what_a_lost_ledger_may_hold_is_not_deleted_and_its_loss_is_damage(
    purge: Desk,
    desk: Desk,
    archive: Path,
    camera: Camera,
    clock: type[Office],
    *,
    left: str,
) -> None:
    """All of `office/` is gone, or all but its id: receipts show it, without the office's key."""
    key = archive.parent / "cam.pem"
    hold = ("evidence", "hold", ONE, "--state", archive, "--reason", "Anzeige", *WHO, "--key", key)
    assert desk(*hold).code == 0
    camera.put(THREE)
    camera.offload(archive)
    for path in (archive / "office").iterdir():
        if path.name != "id" or left == "nothing":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    clock.wall_us = LATER_US
    if left.endswith("begun"):
        assert desk(*hold, "--new-office-key").code == 0
    verified = desk("evidence", "verify", archive, "--key", key)
    if left.endswith("begun"):
        assert (verified.code, "holds may be lost" in verified.out) == (1, True)
    else:
        assert (verified.code, "own ledger is gone" in verified.out) == (2, True)
        said = purge()
        assert (said.code, "own ledger is gone" in said.err) == (EX_CONFIG, True)
        assert purge("--new-office-key").code == 2
    assert len(list(archive.glob("*/recordings/*.tar"))) == 3
    clock.wall_us += 15 * DAY
    purge()
    held = [ONE] if left.endswith("begun") else []
    assert [path.stem for path in archive.glob("*/recordings/*.tar")] == held


def test_recordings_of_another_office_s_directory_are_not_taken_over_without_its_ledger(
    desk: Desk, archive: Path, clock: type[Office], key: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "office").mkdir(parents=True)
    (elsewhere / "office" / "id").write_text("0a1b\n")
    state = ("--state", elsewhere, "--key", key)
    (holding,) = (path for path in archive.iterdir() if path.name != "office")
    assert desk("evidence", "purge", elsewhere, "--key", key).code == 0
    holding.rename(elsewhere / holding.name)
    said = desk("evidence", "verify", elsewhere, "--key", key)
    assert (said.code, "name the office's directory" in said.out) == (2, True)
    clock.wall_us = LATER_US
    for _ in range(2):
        assert desk("evidence", "purge", elsewhere, "--key", key).code == 2
    assert desk("evidence", "list", *state[1:2]).out.count(ONE) == 1


def entries(root: Path) -> list[dict[str, Any]]:
    """What an office's ledger has."""
    files = sorted((root / "office" / "ledger").glob("*.jws"))
    lines_ = (line for one in files for line in one.read_bytes().splitlines())
    return [json.loads(jws.parse(line).payload) for line in lines_]


def test_a_clock_that_a_person_declares_right_ages_only_what_it_is_declared_for(
    purge: Desk, desk: Desk, archive: Path, clock: type[Office], key: Path
) -> None:
    """Not even the next plain purge by the same clock; and the ledger has who declared it."""
    clock.source, clock.ran = ClockSource.UNKNOWN, False
    clock.wall_us = LATER_US
    hold = ("evidence", "hold", ONE, "--state", archive, "--reason", "x", *WHO, "--key", key)
    assert desk(*hold, "--trust-clock").code == 0
    assert desk("evidence", "release", ONE, "--state", archive, *WHO, "--key", key).code == 0
    said = [one["facts"] for one in entries(archive) if one["kind"] == "clock_declared"]
    assert [(one["who"], one["wall_us"]) for one in said] == [("Desk", LATER_US)]
    assert {one["clock"]["source"] for one in entries(archive)} == {"unknown"}
    assert purge().code == EX_TEMPFAIL
    assert copy_in(archive).exists()
    assert purge("--trust-clock").code == 0
    assert not copy_in(archive).exists()


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
        purge = (*PURGE, archive, "--key", key, *(("--trust-clock",) if "t" in how else ()))
        dry = desk(*purge, "--dry-run")
        found = desk(*purge)
    assert copy_in(archive).exists() is not deleted
    assert found.code == (0 if deleted else EX_TEMPFAIL)
    assert said in (found.err if deleted else found.out)
    if not deleted:
        assert (dry.code, said in dry.out) == (EX_TEMPFAIL, True)


def test_time_that_a_time_server_set_takes_back_what_is_declared(
    purge: Desk, desk: Desk, archive: Path, clock: type[Office], key: Path
) -> None:
    clock.ran = False
    hold = ("evidence", "hold", ONE, "--state", archive, "--reason", "x", *WHO, "--key", key)
    assert desk(*hold).code == 0
    clock.source, clock.wall_us = ClockSource.UNKNOWN, LATER_US
    for release in (False, True):  # nothing is due, and something would be
        if release:
            end = ("evidence", "release", ONE, "--state", archive, *WHO, "--key", key)
            assert desk(*end).code == 0
        for more in (("--dry-run",), ()):
            said = purge("--trust-clock", *more)
            refused = "contradicts what a time server said" in lines(said)[1]
            assert (said.code, refused) == (EX_TEMPFAIL, True)
            assert said.err.count("contradicts what a time server said") == 1
    assert copy_in(archive).exists()


def test_show_of_a_deleted_recording_has_its_tombstone(
    purge: Desk, desk: Desk, archive: Path, clock: type[Office]
) -> None:
    clock.wall_us = LATER_US
    assert purge().code == 0
    show = ("evidence", "show", ONE, "--state", archive)
    said = desk(*show)
    assert (said.code, "deleted" in said.out) == (0, True)
    assert "by the office's ledger: expired, at least 25." in said.out
    found = desk(*show, "--json").json
    assert [(one["ledger"], one["why"]) for one in found["deletions"]] == [("office", "expired")]
    assert desk("evidence", "show", TWO, "--state", archive).code == 3


def test_what_lies_beside_where_recordings_belong_is_told(
    purge: Desk, desk: Desk, archive: Path, clock: type[Office], key: Path
) -> None:
    """Nothing would delete it."""
    assert purge().code == 0
    copy = copy_in(archive)
    parts = ("../..", "../ledger", "../old/older", "..", "sub", "../../office", "../../old")
    for there in [(copy.parent / part).resolve() for part in parts]:
        there.mkdir(parents=True, exist_ok=True)
        stray = there / copy.name
        shutil.copy(copy, stray)
        for said in (purge(), purge("--dry-run")):
            assert (said.code, f"{stray}: " in said.out) == (2, True)
        said = desk("evidence", "verify", archive, "--key", key)
        assert (said.code, f"{stray}: it lies beside" in said.out) == (1, True)
        stray.unlink()
