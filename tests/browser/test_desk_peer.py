"""Sign-in by a provider of OpenID Connect that is not ours: LemonLDAP::NG, and its own page to log
in at; office's server, provider and Debian's Chromium are separate processes.

`test_desk_openid.py` has a provider that this project wrote from the standards, which lies where a
test wants it. Here it is seen whether others have read the standards alike.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import yaml
from desk_office import DeskOffice
from hw_mocks import worldclock
from lemonldap import CLIENT, Lemonldap
from playwright.sync_api import Browser, ConsoleMessage, Route, expect

from camerad.office.server.desk_settings import RETURN_PATH
from tests.browser.person import WIDE, Person, person
from tests.waiting import until

pytestmark = pytest.mark.campaign
FLAGS = ("--ignore-certificate-errors",)
HOW: Any = {"size": WIDE, "scheme": "light", "language": "en-GB"}
LABEL = "City account"
REFUSED = "Failed to load resource: the server responded with a status of"
FORCED = 6.0
"""Seconds after a log-in from which on the provider heeds `prompt=login`, as it is set up here."""


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[DeskOffice, Lemonldap]]:
    office = DeskOffice(tmp_path / "desk")
    provider = Lemonldap(tmp_path / "provider", office.origin + RETURN_PATH)
    settings = yaml.safe_load(office.server.config.read_text())
    settings["desk"]["openid"] = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret_file": str(provider.secret_file),
        "label": LABEL,
        "ca": str(provider.ca),
    }
    office.server.config.write_text(yaml.safe_dump(settings))
    provider.start()
    try:
        with pytest.MonkeyPatch.context() as outside:  # the provider has the machine's time
            outside.delenv(worldclock.CLOCK_VARIABLE, raising=False)
            office.start()
        yield office, provider
    finally:
        office.close()
        provider.close()


@contextmanager
def at_the_desk(
    chromium: Browser, both: tuple[DeskOffice, Lemonldap], url: str, story: str, *forgives: str
) -> Iterator[Person]:
    """Somebody opens the desk's page, and may go to the provider from there, whose pages say in
    the console what they like."""
    office, provider = both
    with person(chromium, url, f"peer-{story}", forgives=forgives, **HOW) as one:
        one.origin, one.elsewhere = office.origin, (urlsplit(provider.issuer).netloc,)
        theirs: list[str] = []

        def hear(message: ConsoleMessage) -> None:
            if message.location["url"].startswith(provider.issuer):
                theirs.append(message.text)

        one.page.on("console", hear)
        yield one
        one.said = [text for text in one.said if text not in theirs]


def connects(one: Person) -> None:
    """Have the account connected, at the page behind a link."""
    one.tabs_to("form .buttons button:nth-child(2)")
    one.page.keyboard.press("Enter")


def goes_to_provider(one: Person) -> None:
    one.page.get_by_role("button", name=f"Sign in with: {LABEL}").click()


def logs_in(one: Person, name: str) -> None:
    """Name and password, at the provider's page."""
    one.page.locator("#userfield").fill(name)
    one.page.locator("#passwordfield").fill(name)
    one.page.get_by_role("button", name="Connect").click()


def logs_in_again(one: Person, name: str) -> None:
    """At the provider's page, where somebody is logged in already."""
    one.page.locator("#upgrd button[type=submit]").click()  # its text changes as the page is read
    one.page.locator("#passwordfield").fill(name)
    one.page.get_by_role("button", name="Connect").click()


def is_in(one: Person) -> None:
    expect(one.page.get_by_role("heading", name="Recordings")).to_be_visible()
    assert one.page.url.partition("#")[0] == f"{one.origin}/", "the code is out of the address"


def signs_out(one: Person) -> None:
    one.page.get_by_role("button", name="Sign out").click()
    expect(one.page.get_by_role("button", name=f"Sign in with: {LABEL}")).to_be_visible()


def is_told(one: Person, text: str) -> None:
    expect(one.page.get_by_text(text)).to_be_visible()


def asks_for_nothing(route: Route) -> None:
    """Whoever sits there takes out of the address what the provider is to ask for."""
    address = urlsplit(route.request.url)
    kept = [one for one in parse_qsl(address.query) if one[0] not in ("prompt", "max_age")]
    if len(kept) == len(parse_qsl(address.query)):
        route.continue_()
    else:
        there = address._replace(query=urlencode(kept)).geturl()
        route.fulfill(status=302, headers={"Location": there})


def test_a_link_connects_the_account_and_each_sign_in_asks_for_the_password(
    chromium: Browser, both: tuple[DeskOffice, Lemonldap]
) -> None:
    """`prompt=login`, with `auth_time` in the token: the desk looks at it."""
    with at_the_desk(chromium, both, both[0].add("k.clerk", "desk"), "link") as one:
        connects(one)
        expect(one.page.locator("#userfield")).to_be_visible()
        one.takes_picture("provider")
        logs_in(one, "dwho")
        is_in(one)
        began = time.time()
        until(lambda: time.time() > began + FORCED, what="the provider asks for it again")
        signs_out(one)
        goes_to_provider(one)
        logs_in_again(one, "dwho")
        is_in(one)


def test_clocks_that_differ_by_half_a_minute_keep_nobody_out_and_an_old_log_in_does(
    chromium: Browser, both: tuple[DeskOffice, Lemonldap]
) -> None:
    office, provider = both
    link = office.add("m.clerk", "desk")
    with at_the_desk(chromium, both, link, "clock", f"{REFUSED} 403") as one:
        provider.stop()
        provider.start(seconds_off=30)
        connects(one)
        logs_in(one, "msmith")
        is_in(one)
        signs_out(one)
        one.page.context.clear_cookies(domain=urlsplit(provider.issuer).hostname)
        provider.stop()
        provider.start(seconds_off=-50)
        goes_to_provider(one)
        logs_in(one, "msmith")
        is_in(one)
        began = time.time()
        until(lambda: time.time() > began + 15, what="that log-in is more than a minute old there")
        signs_out(one)
        provider.stop()
        provider.start()
        one.page.route(f"{provider.issuer}/oauth2/authorize*", asks_for_nothing)
        goes_to_provider(one)
        is_told(one, "You signed in there too long ago.")
        one.page.unroute_all()
