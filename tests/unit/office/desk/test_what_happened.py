"""What the desk says happened: in the order of time, with what cases say of it; and what is still
here past its day, since somebody holds it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from desk_helpers import KEY, KEYS, ONE, TWO, Camera, Silent, open_office

from camerad.base.clock import DAY, SECOND
from camerad.evidence.offload import offload
from camerad.office.desk import entry_routes
from camerad.office.desk.roles import DeskRole
from camerad.store.device_client import OwnedDevice

from .desk_scene import MINUTE, Browser, DeskScene

THERE = f"/api/recordings/{ONE}"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    with DeskScene(tmp_path) as made:
        camera = Camera(tmp_path / "camera")
        camera.put(ONE)
        camera.put(TWO)
        with camera.open() as store:
            store.reconcile()
            offload(OwnedDevice(store, KEY, KEYS), made.directory, Silent(), same_disk=True)
        with open_office(made.office.directory, made.office.office_key, camera.clock) as store:
            store.reconcile()
        made.index.refresh()
        made.add("desk", DeskRole.DESK)
        yield made


@pytest.fixture
def tab(scene: DeskScene) -> Browser:
    return scene.signed_in("desk")


def test_what_cases_say_stands_where_it_was_in_time(scene: DeskScene, tab: Browser) -> None:
    for path, body in (
        ("/api/cases/open", {"number": "7"}),
        ("/api/cases/add", {"number": "7", "recording": ONE}),
        (f"{THERE}/viewing", {"reason": "Az. 7", "purpose": "view", "case": "7"}),
        ("/api/cases/hand-over", {"number": "7", "text": "StA"}),
        (f"{THERE}/hold", {"reason": "Az. 7"}),
        ("/api/cases/remove", {"number": "7", "recording": ONE}),
        ("/api/cases/add", {"number": "7", "recording": ONE}),
    ):
        assert tab.ask("POST", path, body).status == 200, path
        scene.clock.advance(MINUTE)
    history = tab.ask("GET", THERE).said["history"]
    assert [one["kind"] for one in history[-6:]] == [
        "case_added",
        "viewed",
        "handed_over",
        "hold",
        "case_removed",
        "case_added",
    ]
    times = [one["wall_us"] for one in history if one["ledger"] == "office"]
    assert times == sorted(times)
    assert tab.ask("POST", "/api/cases/open", {"number": " 7 "}).why == "case_taken"
    assert tab.ask("POST", "/api/cases/open", {"number": ""}).why == "case"


def test_what_is_held_past_its_day_is_not_late_and_is_shown(scene: DeskScene) -> None:
    assert scene.signed_in("desk").ask("POST", f"{THERE}/hold", {"reason": "Az. 7"}).status == 200
    scene.clock.advance(400 * DAY)
    scene.index.refresh()
    tab = scene.signed_in("desk")
    said = tab.ask("GET", "/api/deletions").said
    assert [one["id"] for one in said["late"]] == [TWO]
    assert [(one["id"], one["holds"][0]["reason"]) for one in said["held"]] == [(ONE, "Az. 7")]


def test_whatever_is_held_past_its_day_is_shown_however_much_is_held(
    scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest are those past their day, and the newest come first."""
    monkeypatch.setattr(entry_routes, "MOST", 1)
    for one in (ONE, TWO):
        there = f"/api/recordings/{one}/hold"
        assert scene.signed_in("desk").ask("POST", there, {"reason": "Az. 7"}).status == 200
    scene.clock.advance(400 * DAY)
    scene.index.refresh()
    said = scene.signed_in("desk").ask("GET", "/api/deletions").said
    assert {one["id"] for one in said["held"]} == {ONE, TWO}


def test_what_went_since_yesterday_s_beginning_is_shown_and_nothing_before(
    scene: DeskScene,
) -> None:
    def done_at(days: int, hour: int) -> int:
        at = datetime.fromtimestamp(gone_us / SECOND).replace(hour=hour) + timedelta(days=days)
        scene.clock.advance(round(at.timestamp()) * SECOND - scene.clock.wall_us())
        return len(scene.signed_in("desk").ask("GET", "/api/deletions").said["done"])

    noon = datetime.fromtimestamp(scene.clock.wall_us() / SECOND) + timedelta(days=400)
    gone_us = round(noon.replace(hour=12, minute=0).timestamp()) * SECOND
    scene.clock.advance(gone_us - scene.clock.wall_us())
    office = scene.office
    with open_office(office.directory, office.office_key, scene.clock) as store:
        assert len(store.purge()) == 2
    scene.index.refresh()
    assert [done_at(0, 13), done_at(1, 23), done_at(2, 1)] == [2, 2, 0]
