"""The end of a page in Debian's Chromium: what it draws late, what it asks and what it said was
wrong ends with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from desk_helpers import KEY, ONE, THREE, TWO, Camera, open_office
from msgspec.structs import replace
from player_recordings import made_with_holes
from playwright.sync_api import Browser, Page, Route, expect

from camerad.office.desk.people import DeskRole
from tests.breadth import campaign
from tests.browser.person import NARROW
from tests.browser.test_desk import (
    AUTHENTICATOR,
    FLAGS,
    at_desk,
    gives_reason,
    holding,
    office,
    opens_with_key,
    signed_in,
)
from tests.unit.office.desk.desk_scene import DeskScene, free_origin
from tests.waiting import until

__all__ = ["FLAGS"]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    with office(tmp_path) as made_scene:
        made_scene.add("clerk", DeskRole.DESK)
        made_scene.add("officer", DeskRole.DATA_PROTECTION)
        yield made_scene


def next_of(page: Page, held: list[Route]) -> Route:
    """The newest that is held back, once it is: that it was asked for is told by a word of its
    own, which may come first."""

    def has_come() -> bool:
        page.evaluate("0")  # what the browser has told is dealt with meanwhile
        return bool(held)

    until(has_come, what="it is held back")
    return held.pop()


def test_a_recording_s_page_says_what_its_player_plays(chromium: Browser, tmp_path: Path) -> None:
    """Its length ends where footage was wanted, in the zone that all of the page has; what is
    missing is named."""
    with DeskScene(tmp_path, origin=free_origin()) as scene, office_camera(scene, tmp_path):
        scene.add("clerk", DeskRole.DESK)
        with at_desk(chromium, scene, "plays") as one:
            page = one.page
            session = page.context.new_cdp_session(page)
            session.send("Emulation.setTimezoneOverride", {"timezoneId": "Europe/Berlin"})
            signed_in(one, scene, "clerk")
            expect(page.get_by_text("Alle Zeiten in Ortszeit (Europe/Berlin).")).to_be_visible()
            row = page.get_by_role("row").filter(has=page.locator(f"a[href$='{ONE}']"))
            expect(row.last).to_contain_text("0:09")
            page.goto(f"{scene.origin}/#recording/{ONE}")
            said = page.locator("dt", has_text=re.compile("^(Länge|Ton)$")).locator("+ dd")
            expect(said).to_have_text(
                [
                    "0:09, davon 0:05 ohne Bild",
                    "ja, außer 0:02–0:03 (an der Kamera stummgeschaltet), "
                    "0:06–0:09 (Ton ging verloren)",
                ]
            )
            one.sees("recording")
            gives_reason(one, "Prüfen und ansehen", "Az. 1")
            opens_with_key(one)
            player = page.locator(".camerad-player")
            expect(player).to_contain_text("0:00,000 / 0:09,300")
            expect(player).to_contain_text("24.11.2026, 16:30:00,000 UTC+01:00")
            one.sees("player")


@contextmanager
def office_camera(scene: DeskScene, root: Path) -> Iterator[None]:
    """A recording with holes, and one at its end, of a camera of that office."""
    camera = Camera(root / "camera")
    (camera.recordings / f"{ONE}.tar").write_bytes(made_with_holes(3_300_000).file)
    camera.offload(scene.office.directory)
    with open_office(scene.office.directory, scene.office.office_key, scene.clock) as store:
        store.reconcile()
    scene.index.refresh()
    yield


def test_what_is_done_while_its_page_is_left_is_said(chromium: Browser, scene: DeskScene) -> None:
    held: list[Route] = []
    with at_desk(chromium, scene, "done") as one:
        one.forgives = ("Failed to load resource: the server responded with a status of 4",)
        signed_in(one, scene, "clerk")
        page = one.page
        page.locator(f"a[href$='{TWO}']").first.click()
        for day, said in (
            ("2020-01-01", "Dieser Tag ist vorbei"),
            ("", "Der Löschschutz ist gesetzt."),
        ):
            page.get_by_role("button", name="Löschschutz setzen").click()
            dialog = page.get_by_role("dialog")
            dialog.get_by_label("Wofür").select_option("Abwehr einer Gefahr")
            dialog.get_by_label("Grund").fill("Az. 9")
            dialog.get_by_label("Löschschutz bis").fill(day)
            page.route("**/hold", holding(held))
            with page.expect_request("**/hold"):
                page.locator("dialog button.main").click()
            page.go_back()
            expect(page.locator("dialog")).to_have_count(0)
            expect(page.get_by_role("heading", level=1)).to_have_text("Aufzeichnungen")
            next_of(page, held).continue_()
            expect(page.locator("#told")).to_contain_text(said)
            page.unroute_all()
            page.go_forward()
            expect(page.get_by_role("heading", level=1)).to_contain_text("cam-1")


def test_a_usual_period_asks_for_nothing_else_and_what_is_asked_is_said(
    chromium: Browser, scene: DeskScene
) -> None:
    with at_desk(chromium, scene, "asked", size=NARROW, scheme="dark") as one:
        signed_in(one, scene, "clerk")
        page = one.page
        said = page.get_by_role("main").get_by_role("status")
        expect(said).to_have_text("3 Aufzeichnungen")
        page.get_by_text("Weitere Angaben", exact=True).click()
        page.get_by_label("Kamera", exact=True).fill("cam-7")
        page.get_by_label("Wird gelöscht am").fill("2026-11-25")
        page.get_by_label("Nur mit Marke").check()
        page.get_by_role("button", name="Suchen").click()
        expect(said).to_have_text("Kamera: cam-7 · Wird gelöscht am: 25.11.2026 · Nur mit Marke")
        one.sees("nothing")
        page.get_by_role("button", name="Letzte Nacht").click()
        expect(said).to_have_text(re.compile(r"^Von: .+ 18:00 · Bis: .+ 08:00$"))
        pressed = page.get_by_role("button", pressed=True)
        expect(pressed).to_have_text("Letzte Nacht")
        page.get_by_text("Weitere Angaben", exact=True).click()
        page.get_by_label("Von", exact=True).fill("2026-11-25")
        page.get_by_label("Bis", exact=True).fill("2026-11-24")
        page.get_by_role("button", name="Suchen").click()
        expect(page.locator("#told")).to_have_text("„Bis“ liegt nicht nach „Von“.")


@pytest.mark.parametrize(
    ("size", "scheme"),
    [(NARROW, "dark"), pytest.param((1366, 768), "light", marks=pytest.mark.campaign)],
    ids=["360", "1366"],
)
def test_what_a_tab_found_not_authentic_stands_in_the_list_with_whose_tab_it_was(
    chromium: Browser, scene: DeskScene, size: tuple[int, int], scheme: str
) -> None:
    tab, own = scene.signed_in("clerk"), {"Origin": scene.origin}

    def says(verdict: str) -> None:
        asked = {"recordings": [TWO], "reason": "Az. 12"}
        (viewing,) = tab.ask("POST", "/api/viewings", asked, own).said["viewings"]
        found = {"verdict": verdict, "key": KEY.public.thumbprint, "final": ""}
        headers = own | {"Viewing": viewing}
        assert tab.ask("POST", f"/api/recordings/{TWO}/verdict", found, headers).said["written"]
        scene.index.refresh()

    says("not_authentic")
    with at_desk(chromium, scene, f"refuted-{size[0]}", size=size, scheme=scheme) as one:
        signed_in(one, scene, "clerk")
        page = one.page
        said = page.locator(".tag.refuted")
        expect(said.last).to_have_text("NICHT echt, laut clerk")
        if size == NARROW:
            page.get_by_text("Weitere Angaben", exact=True).click()
        page.get_by_label("Nur nicht echte (im Browser geprüft)").check()
        page.get_by_role("button", name="Suchen").click()
        expect(page.get_by_role("main").get_by_role("status")).to_contain_text("1 Aufzeichnung · ")
        expect(said).to_have_count(1)
        one.sees("list")
        page.locator(f"a[href$='{TWO}']").click()
        expect(page.get_by_role("main").locator(".tags")).to_contain_text("NICHT echt, laut clerk")
        one.sees("recording")
        # The newest one counts, and at the recording at once.
        says("authentic")
        page.reload()
        expect(page.get_by_role("main").locator(".tags")).not_to_contain_text("NICHT")


@pytest.mark.parametrize(
    ("size", "scheme"),
    [pytest.param(NARROW, "light", marks=pytest.mark.campaign), ((1366, 768), "dark")],
    ids=["360", "1366"],
)
def test_whoever_hands_a_recording_over_is_led_to_its_case(
    chromium: Browser, scene: DeskScene, size: tuple[int, int], scheme: str
) -> None:
    case = f"88/{size[0]}"
    with at_desk(chromium, scene, f"led-{size[0]}", size=size, scheme=scheme) as one:
        signed_in(one, scene, "clerk")
        page = one.page
        dialog = page.get_by_role("dialog")
        hand_over = page.get_by_role("button", name="Übergeben", exact=True)
        package = page.get_by_role("button", name="Paket für die Staatsanwaltschaft erstellen")
        page.goto(f"{scene.origin}/#recording/{THREE}")
        # It has no case yet: one is chosen, or made on the way.
        hand_over.click()
        expect(dialog.get_by_role("heading")).to_contain_text("Übergeben: cam-1")
        expect(dialog).to_contain_text("Übergeben wird ein Vorgang")
        dialog.get_by_label("Vorgang", exact=True).select_option("Neuen Vorgang anlegen")
        dialog.get_by_label("Aktenzeichen", exact=True).fill(case)
        one.sees("which")
        dialog.get_by_role("button", name="Weiter").click()
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_have_text(f"Vorgang {case}")
        expect(package).to_be_focused()
        expect(package).to_be_in_viewport()
        one.sees("there")
        # Its case is known: there with one click.
        page.go_back()
        expect(heading).to_contain_text("cam-1")
        hand_over.click()
        expect(package).to_be_focused()
        # It belongs to a case that is closed, and to no other one.
        page.get_by_role("button", name="Vorgang abschließen").click()
        dialog.get_by_role("button", name="Vorgang abschließen").click()
        expect(page.get_by_role("button", name="Wieder öffnen")).to_be_visible()
        page.go_back()
        hand_over.click()
        expect(dialog).to_contain_text("Ihr Vorgang ist abgeschlossen.")
        dialog.get_by_role("link", name=f"Vorgang {case}").click()
        page.get_by_role("button", name="Wieder öffnen").click()
        expect(package).to_be_visible()
        # Of two, one is chosen, and only of these.
        page.go_back()
        expect(heading).to_contain_text("cam-1")
        page.get_by_role("button", name="Zu einem Vorgang").click()
        dialog.get_by_label("Vorgang", exact=True).select_option("Neuen Vorgang anlegen")
        dialog.get_by_label("Aktenzeichen", exact=True).fill(f"{case} b")
        dialog.get_by_role("button", name="Hinzufügen").click()
        expect(page.get_by_role("link", name=f"{case} b")).to_be_visible()
        hand_over.click()
        choice = dialog.get_by_label("Vorgang", exact=True)
        expect(choice).to_be_visible()
        ours = {"Bitte wählen", f"{case} b", case, "Neuen Vorgang anlegen"}
        assert set(choice.locator("option").all_inner_texts()) == ours
        added = len(scene.kinds("case"))
        choice.select_option(case)
        dialog.get_by_role("button", name="Weiter").click()
        expect(package).to_be_focused()
        assert len(scene.kinds("case")) == added, "it is there already"
        for number in (case, f"{case} b"):
            tab = scene.signed_in("clerk")
            said, own = {"number": number, "recording": THREE}, {"Origin": scene.origin}
            assert tab.ask("POST", "/api/cases/remove", said, own).status == 200


def test_a_link_that_is_used_signs_nobody_out(chromium: Browser, scene: DeskScene) -> None:
    with at_desk(chromium, scene, "used-link") as one:
        one.forgives = ("Failed to load resource: the server responded with a status of 4",)
        signed_in(one, scene, "clerk")
        page = one.page
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_have_text("Aufzeichnungen")
        page.evaluate("() => { location.hash = 'link=bad'; }")
        told = page.locator("#told")
        expect(told).to_contain_text("Dieser Link ist verbraucht oder zu alt.")
        expect(told).to_contain_text("Sie bleiben angemeldet, als Clerk.")
        expect(heading).to_have_text("Aufzeichnungen")
        # Somebody else's that is good says who is there.
        scene.add("k.meier", DeskRole.DESK)
        link = scene.sessions.make_link("k.meier", "")
        page.evaluate("link => { location.hash = `link=${link}`; }", link)
        expect(page.get_by_text("Gerade ist hier Clerk angemeldet.")).to_be_visible()
        one.sees("link")


def test_whoever_is_signed_out_comes_back_to_where_they_were(
    chromium: Browser, scene: DeskScene
) -> None:
    link = f"{scene.origin}/#link={scene.sessions.make_link('clerk', '')}"
    with at_desk(chromium, scene, "back", link) as one:
        one.forgives = ("Failed to load resource",)
        page = one.page
        authority = page.context.new_cdp_session(page)
        authority.send("WebAuthn.enable")
        authority.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        page.get_by_role("button", name="Passkey anlegen und anmelden").click()
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_have_text("Aufzeichnungen")
        page.goto(f"{scene.origin}/#recording/{TWO}")
        expect(heading).to_contain_text("cam-1")
        expect(page).to_have_title(re.compile(r"^cam-1, .+ – camerad$"))
        scene.sessions.end_all_of("clerk")
        page.goto(f"{scene.origin}/#recording/{ONE}")
        expect(heading).to_have_text("Anmelden")
        expect(page.get_by_role("main").get_by_role("status")).to_have_text(
            "Sie sind abgemeldet. Melden Sie sich wieder an."
        )
        one.sees("out")
        page.get_by_role("button", name="Anmelden").click()
        expect(heading).to_contain_text("cam-1")
        assert page.url.endswith(ONE)
        # What was asked before, and is refused only now, says nothing of who has signed in since.
        held: list[Route] = []
        page.route("**/api/cases?*", holding(held), times=1)
        page.get_by_role("link", name="Vorgänge").click()
        late = next_of(page, held)
        page.get_by_role("button", name="Abmelden").click()
        page.get_by_role("button", name="Anmelden").click()
        expect(heading).to_have_text("Aufzeichnungen")
        with page.expect_response("**/api/cases?*"):
            late.fulfill(status=401, json={"error": "not_signed_in"})
        page.evaluate("fetch('/api/me').then((answer) => answer.json())")
        expect(heading).to_have_text("Aufzeichnungen")
        # A link that was used leads to signing in.
        page.get_by_role("button", name="Abmelden").click()
        expect(heading).to_have_text("Anmelden")
        page.goto(link)
        expect(page.get_by_role("alert")).to_contain_text("Dieser Link ist verbraucht")
        one.sees("used")
        page.get_by_role("button", name="Schon einen Passkey? Anmelden").click()
        page.get_by_role("button", name="Anmelden", exact=True).click()
        expect(heading).to_have_text("Aufzeichnungen")
        # Of a package that waited for a key nothing is left.
        tab, own = scene.signed_in("clerk"), {"Origin": scene.origin}
        for path, said in (("open", {}), ("add", {"recording": TWO})):
            answer = tab.ask("POST", f"/api/cases/{path}", {"number": "6/26"} | said, own)
            assert answer.status == 200
        page.goto(f"{scene.origin}/#cases/6%2F26")
        start = page.get_by_role("button", name="Paket für die Staatsanwaltschaft erstellen")
        start.click()
        page.locator("dialog button.main").click()
        expect(page.locator("form.key")).to_be_visible()
        with page.context.new_page() as other:
            other.goto(scene.origin)
            other.get_by_role("button", name="Abmelden").click()
            expect(page.get_by_text("Sie sind in einem anderen Tab abgemeldet")).to_be_visible()
        page.get_by_role("button", name="Anmelden", exact=True).click()
        expect(heading).to_have_text("Vorgang 6/26")
        expect(page.locator("form.key")).to_have_count(0)
        expect(start).to_be_enabled()


def test_a_case_that_is_there_is_found_and_what_undoes_asks_first(
    chromium: Browser, scene: DeskScene
) -> None:
    with at_desk(chromium, scene, "cases") as one:
        one.forgives = ("Failed to load resource: the server responded with a status of 409",)
        signed_in(one, scene, "clerk")
        page = one.page
        dialog = page.get_by_role("dialog")
        page.get_by_role("link", name="Vorgänge").click()
        for there in (False, True):
            page.get_by_role("button", name="Vorgang anlegen").click()
            dialog.get_by_label("Aktenzeichen").fill("77/26")
            dialog.get_by_role("button", name="Vorgang anlegen").click()
            if there:
                expect(dialog.get_by_role("alert")).to_contain_text("Diesen Vorgang gibt es schon")
                dialog.get_by_role("link", name="77/26").click()
                expect(page.locator("dialog")).to_have_count(0)
            expect(page.get_by_role("heading", name="Vorgang 77/26")).to_be_visible()
            if not there:
                page.get_by_role("link", name="Vorgänge").click()
        # The reason was no number, so nothing is chosen; and what is missing is said.
        page.goto(f"{scene.origin}/#recording/{ONE}")
        page.get_by_role("button", name="Zu einem Vorgang").click()
        choice = dialog.get_by_label("Vorgang")
        expect(choice.locator("option:checked")).to_have_text("Bitte wählen")
        dialog.get_by_role("button", name="Hinzufügen").click()
        expect(dialog).to_be_visible()
        choice.select_option("77/26")
        dialog.get_by_role("button", name="Hinzufügen").click()
        expect(page.get_by_role("link", name="77/26")).to_be_visible()
        # Its number is the reason, unless somebody says another.
        page.get_by_role("button", name="Prüfen und ansehen").click()
        expect(dialog.get_by_label("Aktenzeichen oder Grund")).to_have_value("77/26")
        expect(dialog.get_by_label("Vorgang")).to_have_value("77/26")
        dialog.get_by_role("button", name="Abbrechen").click()
        page.get_by_role("link", name="77/26").click()
        page.get_by_role("button", name="Herausnehmen").click()
        expect(dialog).to_contain_text("Sie gehört dann nicht mehr zum Vorgang 77/26.")
        one.sees("take-out")
        dialog.get_by_role("button", name="Abbrechen").click()
        expect(page.get_by_role("button", name="Herausnehmen")).to_be_visible()
        page.get_by_role("button", name="Vorgang abschließen").click()
        dialog.get_by_role("button", name="Vorgang abschließen").click()
        expect(page.get_by_role("button", name="Wieder öffnen")).to_be_visible()


def test_a_small_screen_shows_the_list_first_and_days_are_typed_as_the_page_spells_them(
    chromium: Browser, scene: DeskScene
) -> None:
    """Whatever language the browser has."""
    own, hold = {"Origin": scene.origin}, {"reason": "12 Js 7/26", "ground": "prosecution"}
    tab = scene.signed_in("clerk")
    assert tab.ask("POST", f"/api/recordings/{ONE}/hold", hold, own).status == 200
    scene.index.refresh()
    with at_desk(chromium, scene, "small", size=(1366, 768), language="en-US") as one:
        signed_in(one, scene, "clerk")
        page, rows = one.page, one.page.locator("tbody:last-of-type tr:has(a)")
        page.get_by_role("button", name="Deutsch").click()
        page.get_by_text("Weitere Angaben", exact=True).wait_for()
        expect(rows).to_have_count(3)
        for row in rows.all():
            box = row.bounding_box()
            assert box is not None and box["y"] + box["height"] <= 768, "it is on the first screen"
        one.sees("list-first")
        page.get_by_text("Weitere Angaben", exact=True).click()
        first, time = page.get_by_label("Von", exact=True), page.get_by_label("Von, Uhrzeit")
        expect(first).to_have_attribute("placeholder", "TT.MM.JJJJ")
        for day, clock, wrong in (
            ("31.2.2026", "", "Dieses Datum gibt es nicht."),
            ("24.11.2026", "25:00", "Diese Uhrzeit gibt es nicht."),
        ):
            first.fill(day)
            time.fill(clock)
            page.get_by_role("button", name="Suchen").click()
            expect(page.locator("#told")).to_contain_text(wrong)
        time.fill("8")
        page.get_by_label("Aktenzeichen oder Grund").fill("js 7")
        page.get_by_role("button", name="Suchen").click()
        expect(rows).to_have_count(1)
        found = "1 Aufzeichnung · Aktenzeichen oder Grund: js 7 · Von: 24.11.2026"
        expect(page.locator("main")).to_contain_text(found)
        # What is not found is said, and no row of another question stays.
        page.get_by_text("Weitere Angaben", exact=True).click()
        page.get_by_label("Kennung").fill("x")
        page.get_by_role("button", name="Suchen").click()
        expect(page.locator("main p > span").first).to_contain_text("keine Kennung finden")
        expect(rows).to_have_count(0)
        # More than a page: how many there are stands beside it.
        said = tab.ask("GET", "/api/recordings").said | {"next": "1", "total": 1234}
        page.route(
            re.compile("/api/recordings$|/api/recordings[?]$"), lambda it: it.fulfill(json=said)
        )
        page.goto(f"{scene.origin}/#recordings")
        page.reload()
        expect(page.get_by_text("Die ersten 3 von 1234 Aufzeichnungen")).to_be_visible()


def test_a_lost_passkey_is_no_dead_end_and_what_gives_access_back_asks(
    chromium: Browser, scene: DeskScene
) -> None:
    scene.add("boss", DeskRole.ADMINISTRATOR)
    scene.people.change("clerk", lambda one: replace(one, came_us=1))
    with at_desk(chromium, scene, "lost", size=NARROW) as one:
        page = one.page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        signed_in(one, scene, "boss")
        page.get_by_role("link", name="Personen").click()
        clerk = page.get_by_role("listitem").filter(has_text="clerk")
        dialog = page.get_by_role("dialog")
        clerk.get_by_role("button", name="Passkey verloren").click()
        expect(dialog).to_contain_text("camerad office people link clerk --config")
        one.sees("who-makes-it")
        dialog.get_by_role("button", name="Kopieren").click()
        expect(page.get_by_text("Kopiert.")).to_be_visible()
        assert "people link clerk" in page.evaluate("navigator.clipboard.readText()")
        dialog.get_by_role("button", name="Schließen").click()
        # Whoever has never come in gets a link here: all of its address is seen, and copied.
        officer = page.get_by_role("listitem").filter(has_text="officer")
        officer.get_by_role("button", name="Neuer Link").click()
        shown = dialog.get_by_role("textbox", name="Link für officer")
        assert shown.evaluate("one => one.scrollHeight <= one.clientHeight + 4"), "cut off"
        dialog.get_by_role("button", name="Kopieren").click()
        expect(page.get_by_text("Kopiert.")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == shown.input_value()
        dialog.get_by_role("button", name="Schließen").click()
        clerk.get_by_role("button", name="Zugang entziehen").click()
        dialog.get_by_role("button", name="Zugang entziehen").click()
        clerk.get_by_role("button", name="Zugang zurückgeben").click()
        expect(dialog).to_contain_text("Beweisstelle")
        assert [facts.what for facts in scene.kinds("rights")][-1] == "withdrawn", "it asks first"
        dialog.get_by_role("button", name="Zugang zurückgeben").click()
        expect(page.get_by_text("hat wieder Zugang")).to_be_visible()
        # A short name with an umlaut is refused in the page's own words.
        page.get_by_role("button", name="Person hinzufügen").click()
        dialog.get_by_label("Kurzname").fill("müller")
        dialog.get_by_label("Name", exact=True).fill("Müller")
        dialog.get_by_label("Beweisstelle: Aufzeichnungen").check()
        dialog.get_by_role("button", name="Hinzufügen").click()
        expect(dialog.get_by_role("alert")).to_contain_text("Ein Kurzname hat bis zu 40 Zeichen")


HOSTILE: Final = (
    """"><img src=x onerror="window.hit=1"><script>window.hit=1</script>"""
    """<svg onload="window.hit=1"></svg>javascript:window.hit=1 {name} ${1} $& __proto__"""
)
TEXTS: Final = frozenset(
    (
        *("camera", "cameras", "wearer", "reason", "device", "software"),
        *("name", "passkeys", "number", "text", "to", "by"),
        *("added_by", "opened_by", "who", "person", "case", "case_number"),
        *("label", "kind", "why", "version", "detail", "trigger"),
        *("stage", "recipients", "policy", "roles", "deleted_why", "not_authentic_by"),
        *("clock", "approved_by", "purpose", "course", "error"),
    )
)
"""What a camera, a person or a file may have written, and words of programs beside it."""
ELEMENTS: Final = "#main :is(img, script, svg[onload], a[href^='javascript'], [onerror])"


