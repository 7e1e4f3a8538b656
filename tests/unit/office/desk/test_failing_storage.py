"""The desk while nothing can be written: it goes on where it can, and reports the rest."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import pytest

from camerad.base import durable_files
from camerad.base.errors import NotNowError
from camerad.base.storage_errors import explain
from camerad.ledger.ledger import Ledger
from camerad.office.desk import people
from camerad.office.desk.people import DeskRole
from camerad.office.desk.sessions import Sessions
from camerad.office.server.preflight import NotMountedError
from camerad.office.state.database import Database
from camerad.office.state.office_state import OfficeState

from .desk_scene import MINUTE, Browser, DeskScene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    with DeskScene(tmp_path / "office") as made:
        made.add("clerk", DeskRole.DESK)
        made.add("admin", DeskRole.ADMINISTRATOR)
        yield made


def fails(number: int) -> Any:
    """What writes, on a storage of which the system says this."""

    def write(*_: Any, **__: Any) -> NoReturn:
        raise explain("write", "/office", OSError(number, os.strerror(number)))

    return write


@pytest.fixture
def tabs(scene: DeskScene, monkeypatch: pytest.MonkeyPatch) -> tuple[Browser, Browser]:
    """Of a clerk and an administrator, who came before the disk was full."""
    made = scene.signed_in("clerk"), scene.signed_in("admin")
    for one in made:
        assert one.ask("GET", "/api/me").status == 200
    fail_all(monkeypatch, errno.ENOSPC)
    return made


def fail_all(patch: pytest.MonkeyPatch, number: int) -> None:
    """Of files, ledger and database none takes a change."""
    patch.setattr(durable_files, "publish", fails(number))
    patch.setattr(Ledger, "append", fails(number))
    patch.setattr(Database, "writing", fails(number))


def test_on_a_full_disk_one_reads_and_is_signed_out(
    scene: DeskScene, tabs: tuple[Browser, Browser], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    tab, admin = tabs
    scene.clock.advance(2 * MINUTE)
    assert tab.ask("GET", "/api/me").said["id"] == "clerk"
    assert tab.ask("GET", "/api/recordings").status == 200
    assert admin.ask("GET", "/api/people").status == 200
    refused = tab.ask("POST", "/api/cases/open", {"number": "7"})
    assert (refused.status, refused.why) == (507, "storage_full")
    assert tab.ask("POST", "/api/sign-out").status == 200
    assert tab.ask("GET", "/api/me").said is None
    sessions = {one["id"]: one["sessions"] for one in admin.ask("GET", "/api/people").said}
    assert sessions == {"admin": 1, "clerk": 0}
    said = [one.getMessage() for one in caplog.records]
    assert len([one for one in said if one.startswith("the use of a session is not")]) == 1
    assert any("signed out, and the ledger does not say so: /office" in one for one in said)
    assert "clerk" not in caplog.text


def test_a_session_that_cannot_be_noted_ends_when_it_was_idle(
    scene: DeskScene, tabs: tuple[Browser, Browser]
) -> None:
    tab, _ = tabs
    scene.clock.advance(29 * MINUTE)
    assert tab.ask("GET", "/api/recordings").status == 200
    scene.clock.advance(2 * MINUTE)
    assert tab.ask("GET", "/api/recordings").why == "not_signed_in"


def test_each_failure_has_a_word_and_is_in_the_log(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    admin = scene.signed_in("admin")
    for mistake, status, why in (
        (fails(errno.EIO), 503, "storage"),
        (fails(errno.EDQUOT), 507, "storage_full"),
        (lambda *_: 1 // 0, 500, "mistake"),
    ):
        caplog.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Sessions, "counts", mistake)
            answer = admin.ask("GET", "/api/people")
        assert (answer.status, answer.why) == (status, why)
        assert "GET /api/people" in caplog.text


def test_while_the_storage_is_not_mounted_nothing_is_made_in_its_place(
    scene: DeskScene, tmp_path: Path
) -> None:
    tab = scene.signed_in("clerk")
    there, away = Path(scene.directory), tmp_path / "away"
    there.rename(away)
    there.mkdir()  # the place that it is mounted at
    for method, path in (
        *(("GET", "/api/me"), ("GET", "/api/recordings"), ("POST", "/api/sign-in/ask")),
        *(("POST", "/api/sign-out"), ("POST", "/api/cases/open")),
    ):
        answer = tab.ask(method, path)
        assert (answer.status, answer.why) == (503, "storage"), path
    assert tab.ask("GET", "/").status == 200
    with pytest.raises(NotMountedError, match="mount"):
        scene.desk.tidy()
    assert list(there.iterdir()) == []
    there.rmdir()
    away.rename(there)
    assert tab.ask("GET", "/api/recordings").status == 200
    assert tab.ask("POST", "/api/sign-out").status == 200


def test_on_storage_that_became_read_only_one_is_signed_out_all_the_same(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    tab, other, admin = (scene.signed_in(one) for one in ("clerk", "clerk", "admin"))
    secret = tab.cookie
    with monkeypatch.context() as patch:
        make_read_only(patch)
        scene.clock.advance(2 * MINUTE)
        answer = tab.ask("POST", "/api/sign-out")
        assert (answer.status, tab.cookie) == (200, "")
        copied = Browser(scene, secret)
        assert copied.ask("GET", "/api/recordings").why == "not_signed_in"
        # An administrator ends the other session of that person, and no one has one then.
        assert admin.ask("POST", "/api/people/sign-out", {"id": "clerk"}).said["sessions"] == 0
        assert other.ask("GET", "/api/recordings").why == "not_signed_in"
    said = [one.getMessage() for one in caplog.records]
    assert any(one.startswith("a person is signed out, and the row of their ses") for one in said)
    assert scene.sessions.counts().total() == 3
    assert admin.ask("GET", "/api/people").status == 200
    left = scene.sessions.counts()
    assert left == {"admin": 1}, "the storage takes changes again, and what ended goes"
    assert copied.ask("GET", "/api/recordings").why == "not_signed_in"


def test_a_server_that_begins_anew_knows_no_sign_out_that_was_not_written(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has only the rows, in which no use can be noted: the session ends as if it were idle."""
    tab = scene.signed_in("clerk")
    secret = tab.cookie
    make_read_only(monkeypatch)
    assert tab.ask("POST", "/api/sign-out").status == 200
    again = Sessions(scene.state, scene.settings, scene.clock)
    scene.clock.advance(29 * MINUTE)
    assert again.find(secret) is not None
    scene.clock.advance(2 * MINUTE)
    assert again.find(secret) is None


