"""Reads bodies of requests: in pieces, bounded in length and time, with constant memory."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from camerad.office.server.refusal_log import CALLER
from camerad.office.server.refusals import RefusedRequestError

SILENT_SECONDS: Final = 30.0
"""How long a client may send nothing at all."""
SLOWEST: Final = 32 * 1024
"""Bytes in a second that a client brings at the least, on the average of any minute."""
SPARE_SECONDS: Final = 60.0
"""How long a client may be slower than that. What it brings faster makes up for it."""
PIECE: Final = 1 << 20
"""Bytes that are handed on at once."""
_SCRAPS: Final = 512
"""Pieces of the network that are held until then: each takes separate memory, however short."""

_WRONG_BODY: Final = (
    "the body is not the one that was signed (Content-Digest); nothing of it counts: send it again"
)


async def leave_expectation(_request: web.Request) -> None:
    """What a route does at once about ``Expect: 100-continue``: nothing, so that no body is asked
    for that the signature does not allow. `pieces` asks for it."""


async def pieces(request: web.Request, most: int) -> AsyncIterator[bytes]:
    """Yields what comes of a body, `PIECE` bytes at a time, fewer where it comes in scraps, or what
    is left.

    most: bytes that it may have. Raises RefusedRequestError if it has more, if it does not say how
    many, if it is damaged, or if it comes too slowly; what was yielded before counts for nothing
    then. The time that the caller needs for a piece does not count as the client's.
    """
    length_of(request, most)
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    loop = asyncio.get_running_loop()
    spare = SPARE_SECONDS
    got = 0
    held: list[bytes] = []
    size = 0
    while not request.content.at_eof():
        asked = loop.time()
        try:
            async with asyncio.timeout_at(asked + min(spare, SILENT_SECONDS)):
                piece = await request.content.readany()
        except TimeoutError:
            raise RefusedRequestError(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the body came too slowly: {SLOWEST // 1024} KiB are needed in a second, on the "
                f"average of any minute, and no pause may be longer than {SILENT_SECONDS:g} s; "
                "send it again",
            ) from None
        except web.RequestPayloadError:
            raise RefusedRequestError(
                HTTPStatus.BAD_REQUEST, "the body of the request is damaged; send it again"
            ) from None
        spare = min(spare - (loop.time() - asked) + len(piece) / SLOWEST, SPARE_SECONDS)
        got += len(piece)
        if got > most:
            raise _too_large(most)
        held.append(piece)
        size += len(piece)
        if size >= PIECE or len(held) >= _SCRAPS:
            yield b"".join(held)
            held.clear()
            size = 0
    if held:
        yield b"".join(held)


def length_of(request: web.Request, most: int | None = None) -> int:
    """Bytes that the body has, as the request says. most: that it may have. Raises
    RefusedRequestError if it has more, or does not say so."""
    said = request.content_length
    if said is None and request.body_exists:
        raise RefusedRequestError(
            HTTPStatus.LENGTH_REQUIRED, "say with Content-Length how long the body is"
        )
    if most is not None and said is not None and said > most:
        raise _too_large(most)
    return said or 0


async def read_signed(request: web.Request, most: int) -> bytes:
    """The whole body of a request that was let through (`camerad.office.server.authentication`),
    compared with its signature. most: bytes that it may have. Raises RefusedRequestError."""
    body = b"".join([piece async for piece in pieces(request, most)])
    check_digest(request, hashlib.sha256(body).digest())
    return body


def check_digest(request: web.Request, sha256: bytes) -> None:
    """Compare a body with the request's signature. sha256: of what came. Raises
    RefusedRequestError."""
    if not hmac.compare_digest(expected_digest(request), sha256):
        raise wrong_body()


def expected_digest(request: web.Request) -> bytes:
    """SHA-256 that the body must have, as it was signed; of nothing where there is none."""
    signed = request[CALLER].digest
    return hashlib.sha256().digest() if signed is None else signed


def wrong_body() -> RefusedRequestError:
    """The refusal of a body that is not the signed one."""
    return RefusedRequestError(HTTPStatus.BAD_REQUEST, _WRONG_BODY)


def _too_large(most: int) -> RefusedRequestError:
    return RefusedRequestError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {most} bytes; send less"
    )
