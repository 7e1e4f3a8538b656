"""A hand on the buttons, and a loop that ticks when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from camerad.behaviour import gestures
from camerad.behaviour.bindings import DEFAULT_ONE_BUTTON, DEFAULT_TWO_BUTTONS, ButtonTable
from camerad.behaviour.gestures import DecidedGesture, Edge, GestureTick, LevelsRead
from camerad.behaviour.stages import Intent, Stage

PRESETS = (DEFAULT_TWO_BUTTONS, DEFAULT_ONE_BUTTON)
MS = 1_000
SECOND = 1_000_000


class Hand:
    """Feeds edges and due ticks to the gestures, in the order of time.

    stage: what the camera is in, until something else is set. on_decision: called with each
    decision before anything later is looked at, as a daemon would carry it out. lag_us: how late
    the loop is with every Tick.
    """

    def __init__(
        self,
        tables: Sequence[ButtonTable] = DEFAULT_TWO_BUTTONS,
        stage: Stage = Stage.IDLE,
        on_decision: Callable[[DecidedGesture], None] | None = None,
        lag_us: int = 0,
    ) -> None:
        self.tables = tables
        self.stage = stage
        self.lag_us = lag_us
        self.state = gestures.initial(tables)
        self.decisions: list[DecidedGesture] = []
        self.now_us = 0
        self._on_decision = on_decision

    @property
    def due_us(self) -> int | None:
        return gestures.deadline(self.state, self.stage, self.tables)

    @property
    def awaited(self) -> str | None:
        return gestures.awaits_answer(self.state, self.stage, self.tables)

    def take(self, event: Edge | LevelsRead | GestureTick) -> tuple[DecidedGesture, ...]:
        awaited = self.awaited
        self.state, decided = gestures.step(self.state, event, self.stage, self.tables)
        if self.tables in PRESETS:
            # What ends a recording was offered to the hand before.
            stops = [one for one in decided if one.intent is Intent.STOP]
            assert all(one.button == awaited for one in stops), (awaited, stops)
        self.now_us = max(self.now_us, event.at_us)
        self.decisions += decided
        for decision in decided:
            if self._on_decision is not None:
                self._on_decision(decision)
        return decided

    def wait_until(self, at_us: int) -> None:
        """Tick whenever a tick is due, `lag_us` late."""
        while (due_us := self.due_us) is not None and due_us + self.lag_us <= at_us:
            self.take(GestureTick(max(due_us + self.lag_us, self.now_us)))
        self.now_us = max(self.now_us, at_us)

    def edges(self, button: str, *edges: tuple[int, bool]) -> None:
        for at_us, pressed in edges:
            self.wait_until(at_us)
            self.take(Edge(button, pressed, at_us))

    def press(
        self, button: str, at_us: int, for_us: int, bounces: Iterable[int] = (), settle: bool = True
    ) -> list[DecidedGesture]:
        """Press at `at_us`, release `for_us` later; bounces: microseconds after each of the two at
        which the contact opens and closes again. Returns what was decided, all time-outs over."""
        before = len(self.decisions)
        offsets = list(bounces)
        for start_us, level in ((at_us, True), (at_us + for_us, False)):
            self.edges(button, (start_us, level))
            for offset in offsets:
                self.edges(button, (start_us + offset, not level), (start_us + offset + 100, level))
        if settle:
            self.wait_until(at_us + for_us + 10 * SECOND)
        return self.decisions[before:]
