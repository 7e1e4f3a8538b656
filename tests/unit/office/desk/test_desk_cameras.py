"""Cameras at the desk: what each lacks, who wore it last, who withdraws it, what is printed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import KEY, Camera
from state_helpers import forget_cameras, revoked_in
from vouching_helpers import Outside

from camerad.base.clock import DAY, Moment
from camerad.container.keys import SigningKey
from camerad.evidence.labels import URN
from camerad.evidence.office_key_file import OfficeKeyError
from camerad.ledger.entries import parse_entry
from camerad.office.desk.people import DeskRole
from camerad.office.server.camera_courses import PIECE, CameraCourse, CameraCourses
from camerad.office.server.camera_holdings import CameraHoldings
from camerad.office.server.cameras import Cameras
from camerad.store.check_in import DoctorResult, RecordingCounts
from camerad.store.locations import holding_name
from tests.unit.office.server.office_scene import NAME, write_register

from .desk_scene import MINUTE, Browser, DeskScene, checks_in

KID = KEY.public.thumbprint
OTHERS = tuple(SigningKey.generate() for _ in range(4))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskScene]:
    with DeskScene(tmp_path_factory.mktemp("desk")) as made:
        for person, role in (
            ("lead", DeskRole.SHIFT_LEAD),
            ("admin", DeskRole.ADMINISTRATOR),
            ("clerk", DeskRole.DESK),
            ("dpo", DeskRole.DATA_PROTECTION),
        ):
            made.add(person, role)
        yield made


@pytest.fixture(autouse=True)
def one_camera(scene: DeskScene) -> None:
    """Each test begins with one camera, of which nothing is known."""
    forget_cameras(scene.directory)
    registered(scene, (NAME, KEY))


def registered(scene: DeskScene, *cameras: tuple[str, SigningKey]) -> None:
    write_register(scene.office.register, *((name, key.public, ()) for name, key in cameras))


def cameras(tab: Browser) -> list[dict[str, Any]]:
    answer = tab.ask("GET", "/api/cameras")
    assert answer.status == 200
    return list(answer.said["rows"])


def codes(row: dict[str, Any]) -> list[str]:
    return [one["code"] for one in row["why_not"]]


def test_what_needs_a_hand_is_on_top_and_says_why(scene: DeskScene) -> None:
    names = ("a-ready", "b-low", "c-lost", "d-never", "e-out")
    keys = (KEY, *OTHERS)
    registered(scene, *zip(names, keys, strict=True))
    checks_in(scene, keys[4])
    scene.clock.advance(36 * MINUTE)  # the fifth is elsewhere since
    checks_in(scene, keys[0])
    doctor = DoctorResult("2026-11-24T15:00:00Z", "rtc", 7, 1, ("sound",), ("display",))
    checks_in(
        scene,
        keys[1],
        battery=20,
        conditions=("docked", "clock_untrusted"),
        recordings=RecordingCounts(3, 0, 2),
        doctor=doctor,
    )
    tab = scene.signed_in("lead")
    said = {"kid": keys[2].public.thumbprint, "why": "lost", "reason": "left in a train"}
    assert tab.ask("POST", "/api/cameras/withdraw", said).status == 200
    rows = cameras(tab)
    assert [(one["name"], one["state"]) for one in rows] == [
        ("d-never", "needs"),
        ("b-low", "needs"),
        ("a-ready", "ready"),
        ("e-out", "away"),
        ("c-lost", "withdrawn"),
    ]
    assert [codes(one) for one in rows] == [
        ["never_seen"],
        ["clock_untrusted", "percent", "left", "doctor"],
        [],
        [],
        ["withdrawn"],
    ]
    low = rows[1]
    assert (low["battery"], low["left"], low["version"]) == (20, 2, "2026.11")
    assert low["doctor"]["failed"] == ["display"]
    assert rows[4]["withdrawn"]["reason"] == "left in a train"
    scene.clock.advance(DAY)
    silent = {one["name"]: one for one in cameras(scene.signed_in("lead"))}["e-out"]
    assert (silent["state"], codes(silent)) == ("needs", ["silent"]), "a person looks for it"


def test_a_withdrawn_camera_is_refused_until_an_administrator_takes_it_back(
    scene: DeskScene,
) -> None:
    lead, admin = scene.signed_in("lead"), scene.signed_in("admin")
    before = len(scene.kinds("camera"))
    said = {"kid": KID, "why": "stolen", "reason": "  from a car "}
    with scene.office.serving() as camera:
        assert camera.ask("GET", "/v1/ledger").status == 200
        assert lead.ask("POST", "/api/cameras/withdraw", said).said["reason"] == "from a car"
        refused = camera.ask("GET", "/v1/ledger")
        assert (refused.status, "has withdrawn this camera" in refused.error) == (403, True)
        assert (
            camera.declare().status == 403
            and camera.ask("POST", "/v1/check-in", b"x").status == 403
        )
        back = {"kid": KID, "reason": "found, and checked"}
        assert admin.ask("POST", "/api/cameras/return", back).status == 200
        assert camera.ask("GET", "/v1/ledger").status == 200
    assert [(one.kid, one.name) for one in scene.kinds("camera")[before:]] == [(KID, NAME)] * 2
    scene.index.refresh()
    found = scene.signed_in("dpo").ask("GET", "/api/entries?kind=camera").said["rows"][:2]
    assert [(one["who"], one["reason"]) for one in found] == [
        ("admin", f"{NAME}, found, and checked"),
        ("lead", f"{NAME}, stolen, from a car"),
    ]


def test_a_withdrawal_that_was_lost_follows_from_the_ledger(scene: DeskScene) -> None:
    gone, key = revoked_in(scene.directory), scene.office.office_key.public
    (other,) = OTHERS[:1]
    registered(scene, (NAME, KEY), ("cam-2", other))
    tab = scene.signed_in("admin")

    def ask(what: str, kid: str, **more: str) -> None:
        said = {"kid": kid, "reason": "r"} | more
        assert tab.ask("POST", f"/api/cameras/{what}", said).status == 200

    ask("withdraw", KID, why="stolen")
    ask("withdraw", other.public.thumbprint, why="lost")
    ask("return", other.public.thumbprint)
    before = gone.find(KID)
    assert before is not None
    gone.rebuild(scene.directory, key)  # what other tests have withdrawn, and removed
    assert gone.rebuild(scene.directory, key) == [], "nothing is lost now"
    forget_cameras(scene.directory)
    with pytest.raises(OfficeKeyError):
        gone.rebuild(scene.directory, other.public)
    assert NAME in gone.rebuild(scene.directory, key)
    assert not gone.is_revoked(other.public.thumbprint), "this one was taken back"
    again = gone.find(KID)
    assert again is not None
    assert (again.who, again.why, again.reason) == (before.who, before.why, before.reason)
    ask("return", KID)
    assert (gone.rebuild(scene.directory, key), gone.find(KID)) == ([], None)


@pytest.fixture
def ledger(scene: DeskScene, tmp_path: Path) -> Iterator[Any]:
    """Takes entries as the camera makes them, and has them copied to the office."""
    camera = Camera(tmp_path / "camera")
    register = Cameras(str(scene.office.register))
    holding = CameraHoldings(scene.directory, register, scene.state).make(KID)

    def bring(*entries: tuple[str, dict[str, Any]]) -> None:
        with closing(camera.ledger()) as book:
            for kind, facts in entries:
                camera.clock.advance(MINUTE)
                book.append(kind, **facts)
        shutil.rmtree(holding.ledger, ignore_errors=True)
        shutil.copytree(camera.root / "ledger", holding.ledger)

    bring.camera = camera  # type: ignore[attr-defined]
    yield bring
    shutil.rmtree(holding.root)


def begun(camera: Camera, wearer: str) -> tuple[str, dict[str, Any]]:
    moment: Moment = camera.clock.moment()
    facts = {"wearer": wearer, "source": "badge", "began": moment, "began_boot": "b"}
    return "shift_begun", facts


DOCKED = ("fault", {"condition": "docked", "holds": True})
TAKEN_OUT = ("fault", {"condition": "docked", "holds": False})


def test_the_last_shift_is_shown_to_whoever_hands_out_and_to_nobody_else(
    scene: DeskScene, ledger: Any
) -> None:
    camera: Camera = ledger.camera
    checks_in(scene)
    began_us = camera.clock.wall_us()
    ledger(TAKEN_OUT, begun(camera, "W-1"))
    (row,) = cameras(scene.signed_in("lead"))
    assert row["course"]["docked"] is False
    assert row["course"]["shift"] == {
        "wearer": "W-1",
        "source": "badge",
        "began_us": began_us,
        "ended": False,
        "ended_us": None,
    }
    ledger(("shift_ended", {"why": "docked"}), DOCKED)
    course = cameras(scene.signed_in("lead"))[0]["course"]
    assert (course["docked"], course["shift"]["ended"]) == (True, True)
    for person in ("admin", "clerk"):
        answer = scene.signed_in(person).ask("GET", "/api/cameras")
        assert answer.said["wearers"] is False
        assert b"W-1" not in answer.body and answer.said["rows"][0]["course"]["docked"] is True


def test_cameras_are_listed_where_what_witnesses_signed_cannot_be_read(tmp_path: Path) -> None:
    outside = Outside(tmp_path / "archive/office/log", tmp_path / "policy", "dpo")
    with DeskScene(tmp_path, witnesses=outside.policy) as made:
        made.add("lead", DeskRole.SHIFT_LEAD)
        outside.cosigned("dpo", made.clock.wall_us())
        said = made.signed_in("lead").ask("GET", "/api/cameras").said
        assert [one["late"] for one in said["vouching"]] == [False]
        outside.policy.write_text("quorum dpo")
        said = made.signed_in("lead").ask("GET", "/api/cameras").said
        assert (said["vouching"], len(said["rows"])) == (None, 1)


def test_what_the_copy_of_a_ledger_does_not_say_is_not_known(
    scene: DeskScene, ledger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    holdings = CameraHoldings(scene.directory, Cameras(str(scene.office.register)), scene.state)
    courses = CameraCourses(scene.directory, Cameras(str(scene.office.register)))
    assert courses.read_all()[KID] == CameraCourse()
    ledger(begun(ledger.camera, "W-2"), *[DOCKED, TAKEN_OUT] * 3)
    found = courses.read_all()[KID]
    assert found.shift is not None and found.shift.wearer == "W-2" and found.docked is False
    assert courses.read_all()[KID] is found, "nothing is read again that is the same"
    (path,) = Path(holdings.find(KID).ledger).glob("*.jws")  # type: ignore[union-attr]
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:50] + b"!" + lines[-1][51:])
    assert courses.read_all()[KID].docked is True, "an entry that was changed says nothing"
    monkeypatch.setattr("camerad.office.server.camera_courses.MOST_BYTES", len(lines[-1]) + 10)
    path.write_bytes(b"".join(lines))
    assert courses.read_all()[KID].shift is None, "no more is looked at"
    monkeypatch.undo()
    renamed = path.parents[1].with_name(holding_name("earlier", KEY.public))
    path.parents[1].rename(renamed)
    assert courses.read_all()[KID].shift is not None, "it was renamed since"
    renamed.rename(path.parents[1])
    path.unlink()
    path.mkdir()
    assert courses.read_all()[KID] == CameraCourse()
    path.rmdir()


def test_of_a_ledger_only_the_end_is_read_and_taken_apart_what_counts(
    scene: DeskScene, ledger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = ("hold", {"id": "20261124T153000Z-000001-00000001", "reason": "x" * 400, "who": "W"})
    ledger(*[held] * 150, begun(ledger.camera, "W-3"), TAKEN_OUT, *[held] * 20)
    courses = CameraCourses(scene.directory, Cameras(str(scene.office.register)))
    holdings = CameraHoldings(scene.directory, Cameras(str(scene.office.register)), scene.state)
    (path,) = Path(holdings.find(KID).ledger).glob("*.jws")  # type: ignore[union-attr]
    path.write_bytes(path.read_bytes() + b"x\n" * 5000)
    parsed: list[bytes] = []
    read: list[int] = []
    pread = os.pread
    monkeypatch.setattr(
        "camerad.office.server.camera_courses.parse_entry",
        lambda line, keys: parsed.append(line) or parse_entry(line, keys),
    )
    monkeypatch.setattr(
        "os.pread", lambda file, size, at: read.append(size) or pread(file, size, at)
    )
    found = courses.read_all()[KID]
    assert found.shift is not None and found.shift.wearer == "W-3" and found.docked is False
    assert len(parsed) == 3, "the last one, and what counts"
    assert sum(read) == PIECE < path.stat().st_size


# ------------------------------------------------------------------ what is printed


def test_labels_are_a_page_with_nothing_inline(scene: DeskScene) -> None:
    registered(scene, ("cam <1>", KEY), ("cam-2", OTHERS[0]))
    tab = scene.signed_in("lead")
    answer = tab.ask("GET", "/sheets/labels?language=en")
    page = answer.body.decode()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<style" not in page and "style=" not in page and "cam &lt;1&gt;" in page
    assert '<html lang="en">' in page and page.count("<section>") == 2
    chosen = tab.ask("GET", f"/sheets/labels?camera={KID}&language=xx").body.decode()
    assert chosen.count("<section>") == 1 and '<html lang="de">' in chosen
    style = scene.anybody().ask("GET", "/page/labels.css")
    assert style.headers["Content-Type"].startswith("text/css") and b"@page" in style.body
    assert URN.startswith("urn:")
