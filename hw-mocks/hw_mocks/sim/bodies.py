"""The JSON object in the body of a request."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web


async def body_of(request: web.Request, *keys: str) -> dict[str, Any]:
    """The request's JSON object, with no other keys than these. Raises HTTPBadRequest for any other
    body."""
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(text="the body is not JSON, or nested too deeply") from None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="the body is no JSON object")
    unknown = sorted(set(body) - set(keys))
    if unknown:
        names = ", ".join(map(repr, unknown))
        raise web.HTTPBadRequest(text=f"{names}: unknown; known: {', '.join(keys)}")
    return body
