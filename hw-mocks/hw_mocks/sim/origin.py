"""Who may ask bodycam-sim anything: programs of this machine, and its own page.

A web page of another origin that somebody has open can send requests to this machine as well, and
three things tell them apart:

- ``Origin`` (RFC 6454, section 7), which a browser sends with all that is not a plain GET;
- ``Sec-Fetch-Site`` (W3C Fetch Metadata, section 2.4), which it sends with everything, a picture
  or a script that another page embeds included;
- ``Host``. Whoever owns a name can have it resolve to this machine while a page of theirs is open
  (DNS rebinding); for the browser both are then the same origin, and only the name gives it away.

A program sends neither of the first two.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HTTP_PORT: Final = 80
HTTPS_PORT: Final = 443
ELSEWHERE: Final = ("cross-site", "same-site")
"""What a browser calls a request by a page of another origin."""


def names_of(address: str, port: int, own_port: int = HTTP_PORT) -> frozenset[str]:
    """What ``Host`` may say, in small letters: the names of the machine itself and the address that
    is listened on, with the port, which is left out if it is the protocol's own. own_port: that."""
    bound = f"[{address}]" if ":" in address else address.lower()
    names = {"127.0.0.1", "localhost", "[::1]", bound}
    with_port = {f"{name}:{port}" for name in names}
    return frozenset(with_port | names if port == own_port else with_port)


def only_from_here(names: frozenset[str]) -> Any:
    """A middleware that answers 403 to whatever a page of another origin asks."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request.headers.get("Host", "").lower()
        if host not in names:
            raise web.HTTPForbidden(
                text=f"{host!r} is not this body camera; it answers to {', '.join(sorted(names))}"
            )
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host:
            raise web.HTTPForbidden(text=f"{origin!r} is not where this body camera is")
        site = request.headers.get("Sec-Fetch-Site", "").lower()
        if site in ELSEWHERE:
            raise web.HTTPForbidden(
                text=f"a page from elsewhere ({site}) may not ask; open http://{host}/ itself"
            )
        return await handler(request)

    return check
