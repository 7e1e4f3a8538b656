"""Refuses every expectation of a request (RFC 9110, 10.1.1) but 100-continue.

aiohttp repeats an expectation that it does not know in its answer, before it calls camerad.
Repeating one that is not ASCII fails (500), which any client could provoke.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

SENTENCE: Final = "nothing can be expected here but 100-continue"


async def set_up(runner: web.AppRunner, refuse: Callable[[int], web.Response]) -> web.Server:
    """Set up the server of `runner` and return it. Every other expectation is refused with what
    `refuse` makes of the status (417), and the connection closed."""
    await runner.setup()
    server = runner.server
    if server is None:
        raise RuntimeError("aiohttp has set up no server")
    handle = server.request_handler

    async def guarded(request: web.BaseRequest) -> web.StreamResponse:
        expected = request.headers.get(hdrs.EXPECT)
        if expected is None or expected.lower() == "100-continue":
            return await handle(request)
        answer = refuse(HTTPStatus.EXPECTATION_FAILED)
        answer.force_close()
        return answer

    server.request_handler = guarded
    return server


def in_json(status: int) -> web.Response:
    """The refusal as a sentence in JSON."""
    return web.json_response({"error": SENTENCE}, status=status)
