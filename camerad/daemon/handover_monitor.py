"""Follows the upload's progress: `camerad.behaviour.dock_progress` beside the stage machine.

The process in the dock tells it (`camerad.control.routes`). "All handed over" is never
taken on trust: the ledger has to have every recording acknowledged, and no recording may have begun
while it was asked. Used on the event loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec.structs import replace

from camerad.base.clock import SECOND
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour import dock_progress
from camerad.behaviour.dock_progress import (
    SILENCE_US,
    SILENT,
    DockWord,
    HandoverProgress,
    HandoverState,
)
from camerad.config.office_section import Office
from camerad.daemon.core import Core
from camerad.daemon.dispatcher import Step

log = Log(__name__)

_WAITING: Final = HandoverState.WAITING


class HandoverMonitor:
    """Shows the upload's progress. office: its server; None if there is none.

    recordings: those in the store, as `GET /recordings` has them. on_change: called when something
    else is to be shown, with that.
    """

    def __init__(
        self,
        core: Core,
        office: Office | None,
        recordings: Callable[[], Awaitable[list[dict[str, Any]]]],
        on_change: Callable[[HandoverProgress | None], None],
    ) -> None:
        self._core = core
        self._has_office = office is not None
        self._recordings = recordings
        self._on_change = on_change
        self._heard = DockWord()
        self._told: HandoverProgress | None = None
        self._begun = 0
        core.dispatcher.keep_time(self)

    @property
    def progress(self) -> HandoverProgress | None:
        """The progress to show now; None where there is none."""
        if not self._has_office:
            return None
        now_us = self._core.now_us()
        self._heard = dock_progress.follow(self._heard, self._core.state, now_us)
        return dock_progress.shown(self._heard, now_us)

    def report(self) -> dict[str, Any] | None:
        """The same, ready for JSON."""
        progress = self.progress
        if progress is None:
            return None
        return {
            "state": progress.state.value,
            "done": progress.done,
            "total": progress.total,
            "trouble": None if progress.trouble is None else progress.trouble.value,
        }

    async def hear(self, word: HandoverProgress) -> dict[str, Any] | None:
        """Take the process's word; returns `report`. Raises what `recordings` raises."""
        shown = self.progress
        known = shown is not None and shown.state is HandoverState.HANDED_OVER
        if word.state is HandoverState.HANDED_OVER and not known:
            begun = self._begun
            all_there = all(one["acknowledged"] for one in await self._recordings())
            if not all_there or begun != self._begun:
                word = replace(word, state=_WAITING)
        if self.progress is not None:
            self._heard = dock_progress.hear(self._heard, word, self._core.now_us())
        self._look()
        return self.report()

    def stepped(self, step: Step) -> None:
        """The camera's state is another."""
        if step.after.keeping and not step.before.keeping:
            self._begun += 1
        self._look()

    # ------------------------------------------------------------------ a `Timed`

    def deadline(self) -> int | None:
        """When the process counts as silent; None once that is told."""
        return None if self._told == SILENT else dock_progress.silent_at_us(self._heard)

    def tick(self, _now_us: int) -> None:
        """Time has passed."""
        self._look()

    def _look(self) -> None:
        progress = self.progress
        if progress == self._told:
            return
        self._told = progress
        if progress == SILENT:
            log.warning(
                MessageId.HANDOVER_FAILED,
                "no upload: camerad-upload has sent no report for %d s; see "
                "'systemctl status camerad-upload'",
                SILENCE_US // SECOND,
            )
        self._on_change(progress)
