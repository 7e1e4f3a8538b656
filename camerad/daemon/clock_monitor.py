"""Carries the clock's trust into a condition, the ledger, and the stamp."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from camerad.base.clock import SECOND, ClockSource
from camerad.base.message_ids import Log, MessageId
from camerad.base.wall_clock import ClockWatch, KnownTime, TimeKeeper
from camerad.behaviour.stages import Condition
from camerad.daemon.core import Core, Note

log = Log(__name__)


class ClockMonitor:
    """keeper: None where a test brings a clock of its own, which is then believed. note: has the
    ledger say so."""

    def __init__(self, core: Core, keeper: TimeKeeper | None, note: Note) -> None:
        self._core = core
        self._keeper = keeper
        self._note = note
        self._on_change: Callable[[], None] = lambda: None
        self.steps = 0
        """How often wall time was set since the start."""

    async def watch(self, settled: asyncio.Event, on_change: Callable[[], None]) -> None:
        """Watch until cancelled. on_change: the stamp may have to say something else.

        What the clock is worth is told once the ledger has been read, or cannot be (`settled`):
        before that nothing is trusted, and to say so at every start would cry wolf. A look before
        it lets the ledger's first entry know.
        """
        keeper, self._on_change = self._keeper, on_change
        if keeper is None:
            return
        watch = ClockWatch(
            keeper, self._core.loop.in_thread, on_source=self._source, on_step=self._stepped
        )
        looking = self._core.loop.in_thread(keeper.look)
        try:
            await settled.wait()
        finally:
            looking.cancel()
        await watch.run()

    def learn(self, known: KnownTime) -> None:
        """The ledger's knowledge of right time; from any thread."""
        if self._keeper is not None:
            self._keeper.learn(known)

    def _source(self, source: ClockSource) -> None:
        log.info(MessageId.CLOCK, "wall time: %s", source.value)
        self._core.conditions.set(Condition.CLOCK_UNTRUSTED, holds=source is ClockSource.UNKNOWN)
        self._note("clock", step_us=None, source=source)
        self._on_change()

    def _stepped(self, step_us: int) -> None:
        log.warning(MessageId.CLOCK, "wall time was set by %+.1f s", step_us / SECOND)
        self._note("clock", step_us=step_us, source=None)
        self.steps += 1
        self._on_change()
