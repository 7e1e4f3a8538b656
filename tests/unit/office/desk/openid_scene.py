"""A desk, and the city's provider that it signs people in by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from city_provider import CLIENT, CityProvider

from camerad.base.clock import SECOND
from camerad.office.server.desk_settings import RETURN_PATH, OpenidSettings

from .desk_scene import ORIGIN, Answer, Browser, DeskScene


def settings_of(city: CityProvider, **more: Any) -> OpenidSettings:
    """The section of the settings for this provider."""
    return OpenidSettings(city.issuer, CLIENT, city.secret_file, "City account", city.ca, **more)


@contextmanager
def desk_and_city(root: Path, origin: str = ORIGIN) -> Iterator[tuple[DeskScene, CityProvider]]:
    """Both, running; the provider's clock is the desk's."""
    with CityProvider(root, origin + RETURN_PATH) as city:
        scene = DeskScene(root / "desk", origin=origin, openid=settings_of(city))
        city.now = lambda: scene.clock.wall_us() // SECOND
        with scene:
            yield scene, city


def begin(tab: Browser, link: str = "") -> str:
    """Press the button: where the browser is sent to."""
    answer = tab.ask("POST", "/api/openid/ask", {"link": link})
    assert answer.status == 200, answer.body
    return str(answer.said["address"])


def question(address: str) -> dict[str, str]:
    """What a browser asks there."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def come_back(tab: Browser, said: dict[str, str]) -> Answer:
    """The page sends what the provider sent along."""
    return tab.ask("POST", "/api/openid/sign-in", said)


def sign_in(tab: Browser, city: CityProvider, account: str, link: str = "") -> Answer:
    """The whole way."""
    return come_back(tab, city.grant(begin(tab, link), account))
