"""A day of an office, as four people live it on the page of the real server, a process of
`camerad office serve`, with a fleet of cameras that hand over by the production client.

The administrator lets three people in, each with a passkey. The shift lead sees which
cameras can be handed out. The clerk finds the mark, verifies and views the recording for a reason,
holds it, puts it into a case and hands it over. Two weeks later, by the clock below the server, all
else is gone, and the data protection officer finds who looked.
"""

from __future__ import annotations

import asyncio
import csv
import io
import shlex
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from hw_mocks import clips
from hw_mocks.fleet.cards import Card
from hw_mocks.fleet.endless_film import of_clip
from hw_mocks.fleet.fleet_office import FleetOffice
from hw_mocks.fleet.fleet_run import Fleet
from hw_mocks.office import identity_file
from page_words import LONGEST, page_words, serve_longest
from playwright.sync_api import Browser, Locator, expect

from camerad.behaviour.stages import Condition
from camerad.container.keys import SigningKey
from camerad.verify.verdict import Verdict
from tests.breadth import CAMPAIGN, breadth, campaign
from tests.browser.person import NARROW, WIDE, Person, person
from tests.waiting import DEADLINE, until

FLAGS: Final = ("--ignore-certificate-errors",)
"""The authority of a test is nobody's."""
CAMERAS: Final = breadth(2, 20)
LENGTHS: Final = [12, 6]
"""Of each camera's recordings, fragments of half a second."""
DAYS_LATER: Final = 15
"""A day more than the law lets them stay."""
DESKTOP: Final = (1280, 800)
CASE: Final = "32-5/2026"
REASON: Final = f"Az. {CASE}"
NEVER: Final = "20200101T000000Z-000001-00000001"
AUTHENTICATOR: Final = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Day:
    """An office after a shift: everything is handed over. The first camera is in order, the second
    one's battery is low and its microphone fails, and one was never in its dock."""

    def __init__(self, root: Path, sockets: Path) -> None:
        film = of_clip(clips.find("vtest.avi"), 640, 480, 600_000)
        self.cards: Final = []
        for number in range(1, CAMERAS + 1):
            name = f"camera-{number:02}"
            card = Card(root / "cards" / name, name, f"w-{number:02}")
            card.record(film, LENGTHS, marked=(0,) if number == 1 else ())
            self.cards.append(card)
        known = [(one.name, one.key.public) for one in self.cards]
        known.append((f"camera-{CAMERAS + 1:02}", SigningKey.generate().public))
        self.office: Final = FleetOffice(root / "office", known, desk=True)
        self.office.start()
        self._sockets = sockets
        handing = threading.Thread(target=lambda: asyncio.run(self._hand_over()))
        handing.start()
        handing.join()
        self.marked: Final = self.cards[0].files[0].stem
        self.others: Final = sorted(
            path.stem for card in self.cards for path in card.files if path.stem != self.marked
        )

    async def _hand_over(self) -> None:
        fleet = Fleet(self._sockets, self.cards, self.office)
        try:
            await fleet.open()
            for one in fleet.cameras:
                one.daemon.percent = 90
            fleet.cameras[1].daemon.percent = 31
            fleet.cameras[1].daemon.wrong = (Condition.MICROPHONE_DOWN,)
            await fleet.waiting(DEADLINE)
            fleet.dock()
            await fleet.finished(DEADLINE)
            await fleet.checked_in(DEADLINE)
        finally:
            await fleet.close()

    def link(self) -> str:
        """By which the first administrator comes in."""
        said = self.office.run(
            *("office", "people", "add", "a.admin", "--name", "Andrea Admin"),
            *("--role", "administrator", "--config", str(self.office.config)),
        )
        assert said.returncode == 0, said.stderr
        return said.stdout.split()[0]

    def files(self) -> list[str]:
        """Ids of the recordings whose files the office has."""
        return sorted(path.stem for path in self.office.directory.glob("*/recordings/*.tar"))


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    with tempfile.TemporaryDirectory(prefix="day-") as sockets:
        made = Day(tmp_path, Path(sockets))
        try:
            yield made
        finally:
            assert made.office.stop() == 0
            assert "Traceback" not in made.office.log.read_text()


