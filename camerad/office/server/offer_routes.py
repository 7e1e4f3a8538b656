"""Offers over HTTP: a camera fetches what its check-in was told of, in ranges.

At a change of shift twenty cameras fetch an update of 300 MB each, while recordings come in. So of
what is large at most so many answers are sent at once, one to each camera; all of them go out at
one bounded rate, and none with more than `LONGEST_ANSWER` bytes or for longer than `SEND_SECONDS`.
What is sent is read piece by piece: how large it is makes no difference to the server's memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from camerad.base.clock import Clock
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.keys import Thumbprint
from camerad.exchange.pace import Pace
from camerad.office.server import bodies
from camerad.office.server.offers import CameraOffer, Offers
from camerad.office.server.office_settings import UpdateSettings
from camerad.office.server.refusal_log import CALLER, CameraTurns
from camerad.office.server.refusals import RefusedRequestError, later

log = logging.getLogger(__name__)

PATH: Final = "/v1/offers/{sha256:[0-9a-f]{64}}"
LONGEST_ANSWER: Final = 4 << 20
"""Bytes. What is larger is asked for in ranges; of a longer one its first bytes are sent, as RFC
9110, 15.3.7 allows."""
SEND_SECONDS: Final = 60.0


class OfferRoutes:
    """settings: how many at once, and how fast. turns: of cameras. clock:
    the server's."""

    def __init__(
        self,
        offers: Offers,
        settings: UpdateSettings,
        turns: CameraTurns,
        clock: Clock,
    ) -> None:
        self._offers = offers
        self._most = settings.at_once
        self._turns = turns
        self._clock = clock
        self._pace = Pace(settings.mbit_per_second, clock.now_us())
        self._sending: set[str] = set()

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Answer at `PATH`."""
        router.add_route(hdrs.METH_GET, PATH, self._get, expect_handler=bodies.leave_expectation)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        kid = request[CALLER].kid
        async with self._turns[kid]:
            found = await asyncio.to_thread(self._find, kid, request.match_info["sha256"])
        if found is None:
            raise RefusedRequestError(
                HTTPStatus.NOT_FOUND, "this is not on offer to this camera; check in again"
            )
        begin, end, status = _range_of(request, found)
        headers = {hdrs.ACCEPT_RANGES: "bytes", hdrs.ETAG: f'"{found.sha256}"'}
        response = web.StreamResponse(status=status, headers=headers)
        response.content_type = found.media_type
        response.content_length = end - begin
        if status == HTTPStatus.PARTIAL_CONTENT:
            response.headers[hdrs.CONTENT_RANGE] = f"bytes {begin}-{end - 1}/{found.length}"
        if found.length > LONGEST_ANSWER:
            if self._is_full(kid):
                raise later(
                    HTTPStatus.TOO_MANY_REQUESTS,
                    "others are being sent what was offered to them; ask again",
                )
            self._sending.add(kid)
            try:
                return await self._give(request, response, self._offers.pieces(found, begin, end))
            finally:
                self._sending.discard(kid)
        return await self._give(request, response, self._offers.pieces(found, begin, end))

    async def _give(
        self, request: web.Request, response: web.StreamResponse, pieces: Iterator[bytes]
    ) -> web.StreamResponse:
        try:
            first = await asyncio.to_thread(_next, pieces)  # what fails here has its own answer
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(request, response, first, pieces)
        except TimeoutError:
            raise ConnectionResetError("an offer was read too slowly, and others wait") from None
        return response

    async def _send(
        self,
        request: web.Request,
        response: web.StreamResponse,
        piece: bytes,
        pieces: Iterator[bytes],
    ) -> None:
        await response.prepare(request)
        try:
            while piece:
                wait = self._pace.take(len(piece), self._clock.now_us())
                if wait:
                    await asyncio.sleep(wait)
                await response.write(piece)
                piece = await asyncio.to_thread(_next, pieces)
        except StorageError as error:
            # Its head is gone already: only the end of the connection says that it is not whole.
            log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)
            raise ConnectionResetError("an offer cannot be read") from error
        await response.write_eof()

    def _is_full(self, kid: Thumbprint) -> bool:
        return kid in self._sending or len(self._sending) >= self._most

    def _find(self, kid: Thumbprint, sha256: str) -> CameraOffer | None:
        found = (one for one in self._offers.list_of(kid) if one.sha256 == sha256)
        return next((one for one in found if self._offers.is_there(one)), None)


def _next(pieces: Iterator[bytes]) -> bytes:
    return next(pieces, b"")


def _range_of(request: web.Request, found: CameraOffer) -> tuple[int, int, HTTPStatus]:
    """Which bytes are sent, and with which status: all, or the one range that is asked for (RFC
    9110, 14), unless that was asked of another version (13.1.5)."""
    ranged = hdrs.RANGE in request.headers
    if request.headers.get(hdrs.IF_RANGE, f'"{found.sha256}"') != f'"{found.sha256}"':
        ranged = False
    try:
        begin, end, _ = request.http_range.indices(found.length) if ranged else (0, None, None)
    except ValueError:
        begin = end = found.length
    if not ranged and found.length <= LONGEST_ANSWER:
        return 0, found.length, HTTPStatus.OK
    if end is None or begin >= end:
        raise RefusedRequestError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "there is nothing in this range; ask for one as bytes=FIRST-LAST, with at most "
            f"{LONGEST_ANSWER} bytes",
            {hdrs.CONTENT_RANGE: f"bytes */{found.length}"},
        )
    return begin, min(end, begin + LONGEST_ANSWER), HTTPStatus.PARTIAL_CONTENT
