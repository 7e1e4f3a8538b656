"""`camerad evidence`: what the desk asks, on a device, in an office's directory, on a file."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import shutil
import socketserver
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import DAYS, KEY, ONE, TWO, Camera, recording

from camerad.base.clock import DAY, SECOND, ClockSource, Moment
from camerad.base.errors import EX_CONFIG, EX_NOPERM, EX_USAGE
from camerad.container.keys import SigningKey
from camerad.container.statements import RateChange
from camerad.store import recovery
from camerad.store.device_client import OwnedDevice
from camerad.store.locations import place_of
from camerad.verify.verdict import Verdict
from tests.unit.answering import Answering, served

from .conftest import Desk
from .evidence_steps import WHO, copy_in, damage

# ------------------------------------------------------------------------------------ list and show


def test_list_shows_what_is_here_and_warns_of_what_is_about_to_go(
    desk: Desk, camera: Camera
) -> None:
    # The recordings are long gone by the clock of the machine that runs this test.
    camera.put(ONE, marks=(SECOND // 2,))
    camera.put(TWO)
    said = desk("evidence", "list", "--trust-clock")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].split()[:3] == ["ID", "DEVICE", "WEARER"]
    assert lines[1].startswith(ONE)
    assert "flagged" in lines[1]
    assert "2026-11-24 15:30:00" in lines[2]
    listed = desk("evidence", "list", "--json").json
    assert [one["id"] for one in listed] == [ONE, TWO]
    assert listed[0]["flagged"]


def test_list_shows_what_is_not_as_the_ledger_knows_it(desk: Desk, camera: Camera) -> None:
    path = camera.put(ONE)
    gone = camera.put(TWO)
    path.write_bytes(path.read_bytes()[:-2048])
    gone.write_bytes(b"\1" * 4096)  # not even listed any more
    with camera.open() as store:
        store.reconcile()
    said = desk("evidence", "list")
    assert "interrupted, CHANGED" in said.out
    assert f"2 recordings whose file is not the one that the ledger names: {ONE}, {TWO}" in said.err
    assert desk("evidence", "list", "--json").json[0]["changed"] is True
    assert "its file does not end as the ledger says" in desk("evidence", "show", ONE).out


def test_list_without_a_ledger_says_that_nobody_knows_until_when(
    desk: Desk, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / f"{ONE}.tar").write_bytes(recording(ONE).file)
    assert "in no ledger" in desk("evidence", "list", plain).out
    assert desk("evidence", "list", plain / f"{ONE}.tar", "--json").json[0]["expires"] is None


def test_what_only_its_devices_ledger_knows_is_in_an_office_not_taken_over_yet(
    desk: Desk, archive: Path, key: Path
) -> None:
    """It came with a copy of the ledger, and nothing has changed the office's store since."""
    assert "not taken over yet" in desk("evidence", "list", archive).out
    assert "not taken over yet" in desk("evidence", "show", copy_in(archive)).out
    (said,) = desk("evidence", "list", archive, "--json").json
    assert (said["in_ledger"], said["in_device_ledger"]) == (False, True)
    desk("evidence", "hold", ONE, "--state", archive, "--reason", "Anzeige", *WHO, "--key", key)
    assert "held: Anzeige" in desk("evidence", "list", archive).out


def test_what_repair_closed_has_one_word_for_its_state(desk: Desk, camera: Camera) -> None:
    path = camera.put(ONE)
    path.write_bytes(path.read_bytes()[:-2048])  # the end is cut off
    recovery.repair(str(path), KEY, camera.clock)
    assert "\nstate         recovered\n" in desk("evidence", "show", path).out


def test_show_says_all_of_one_recording_and_its_history(desk: Desk, camera: Camera) -> None:
    camera.put(ONE)
    desk("evidence", "hold", ONE, "--reason", "Anzeige", *WHO)
    said = desk("evidence", "show", ONE)
    assert said.code == 0
    for what in (ONE, "cam-1", "1.000 s", "Anzeige (Desk)", "closed: stop", "hold: Anzeige"):
        assert what in said.out
    history = desk("evidence", "show", ONE, "--json").json["ledger"]
    assert [entry["kind"] for entry in history] == ["opened", "closed", "hold"]


