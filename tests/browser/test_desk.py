"""The desk in Debian's Chromium: a clerk finds a mark, views a recording for a reason and holds it;
what ends with a session, what was refused, and two-person approval. `test_office_day` has the rest
of a clerk's day."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
from desk_helpers import ONE, THREE, TWO, Camera, open_office
from msgspec.structs import replace
from playwright.sync_api import Browser, Route, expect
from sealed_helpers import LOCKED, PASSPHRASE, made

from camerad.base.storage_errors import explain
from camerad.office.desk.people import DeskRole
from camerad.office.desk.sessions import COOKIE, Sessions
from tests.breadth import campaign
from tests.browser.person import WIDE, Person, person
from tests.unit.office.desk.desk_scene import DeskScene, free_origin
from tests.waiting import until

HOW: Final = ("asked", "idle", "elsewhere", *map(campaign, ("ended", "roles", "away")))
FLAGS: Final = ("--ignore-certificate-errors",)
"""The authority of a test is nobody's."""
SCRIPT: Final = ("I" + "P" * 29) * 6
ANSWERED: Final = """() => addEventListener("click", ({ timeStamp: clicked }) => {
  const seen = () => { window.answered ??= performance.now() - clicked; };
  new MutationObserver(seen).observe(document.getElementById("busy"), { childList: true });
}, { capture: true, once: true })"""
"""Measures when the page shows that it does something, after the next click."""
AUTHENTICATOR: Final = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DeskScene]:
    with office(tmp_path) as made_scene:
        made_scene.add("other", DeskRole.DESK)
        yield made_scene


@contextmanager
def office(root: Path, **desk: Any) -> Iterator[DeskScene]:
    """An office with three recordings; the second one has a mark."""
    with DeskScene(root, **{"origin": free_origin(), **desk}) as made_scene:
        camera = Camera(root / "camera")
        for number, recording in enumerate((ONE, TWO, THREE)):
            marks = (3_000_000,) if recording == TWO else ()
            one = made(SCRIPT, identity=recording, marks=marks, later_us=number * 60_000_000)
            (camera.recordings / f"{recording}.tar").write_bytes(one.file)
        camera.offload(made_scene.office.directory)
        clock = made_scene.clock
        with open_office(made_scene.office.directory, made_scene.office.office_key, clock) as store:
            store.reconcile()
        made_scene.index.refresh()
        yield made_scene


@contextmanager
def at_desk(
    chromium: Browser, scene: DeskScene, story: str, url: str = "", **how: Any
) -> Iterator[Person]:
    said = {"size": WIDE, "scheme": "light", "language": "de-DE"} | how
    with person(chromium, url or scene.origin, f"desk-{story}", **said) as one:
        one.origin = scene.origin
        yield one


def signed_in(one: Person, scene: DeskScene, who: str) -> None:
    """Whoever signed in before: the page is loaded with their session."""
    cookie = {"name": COOKIE, "value": scene.signed_in(who).cookie, "url": scene.origin}
    more: Any = {"secure": True, "httpOnly": True, "sameSite": "Strict"}
    one.page.context.add_cookies([cookie | more])
    one.page.goto(scene.origin)


def holding(held: list[Route]) -> Callable[[Route], None]:
    """Holds back what is asked for."""

    def holds(route: Route) -> None:
        held.append(route)

    return holds


def gives_reason(one: Person, button: str, reason: str | None) -> None:
    """Press a button and say why; None to leave the reason as the page has it."""
    one.page.get_by_role("button", name=button).click()
    if reason is not None:
        one.page.get_by_label("Grund").fill(reason)
    one.page.locator("dialog button.main").click()


def opens_with_key(one: Person) -> None:
    chosen: Any = {"name": "office.age", "mimeType": "text/plain", "buffer": LOCKED}
    one.page.set_input_files(".camerad-player form input[type=file]", files=[chosen])
    one.page.fill(".camerad-player form input[type=password]", PASSPHRASE)
    one.page.click(".camerad-player form button")
    expect(one.page.locator(".camerad-player video")).to_have_js_property("readyState", 4)