def poisoned(said: Any, key: str = "") -> Any:
    """What a server says, with hostile texts in it: as if nothing had been checked on the way."""
    if isinstance(said, dict):
        # Whoever is signed in has roles: without them there is no page.
        keep = said.get("roles") if "idle_seconds" in said else None
        found = {name: poisoned(one, name) for name, one in said.items()}
        return found if keep is None else found | {"roles": keep}
    if isinstance(said, list):
        return [poisoned(one, key) for one in said]
    return HOSTILE if isinstance(said, str) and key in TEXTS else said


def test_no_text_of_a_camera_a_person_or_a_file_becomes_code_or_an_element(
    chromium: Browser, scene: DeskScene
) -> None:
    tab, own = scene.signed_in("clerk"), {"Origin": scene.origin}
    for path, said in (
        (f"/api/recordings/{TWO}/hold", {"reason": "7", "until_us": None, "ground": "other"}),
        ("/api/cases/open", {"number": "7"}),
        ("/api/cases/add", {"number": "7", "recording": TWO}),
        ("/api/cases/note", {"number": "7", "text": "7"}),
        ("/api/cases/hand-over", {"number": "7", "text": "7"}),
    ):
        assert tab.ask("POST", path, said, own).status == 200, path
    scene.add("boss", DeskRole.ADMINISTRATOR)
    scene.index.refresh()

    def poison(route: Route) -> None:
        answer = reader.ask("GET", route.request.url.removeprefix(scene.origin))
        route.fulfill(status=answer.status, json=poisoned(answer.said))

    places = {
        "clerk": ("recordings", f"recording/{TWO}", f"incident/{TWO}", "cases", "cases/7"),
        "officer": ("entries", "people"),
        "boss": ("cameras", "people"),
    }
    for who, where in places.items():
        reader = scene.signed_in(who)
        with at_desk(chromium, scene, f"hostile-{who}") as one:
            page = one.page
            page.route(re.compile("/api/(?!session)"), poison)
            signed_in(one, scene, who)
            for place in where:
                page.goto(f"{scene.origin}/#{place}")
                page.reload()
                expect(page.locator("#main")).to_contain_text("<img src=x", timeout=30_000)
                assert page.evaluate("window.hit") is None, place
                assert page.locator(ELEMENTS).count() == 0, place
    # A name that every object has is a name like others.
    assert tab.ask("POST", "/api/cases/open", {"number": "constructor"}, own).status == 200
    with at_desk(chromium, scene, "hostile-name") as one:
        signed_in(one, scene, "clerk")
        one.page.goto(f"{scene.origin}/#recording/{ONE}")
        one.page.get_by_role("button", name="Zu einem Vorgang").click()
        choice = one.page.get_by_role("dialog").get_by_label("Vorgang")
        expect(choice.get_by_role("option", name="constructor", exact=True)).to_have_count(1)
    # An error that is no word of ours is a sentence of ours.
    with at_desk(chromium, scene, "hostile-error") as one:
        one.forgives = ("Failed to load resource",)
        refusal = {"status": 400, "json": {"error": HOSTILE}}
        one.page.route("**/api/recordings?*", lambda route: route.fulfill(**refusal))
        signed_in(one, scene, "clerk")
        expect(one.page.locator("#told")).to_contain_text("Der Server hat das nicht verstanden.")


