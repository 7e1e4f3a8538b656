"""A witness for logs of others, over HTTP (C2SP ``tlog-witness``): small enough for the computer of
a data protection officer, or of the neighbouring city.

``POST /add-checkpoint`` cosigns, ``GET /HASH/checkpoint`` shows the newest checkpoint that was
cosigned, and ``GET /HASH/disputed`` the last one that was refused. Sending one needs no right: only
the log's signature counts. It listens on loopback unless told otherwise. Everything sent is public
and signed, so it needs no TLS.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import Final

from aiohttp import web

from camerad.base.clock import SECOND, Clock
from camerad.office.server.connection_limiter import listen, make_runner, open_limited
from camerad.office.server.refusals import refuse_bytes
from camerad.transparency import checkpoints
from camerad.transparency.witness_store import WitnessRefusalError, WitnessStore

BODY_SECONDS: Final = 10.0
"""What a request's body may take."""
_END_SECONDS: Final = 2.0
_LONGEST_LINE: Final = 2048
"""Bytes of a request's first line, and of one header field."""
_MOST_FIELDS: Final = 40
"""Header fields of a request."""
_HASH: Final = "{origin:[0-9a-f]{64}}"


def make_app(store: WitnessStore, clock: Clock) -> web.Application:
    """The requests that a witness answers. clock: for the time of its cosignatures."""

    async def add(request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = (await request.read()).decode()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="the body takes too long\n") from None
        except UnicodeDecodeError:
            raise web.HTTPBadRequest(text="this is no UTF-8\n") from None
        now = max(1, clock.wall_us() // SECOND)
        try:
            line = await asyncio.to_thread(store.add, body, now)
        except WitnessRefusalError as error:
            return web.Response(
                status=error.status, text=str(error), content_type=error.content_type
            )
        return web.Response(text=line)

    async def newest(request: web.Request) -> web.Response:
        return _found(await asyncio.to_thread(store.newest, request.match_info["origin"]))

    async def disputed(request: web.Request) -> web.Response:
        return _found(await asyncio.to_thread(store.disputed, request.match_info["origin"]))

    app = web.Application(client_max_size=2 * checkpoints.LONGEST)
    app.router.add_post("/add-checkpoint", add)
    app.router.add_get(f"/{_HASH}/checkpoint", newest)
    app.router.add_get(f"/{_HASH}/disputed", disputed)
    return app


async def serve(
    store: WitnessStore, clock: Clock, host: str, port: int, ready: Callable[[str], None]
) -> None:
    """Answer until SIGTERM or SIGINT. ready: is told the address. Raises StartError."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    listener = listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listener.getsockname()[1]}"
    runner = make_runner(make_app(store, clock), end_seconds=_END_SECONDS)
    limiter = await open_limited(
        runner,
        listener,
        None,
        longest_line=_LONGEST_LINE,
        most_fields=_MOST_FIELDS,
        refuse=refuse_bytes,
    )
    try:
        ready(address)
        await ended.wait()
    finally:
        await limiter.close()
        await runner.cleanup()
        await limiter.cut_off()


def _found(text: str | None) -> web.Response:
    if text is None:
        raise web.HTTPNotFound(text="there is none\n")
    return web.Response(text=text)