def test_a_clerk_finds_a_recording_views_it_for_a_reason_and_keeps_it(
    chromium: Browser, scene: DeskScene
) -> None:
    with at_desk(chromium, scene, "clerk") as clerk:
        signed_in(clerk, scene, "other")
        page = clerk.page
        # Its head; the marked one between two headings; all three.
        expect(page.get_by_role("row")).to_have_count(1 + 3 + 3)
        clerk.sees("recordings")
        assert page.get_by_role("link", name="Anfragen").count() == 0, "nobody approves anything"

        # The marked one of that night. Nothing matches a slip, and the search is cleared.
        page.get_by_role("button", name="Letzte Nacht").click()
        expect(page.get_by_text("Keine Aufzeichnung passt dazu.")).to_be_visible()
        expect(page.get_by_label("Von, Uhrzeit")).to_have_value("18:00")
        page.get_by_role("button", name="Suche zurücksetzen").click()
        expect(page.get_by_role("row")).to_have_count(1 + 3 + 3)
        began = f"{TWO[:4]}-{TWO[4:6]}-{TWO[6:8]}"
        page.get_by_label("Von, Uhrzeit").fill("08:00")
        page.get_by_role("button", name="Suchen").click()
        expect(page.get_by_text("Wählen Sie zur Uhrzeit auch den Tag.")).to_be_visible()
        page.get_by_label("Von", exact=True).fill("1026-11-24")
        page.get_by_role("button", name="Suchen").click()
        expect(page.get_by_text("Dieses Datum gibt es nicht.")).to_be_visible()
        page.get_by_label("Von", exact=True).fill(began)
        page.get_by_label("Von, Uhrzeit").fill("")
        page.get_by_label("Bis", exact=True).fill(began)
        page.get_by_label("Kamera", exact=True).fill("Kamera 1")
        page.get_by_label("Nur mit Marke").check()
        page.get_by_role("button", name="Suchen").click()
        expect(page.get_by_role("row")).to_have_count(2)
        opened = page.get_by_role("row").nth(1).get_by_role("link")
        title = f"cam-1, {opened.inner_text()}"
        opened.click()
        expect(page.get_by_role("heading", name=title)).to_be_visible()
        expect(page.get_by_text(f"Kennung {TWO}")).to_be_visible()
        # Back: the search is as it was, and the row that was opened has the focus.
        for way in ("button", "browser"):
            if way == "button":
                page.get_by_role("button", name="Zurück").click()
            else:
                page.go_back()
            expect(opened).to_be_focused()
            expect(page.get_by_role("row")).to_have_count(2)
            expect(page.get_by_label("Kamera", exact=True)).to_have_value("Kamera 1")
            page.keyboard.press("Enter")
            expect(page.get_by_role("heading", name=title)).to_be_visible()

        # Is it authentic? Nobody looks without a reason.
        page.get_by_role("button", name="Ansehen").click()
        page.locator("dialog button.main").click()
        assert not scene.kinds("viewed"), "the field for the reason is still empty"
        page.get_by_label("Grund").fill("Az. 32-5/2026")
        page.get_by_role("button", name="Ansehen").last.click()
        expect(page.locator(".camerad-player")).to_be_focused()
        opens_with_key(clerk)
        expect(page.locator(".camerad-player .verdict strong")).to_have_text("Echt und vollständig")
        expect(page.locator(".camerad-player .verdict p")).to_contain_text(
            re.compile(r"hinzugefügt\. Der Schlüssel ist der .+ \(Register der Dienststelle\)\.$")
        )
        clerk.sees("viewed")

        # A day in the past is refused, and what was typed stays.
        clerk.forgives = ("Failed to load resource: the server responded with a status of 4",)
        # Held for the file, put into its case, handed over.
        dialog = page.get_by_role("dialog")
        page.get_by_role("button", name="Löschschutz setzen").click()
        expect(dialog.get_by_label("Grund")).to_have_value("Az. 32-5/2026")
        dialog.get_by_label("Wofür").select_option("Straftat oder Ordnungswidrigkeit")
        dialog.get_by_label("Löschschutz bis einschließlich").fill("2020-01-01")
        dialog.get_by_role("button", name="Löschschutz setzen").click()
        expect(dialog.get_by_role("alert")).to_contain_text("Dieser Tag ist vorbei")
        expect(dialog.get_by_label("Grund")).to_have_value("Az. 32-5/2026")
        clerk.sees("refused")
        dialog.get_by_label("Löschschutz bis einschließlich").fill("2099-12-31")
        dialog.get_by_role("button", name="Löschschutz setzen").click()
        expect(page.locator(".tag.held")).to_be_visible()
        kept = page.get_by_text("Löschschutz bis 31.12.2099 (Az. 32-5/2026, other)")
        expect(kept).to_have_count(2)  # when it goes; what happened
        expect(page.get_by_text("other · Straftat oder Ordnungswidrigkeit")).to_be_visible()
        page.get_by_role("button", name="Weiteren Löschschutz setzen").click()
        dialog.get_by_label("Wofür").select_option("etwas anderes")
        dialog.get_by_label("Löschschutz bis einschließlich").fill("2099-12-31")
        dialog.get_by_role("button", name="Löschschutz setzen").click()
        already = "Dieser Löschschutz besteht schon: Az. 32-5/2026, other"
        expect(dialog.get_by_role("alert")).to_have_text(already)
        dialog.get_by_role("button", name="Abbrechen").click()

        # The two others are kept at once, for one reason.
        page.get_by_role("link", name="Aufzeichnungen").click()
        button = page.get_by_role("button", name="Löschschutz für Ausgewählte")
        expect(button).to_be_disabled()
        for recording in (THREE, ONE):
            row = page.get_by_role("row").filter(has=page.locator(f"a[href$='{recording}']"))
            row.get_by_role("checkbox").check()
        button.click()
        page.get_by_role("dialog").get_by_label("Wofür").select_option("Abwehr einer Gefahr")
        page.get_by_role("dialog").get_by_label("Grund").fill("OWi 4711/26")
        clerk.sees("several")
        page.locator("dialog button.main").click()
        expect(page.get_by_text("Löschschutz gesetzt: 2.")).to_be_visible()
        expect(button).to_be_disabled()
        held = [(facts.id, facts.reason) for facts in scene.kinds("hold")[-2:]]
        assert held == [(THREE, "OWi 4711/26"), (ONE, "OWi 4711/26")]

        # When do the others go?
        page.get_by_role("link", name="Löschungen").click()
        expect(page.get_by_text("Nichts ist überfällig.")).to_be_visible()
        clerk.sees("deletions")


