"""The whole way by the city's account, in Debian's Chromium: a link connects it, and it signs in;
the provider is at another site, and the cookies are sent to no page but the desk's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from city_provider import CityProvider
from playwright.sync_api import Browser, expect

from camerad.office.desk.openid_routes import KNOWN_COOKIE
from camerad.office.desk.people import DeskRole
from camerad.office.desk.sessions import COOKIE
from tests.browser.person import NARROW, WIDE, Person, person
from tests.unit.office.desk.desk_scene import DeskScene, free_origin
from tests.unit.office.desk.openid_scene import desk_and_city

FLAGS = ("--ignore-certificate-errors",)


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[DeskScene, CityProvider]]:
    with desk_and_city(tmp_path, free_origin()) as made:
        made[0].add("k.clerk", DeskRole.SHIFT_LEAD)
        yield made


def logs_in_at_city(one: Person, city: CityProvider, account: str) -> None:
    """What somebody does there, which is no matter of the desk's page."""
    expect(one.page.get_by_role("heading", name="City", exact=True)).to_be_visible()
    one.page.get_by_label("User").fill(account)
    one.page.keyboard.press("Enter")


def leave_out(one: Person, city: CityProvider) -> None:
    """The way to the provider and back is all that is elsewhere, and only navigations."""
    there = urlsplit(city.issuer).netloc
    elsewhere = [urlsplit(url).path for url in one.asked if urlsplit(url).netloc == there]
    assert {path.rpartition("/")[2] for path in elsewhere} <= {"authorize", "login"}
    one.asked = [url for url in one.asked if urlsplit(url).netloc != there]


def test_a_link_connects_the_account_and_the_account_signs_in(
    chromium: Browser, both: tuple[DeskScene, CityProvider]
) -> None:
    scene, city = both
    link = f"{scene.origin}/#link={scene.sessions.make_link('k.clerk', '')}"
    how = {"size": WIDE, "scheme": "light", "language": "de-DE"}
    with person(chromium, link, "openid-link", **how) as one:
        one.origin, page = scene.origin, one.page
        expect(page.get_by_text("K.Clerk (k.clerk)")).to_be_visible()
        one.sees("link")
        one.tabs_to("form .buttons button:nth-child(2)")
        page.keyboard.press("Enter")
        logs_in_at_city(one, city, "sub-7")
        expect(page.get_by_role("heading", name="Kameras")).to_be_visible()
        assert page.url.partition("#")[0] == f"{scene.origin}/", "the code is out of the address"
        assert page.evaluate("document.cookie") == ""
        cookies = page.context.cookies(scene.origin)
        assert {one["name"] for one in cookies} == {COOKIE, KNOWN_COOKIE}
        assert all((one["sameSite"], one["httpOnly"]) == ("Strict", True) for one in cookies)

        page.get_by_role("button", name="Abmelden").click()
        button = page.get_by_role("button", name="Anmelden mit: City account")
        expect(button).to_be_visible()
        one.sees("sign-in")
        button.click()
        logs_in_at_city(one, city, "sub-7")
        expect(page.get_by_role("heading", name="Kameras")).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name="Kameras")).to_be_visible()
        leave_out(one, city)
    assert [facts.how for facts in scene.kinds("signed")] == ["openid", "asked", "openid"]


def test_whoever_is_refused_is_told_why(
    chromium: Browser, both: tuple[DeskScene, CityProvider]
) -> None:
    scene, city = both
    how = {"size": NARROW, "scheme": "dark", "language": "en-GB"}
    refusal = "Failed to load resource: the server responded with a status of 403"
    with person(chromium, scene.origin, "openid-refused", forgives=(refusal,), **how) as one:
        one.origin, page = scene.origin, one.page
        # The page is drawn once it knows the ways to sign in.
        expect(page.get_by_role("button", name="Sign in with: City account")).to_be_visible()
        one.tabs_to(".buttons button:nth-child(2)")
        page.keyboard.press("Enter")
        logs_in_at_city(one, city, "stranger")
        expect(page.get_by_text("No person here has connected this account.")).to_be_visible()
        expect(page.get_by_role("button", name="Sign in with: City account")).to_be_visible()
        one.sees("unknown")
        page.goto(f"{scene.origin}/openid?error=access_denied&state=x")
        expect(page.get_by_text("Start the sign-in again.")).to_be_visible()
        leave_out(one, city)