@pytest.mark.parametrize("size", [NARROW, campaign((1280, 900))], ids=["360", "1280"])
def test_what_somebody_wrote_without_a_blank_makes_no_page_wider(
    chromium: Browser, scene: DeskScene, size: tuple[int, int]
) -> None:
    long, number = "x" * 200, f"L {size[0]}"
    tab, own = scene.signed_in("clerk"), {"Origin": scene.origin}
    hold = {"reason": long, "until_us": None, "ground": "other"}
    for path, said in (
        (f"/api/recordings/{TWO}/hold", hold),
        ("/api/cases/open", {"number": number}),
        ("/api/cases/add", {"number": number, "recording": TWO}),
        ("/api/cases/note", {"number": number, "text": long}),
        ("/api/cases/hand-over", {"number": number, "text": long}),
    ):
        assert tab.ask("POST", path, said, own).status == 200, path
    scene.index.refresh()
    with at_desk(chromium, scene, f"long-{size[0]}", size=size) as one:
        signed_in(one, scene, "clerk")
        page = one.page
        expect(page.get_by_text(long).first).to_be_visible()
        one.sees("list")
        for place in (f"recording/{TWO}", f"cases/{quote(number)}"):
            page.goto(f"{scene.origin}/#{place}")
            expect(page.get_by_text(re.compile(long)).first).to_be_visible()
            one.sees(place[:4])


