"""Says in the log what was refused, so that whoever sends ever more of it fills no disk."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

from aiohttp import web

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable

log = logging.getLogger(__name__)

MOST_LOGGED: Final = 20
"""Refusals of one address, or of one camera, that the log names in a minute; the others are
counted."""
_MINUTE_US: Final = 60 * SECOND


class RefusalLog:
    """For the event loop. clock: whose boot time says when a minute is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._since_us = 0

    def tell_of_address(self, request: web.Request, refused: CameradError) -> None:
        """Log, or count, the refusal of a request that nobody vouches for."""
        peer = str(request.remote)
        self._tell(peer, request, peer, refused)

    def tell_of_camera(
        self, request: web.Request, kid: str, name: str, refused: CameradError
    ) -> None:
        """The same of a registered camera's request. kid: its key. name: its name."""
        self._tell(kid, request, f"the camera {printable(name)} ({kid})", refused)

    def _tell(self, who: str, request: web.Request, said: str, refused: CameradError) -> None:
        now_us = self._clock.now_us()
        if now_us - self._since_us >= _MINUTE_US:
            self._tell_of_others()
            self._counts.clear()
            self._since_us = now_us
        self._counts[who] += 1
        if self._counts[who] <= MOST_LOGGED:
            log.warning(
                "refused %s %s of %s: %s",
                request.method,
                printable(request.raw_path)[:200],
                said,
                printable(refused),
                extra=MessageId.REQUEST_REFUSED.extra,
            )

    def _tell_of_others(self) -> None:
        left_out = sum(max(0, count - MOST_LOGGED) for count in self._counts.values())
        if left_out > 0:
            log.warning(
                "%d more requests were refused in a minute, and are not named here",
                left_out,
                extra=MessageId.REQUEST_REFUSED.extra,
            )
