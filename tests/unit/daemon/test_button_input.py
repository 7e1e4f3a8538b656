"""Hands on buttons, on a loop that is held up where it hurts most."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from camerad.base.clock import ManualClock
from camerad.behaviour.bindings import DEFAULT_TWO_BUTTONS
from camerad.behaviour.stages import Intended, Intent
from camerad.daemon.button_input import ButtonInput
from camerad.daemon.early_start import EarlyStart, EdgeHandler
from tests.unit.core_helpers import Heard, idle_core, lives

MS = 1_000
AT = 10_000 * MS


class Lines:
    """Two buttons, read by a program that is held up meanwhile. read_us: how long reading takes;
    down: what the button that is pressed reads when that is over."""

    def __init__(self, clock: ManualClock, button: str) -> None:
        self._clock = clock
        self._button = button
        self.read_us = 0
        self.down = False

    held: frozenset[str] = frozenset()
    """What was held when it was looked at first; it is let go a moment later."""

    def hand_over(self, past: EdgeHandler, _handler: EdgeHandler) -> Lines:
        for button in self.held:
            past(button, True, AT - 900 * MS)
            past(button, False, AT - 200 * MS)
        return self

    def levels(self) -> dict[str, bool]:
        self._clock.advance(self.read_us)
        return {name: name == self._button and self.down for name in ("main", "display")}


class Life:
    """A camera in idle, of which only the hands are there."""

    def __init__(self, button: str) -> None:
        self.clock = ManualClock(AT - 100 * MS)
        self.core = idle_core(self.clock)
        self.heard = Heard(self.core)
        self.lines = Lines(self.clock, button)
        self.hands = ButtonInput(self.core, DEFAULT_TWO_BUTTONS)
        self.hands.take_over(cast(EarlyStart, self.lines))
        self.edge: Callable[[bool, int], None] = lambda pressed, at_us: self.hands._edge(
            button, pressed, at_us
        )

    @property
    def intents(self) -> list[Intent]:
        """What the hands have asked for; the first of it leads to self-view."""
        return [event.intent for event in self.heard.events if isinstance(event, Intended)]

    def look(self, at_us: int, read_us: int, *, down: bool) -> None:
        """Let the hands look from `at_us` on."""
        self.clock.advance(at_us - self.clock.now_us())
        self.lines.read_us, self.lines.down = read_us, down
        self.hands.tick(at_us)


@pytest.mark.parametrize("button", ["main", "display"])
def test_a_press_whose_end_is_read_late_is_one_press(button: str) -> None:
    """In self-view, where the first press leads, another one would record."""

    def scene() -> None:
        life = Life(button)
        life.edge(True, AT)
        life.edge(False, AT + MS)  # a bounce, of which the other half is not told yet
        # The look begins in the press, and is held up until that is over.
        life.look(AT + 60 * MS, 50 * MS, down=False)
        for at_us, pressed in ((3, True), (100, False), (102, True), (104, False)):
            life.edge(pressed, AT + at_us * MS)
        life.look(AT + 200 * MS, 0, down=False)
        assert len(life.intents) == 1

    lives(ManualClock(), scene)


@pytest.mark.parametrize("button", ["main", "display"])
def test_a_press_whose_bounce_is_told_late_is_one_press(button: str) -> None:
    def scene() -> None:
        life = Life(button)
        for began, down in ((AT, True), (AT + 100 * MS, False)):
            life.edge(down, began)
            life.edge(not down, began + 2 * MS)
            life.look(began + 30 * MS, 0, down=down)
            life.edge(down, began + 4 * MS)
        life.look(AT + 200 * MS, 0, down=False)
        assert len(life.intents) == 1

    lives(ManualClock(), scene)


@pytest.mark.parametrize(("button", "means"), [("main", Intent.RECORD), ("display", None)])
def test_a_button_that_was_held_before_the_start_looked_is_never_taken_for_less(
    button: str, means: Intent | None
) -> None:
    """It was held since when, nobody knows: 0.7 s of it were seen, and a second records."""

    def scene() -> None:
        Lines.held = frozenset({button})
        life = Life(button)
        expected = [Intent.TOGGLE_SELF_VIEW if means is None else means]
        assert life.intents == expected
        assert [one.edge_us for one in life.heard.events if isinstance(one, Intended)] == [
            AT - 900 * MS
        ]

    try:
        lives(ManualClock(AT), scene)
    finally:
        Lines.held = frozenset()
