"""The counters of `camerad.control.metrics` over restarts: a small file beside the store, written
seldom.

It is written once an hour and at an orderly end, so a loss of power costs an hour of counting, and
the card some kilobytes a day. It is no evidence: nothing is signed, and one that is damaged is set
aside, said, and begun anew.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any, Final

from camerad import __version__
from camerad.base.async_utils import watched
from camerad.base.clock import Clock
from camerad.base.errors import StorageError
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour.budget import COUNTERS_END_SECONDS
from camerad.behaviour.dock_progress import HandoverProgress
from camerad.control.metrics import Metrics
from camerad.daemon.dispatcher import Step

log = Log(__name__)

NAME: Final = "metrics.json"
SAVE_SECONDS: Final = 3600.0


class MetricsStore:
    """Used on the event loop, which waits for no file. aside: does blocking work on a thread."""

    def __init__(
        self, state_dir: str, clock: Clock, aside: Callable[[Callable[[], Any]], Awaitable[Any]]
    ) -> None:
        self._path = os.path.join(state_dir, NAME)
        self._clock = clock
        self._aside = aside
        self._task: asyncio.Task[None] | None = None
        self._joined = False
        self.metrics = Metrics(clock.now_us())

    def start(self) -> None:
        """Add what was counted before, then save now and then."""
        self._task = watched(self._keep())

    def stepped(self, step: Step) -> None:
        """The stage machine has made a step."""
        self.metrics.count_step(step.event, step.after, step.effects)

    def shift(self, *, runs: bool, begun: int = 0) -> None:
        """Whether a shift is under way, and how many have begun since the last call."""
        self.metrics.shift(self._clock.now_us(), runs=runs, begun=begun)

    def handover(self, progress: HandoverProgress | None) -> None:
        """How handing over goes is another thing."""
        self.metrics.handover(progress)

    def text(self) -> str:
        """As Prometheus reads it."""
        return self.metrics.text(self._clock.now_us(), __version__)

    def reading(self) -> dict[str, Any]:
        """All of it up to now, ready for JSON."""
        self.metrics.advance_to(self._clock.now_us())
        return self.metrics.dump()

    async def close(self) -> None:
        """Save once more, unless the card takes too long for that."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait({self._task})
        self._task = None
        try:
            await asyncio.wait_for(self._save(), COUNTERS_END_SECONDS)
        except TimeoutError:
            log.warning(MessageId.COUNTERS, "the counters are not saved: the card takes too long")

    async def _keep(self) -> None:
        await self._join_former()
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            await self._save()

    async def _join_former(self) -> None:
        """Add what was counted before, as soon as that can be read."""
        if self._joined:
            return
        known, former = await self._aside(self._load)
        if known and not self._joined:
            self._joined = True
            if former is not None:
                self.metrics.restore(former)

    async def _save(self) -> None:
        self.metrics.advance_to(self._clock.now_us())
        await self._join_former()
        if not self._joined:
            return  # what is there now would be lost
        content = json.dumps(self.metrics.dump()).encode()
        await self._aside(lambda: self._write(content))

    def _write(self, content: bytes) -> None:
        from camerad.base import durable_files  # noqa: PLC0415 - slow to import

        try:
            durable_files.publish(self._path, content)
        except StorageError as error:
            log.warning(MessageId.COUNTERS, "the counters are not saved: %s", error)

    def _load(self) -> tuple[bool, Any]:
        """Whether it is known what was counted before, and that; None if it is nothing."""
        try:
            with open(self._path, "rb") as file:
                former = json.load(file)
            Metrics(0).restore(former)  # whether it can be added
        except FileNotFoundError:
            return True, None
        except OSError as error:
            log.warning(
                MessageId.COUNTERS,
                "%s cannot be read, and is left as it is: %s",
                self._path,
                error.strerror,
            )
            return False, None
        except (ValueError, RecursionError) as error:
            return self._set_aside(error), None
        return True, former

    def _set_aside(self, error: Exception) -> bool:
        from camerad.base import durable_files  # noqa: PLC0415 - slow to import

        kept = f"{self._path}.damaged"
        log.warning(
            MessageId.COUNTERS,
            "%s is damaged (%s); it is kept as %s, and counting begins anew",
            self._path,
            error,
            kept,
        )
        try:
            durable_files.rename(self._path, kept)
        except StorageError as trouble:
            log.warning(MessageId.COUNTERS, "%s", trouble)
            return False
        return True
