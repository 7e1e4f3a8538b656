"""Checks that the lights are as they were switched (P3)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from camerad.base.async_utils import until_next
from camerad.base.message_ids import MessageId
from camerad.behaviour.budget import BEAT_SECONDS
from camerad.behaviour.stages import Condition, CueKind
from camerad.daemon.core import Core, Note
from camerad.hardware.lights import Indicators

log = logging.getLogger(__name__)


class LightMonitor:
    """Used on the event loop. `indicators` come first. note: has the ledger say so. play: plays a
    cue."""

    indicators: Indicators

    def __init__(self, core: Core, note: Note, *, play: Callable[[CueKind], None]) -> None:
        self._core = core
        self._note = note
        self._play = play

    def fault(self, output: str, what: str | None) -> None:
        """An output cannot be driven, or can again (None). It may be told of while lights are being
        set, so the condition follows afterwards."""
        if what is not None:
            log.error("%s cannot be driven: %s", output, what, extra=MessageId.LIGHT.extra)
        if what is not None and output == "red" and Condition.LIGHT_DOWN in self._core.conditions:
            # That of another light was told; this one is the one that says that footage is kept.
            self._play(CueKind.LIGHT_DOWN)
            self._note("fault", condition=Condition.LIGHT_DOWN.value, holds=True)
        if output in Indicators.LIGHTS:
            asyncio.get_running_loop().call_soon(self._judge)

    async def watch(self) -> None:
        """Look at them again and again, until cancelled."""
        while True:
            self.indicators.check_lines()
            await until_next(BEAT_SECONDS)

    def _judge(self) -> None:
        self._core.conditions.set(Condition.LIGHT_DOWN, holds=self.indicators.lights_faulty)
