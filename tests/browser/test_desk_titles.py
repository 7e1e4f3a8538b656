"""What a recording is called, and what stands beside it, is of the file that is it, in Debian's
Chromium."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_helpers import KEY, ONE, SHORT, THREE, TWO
from playwright.sync_api import Browser, Route, expect
from sealed_helpers import made

from camerad.office.desk.roles import DeskRole
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


def test_what_was_put_apart_of_a_recording_does_not_stand_for_it(
    chromium: Browser, scene: DeskScene
) -> None:
    apart = Path(scene.directory, "office/apart", KEY.public.thumbprint)
    apart.mkdir(parents=True)
    for one in (ONE, TWO, THREE):
        (apart / f"{one}.tar").write_bytes(b"odd")
        facts = {"why": "other bytes", "sha256": "0" * 64, "bytes": 3}
        (apart / f"{one}.json").write_text(json.dumps(facts))
    scene.index.refresh()
    with at_desk(chromium, scene, "apart") as one:
        signed_in(one, scene, "clerk")
        page = one.page
        page.goto(f"{scene.origin}/#cases/5%2F26")
        listed = page.locator("#main li").filter(has_text="cam-1")
        expect(listed).to_have_count(3)
        assert [text for text in listed.all_inner_texts() if "nicht echt" in text] == []


def test_a_copy_of_a_recording_does_not_stand_for_it(chromium: Browser, scene: DeskScene) -> None:
    """Its file is another one by now, beside a copy of what it was."""
    (path,) = Path(scene.directory).glob(f"*/recordings/{ONE}.tar")
    path.with_name("copy.tar").write_bytes(path.read_bytes())
    path.write_bytes(made(SHORT, identity=ONE).file)
    scene.index.refresh()
    with at_desk(chromium, scene, "copy") as one:
        signed_in(one, scene, "clerk")
        one.page.goto(f"{scene.origin}/#cases/5%2F26")
        listed = one.page.locator("#main li").filter(has_text="cam-1")
        expect(listed).to_have_count(3)
        expect(listed.filter(has_text="nicht mehr dieselbe Datei")).to_have_count(1)


def test_a_case_names_all_of_its_recordings_however_many_files_these_are(
    chromium: Browser, scene: DeskScene
) -> None:
    def in_small_pages(route: Route) -> None:
        route.continue_(url=f"{route.request.url}&limit=2")

    with at_desk(chromium, scene, "many") as one:
        page = one.page
        page.route("**/api/recordings?ids=*", in_small_pages)
        signed_in(one, scene, "clerk")
        page.goto(f"{scene.origin}/#cases/5%2F26")
        expect(page.get_by_role("heading", level=1)).to_contain_text(CASE)
        expect(page.locator("#main li").filter(has_text="cam-1")).to_have_count(3)