@pytest.mark.campaign
def test_the_list_and_a_recording_print_on_a4(chromium: Browser, scene: DeskScene) -> None:
    a4 = (718, 1000)  # 190 mm: upright, with margins of 10 mm
    with at_desk(chromium, scene, "printed", size=a4) as one:
        signed_in(one, scene, "clerk")
        page = one.page
        page.emulate_media(media="print")
        for recording in (ONE, TWO, THREE):  # the last link is that of the list of all
            expect(page.locator(f"tr a[href$='{recording}']").last).to_be_visible()
        expect(page.get_by_role("columnheader", name="Löschung")).to_be_visible()
        for gone in (page.get_by_label("Kamera", exact=True), page.get_by_role("checkbox").first):
            expect(gone).to_be_hidden()
        wide = "(one) => one.scrollWidth <= one.clientWidth"
        assert page.locator(".wide").evaluate(wide)
        one.takes_picture("list")
        page.goto(f"{scene.origin}/#recording/{TWO}")
        expect(page.get_by_role("heading", level=1)).to_contain_text("cam-1")
        expect(page.get_by_role("button", name="Prüfen und ansehen")).to_be_hidden()
        one.takes_picture("recording")


@pytest.mark.campaign
def test_whoever_skips_comes_to_the_list(chromium: Browser, scene: DeskScene) -> None:
    with at_desk(chromium, scene, "skips") as one:
        signed_in(one, scene, "clerk")
        expect(one.page.get_by_role("heading", name="Aufzeichnungen")).to_be_visible()
        one.page.get_by_role("link", name="Zum Inhalt").focus()
        one.page.keyboard.press("Enter")
        expect(one.page.get_by_role("region", name="Aufzeichnungen")).to_be_focused()


