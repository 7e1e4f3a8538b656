"""Raises and clears the camera's conditions, as events."""

from __future__ import annotations

from camerad.base.clock import Clock
from camerad.behaviour import stages
from camerad.behaviour.stages import Condition
from camerad.daemon.dispatcher import Dispatcher, Step


class Conditions:
    """Used on the event loop."""

    def __init__(self, dispatcher: Dispatcher, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._clock = clock

    def __contains__(self, condition: Condition) -> bool:
        return condition in self._dispatcher.state.conditions

    def raise_(self, condition: Condition) -> None:
        """Raise the condition; idempotent."""
        if condition not in self:
            self._dispatcher.post(stages.Raised(self._clock.now_us(), condition))

    def clear(self, condition: Condition) -> None:
        """Clear the condition; idempotent."""
        if condition in self:
            self._dispatcher.post(stages.Cleared(self._clock.now_us(), condition))

    def set(self, condition: Condition, *, holds: bool) -> None:
        """Raise or clear it."""
        (self.raise_ if holds else self.clear)(condition)


def changes(step: Step) -> tuple[tuple[Condition, bool], ...]:
    """The conditions that a step has changed, each with whether it holds now; in a fixed order."""
    before, after = step.before.conditions, step.after.conditions
    changed = sorted(before ^ after, key=lambda condition: condition.value)
    return tuple((condition, condition in after) for condition in changed)