@pytest.mark.parametrize("how", HOW)
def test_whoever_signs_out_leaves_no_picture_and_no_key(
    chromium: Browser, scene: DeskScene, how: str
) -> None:
    with at_desk(chromium, scene, f"out-{how}", f"{scene.origin}/#%") as one:
        page = one.page
        expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
        signed_in(one, scene, "other")
        page.goto(f"{scene.origin}/#recording/{TWO}")
        gives_reason(one, "Ansehen", "Az. 1")
        # What the check came to is the last word of the page that nobody asks it for.
        with page.expect_response("**/verdict"):
            opens_with_key(one)
        if how == "asked":
            page.get_by_role("button", name="Abmelden").click()
        elif how == "elsewhere":
            with page.context.new_page() as other:
                other.goto(scene.origin)
                other.get_by_role("button", name="Abmelden").click()
                expect(page.get_by_text("Sie sind in einem anderen Tab abgemeldet")).to_be_visible()
        elif how == "idle":
            # Nobody clicks, and the page asks nothing: whoever asks is not idle.
            asked = len(one.asked)
            one.is_later(minutes=29)
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            assert page.get_by_role("button", name="Abmelden").count() == 1
            said = page.get_by_text("Sie wurden abgemeldet, weil 30 Minuten nichts geklickt wurde")

            def has_ended() -> bool:
                one.is_later(minutes=31)  # again, since the player may have been reading still
                return said.is_visible()

            until(has_ended, pause=6)  # it looks every five seconds
            # The player reads on, and the page for signing in asks for the ways to do so.
            later = [url for url in one.asked[asked:] if "/api/" in url]
            none = ("/content", "/api/openid", "/api/session")  # the last one counts as no use
            assert [url for url in later if not url.endswith(none)] == []
        elif how == "roles":
            more = (DeskRole.DESK, DeskRole.SUPERVISOR)
            one.forgives = ("Failed to load resource",)  # the player may just be reading
            scene.people.change("other", lambda person: replace(person, roles=more))
        elif how == "away":
            one.forgives = ("Failed to load resource",)
            page.route("**/api/**", lambda route: route.abort())
            one.is_later(minutes=1)
            expect(page.get_by_text("Der Server antwortet nicht.")).to_be_visible()
            assert page.locator("video").count() == 0
            assert page.get_by_role("button", name="Abmelden").is_visible(), "nobody knows more"
            page.unroute("**/api/**")
            scene.sessions.end_all_of("other")
        else:
            one.forgives = ("Failed to load resource",)
            scene.sessions.end_all_of("other")
            page.evaluate(
                "async () => (await import('/page/api.js')).get('/api/recordings').catch(() => 0)"
            )
        expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
        assert page.locator("video").count() == 0
        # Somebody else comes in, without the page being loaded again.
        link = scene.sessions.make_link("other", "")
        page.evaluate("link => { location.hash = `link=${link}`; }", link)
        page.get_by_role("button", name="Einmal ohne Passkey anmelden").click()
        expect(page.get_by_role("heading", name="Aufzeichnungen")).to_be_visible()
        page.evaluate("id => { location.hash = `recording/${id}`; }", TWO)
        gives_reason(one, "Ansehen", "Az. 3")
        expect(page.locator(".camerad-player form input[type=password]")).to_be_visible()
        assert page.locator(".camerad-player video[src]").count() == 0


