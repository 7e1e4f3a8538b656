"""The feed on the wire: server-sent events for programs, one WebSocket for a page.

GET /api/events   the state at every change and, while something grows, every second, as
                  server-sent events (WHATWG HTML, section 9.2): the JSON of /api/state
GET /api/live     a WebSocket (RFC 6455) with all that `hw_mocks.sim.feed` tells: text frames
                  {"kind", "at_us", "value"}; what the front display shows in binary ones, as JPEG.
                  At first comes all that is known, beginning with ``history``: the moments of the
                  last minutes (`hw_mocks.sim.history`). A page says {"at_ms"}, what its clock
                  shows, and gets it back as ``pulse``, so that it knows that both are there; and
                  with "button" and "down" what a finger does (`hw_mocks.sim.fingers`), which is
                  answered by ``finger``

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

from hw_mocks.bus import now_us
from hw_mocks.sim.board import Board
from hw_mocks.sim.feed import Feed, Follower
from hw_mocks.sim.fingers import Fingers, Strange

KEEP_ALIVE_SECONDS: Final = 15.0
PARTING_SECONDS: Final = 1.0
MAX_MESSAGE: Final = 1024
"""Bytes of one word of a page."""


class Live:
    """Answers both; `close` ends every connection. `headers`: of every answer. `board`: whose
    buttons a page presses.
    """

    def __init__(self, feed: Feed, board: Board, headers: Mapping[str, str]) -> None:
        self._feed = feed
        self._board = board
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
                try:
                    await self._listen(socket, follower)
                finally:
                    sending.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await sending
        finally:
            self._sockets.discard(socket)
        return socket

    async def _listen(self, socket: web.WebSocketResponse, follower: Follower) -> None:
        """Hear a page to its end. One that says what no page says is parted from."""

        def tell(kind: str, value: Any) -> None:
            follower.tell({"kind": kind, "at_us": now_us(), "value": value})

        buttons = frozenset(self._board.wiring.buttons)
        fingers = Fingers(self._board, buttons, lambda answer: tell("finger", answer))
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    raise Strange("a page speaks in text")
                told = json.loads(message.data)
                fingers.heard(told)
                if "button" not in told:
                    tell("pulse", told)
        except (Strange, ValueError, RecursionError):
            await socket.close(code=1008, message=b"no page says that")
        finally:
            await fingers.close()

    async def _send(self, socket: web.WebSocketResponse, follower: Follower) -> None:
        with contextlib.suppress(ConnectionResetError):
            while not self._closing:
                await follower.come.wait()
                news, picture = follower.take()
                for one in news:
                    await socket.send_str(json.dumps(one))
                if picture is not None:
                    await socket.send_bytes(picture)
