"""What an event leads to: the stage machine's step, and what follows from it, in its order.

`camerad.behaviour.stages.step` decides. The lights are set to the new state before any effect is
carried out, so that red is on before the first byte is kept (P3); then come stamp, display and
effects, and whoever else has to know.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from camerad.base.clock import SECOND
from camerad.behaviour import signals, stages
from camerad.behaviour.stages import Intent
from camerad.daemon.announcer import Announcer
from camerad.daemon.button_input import Hands
from camerad.daemon.effects import Effects
from camerad.daemon.metrics_store import Counting
from camerad.daemon.reports import Reports
from camerad.daemon.status import Status
from camerad.hardware.display import NoDisplay, SelfView
from camerad.stream.sound import SoundNews

if TYPE_CHECKING:
    from camerad.control.server import Control

log = logging.getLogger("camerad.daemon.app")


class Stepping(Reports):
    """The part of the daemon that takes events. Used on the event loop.

    What is None is not there yet, or not at all.
    """

    _rules: stages.Rules
    _events: deque[stages.Event]
    _dispatching: bool
    _timer: asyncio.TimerHandle | None
    _hands: Hands
    _effects: Effects
    _status: Status
    _counting: Counting
    _control: Control | None
    _announcer: Announcer | None
    _display: SelfView | NoDisplay | None

    @property
    def state(self) -> stages.State:
        """The state as it is now."""
        return self._state

    def post(self, event: stages.Event) -> None:
        """Take an event on the loop; its effects are carried out before this returns, unless
        another event is being dispatched: then after that one."""
        self._events.append(event)
        if self._dispatching:
            return
        self._dispatching = True
        try:
            while self._events:
                self._dispatch(self._events.popleft())
        finally:
            self._dispatching = False
        self._reschedule()
        if self._control is not None:
            self._control.changed()

    def _dispatch(self, event: stages.Event) -> None:
        before = self._state
        try:
            self._state, effects = stages.step(before, event, self._rules)
        except stages.IllegalEvent as error:
            log.warning("ignored: %s", error)
            return
        if self._state.stage is not before.stage:
            log.info("%s -> %s", before.stage.value, self._state.stage.value)
        self._show_lights()
        if (before.armed, before.keeping) != (self._state.armed, self._state.keeping):
            self._tell_stamp()
        self._show_scene()
        for effect in effects:
            self._effects.carry_out(effect)
        if (before.stage, before.display_on) != (self._state.stage, self._state.display_on):
            self._recordings.staged(event.at_us, self._state.stage, self._state.display_on)
        if self._announcer is not None:
            self._announcer.stepped(
                event.at_us,
                before,
                self._state,
                sound=self._recordings.has_sound,
                failed=stages.is_failure(event),
            )
        self._tell_microphone()
        self._shifts.look()
        self._counting.metrics.stepped(event, self._state, effects)

    def _show_lights(self) -> None:
        self._indicators.show(self._shifts.lights(signals.look(self._state)))

    def _tell_microphone(self) -> None:
        """After the effects: a recording follows the ring by the time sound comes into it."""
        if self._microphone is not None:
            self._microphone.follow(self._state, wiping=self._effects.wiping)

    def _microphone_says(self, news: SoundNews) -> None:
        if self._microphone is not None:
            self._microphone.says(news)
            self._show_microphone()

    def _capture_ended(self) -> None:
        if self._microphone is not None:
            self._microphone.ended()
            self._show_microphone()

    def _show_microphone(self) -> None:
        """Whether it is on is no state of the camera, but it is said."""
        self._show_scene()
        if self._control is not None:
            self._control.changed()

    def _show_scene(self) -> None:
        """Have the display show what the state asks for; nothing waits for it (P10)."""
        if self._display is not None:
            self._display.show(self._status.shows(self._state))

    def _reschedule(self) -> None:
        """One timer for whatever comes first: a gesture's or a stage's deadline."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = [
            deadline
            for deadline in (
                stages.deadline(self._state, self._rules),
                self._hands.deadline(),
            )
            if deadline is not None
        ]
        if due:
            delay = max(0, min(due) - self._clock.now_us()) / SECOND
            self._timer = self._loop.call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now_us = self._clock.now_us()
        self._hands.tick(now_us)
        self.post(stages.Tick(now_us))

    # ------------------------------------------------------------------ control

    def intend(self, intent: Intent, source: str) -> str | None:
        """Carry out an intent of the control socket; returns why it was refused, or None."""
        now_us = self._clock.now_us()
        if stages.outcome(self._state.stage, intent) is None:
            return f"{intent.value} means nothing in {self._state.stage.value}"
        self._effects.refused = False
        self.post(stages.Intended(now_us, intent, now_us, source))
        if not self._effects.refused:
            return None
        if intent is Intent.TOGGLE_MUTE:
            return "the policy does not allow it"
        reasons = sorted(condition.value for condition in self._state.conditions)
        return ", ".join(reasons) or "not now"
