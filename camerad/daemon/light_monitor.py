"""Whether the lights are as they were switched (P3)."""

from __future__ import annotations

import asyncio
import logging

from camerad.behaviour.budget import BEAT_SECONDS
from camerad.behaviour.stages import Condition
from camerad.daemon.core import Core
from camerad.hardware.lights import Indicators

log = logging.getLogger(__name__)


class LightMonitor:
    """Used on the event loop. `indicators` come first."""

    indicators: Indicators

    def __init__(self, core: Core) -> None:
        self._core = core

    def fault(self, output: str, what: str | None) -> None:
        """An output cannot be driven, or can again (None). It may be told of while lights are being
        set, so the condition follows afterwards."""
        if what is not None:
            log.error("%s cannot be driven: %s", output, what)
        if output in Indicators.LIGHTS:
            asyncio.get_running_loop().call_soon(self._judge)

    async def watch(self) -> None:
        """Look at them again and again, until cancelled."""
        while True:
            self.indicators.look()
            await asyncio.sleep(BEAT_SECONDS)

    def _judge(self) -> None:
        self._core.conditions.set(Condition.LIGHT_DOWN, holds=self.indicators.lights_faulty)