class Worker:
    """Somebody at the office's page, who reads it in a language."""

    def __init__(self, one: Person, language: str) -> None:
        self.one = one
        self.page = one.page
        self._words = page_words(language if language == LONGEST else language[:2])

    def word(self, text: str, **values: object) -> str:
        said = self._words.get(text, text)
        for name, value in values.items():
            said = said.replace(f"{{{name}}}", str(value))
        return said

    def button(self, text: str) -> Locator:
        return self.page.get_by_role("button", name=self.word(text), exact=True)

    def link(self, text: str) -> Locator:
        return self.page.get_by_role("link", name=self.word(text), exact=True)

    def field(self, text: str) -> Locator:
        return self.page.get_by_label(self.word(text), exact=True)

    def goes(self, text: str) -> None:
        self.link(text).click()
        expect(self.page.get_by_role("heading", name=self.word(text), exact=True)).to_be_visible()

    def does(self, text: str, fields: dict[str, str]) -> None:
        """Press a button, fill in what it asks for, and have it done."""
        self.button(text).first.click()
        for name, entry in fields.items():
            field = self.field(name)
            if field.evaluate("one => one.localName") == "select":
                field.select_option(entry)
            else:
                field.fill(entry)
        self.confirms()

    def confirms(self) -> None:
        self.page.locator("dialog button.main").click()

    def sees(self, name: str) -> None:
        """A step that looks as none before."""
        self.one.sees(name)

    def sees_again(self, name: str) -> None:
        """One that looks as one before: axe has judged that."""
        if CAMPAIGN:
            self.one.sees(name)
        else:
            self.one.takes_picture(name)

    def comes_in(self, name: str) -> None:
        """Make a passkey with the link, sign out, and come in by it."""
        expect(self.page.get_by_text(name)).to_be_visible()
        assert "#" not in self.page.url
        self.field("Name of the passkey").fill("PC")
        title = self.page.title()
        self.button("Make a passkey and sign in").click()
        expect(self.button("Sign out")).to_be_visible()
        # Whoever signs out while the first page still asks for what it shows has that refused.
        expect(self.page).not_to_have_title(title)
        self.button("Sign out").click()
        self.signs_in()

    def signs_in(self) -> None:
        self.button("Sign in").click()
        expect(self.button("Sign out")).to_be_visible()

    def awaits(self, path: str, what: str, count: int) -> None:
        """Wait until an answer of the server's has so many of something."""
        look = "([path, what]) => fetch(path).then(got => got.json()).then(got => got[what].length)"
        until(
            lambda: self.page.evaluate(look, [path, what]) == count,
            DEADLINE,
            f"{path} has {count} {what}",
            pause=0.5,
        )

    def is_later(self, days: int) -> None:
        """It is some days later; the page, when it is seen, notices that nobody did anything."""
        self.one.is_later(days=days)
        self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(self.button("Sign in")).to_be_visible()


class Office:
    """The people who work there; each has the page open in a browser of their own, all day."""

    def __init__(self, chromium: Browser, day: Day, language: str) -> None:
        self.day = day
        self._chromium = chromium
        self._language = language
        self._open = ExitStack()
        self._story = f"day-{language[:2]}"

    def __enter__(self) -> Office:
        self._open.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def opens(self, who: str, link: str, size: tuple[int, int], scheme: str) -> Worker:
        """Somebody opens the link that they were given; the browser has an authenticator."""
        how = person(
            self._chromium,
            self.day.office.desk,
            f"{self._story}-{who}",
            size=size,
            scheme=scheme,
            language="de-DE" if self._language == LONGEST else self._language,
        )
        one = self._open.enter_context(how)
        authority = one.page.context.new_cdp_session(one.page)
        authority.send("WebAuthn.enable")
        authority.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        one.page.goto("about:blank")
        if self._language == LONGEST:
            serve_longest(one.page.context)
        one.page.goto(link)
        return Worker(one, self._language)


