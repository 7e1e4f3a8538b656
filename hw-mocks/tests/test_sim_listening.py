"""Where the simulator listens: this machine without more, everybody else by TLS with a token."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import cv2
import numpy as np
import pytest
from aiohttp import web
from waiting import DEADLINE

from hw_mocks.sim import SimError
from hw_mocks.sim.__main__ import parser
from hw_mocks.sim.listening import COOKIE, Guests, bind, is_private
from hw_mocks.sim.origin import names_of, only_from_here
from hw_mocks.sim.simulator import Options, Simulator


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost"])
def test_loopback_is_private_and_what_is_not_named_is_loopback(host: str) -> None:
    assert parser().parse_args([]).host == "127.0.0.1"
    with bind(host, 0) as listener:
        assert is_private(listener)


def test_an_address_that_others_reach_is_not_private() -> None:
    class Elsewhere(socket.socket):
        def getsockname(self) -> tuple[str, int]:
            return "192.0.2.7", 8480

    with Elsewhere() as listener:
        assert not is_private(listener)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("0.0.0.0", "stands for every address"),  # noqa: S104 - refused
        ("::", "stands for every address"),
        ("192.0.2.7", "cannot be used"),  # of nobody's machine (RFC 5737)
        ("no such host", "is no address"),
    ],
)
def test_an_address_that_will_not_do_is_one_clear_line(host: str, words: str) -> None:
    with pytest.raises(SimError, match=words):
        bind(host, 0)


def guest(story: Callable[[Guests, aiohttp.ClientSession, str], Awaitable[None]]) -> None:
    """Play it with a server that answers `hello` to whom it answers, and what it was asked with."""

    async def hello(request: web.Request) -> web.Response:
        return web.json_response({"asked": request.path_qs})

    async def play() -> None:
        guests = Guests("127.0.0.1")
        with bind("127.0.0.1", 0) as listener:
            port = listener.getsockname()[1]
            checks = [only_from_here(names_of("127.0.0.1", port)), guests.check()]
            app = web.Application(middlewares=checks)
            app.router.add_get("/{path:.*}", hello)
            app.router.add_post("/{path:.*}", hello)
            runner = web.AppRunner(app, shutdown_timeout=1.0)
            await runner.setup()
            await web.SockSite(runner, listener, ssl_context=guests.context).start()
            pinned = aiohttp.Fingerprint(bytes.fromhex(guests.fingerprint.replace(":", "")))
            jar = aiohttp.CookieJar(unsafe=True)  # takes cookies of an address, too
            connector = aiohttp.TCPConnector(ssl=pinned)
            async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as session:
                await story(guests, session, f"https://127.0.0.1:{port}")
            await runner.cleanup()

    asyncio.run(asyncio.wait_for(play(), DEADLINE))


def test_the_address_with_the_token_lets_in_and_is_left_at_once() -> None:
    async def story(guests: Guests, session: aiohttp.ClientSession, url: str) -> None:
        for path in ("/", "/api/live", "/api/webcam", "/page/page.js", "/?token=wrong", "/?token="):
            async with session.get(url + path) as answer:
                assert answer.status == 401, path
        # Only the page's own address takes it: what is embedded or sent elsewhere would tell it.
        async with session.get(f"{url}/api/state?token={guests.token}") as answer:
            assert answer.status == 401
        address = guests.address(url) + "&scenario=stop"
        async with session.get(address, allow_redirects=False) as answer:
            assert answer.status == 303
            assert answer.headers["Location"] == "/?scenario=stop"
            cookie = answer.cookies[COOKIE]
            assert cookie["httponly"] and cookie["secure"] and cookie["samesite"] == "Lax"
        for path in ("/?scenario=stop", "/api/live"):
            async with session.get(url + path) as answer:
                assert (answer.status, (await answer.json())["asked"]) == (200, path)
        # A guest is no other web page.
        async with session.post(url, headers={"Origin": "https://elsewhere.example"}) as answer:
            assert answer.status == 403
        session.cookie_jar.clear()
        bearer = {"Authorization": f"Bearer {guests.token}"}
        async with session.get(url, headers=bearer) as answer:
            assert answer.status == 200
        async with session.get(url, headers={"Authorization": "Bearer no"}) as answer:
            assert answer.status == 401

    guest(story)


def test_nobody_is_answered_without_tls_and_a_stranger_to_the_certificate_is_warned() -> None:
    async def story(guests: Guests, session: aiohttp.ClientSession, url: str) -> None:
        with pytest.raises(aiohttp.ClientError):
            await session.get(url.replace("https", "http"))
        with pytest.raises(ssl.SSLError):
            port = int(url.rpartition(":")[2])
            await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context())

    guest(story)


def test_a_name_of_this_machine_leads_to_its_address() -> None:
    """By another name than those of every machine, the page would be taken for a stranger's."""
    simulator = Simulator(Options(Path("/nowhere"), host="localhost", port=0))
    with simulator._bind() as listener:
        port = listener.getsockname()[1]
        assert simulator.url in (f"http://127.0.0.1:{port}", f"http://[::1]:{port}")


def test_each_start_has_a_token_and_a_certificate_of_its_own() -> None:
    one, other = Guests("camera.example"), Guests("192.0.2.7")
    assert one.token != other.token
    assert one.fingerprint != other.fingerprint
    assert len(one.token) >= 22  # 128 bits, six to a letter


def test_the_terminal_shows_the_address_to_be_read_and_to_be_scanned() -> None:
    guests = Guests("192.0.2.7")
    said = guests.welcome("https://192.0.2.7:8480")
    address = f"https://192.0.2.7:8480/?token={guests.token}"
    assert f"open {address}\n" in said
    assert re.search(r"\n([0-9A-F]{2}:){31}[0-9A-F]{2}$", said)
    # Light on a dark terminal, two rows to a line.
    lines = [line for line in said.splitlines() if line and set(line) <= set(" ▀▄█")]
    rows = [[255 * (letter in over) for letter in line] for line in lines for over in ("▀█", "▄█")]
    picture = np.kron(np.array(rows, np.uint8), np.ones((6, 6), np.uint8))
    found, *_ = cv2.QRCodeDetector().detectAndDecode(picture)
    assert found == address
