"""``camerad office people``: who gets a link by the command, and what it writes."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec
import pytest

from camerad.base.errors import CameradError
from camerad.cli import office_people
from camerad.desk import people as people_module
from camerad.desk.roles import DeskRole

from .desk_scene import DeskScene


@pytest.fixture
def scene(tmp_path: Path) -> DeskScene:
    return DeskScene(tmp_path / "scene")


def run(scene: DeskScene, action: str, person: str) -> None:
    office = scene.office.settings
    path = scene.office.directory.parent / "office.yaml"
    path.write_text(f"""\
directory: {office.directory}
url: https://office.example
tls:
  certificate: {office.tls.certificate}
  key: {office.tls.key}
office_key: {office.office_key}
register: {office.register}
desk:
  url: https://localhost:8444
""")
    said = {"people_action": action, "person": person, "name": "N", "role": ["desk"]}
    office_people.run(argparse.Namespace(config=str(path), **said))


def test_whoever_has_come_in_gets_a_link_by_the_command_unless_withdrawn(
    scene: DeskScene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.add("came", DeskRole.DESK)
    scene.people.change("came", lambda one: msgspec.structs.replace(one, came_us=1))
    run(scene, "link", "came")
    assert "https://localhost:8444/#link=" in capsys.readouterr().out
    scene.people.change("came", lambda one: msgspec.structs.replace(one, withdrawn_us=1))
    with pytest.raises(CameradError, match="came is withdrawn; an administrator restores them"):
        run(scene, "link", "came")
    assert [facts.what for facts in scene.kinds("rights")] == ["link"]


def test_one_person_too_many_is_no_entry(scene: DeskScene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.add("first", DeskRole.DESK)
    monkeypatch.setattr(people_module, "MOST_PEOPLE", 1)
    with pytest.raises(CameradError, match="which is the most"):
        run(scene, "add", "second")
    assert scene.kinds("rights") == []
