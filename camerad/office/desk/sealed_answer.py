"""Sends a recording's file, sealed, in pieces, for as long as the person who asked may have it.

A recording can be gigabytes, and an answer can take an hour: a person who is withdrawn meanwhile,
or signed out, gets no more of it. So every few seconds it is asked again whether they may; if not,
the connection is cut, and the browser sees that the answer is incomplete.

Ranges are as in RFC 9110, 14: one range, or else all of it. The file's tag is made of its time of
change and its size; a range of another file than before is never taken for one of this file.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from typing import BinaryIO, Final

from aiohttp import ETag, hdrs, web

from camerad.base.clock import SECOND, Clock
from camerad.base.safe_read import open_plain
from camerad.office.desk.desk_refusals import DeskRefusal
from camerad.office.server.refusals import RefusedRequestError

PIECE: Final = 256 * 1024
AGAIN_US: Final = 2 * SECOND
"""After how long it is asked again whether the person may have the rest."""
_ANY: Final = "*"

_NOTHING: Final = re.compile(r"\s*bytes=-0+\s*", re.IGNORECASE)
StillMay = Callable[[], Awaitable[object]]
"""Raises RefusedRequestError once the person may not have it any more."""


async def send_file(
    request: web.Request, path: str, clock: Clock, still_may: StillMay
) -> web.StreamResponse:
    """A file, or the range of it that a request asks for. Raises RefusedRequestError and
    StorageError before the first byte."""
    file = await asyncio.to_thread(open_plain, path, "recording")
    with file:
        state = os.fstat(file.fileno())
        size, tag = state.st_size, f"{state.st_mtime_ns:x}-{state.st_size:x}"
        response = web.StreamResponse()
        response.content_type = "application/x-tar"
        response.headers[hdrs.ACCEPT_RANGES] = "bytes"
        response.etag = tag
        if not _names(request.if_match, tag):
            raise _refused(HTTPStatus.PRECONDITION_FAILED, {})
        if request.if_none_match is not None and _names(request.if_none_match, tag):
            response.set_status(HTTPStatus.NOT_MODIFIED)
            await response.prepare(request)
            return response
        start, end = 0, size
        if hdrs.RANGE in request.headers and request.headers.get(hdrs.IF_RANGE, tag).strip('"') == (
            tag
        ):
            start, end = _range_of(request, size)
            response.set_status(HTTPStatus.PARTIAL_CONTENT)
            response.headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{end - 1}/{size}"
        response.content_length = end - start
        return await send_pieces(request, response, _pieces(file, start, end), clock, still_may)


async def send_pieces(
    request: web.Request,
    response: web.StreamResponse,
    pieces: Iterator[bytes],
    clock: Clock,
    still_may: StillMay,
) -> web.StreamResponse:
    """An answer piece by piece. The connection is cut where the person may not have the rest."""
    await response.prepare(request)
    asked_us = clock.now_us()
    while piece := await asyncio.to_thread(next, pieces, b""):
        if clock.now_us() - asked_us >= AGAIN_US:
            try:
                await still_may()
            except RefusedRequestError:
                if request.transport is not None:
                    request.transport.abort()
                return response
            asked_us = clock.now_us()
        await response.write(piece)
    await response.write_eof()
    return response


def _pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """The bytes of a range. Ends early if the file was cut off since."""
    file.seek(start)
    while start < end and (piece := file.read(min(PIECE, end - start))):
        start += len(piece)
        yield piece


def _names(tags: tuple[ETag, ...] | None, tag: str) -> bool:
    """Whether a field with tags names this one; one that is left out does."""
    return tags is None or any(one.value in (_ANY, tag) for one in tags)


def _range_of(request: web.Request, size: int) -> tuple[int, int]:
    """Where the asked range begins and ends. Refused if the file has nothing there."""
    refusal = _refused(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {hdrs.CONTENT_RANGE: _all(size)})
    if _NOTHING.fullmatch(request.headers[hdrs.RANGE]):
        raise refusal  # the parser takes it for all of the file
    try:
        asked = request.http_range
    except ValueError:
        raise refusal from None
    start = asked.start or 0
    start = max(0, size + start) if start < 0 else start
    end = size if asked.stop is None else min(asked.stop, size)
    if start >= end:
        raise refusal
    return start, end


def _all(size: int) -> str:
    return f"bytes */{size}"


def _refused(status: HTTPStatus, headers: dict[str, str]) -> RefusedRequestError:
    return RefusedRequestError(status, DeskRefusal.NOT_UNDERSTOOD.value, headers)