def test_a_page_says_what_it_could_not_do_and_what_cannot_be_read(
    chromium: Browser, scene: DeskScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise explain("write", "/office", OSError(errno.EROFS, os.strerror(errno.EROFS)))

    damaged = scene.office.directory / "office/desk/cases" / f"{'ab' * 32}.json"
    damaged.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    damaged.write_bytes(b"{")
    scene.index.refresh()
    with at_desk(chromium, scene, "failing") as one:
        one.forgives = ("Failed to load resource",)
        page = one.page
        before = scene.sessions.count_of("other")
        signed_in(one, scene, "other")
        assert scene.sessions.count_of("other") == before + 1
        page.get_by_role("link", name="Vorgänge").click()
        expect(
            page.get_by_text("Vorgänge, die nicht lesbar sind und hier fehlen: 1.")
        ).to_be_visible()
        page.goto(f"{scene.origin}/#cases/none")
        expect(page.get_by_text("Einen Vorgang none gibt es hier nicht")).to_be_visible()
        page.goto(f"{scene.origin}/#recording/{TWO}")
        expect(page.get_by_text("Gerade sind nicht alle Vorgänge lesbar.")).to_be_visible()
        damaged.unlink()
        scene.index.refresh()
        with monkeypatch.context() as patch:
            patch.setattr(Sessions, "end", fail)
            page.get_by_role("button", name="Abmelden").click()
            expect(page.get_by_text("Sie sind NICHT abgemeldet. Der Speicher")).to_be_visible()
            patch.setattr(Sessions, "find", fail)
            page.reload()
            expect(page.get_by_text("Ob Sie angemeldet sind, lässt sich")).to_be_visible()
            assert page.get_by_role("heading", name="Anmelden").count() == 0
        page.reload()
        page.get_by_role("button", name="Abmelden").click()
        expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
        assert scene.sessions.count_of("other") == before


def test_one_asks_another_approves_and_the_file_is_taken_along(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with office(tmp_path_factory.mktemp("two"), two_for_viewing=True) as scene:
        scene.add("desk", DeskRole.DESK)
        scene.add("boss", DeskRole.SUPERVISOR)
        scene.add("admin", DeskRole.ADMINISTRATOR)
        with at_desk(chromium, scene, "asks") as one, at_desk(chromium, scene, "approves") as boss:
            signed_in(one, scene, "desk")
            one.page.goto(f"{scene.origin}/#recording/{TWO}")
            one.page.get_by_role("button", name="Versiegelte Datei speichern").click()
            both = one.page.get_by_text("Diese Dienststelle verlangt dafür zwei Personen")
            expect(both).to_be_visible()
            one.page.get_by_label("Grund").fill("Az. 5")
            one.page.locator("dialog button.main").click()
            expect(one.page.get_by_text("Das muss die Aufsicht genehmigen.")).to_be_visible()

            signed_in(boss, scene, "boss")
            boss.page.get_by_role("link", name="Anfragen").click()
            card = boss.page.get_by_role("listitem").filter(has_text=TWO)
            expect(card).to_contain_text("Az. 5")
            boss.sees("request")
            card.get_by_role("button", name="Genehmigen").click()
            expect(card).to_contain_text("Genehmigt von boss")

            one.page.get_by_role("link", name="Anfragen").click()
            expect(one.page.get_by_text("Genehmigt von boss")).to_be_visible()
            one.page.locator(f"a[href$='{TWO}']").click()
            with one.page.expect_download() as saved:
                gives_reason(one, "Versiegelte Datei speichern", None)
            (path,) = scene.office.directory.glob(f"*/recordings/{TWO}.tar")
            assert saved.value.suggested_filename == f"{TWO}.tar"
            assert Path(saved.value.path()).read_bytes() == path.read_bytes()
            assert scene.kinds("downloaded")[-1].approved_by == "boss"

        with at_desk(chromium, scene, "sign-out-all") as admin:
            signed_in(admin, scene, "admin")
            admin.page.get_by_role("link", name="Personen").click()
            card = admin.page.get_by_role("listitem").filter(has_text="desk")
            card.get_by_role("button", name="Rollen ändern").first.click()
            admin.page.get_by_label("Beweisstelle: Aufzeichnungen").uncheck()
            admin.page.get_by_role("button", name="Speichern").click()
            expect(admin.page.get_by_text("Wählen Sie mindestens eine Rolle.")).to_be_visible()
            admin.page.get_by_role("button", name="Abbrechen").click()
            card.get_by_role("button", name="Überall abmelden").first.click()
            expect(admin.page.get_by_text("Desk ist überall abgemeldet.")).to_be_visible()
            assert scene.sessions.count_of("desk") == 0


def test_whoever_clicks_away_while_the_player_comes_is_shown_none(
    chromium: Browser, scene: DeskScene
) -> None:
    held: list[Route] = []
    with at_desk(chromium, scene, "away") as one:
        signed_in(one, scene, "other")
        one.page.goto(f"{scene.origin}/#recording/{ONE}")
        one.page.route("**/player/player.js", holding(held))
        with one.page.expect_request("**/player/player.js"):
            gives_reason(one, "Ansehen", "Az. 8")
        one.page.get_by_role("link", name="Aufzeichnungen").click()
        expect(one.page.get_by_role("row").filter(has_text="cam-1").first).to_be_visible()
        held[0].continue_()
        # Once it is here, what waited for it has gone on.
        one.page.evaluate("import('/page/player/player.js').then(() => fetch('/api/me'))")
        assert one.page.locator(".camerad-player").count() == 0
        assert [url for url in one.asked if re.search("/(content|statements)$", url)] == []


def test_on_a_slow_line_the_key_is_asked_for_before_the_player_is_here(
    chromium: Browser, scene: DeskScene
) -> None:
    """What is chosen and typed meanwhile is what opens it; and every click is answered at once."""
    held: list[Route] = []
    with at_desk(chromium, scene, "slow") as one:
        signed_in(one, scene, "other")
        page = one.page
        page.goto(f"{scene.origin}/#recording/{ONE}")
        page.route("**/player/player.js", holding(held))
        gives_reason(one, "Ansehen", "Az. 8")
        form = page.locator(".camerad-player form")
        expect(form).to_be_visible()
        expect(page.get_by_text("Der Player wird geladen.")).to_be_visible()
        chosen: Any = {"name": "office.age", "mimeType": "text/plain", "buffer": LOCKED}
        page.set_input_files(".camerad-player form input[type=file]", files=[chosen])
        one.sees("key-first")
        page.locator(".camerad-player form input[type=password]").press_sequentially(PASSPHRASE[:4])
        held[0].continue_()
        expect(page.get_by_text("Der Player wird geladen.")).to_have_count(0)
        expect(form.locator("input[type=password]")).to_be_focused()
        page.keyboard.type(PASSPHRASE[4:])
        page.click(".camerad-player form button")
        expect(page.locator(".camerad-player video")).to_have_js_property("readyState", 4)
        # Nothing comes: the click is answered all the same.
        waiting: list[Route] = []
        page.route("**/api/deletions", holding(waiting))
        page.evaluate(ANSWERED)
        page.get_by_role("link", name="Löschungen").click()
        expect(page.get_by_role("progressbar", name="Wird geladen")).to_be_visible()
        assert page.evaluate("window.answered") <= 300, "milliseconds after the click"
        waiting[0].continue_()
        expect(page.get_by_role("heading", name="Löschungen")).to_be_visible()
        expect(page.get_by_role("progressbar", name="Wird geladen")).to_have_count(0)
