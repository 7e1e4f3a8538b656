"""``camerad office people``: who gets a link by the command, and what it writes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from camerad.base.errors import EX_USAGE, CameradError
from camerad.cli import office_desk
from camerad.office.desk import people as people_module
from camerad.office.desk.people import DeskRole
from camerad.office.server.preflight import NotMountedError

from .desk_scene import DeskScene


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    made = DeskScene(tmp_path / "scene")
    yield made
    made.close()


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
    options = argparse.Namespace(config=str(path), person=person, name="N", role=["desk"])
    does = {
        "add": office_desk.add_person,
        "link": office_desk.link_person,
        "list": office_desk.list_people,
    }
    does[action](options)


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


@pytest.mark.parametrize("person", ["nobody", "", "../nobody"])
def test_a_link_for_nobody_is_a_mistake_of_who_typed_it(scene: DeskScene, person: str) -> None:
    with pytest.raises(CameradError, match="there is no person of this id") as error:
        run(scene, "link", person)
    assert error.value.exit_code == EX_USAGE


def test_a_person_whose_record_was_lost_is_listed_and_added_anew(
    scene: DeskScene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.add("lost", DeskRole.DESK)
    scene.people.write(people_module.lost("lost"))
    run(scene, "list", "")
    assert "lost  lost  the record of this person cannot be read" in capsys.readouterr().out
    with pytest.raises(CameradError, match="add them anew with 'people add'"):
        run(scene, "link", "lost")
    run(scene, "add", "lost")
    assert "#link=" in capsys.readouterr().out
    known = scene.people.find("lost")
    assert known is not None and known.active


def test_one_person_too_many_is_no_entry(scene: DeskScene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.add("first", DeskRole.DESK)
    monkeypatch.setattr(people_module, "MOST_PEOPLE", 1)
    with pytest.raises(CameradError, match="which is the most"):
        run(scene, "add", "second")
    assert scene.kinds("rights") == []


@pytest.mark.parametrize("action", ["add", "link", "list"])
def test_while_the_storage_is_not_mounted_the_command_makes_nothing(
    scene: DeskScene, tmp_path: Path, action: str
) -> None:
    there = Path(scene.directory)
    there.rename(tmp_path / "away")
    there.mkdir()
    with pytest.raises(NotMountedError, match="mount the storage"):
        run(scene, action, "somebody")
    assert list(there.iterdir()) == []