def make_read_only(patch: pytest.MonkeyPatch) -> None:
    """As a file system that was remounted."""
    fail_all(patch, errno.EROFS)


def test_a_busy_database_keeps_nobody_signed_in(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held(*_: object) -> NoReturn:
        raise NotNowError("a server that is stopped has it")

    tab = scene.signed_in("clerk")
    secret = tab.cookie
    with monkeypatch.context() as patch:
        patch.setattr(OfficeState, "writing", held)
        assert tab.ask("POST", "/api/sign-out").status == 200
    assert Browser(scene, secret).ask("GET", "/api/recordings").why == "not_signed_in"
    assert Browser(scene, secret).ask("GET", "/api/me").said is None


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


def test_a_case_whose_file_is_gone_is_missed_and_opens_as_no_other(scene: DeskScene) -> None:
    tab = scene.signed_in("clerk")
    for what in ("open", "close"):
        assert tab.ask("POST", f"/api/cases/{what}", {"number": "7 Js 1"}).status == 200
    assert tab.ask("POST", "/api/cases/open", {"number": "8 Js 1"}).status == 200
    scene.index.refresh()
    assert tab.ask("GET", "/api/cases/missing").said == {"unreadable": 0, "lost": 0, "numbers": []}
    for file in Path(scene.directory, "office/desk/cases").iterdir():
        file.unlink()
    scene.index.refresh()
    assert tab.ask("GET", "/api/cases/missing").said["numbers"] == ["7 Js 1"]
    assert tab.ask("GET", "/api/cases").said == {"rows": [], "next": None}
    answer = tab.ask("POST", "/api/cases/open", {"number": "7 js 1"})
    assert (answer.status, answer.why) == (409, "case_lost")
    assert tab.ask("GET", "/api/cases/one?number=7+Js+1").why == "no_such_case"
    # Of one that had nothing, nothing is lost.
    assert tab.ask("POST", "/api/cases/open", {"number": "8 Js 1"}).status == 200
