"""A page as bodycam-sim knows it: one connection, in which it is told everything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import cv2
import numpy as np
from sim_support import Sim
from waiting import DEADLINE

T = TypeVar("T")


class Page:
    """A page as the server knows it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.brightness = -1
        """Of the newest picture, 0 to 255."""

    async def next(self) -> dict[str, Any] | bytes:
        message = await self.socket.receive(timeout=DEADLINE)
        if message.type is aiohttp.WSMsgType.BINARY:
            data = bytes(message.data)
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
            assert picture is not None
            self.brightness = int(picture.mean())
            return data
        assert message.type is aiohttp.WSMsgType.TEXT, message
        news: dict[str, Any] = json.loads(message.data)
        return news

    async def hears(self, kind: str, wanted: Callable[[Any], Any] = bool) -> Any:
        """The value of the next news of a kind that is as wanted."""
        return (await self.hears_each({kind: wanted}))[kind]

    async def hears_each(self, wanted: dict[str, Callable[[Any], Any]]) -> dict[str, Any]:
        """The same for several kinds, in whatever order they come."""
        heard: dict[str, Any] = {}
        while len(heard) < len(wanted):
            news = await self.next()
            if isinstance(news, bytes):
                continue
            kind, value = news["kind"], news["value"]
            if kind in wanted and kind not in heard and wanted[kind](value):
                heard[kind] = value
        return heard

    async def shows(self, brightness: range) -> None:
        """Wait until the newest picture of the display is as bright as that."""
        while self.brightness not in brightness:
            await self.next()


@asynccontextmanager
async def page(sim: Sim, **headers: str) -> AsyncIterator[Page]:
    url = f"{sim.facts()['url']}/api/live"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers=headers) as socket,
    ):
        yield Page(socket)


def run(story: Coroutine[Any, Any, T]) -> T:
    """Run it to its end, which has to come: pictures alone would go on for ever."""
    return asyncio.run(asyncio.wait_for(story, DEADLINE))
