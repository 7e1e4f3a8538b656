"""Requests of people at the desk and what comes of them, told by example in `desk_scenes.txt`.

Each line is a step: ``WHO METHOD PATH [BODY] [| Field: value] -> STATUS [WORD | JSON | 'bytes']``.
Of JSON what is named has to be there; lists have to be as long; ``$name`` keeps a value, and later
stands for it. ``wait 5m``, ``index`` (it looks again), ``again WHO`` (a new tab), and ``ledger KIND
JSON``: the next entry since the scene began, of these kinds;
``ledger end``: there is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from desk_helpers import KEY, ONE, TWO, Camera, open_office

from camerad.base.clock import DAY, SECOND
from camerad.office.desk.people import DeskRole
from tests.unit.office.trial.pilots import begin_pilot

from .desk_scene import MINUTE, Browser, DeskScene

TEXT: Final = Path(__file__).with_name("desk_scenes.txt").read_text(encoding="utf-8")
SCENES: Final = {
    title: steps.strip().splitlines()
    for title, steps in re.findall(r"^== (.+)\n((?:(?!== ).*\n)*)", TEXT, re.MULTILINE)
}
STEP: Final = re.compile(
    r"(?P<who>\S+) (?P<method>GET|POST) (?P<path>\S+)(?: (?P<body>\{.*?\}))?"
    r"(?: \| (?P<field>[\w-]+): (?P<value>\S+))?(?: \| Range: (?P<range>\S+))? -> "
    r"(?P<status>\d+)(?: (?P<said>.+))?"
)
UNITS: Final = {"s": SECOND, "m": MINUTE, "d": DAY}
NAMES: Final = {
    "{ONE}": ONE,
    "{TWO}": TWO,
    "{NEVER}": "20261124T153000Z-000099-00000001",
    "{KEY}": KEY.public.thumbprint,
}
PEOPLE: Final = {
    "desk": DeskRole.DESK,
    "boss": DeskRole.SUPERVISOR,
    "boss2": DeskRole.SUPERVISOR,
    "root": DeskRole.ADMINISTRATOR,
    "lead": DeskRole.SHIFT_LEAD,
    "dpo": DeskRole.DATA_PROTECTION,
}


class Walk:
    """Walks the steps of one scene."""

    def __init__(self, scene: DeskScene) -> None:
        self._scene = scene
        self._tabs: dict[str, Browser] = {}
        self._kept: dict[str, str] = {}
        self._told = len(scene.entries())

    def take(self, step: str) -> None:
        for name, value in NAMES.items():
            step = step.replace(name, value)
        does, arrow, comes = step.partition(" -> ")
        for name, value in {**self._kept, "$now": str(self._scene.clock.wall_us())}.items():
            does = does.replace(name, value)
        step = does + arrow + comes
        word, _, rest = step.partition(" ")
        if word == "wait":
            self._scene.clock.advance(int(rest[:-1]) * UNITS[rest[-1]])
        elif word == "index":
            self._scene.index.refresh()
        elif word == "again":
            self._tabs.pop(rest, None)
        elif step == "ledger end":
            assert len(self._scene.entries()) == self._told
        elif word == "ledger":
            kind, _, facts = rest.partition(" ")
            self._look(kind, json.loads(facts))
        else:
            self._ask(step)

    def _tab(self, who: str) -> Browser:
        if who not in self._tabs:
            known = who in PEOPLE or self._scene.people.find(who) is not None
            self._tabs[who] = self._scene.signed_in(who) if known else self._scene.anybody()
        return self._tabs[who]

    def _ask(self, step: str) -> None:
        found = STEP.fullmatch(step)
        assert found, step
        fields = {found["field"]: found["value"]} if found["field"] else {}
        if found["range"]:
            fields["Range"] = found["range"]
        body = json.loads(found["body"]) if found["body"] else None
        answer = self._tab(found["who"]).ask(found["method"], found["path"], body, fields)
        assert answer.status == int(found["status"]), (step, answer.body)
        said = found["said"]
        if said is None:
            return
        if said[0] == "'":
            assert answer.body == said.strip("'").encode(), step
        elif said[0] in "[{" or said == "null":
            self._match(json.loads(said), answer.said, step)
        else:
            assert answer.why == said, step

    def _look(self, kind: str, facts: dict[str, Any]) -> None:
        entries = [
            (self._told + number, found)
            for number, (one, found) in enumerate(self._scene.entries()[self._told :])
            if one == kind
        ]
        assert entries, (kind, facts)
        number, found = entries[0]
        for name, value in facts.items():
            told = getattr(found, name)
            assert (list(told) if isinstance(told, tuple) else told) == value, (kind, name, told)
        self._told = number + 1

    def _match(self, expected: Any, said: Any, step: str) -> None:
        if isinstance(expected, str) and expected.startswith("$"):
            self._kept[expected] = str(said)
        elif isinstance(expected, dict):
            assert isinstance(said, dict) and expected.keys() <= said.keys(), (step, said)
            for name, value in expected.items():
                self._match(value, said[name], step)
        elif isinstance(expected, list):
            assert isinstance(said, list) and len(expected) == len(said), (step, said)
            for one, other in zip(expected, said, strict=True):
                self._match(one, other, step)
        else:
            assert expected == said, (step, said)


@pytest.fixture
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[DeskScene]:
    title = request.node.callspec.params["title"]
    two = title.endswith("(two)")
    with DeskScene(tmp_path, two_for_viewing=two) as made:
        camera = Camera(tmp_path / "camera")
        camera.put(ONE, marks=(1,))
        camera.put(TWO)
        camera.offload(made.office.directory)
        with open_office(made.office.directory, made.office.office_key, camera.clock) as store:
            store.reconcile()
        made.index.refresh()
        for person, role in PEOPLE.items():
            made.add(person, role)
        if title.endswith("(pilot)"):
            begin_pilot(made)
        yield made


@pytest.mark.parametrize("title", SCENES)
def test_a_scene_at_the_desk(scene: DeskScene, title: str) -> None:
    walk = Walk(scene)
    for step in SCENES[title]:
        if step and not step.startswith("#"):
            walk.take(step)
