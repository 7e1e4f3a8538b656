"""Damaged state of the desk: records of people, the database, files of cases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from camerad.base.clock import SECOND
from camerad.office.desk import people
from camerad.office.desk.roles import DeskRole

from .desk_scene import DeskScene

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


def test_a_person_whose_record_was_lost_may_nothing_until_somebody_decides(
    scene: DeskScene,
) -> None:
    scene.add("lost", DeskRole.SUPERVISOR)
    tab, admin = scene.signed_in("lost"), scene.signed_in("admin")
    link = scene.sessions.make_link("lost", "")
    scene.people.write(people.lost("lost"))
    assert tab.ask("GET", "/api/recordings").why == "not_signed_in"
    assert scene.anybody().ask("POST", "/api/link/sign-in", {"link": link}).why == "link_used"
    listed = {one["id"]: one for one in admin.ask("GET", "/api/people").said}
    assert [one for one in listed if listed[one]["lost"]] == ["lost"]
    assert admin.ask("POST", "/api/people/link", {"id": "lost"}).why == "not_allowed"
    new = {"id": "lost", "name": "New", "roles": ["desk"]}
    assert admin.ask("POST", "/api/people/add", new).why == "id_taken"
    said = {"id": "lost", "roles": ["desk"]}
    assert admin.ask("POST", "/api/people/roles", said).said["lost"] is False
    assert admin.ask("POST", "/api/people/link", {"id": "lost"}).why == "link_by_command"
    scene.people.write(people.lost("lost"))
    answer = admin.ask("POST", "/api/people/withdraw", {"id": "lost"})
    assert answer.status == 200 and answer.said["withdrawn_us"] is not None


@pytest.mark.parametrize("damage", ["rubbish", "version"])
def test_a_damaged_database_keeps_the_desk_closed_and_is_left_alone(
    scene: DeskScene, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not made anew: people would be gone. Its remedy is in the log."""
    tab = scene.signed_in("clerk")
    file = Path(scene.directory, "office/state.sqlite")
    scene.desk._parts.state.close()
    scene.state.close()
    if damage == "rubbish":
        file.write_bytes(b"rubbish" * 1000)
    else:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("UPDATE camerad_state_version SET version_num = '9999'")
            connection.commit()
        scene.desk._parts.state._ready = False
    before = file.read_bytes()
    assert tab.ask("GET", "/api/me").why == "storage"
    assert "restore it from a backup" in caplog.text
    assert file.read_bytes() == before


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
