"""The feed on the wire: server-sent events for programs, one WebSocket for a page.

GET /api/events   the state at every change and, while something grows, every second, as
                  server-sent events (WHATWG HTML, section 9.2): the JSON of /api/state
GET /api/live     a WebSocket (RFC 6455) with all that `hw_mocks.sim.feed` tells: text frames
                  {"kind", "at_us", "value"}; what the front display shows in binary ones, as JPEG.
                  At first comes all that is known, beginning with ``history``: the moments of the
                  last minutes (`hw_mocks.sim.history`)

A browser opens six connections to a server and no more, WebSockets not counted; so a page takes one
of them, pictures included, and any number of pages can be open.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import WSMsgType, web

from hw_mocks.sim.feed import Feed, Follower

KEEP_ALIVE_SECONDS: Final = 15.0
PARTING_SECONDS: Final = 1.0
MAX_MESSAGE: Final = 1024
"""Bytes of what a page may send; it has nothing to say."""


class Live:
    """Answers both; `close` ends every connection. `headers`: of every answer."""

    def __init__(self, feed: Feed, headers: Mapping[str, str]) -> None:
        self._feed = feed
        self._headers = headers
        self._sockets: set[web.WebSocketResponse] = set()
        self._followers: set[Follower] = set()
        self._closing = False

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Have `router` route to this."""
        router.add_get("/api/events", self._events)
        router.add_get("/api/live", self._live)

    async def close(self) -> None:
        """Tell nobody anything any more."""
        self._closing = True
        for follower in self._followers:
            follower.come.set()
        await asyncio.gather(*(socket.close() for socket in tuple(self._sockets)))

    @contextlib.contextmanager
    def _following(self) -> Any:
        follower = self._feed.follow()
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)
            self._feed.leave(follower)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={**self._headers, "Content-Type": "text/event-stream"}
        )
        with self._following() as follower, contextlib.suppress(ConnectionResetError):
            await response.prepare(request)
            while not self._closing:
                try:
                    async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                        await follower.come.wait()
                except TimeoutError:
                    await response.write(b":\n\n")
                    continue
                news, _ = follower.take()
                for one in news:
                    if one["kind"] == "state":
                        await response.write(f"data: {json.dumps(one['value'])}\n\n".encode())
        return response

    async def _live(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            heartbeat=KEEP_ALIVE_SECONDS, max_msg_size=MAX_MESSAGE, timeout=PARTING_SECONDS
        )
        await socket.prepare(request)
        self._sockets.add(socket)
        try:
            with self._following() as follower:
                sending = asyncio.get_running_loop().create_task(self._send(socket, follower))
                # Read to the end, for pings and for the word that the page is gone.
                async for message in socket:
                    if message.type is not WSMsgType.CLOSE:
                        await socket.close(code=1008, message=b"nothing is expected here")
                sending.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await sending
        finally:
            self._sockets.discard(socket)
        return socket

    async def _send(self, socket: web.WebSocketResponse, follower: Follower) -> None:
        with contextlib.suppress(ConnectionResetError):
            while not self._closing:
                await follower.come.wait()
                news, picture = follower.take()
                for one in news:
                    await socket.send_str(json.dumps(one))
                if picture is not None:
                    await socket.send_bytes(picture)
