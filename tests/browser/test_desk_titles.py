"""Titles of recordings, and what stands beside them, are of the recording's own file, in Debian's
Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_helpers import KEY, ONE, SHORT, THREE, TWO
from playwright.sync_api import Browser, Route, expect
from sealed_helpers import made

from camerad.office.desk.people import DeskRole
from tests.browser.test_desk import FLAGS, at_desk, office, signed_in
from tests.unit.office.desk.desk_scene import DeskScene

__all__ = ["FLAGS"]

CASE = "5/26"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    """A case with three recordings."""
    with office(tmp_path) as made_scene:
        made_scene.add("clerk", DeskRole.DESK)
        tab = made_scene.signed_in("clerk")
        own = {"Origin": made_scene.origin}
        assert tab.ask("POST", "/api/cases/open", {"number": CASE}, own).status == 200
        for one in (ONE, TWO, THREE):
            said = {"number": CASE, "recording": one}
            assert tab.ask("POST", "/api/cases/add", said, own).status == 200
        yield made_scene


def test_a_recording_s_title_and_tags_are_of_the_file_that_it_is(
    chromium: Browser, scene: DeskScene
) -> None:
    """Not of one in quarantine, and not of a copy of what it was; however many files there are."""
    quarantine = Path(scene.directory, "office/quarantine", KEY.public.thumbprint)
    quarantine.mkdir(parents=True)
    for one in (ONE, TWO, THREE):
        (quarantine / f"{one}.tar").write_bytes(b"odd")
        facts = {"why": "other bytes", "sha256": "0" * 64, "bytes": 3}
        (quarantine / f"{one}.json").write_text(json.dumps(facts))
    (path,) = Path(scene.directory).glob(f"*/recordings/{ONE}.tar")
    path.with_name("copy.tar").write_bytes(path.read_bytes())
    path.write_bytes(made(SHORT, identity=ONE).file)
    scene.index.refresh()

    def in_small_pages(route: Route) -> None:
        route.continue_(url=f"{route.request.url}&limit=2")

    with at_desk(chromium, scene, "titles") as one:
        page = one.page
        page.route("**/api/recordings?ids=*", in_small_pages)
        signed_in(one, scene, "clerk")
        page.goto(f"{scene.origin}/#cases/5%2F26")
        expect(page.get_by_role("heading", level=1)).to_contain_text(CASE)
        listed = page.locator("#main li").filter(has_text="cam-1")
        expect(listed).to_have_count(3)
        assert [text for text in listed.all_inner_texts() if "nicht echt" in text] == []
        expect(listed.filter(has_text="nicht mehr dieselbe Datei")).to_have_count(1)
