"""A clerk answers a person who asks what was recorded of them, and prints one letter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from desk_helpers import ONE, THREE, TWO
from playwright.sync_api import Browser, Page, expect

from tests.browser.person import NARROW, WIDE, Person
from tests.browser.test_desk import FLAGS, at_desk, signed_in
from tests.unit.office.desk.desk_scene import free_origin
from tests.unit.office.desk.test_access_requests import FOUR, FROM_US, PATH, TO_US, access_office

__all__ = ["FLAGS"]

NAME: Final = "Erika Beispielfrau-Einmalig"
SIZES: Final = (NARROW, (1366, 768), WIDE)
OFFICE: Final = "Stadt Musterstadt, Ordnungsamt, Marktplatz 1, 12345 Musterstadt"
AUTHORITY: Final = "Die Landesbeauftragte für Datenschutz, Musterweg 2, 12345 Musterstadt"
RECORDINGS: Final = {
    ONE: ("gespeichert: Straftat oder", "refused duties", "keine Auskunft, weil", "no information"),
    TWO: ("bis zum 08.12.2026", "copy", "Sie erhalten eine Kopie", "You receive a copy"),
    THREE: ("am 09.12.2026 gelöscht.", "deleted", "Die Aufzeichnung wurde am", "It was deleted on"),
    FOUR: ("beschädigt oder fehlt", "unclear", "oder fehlt", "damaged or missing"),
}
"""What the page says of each, what is chosen, and what the letter says in German and English."""


TELL: Final = """async ([row, answer]) => {
  const { told } = await import("/page/access/letter.js");
  const { wordsIn } = await import("/page/access/access_words.js");
  const bare = { state: "here", holds: [], due_us: null, deleted_us: null, handed_us: null };
  return ["de", "en"].map((code) => told(wordsIn(code), { ...bare, ...row }, { answer }));
}"""
SENTENCES: Final = (
    ({}, "kept", "steht noch nicht fest.", "is not fixed yet."),
    ({"handed_us": 1}, "kept", "an eine andere Behörde übermittelt.", "to another authority on"),
    ({"holds": [{"ground": "", "until_us": None}]}, "held", "eine Anordnung der", "an order of"),
)
"""What is known of a recording besides that it is here, and what the letter says of it."""


def sees_at_each_size(one: Person, name: str) -> None:
    for size in SIZES:
        one.page.set_viewport_size({"width": size[0], "height": size[1]})
        one.sees(f"{name}-{size[0]}")


def asks(page: Page, day: str) -> None:
    """Open a request about a day."""
    page.get_by_role("link", name="Auskunftsersuchen").click()
    page.get_by_label("Eingegangen am").fill("2026-11-30")
    for label in ("Von", "Bis"):
        page.get_by_label(label, exact=True).fill(day)
    page.get_by_role("button", name="Ersuchen anlegen").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Auskunftsersuchen 2026-")


def card(page: Page, recording: str) -> Any:
    return page.locator("li.card").filter(has_text=recording)


def writes(page: Page) -> None:
    page.get_by_label("Name und Anschrift der Person").fill(f"{NAME}\nMusterweg 1")
    page.get_by_role("button", name="Brief anzeigen").click()


def test_a_person_is_answered_in_one_letter_and_named_nowhere_else(
    chromium: Browser, tmp_path: Path
) -> None:
    settings = {"origin": free_origin(), "office": OFFICE, "authority": AUTHORITY}
    with access_office(tmp_path, **settings) as scene, at_desk(chromium, scene, "access") as clerk:
        sent: list[str] = []
        page = clerk.page
        page.on("request", lambda one: sent.append(f"{one.url} {one.post_data}"))
        page.add_init_script("window.print = () => { window.printed = (window.printed ?? 0) + 1 }")
        signed_in(clerk, scene, "desk")
        asks(page, "2026-11-24")
        for recording, (said, *_) in RECORDINGS.items():
            expect(card(page, recording)).to_contain_text(said)
        expect(page.get_by_text("cam-1: hat sich noch nie gemeldet")).to_be_visible()
        assert not scene.kinds("viewed") and not scene.kinds("hold_until")
        sees_at_each_size(clerk, "found")

        # Nothing is held before a click, and no letter is there before each has an answer.
        card(page, TWO).get_by_role("button", name="Bis zur Antwort vor Löschung schützen").click()
        expect(card(page, TWO)).to_contain_text("Auskunftsersuchen 2026-12-09-1")
        writes(page)
        expect(page.locator("#told")).to_contain_text("für jede Aufzeichnung")
        for recording, (_, chosen, *_) in RECORDINGS.items():
            card(page, recording).get_by_role("combobox").select_option(chosen)
        writes(page)
        letter = page.locator("section.letter")
        for language, which in (("de", 2), ("en", 3)):
            page.get_by_label("Sprache des Briefs").select_option(language)
            expect(letter).to_have_count(0)
            page.get_by_role("button", name="Brief anzeigen").click()
            expect(letter).to_have_attribute("lang", language)
            items = letter.locator("ol li")
            for number, texts in enumerate(RECORDINGS.values()):
                expect(items.nth(number)).to_contain_text(texts[which])
            for text in (NAME, OFFICE, AUTHORITY, "§ 57"):
                expect(letter).to_contain_text(text)
            for others in ("cam-1", "w0", "Az. 7", "boss"):
                expect(letter).not_to_contain_text(others)
            sees_at_each_size(clerk, f"letter-{language}")
        page.get_by_label("Gründe einer Verweigerung weglassen").check()
        page.get_by_role("button", name="Brief anzeigen").click()
        expect(letter.locator("ol li").first).not_to_contain_text("offences")
        assert page.evaluate("window.printed") is None
        page.get_by_role("button", name="Antwort eintragen und drucken").click()
        expect(page.locator("#told")).to_contain_text("Die Antwort steht im Protokoll")
        assert page.evaluate("window.printed") == 1
        page.emulate_media(media="print")
        expect(page.get_by_role("heading", level=1)).to_be_hidden()
        expect(letter).to_be_visible()
        clerk.takes_picture("printed")
        page.emulate_media(media="screen")
        (entry,) = (one for one in scene.kinds("access_request") if one.what == "answered")
        assert entry.answers == ("refused_duties", "copy", "deleted", "unclear")

        # The name was on the paper and nowhere else.
        assert sent and NAME not in " ".join(sent) and "Einmalig" not in json.dumps(sent)
        assert "Einmalig" not in repr(scene.entries())
        files = [one for one in Path(scene.directory).rglob("*") if one.is_file()]
        assert [one for one in files if b"Einmalig" in one.read_bytes()] == []
        assert page.evaluate("JSON.stringify([localStorage, sessionStorage])").count(NAME) == 0

        # A day of which nothing is known.
        asks(page, "2026-11-20")
        expect(page.get_by_text("Für diese Zeit gibt es keine Aufzeichnung")).to_be_visible()
        writes(page)
        expect(letter).to_contain_text("keine Aufzeichnung von Ihnen gespeichert")
        page.get_by_role("button", name="Die Person hat das Ersuchen zurückgenommen").click()
        page.locator("dialog button.main").click()
        expect(page.get_by_role("listitem").filter(has_text="beantwortet am")).to_have_count(1)
        sees_at_each_size(clerk, "list")
        for row, answer, german, english in SENTENCES:
            said = page.evaluate(TELL, [row, answer])
            assert german in said[0] and english in said[1], said


@pytest.mark.parametrize("language", ["de-DE", "en-GB"])
def test_data_protection_answers_too_and_reads_what_was_answered(
    chromium: Browser, tmp_path: Path, language: str
) -> None:
    with (
        access_office(tmp_path, origin=free_origin()) as scene,
        at_desk(chromium, scene, f"access-{language}", language=language) as officer,
    ):
        tab, here = scene.signed_in("dpo"), {"Origin": scene.origin}
        asked = {"received": "2026-11-30", "from_us": FROM_US, "to_us": TO_US}
        number = tab.ask("POST", f"{PATH}/open", asked, here).said["number"]
        given = {"recording": ONE, "answer": "refused", "ground": "third_parties"}
        answer = {"number": number, "answers": [given]}
        assert tab.ask("POST", f"{PATH}/answer", answer, here).status == 200
        scene.index.refresh()
        signed_in(officer, scene, "dpo")
        page = officer.page
        page.goto(f"{scene.origin}/#access/{number}")
        expect(card(page, ONE)).to_be_visible()
        assert page.locator(".people").get_by_role("link").count() == 0
        assert page.locator(".people").get_by_role("button").count() == 0
        sees_at_each_size(officer, "request")
        page.goto(f"{scene.origin}/#entries")
        answered = {"de-DE": "verweigert (Dritte: § 57", "en-GB": "refused (third parties: § 57"}
        expect(page.get_by_role("row").nth(1)).to_contain_text(answered[language])
        officer.sees("ledger")