def test_show_says_where_the_camera_took_fewer_pictures(desk: Desk, camera: Camera) -> None:
    camera.put(ONE, rates=(RateChange(SECOND // 2, 30, "heat", 15),))
    assert "0.5 s: 15 pictures per second in place of 30: heat" in desk("evidence", "show", ONE).out
    assert desk("evidence", "show", ONE, "--json").json["rates"] == [
        {"at": 0.5, "from": 30, "to": 15, "reason": "heat"}
    ]


def test_list_and_show_say_that_nothing_was_checked(
    desk: Desk, camera: Camera, tmp_path: Path
) -> None:
    damage(camera.put(ONE))
    for command in (("list",), ("list", camera.root), ("show", ONE)):
        said = desk("evidence", *command)
        assert (said.code, "nothing was checked here" in said.out) == (0, True)
    assert desk("evidence", "list", "--json").json[0]["checked"] is False
    assert desk("evidence", "show", ONE, "--json").json["checked"] is False


FORGERY = "x\nchecked       yes\x1b[2J\u202e"


def test_names_cannot_forge_lines(desk: Desk, camera: Camera, tmp_path: Path) -> None:
    camera.put(ONE)
    with camera.open() as store:
        store.hold(ONE, "Anzeige", "Desk")
    odd = tmp_path / FORGERY
    os.rename(camera.root, odd)
    for command in (
        ("list", odd),
        ("show", odd / "recordings" / f"{ONE}.tar"),
        ("show", tmp_path / FORGERY / "none"),
        ("verify", odd),
        ("hold", odd, "--reason", "x", *WHO),
    ):
        said = desk("evidence", *command)
        lines = (said.out + said.err).splitlines()
        assert not [line for line in lines if line.startswith("checked       yes")]
        assert not set("\x1b\u202e") & set(said.out + said.err)


# ------------------------------------------------------------------------------------------- verify


@pytest.mark.parametrize("content", ["", "no key\n", "[" * 4000, "{"])
def test_a_file_that_is_no_key_is_called_so(
    desk: Desk, camera: Camera, tmp_path: Path, content: str
) -> None:
    camera.put(ONE)
    (tmp_path / "other.pem").write_text(content)
    said = desk("evidence", "verify", "--key", tmp_path / "other.pem")
    assert "other.pem: this is neither PEM nor a JWK; it must be the device's public" in said.err


def test_verify_of_an_untouched_device_finds_nothing(desk: Desk, camera: Camera, key: Path) -> None:
    camera.put(ONE)
    camera.put(TWO)
    said = desk("evidence", "verify", "--key", key)
    assert said.code == 0
    assert "2 recordings: 2 authentic and complete" in said.out
    assert "lie beside" not in said.out + said.err


def test_verify_of_a_device_whose_ledger_was_lost_is_not_without_remarks(
    desk: Desk, camera: Camera, key: Path
) -> None:
    camera.put(ONE)
    shutil.rmtree(camera.root / "ledger")
    # Before the next start there is no ledger, which is damage; after it the ledger says so itself.
    assert desk("evidence", "verify", "--key", key).code == Verdict.NOT_AUTHENTIC
    with camera.open() as store:
        store.reconcile()
    said = desk("evidence", "verify", "--key", key)
    assert said.code == Verdict.QUALIFIED
    assert "all that the ledger had said was found damaged, or gone" in said.out
    assert f"{ONE} was found, and the ledger had not named it" in said.out


def test_verify_by_the_keys_beside_the_recordings_is_never_without_a_remark(
    desk: Desk, camera: Camera
) -> None:
    camera.put(ONE)
    for what in ((), (ONE,), (camera.root,)):
        said = desk("evidence", "verify", *what)
        assert said.code == 1
        assert "lie beside these recordings" in said.out
        said = desk("evidence", "verify", *what, "--json")
        assert said.json["exit_code"] == said.code == 1
        assert "lie beside these recordings" in said.json["differences"][-1]["text"]


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """A directory in the shape of a device's, with a stranger's recording and a stranger's key."""
    stick = tmp_path / "stick"
    Camera(stick).put(ONE)
    return stick


def test_no_command_goes_by_a_key_that_lies_beside_recordings_elsewhere(
    desk: Desk, stick: Path, private: Path
) -> None:
    file = stick / "recordings" / f"{ONE}.tar"
    opening = ("--identity", private)
    for command in (
        ("verify", stick),
        ("verify", file),
        ("open", file, *opening),
        ("export", file, *opening, *WHO),
        # Naming it as the state makes it the own device, and no place to open anything.
        ("open", ONE, "--state", stick, *opening),
        ("export", ONE, "--state", stick, *opening, *WHO),
    ):
        said = desk("evidence", *command)
        assert said.code == EX_USAGE
        assert KEY.public.thumbprint in said.err
        assert "proves nothing" in said.err
    assert not [name for name in os.listdir() if "export" in name or name.endswith(".mp4")]


def test_the_register_comes_before_keys_that_lie_beside_recordings(
    desk: Desk, camera: Camera, private: Path, tmp_path: Path
) -> None:
    camera.put(ONE)
    enrolled = tmp_path / "config" / "camerad" / "keys"
    enrolled.mkdir(parents=True)
    (enrolled / "registered.pem").write_text(SigningKey.generate().public.pem)
    for command in (
        ("verify", ONE),
        ("open", ONE, "--identity", private),
        ("export", ONE, "--identity", private, "--no-hold", *WHO),
    ):
        assert desk("evidence", *command).code == Verdict.NOT_AUTHENTIC
    assert not [name for name in os.listdir() if "export" in name or name.endswith(".mp4")]
    (enrolled / "cam.pem").write_text(KEY.public.pem)
    assert desk("evidence", "verify").code == 0
    assert desk("evidence", "open", ONE, "--identity", private).code == 0


def test_an_empty_register_is_a_mistake_in_the_settings(
    desk: Desk, camera: Camera, tmp_path: Path
) -> None:
    camera.put(ONE)
    (tmp_path / "config" / "camerad" / "keys").mkdir(parents=True)
    assert desk("evidence", "verify").code == EX_CONFIG


def test_verify_names_what_is_damaged(desk: Desk, camera: Camera) -> None:
    damage(camera.put(ONE))
    said = desk("evidence", "verify", ONE)
    assert said.code == 2
    assert "000001.m4s.age" in said.out
    (found,) = desk("evidence", "verify", ONE, "--json").json["recordings"]
    assert found["verdict"] == "not_authentic"
    # The first of two fragments of half a second.
    (proven,) = found["proven"]
    assert (proven["from"], round(proven["to"], 3)) == (0.0, 0.5)


def test_verify_says_what_has_gaps_is_authentic_with_remarks(desk: Desk, camera: Camera) -> None:
    camera.put(ONE, torn=b"half a fragment")
    assert desk("evidence", "verify", ONE).code == 1


def test_verify_finds_a_recording_that_was_deleted_whole(desk: Desk, camera: Camera) -> None:
    camera.put(ONE)
    camera.put(TWO).unlink()
    said = desk("evidence", "verify")
    assert said.code == 2
    assert f"{TWO}: its file is gone" in said.out


def test_verify_does_not_miss_what_was_deleted_in_time(
    desk: Desk, camera: Camera, key: Path
) -> None:
    camera.put(ONE)
    with camera.open() as store:
        camera.clock.advance(DAYS * DAY)
        store.purge()
    assert desk("evidence", "verify", "--key", key).code == 0


def test_verify_finds_another_recording_in_place_of_one(
    desk: Desk, camera: Camera, tmp_path: Path
) -> None:
    path = camera.put(ONE)
    path.write_bytes(Camera(tmp_path / "other").put(ONE, marks=(SECOND // 2,)).read_bytes())
    said = desk("evidence", "verify", ONE)
    assert said.code == 2
    assert "the ledger knows the end" in said.out


def test_verify_finds_a_ledger_that_was_put_back_by_its_witnessed_head(
    desk: Desk, camera: Camera, key: Path
) -> None:
    camera.put(ONE)
    file = camera.root / "ledger" / "000001.jws"
    before = file.read_bytes()
    with camera.open() as store:
        store.hold(ONE, "prosecutor", "Desk")
        head = store.ledger.head
    file.write_bytes(before)
    said = desk("evidence", "verify", "--key", key)
    assert (said.code, "cannot be excluded" in said.out) == (0, True)
    said = desk("evidence", "verify", "--head", f"{head.epoch}:{head.sequence}:{head.sha256}")
    assert said.code == 2
    assert "put back" in said.out


def test_verify_takes_a_receipt_for_a_head(
    desk: Desk, camera: Camera, archive: Path, key: Path
) -> None:
    (holding,) = place_of(str(archive)).holdings
    receipt = Path(holding.receipts, "0001.jws")
    assert desk("evidence", "verify", "--head", receipt, "--key", key).code == 0
    said = desk("evidence", "verify", "--head", "yesterday")
    assert (said.code, "neither" in said.err) == (EX_USAGE, True)


def test_verify_in_an_office_trusts_no_key_that_came_along(
    desk: Desk, archive: Path, key: Path
) -> None:
    said = desk("evidence", "verify", archive)
    assert said.code == EX_USAGE
    assert KEY.public.thumbprint in said.err
    assert "proves nothing" in said.err
    assert desk("evidence", "verify", archive, "--key", key).code == 0
    # Once the key is enrolled nobody needs to name it.
    enrolled = archive.parent / "config" / "camerad" / "keys"
    enrolled.mkdir(parents=True)
    (enrolled / "cam.pem").write_text(KEY.public.pem)
    assert desk("evidence", "verify", archive).code == 0


def test_verify_with_the_wrong_key_says_not_authentic(
    desk: Desk, archive: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_text(SigningKey.generate().public.pem)
    assert desk("evidence", "verify", copy_in(archive), "--key", other).code == 2


def test_verify_finds_a_copy_that_vanished_from_the_office(
    desk: Desk, archive: Path, key: Path
) -> None:
    copy_in(archive).unlink()
    said = desk("evidence", "verify", archive, "--key", key)
    assert said.code == 2
    assert f"{ONE}: there is a receipt for it" in said.out


# ----------------------------------------------------------------------------- hold, release, purge


def test_holds_in_an_office_are_signed_by_its_own_key(desk: Desk, archive: Path, key: Path) -> None:
    said = desk("evidence", "hold", ONE, "--state", archive, "--reason", "Anzeige", *WHO)
    assert said.code == 0
    assert "made the office's own key" in said.err
    assert desk("evidence", "list", archive, "--json").json[0]["held"]
    assert desk("evidence", "verify", archive, "--key", key).code == 0
    said = desk("evidence", "release", ONE, "--state", archive, "--reason", " Az. 9", *WHO)
    assert (said.code, said.out) == (0, f"{ONE} is not held any more: Az. 9\n")
    assert not desk("evidence", "list", archive, "--json").json[0]["held"]


def test_another_key_of_the_office_is_refused_unless_it_is_to_replace_the_first(
    desk: Desk, archive: Path, tmp_path: Path
) -> None:
    hold = ("evidence", "hold", ONE, "--state", archive, "--reason", "Anzeige", *WHO)
    assert desk(*hold).code == 0
    other = ("--office-key", tmp_path / "other.pem")
    said = desk(*hold, *other)
    assert said.code == EX_CONFIG
    assert "--new-office-key" in said.err
    again = ("evidence", "hold", ONE, "--state", archive, "--reason", "Klage", *WHO)
    assert desk(*again, *other, "--new-office-key").code == 0
    assert len(desk("evidence", "list", archive, "--json").json[0]["holds"]) == 2


def test_purge_deletes_what_is_due_by_a_trusted_clock(
    desk: Desk, archive: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The recording was made in November 2026.
    monkeypatch.setattr("camerad.base.clock.SystemClock.wall_us", lambda _: 1_900_000_000 * SECOND)
    moment = "camerad.base.clock.SystemClock.moment"
    now = Moment(10**15, 1_900_000_000 * SECOND, ClockSource.SYNCHRONISED)
    monkeypatch.setattr(moment, lambda _: now)
    due = desk("evidence", "purge", archive, "--dry-run", "--trust-clock", "--json").json["due"]
    assert due == []  # it was not taken in yet
    assert copy_in(archive).exists()
    # Without a key nothing is believed, so nothing is due.
    said = desk("evidence", "purge", archive, "--trust-clock")
    assert (said.code, "(0 recordings deleted)" in said.out) == (EX_USAGE, True)
    assert "no key is trusted" in said.err
    said = desk("evidence", "purge", archive, "--trust-clock", "--key", key)
    assert (said.code, f"deleted {ONE}: expired" in said.out) == (0, True)
    assert not copy_in(archive).exists()


@pytest.mark.parametrize("action", ["hold", "release"])
def test_a_hold_without_a_person_is_wrong_usage(desk: Desk, camera: Camera, action: str) -> None:
    camera.put(ONE)
    assert desk("evidence", action, ONE, "--reason", "x").code == EX_USAGE
    said = desk("evidence", "hold", ONE, "--reason", " ", *WHO)
    assert (said.code, "a reason is needed" in said.err) == (EX_USAGE, True)


def test_files_without_a_ledger_cannot_be_held(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / f"{ONE}.tar"
    path.write_bytes(recording(ONE).file)
    said = desk("evidence", "hold", path, "--reason", "x", *WHO)
    assert (said.code, "without a ledger" in said.err) == (EX_USAGE, True)


def test_a_card_without_the_devices_key_cannot_be_written(desk: Desk, camera: Camera) -> None:
    camera.put(ONE)
    (camera.root / "identity.pem").unlink()
    said = desk("evidence", "hold", ONE, "--reason", "x", *WHO)
    assert (said.code, "key is not here" in said.err) == (EX_USAGE, True)
    assert not (camera.root / "identity.pem").exists()


# ---------------------------------------------------------------------------------------- bad input


def foreign_tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        info = tarfile.TarInfo("holiday.jpg")
        info.size = 3
        tar.addfile(info, io.BytesIO(b"jpg"))
    return file.getvalue()


BAD = {
    "empty": b"",
    "zeros": bytes(10240),
    "no tar": b"this is not an archive at all" * 100,
    "foreign tar": foreign_tar(),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("action", ["verify", "open", "export", "show"])
def test_what_is_no_recording_is_unreadable_and_leaves_nothing(
    desk: Desk, key: Path, private: Path, name: str, action: str
) -> None:
    tmp_path = key.parent
    path = tmp_path / "input" / f"{ONE}.tar"
    path.parent.mkdir()
    path.write_bytes(BAD[name])
    before = sorted(os.listdir(tmp_path))
    more: tuple[object, ...] = {
        "verify": ("--key", key),
        "open": ("--key", key, "--identity", private),
        "export": ("--key", key, "--identity", private, *WHO),
        "show": (),
    }[action]
    said = desk("evidence", action, path, *more)
    assert said.code == Verdict.UNREADABLE
    assert str(path) in said.out + said.err
    assert "Traceback" not in said.err
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("action", ["open", "export", "show"])
def test_a_directory_is_no_recording(
    desk: Desk, camera: Camera, private: Path, action: str
) -> None:
    camera.put(ONE)
    more: tuple[object, ...] = {
        "open": ("--identity", private),
        "export": ("--identity", private, *WHO),
        "show": (),
    }[action]
    said = desk("evidence", action, camera.root, *more)
    assert (said.code, "this is a directory" in said.err) == (EX_USAGE, True)


def test_what_is_not_there_is_unreadable(desk: Desk, camera: Camera, key: Path) -> None:
    assert desk("evidence", "verify", "nowhere.tar", "--key", key).code == Verdict.UNREADABLE
    said = desk("evidence", "show", TWO)
    assert (said.code, TWO in said.err) == (Verdict.UNREADABLE, True)


def test_a_directory_without_recordings_is_not_called_authentic(
    desk: Desk, tmp_path: Path, key: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    said = desk("evidence", "verify", empty, "--key", key)
    assert (said.code, "0 recordings" in said.out) == (Verdict.UNREADABLE, True)


def test_no_permission_is_said_with_what_to_do(
    desk: Desk, camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = camera.put(ONE)
    real = os.open

    def guarded(name: Any, *args: Any, **named: Any) -> int:
        if os.fspath(name) == str(path):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(name, *args, **named)

    monkeypatch.setattr(os, "open", guarded)
    said = desk("evidence", "verify", ONE)
    assert said.code == EX_NOPERM
    assert "run this as a user who may" in said.out


def test_a_key_that_is_none_is_named(desk: Desk, camera: Camera, tmp_path: Path) -> None:
    camera.put(ONE)
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no key")
    said = desk("evidence", "verify", ONE, "--key", wrong)
    assert (said.code, str(wrong) in said.err) == (EX_CONFIG, True)


# ----------------------------------------------------------------------- a device whose daemon runs


class _Daemon(Answering):
    device: OwnedDevice
    thumbprint = KEY.public.thumbprint
    asked: list[tuple[str, dict[str, Any]]]

    def get(self) -> None:
        self.answer(200, {"thumbprint": self.thumbprint})

    def post(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, body))
        if self.path == "/purge":
            gone = {"id": TWO, "why": "expired", "bytes": 1}
            self.answer(200, {"complete": True, "deleted": [gone], "reasons": []})
        elif self.path.endswith("/release"):
            self.answer(409, {"error": "it is not held"})
        else:
            self.answer(200, {})


@pytest.fixture
def daemon(camera: Camera, tmp_path: Path) -> Iterator[type[_Daemon]]:
    """A daemon that has the device's recordings and answers."""
    camera.put(ONE)

    class Handler(_Daemon):
        asked: list[tuple[str, dict[str, Any]]] = []  # noqa: RUF012 - one for each test

    claim = os.open(camera.recordings, os.O_RDONLY)
    fcntl.flock(claim, fcntl.LOCK_EX)
    with served(socketserver.UnixStreamServer(str(tmp_path / "control.sock"), Handler)):
        yield Handler
    os.close(claim)


def test_a_running_daemon_is_asked_to_hold_and_to_purge(desk: Desk, daemon: type[_Daemon]) -> None:
    assert desk("evidence", "hold", ONE, "--reason", "Anzeige", *WHO).code == 0
    said = desk("evidence", "purge")
    assert f"deleted {TWO}: expired" in said.out
    assert daemon.asked == [
        (f"/recordings/{ONE}/hold", {"reason": "Anzeige", "who": "Desk"}),
        ("/purge", {}),
    ]


def test_what_the_daemon_refuses_is_said(desk: Desk, daemon: type[_Daemon]) -> None:
    for more in ((), ("--reason", "Az. 9")):
        said = desk("evidence", "release", ONE, *WHO, *more)
        assert (said.code, "it is not held" in said.err) == (EX_USAGE, True)
    bodies = [body for _, body in daemon.asked]
    assert bodies == [{"who": "Desk"}, {"who": "Desk", "reason": "Az. 9"}]


def test_the_daemon_of_another_device_is_not_asked(desk: Desk, daemon: type[_Daemon]) -> None:
    daemon.thumbprint = "other"
    said = desk("evidence", "hold", ONE, "--reason", "Anzeige", *WHO)
    assert "another device" in said.err
    assert daemon.asked == []


def test_looking_needs_no_daemon_and_disturbs_none(
    desk: Desk, daemon: type[_Daemon], key: Path
) -> None:
    assert desk("evidence", "list").code == 0
    assert desk("evidence", "verify", "--key", key).code == 0
    assert daemon.asked == []
