"""Dispatches an event: one step of the stage machine, then its subscribers, in order.

The state lives here, and so do the queue of events and the one timer of the daemon.
`camerad.behaviour.stages.step` decides; the dispatcher decides nothing. It tells each step to its
listeners in the order in which they were added. The first lights red before anything else happens,
so that the light is on before the first byte is kept (P3), and before anything is logged.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from camerad.base.clock import SECOND, Clock
from camerad.base.message_ids import Log, MessageId
from camerad.behaviour import stages
from camerad.behaviour.stages import Intent

log = Log(__name__)


class Step(msgspec.Struct, frozen=True):
    """One step of the stage machine. effects: what is to follow, in its order."""

    event: stages.Event
    before: stages.State
    after: stages.State
    effects: tuple[stages.Effect, ...]

    @property
    def restaged(self) -> bool:
        """Whether it has led to another stage, or has switched the display."""
        before, after = self.before, self.after
        return (before.stage, before.display_on) != (after.stage, after.display_on)

    @property
    def cut_off(self) -> bool:
        """Whether the wearer is told that a recording was cut off and does not go on."""
        return stages.Cue(stages.CueKind.CUT_OFF) in self.effects


Listener = Callable[[Step], None]


def log_stage(step: Step) -> None:
    """Log the stage, where the step has led to another."""
    if step.after.stage is not step.before.stage:
        log.info(MessageId.STAGE, "%s -> %s", step.before.stage.value, step.after.stage.value)


class Timed(Protocol):
    """A part with deadlines of its own, which the daemon's timer keeps."""

    def deadline(self) -> int | None:
        """When `tick` is due, in microseconds of the clock; None while it is not."""

    def tick(self, now_us: int) -> None:
        """Time has passed."""


class Dispatcher:
    """Used on the event loop. rules: may be replaced before the first event."""

    def __init__(self, rules: stages.Rules, clock: Clock) -> None:
        self.rules = rules
        self.state: stages.State = stages.initial(rules, clock.now_us())
        """The state as it is now."""
        self._clock = clock
        self._events: deque[stages.Event] = deque()
        self._dispatching = False
        self._ticking = False
        self._refused = False
        self._timer: asyncio.TimerHandle | None = None
        self._timed: list[Timed] = []
        self._listeners: list[Listener] = []
        self._idle: list[Callable[[], None]] = []

    def listen(self, *listeners: Listener) -> None:
        """Tell these of every step, after those that listen already."""
        self._listeners += listeners

    def when_idle(self, handler: Callable[[], None]) -> None:
        """Call this whenever all events that had come are dispatched."""
        self._idle.append(handler)

    def keep_time(self, part: Timed) -> None:
        """Keep the deadlines of this part as well."""
        self._timed.append(part)

    def post(self, *events: stages.Event) -> None:
        """Take events. What follows from them is done before this returns; if another event is
        being dispatched, after that one. Without any, only the timer is armed anew: a deadline may
        have changed."""
        self._events += events
        if self._dispatching:
            return
        self._dispatching = True
        try:
            while self._events:
                self._dispatch(self._events.popleft())
        finally:
            self._dispatching = False
        if not self._ticking:
            self._arm()
        if events:
            for handler in self._idle:
                handler()

    def intend(self, intent: Intent, source: str) -> str | None:
        """Carry out an intent that did not come from a button; returns why it was refused, or
        None."""
        if stages.outcome(self.state.stage, intent) is None:
            return f"{intent.value} means nothing in {self.state.stage.value}"
        now_us = self._clock.now_us()
        self._refused = False
        self.post(stages.Intended(now_us, intent, now_us, source))
        if not self._refused:
            return None
        if intent is Intent.TOGGLE_MUTE:
            return "the policy does not allow it"
        reasons = sorted(condition.value for condition in self.state.conditions)
        return ", ".join(reasons) or "not now"

    def _dispatch(self, event: stages.Event) -> None:
        before = self.state
        try:
            self.state, effects = stages.step(before, event, self.rules)
        except stages.IllegalEvent as error:
            log.warning(MessageId.IMPOSSIBLE, "ignored: %s", error)
            return
        self._refused = self._refused or stages.Cue(stages.CueKind.REFUSED) in effects
        step = Step(event, before, self.state, effects)
        for listener in self._listeners:
            listener(step)

    def _arm(self) -> None:
        """Set the one timer to whatever comes first."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadlines = [part.deadline() for part in self._timed]
        deadlines.append(stages.deadline(self.state, self.rules))
        due = [deadline for deadline in deadlines if deadline is not None]
        if due:
            delay = max(0, min(due) - self._clock.now_us()) / SECOND
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now_us = self._clock.now_us()
        self._ticking = True
        try:
            for part in self._timed:
                part.tick(now_us)
            self.post(stages.Tick(now_us))
        finally:
            self._ticking = False
        self._arm()
