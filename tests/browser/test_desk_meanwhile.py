"""What somebody does while an answer is still under way, in Debian's Chromium: what they open stays
open, what they choose or type stays, and no answer that is late is drawn over a later one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_helpers import ONE, THREE, TWO
from playwright.sync_api import Browser, Locator, Page, Route, expect

from camerad.office.desk.roles import DeskRole
from tests.browser.test_desk import FLAGS, at_desk, gives_reason, holding, office, signed_in
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


@pytest.mark.campaign
def test_what_is_opened_at_a_recording_stays_open_and_what_was_typed_stays(
    chromium: Browser, scene: DeskScene
) -> None:
    held: list[Route] = []
    checks: list[Route] = []
    drawn: list[bool] = []

    def waits(route: Route) -> None:
        if drawn:
            route.continue_()
        else:
            checks.append(route)

    with at_desk(chromium, scene, "while-recording") as one:
        one.forgives = ("Failed to load resource: the server responded with a status of 4",)
        signed_in(one, scene, "boss")
        page = one.page
        page.goto(f"{scene.origin}/#recording/{ONE}")
        page.route("**/content", waits)
        with page.expect_request("**/content"):
            gives_reason(one, "Prüfen und ansehen", "Az. 3")
        page.get_by_role("button", name="Löschschutz setzen").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Wofür").select_option("etwas anderes")
        dialog.get_by_label("Grund").fill("Az. 3")
        page.route(f"**/api/recordings/{ONE}", holding(held), times=1)
        with page.expect_request(f"**/api/recordings/{ONE}"):
            page.locator("dialog button.main").click()
        page.get_by_text("Technisches").click()
        next_of(page, held).continue_()
        expect(page.get_by_role("button", name="Weiteren Löschschutz setzen")).to_be_visible()
        expect(page.get_by_text("Wer sie öffnen kann")).to_be_visible()
        # A verdict that comes only now says nothing else of it than what was done meanwhile.
        drawn.append(True)
        next_of(page, checks).continue_()
        expect(page.locator(".camerad-player .verdict strong")).to_have_text("Echt und vollständig")
        expect(page.locator("main > p > .tags")).to_have_text("Löschschutz")
        # What is refused is said where it was asked, and can be tried again there.
        page.get_by_role("button", name="Löschschutz aufheben").click()
        dialog.get_by_label("Grund").fill("Verfahren eingestellt")
        page.route("**/release", lambda route: route.fulfill(status=409, json={"error": "busy"}))
        page.locator("dialog button.main").click()
        expect(dialog.get_by_role("alert")).to_contain_text("Der Server schreibt gerade anderes.")
        page.unroute_all()
        page.locator("dialog button.main").click()
        expect(page.get_by_text("Der Löschschutz ist aufgehoben.")).to_be_visible()
        expect(
            page.get_by_text(re.compile("Grund der Aufhebung .* Verfahren eingestellt"))
        ).to_have_count(1)


@pytest.mark.campaign
def test_what_is_chosen_while_the_list_comes_stays_chosen(
    chromium: Browser, scene: DeskScene
) -> None:
    held: list[Route] = []
    with at_desk(chromium, scene, "while-chosen") as one:
        signed_in(one, scene, "clerk")
        page = one.page

        def box(recording: str) -> Locator:
            row = page.get_by_role("row").filter(has=page.locator(f"a[href$='{recording}']"))
            return row.get_by_role("checkbox").last

        box(ONE).check()
        page.get_by_role("button", name="Löschschutz für Ausgewählte").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Wofür").select_option("etwas anderes")
        dialog.get_by_label("Grund").fill("Az. 4")
        page.route(re.compile(r"/api/recordings\?$"), holding(held))
        with page.expect_request(re.compile(r"/api/recordings\?$")):
            page.locator("dialog button.main").click()
        expect(box(ONE)).not_to_be_checked()
        box(THREE).check()
        with page.expect_response(re.compile(r"/api/recordings\?$")):
            next_of(page, held).continue_()
        all_has_come(page)
        expect(box(THREE)).to_be_checked()
        expect(box(ONE)).not_to_be_checked()
        expect(page.get_by_role("button", name="Löschschutz für Ausgewählte")).to_be_enabled()


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
def test_a_late_answer_is_not_drawn_over_what_was_done_to_a_camera(
    chromium: Browser, scene: DeskScene
) -> None:
    held: list[Route] = []
    with at_desk(chromium, scene, "while-cameras") as one:
        signed_in(one, scene, "admin")
        page = one.page
        page.goto(f"{scene.origin}/#cameras")
        page.get_by_role("button", name="Zurückziehen").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Anlass").select_option("verloren")
        dialog.get_by_label("Erläuterung").fill("im Wald")
        # One that was asked for before waits; the one behind it is quicker.
        page.keyboard.press("Escape")
        page.route("**/api/cameras", holding(held), times=1)
        with page.expect_request("**/api/cameras"):
            page.get_by_role("button", name="Neu laden").click()
        before = scene.signed_in("admin").ask("GET", "/api/cameras").said
        page.get_by_role("button", name="Zurückziehen").first.click()
        dialog.get_by_label("Anlass").select_option("verloren")
        dialog.get_by_label("Erläuterung").fill("im Wald")
        page.locator("dialog button.main").click()
        back = page.get_by_role("button", name="Wieder annehmen")
        expect(back).to_be_visible()
        with page.expect_response("**/api/cameras"):
            next_of(page, held).fulfill(json=before)
        all_has_come(page)
        expect(back).to_be_visible()
        back.click()
        dialog.get_by_label("Erläuterung").fill("gefunden")
        page.locator("dialog button.main").click()
        expect(page.get_by_text("gilt wieder.")).to_be_visible()


@pytest.mark.campaign
def test_a_person_that_cannot_be_added_is_not_typed_again(
    chromium: Browser, scene: DeskScene
) -> None:
    held: list[Route] = []
    with at_desk(chromium, scene, "while-people") as one:
        one.forgives = ("Failed to load resource: the server responded with a status of 4",)
        signed_in(one, scene, "admin")
        page = one.page
        page.goto(f"{scene.origin}/#people")
        page.get_by_role("button", name="Person hinzufügen").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Kurzname").fill("clerk")
        dialog.get_by_label("Name", exact=True).fill("Carla Clerk")
        dialog.get_by_role("button", name="Hinzufügen").click()
        expect(dialog.get_by_role("alert")).to_have_text("Wählen Sie mindestens eine Rolle.")
        dialog.get_by_label("Beweisstelle: Aufzeichnungen").check()
        dialog.get_by_role("button", name="Hinzufügen").click()
        expect(dialog.get_by_role("alert")).to_contain_text("Diesen Kurznamen hat")
        expect(dialog.get_by_label("Name", exact=True)).to_have_value("Carla Clerk")
        dialog.get_by_label("Kurzname").fill("c.clerk")
        dialog.get_by_role("button", name="Hinzufügen").click()
        expect(page.get_by_role("textbox", name="Link für c.clerk")).to_be_visible()
        page.get_by_role("button", name="Schließen").click()
        card = page.get_by_role("listitem").filter(has_text="Carla Clerk")
        change = card.get_by_role("button", name="Rollen ändern")
        change.click()
        dialog.get_by_label("Datenschutz").check()
        dialog.get_by_role("button", name="Speichern").click()
        expect(page.get_by_text("Die Rollen von Carla Clerk sind geändert.")).to_be_visible()
        expect(card).to_contain_text("Datenschutz")
        expect(change).to_be_focused()
        # Two changes, and the answer behind the first comes last.
        expect(card).to_be_visible()
        before = scene.signed_in("admin").ask("GET", "/api/people").said
        page.route("**/api/people", holding(held), times=1)
        card.get_by_role("button", name="Rollen ändern").click()
        dialog.get_by_label("Aufsicht").check()
        with page.expect_request("**/api/people"):
            dialog.get_by_role("button", name="Speichern").click()
        card.get_by_role("button", name="Zugang entziehen").click()
        dialog.get_by_role("button", name="Zugang entziehen").click()
        expect(card).to_contain_text("Zugang entzogen")
        with page.expect_response("**/api/people"):
            next_of(page, held).fulfill(json=before)
        all_has_come(page)
        expect(card).to_contain_text("Zugang entzogen")


@pytest.mark.campaign
def test_whoever_types_on_while_the_report_is_made_is_not_led_away(
    chromium: Browser, scene: DeskScene
) -> None:
    held: list[Route] = []
    made = {"report": "r", "files": ["report.html"]}
    with at_desk(chromium, scene, "while-report") as one:
        signed_in(one, scene, "boss")
        page = one.page
        page.goto(f"{scene.origin}/#report")
        page.route("**/api/report", holding(held))
        button = page.get_by_role("button", name="Bericht erstellen")
        for typing in (True, False):
            with page.expect_request("**/api/report"):
                button.click()
            if typing:
                page.get_by_text("Von Hand gezählte Werte").click()
                page.get_by_label("Personen, die Kameras trugen").fill("12")
            next_of(page, held).fulfill(json=made)
            expect(page.get_by_role("heading", name="Der Bericht ist da")).to_be_visible()
            expect(button).to_be_enabled()
            field = page.get_by_label("Personen, die Kameras trugen")
            expect(
                field if typing else page.get_by_role("link", name="In neuem Tab")
            ).to_be_focused()
            expect(field).to_have_value("12")
