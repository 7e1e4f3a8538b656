"""Viewings: with two people where the office wants two, once, and for as long as they may."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import ONE, TWO, Camera, open_office
from sqlalchemy import delete

from camerad.base.errors import NotNowError
from camerad.office.desk import viewing_routes
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.people import DeskRole
from camerad.office.state import state_tables
from camerad.store import deletable

from .desk_scene import Answer, Browser, DeskScene

THERE = f"/api/recordings/{ONE}"
REQUESTS = "/api/viewing-requests"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskScene]:
    root = tmp_path_factory.mktemp("viewings")
    with DeskScene(root, two_for_viewing=True) as scene:
        camera = Camera(root / "camera")
        camera.put(ONE)
        camera.put(TWO)
        camera.offload(scene.office.directory)
        with open_office(scene.office.directory, scene.office.office_key, camera.clock) as store:
            store.reconcile()
        scene.add("desk", DeskRole.DESK)
        scene.add("root", DeskRole.ADMINISTRATOR)
        for one in ("boss", "boss2"):
            scene.add(one, DeskRole.SUPERVISOR)
        yield scene


@pytest.fixture
def scene(office: DeskScene) -> Iterator[DeskScene]:
    yield office
    with office.state.writing() as rows:
        for kind in (state_tables.viewings, state_tables.viewing_requests):
            rows.execute(delete(kind))


def ask(tab: Browser, **said: str) -> Answer:
    return together(tab, ONE, **said)


def waiting(boss: Browser) -> list[Any]:
    said = boss.ask("GET", REQUESTS).said
    assert isinstance(said, list)
    return said


def approve(boss: Browser, name: str) -> Answer:
    return boss.ask("POST", f"{REQUESTS}/approve", {"name": name})


def approved(scene: DeskScene, tab: Browser) -> Browser:
    """A supervisor who has approved what the tab asks for."""
    boss = scene.signed_in("boss")
    assert ask(tab).said["waiting"] == 1
    (one,) = waiting(boss)
    assert approve(boss, one["name"]).status == 200
    return boss


def viewing(scene: DeskScene, tab: Browser) -> dict[str, str]:
    approved(scene, tab)
    return {"Viewing": ask(tab).said["viewings"][0]}


def test_a_recording_that_was_looked_at_goes_on_its_day_all_the_same(scene: DeskScene) -> None:
    """Its file counts as there: the list keeps its day, and nothing is taken over again."""
    tab = scene.signed_in("desk")
    scene.index.refresh()
    before = tab.ask("GET", "/api/recordings").said
    approved(scene, tab)
    assert ask(tab).said["viewings"]
    scene.index.refresh()
    assert tab.ask("GET", "/api/recordings").said == before
    known = [kind for kind, _ in scene.entries()]
    approved(scene, tab)
    assert ask(tab).said["viewings"]
    assert [kind for kind, _ in scene.entries()][len(known) :] == ["viewing_approved", "viewed"]


def together(tab: Browser, *recordings: str, **said: str) -> Answer:
    wanted = {"recordings": recordings or (ONE, TWO), "reason": "Az. 7"}
    return tab.ask("POST", "/api/viewings", wanted | said)


def test_there_is_room_for_all_or_for_none(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewing_routes, "SHARE", 1)
    assert together(scene.signed_in("desk")).why == "too_many"
    assert waiting(scene.signed_in("boss")) == []
    package = together(scene.signed_in("desk"), purpose="download")  # one request for both
    assert package.said == {"viewings": [], "waiting": 2}


def test_of_several_recordings_nothing_is_written_unless_all_of_them_can_be_given(
    tmp_path: Path,
) -> None:
    """An entry says for years that a person took a recording along."""
    with DeskScene(tmp_path / "desk") as scene:
        camera = Camera(tmp_path / "camera")
        camera.put(ONE)
        camera.put(TWO)
        camera.offload(tmp_path / "desk" / "archive")
        scene.add("desk", DeskRole.DESK)
        tab = scene.signed_in("desk")
        wanted = {"recordings": [ONE, TWO], "reason": "1 Js 1/26", "purpose": "download"}
        (path,) = Path(scene.directory).glob(f"*/recordings/{TWO}.tar")
        path.rename(tmp_path / "away")
        assert tab.ask("POST", "/api/viewings", wanted).why == "not_there"
        assert scene.kinds("downloaded") == []
        (tmp_path / "away").rename(path)
        assert len(tab.ask("POST", "/api/viewings", wanted).said["viewings"]) == 2
        assert [one.id for one in scene.kinds("downloaded")] == [ONE, TWO]


def test_a_busy_store_uses_up_no_approval(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = scene.signed_in("desk")
    approved(scene, tab)

    def busy(*_: object, **__: object) -> None:
        raise NotNowError("taken")

    with monkeypatch.context() as patch:
        patch.setattr(DeskLedger, "deciding", busy)
        assert ask(tab).why == "busy"
    assert ask(tab).said["viewings"]


def test_an_approval_that_comes_while_one_is_used_does_not_come_back(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, other = scene.signed_in("desk"), scene.signed_in("boss2")
    boss = approved(scene, tab)
    (one,) = waiting(boss)
    giving, go_on = threading.Event(), threading.Event()
    find = deletable.find_kept

    def slowly(*asked: Any) -> Any:
        giving.set()
        assert go_on.wait(10)
        return find(*asked)

    monkeypatch.setattr(deletable, "find_kept", slowly)
    answers: list[Answer] = []
    asking = threading.Thread(target=lambda: answers.append(ask(tab)))
    asking.start()
    assert giving.wait(10)
    again = threading.Thread(target=lambda: answers.append(approve(other, one["name"])))
    again.start()
    go_on.set()
    asking.join()
    again.join()
    assert sorted(one.status for one in answers) == [200, 404]
    assert waiting(boss) == []


def test_nobody_takes_all_the_room_and_there_is_room_before_the_entry(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = scene.signed_in("desk")
    monkeypatch.setattr(viewing_routes, "SHARE", 1)
    viewing(scene, tab)
    boss = approved(scene, tab)
    before = len(scene.entries())
    assert ask(tab).why == "too_many"
    assert (len(scene.entries()), len(waiting(boss))) == (before, 1)
    assert ask(tab, reason="another").why == "too_many"
    assert ask(scene.signed_in("boss2")).status == 200


def test_whoever_is_withdrawn_gets_no_more_of_it(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = scene.signed_in("desk")
    fields = viewing(scene, tab)
    monkeypatch.setattr(viewing_routes, "AGAIN_US", 0)
    monkeypatch.setattr(viewing_routes, "PIECE", 100)
    assert tab.ask("GET", f"{THERE}/content", headers=fields).status == 200
    read = viewing_routes.open_plain

    def withdrawn_meanwhile(path: str, what: str) -> Any:
        scene.sessions.end_all_of("desk")
        return read(path, what)

    monkeypatch.setattr(viewing_routes, "open_plain", withdrawn_meanwhile)
    with pytest.raises((IncompleteRead, ConnectionError)):
        tab.ask("GET", f"{THERE}/content", headers=fields)


def test_a_range_is_of_the_file_that_it_was_before(scene: DeskScene) -> None:
    tab = scene.signed_in("desk")
    fields = viewing(scene, tab)
    (path,) = scene.office.directory.glob(f"*/recordings/{ONE}.tar")
    whole = path.read_bytes()

    def get(**more: str) -> Answer:
        said = {name.replace("_", "-"): value for name, value in more.items()}
        return tab.ask("GET", f"{THERE}/content", headers=fields | said)

    all_of_it = get()
    tag = all_of_it.headers["ETag"]
    assert (all_of_it.status, all_of_it.body) == (200, whole)
    some = get(Range="bytes=10-19", If_Match=tag)
    assert (some.status, some.body) == (206, whole[10:20])
    assert some.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    assert get(Range="bytes=-7").body == whole[-7:]
    for none in ("bytes=-0", "bytes=99999999999-", "bytes=5-2", "lines=1-2"):
        assert get(Range=none).status == 416, none
    assert get(If_Match='"other"').status == 412
    beyond = get(Range=f"bytes={len(whole)}-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
