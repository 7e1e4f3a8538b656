"""Logs refusals and failures, at a bounded rate, so that no client fills a disk by them."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from typing import Final

import msgspec
from aiohttp import web

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.keys import Thumbprint
from camerad.evidence.camera_register import RegisteredCamera
from camerad.office.server.connection_limiter import network_of

log = logging.getLogger(__name__)

MOST_LOGGED: Final = 20
"""Refusals of one address (`network_of`), or of one camera, that the log names in a minute; the
others are counted."""
MOST_OF_ADDRESSES: Final = 200
"""Refusals of all addresses that it names in a minute."""
_MINUTE_US: Final = 60 * SECOND


class Caller(msgspec.Struct, frozen=True):
    """The sender of a request. kid: thumbprint of the key that signed it. digest: SHA-256 that the
    body must have; None if there is none."""

    kid: Thumbprint
    camera: RegisteredCamera
    digest: bytes | None


CameraTurns = defaultdict[Thumbprint, asyncio.Lock]
"""A lock for each registered camera, where a request takes a shared thread: it waits for the
camera's earlier requests on the event loop, so that one camera cannot take all threads."""

CALLER: Final = web.RequestKey("caller", Caller)
"""Where a request that came through has its `Caller`: ``request[CALLER]``."""


class RefusalLog:
    """For the event loop. clock: whose boot time says when a minute is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._left_out = 0
        self._since_us = 0

    def names_address(self, request: web.Request) -> bool:
        """Whether the log is to name what went wrong with a request, by its address; it is counted
        otherwise."""
        who = network_of(str(request.remote))
        return self._names((who, MOST_LOGGED), ("", MOST_OF_ADDRESSES))

    def tell_of_address(self, request: web.Request, refused: CameradError) -> None:
        """Log, or count, the refusal of an unauthenticated request."""
        if self.names_address(request):
            self._tell(request, str(request.remote), refused)

    def tell_of_camera(self, request: web.Request, refused: CameradError) -> None:
        """The same of a registered camera's request."""
        caller = request[CALLER]
        if self._names((caller.kid, MOST_LOGGED)):
            name = printable(caller.camera.name)
            self._tell(request, f"the camera {name} ({caller.kid})", refused)

    def _names(self, *bounds: tuple[str, int]) -> bool:
        """Whether all of these, each who and how often at the most, are within their bounds."""
        now_us = self._clock.now_us()
        if now_us - self._since_us >= _MINUTE_US:
            self._tell_of_others()
            self._counts.clear()
            self._left_out = 0
            self._since_us = now_us
        for who, most in bounds:
            self._counts[who] += 1
            if self._counts[who] > most:
                self._left_out += 1
                return False
        return True

    def _tell(self, request: web.Request, said: str, refused: CameradError) -> None:
        log.warning(
            "refused %s %s of %s: %s",
            request.method,
            printable(request.raw_path)[:200],
            said,
            printable(refused),
            extra=MessageId.REQUEST_REFUSED.extra,
        )

    def _tell_of_others(self) -> None:
        if self._left_out:
            log.warning(
                "%d more requests were refused or failed in a minute, and are not named here",
                self._left_out,
                extra=MessageId.REQUEST_REFUSED.extra,
            )
