"""Given to somebody: with two where the office wants two, once, and for as long as they may."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import KEY, KEYS, ONE, TWO, Camera, Silent, open_office
from sqlalchemy import delete

from camerad.evidence.offload import offload
from camerad.office.desk import sealed_answer, viewing_routes
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.roles import DeskRole
from camerad.office.server.directory_locks import LockHeldError
from camerad.office.state import state_tables
from camerad.store import deletable
from camerad.store.device_client import OwnedDevice

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
        with camera.open() as store:
            store.reconcile()
            offload(OwnedDevice(store, KEY, KEYS), scene.directory, Silent(), same_disk=True)
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
    body = {"reason": "Az. 7", "purpose": "view"} | said
    return tab.ask("POST", f"{THERE}/viewing", body)


def waiting(boss: Browser) -> list[Any]:
    said = boss.ask("GET", REQUESTS).said
    assert isinstance(said, list)
    return said


def approve(boss: Browser, name: str) -> Answer:
    return boss.ask("POST", f"{REQUESTS}/approve", {"name": name})


def approved(scene: DeskScene, tab: Browser) -> Browser:
    """A supervisor who has approved what the tab asks for."""
    boss = scene.signed_in("boss")
    assert ask(tab).said["viewing"] == ""
    (one,) = waiting(boss)
    assert approve(boss, one["name"]).status == 200
    return boss


def viewing(scene: DeskScene, tab: Browser) -> dict[str, str]:
    approved(scene, tab)
    return {"Viewing": ask(tab).said["viewing"]}


def test_an_approval_is_for_the_reason_and_case_that_were_approved(scene: DeskScene) -> None:
    tab = scene.signed_in("desk")
    assert tab.ask("POST", "/api/cases/open", {"number": "999"}).status == 200
    boss = approved(scene, tab)
    kind, facts = scene.entries()[-1]
    assert (kind, facts.id, facts.who, facts.person, facts.reason, facts.case) == (
        *("viewing_approved", ONE, "boss", "desk", "Az. 7", ""),
    )
    before = len(scene.kinds("viewed"))
    assert ask(tab, reason="the neighbour").said["viewing"] == ""
    assert ask(tab, case="999").said["viewing"] == ""
    assert (len(scene.kinds("viewed")), len(waiting(boss))) == (before, 3)
    assert ask(tab).said["viewing"]
    assert scene.kinds("viewed")[-1].reason == "Az. 7"
    (one,) = (one for one in waiting(boss) if one["case"] == "999")
    assert approve(boss, one["name"]).status == 200
    assert ask(tab, case="999").said["viewing"]
    told = tab.ask("GET", THERE).said["history"]
    assert [one["reason"] for one in told if one["kind"] == "viewed"][-1] == "999, Az. 7"


def test_whoever_gets_the_name_of_somebody_who_was_withdrawn_has_none_of_their_approvals(
    scene: DeskScene,
) -> None:
    scene.add("leaver", DeskRole.DESK)
    approved(scene, scene.signed_in("leaver"))
    root = scene.signed_in("root")
    for action in ("withdraw", "restore"):
        assert root.ask("POST", f"/api/people/{action}", {"id": "leaver"}).status == 200
    successor = scene.signed_in("leaver")
    assert waiting(successor) == [], "nor the reasons of whoever had the name"
    assert ask(successor).said["viewing"] == ""
    assert len(waiting(successor)) == 1


@pytest.mark.parametrize("roles", [None, ["desk"]], ids=["withdrawn", "other roles"])
def test_an_approval_ends_with_the_supervisor_who_gave_it(
    scene: DeskScene, roles: list[str] | None
) -> None:
    scene.add(gone := f"gone-{len(roles or ())}", DeskRole.SUPERVISOR)
    tab, boss, root = scene.signed_in("desk"), scene.signed_in("boss"), scene.signed_in("root")
    assert ask(tab).said["viewing"] == ""
    (one,) = waiting(boss)
    assert approve(scene.signed_in(gone), one["name"]).status == 200
    assert waiting(boss)[0]["approved_by"] == gone
    if roles is None:
        for action in ("withdraw", "restore"):
            assert root.ask("POST", f"/api/people/{action}", {"id": gone}).status == 200
    else:
        said = {"id": gone, "roles": roles}
        assert root.ask("POST", "/api/people/roles", said).status == 200
    before = len(scene.kinds("viewed"))
    assert ask(tab).said["viewing"] == ""
    (one,) = waiting(boss)
    assert (one["approved_by"], len(scene.kinds("viewed"))) == ("", before)
    assert approve(boss, one["name"]).status == 200
    assert ask(tab).said["viewing"]
    assert scene.kinds("viewed")[-1].approved_by == "boss"


def test_a_recording_that_was_looked_at_goes_on_its_day_all_the_same(scene: DeskScene) -> None:
    """Its file counts as there: the list keeps its day, and nothing is taken over again."""
    tab = scene.signed_in("desk")
    scene.index.refresh()
    before = tab.ask("GET", "/api/recordings").said
    approved(scene, tab)
    assert ask(tab).said["viewing"]
    scene.index.refresh()
    assert tab.ask("GET", "/api/recordings").said == before
    known = [kind for kind, _ in scene.entries()]
    approved(scene, tab)
    assert ask(tab).said["viewing"]
    assert [kind for kind, _ in scene.entries()][len(known) :] == ["viewing_approved", "viewed"]


def together(tab: Browser, *recordings: str, **said: str) -> Answer:
    wanted = {"recordings": recordings or (ONE, TWO), "reason": "Az. 7"}
    return tab.ask("POST", "/api/viewings", wanted | said)


def test_several_are_given_for_one_reason_when_each_was_approved(scene: DeskScene) -> None:
    tab, boss = scene.signed_in("desk"), scene.signed_in("boss")
    before = len(scene.kinds("viewed"))
    assert together(tab).said == {"viewings": [], "waiting": 2}
    assert together(tab).said == {"viewings": [], "waiting": 2}
    first, second = waiting(boss)
    assert approve(boss, first["name"]).status == 200
    # The one that was approved is not used up while the other one waits.
    assert together(tab).said == {"viewings": [], "waiting": 1}
    assert together(tab, reason="the neighbour").said["waiting"] == 2
    assert len(scene.kinds("viewed")) == before
    assert approve(boss, second["name"]).status == 200
    viewings = together(tab).said["viewings"]
    given = scene.kinds("viewed")[before:]
    assert [(one.id, one.reason, one.approved_by) for one in given] == [
        (ONE, "Az. 7", "boss"),
        (TWO, "Az. 7", "boss"),
    ]
    for recording, other, viewing in zip((ONE, TWO), (TWO, ONE), viewings, strict=True):
        fields = {"Viewing": viewing, "Range": "bytes=0-9"}
        content = f"/api/recordings/{recording}/content"
        assert tab.ask("GET", content, headers=fields).body == b"header.jws"
        assert tab.ask("GET", content.replace(recording, other), headers=fields).status == 403
    assert together(tab).said == {"viewings": [], "waiting": 2}, "an approval is good once"


def test_a_package_is_asked_for_once_and_given_whole_or_not_at_all(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, boss = scene.signed_in("desk"), scene.signed_in("boss")
    before, taken = len(scene.kinds("viewing_approved")), len(scene.kinds("downloaded"))

    def package(*recordings: str, **said: str) -> Any:
        return together(tab, *recordings, purpose="download", **said).said

    with monkeypatch.context() as patch:
        patch.setattr(viewing_routes, "SHARE", 1)  # one request, however much it is for
        assert package(TWO, ONE) == {"viewings": [], "waiting": 2}
        assert package(ONE, TWO) == {"viewings": [], "waiting": 2}
    (one,) = waiting(boss)
    assert (one["recordings"], one["purpose"]) == ([ONE, TWO], "download")
    assert approve(tab, one["name"]).why == "not_allowed"
    assert approve(boss, one["name"]).status == 200
    approvals = scene.kinds("viewing_approved")[before:]
    assert [(it.id, it.who, it.person) for it in approvals] == [
        (ONE, "boss", "desk"),
        (TWO, "boss", "desk"),
    ]
    # What was approved is that package: no other one, and not one of its recordings alone.
    assert package(ONE) == {"viewings": [], "waiting": 1}
    assert ask(tab, purpose="download").said["viewing"] == ""
    assert together(tab).said["waiting"] == 2
    assert len(scene.kinds("downloaded")) == taken
    viewings = package(TWO, ONE)["viewings"]
    given = scene.kinds("downloaded")[taken:]
    assert sorted((it.id, it.approved_by) for it in given) == [(ONE, "boss"), (TWO, "boss")]
    for recording, viewing in zip((TWO, ONE), viewings, strict=True):
        fields = {"Viewing": viewing, "Range": "bytes=0-9"}
        content = f"/api/recordings/{recording}/content"
        assert tab.ask("GET", content, headers=fields).body == b"header.jws"
    assert package(ONE, TWO)["waiting"] == 2, "an approval is good once"
    assert together(tab, purpose="print").why == "not_understood"


@pytest.mark.parametrize(
    ("recordings", "why"),
    [
        ((ONE,), "not_understood"),
        ((ONE, ONE), "not_understood"),
        ((ONE, TWO, *("x",) * 3), "not_understood"),
        ((ONE, "../../office"), "not_there"),
        ((ONE, ONE.replace("1-", "9-")), "not_there"),
    ],
)
def test_what_is_seen_together_is_two_to_four_that_are_here(
    scene: DeskScene, recordings: tuple[str, ...], why: str
) -> None:
    tab = scene.signed_in("desk")
    assert together(tab, *recordings).why == why
    assert together(tab, reason=" ").why == "reason_needed"
    assert waiting(scene.signed_in("boss")) == []


def test_there_is_room_for_all_or_for_none(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewing_routes, "SHARE", 1)
    assert together(scene.signed_in("desk")).why == "too_many"
    assert waiting(scene.signed_in("boss")) == []


def test_a_viewing_names_a_case_that_there_is(scene: DeskScene) -> None:
    assert ask(scene.signed_in("desk"), case="never").why == "no_such_case"


def test_of_several_recordings_nothing_is_written_unless_all_of_them_can_be_given(
    tmp_path: Path,
) -> None:
    """An entry says for years that somebody took a recording along."""
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
        raise LockHeldError("taken")

    with monkeypatch.context() as patch:
        patch.setattr(DeskLedger, "deciding", busy)
        assert ask(tab).why == "busy"
    assert ask(tab).said["viewing"]


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


def test_what_a_tab_found_is_written_once_in_the_name_of_whoever_was_given_it(
    scene: DeskScene,
) -> None:
    tab, other = scene.signed_in("desk"), scene.signed_in("boss2")
    fields = viewing(scene, tab)
    before = len(scene.kinds("judged"))
    found = {"verdict": "not_authentic", "key": KEY.public.thumbprint, "final": "f" * 64}

    def says(who: Browser, recording: str = ONE, **said: str) -> Answer:
        path = f"/api/recordings/{recording}/verdict"
        return who.ask("POST", path, found | said, fields)

    # Nobody else, of no other recording, and no other words.
    assert says(other).why == "not_allowed"
    assert says(tab, TWO).why == "not_allowed"
    assert tab.ask("POST", f"{THERE}/verdict", found).why == "not_allowed"
    for wrong in ({"verdict": "good"}, {"key": "k"}, {"key": "\xdf" * 43}, {"final": "F" * 64}):
        assert says(tab, **wrong).why == "not_understood"
    assert len(scene.kinds("judged")) == before
    assert says(tab).said == {"written": True}
    assert says(tab, verdict="authentic").said == {"written": False}
    (one,) = scene.kinds("judged")[before:]
    assert (one.id, one.who, one.verdict) == (ONE, "desk", "not_authentic")
    assert (one.key, one.final) == (KEY.public.thumbprint, "f" * 64)
    told = tab.ask("GET", THERE).said["history"][-1]
    assert (told["kind"], told["who"], told["reason"]) == ("judged", "desk", "not_authentic")
    # It goes on being given, and another viewing says anew what it finds.
    content = tab.ask("GET", f"{THERE}/content", headers=fields | {"Range": "bytes=0-9"})
    assert content.body == b"header.jws"
    fields = viewing(scene, tab)
    assert says(tab, verdict="authentic", final="").said == {"written": True}


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
    monkeypatch.setattr(sealed_answer, "AGAIN_US", 0)
    monkeypatch.setattr(sealed_answer, "PIECE", 100)
    assert tab.ask("GET", f"{THERE}/content", headers=fields).status == 200
    read = sealed_answer.open_plain

    def withdrawn_meanwhile(path: str, what: str) -> Any:
        scene.sessions.end_all_of("desk")
        return read(path, what)

    monkeypatch.setattr(sealed_answer, "open_plain", withdrawn_meanwhile)
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
    assert get(Range="bytes=-0").status == 416
    assert get(Range="bytes=10-19", If_Range=tag).status == 206
    assert get(Range="bytes=10-19", If_Range='"other"').body == whole
    assert get(If_Match='"other"').status == 412
    assert get(If_None_Match=tag).status == 304
    beyond = get(Range=f"bytes={len(whole)}-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
