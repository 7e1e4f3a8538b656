"""A pilot on the desk's page, in Debian's Chromium: a shift lead sees the draw where cameras are
handed out, and fills in a form by thumb; who follows cases up notes what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from camerad.office.desk.people import DeskRole
from tests.breadth import campaign
from tests.browser.person import NARROW, WIDE
from tests.browser.test_desk_cameras import FLAGS, at_cameras
from tests.unit.office.desk.desk_scene import DeskScene, free_origin
from tests.unit.office.trial.pilots import begin_pilot

__all__ = ["FLAGS"]
LATE = "2026-11-26/late/1"
LATE_SHIFT = ["2026-11-26", "late", 1]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    with DeskScene(tmp_path, origin=free_origin()) as made:
        made.add("lead", DeskRole.SHIFT_LEAD)
        made.add("clerk", DeskRole.DESK)
        begin_pilot(made)
        yield made


def test_a_shift_s_form_is_filled_in_by_thumb_and_its_outcome_noted_without_the_draw(
    chromium: Browser, scene: DeskScene
) -> None:
    german = {"scheme": "dark", "language": "de-DE"}
    with at_cameras(chromium, scene, "lead", size=NARROW, touch=True, **german) as one:
        page = one.page
        drawn = page.get_by_role("main").locator("section.card").first
        expect(drawn.locator("strong")).to_have_count(2)
        one.sees("drawn-at-cameras")
        drawn.get_by_role("link", name="Pilotversuch: heute ausgelost").tap()
        said = scene.signed_in("lead").ask("GET", "/api/trial").said["shifts"]
        having = next(shift["having"] for shift in said if shift["shift"] == LATE_SHIFT)
        card = page.get_by_role("listitem").filter(has_text="late").first
        expect(card).to_contain_text("Mit Selbstansicht" if having else "Ohne Selbstansicht")
        one.sees("pilot")
        # Two of three situations calmed down, in seven taps: situations follow.
        card.get_by_role("link", name="Bogen ausfüllen").tap()
        more = {
            "davon angekündigt": 1,
            "beruhigt beim Anblick der Kamera": 1,
            "beruhigt bei der Selbstansicht": 1,
            "Situationen für eine Kamera": 1,
            "Beleidigungen und Drohungen": 2,
        }
        for what, taps in more.items():
            button = page.get_by_role("button", name=f"Eins mehr: {what}")
            for _ in range(taps):
                button.tap()
            box = button.bounding_box()
            assert box is not None and min(box["width"], box["height"]) >= 44, "for a thumb"
        page.get_by_role("button", name="Eins weniger: Beleidigungen und Drohungen").tap()
        one.sees("form")
        page.get_by_role("button", name="Speichern").tap()
        expect(card).to_contain_text("Bogen liegt vor")
        card.get_by_role("link", name="Bogen berichtigen").tap()
        expect(page.get_by_label("Situationen für eine Kamera", exact=True)).to_have_value("3")
        page.get_by_label("Beschwerden", exact=True).fill("1")
        page.get_by_role("button", name="Speichern").tap()
        card.get_by_role("button", name="Abweichung").tap()
        page.get_by_label("Grund").select_option("Kameras vertauscht")
        one.sees("deviation")
        page.get_by_role("button", name="Vermerken").tap()
        expect(card).to_contain_text("nicht wie ausgelost: Kameras vertauscht")
        one.sees("noted")
        expect(page.get_by_role("heading", name="Verfahren")).to_have_count(0)
    noted = [(one.what, one.who, one.about) for one in scene.kinds("trial_noted")]
    assert noted == [(what, "lead", LATE) for what in ("form", "form", "deviation")]
    form = scene.signed_in("lead").ask("GET", "/api/trial").said["shifts"][0]["form"]
    assert {what: number for what, number in form.items() if number} == {
        "occasions": 3,
        "announced": 1,
        "calmed_by_sight": 1,
        "calmed_by_self_view": 1,
        "insults": 1,
        "complaints": 1,
    }
    with at_cameras(
        chromium, scene, "clerk", size=(1366, 768), scheme="light", language="en-GB"
    ) as one:
        one.forgives = ("Failed to load resource: the server responded with a status of 4",)
        page = one.page
        page.get_by_role("link", name="Pilot", exact=True).click()
        expect(page.get_by_role("heading", name="Proceedings")).to_be_visible()
        expect(page.get_by_text("self-view")).to_have_count(0)
        page.get_by_role("button", name="Note proceedings").click()
        page.get_by_label("File number").fill("47/26")
        page.get_by_label("Day of the shift").fill("27/11/2026")
        page.get_by_role("button", name="Note down").click()
        expect(page.get_by_role("alert")).to_contain_text("still to come")
        page.get_by_label("Day of the shift").fill("25/11/2026")
        one.sees("proceedings")
        page.get_by_role("button", name="Note down").click()
        page.get_by_role("button", name="Change: 47/26").click()
        page.get_by_label("Outcome").select_option("conviction")
        page.get_by_role("button", name="Note down").click()
        expect(page.get_by_role("row", name="47/26 25/11/2026, early conviction")).to_be_visible()
        page.get_by_role("button", name="Type in the answers: Public, after").click()
        page.get_by_label("rather agree").fill("12")
        one.sees("survey")
        page.get_by_role("button", name="Note down").click()
        expect(page.get_by_text("Answers: 12")).to_be_visible()
        one.sees("followed-up")


@pytest.mark.parametrize("language", ["de-DE", campaign("en-GB")])
@pytest.mark.parametrize("size", [WIDE, campaign((1366, 768)), campaign(NARROW)], ids=str)
def test_a_pilot_is_shown_at_each_width_in_each_language(
    chromium: Browser, scene: DeskScene, size: tuple[int, int], language: str
) -> None:
    for who in ("lead", "clerk"):
        with at_cameras(chromium, scene, who, size=size, scheme="light", language=language) as one:
            one.story = f"desk-trial-{size[0]}-{language[:2]}-{who}"
            one.page.goto(f"{scene.origin}/#trial")
            expect(one.page.get_by_role("heading", level=2).first).to_be_visible()
            one.sees("pilot")
            if who == "lead":
                one.page.goto(f"{scene.origin}/#trial/form/{quote(LATE, safe='')}")
                expect(one.page.locator(".counts")).to_be_visible()
                one.sees("form")