@pytest.mark.parametrize("size", [NARROW, campaign((1280, 900))], ids=["360", "1280"])
def test_more_comes_below_what_is_there_and_leaves_that_alone(
    chromium: Browser, scene: DeskScene, size: tuple[int, int]
) -> None:
    said = scene.signed_in("clerk").ask("GET", "/api/recordings").said

    def in_two(route: Route) -> None:
        """Two recordings first, and then the rest."""
        first = "after=" not in route.request.url
        rows = said["rows"][:2] if first else said["rows"][2:]
        route.fulfill(json=said | {"rows": rows, "next": "1" if first else None})

    with at_desk(chromium, scene, f"more-{size[0]}", size=size) as one:
        one.forgives = ("Failed to load resource: the server responded with a status of 409",)
        page = one.page
        page.route(re.compile(r"/api/recordings\?(?!flagged)|/api/recordings$"), in_two)
        signed_in(one, scene, "clerk")
        more = page.get_by_role("button", name="Mehr", exact=True)
        expect(more).to_be_visible()
        part = page.locator("main tbody:last-of-type, main ul.people:last-of-type")
        links = part.locator("a[href*='#recording/']")
        expect(links).to_have_count(2)
        part.get_by_role("checkbox").first.check()
        part.evaluate("(part) => { part.dataset.there = 'before'; }")
        more.click()
        expect(links).to_have_count(3)
        assert len({one.get_attribute("href") for one in links.all()}) == 3
        expect(part).to_have_attribute("data-there", "before")
        expect(part.get_by_role("checkbox").first).to_be_checked()
        expect(more).to_be_hidden()
        # One that could not be kept from deletion is still there, and still chosen.
        part.get_by_role("checkbox").last.check()
        last = part.get_by_role("checkbox").last.get_attribute("value")
        busy: Any = {"status": 409, "json": {"error": "busy"}}
        page.route(f"**/{last}/hold", lambda route: route.fulfill(**busy))
        page.get_by_role("button", name="Löschschutz für Ausgewählte").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Wofür").select_option("Abwehr einer Gefahr")
        dialog.get_by_label("Grund").fill("Az. 13")
        page.locator("dialog button.main").click()
        expect(dialog.get_by_role("alert")).to_contain_text("Der Server schreibt gerade anderes.")
        with page.expect_response("**/api/recordings?after=1"):
            dialog.get_by_role("button", name="Abbrechen").click()
        expect(page.get_by_text("Löschschutz gesetzt: 1.")).to_be_visible()
        expect(part.get_by_role("checkbox").first).not_to_be_checked()
        expect(links).to_have_count(3)
        expect(part.get_by_role("checkbox").last).to_be_checked()
        expect(page.get_by_role("button", name="Löschschutz für Ausgewählte")).to_be_enabled()