def lets_in(admin: Worker, short: str, name: str, role: str) -> str:
    """The administrator adds somebody; the link for them."""
    admin.button("Add a person").click()
    admin.field("Short name").fill(short)
    admin.field("Name").fill(name)
    admin.field(role).check()
    admin.confirms()
    link = admin.page.get_by_role("textbox", name=admin.word("Link for {id}", id=short))
    said = link.input_value()
    admin.sees_again(f"link-{short}")
    admin.button("Close").click()
    return said


def looks_at_cameras(lead: Worker, day: Day) -> None:
    """Who is back, what is handed over, what has a fault; and no recording."""
    page = lead.page
    expect(page.get_by_role("heading", name=lead.word("Cameras"), exact=True)).to_be_visible()
    ready = lead.word(
        "{ready} of {all} can be handed out.", ready=len(day.cards) - 1, all=len(day.cards) + 1
    )
    expect(page.get_by_text(ready)).to_be_visible()
    for name, said in (
        ("camera-02", lead.word("The battery has {count} %. Leave it in the dock.", count=31)),
        ("camera-02", lead.word("The microphone fails. To the workshop.")),
        (f"camera-{len(day.cards) + 1:02}", lead.word("It has never been in its dock.")),
    ):
        card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))
        expect(card.first).to_contain_text(said)
    lead.sees("cameras")
    assert lead.link("Recordings").count() == 0
    lead.one.forgives = ("Failed to load resource: the server responded with a status of 403",)
    for there in ("/api/recordings", f"/api/recordings/{day.marked}", "/api/entries"):
        said = page.evaluate("there => fetch(there).then(one => one.status)", there)
        assert said == 403, there


def finds_and_views(clerk: Worker, day: Day) -> None:
    """The marked one of last night: is it authentic, and what does it show?"""
    page = clerk.page
    # The index has what came in some seconds later.
    clerk.awaits("/api/recordings", "rows", len(day.others) + 1)
    page.reload()
    rows = page.get_by_role("row")
    expect(rows).to_have_count(1 + 3 + len(day.others) + 1)
    clerk.sees("came-in")
    # On a low window the rest of the search is folded.
    clerk.page.locator("form details summary").first.click()
    clerk.field("Marked only").check()
    clerk.button("Find").click()
    expect(rows).to_have_count(2)
    clerk.sees_again("marked")
    rows.nth(1).get_by_role("link").click()
    expect(page.get_by_text(clerk.word("ID {id}", id=day.marked))).to_be_visible()
    clerk.sees("recording")
    clerk.button("Check and view").click()
    clerk.field("File number or reason").fill(REASON)
    clerk.sees("reason")
    clerk.confirms()
    page.set_input_files(".camerad-player form input[type=file]", identity_file())
    page.click(".camerad-player form button")
    expect(page.locator(".camerad-player video")).to_have_js_property("readyState", 4)
    expect(page.locator(".camerad-player .verdict:not(.checking)")).to_be_visible()
    clerk.sees("viewed")


def keeps_and_hands_over(clerk: Worker, day: Day, directory: Path) -> None:
    """Held, put into its case, and given to the prosecutor."""
    page = clerk.page
    clerk.does("Keep from deletion", {"What for": "prosecution", "File number or reason": REASON})
    expect(page.locator(".tag.held").first).to_be_visible()
    expect(page.locator(".camerad-player video")).to_have_js_property("readyState", 4)
    clerk.sees("held")
    clerk.does("Add to a case", {"File number": CASE})
    title = clerk.word("Case {number}", number=CASE)
    page.get_by_role("link", name=CASE).click()
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    clerk.sees("case")
    makes_package(clerk, day, directory)
    clerk.button("Your technician made the package: record the hand-over").click()
    clerk.sees("hand-over")
    clerk.field("To whom").fill("StA, 1 Js 2/26")
    clerk.field("The package has really gone out").check()
    clerk.confirms()
    expect(page.get_by_role("listitem").filter(has_text="StA, 1 Js 2/26")).to_be_visible()
    clerk.sees_again("handed-over")
    clerk.goes("Deletions")
    expect(page.get_by_text(clerk.word("Nothing is late."))).to_be_visible()
    clerk.sees("deletions")


