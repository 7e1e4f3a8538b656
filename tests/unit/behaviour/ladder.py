"""A camera's process on the recovery ladder, for examples and for random misfortune."""

from __future__ import annotations

from camerad.behaviour import supervision
from camerad.behaviour.supervision import (
    Action,
    Budget,
    Event,
    Exited,
    FrameSeen,
    ProcessStarted,
    RecoveryTick,
    Start,
)

SECOND = 1_000_000
FRAME_US = 33_333
BUDGET = Budget()


class Ladder:
    """The recovery ladder, its time, and everything it did, with the time of each."""

    def __init__(self, budget: Budget = BUDGET) -> None:
        self.budget = budget
        self.now_us = 0
        self.state = supervision.initial(0)
        self.log: list[tuple[int, Action]] = []

    def take(self, event: Event) -> list[Action]:
        self.now_us = event.at_us
        self.state, actions = supervision.step(self.state, event, self.budget)
        self.log += [(self.now_us, action) for action in actions]
        return list(actions)

    @property
    def due_us(self) -> int:
        return supervision.deadline(self.state, self.budget)

    def wait(self, microseconds: int) -> list[Action]:
        """Tick when a tick is due; returns what was done."""
        until_us, done = self.now_us + microseconds, []
        while (due_us := self.due_us) <= until_us:
            done += self.take(RecoveryTick(due_us))
        self.now_us = until_us
        return done

    def start(self) -> None:
        assert self.wait(0) == [Start()]
        self.take(ProcessStarted(self.now_us))

    def deliver(self, microseconds: int) -> list[Action]:
        """Frames at 30 a second; returns what was done meanwhile."""
        until_us, done = self.now_us + microseconds, []
        while self.now_us < until_us:
            done += self.wait(FRAME_US)
            done += self.take(FrameSeen(self.now_us))
        return done

    def exit(self, code: int = -9) -> list[Action]:
        return self.take(Exited(self.now_us, code))
