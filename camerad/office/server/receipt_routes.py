"""Receipts over HTTP: the outcome of a camera's upload."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from camerad.container.keys import Thumbprint
from camerad.container.recording_ids import RecordingId, is_id
from camerad.office.server import bodies
from camerad.office.server.ingest import WAITS, Ingest
from camerad.office.server.refusal_log import CALLER, CameraTurns
from camerad.office.server.refusals import RefusedRequestError
from camerad.office.server.uploads import Declaration, Uploads

PATH: Final = "/v1/recordings/{recording}/receipt"
TYPE: Final = "application/jose"
AGAIN_SECONDS: Final = 1
"""When a camera asks again whose recording is being checked: a minute of footage takes less."""
LATEST_SECONDS: Final = 60
"""When it does at the latest, though what failed is tried again later still: that may be mended."""
_PREFER, _APPLIED = "Prefer", "Preference-Applied"
_WAIT: Final = f"wait={AGAIN_SECONDS}"
_MISSING: Final = "the office does not have this recording; hand it over, and ask again"


class IngestEnds:
    """Lets requests wait for the end of an ingest, so that cameras need not poll. loop: on which
    requests are answered."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._next: dict[str, asyncio.Future[None]] = {}

    def next(self, kid: str) -> asyncio.Future[None]:
        """Is done when the next recording of this camera has been dealt with. On the loop; several
        may wait for it, and none may cancel it."""
        return self._next.setdefault(kid, self._loop.create_future())

    def tell(self, kid: str) -> None:
        """A recording of this camera has been dealt with. From any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, with all that waited
            self._loop.call_soon_threadsafe(self._tell, kid)

    def _tell(self, kid: str) -> None:
        found = self._next.pop(kid, None)
        if found is not None and not found.done():
            found.set_result(None)


class ReceiptRoutes:
    """Answers with the receipt, or why there is none.

    turns: of cameras, for what takes a thread. check: has an upload ingested that is complete, or
    a copy compared that is here without a receipt (`Ingest.find_unreceipted`), soon.
    ends: tell when a recording was dealt with, for clients that prefer to wait (RFC 7240); without
    them none waits. due_in: seconds until a check that failed is tried again.
    """

    def __init__(
        self,
        ingest: Ingest,
        uploads: Uploads,
        turns: CameraTurns,
        check: Callable[[Thumbprint, Declaration], None] = lambda _kid, _declaration: None,
        ends: IngestEnds | None = None,
        *,
        due_in: Callable[[Thumbprint, Declaration], float] = lambda _kid, _declaration: 0.0,
    ) -> None:
        self._due_in = due_in
        self._ends = ends
        self._turns = turns
        self._ingest = ingest
        self._uploads = uploads
        self._check = check

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Answer at `PATH`."""
        router.add_route(hdrs.METH_GET, PATH, self._get, expect_handler=bodies.leave_expectation)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        recording = request.match_info["recording"]
        if not is_id(recording):
            raise RefusedRequestError(HTTPStatus.NOT_FOUND, _MISSING)
        kid = request[CALLER].kid
        if self._ends is None or request.headers.get(_PREFER) != _WAIT:
            return await self._now(kid, recording)
        loop = asyncio.get_running_loop()
        until = loop.time() + AGAIN_SECONDS
        while True:
            ended = self._ends.next(kid)  # before it is asked for, so that none is missed
            answer = await self._now(kid, recording)
            if int(answer.headers.get(hdrs.RETRY_AFTER, 0)) > AGAIN_SECONDS:
                return answer  # it failed, so nothing ends within a second
            left = until - loop.time()
            if answer.status != HTTPStatus.ACCEPTED or left <= 0:
                answer.headers[_APPLIED] = _WAIT
                return answer
            await asyncio.wait([ended], timeout=left)

    async def _now(self, kid: Thumbprint, recording: RecordingId) -> web.Response:
        async with self._turns[kid]:
            return await asyncio.to_thread(self._answer, kid, recording)

    def _answer(self, kid: Thumbprint, recording: RecordingId) -> web.Response:
        # Before the receipt is looked for: an upload is gone only when that is there.
        complete = self._uploads.find_complete(kid, recording)
        token = self._ingest.receipt(kid, recording)
        if token is not None:
            return _signed(token)
        waiting = self._ingest.is_waiting(kid, recording)
        if complete is not None and waiting:
            waits = self._ingest.refusal(kid, recording) or WAITS
            said = {"error": waits, "waits_for": "ledger"}
            return web.json_response(said, status=HTTPStatus.CONFLICT)
        if complete is not None:
            # Another server may have received it, and ended.
            self._check(kid, complete)
        checked = complete or self._to_be_compared(kid, recording)
        if checked is not None:
            due = math.ceil(self._due_in(kid, checked))
            again = min(max(due, AGAIN_SECONDS), LATEST_SECONDS)
            headers = {hdrs.RETRY_AFTER: str(again)}
            return web.json_response({}, status=HTTPStatus.ACCEPTED, headers=headers)
        token = self._ingest.receipt(kid, recording)
        if token is not None:  # a copy was compared since the first look
            return _signed(token)
        # What waited too long was removed, and may come again.
        if not waiting and (why := self._ingest.refusal(kid, recording)) is not None:
            raise RefusedRequestError(HTTPStatus.CONFLICT, why)
        raise RefusedRequestError(HTTPStatus.NOT_FOUND, _MISSING)

    def _to_be_compared(self, kid: Thumbprint, recording: RecordingId) -> Declaration | None:
        """The copy that is here and only lacks the office's receipt, if one is; then it is on its
        way."""
        found = self._ingest.find_unreceipted(kid, recording)
        if found is not None:
            self._check(kid, found)
        return found


def _signed(token: bytes) -> web.Response:
    return web.Response(body=token, content_type=TYPE)
