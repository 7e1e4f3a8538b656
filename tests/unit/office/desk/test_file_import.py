"""Files of an older version become rows, once, whenever the power goes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from postgresql import PostgreSQL

from camerad.base import durable_files
from camerad.base.clock import ManualClock
from camerad.office.desk import file_import, people
from camerad.office.desk.challenges import CHALLENGE_US, Challenges
from camerad.office.desk.desk_refusals import DeskRefusal
from camerad.office.desk.file_import import open_state
from camerad.office.desk.people import OpenidAccount, Passkey
from camerad.office.desk.roles import DeskRole
from camerad.office.desk.tokens import Grant, Link, Session, Tokens, name_of
from camerad.office.state import state_tables
from camerad.office.state.database import Database
from camerad.office.state.database_settings import IndexSettings
from camerad.office.state.office_state import OfficeState

CLERK = {
    "id": "clerk",
    "name": "Clerk",
    "roles": ["desk"],
    "handle": "h" * 43,
    "added_us": 5,
    "passkeys": [{"id": "P", "data": "D", "sign_count": 3, "label": "key", "added_us": 6}],
    "withdrawn_us": None,
    "came_us": 7,
    "openid": {"issuer": "https://i.example", "subject": "s"},
}
SECRET = {kind: kind[0] * 43 for kind in ("sessions", "links", "viewings", "viewing-requests")}
END = 10**18
FILES: dict[str, dict[str, Any]] = {
    "sessions": {
        "person": "clerk",
        "began_us": 1,
        "used_us": 2,
        "until_us": END,
        "end_us": END,
        "roles": ["desk"],
        "how": "passkey",
        "handle": "h" * 43,
    },
    "links": {"person": "clerk", "made_by": "", "until_us": END},
    "viewings": {
        "person": "clerk",
        "session": "s",
        "recording": "r",
        "purpose": "view",
        "reason": "theft",
        "case": "",
        "until_us": END,
        "handle": "h" * 43,
        "judged": True,
    },
    "viewing-requests": {
        "person": "clerk",
        "session": "s",
        "recording": "r",
        "purpose": "download",
        "reason": "theft",
        "case": "7",
        "until_us": END,
        "others": ["r2"],
        "approved_by": "boss",
        "approver": "b",
    },
}


class Power(BaseException):
    """It goes."""


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """With the files of an older version."""
    desk = tmp_path / "office/desk"
    for kind, said in FILES.items():
        (desk / kind).mkdir(parents=True)
        (desk / kind / f"{name_of(SECRET[kind])}.json").write_text(json.dumps(said))
        (desk / kind / f"{'0' * 64}.json").write_text('{"person": ')
        (desk / kind / f"{'1' * 64}.json.new").write_text("half")
    (desk / "people").mkdir()
    (desk / "people/clerk.json").write_text(json.dumps(CLERK))
    old = {"id": "boss", "name": "B", "roles": ["supervisor"], "handle": "b", "added_us": 1}
    (desk / "people/boss.json").write_text(json.dumps(old))
    (desk / "people/gone.json").write_text("{")
    (desk / "challenge-key").write_bytes(b"k" * 32)
    (desk / "cases").mkdir()
    return tmp_path


def check(state: OfficeState) -> None:
    """All of it is there, once."""
    with state.reading() as rows:
        found = {one.id: one for one in people.list_all(rows)}
        assert sorted(found) == ["boss", "clerk", "gone"] and found["gone"].is_lost
        clerk = found["clerk"]
        assert clerk.passkeys == (Passkey("P", "D", 3, "key", 6),)
        assert clerk.openid == OpenidAccount("https://i.example", "s")
        assert (clerk.roles, clerk.handle, clerk.came_us) == ((DeskRole.DESK,), "h" * 43, 7)
        assert found["boss"].came_us == 0, "it was not kept then"
        session = Tokens(state_tables.sessions, Session, 9).find(rows, SECRET["sessions"], 1)
        assert session is not None and session.handle == "h" * 43 and session.account is None
        assert Tokens(state_tables.links, Link, 9).find(rows, SECRET["links"], 1) is not None
        grants = Tokens(state_tables.viewings, Grant, 9).records(rows, 1)
        assert [one.judged for _, one in grants] == [True]
        requests = Tokens(state_tables.viewing_requests, Grant, 9).records(rows, 1)
        assert [(one.recordings, one.approver) for _, one in requests] == [(("r", "r2"), "b")]


def crash_at(patch: pytest.MonkeyPatch, step: int) -> list[str]:
    """The power goes before that step of what changes the storage; returns the steps so far."""
    steps: list[str] = []

    def stepping(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def run(*given: Any, **named: Any) -> Any:
            if len(steps) == step:
                raise Power
            steps.append(name)
            return real(*given, **named)

        patch.setattr(owner, name, run)

    stepping(people, "write")
    stepping(durable_files, "remove")
    stepping(os, "rmdir")
    stepping(file_import, "insert")
    return steps


def test_files_become_rows_whenever_the_power_goes(office: Path) -> None:
    step, left = 0, True
    while left:
        with pytest.MonkeyPatch.context() as patch:
            steps = crash_at(patch, step)
            state = open_state(IndexSettings(), str(office))
            try:
                state.open()
                left = False
            except Power:
                pass
            finally:
                state.close()
            assert len(steps) == step or not left
        step += 1
    assert step > 8
    again = open_state(IndexSettings(), str(office))
    check(again)
    desk = office / "office/desk"
    there = sorted(str(one.relative_to(desk)) for one in desk.rglob("*"))
    assert there == ["cases", "people", "people/gone.json"]
    again.close()


def test_what_changed_since_is_not_undone_by_files_that_were_left(
    office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(durable_files, "remove", lambda *_, **__: None)
        first = open_state(IndexSettings(), str(office))
        with first.writing() as rows:
            people.change(rows, "clerk", people.restored)
        first.close()
    second = open_state(IndexSettings(), str(office))
    with second.reading() as rows:
        found = people.find(rows, "clerk")
        assert found is not None and found.handle != "h" * 43 and not found.passkeys
    assert not (office / "office/desk/sessions").exists()
    second.close()


def test_a_challenge_from_before_is_answered_after(office: Path) -> None:
    clock = ManualClock()
    state = open_state(IndexSettings(), str(office))
    made = Challenges(state, clock, DeskRefusal.PASSKEY, CHALLENGE_US)
    assert made.check(made.make("x"), "x")
    assert made._shared == b"k" * 32
    state.close()


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    made = PostgreSQL()
    made.start()
    yield made
    made.close()


def test_postgresql_takes_over_what_a_file_of_sqlite_had(
    office: Path, postgresql: PostgreSQL, caplog: pytest.LogCaptureFixture
) -> None:
    """As when an office names PostgreSQL, and as a backup has it. Two servers share it then."""
    state = open_state(IndexSettings(), str(office))
    check(state)
    state.close()
    file = office / "office/state.sqlite"
    settings, kept = IndexSettings(postgresql.make()), file.read_bytes()
    one, other = open_state(settings, str(office)), open_state(settings, str(office))
    check(one)
    check(other)
    assert not file.exists()
    with one.writing() as rows:
        tokens = Tokens(state_tables.links, Link, 9)
        assert tokens.take(rows, SECRET["links"], 1) is not None
    with other.writing() as rows:
        assert tokens.take(rows, SECRET["links"], 1) is None
    file.write_bytes(kept)  # an older one
    third = open_state(settings, str(office))
    with third.reading() as rows:
        assert tokens.find(rows, SECRET["links"], 1) is None
    assert "not imported, since the database has state already" in caplog.text
    for state in (one, other, third):
        state.close()


def test_files_go_to_postgresql_too(office: Path, postgresql: PostgreSQL) -> None:
    state = open_state(IndexSettings(postgresql.make()), str(office))
    check(state)
    state.close()
    base = Database(postgresql.url("index"), state_tables.STATE)
    base.prepare()
    base.close()
