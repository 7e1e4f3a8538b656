"""What a request may expect of a server (RFC 9110, 10.1.1): to be told to go on, and nothing else.

aiohttp repeats an expectation that it does not know in its answer, before anything of camerad's is
asked. One that is no ASCII cannot be repeated, which was a mistake of the server's (500) by anybody
who can reach it.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

SENTENCE: Final = "nothing can be expected here but 100-continue"


async def set_up(runner: web.AppRunner, refuse: Callable[[int], web.Response]) -> web.Server:
    """The server of `runner`, which is set up for it, with every other expectation refused by what
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
