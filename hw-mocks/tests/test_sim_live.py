"""What bodycam-sim tells a page: one connection, everything at first, and then what is new."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from sim_page import page, run
from sim_support import Sim, running, to_idle
from waiting import DEADLINE

from hw_mocks.sim.origin import HTTPS_PORT, names_of

FIRST = ["history", "state", "recordings", "faults", "desk"]


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    with running(tmp_path_factory.mktemp("live")) as made:
        yield made


async def press(sim: Sim) -> Any:
    order = {"button": "main", "seconds": 0.05}
    return (await asyncio.to_thread(sim.ask, "POST", "/api/press", order))[1]


def test_a_page_is_told_everything_at_first_and_then_what_is_new(sim: Sim) -> None:
    to_idle(sim)

    async def story() -> None:
        async with page(sim) as one:
            first = [await one.next() for _ in FIRST]
            assert [news["kind"] for news in first if isinstance(news, dict)] == FIRST
            values = {news["kind"]: news["value"] for news in first if isinstance(news, dict)}
            assert values["state"]["stage"] == "idle"
            assert values["history"][-1]["stage"] == "idle"
            assert values["faults"] == {}
            assert values["desk"] == {"busy": None, "findings": {}}
            # The list may have been had for an earlier page.
            listed = values["recordings"] or await one.hears("recordings")
            assert [one["id"] for one in listed] == ["r1"]
            told = await press(sim)
            # Pins and daemon speak for themselves: which is heard first is not said.
            heard = await one.hears_each(
                {
                    "edge": lambda edge: edge["name"] == "main",
                    "state": lambda state: state["stage"] == "self_view",
                }
            )
            assert heard["edge"] == {"name": "main", "on": True, "at_us": told["down_us"]}
            await one.shows(range(250, 256))
            await press(sim)
            assert (await one.hears("edge", lambda edge: edge["name"] == "sound"))["on"]

    run(story())


def test_who_opens_the_page_later_is_told_what_was_before(sim: Sim) -> None:
    to_idle(sim)

    async def story() -> None:
        for _ in range(3):
            await press(sim)
        moments: list[dict[str, Any]] = []
        # The daemon's last stage is heard of when it says so.
        while not moments or moments[-1]["stage"] != "idle":
            async with page(sim) as one:
                moments = await one.hears("history")
        stages = [moment["stage"] for moment in moments]
        assert stages[-4:] == ["idle", "self_view", "recording", "idle"]
        assert moments == sorted(moments, key=lambda moment: moment["at_us"])

    run(story())


def test_every_page_shows_the_switches_that_one_has_thrown(sim: Sim) -> None:
    async def story() -> None:
        async with page(sim) as one, page(sim) as other:
            await asyncio.gather(one.hears("desk"), other.hears("desk"))
            for seconds, lasts in ((60, True), (0, False)):
                for fault in (
                    {"name": "disk_slow", "seconds": seconds},
                    {"name": "button_bounce", "button": "display", "seconds": seconds},
                ):
                    await asyncio.to_thread(sim.ask, "POST", "/api/fault", fault)
                for watching in (one, other):
                    wanted = {"disk_slow", "button_bounce display"} if lasts else set()
                    await watching.hears("faults", lambda told, wanted=wanted: set(told) == wanted)

    run(story())


def test_a_page_from_elsewhere_may_neither_look_nor_press(sim: Sim) -> None:
    async def story() -> None:
        origin = {"Origin": "http://elsewhere.example"}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with page(sim, **origin):
                pass
        assert refused.value.status == 403
        async with aiohttp.ClientSession(headers=origin) as session:
            url = f"{sim.facts()['url']}/api/press"
            async with session.post(url, json={"button": "main", "seconds": 0.05}) as answer:
                assert answer.status == 403
                assert "elsewhere.example" in (await answer.json())["error"]
        async with page(sim, Origin=sim.facts()["url"]) as one:
            assert await one.hears("state")

    run(story())


ASKED = ("/", "/page/page.js", "/api/state", "/api/display.jpg", "/api/events", "/api/live")


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        # The name of somebody who has it resolve to this machine: nothing else looks wrong.
        ({"Host": "rebound.example:{port}", "Origin": "http://rebound.example:{port}"}, "rebound"),
        ({"Host": "rebound.example"}, "127.0.0.1:"),
        ({"Host": "127.0.0.1:1"}, "127.0.0.1:1"),
        ({"Sec-Fetch-Site": "cross-site"}, "cross-site"),
        ({"Sec-Fetch-Site": "same-site"}, "same-site"),
        ({"Origin": "null"}, "null"),
    ],
)
def test_whatever_a_page_from_elsewhere_asks_is_refused(
    sim: Sim, headers: dict[str, str], words: str
) -> None:
    port = sim.facts()["url"].rpartition(":")[2]
    for path in ASKED:
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=DEADLINE)
        with contextlib.closing(connection):
            sent = {name: value.format(port=port) for name, value in headers.items()}
            connection.request("GET", path, headers=sent)
            answer = connection.getresponse()
            assert answer.status == 403, path
            assert words in json.loads(answer.read())["error"]
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("site", ["same-origin", "none"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_the_page_itself_is_answered_by_every_name_of_this_machine(
    sim: Sim, host: str, site: str
) -> None:
    port = sim.facts()["url"].rpartition(":")[2]
    name = f"{host}:{port}"
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", int(port), timeout=DEADLINE)
    ) as one:
        sent = {"Host": name, "Origin": f"http://{name.lower()}", "Sec-Fetch-Site": site}
        one.request("GET", "/api/state", headers=sent)
        answer = one.getresponse()
        assert answer.status == 200, answer.read()
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_what_is_listened_on_is_a_name_too_and_port_80_goes_without_saying() -> None:
    assert {"192.0.2.7:8480", "localhost:8480"} <= names_of("192.0.2.7", 8480)
    assert "[2001:db8::1]:8480" in names_of("2001:db8::1", 8480)
    assert "localhost" not in names_of("127.0.0.1", 8480)
    assert {"localhost", "localhost:80"} <= names_of("127.0.0.1", 80)
    assert "camera.example:8480" in names_of("Camera.example", 8480), "as it is compared"
    assert "192.0.2.7" in names_of("192.0.2.7", 443, HTTPS_PORT)
    assert "192.0.2.7" not in names_of("192.0.2.7", 80, HTTPS_PORT)


def test_open_pages_do_not_keep_the_simulator_from_ending(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    made = Sim(tmp_path_factory.mktemp("ending"))
    made.ready()

    async def story() -> int:
        async with page(made) as one:
            await one.hears("state")
            return await asyncio.to_thread(made.stop)

    assert run(story()) == 0