def makes_package(clerk: Worker, day: Day, directory: Path) -> None:
    """On the computer that has the key: the command that the page shows, and a check of what it
    made."""
    office, key = day.office, directory / "camera-01.pem"
    key.write_text(day.cards[0].key.public.pem)
    for_words = {
        clerk.word("OFFICE"): str(office.directory),
        clerk.word("KEY"): str(identity_file()),
    }
    program, *words = shlex.split(clerk.page.locator(".command pre").text_content() or "")
    assert program == "camerad" and words[-4:] == ["--who", "k.clerk", "--reference", CASE]
    words = [for_words.get(one, one) for one in words]
    own = ("--office-key", str(office.root / "office.pem"), "--output", str(directory))
    made = office.run(*words, "--key", str(key), *own)
    assert made.returncode in (Verdict.AUTHENTIC, Verdict.QUALIFIED), made.stderr
    original = directory / f"{day.marked}-export" / f"{day.marked}.tar"
    found = office.run("evidence", "verify", str(original), "--key", str(key))
    assert found.returncode == made.returncode, found.stdout + found.stderr


ROWS_IN_SIGHT: Final = """() => [...document.querySelectorAll("tbody tr")].filter((row) => {
  const { left, right, top, bottom } = row.getBoundingClientRect();
  const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
  return top >= 0 && bottom <= innerHeight && row.contains(hit);
}).map((row) => row.textContent)"""
"""Of a list, those that are whole and under nothing."""


def shows_what_is_left(clerk: Worker, day: Day) -> None:
    """In one window: one that is held, and each of the others with the day on which it went."""
    rows = clerk.page.locator("tbody tr")
    expect(rows).to_have_count(1 + len(day.others))
    rows.last.scroll_into_view_if_needed()

    def seen() -> list[str]:
        return [str(row) for row in clerk.page.evaluate(ROWS_IN_SIGHT)]

    # What welcomes the clerk lies over the list for a moment.
    until(lambda: len(seen()) == 1 + len(day.others), DEADLINE, "the whole list is in sight")
    went = clerk.word("deleted on {day}, {time}").partition("{")[0]
    (left,) = (row for row in seen() if went not in row)
    assert REASON in left


def sees_the_rest_gone(clerk: Worker, day: Day) -> None:
    """Two weeks later: what is held is there, all else is not, and the page says so."""
    page = clerk.page
    until(lambda: day.files() == [day.marked], DEADLINE, lambda: f"there is {day.files()}")
    clerk.signs_in()
    # The index says so some seconds after the server has started.
    clerk.awaits("/api/deletions", "done", len(day.others))
    clerk.goes("Deletions")
    went = clerk.word("deleted on {day}, {time}").partition("{")[0]
    gone = page.get_by_role("listitem").filter(has_text=went).filter(has_text=" 14 ")
    expect(page.get_by_text(clerk.word("Nothing is late."))).to_be_visible()
    for one in day.others:
        expect(gone.filter(has_text=one)).to_have_count(1)
    clerk.sees("deletions-later")
    clerk.goes("Recordings")
    shows_what_is_left(clerk, day)
    clerk.sees_again("later")
    clerk.one.forgives += ("Failed to load resource: the server responded with a status of 404",)
    for one, key in ((day.others[0], "deleted"), (day.marked, "held"), (NEVER, "never")):
        page.evaluate("id => { location.hash = `recording/${id}`; }", one)
        title = clerk.word("Recording {id}" if key == "never" else "ID {id}", id=one)
        expect(page.get_by_text(title, exact=True)).to_be_visible()
        said = {
            "deleted": "deleted",
            "held": "kept",
            "never": "The office knows no recording of this name: neither it nor its deletion is "
            "in the ledger.",
        }[key]
        expect(page.get_by_text(clerk.word(said), exact=True).first).to_be_visible()
        assert clerk.button("Check and view").count() == (key == "held")
        clerk.sees_again(f"{key}-later")


