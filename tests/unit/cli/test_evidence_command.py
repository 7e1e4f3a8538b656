"""`camerad evidence`: what the desk asks, on a device, in an office's directory, on a file."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import socketserver
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import DAYS, KEY, ONE, TWO, Camera

from camerad.base.clock import DAY, SECOND, ClockSource, Moment
from camerad.base.errors import EX_CONFIG, EX_NOPERM, EX_USAGE
from camerad.container.keys import SigningKey
from camerad.container.statements import RateChange
from camerad.store import recovery
from camerad.store.device_client import OwnedDevice
from camerad.verify.verdict import Verdict
from tests.unit.answering import Answering, served

from .conftest import Desk
from .evidence_steps import copy_in, damage
from .world import HOLD, RELEASE, World


@pytest.fixture
def world(camera: Camera, desk: Desk, key: Path, private: Path) -> World:
    """A camera with one recording."""
    camera.put(ONE, marks=(SECOND // 2,))
    return World(camera, desk, key.parent)


@pytest.fixture
def office(world: World, archive: Path) -> World:
    """An office's directory with that recording, which its ledger does not know yet."""
    assert archive == world.archive
    return world


def reconcile(world: World) -> None:
    with world.camera.open() as store:
        store.reconcile()


# ------------------------------------------------------------------------------------ list and show


def test_list_shows_what_is_here_and_warns_of_what_is_about_to_go(world: World) -> None:
    # The recordings are long gone by the clock of the machine that runs this test.
    world.camera.put(TWO)
    head, one, two = world.ask("list --trust-clock", 0).out.splitlines()[:3]
    assert head.split()[:3] == ["ID", "DEVICE", "WEARER"]
    assert one.startswith(ONE)
    assert "flagged" in one
    assert "2026-11-24 15:30:00" in two
    listed = world.ask("list --json", 0).json
    assert [(one["id"], one["flagged"]) for one in listed] == [(ONE, True), (TWO, False)]


def test_list_shows_what_is_not_as_the_ledger_knows_it(world: World) -> None:
    world.camera.put(TWO).write_bytes(b"\1" * 4096)  # not even listed any more
    world.do("truncate -s -2048 $CARD")
    reconcile(world)
    both = "2 recordings whose file is not the one that the ledger names: $ONE, $TWO"
    world.ask("list", 0, "interrupted, CHANGED", both)
    assert world.ask("list --json", 0).json[0]["changed"] is True
    world.ask("show $ONE", 0, "its file does not end as the ledger says")


def test_list_without_a_ledger_says_that_it_is_unknown_until_when(world: World) -> None:
    world.do("mkdir plain; cp $CARD plain")
    world.ask("list plain", 0, "in no ledger")
    assert world.ask("list plain/$ONE.tar --json", 0).json[0]["expires"] is None


def test_what_only_its_devices_ledger_knows_is_in_an_office_not_taken_over_yet(
    office: World,
) -> None:
    """It came with a copy of the ledger, and nothing has changed the office's store since."""
    office.ask("list $ARCHIVE", 0, "not ingested yet")
    office.ask("show $FILE", 0, "not ingested yet")
    (said,) = office.ask("list $ARCHIVE --json", 0).json
    assert (said["in_ledger"], said["in_device_ledger"]) == (False, True)
    office.ask(HOLD, 0)
    office.ask("list $ARCHIVE", 0, "held: Anzeige")


def test_what_repair_closed_has_one_word_for_its_state(world: World) -> None:
    world.do("truncate -s -2048 $CARD")  # the end is cut off
    recovery.repair(world.text("$CARD"), KEY, world.camera.clock)
    world.ask("show $CARD", 0, "\nstate         recovered\n")


def test_show_says_all_of_one_recording_and_its_history(world: World) -> None:
    world.ask("hold $ONE --reason Anzeige $WHO", 0)
    found = ("$ONE", "cam-1", "1.000 s", "Anzeige (Desk)", "closed: stop", "hold: Anzeige")
    world.ask("show $ONE", 0, *found)
    history = world.ask("show $ONE --json", 0).json["ledger"]
    assert [entry["kind"] for entry in history] == ["opened", "closed", "hold"]


