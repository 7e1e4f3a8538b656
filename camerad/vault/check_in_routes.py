"""Check-ins over HTTP: how a camera is, what it is to bring again, and what the office has for it.

The statement is durable before the answer. Its time is for people alone, as is the answer's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, TypeVar

from aiohttp import hdrs, web

from camerad.base.clock import Clock
from camerad.base.errors import CameradError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.jws import JwsError
from camerad.store import check_in
from camerad.store.check_in import SETTINGS
from camerad.vault import bodies
from camerad.vault.authentication import CALLER
from camerad.vault.camera_turns import CameraTurns
from camerad.vault.check_ins import CheckIns, StaleCheckInError
from camerad.vault.lost_recordings import LostRecordings
from camerad.vault.refusal_log import RefusalLog
from camerad.vault.refusals import RefusedRequestError
from camerad.vault.settings_offers import SettingsOffers

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

PATH: Final = "/v1/check-in"
OFFER_PATH: Final = "/v1/offers/{sha256:[0-9a-f]{64}}"
TYPE: Final = "application/jose"
_STATUS: Final = {
    JwsError: HTTPStatus.BAD_REQUEST,
    StaleCheckInError: HTTPStatus.CONFLICT,
}


class CheckInRoutes:
    """turns: of cameras, for what takes a thread. refusals: where the log says what a registered
    camera was refused. clock: the server's."""

    def __init__(
        self,
        check_ins: CheckIns,
        lost: LostRecordings,
        offers: SettingsOffers,
        *,
        turns: CameraTurns,
        refusals: RefusalLog,
        clock: Clock,
    ) -> None:
        self._check_ins = check_ins
        self._lost = lost
        self._offers = offers
        self._turns = turns
        self._refusals = refusals
        self._clock = clock

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Answer at `PATH` and `OFFER_PATH`."""
        for method, path, handler in (
            (hdrs.METH_POST, PATH, self._post),
            (hdrs.METH_GET, OFFER_PATH, self._get),
        ):
            router.add_route(method, path, handler, expect_handler=bodies.leave_expectation)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != TYPE:
            raise RefusedRequestError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"a check-in is of Content-Type {TYPE}"
            )
        token = await bodies.read_signed(request, check_in.LONGEST)
        caller = request[CALLER]
        async with self._turns.of(caller.kid):
            try:
                answer = await asyncio.to_thread(self._take, caller.kid, token)
            except tuple(_STATUS) as error:
                self._refusals.tell_of_camera(request, caller.kid, caller.camera.name, error)
                raise RefusedRequestError(_status_of(error), str(error)) from error
        return web.json_response(answer)

    def _take(self, kid: str, token: bytes) -> dict[str, Any]:
        said = self._check_ins.take(kid, token)
        # The statement counts. Nothing of the rest keeps the camera from handing over.
        lost = _unless_unread(lambda: self._lost.find(kid))
        answer: dict[str, Any] = {"time_us": self._clock.wall_us(), "lacks": lost or []}
        offer = _unless_unread(lambda: self._offers.for_camera(kid, said))
        if offer is not None:
            answer[SETTINGS] = {"sha256": offer.sha256, "bytes": len(offer.content)}
        return answer

    async def _get(self, request: web.Request) -> web.StreamResponse:
        kid = request[CALLER].kid
        async with self._turns.of(kid):
            found = await asyncio.to_thread(self._offers.find, kid)
        if found is None or found.sha256 != request.match_info["sha256"]:
            raise RefusedRequestError(
                HTTPStatus.NOT_FOUND, "this is not on offer to this camera; check in again"
            )
        return _ranged(request, found.content)


def _unless_unread(find: Callable[[], _T]) -> _T | None:
    """What `find` returns; None if something cannot be read, which the log says."""
    try:
        return find()
    except StorageError as error:
        _log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)
        return None


def _ranged(request: web.Request, content: bytes) -> web.Response:
    """All of it, or the one range that is asked for (RFC 9110, 14)."""
    if hdrs.RANGE not in request.headers:
        headers = {hdrs.ACCEPT_RANGES: "bytes"}
        return web.Response(body=content, content_type=TYPE, headers=headers)
    try:
        wanted = request.http_range
        begin, end, _ = wanted.indices(len(content))
    except ValueError:
        begin = end = len(content)
    if begin >= end:
        raise RefusedRequestError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "there is nothing in this range; ask for one as bytes=FIRST-LAST",
            {hdrs.CONTENT_RANGE: f"bytes */{len(content)}"},
        )
    return web.Response(
        status=HTTPStatus.PARTIAL_CONTENT,
        body=content[begin:end],
        content_type=TYPE,
        headers={hdrs.CONTENT_RANGE: f"bytes {begin}-{end - 1}/{len(content)}"},
    )


def _status_of(error: CameradError) -> HTTPStatus:
    return next(status for kind, status in _STATUS.items() if isinstance(error, kind))
