"""The page itself: files of the package, read once, and nothing that a person made.

Pages have no data in them, so anyone may fetch them, and no secret stands beside what is packed for
a slow line. Names come from the package, never from a request.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from functools import cache
from typing import Final

from aiohttp import hdrs, web

from camerad.evidence.player_page import NAME
from camerad.office.desk.page_content import PACKAGE, PAGE, START, page_content
from camerad.office.desk.route_table import Answer, Open, Route, Visit
from camerad.office.server.openid_settings import RETURN_PATH

_KINDS: Final = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}


class PageFiles:
    """The files of `page_content`."""

    def routes(self) -> Iterator[Route]:
        """The start, also where a provider sends browsers back to, and one for each file."""
        for start in ("/", RETURN_PATH):
            yield Route("GET", start, Open.TO_ANYONE, _answer(PAGE + START))
        for name in page_content():
            yield Route("GET", name, Open.TO_ANYONE, _answer(name))


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(page_content()[name], mtime=0)


def _answer(name: str) -> Answer:
    kind, content = _KINDS[name.rpartition(".")[2]], page_content()[name]
    if name == PACKAGE + NAME:  # to be put into a package, and not to be opened here
        kind = "application/octet-stream"
    charset = "utf-8" if kind.startswith("text/") else None

    async def answer(visit: Visit) -> web.Response:
        if "gzip" not in visit.request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            return web.Response(body=content, content_type=kind, charset=charset)
        packed = await asyncio.to_thread(_packed, name)
        headers = {hdrs.CONTENT_ENCODING: "gzip"}
        return web.Response(body=packed, content_type=kind, charset=charset, headers=headers)

    return answer
