"""The controller's end of the badge reader process.

It runs only while one is looked for. Nothing waits for it, no failure of it matters to anything but
a shift that has to be begun otherwise, and what it says is a text from outside, to be checked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Final

from camerad.base.async_utils import watched
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour.budget import BADGES_END_SECONDS, KERNEL_SECONDS, LEAVE_SECONDS
from camerad.hardware import frame_process

log = Log(__name__)

AGAIN_SECONDS: Final = 1.0
"""A process that ended by itself is started again after this time."""
MAX_LINE: Final = 4096


class BadgeProcess:
    """Runs `python -m camerad.capture.badge_reader` between `start` and `stop`.

    frame_fd: the memfd with the newest frame. on_wearer is called on the event loop with what the
    process takes for a wearer's id. Used from the event loop.
    """

    def __init__(self, frame_fd: int, on_wearer: Callable[[str], None]) -> None:
        self._frame_fd = frame_fd
        self._on_wearer = on_wearer
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._told = ""
        self.pid: int | None = None
        """Process id, while it runs."""

    def look(self, wanted: bool) -> None:
        """Have badges looked for, or no longer; returns at once."""
        if wanted == (self._task is not None):
            return
        if wanted:
            self._task = watched(self._keep_looking())
            return
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End the process, if it runs; one that takes longer dies with the daemon."""
        self.look(False)
        if self._ending:
            await asyncio.wait(self._ending, timeout=BADGES_END_SECONDS)

    async def _keep_looking(self) -> None:
        while True:
            try:
                what = await self._run_once()
            except OSError as error:
                what = f"it cannot be started: {error}"
            if what != self._told:  # once, however often it is tried again
                log.error(MessageId.BADGE, "no badge can be read: %s", what)
            self._told = what
            await asyncio.sleep(AGAIN_SECONDS)

    async def _run_once(self) -> str:
        """Run the process until it ends; returns what was wrong."""
        process, ours = await frame_process.start("camerad.capture.badge_reader", self._frame_fd)
        self.pid = process.pid
        reader, writer = await asyncio.open_connection(sock=ours, limit=MAX_LINE)
        try:
            while line := await reader.readline():
                self._on_wearer(str(json.loads(line)["wearer"]))
            return f"its process ended with {await _end(process, LEAVE_SECONDS)}"
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return f"its process talks nonsense: {error}"
        except OSError as error:
            return f"its process went away: {error}"
        finally:
            writer.close()
            await _end(process)
            self.pid = None


async def _end(process: asyncio.subprocess.Process, leave_seconds: float = 0.0) -> int | None:
    """See to it that it is gone; returns its exit status."""
    if not await frame_process.end(process, leave_seconds, KERNEL_SECONDS):
        log.error(
            MessageId.BADGE, "the process %d that looks for badges cannot be killed", process.pid
        )
    return process.returncode
