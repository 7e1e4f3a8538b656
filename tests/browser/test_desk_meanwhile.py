"""Actions while an answer is still under way, in Debian's Chromium: what a person opens stays
open, what they choose or type stays, and no answer that is late is drawn over a later one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_helpers import THREE, TWO
from playwright.sync_api import Browser, Page, Route, expect

from camerad.office.desk.people import DeskRole
from tests.browser.test_desk import FLAGS, at_desk, holding, office, signed_in
from tests.browser.test_desk_pages import next_of
from tests.unit.office.desk.desk_scene import DeskScene

__all__ = ["FLAGS"]


CASES = re.compile(r"/api/cases\?")
"""A page of the list."""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    with office(tmp_path) as made_scene:
        made_scene.add("clerk", DeskRole.DESK)
        made_scene.add("boss", DeskRole.SUPERVISOR)
        made_scene.add("admin", DeskRole.ADMINISTRATOR)
        tab, own = made_scene.signed_in("clerk"), {"Origin": made_scene.origin}
        for path, said in (("open", {}), ("add", {"recording": TWO})):
            answer = tab.ask("POST", f"/api/cases/{path}", {"number": "5/26"} | said, own)
            assert answer.status == 200
        made_scene.index.refresh()
        yield made_scene


def all_has_come(page: Page) -> None:
    """Whatever an answer led to has happened: the page has read one that came later."""
    page.evaluate("fetch('/api/me').then((answer) => answer.json())")


def test_what_is_opened_in_a_case_stays_open_when_it_is_drawn_anew(
    chromium: Browser, scene: DeskScene
) -> None:
    held: list[Route] = []
    with at_desk(chromium, scene, "while-case") as one:
        signed_in(one, scene, "clerk")
        page = one.page
        page.goto(f"{scene.origin}/#cases/5%2F26")
        page.get_by_role("button", name="Notiz").click()
        page.get_by_role("textbox", name="Notiz").fill("Anruf")
        page.route("**/api/cases/one?*", holding(held), times=1)
        with page.expect_request("**/api/cases/one?*"):
            page.locator("dialog button.main").click()
        page.get_by_text("Für die Technik").click()
        command = page.get_by_text("camerad evidence export")
        expect(command).to_be_visible()
        page.get_by_role("button", name="Kopieren").focus()
        next_of(page, held).continue_()
        expect(page.get_by_text("clerk · Anruf")).to_be_visible()
        expect(command).to_be_visible()
        expect(page.get_by_role("button", name="Kopieren")).to_be_focused()


def test_a_package_that_is_in_the_making_goes_on_when_its_case_is_drawn_anew(
    chromium: Browser, scene: DeskScene
) -> None:
    held: list[Route] = []
    with at_desk(chromium, scene, "while-package") as one:
        signed_in(one, scene, "clerk")
        page = one.page
        page.goto(f"{scene.origin}/#cases/5%2F26")
        start = page.get_by_role("button", name="Paket für die Staatsanwaltschaft erstellen")
        start.click()
        page.route("**/content", holding(held), times=1)
        with page.expect_request("**/content"):
            page.locator("dialog button.main").click()
        state = page.get_by_text("Aufzeichnung 1 von 1 wird geprüft")
        expect(state).to_be_visible()
        page.get_by_role("button", name="Notiz").click()
        page.get_by_role("textbox", name="Notiz").fill("Zweite")
        page.locator("dialog button.main").click()
        expect(page.get_by_text("clerk · Zweite")).to_be_visible()
        expect(state).to_be_visible()
        expect(start).to_be_disabled()
        next_of(page, held).continue_()
        password = page.locator("form.key input[type=password]")
        expect(password).to_be_visible()
        password.fill("half")
        page.get_by_role("button", name="Notiz").click()
        page.get_by_role("textbox", name="Notiz").fill("Dritte")
        page.locator("dialog button.main").click()
        expect(page.get_by_text("clerk · Dritte")).to_be_visible()
        expect(password).to_have_value("half")
        page.get_by_role("button", name="Abbrechen").click()
        expect(page.get_by_text("Abgebrochen.")).to_be_visible()
        expect(start).to_be_enabled()


def test_what_is_asked_ends_with_its_page_and_begins_on_no_other(
    chromium: Browser, scene: DeskScene
) -> None:
    held: list[Route] = []
    with at_desk(chromium, scene, "while-asked") as one:
        signed_in(one, scene, "clerk")
        page = one.page
        page.goto(f"{scene.origin}/#recording/{THREE}")
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_contain_text("cam-1")
        # The next page is under way, and somebody begins something on this one.
        page.route(CASES, holding(held))
        with page.expect_request(CASES):
            page.get_by_role("link", name="Vorgänge").click()
        page.get_by_role("button", name="Löschschutz setzen").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        next_of(page, held).continue_()
        expect(heading).to_have_text("Vorgänge")
        expect(page.locator("dialog")).to_have_count(0)
        page.go_back()
        expect(heading).to_contain_text("cam-1")
        # What has to be known before it can be asked comes when the page is left.
        for button in ("Zu einem Vorgang", "Übergeben"):
            with page.expect_request(CASES):
                page.get_by_role("button", name=button, exact=True).click()
            page.get_by_role("link", name="Aufzeichnungen").click()
            expect(heading).to_have_text("Aufzeichnungen")
            with page.expect_response(CASES):
                next_of(page, held).continue_()
            all_has_come(page)
            expect(page.locator("dialog")).to_have_count(0)
            expect(heading).to_have_text("Aufzeichnungen")
            page.go_back()
            expect(heading).to_contain_text("cam-1")


def test_a_late_answer_is_not_drawn_over_the_ledger_s_next(
    chromium: Browser, scene: DeskScene
) -> None:
    held: list[Route] = []
    with at_desk(chromium, scene, "while-entries") as one:
        signed_in(one, scene, "boss")
        page = one.page
        page.get_by_role("link", name="Protokoll").click()
        rows = page.get_by_role("row")
        by_others = page.locator("tbody tr").filter(has_not_text="clerk")
        expect(by_others.first).to_be_visible()
        page.route("**/api/entries?*who=nobody*", holding(held))
        page.get_by_label("Wer, oder wessen Rechte").fill("nobody")
        with page.expect_request("**/api/entries?*who=nobody*"):
            page.get_by_role("button", name="Suchen").click()
        page.get_by_label("Wer, oder wessen Rechte").fill("clerk")
        with page.expect_response("**/api/entries?*who=clerk*"):
            page.get_by_role("button", name="Suchen").click()
        expect(by_others).to_have_count(0)
        shown = rows.count()
        assert shown > 1
        with page.expect_response("**/api/entries?*who=nobody*"):
            next_of(page, held).continue_()
        all_has_come(page)
        expect(rows).to_have_count(shown)


@pytest.mark.campaign
def test_a_late_list_is_not_drawn_over_what_was_done_to_a_person_or_a_camera(
    chromium: Browser, scene: DeskScene
) -> None:
    held: list[Route] = []
    with at_desk(chromium, scene, "while-lists") as one:
        signed_in(one, scene, "admin")
        page = one.page
        dialog = page.get_by_role("dialog")
        page.goto(f"{scene.origin}/#people")
        card = page.get_by_role("listitem").filter(has_text="clerk")
        expect(card).to_be_visible()
        before = scene.signed_in("admin").ask("GET", "/api/people").said
        page.route("**/api/people", holding(held), times=1)
        card.get_by_role("button", name="Rollen ändern").click()
        dialog.get_by_label("Datenschutz").check()
        with page.expect_request("**/api/people"):
            dialog.get_by_role("button", name="Speichern").click()
        card.get_by_role("button", name="Zugang entziehen").click()
        dialog.get_by_role("button", name="Zugang entziehen").click()
        expect(card).to_contain_text("Zugang entzogen")
        with page.expect_response("**/api/people"):
            next_of(page, held).fulfill(json=before)
        all_has_come(page)
        expect(card).to_contain_text("Zugang entzogen")

        page.goto(f"{scene.origin}/#cameras")
        withdraw = page.get_by_role("button", name="Zurückziehen").first
        expect(withdraw).to_be_visible()
        page.route("**/api/cameras", holding(held), times=1)
        with page.expect_request("**/api/cameras"):
            page.get_by_role("button", name="Neu laden").click()
        before = scene.signed_in("admin").ask("GET", "/api/cameras").said
        withdraw.click()
        dialog.get_by_label("Anlass").select_option("verloren")
        dialog.get_by_label("Erläuterung").fill("im Wald")
        page.locator("dialog button.main").click()
        back = page.get_by_role("button", name="Wieder annehmen")
        expect(back).to_be_visible()
        with page.expect_response("**/api/cameras"):
            next_of(page, held).fulfill(json=before)
        all_has_come(page)
        expect(back).to_be_visible()
