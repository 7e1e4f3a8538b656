"""Turns button edges into intents, and those into events.

Used on the event loop; only the lines' own edges come from another thread.
"""

from __future__ import annotations

from collections.abc import Callable

from camerad.behaviour import bindings, gestures, stages
from camerad.daemon.core import Core
from camerad.daemon.early_start import EarlyStart
from camerad.hardware.buttons import Buttons


class ButtonInput:
    """The buttons, from `take_over` to `close`. tables: what each button means in each stage.
    on_change: called when `awaits_answer` is another."""

    def __init__(
        self,
        core: Core,
        tables: tuple[bindings.ButtonTable, ...],
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._tables = tables
        self._core = core
        self._clock = core.clock
        self._gestures = gestures.initial(tables)
        self._on_change = on_change
        self._buttons: Buttons | None = None

    def take_over(self, early: EarlyStart) -> None:
        """What the buttons did so far counts, and what they do; one held by now that was never seen
        to be pressed counts from now."""
        held = set(early.held)

        def past(button: str, pressed: bool, at_us: int) -> None:
            self._edge(button, pressed, at_us, found=button in held)
            held.discard(button)

        self._buttons = early.hand_over(past, self._edge_from_thread)
        self._look_at_levels()

    def close(self) -> None:
        """Let go of the lines."""
        if self._buttons is not None:
            self._buttons.close()
            self._buttons = None

    def levels(self) -> dict[str, bool]:
        """Whether each button is pressed at this moment; empty while nothing is watched."""
        return {} if self._buttons is None else self._buttons.levels()

    @property
    def awaits_answer(self) -> str | None:
        """As `gestures.awaits_answer`."""
        return gestures.awaits_answer(self._gestures, self._core.state.stage, self._tables)

    def deadline(self) -> int | None:
        """When `tick` is due for a gesture, in microseconds; None while none is under way."""
        return gestures.deadline(self._gestures, self._core.state.stage, self._tables)

    def tick(self, now_us: int) -> None:
        """Time has passed."""
        # A missed interrupt shows in the line's level; a level already known changes nothing.
        self._look_at_levels()
        self._gesture(gestures.GestureTick(now_us))

    def _edge(self, button: str, pressed: bool, at_us: int, *, found: bool = False) -> None:
        self._gesture(gestures.Edge(button, pressed, at_us, found=found))

    def _edge_from_thread(self, button: str, pressed: bool, at_us: int) -> None:
        self._core.loop.threadsafe(self._gesture)(gestures.Edge(button, pressed, at_us))

    def _look_at_levels(self) -> None:
        if self._buttons is None:
            return
        levels = tuple(self._buttons.levels().items())
        # The time comes second: a release that was read belongs before it. A release dated before
        # the true one, by a loop that was held up in between, would make a press of its bounce.
        self._gesture(gestures.LevelsRead(levels, self._clock.now_us()))

    def _gesture(self, event: gestures.Edge | gestures.LevelsRead | gestures.GestureTick) -> None:
        awaited = self.awaits_answer
        self._gestures, decisions = gestures.step(
            self._gestures, event, self._core.state.stage, self._tables
        )
        self._core.post(
            *(
                stages.Intended(
                    decision.decided_us,
                    decision.intent,
                    decision.edge_us,
                    f"button:{decision.button}",
                    decision.began,
                )
                for decision in decisions
            )
        )
        if self.awaits_answer != awaited:
            self._on_change()
