"""Check-ins over HTTP: how a camera is, what it is to bring again, and what the office has for it
(`camerad.office.server.offer_routes` gives it that).

The statement is durable before the answer. Its time is for people alone, as is the answer's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final, TypeVar

from aiohttp import hdrs, web
from msgspec import UNSET

from camerad.base.clock import Clock
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container import jws
from camerad.container.keys import SigningKey, Thumbprint
from camerad.office.server import bodies
from camerad.office.server.check_ins import CheckIns
from camerad.office.server.lost_recordings import LostRecordings
from camerad.office.server.offers import Offers
from camerad.office.server.refusal_log import CALLER, CameraTurns
from camerad.office.server.refusals import RefusedRequestError
from camerad.store import check_in
from camerad.store.check_in import CheckIn
from camerad.transparency import checkpoints
from camerad.transparency.camera_witness import MOST_ASKED
from camerad.transparency.checkpoints import Checkpoint, NoteError
from camerad.transparency.office_log import SHOWN, OfficeLog

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

PATH: Final = "/v1/check-in"
TYPE: Final = "application/jose"


class CheckInRoutes:
    """still: raises RefusedRequestError if the camera of a request was withdrawn since. turns: of
    cameras, for what takes a thread. log: of the office's ledger. key: the
    office's. clock: the server's."""

    def __init__(
        self,
        check_ins: CheckIns,
        lost: LostRecordings,
        offers: Offers,
        *,
        still: Callable[[web.Request], Awaitable[None]],
        turns: CameraTurns,
        log: OfficeLog,
        key: SigningKey,
        clock: Clock,
    ) -> None:
        self._check_ins = check_ins
        self._lost = lost
        self._offers = offers
        self._still = still
        self._turns = turns
        self._log = log
        self._key = key
        self._clock = clock

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Answer at `PATH`."""
        router.add_route(hdrs.METH_POST, PATH, self._post, expect_handler=bodies.leave_expectation)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        if request.content_type != TYPE:
            raise RefusedRequestError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"a check-in is of Content-Type {TYPE}"
            )
        token = await bodies.read_signed(request, check_in.LONGEST)
        await self._still(request)
        kid = request[CALLER].kid
        async with self._turns[kid]:
            return web.json_response(await asyncio.to_thread(self._take, kid, token))

    def _take(self, kid: Thumbprint, token: bytes) -> dict[str, Any]:
        said = self._check_ins.take(kid, token)
        # The statement counts. Nothing of the rest keeps the camera from handing over.
        lost = _unless_unread(lambda: self._lost.find(kid))
        answer: dict[str, Any] = {"time_us": self._clock.wall_us(), "lacks": lost or []}
        for offer in _unless_unread(lambda: list(self._offers.for_camera(kid, said))) or ():
            answer[offer.kind] = {"sha256": offer.sha256, "bytes": offer.length}
        if isinstance(witnessed := said.witnessed, str):
            _unless_unread(lambda: self._log.keep(witnessed))
        awaited = () if said.awaited is UNSET else said.awaited[:MOST_ASKED]
        shown = _unless_unread(lambda: self._log.show(_witnessed(said), jws.digest(token), awaited))
        if shown is not None:
            answer["log"] = jws.sign(self._key, SHOWN, shown).decode("ascii")
        return answer


def _witnessed(said: CheckIn) -> Checkpoint | None:
    """The checkpoint that a camera says it has seen; None without one."""
    try:
        return None if said.witnessed is UNSET else checkpoints.parse(said.witnessed).checkpoint
    except NoteError:
        return None


def _unless_unread(find: Callable[[], _T]) -> _T | None:
    """What `find` returns; None if something cannot be read, which the log says."""
    try:
        return find()
    except StorageError as error:
        _log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)
        return None
