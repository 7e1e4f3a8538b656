"""The first question to the store of replicas, at the server's start.

A store whose lock does not hold keeps the server from starting. One that hangs does not: the server
waits `PROBE_SECONDS` for it, then serves, and acknowledges nothing before the store has answered.
What is answered later is logged. The question has a thread of its own, which keeps nobody from
ending the server.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from camerad.base.async_utils import EventLoop
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.office.replicas.replicas import Replicas

log = logging.getLogger(__name__)

PROBE_SECONDS: Final = 8.0
"""How long the start waits for the store."""


class FirstProbe:
    """copies: whose store is asked. threads: attached to the server's loop."""

    def __init__(self, copies: Replicas, threads: EventLoop) -> None:
        self._copies = copies
        self._threads = threads
        self._asked: asyncio.Future[None] | None = None

    @property
    def is_unanswered(self) -> bool:
        """Whether the start went on without an answer, and there is none yet; any thread may
        ask."""
        return self._asked is not None and not self._asked.done()

    async def ask(self, seconds: float) -> None:
        """Ask, and wait so long for the answer. Raises UnsafeStoreError and ReplicaError if that
        is what it is."""
        asked = self._threads.in_thread(self._copies.probe_at_start)
        await asyncio.wait((asked,), timeout=seconds)
        if asked.done():
            asked.result()
            return
        self._asked = asked
        asked.add_done_callback(_tell_late)
        log.warning(
            "replicas do not answer: the %s said nothing for %.0f seconds. Cameras bring "
            "their recordings meanwhile, and none is acknowledged. See whether the store runs, and "
            "whether this computer reaches it",
            self._copies.store.describe(),
            seconds,
            extra=MessageId.REPLICA.extra,
        )


def _tell_late(asked: asyncio.Future[None]) -> None:
    error = None if asked.cancelled() else asked.exception()
    if error is not None:
        log.error(
            "no recording is acknowledged: %s", printable(error), extra=MessageId.REPLICA.extra
        )