@pytest.mark.parametrize(
    ("who", "what", "field"),
    [("clerk", "recordings", "camera"), ("officer", "entries", "who"), ("clerk", "cases", "said")],
)
def test_more_answers_what_the_rows_above_it_answer(
    chromium: Browser, scene: DeskScene, who: str, what: str, field: str
) -> None:
    """Whatever stands in the form by then, for which nobody has pressed the button. Once somebody
    has, nobody has more of what is there: it would take the place of what was asked for."""
    asked: list[str] = []
    held: list[Route] = []
    said = scene.signed_in(who).ask("GET", f"/api/{what}").said

    def endless(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(json=said | {"next": 1 if what == "entries" else "1"})

    with at_desk(chromium, scene, f"more-{what}") as one:
        one.forgives = ("Failed to load resource",)
        page = one.page
        signed_in(one, scene, who)
        page.route(re.compile(rf"/api/{what}(\?(?!flagged)|$)"), endless)
        page.goto(f"{scene.origin}/#{what}")
        more = page.get_by_role("button", name="Mehr", exact=True)
        expect(more).to_be_visible()
        page.locator(f"main [name={field}]").evaluate("(field) => { field.value = 'cam-7'; }")
        asked.clear()
        with page.expect_response(re.compile(rf"/api/{what}\?")):
            more.click()
        (question,) = asked
        assert "cam-7" not in question
        expect(page.get_by_role("main")).not_to_contain_text("cam-7")
        for refused in (True, False):
            page.route(re.compile(rf"/api/{what}\?"), holding(held), times=1)
            with page.expect_request(re.compile(rf"/api/{what}\?.*cam-7")):
                page.get_by_role("button", name="Suchen").click()
            if refused:  # then there is no answer, and no row of the question before
                more.evaluate("(button) => button.click()")
                next_of(page, held).abort()
                expect(page.locator("#told")).to_contain_text("Der Server antwortet nicht")
                expect(more).to_be_hidden()
                expect(page.locator("main tbody tr")).to_have_count(0)
            else:
                next_of(page, held).fulfill(json=said | {"next": 1 if what == "entries" else "1"})
                expect(more).to_be_enabled()
        with page.expect_response(re.compile(rf"/api/{what}\?")):
            more.click()
        assert "cam-7" in asked[-1]