def test_show_says_where_the_camera_took_fewer_pictures(world: World) -> None:
    world.camera.put(TWO, rates=(RateChange(SECOND // 2, 30, "heat", 15),))
    world.ask("show $TWO", 0, "0.5 s: 15 pictures per second in place of 30: heat")
    assert world.ask("show $TWO --json", 0).json["rates"] == [
        {"at": 0.5, "from": 30, "to": 15, "reason": "heat"}
    ]


def test_list_and_show_say_that_nothing_was_checked(world: World) -> None:
    damage(world.path("$CARD"))
    for command in ("list", "list $STATE", "show $ONE"):
        world.ask(command, 0, "nothing was checked here")
    assert world.ask("list --json", 0).json[0]["checked"] is False
    assert world.ask("show $ONE --json", 0).json["checked"] is False


def test_names_cannot_forge_lines(world: World) -> None:
    odd = world.here / "x\nchecked       yes\x1b[2J\u202e"
    os.rename(world.camera.root, odd)
    world.names["ODD"] = str(odd)
    for command, code in (
        ("list '$ODD'", 0),
        ("show '$ODD/recordings/$ONE.tar'", 0),
        ("show '$ODD/none'", Verdict.UNREADABLE),
        ("verify '$ODD'", EX_USAGE),
        ("hold '$ODD' --reason x $WHO", EX_USAGE),
    ):
        world.ask(command, code, "!\nchecked       yes", "!\x1b", "!\u202e")


# ------------------------------------------------------------------------------------------- verify

BESIDE = "lie beside these recordings"


@pytest.mark.parametrize(
    ("deed", "command", "code", "words"),
    [
        (":", "verify $BY", 0, ("1 recording: 1 authentic and complete", "!lie beside")),
        # By the keys beside the recordings it is never without a remark.
        (":", "verify", 1, (BESIDE,)),
        (":", "verify $ONE", 1, (BESIDE,)),
        (":", "verify $STATE", 1, (BESIDE,)),
        ("rm $CARD", "verify", 2, ("$ONE: its file is gone",)),
        # Before the next start there is no ledger, which is damage.
        ("rm -r $STATE/ledger", "verify $BY", Verdict.NOT_AUTHENTIC, ()),
        (":", "verify nowhere.tar $BY", Verdict.UNREADABLE, ()),
        (":", "show $TWO", Verdict.UNREADABLE, ("$TWO",)),
        ("mkdir empty", "verify empty $BY", Verdict.UNREADABLE, ("0 recordings",)),
        ("mkdir -p $REGISTER", "verify", EX_CONFIG, ()),
        (":", "verify --head yesterday", EX_USAGE, ("neither",)),
        *(
            (f"{make} > other.pem", "verify $ONE --key other.pem", EX_CONFIG, (no_key,))
            for no_key in ("other.pem: this is neither PEM nor a JWK; it must be the device's pub",)
            for make in (":", "echo no key", "head -c 4000 /dev/zero | tr '\\0' [", "echo {")
        ),
        # Holds and releases
        (":", "hold $ONE --reason x", EX_USAGE, ()),
        (":", "release $ONE --reason x", EX_USAGE, ()),
        (":", "hold $ONE --reason ' ' $WHO", EX_USAGE, ("a reason is needed",)),
        ("cp $CARD .", "hold $ONE.tar --reason x $WHO", EX_USAGE, ("without a ledger",)),
        ("rm $STATE/identity.pem", "hold $ONE --reason x $WHO", EX_USAGE, ("key is not here",)),
        # A directory is no recording.
        (":", "show $STATE", EX_USAGE, ("this is a directory",)),
        (":", "open $STATE $OPENING", EX_USAGE, ("this is a directory",)),
        (":", "export $STATE $OPENING $WHO", EX_USAGE, ("this is a directory",)),
    ],
)
def test_what_a_command_answers_about_a_camera(
    world: World, deed: str, command: str, code: int, words: tuple[str, ...]
) -> None:
    world.do(deed)
    said = world.ask(command, code, *words)
    if words == (BESIDE,):
        found = world.ask(f"{command} --json", code).json
        assert (found["exit_code"], BESIDE in found["differences"][-1]["text"]) == (1, True)
    if "identity.pem" in deed:
        assert not world.path("$STATE/identity.pem").exists()
    assert "Traceback" not in said.err


def test_verify_of_a_device_whose_ledger_was_lost_is_not_without_remarks(world: World) -> None:
    world.do("rm -r $STATE/ledger")
    reconcile(world)  # the ledger says so itself from now on
    all_lost = "all that the ledger had said was found damaged, or gone"
    world.ask(
        *("verify $BY", Verdict.QUALIFIED, all_lost),
        "$ONE was found, and the ledger had not named it",
    )


def test_no_command_goes_by_a_key_that_lies_beside_recordings_elsewhere(world: World) -> None:
    """In a directory in the shape of a device's are a stranger's recording and their key."""
    world.do("cp -r $STATE stick")
    file = "stick/recordings/$ONE.tar"
    for command in (
        "verify stick",
        f"verify {file}",
        f"open {file} $OPENING",
        f"export {file} $OPENING $WHO",
        # Naming it as the state makes it the own device, and no place to open anything.
        "open $ONE --state stick $OPENING",
        "export $ONE --state stick $OPENING $WHO",
    ):
        world.ask(command, EX_USAGE, KEY.public.thumbprint, "proves nothing")
    assert not [name for name in os.listdir() if "export" in name or name.endswith(".mp4")]


def test_the_register_comes_before_keys_that_lie_beside_recordings(world: World) -> None:
    world.do("mkdir -p $REGISTER")
    world.path("$REGISTER/registered.pem").write_text(SigningKey.generate().public.pem)
    for command in ("verify $ONE", "open $ONE $OPENING", "export $ONE $OPENING --no-hold $WHO"):
        world.ask(command, Verdict.NOT_AUTHENTIC)
    assert not [name for name in os.listdir() if "export" in name or name.endswith(".mp4")]
    world.do("cp $KEY $REGISTER")
    world.ask("verify", 0)
    world.ask("open $ONE $OPENING", 0)


def test_verify_names_what_is_damaged(world: World) -> None:
    damage(world.path("$CARD"))
    world.ask("verify $ONE", 2, "000001.m4s.age")
    (found,) = world.ask("verify $ONE --json", 2).json["recordings"]
    assert found["verdict"] == "not_authentic"
    # The first of two fragments of half a second.
    (proven,) = found["proven"]
    assert (proven["from"], round(proven["to"], 3)) == (0.0, 0.5)


def test_verify_says_what_has_gaps_is_authentic_with_remarks(world: World) -> None:
    world.camera.put(TWO, torn=b"half a fragment")
    world.ask("verify $TWO", 1)


def test_verify_does_not_miss_what_was_deleted_in_time(world: World) -> None:
    with world.camera.open() as store:
        world.camera.clock.advance(DAYS * DAY)
        store.purge()
    world.ask("verify $BY", 0)


def test_verify_finds_another_recording_in_place_of_one(world: World) -> None:
    Camera(world.here / "other").put(ONE)
    world.do("cp other/recordings/* $CARD")
    world.ask("verify $ONE", 2, "the ledger knows the end")


def test_verify_finds_a_ledger_that_was_put_back_by_its_witnessed_head(world: World) -> None:
    world.do("cp $STATE/ledger/000001.jws before")
    with world.camera.open() as store:
        store.hold(ONE, "prosecutor", "Desk")
        head = store.ledger.head
    world.do("cp before $STATE/ledger/000001.jws")
    world.ask("verify $BY", 0, "cannot be excluded")
    world.ask(f"verify --head {head.epoch}:{head.sequence}:{head.sha256}", 2, "put back")


def test_verify_in_an_office_trusts_no_key_that_came_along(office: World) -> None:
    office.ask("verify $ARCHIVE", EX_USAGE, KEY.public.thumbprint, "proves nothing")
    office.ask("verify $ARCHIVE $BY", 0)
    office.ask("verify --head $HOLDING/receipts/0001.jws $BY", 0)  # a receipt has a head
    # Once the key is enrolled no command has to name it.
    office.do("mkdir -p $REGISTER; cp $KEY $REGISTER")
    office.ask("verify $ARCHIVE", 0)
    (office.here / "other.pem").write_text(SigningKey.generate().public.pem)
    office.ask("verify $FILE --key other.pem", 2)
    office.do("rm $FILE")
    office.ask("verify $ARCHIVE", 2, "$ONE: there is a receipt for it")


# ----------------------------------------------------------------------------- hold, release, purge


def test_holds_in_an_office_are_signed_by_its_own_key(office: World) -> None:
    def holds() -> list[Any]:
        return list(office.ask("list $ARCHIVE --json", 0).json[0]["holds"])

    office.ask("hold $ONE --state $ARCHIVE --reason Anzeige $WHO", 0, "made the office's key")
    assert len(holds()) == 1
    office.ask("verify $ARCHIVE $BY", 0)
    other = f"{HOLD} --office-key other.pem"
    office.ask(other, EX_CONFIG, "--new-office-key")
    said = office.ask("release $ONE --state $ARCHIVE --reason ' Az. 9' $WHO", 0)
    assert said.out == f"{ONE} is not held any more: Az. 9\n"
    assert holds() == []
    office.ask(HOLD, 0)
    office.ask(f"{other} --new-office-key".replace("Anzeige", "Klage"), 0)
    assert len(holds()) == 2
    office.ask(f"{RELEASE} --office-key other.pem", 0)


def test_purge_deletes_what_is_due_by_a_trusted_clock(
    office: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The recording was made in November 2026.
    monkeypatch.setattr("camerad.base.clock.SystemClock.wall_us", lambda _: 1_900_000_000 * SECOND)
    moment = "camerad.base.clock.SystemClock.moment"
    now = Moment(10**15, 1_900_000_000 * SECOND, ClockSource.SYNCHRONISED)
    monkeypatch.setattr(moment, lambda _: now)
    # It was not taken in yet.
    dry = office.desk(*["evidence", "purge", "archive", "--dry-run", "--trust-clock", "--json"])
    assert dry.json["due"] == []
    # Without a key nothing is believed, so nothing is due.
    office.ask(
        "purge $ARCHIVE --trust-clock", EX_USAGE, "(0 recordings deleted)", "no key is trusted"
    )
    assert copy_in(office.archive).exists()
    office.ask("purge $ARCHIVE --trust-clock $BY", 0, "deleted $ONE: expired")
    assert not copy_in(office.archive).exists()


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
@pytest.mark.parametrize("more", ["verify $BY", "open $BY $OPENING", "export $BY $OPENING $WHO"])
def test_what_is_no_recording_is_unreadable_and_leaves_nothing(
    world: World, name: str, more: str
) -> None:
    world.do("mkdir input")
    (world.here / "input" / f"{ONE}.tar").write_bytes(BAD[name])
    before = sorted(os.listdir(world.here))
    for command in (more, "show"):
        said = world.ask(
            *(f"{command} $HERE/input/$ONE.tar", Verdict.UNREADABLE),
            *("$HERE/input/$ONE.tar", "!Traceback"),
        )
        assert said.code == Verdict.UNREADABLE
    assert sorted(os.listdir(world.here)) == before


def test_no_permission_is_said_with_what_to_do(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def guarded(name: Any, *args: Any, **named: Any) -> int:
        if os.fspath(name) == world.text("$CARD"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(name, *args, **named)

    monkeypatch.setattr(os, "open", guarded)
    world.ask("verify $ONE", EX_NOPERM, "run this as a user who may")


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
def daemon(world: World) -> Iterator[type[_Daemon]]:
    """A daemon that has the device's recordings and answers."""

    class Handler(_Daemon):
        asked: list[tuple[str, dict[str, Any]]] = []  # noqa: RUF012 - one for each test

    claim = os.open(world.camera.recordings, os.O_RDONLY)
    fcntl.flock(claim, fcntl.LOCK_EX)
    with served(socketserver.UnixStreamServer(str(world.here / "control.sock"), Handler)):
        yield Handler
    os.close(claim)


def test_a_running_daemon_is_asked_for_changes_and_not_disturbed_by_looking(
    world: World, daemon: type[_Daemon]
) -> None:
    world.ask("list", 0)
    world.ask("verify $BY", 0)
    assert daemon.asked == []
    world.ask("hold $ONE --reason Anzeige $WHO", 0)
    world.ask("purge", 0, "deleted $TWO: expired")
    world.ask("release $ONE $WHO", EX_USAGE, "it is not held")
    world.ask("release $ONE $WHO --reason 'Az. 9'", EX_USAGE, "it is not held")
    assert daemon.asked == [
        (f"/recordings/{ONE}/hold", {"reason": "Anzeige", "who": "Desk"}),
        ("/purge", {}),
        (f"/recordings/{ONE}/release", {"who": "Desk"}),
        (f"/recordings/{ONE}/release", {"who": "Desk", "reason": "Az. 9"}),
    ]


def test_the_daemon_of_another_device_is_not_asked(world: World, daemon: type[_Daemon]) -> None:
    daemon.thumbprint = "other"
    said = world.desk("evidence", "hold", ONE, "--reason", "Anzeige", "--who", "Desk")
    assert "another device" in said.err
    assert daemon.asked == []
