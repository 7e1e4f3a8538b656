"""A damaged file of the desk harms whoever it is about, and nobody else."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from camerad.base.clock import DAY, SECOND
from camerad.desk.roles import DeskRole
from camerad.desk.secrets_store import DAMAGED_US, SecretKind

from .desk_scene import Authenticator, Browser, DeskScene

DEEP = b'{"unknown":' + b"[" * 5000
NAME = "ab" * 32 + ".json"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    with DeskScene(tmp_path / "office", two_for_viewing=True) as made:
        made.add("clerk", DeskRole.DESK)
        made.add("other", DeskRole.SUPERVISOR)
        made.add("admin", DeskRole.ADMINISTRATOR)
        yield made


def spoil(scene: DeskScene, place: str, content: bytes) -> Path:
    path = Path(scene.directory, "office/desk", place)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def enrolled(scene: DeskScene, person: str) -> Authenticator:
    tab, authenticator = scene.anybody(), Authenticator()
    link = scene.sessions.make_link(person, "")
    answer = authenticator.make(tab.ask("POST", "/api/link/ask", {"link": link}).said)
    said = {"link": link, "answer": answer, "label": "key"}
    assert tab.ask("POST", "/api/link/enrol", said).status == 200
    return authenticator


def sign_in(scene: DeskScene, authenticator: Authenticator) -> tuple[Browser, int]:
    tab = scene.anybody()
    options = tab.ask("POST", "/api/sign-in/ask").said
    return tab, tab.ask("POST", "/api/sign-in", {"answer": authenticator.sign(options)}).status


@pytest.mark.parametrize("content", [b"", DEEP, b'{"until_us":'], ids=["empty", "deep", "cut"])
def test_what_people_held_for_a_while_harms_nobody_else(
    scene: DeskScene, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    key = enrolled(scene, "clerk")
    files = [spoil(scene, f"{kind}/{NAME}", content) for kind in SecretKind]
    caplog.set_level(logging.ERROR)
    admin = scene.signed_in("admin")
    tab, status = sign_in(scene, key)
    assert status == 200
    assert admin.ask("GET", "/api/people").status == 200
    new = {"id": "new", "name": "New", "roles": ["desk"]}
    assert admin.ask("POST", "/api/people/add", new).status == 200
    assert tab.ask("GET", "/api/viewing-requests").said == []
    assert admin.ask("POST", "/api/people/sign-out", {"id": "clerk"}).status == 200
    assert tab.ask("GET", "/api/recordings").why == "not_signed_in"
    assert admin.ask("POST", "/api/people/withdraw", {"id": "clerk"}).status == 200
    said = [one.getMessage() for one in caplog.records]
    assert said == list(dict.fromkeys(said)), "each is said once"
    assert any("sessions counts no more" in one and NAME in one for one in said)
    assert [one.exists() for one in files] == [True] * len(files)


def test_a_session_that_makes_no_sense_is_none_and_its_browser_signs_in_anew(
    scene: DeskScene,
) -> None:
    key = enrolled(scene, "clerk")
    tab = scene.signed_in("clerk")
    for file in Path(scene.directory, "office/desk/sessions").glob("*.json"):
        file.write_bytes(DEEP)
    assert tab.ask("GET", "/api/recordings").why == "not_signed_in"
    options = tab.ask("POST", "/api/sign-in/ask").said
    assert tab.ask("POST", "/api/sign-in", {"answer": key.sign(options)}).status == 200


def test_a_damaged_record_goes_when_it_is_old(scene: DeskScene) -> None:
    young, old = (spoil(scene, f"{kind}/{NAME}", DEEP) for kind in ("links", "viewings"))
    now_us = scene.clock.wall_us()
    for file, age_us in ((young, DAMAGED_US - DAY), (old, DAMAGED_US)):
        os.utime(file, ns=((now_us - age_us) * 1000,) * 2)
    with pytest.raises(Exception, match=r"links/.*cannot be read"):
        scene.desk.tidy()
    assert young.exists() and not old.exists()
    scene.clock.advance(DAY + SECOND)
    scene.desk.tidy()
    assert not young.exists()


@pytest.mark.parametrize("content", [b'{"id":"a.gone","name"', DEEP], ids=["cut", "deep"])
def test_one_persons_damaged_file_keeps_nobody_else_from_anything(
    scene: DeskScene, content: bytes
) -> None:
    key = enrolled(scene, "clerk")
    key.counter = 1
    scene.add("a.gone", DeskRole.DESK)
    gone, admin = scene.signed_in("a.gone"), scene.signed_in("admin")
    spoil(scene, "people/a.gone.json", content)
    assert sign_in(scene, key)[1] == 200
    assert gone.ask("GET", "/api/recordings").why == "not_signed_in"
    listed = {one["id"]: one for one in admin.ask("GET", "/api/people").said}
    assert [one for one in listed if listed[one]["lost"]] == ["a.gone"]
    assert listed["a.gone"]["roles"] == []
    new = {"id": "new", "name": "New", "roles": ["desk"]}
    assert admin.ask("POST", "/api/people/add", new).status == 200
    assert admin.ask("POST", "/api/people/withdraw", {"id": "other"}).status == 200
    # They themselves: no link without roles, and the id is nobody else's.
    assert admin.ask("POST", "/api/people/link", {"id": "a.gone"}).why == "not_allowed"
    taken = admin.ask("POST", "/api/people/add", new | {"id": "a.gone"})
    assert taken.why == "id_taken"
    answer = admin.ask("POST", "/api/people/withdraw", {"id": "a.gone"})
    assert answer.status == 200 and answer.said["withdrawn_us"] is not None
    known = scene.people.find("a.gone")
    assert known is not None and known.withdrawn_us is not None and not known.active


def test_whose_file_is_lost_gets_their_roles_anew_or_is_added_by_the_command(
    scene: DeskScene,
) -> None:
    scene.add("lost", DeskRole.SUPERVISOR)
    spoil(scene, "people/lost.json", b"{")
    admin = scene.signed_in("admin")
    said = {"id": "lost", "roles": ["desk"]}
    assert admin.ask("POST", "/api/people/roles", said).said["lost"] is False
    assert admin.ask("POST", "/api/people/link", {"id": "lost"}).why == "link_by_command"
    spoil(scene, "people/lost.json", DEEP)
    roles = frozenset([DeskRole.DESK])
    assert scene.people.add("lost", "Lost", roles, scene.clock.wall_us()).active
    known = scene.people.find("lost")
    assert known is not None and known.name == "Lost"


def test_a_link_of_somebody_whose_file_is_lost_opens_nothing(scene: DeskScene) -> None:
    link = scene.sessions.make_link("clerk", "")
    spoil(scene, "people/clerk.json", b"")
    assert scene.anybody().ask("POST", "/api/link/sign-in", {"link": link}).why == "link_used"


def test_one_damaged_case_keeps_no_other_from_being_shown(scene: DeskScene) -> None:
    tab = scene.signed_in("clerk")
    assert tab.ask("POST", "/api/cases/open", {"number": "7 Js 1"}).status == 200
    spoil(scene, f"cases/{NAME}", DEEP)
    scene.index.refresh()
    assert [one["number"] for one in tab.ask("GET", "/api/cases").said["rows"]] == ["7 Js 1"]
    assert tab.ask("GET", "/api/cases/unreadable").said == {"count": 1}


def test_a_case_whose_file_is_gone_is_missed_and_opens_as_no_other(scene: DeskScene) -> None:
    tab = scene.signed_in("clerk")
    for what in ("open", "close"):
        assert tab.ask("POST", f"/api/cases/{what}", {"number": "7 Js 1"}).status == 200
    assert tab.ask("POST", "/api/cases/open", {"number": "8 Js 1"}).status == 200
    scene.index.refresh()
    assert tab.ask("GET", "/api/cases/lost").said == {"count": 0, "numbers": []}
    for file in Path(scene.directory, "office/desk/cases").iterdir():
        file.unlink()
    scene.index.refresh()
    assert tab.ask("GET", "/api/cases/lost").said == {"count": 1, "numbers": ["7 Js 1"]}
    assert tab.ask("GET", "/api/cases").said == {"rows": [], "next": None}
    answer = tab.ask("POST", "/api/cases/open", {"number": "7 js 1"})
    assert (answer.status, answer.why) == (409, "case_lost")
    assert tab.ask("GET", "/api/cases/one?number=7+Js+1").why == "no_such_case"
    # Of one that had nothing, nothing is lost.
    assert tab.ask("POST", "/api/cases/open", {"number": "8 Js 1"}).status == 200


def test_a_list_of_cases_comes_by_the_page_and_one_by_its_number(scene: DeskScene) -> None:
    tab = scene.signed_in("clerk")
    for number in range(1, 4):
        assert tab.ask("POST", "/api/cases/open", {"number": f"{number} Js 1/26"}).status == 200
        scene.clock.advance(SECOND)
    scene.index.refresh()
    first = tab.ask("GET", "/api/cases?limit=2&open=true&said=js+1").said
    assert [one["number"] for one in first["rows"]] == ["3 Js 1/26", "2 Js 1/26"]
    last = tab.ask("GET", f"/api/cases?limit=2&after={first['next']}").said
    assert [one["number"] for one in last["rows"]] == ["1 Js 1/26"] and last["next"] is None
    assert last["rows"][0] | {"opened_us": 0} == {
        "number": "1 Js 1/26",
        "opened_us": 0,
        "recordings": 0,
        "handed_over": False,
        "closed": False,
    }
    found = tab.ask("GET", "/api/cases/one?number=3+JS+1%2F26").said
    assert (found["number"], found["notes"], found["closed_us"]) == ("3 Js 1/26", [], None)
    for wrong in ("?limit=51", "?limit=0", "?open=perhaps", "?after=!", "?else=1", "/one"):
        assert tab.ask("GET", f"/api/cases{wrong}").why == "not_understood", wrong
