"""Reports to the service manager that the daemon is alive, while all its parts are.

The loop sends ``WATCHDOG=1`` (``sd_notify(3)``) every few seconds, so a loop that hangs is missed.
Before each beat it looks whether the threads that nothing replaces have shown that they live
(`camerad.behaviour.liveness`). If one has not, there is no further beat: the daemon ends in order,
as far as that goes in the time that the service manager leaves, and a fresh one begins.

While a daemon ends that was not given up, its parts end one after the other, some of which wait for
the card; so there are beats then too, for as long as the longest end may take.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable

from camerad.base.async_utils import until_next
from camerad.base.clock import Clock
from camerad.base.message_ids import MessageId
from camerad.base.sd_notify import notify
from camerad.behaviour import liveness
from camerad.behaviour.budget import BEAT_SECONDS, END_SECONDS, Part

log = logging.getLogger(__name__)

Signs = Callable[[], tuple[liveness.Sign, ...]]


class Watchdog:
    """signs: asks every part for its sign; called on the loop. on_stuck: called once, with the
    parts that do not live; no beat comes after it."""

    def __init__(
        self, clock: Clock, signs: Signs, on_stuck: Callable[[tuple[Part, ...]], None]
    ) -> None:
        self._clock = clock
        self._signs = signs
        self._on_stuck = on_stuck
        self._given_up = False

    async def run(self) -> None:
        """Beat until a part is stuck, or cancelled."""
        seen = liveness.NOTHING
        while True:
            seen, stuck = liveness.find_stuck(seen, self._signs(), self._clock.now_us())
            if stuck:
                log.critical(
                    "stuck: %s; the daemon is given up",
                    ", ".join(stuck),
                    extra=MessageId.STUCK.extra,
                )
                self._given_up = True
                self._on_stuck(stuck)
                return
            notify("WATCHDOG=1")
            await until_next(BEAT_SECONDS)

    async def see_out(self) -> None:
        """Beat while the parts end, until the longest end is over, or cancelled."""
        beats = 0 if self._given_up else math.ceil(END_SECONDS / BEAT_SECONDS)
        for _ in range(beats):
            notify("WATCHDOG=1")
            await asyncio.sleep(BEAT_SECONDS)
