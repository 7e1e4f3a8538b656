"""Ends the daemon in order, on request or after a mistake, and chooses its exit code."""

from __future__ import annotations

import asyncio
import errno
import math
from collections.abc import Callable
from typing import Any, Final

from camerad.base.async_utils import until_next
from camerad.base.clock import SECOND, Clock
from camerad.base.errors import EX_REBOOT, EX_SOFTWARE
from camerad.base.message_ids import Log, MessageId
from camerad.base.sd_notify import notify
from camerad.behaviour import liveness, stages
from camerad.behaviour.budget import (
    BEAT_SECONDS,
    END_SECONDS,
    LEDGER_END_SECONDS,
    SHUTDOWN_SECONDS,
    Part,
)
from camerad.behaviour.events import RESTARTED
from camerad.behaviour.stages import Condition, Stage
from camerad.daemon.core import Core
from camerad.daemon.recording_manager import RecordingManager

log = Log(__name__)

_SCARCE: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class ShutdownSequence:
    """Used on the event loop."""

    def __init__(self, core: Core, recordings: RecordingManager) -> None:
        self._core = core
        self._recordings = recordings
        self._since_us: int | None = None
        self.exit_code = 0
        """What the service manager is to do (`camerad.base.errors`)."""
        self.ended = asyncio.Event()
        """Set once the parts may be closed."""

    def begin(self, reason: str = "shutdown") -> None:
        """End in order: close a running recording, for which the reason is given, then everything
        else."""
        asyncio.get_running_loop().call_later(SHUTDOWN_SECONDS, self._late)
        if self._since_us is None:
            self._since_us = self._core.now_us()
        if self._core.state.stage is Stage.STOPPING:
            self._recordings.recorders.cut_short(self._core.now_us(), reason)
        self._core.post(stages.Shutdown(self._core.now_us(), reason))

    def give_up(self, exit_code: int) -> None:
        """End in order, and say with the exit code what the service manager is to do."""
        if self.exit_code != EX_REBOOT:
            self.exit_code = exit_code
        # A recording says for whose sake: the camera's, or that of a daemon that is to start anew.
        reboots = exit_code == EX_REBOOT
        self.begin(Condition.CAMERA_DOWN.value if reboots else RESTARTED)

    def mistake(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The loop's handler of exceptions: a mistake in camerad ends the daemon. If the kernel
        lacks a resource for a connection, the client may try again."""
        error = context.get("exception")
        if "socket" in context and isinstance(error, OSError) and error.errno in _SCARCE:
            log.error(MessageId.SCARCE, "%s: %s", context["message"], error)
            return
        log.critical(MessageId.MISTAKE, "%s", context["message"], of=error)
        self.give_up(EX_SOFTWARE)

    async def close_recordings(self) -> None:
        """Bring the ledger to its end. It comes last, so what the other parts did not need of their
        time is its."""
        now_us = self._core.now_us()
        since_us = now_us if self._since_us is None else self._since_us
        seconds = max(LEDGER_END_SECONDS, END_SECONDS - (now_us - since_us) / SECOND)
        if not await self._core.loop.in_thread(lambda: self._recordings.close(seconds)):
            log.error(MessageId.END_LATE, "the ledger could not be closed")

    def _late(self) -> None:
        if not self.ended.is_set():
            log.critical(
                MessageId.END_LATE, "the end took longer than %g s; left as it is", SHUTDOWN_SECONDS
            )
            self.exit_code = self.exit_code or EX_SOFTWARE
            self.ended.set()


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
                log.critical(MessageId.STUCK, "stuck: %s; the daemon is given up", ", ".join(stuck))
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
