"""Plays cues by vibration and tone, in the order of `camerad.behaviour.cue_queue`.

A cue is told as it is true at the moment when it begins, whatever it was when it came. Behind each
comes a rest, in which the next news waits; a hand is answered within it. Used on the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from camerad.behaviour import cue_queue, signals
from camerad.behaviour.cue_queue import STILL_MS, CueQueue
from camerad.behaviour.signals import BETWEEN_MS
from camerad.behaviour.stages import CueKind
from camerad.daemon.core import Core
from camerad.hardware.lights import Indicators


class CuePlayer:
    """indicators: where motor and buzzer are, once there are any."""

    def __init__(self, core: Core, indicators: Callable[[], Indicators]) -> None:
        self._core = core
        self._indicators = indicators
        self._queue = CueQueue()
        self._pause: asyncio.TimerHandle | None = None
        """What ends the stillness before an answer, or the rest behind a cue."""

    def play(self, kind: CueKind) -> None:
        """Tell it: an answer now, and news when its turn comes."""
        core, before = self._core, self._queue
        if kind not in signals.ANSWERS:
            self._queue = cue_queue.add(before, kind, core.state)
            if before.playing is None and self._pause is None:
                self._turn()
            return
        self._queue = cue_queue.answer(before, kind, core.state, core.detail)
        if before.playing is None:
            self._end_pause()  # a rest: it was still for long enough
            self._begin()
        elif self._pause is None:
            still_ms = self._indicators().hush() * 1000
            self._wait(max(0.0, STILL_MS - still_ms), self._begin)

    def _begin(self) -> None:
        """Tell what is to be told now, if anything is."""
        core, kind = self._core, self._queue.playing
        if kind is None:
            return
        sounding = signals.sounding(kind, core.state, core.detail)
        if not self._indicators().sound(sounding, self._over):
            self._turn()  # a board without motor, and a cue without tone

    def _over(self) -> None:
        self._queue = cue_queue.rest(self._queue)
        self._wait(BETWEEN_MS, self._turn)

    def _turn(self) -> None:
        self._queue = cue_queue.turn(self._queue, self._core.state, self._core.detail)
        self._begin()

    def _wait(self, milliseconds: float, then: Callable[[], None]) -> None:
        def over() -> None:
            self._pause = None
            then()

        self._pause = asyncio.get_running_loop().call_later(milliseconds / 1000, over)

    def _end_pause(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