def finds_who_looked(officer: Worker, day: Day) -> None:
    """Who looked, and why; and that all else was deleted."""
    page = officer.page
    officer.goes("Ledger")
    officer.field("Who, or whose rights").fill("k.clerk")
    officer.field("What").select_option("viewed")
    officer.button("Find").click()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(1)
    for said in (day.marked, REASON, officer.word("fetched to view")):
        expect(rows).to_contain_text(said)
    officer.sees("who-looked")
    with page.expect_download() as saved:
        officer.button("Save as a table").click()
    text = Path(saved.value.path()).read_text("utf-8-sig")
    separator = ";" if ";" in text.splitlines()[0] else ","
    (row,) = csv.DictReader(io.StringIO(text), delimiter=separator)
    assert row[officer.word("Who")] == "k.clerk"
    about, detail = row[officer.word("About")], row[officer.word("Details and reason")]
    assert day.marked in about and REASON in detail
    officer.field("Who, or whose rights").fill("")
    officer.field("What").select_option("deleted")
    officer.button("Find").click()
    expect(rows).to_have_count(len(day.others))
    officer.sees_again("what-went")
    assert officer.link("Recordings").count() == 0


@pytest.mark.parametrize("language", [LONGEST, campaign("de-DE"), campaign("en-GB")])
def test_a_day_of_the_office_and_the_rest_is_gone_on_its_day(
    chromium: Browser, day: Day, tmp_path: Path, language: str
) -> None:
    live(chromium, day, tmp_path, language)
    if CAMPAIGN:
        is_in_order(day, tmp_path)


def live(chromium: Browser, day: Day, directory: Path, language: str) -> None:
    """The day. directory: where the package for the prosecutor is made."""
    with Office(chromium, day, language) as office:
        admin = office.opens("admin", day.link(), DESKTOP, "light")
        admin.comes_in("Andrea Admin")
        admin.goes("People")
        lead_link = lets_in(admin, "s.lead", "Sascha Lead", "Shift lead: cameras only")
        clerk_link = lets_in(admin, "k.clerk", "Kim Clerk", "Desk: recordings")
        officer_link = lets_in(
            admin, "d.officer", "Dana Officer", "Data protection: ledger and report, no footage"
        )
        last = admin.page.get_by_role("listitem").filter(has_text="Dana Officer")
        expect(last).to_be_visible()
        admin.sees("people")

        lead = office.opens("lead", lead_link, NARROW, "dark")
        lead.comes_in("Sascha Lead")
        looks_at_cameras(lead, day)

        officer = office.opens("officer", officer_link, WIDE, "dark")
        officer.comes_in("Dana Officer")

        clerk = office.opens("clerk", clerk_link, DESKTOP, "light")
        clerk.comes_in("Kim Clerk")
        finds_and_views(clerk, day)
        keeps_and_hands_over(clerk, day, directory)
        assert day.files() == sorted([day.marked, *day.others])

        assert day.office.stop() == 0
        day.office.start(DAYS_LATER * 86_400)
        # Pages that were left open ask for the ways to sign in as soon as they see the time.
        for one in (admin, lead, clerk, officer):
            # Every page asks a server that is away whether its role is still so.
            one.one.forgives += ("Failed to load resource: net::ERR_CONNECTION_REFUSED",)
        for one in (clerk, officer):
            one.is_later(DAYS_LATER)
        sees_the_rest_gone(clerk, day)
        officer.signs_in()
        finds_who_looked(officer, day)


def is_in_order(day: Day, directory: Path) -> None:
    """All that the office has verifies by its cameras' keys."""
    keys = []
    for card in day.cards:
        keys.append(directory / f"{card.name}.pem")
        keys[-1].write_text(card.key.public.pem)
    found = day.office.verify(keys)
    assert found.returncode in (Verdict.AUTHENTIC, Verdict.QUALIFIED), found.stdout + found.stderr
