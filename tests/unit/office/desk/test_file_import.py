"""People's files of an older version become rows, once, whenever the power goes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from postgresql import PostgreSQL

from camerad.base import durable_files
from camerad.office.desk import people
from camerad.office.desk.file_import import open_state
from camerad.office.desk.people import DeskRole, OpenidAccount, Passkey
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
FILES = {
    "people/clerk.json": json.dumps(CLERK),
    "people/boss.json": '{"id":"boss","name":"B","roles":["supervisor"],"handle":"b","added_us":1}',
    "people/gone.json": "{",
    "people/half.json.new": "{",
    "sessions/0.json": '{"person": "clerk"}',
    "viewing-requests/0.json": "{",
    "challenge-key": "k" * 32,
}


class Power(BaseException):
    """It goes."""


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """With the files of an older version, and a case, which stays."""
    desk = tmp_path / "office/desk"
    for name, content in FILES.items():
        (desk / name).parent.mkdir(parents=True, exist_ok=True)
        (desk / name).write_text(content)
    (desk / "cases").mkdir()
    return tmp_path


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    made = PostgreSQL()
    made.start()
    yield made
    made.close()


def check(state: OfficeState) -> None:
    """All people are there, once."""
    with state.reading() as rows:
        found = {one.id: one for one in people.list_all(rows)}
    assert sorted(found) == ["boss", "clerk", "gone"] and found["gone"].is_lost
    clerk = found["clerk"]
    assert clerk.passkeys == (Passkey("P", "D", 3, "key", 6),)
    assert clerk.openid == OpenidAccount("https://i.example", "s")
    assert (clerk.roles, clerk.handle, clerk.came_us) == ((DeskRole.DESK,), "h" * 43, 7)
    assert found["boss"].came_us == 0, "it was not kept then"


def opened_until(step: int, office: Path) -> int:
    """The power goes before that step of what changes the storage; returns the steps that were."""
    steps = 0

    def stepping(real: Any) -> Any:
        def run(*given: Any, **named: Any) -> Any:
            nonlocal steps
            if steps == step:
                raise Power
            steps += 1
            return real(*given, **named)

        return run

    with pytest.MonkeyPatch.context() as patch:
        changes = ((people, "write"), (shutil, "rmtree"), (durable_files, "remove"))
        for owner, name in changes:
            patch.setattr(owner, name, stepping(getattr(owner, name)))
        state = open_state(IndexSettings(), str(office))
        try:
            state.open()
        except Power:
            pass
        finally:
            state.close()
    return steps


def test_files_become_rows_whenever_the_power_goes(office: Path) -> None:
    step = 0
    while opened_until(step, office) == step:
        step += 1
    assert step >= 5
    again = open_state(IndexSettings(), str(office))
    check(again)
    again.close()
    assert os.listdir(office / "office/desk") == ["cases"]


def test_what_changed_since_is_not_undone_by_files_that_were_left(
    office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_: None)
        first = open_state(IndexSettings(), str(office))
        with first.writing() as rows:
            people.change(rows, "clerk", people.restored)
        first.close()
    second = open_state(IndexSettings(), str(office))
    with second.reading() as rows:
        found = people.find(rows, "clerk")
        assert found is not None and found.handle != "h" * 43 and not found.passkeys
    assert os.listdir(office / "office/desk") == ["cases"]
    second.close()


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
        people.change(rows, "clerk", people.restored)
    file.write_bytes(kept)  # an older one
    third = open_state(settings, str(office))
    for state in (other, third):
        with state.reading() as rows:
            assert people.get(rows, "clerk").passkeys == ()
    assert "not imported, since the database has state already" in caplog.text
    for state in (one, other, third):
        state.close()


def test_files_go_to_postgresql_too(office: Path, postgresql: PostgreSQL) -> None:
    state = open_state(IndexSettings(postgresql.make()), str(office))
    check(state)
    state.close()
