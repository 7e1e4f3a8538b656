"""Who may send pictures and sound of a visitor to the simulator, and what ends the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sim_support import Sim, running
from test_webcam import LORES, MAIN, jpeg
from waiting import DEADLINE

from hw_mocks.bus import now_us
from hw_mocks.sim import upload
from hw_mocks.webcam_decoder import MAX_BYTES
from hw_mocks.webcam_sound import RATE


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    with running(tmp_path_factory.mktemp("webcam"), sound="clapper") as made:
        yield made


@asynccontextmanager
async def visitor(sim: Sim, **headers: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    url = f"{sim.facts()['url']}/api/webcam"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers=headers) as socket,
    ):
        yield socket


async def code(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    """What the connection is ended with."""
    async for _ in socket:
        pass
    return socket.close_code


def test_pictures_are_taken_one_source_at_a_time(sim: Sim) -> None:
    before = sim.ask("GET", "/api/webcam")[1]["pictures"]
    began_us = now_us()

    async def story() -> None:
        async with visitor(sim) as one:
            about = await one.receive_json(timeout=DEADLINE)
            assert about["max_bytes"] == MAX_BYTES
            for number in (1, 2, 3):
                await one.send_bytes(jpeg(about["width"], about["height"]))
                answer = await one.receive_json(timeout=DEADLINE)
                assert answer == {"taken": number, "shown": number}
            async with visitor(sim) as other:
                assert await asyncio.wait_for(code(other), DEADLINE) == upload.TAKEN_ALREADY
            await one.send_bytes(jpeg())
            assert (await one.receive_json(timeout=DEADLINE))["shown"] == 4
        # A page that comes right after is taken.
        async with visitor(sim) as next_one:
            assert "width" in await next_one.receive_json(timeout=DEADLINE)

    asyncio.run(asyncio.wait_for(story(), DEADLINE))
    told = sim.ask("GET", "/api/webcam")[1]
    assert told["pictures"] == before + 4
    # When each of them came, and when the last page went.
    times = [at_us for at_us in told["shown_us"] if at_us >= began_us]
    assert len(times) == 4
    assert times == sorted(times)
    assert times[-1] <= told["ended_us"] <= now_us()


def test_a_page_that_has_sent_nothing_for_long_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(upload, "END_SECONDS", 0.5)

    async def story() -> None:
        endpoint = upload.Upload(MAIN, LORES, 30)
        app = web.Application()
        endpoint.add_to(app.router)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/webcam"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as one:
            await one.receive_json(timeout=DEADLINE)
            async with session.ws_connect(url) as other:
                assert await asyncio.wait_for(code(one), DEADLINE) == upload.TAKEN_OVER
                await other.receive_json(timeout=DEADLINE)
                closing = asyncio.ensure_future(endpoint.close())
                assert await asyncio.wait_for(code(other), DEADLINE) == 1001
                await closing
        await runner.cleanup()
        endpoint.forget()

    asyncio.run(asyncio.wait_for(story(), DEADLINE))


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        (b"no picture", upload.NO_PICTURE),
        ("words", upload.NO_PICTURE),
        (bytes(MAX_BYTES + 1), 1009),
        ([jpeg()] * (upload.FLOOD * 30 + 60), 1008),
        (upload.SOUND + bytes(3), upload.NO_PICTURE),
        ([upload.SOUND + bytes(RATE * 2)] * (upload.FLOOD * 2), 1008),
    ],
    ids=["garbage", "text", "too long", "too many", "half a sample", "too much sound"],
)
def test_what_is_not_as_agreed_ends_the_connection(sim: Sim, sent: Any, wanted: int) -> None:
    async def story() -> int | None:
        async with visitor(sim) as one:
            await one.receive_json(timeout=DEADLINE)
            for message in sent if isinstance(sent, list) else [sent]:
                if isinstance(message, str):
                    await one.send_str(message)
                else:
                    await one.send_bytes(message)
            return await code(one)

    assert asyncio.run(asyncio.wait_for(story(), DEADLINE)) == wanted
    assert sim.state()["ready"]


def test_who_waits_for_their_turn_has_none_once_it_is_closed() -> None:
    async def story() -> None:
        made = upload.Upload(MAIN, LORES, 30)
        app = web.Application()
        made.add_to(app.router)
        async with TestServer(app) as server, aiohttp.ClientSession() as session:
            url = server.make_url("/api/webcam")
            feeds, waits = [await session.ws_connect(url) for _ in range(2)]
            assert "credit" in await feeds.receive_json(timeout=DEADLINE)
            codes = asyncio.gather(code(feeds), waits.receive(timeout=DEADLINE))
            await made.close()
            first, second = await codes
            assert first == second.data == aiohttp.WSCloseCode.GOING_AWAY
            late = await session.ws_connect(url)
            assert (await late.receive(timeout=DEADLINE)).data == aiohttp.WSCloseCode.GOING_AWAY
            await asyncio.wait_for(made.close(), DEADLINE)
        made.forget()

    asyncio.run(asyncio.wait_for(story(), DEADLINE))


def test_a_page_from_elsewhere_may_neither_send_nor_delete(sim: Sim) -> None:
    async def story() -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with visitor(sim, Origin="http://elsewhere.example"):
                pass
        assert refused.value.status == 403
        url = f"{sim.facts()['url']}/api/erase"
        async with (
            aiohttp.ClientSession(headers={"Origin": "http://elsewhere.example"}) as session,
            session.post(url, json={"what": "everything"}) as answer,
        ):
            assert answer.status == 403

    asyncio.run(asyncio.wait_for(story(), DEADLINE))
    assert sim.ask("POST", "/api/erase", {"what": "something"})[0] == 400
    assert sim.ask("GET", "/api/erase") == (200, {"erased": 0})
