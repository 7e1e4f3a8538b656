"""One event, one step, its listeners in their order, one timer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from camerad.base.clock import SECOND, ManualClock
from camerad.behaviour import stages
from camerad.behaviour.bindings import DEFAULT_TWO_BUTTONS
from camerad.behaviour.stages import Condition, Intent, Stage
from camerad.daemon.button_input import ButtonInput
from camerad.daemon.dispatcher import Step, log_stage
from tests.system.virtual_time import VirtualLoop
from tests.unit.core_helpers import RULES, Heard, idle_core, lives, record, starting_core

AT_US = 10 * SECOND


class Alarm:
    """A part with one deadline."""

    def __init__(self, due_us: int | None) -> None:
        self.due_us = due_us
        self.ticks: list[int] = []

    def deadline(self) -> int | None:
        return self.due_us

    def tick(self, now_us: int) -> None:
        if self.due_us is not None and now_us >= self.due_us:
            self.ticks.append(now_us)
            self.due_us = None


class CountingLoop(VirtualLoop):
    """Counts how often a timer is set."""

    timers = 0

    def call_at(self, when: float, *args: Any, **options: Any) -> asyncio.TimerHandle:
        self.timers += 1
        return super().call_at(when, *args, **options)


def timers_of(clock: ManualClock, scene: Callable[[], None]) -> int:
    """How many timers the scene sets."""

    async def run() -> None:
        scene()

    loop = CountingLoop(clock)
    try:
        loop.run_until_complete(run())
        return loop.timers
    finally:
        loop.close()


def test_listeners_are_told_in_the_order_in_which_they_were_added() -> None:
    core = starting_core(ManualClock(AT_US))
    told: list[str] = []
    core.dispatcher.listen(lambda _: told.append("lights"), lambda _: told.append("effects"))
    core.dispatcher.listen(lambda _: told.append("counters"))
    core.post(stages.Ready(AT_US))
    assert told == ["lights", "effects", "counters"]


def test_the_first_listener_is_told_before_anything_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    core = starting_core(ManualClock(AT_US))
    logged: list[list[str]] = []
    core.dispatcher.listen(lambda _: logged.append(list(caplog.messages)), log_stage)
    core.post(stages.Ready(AT_US))
    assert logged == [[]]
    assert caplog.messages == ["starting -> idle"]


def test_a_listener_is_told_what_was_what_is_and_what_is_to_follow() -> None:
    core = starting_core(ManualClock(AT_US))
    heard, before, event = Heard(core), core.state, stages.Ready(AT_US)
    core.post(event)
    after, effects = stages.step(before, event, RULES)
    assert heard.steps == [Step(event, before, after, effects)]
    assert core.state == after


def test_an_event_that_comes_while_another_is_dispatched_comes_after_it() -> None:
    core = starting_core(ManualClock(AT_US))
    told: list[tuple[str, str]] = []

    def first(step: Step) -> None:
        told.append(("first", type(step.event).__name__))
        if isinstance(step.event, stages.Ready):
            core.conditions.raise_(Condition.HOT)
            assert Condition.HOT not in core.conditions, "one step after the other"

    core.dispatcher.listen(first, lambda step: told.append(("last", type(step.event).__name__)))
    core.post(stages.Ready(AT_US))
    assert told == [("first", "Ready"), ("last", "Ready"), ("first", "Raised"), ("last", "Raised")]
    assert Condition.HOT in core.conditions


def test_events_that_are_posted_together_are_taken_in_their_order() -> None:
    core = idle_core(ManualClock(AT_US))
    heard = Heard(core)
    raised, cleared = stages.Raised(AT_US, Condition.HOT), stages.Cleared(AT_US, Condition.HOT)
    core.post(raised, cleared)
    assert heard.events == [raised, cleared]


def test_who_waits_for_the_end_is_called_once_all_events_are_dispatched() -> None:
    core = idle_core(ManualClock(AT_US))
    calls: list[frozenset[Condition]] = []
    core.dispatcher.when_idle(lambda: calls.append(core.state.conditions))
    core.dispatcher.listen(lambda _: core.conditions.raise_(Condition.HOT))
    core.conditions.raise_(Condition.DOCKED)
    assert calls == [{Condition.DOCKED, Condition.HOT}]
    core.post()
    assert len(calls) == 1, "without an event nothing has happened"


def test_an_illegal_event_changes_nothing_and_is_told_to_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    core = idle_core(ManualClock(AT_US))
    heard, before = Heard(core), core.state
    core.post(stages.Opened(AT_US, "R"))
    assert (core.state, heard.steps) == (before, [])
    assert caplog.messages[0].startswith("ignored: Opened cannot happen in stage idle")
    core.conditions.raise_(Condition.HOT)
    assert len(heard.steps) == 1, "the next one is taken as ever"


def test_a_listener_that_fails_does_not_keep_the_next_event_from_being_taken() -> None:
    core = starting_core(ManualClock(AT_US))

    def fail(step: Step) -> None:
        if isinstance(step.event, stages.Ready):
            raise RuntimeError("a mistake")

    core.dispatcher.listen(fail)
    with pytest.raises(RuntimeError, match="a mistake"):
        core.post(stages.Ready(AT_US))
    core.conditions.raise_(Condition.HOT)
    assert Condition.HOT in core.conditions


# ---------------------------------------------------------------------------------- timer


def test_the_timer_is_armed_once_for_an_event_whatever_follows_from_it() -> None:
    clock = ManualClock(AT_US)
    core = idle_core(clock)
    core.dispatcher.keep_time(Alarm(AT_US + 9 * SECOND))
    core.dispatcher.listen(lambda _: core.conditions.raise_(Condition.HOT))
    assert timers_of(clock, lambda: record(core)) == 1


def test_the_timer_is_armed_once_for_an_edge_and_once_for_what_the_edge_decides() -> None:
    clock = ManualClock(AT_US)
    core = idle_core(clock)
    hands = ButtonInput(core, DEFAULT_TWO_BUTTONS)
    core.dispatcher.keep_time(hands)
    heard = Heard(core)

    def press(*, pressed: bool) -> Callable[[], None]:
        return lambda: hands._edge("display", pressed, clock.now_us())

    assert timers_of(clock, press(pressed=True)) == 1
    clock.advance(SECOND // 5)
    assert timers_of(clock, press(pressed=False)) == 1
    assert [type(event) for event in heard.events] == [stages.Intended]


def test_the_timer_is_armed_once_for_a_tick() -> None:
    clock = ManualClock(AT_US)
    core = idle_core(clock)
    first, second = Alarm(AT_US + SECOND), Alarm(AT_US + 9 * SECOND)
    core.dispatcher.keep_time(first)
    core.dispatcher.keep_time(second)
    core.dispatcher.listen(lambda _: core.conditions.raise_(Condition.HOT))
    loop = CountingLoop(clock)

    async def run() -> None:
        core.post()
        assert loop.timers == 1
        await asyncio.sleep(2)
        # The first, the sleep, and the one that the tick has armed.
        assert loop.timers == 3

    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
    assert (len(first.ticks), second.ticks) == (1, [])


def test_the_earliest_deadline_is_kept_whoever_has_it() -> None:
    clock = ManualClock(AT_US)
    core = idle_core(clock, rules=replace(RULES, reminder_us=20 * SECOND))
    heard, alarm = Heard(core), Alarm(AT_US + 5 * SECOND)
    core.dispatcher.keep_time(alarm)
    lives(clock, lambda: record(core), 30)
    (at_us,) = alarm.ticks
    assert at_us == pytest.approx(AT_US + 5 * SECOND, abs=10)
    assert heard.effects.count(stages.Cue(stages.CueKind.STILL_RECORDING)) == 1


def test_without_a_deadline_there_is_no_timer() -> None:
    clock = ManualClock(AT_US)
    core = idle_core(clock)
    core.dispatcher.keep_time(Alarm(None))
    assert timers_of(clock, lambda: core.conditions.raise_(Condition.HOT)) == 0


# --------------------------------------------------------------------------------- intend


def test_an_intent_is_carried_out_as_if_a_button_had_asked_for_it() -> None:
    clock = ManualClock(AT_US)
    core = idle_core(clock)
    heard = Heard(core)
    lives(clock, lambda: record(core))
    assert heard.events == [stages.Intended(AT_US, Intent.RECORD, AT_US, "test")]
    assert core.state.stage is Stage.RECORDING


def test_an_intent_that_means_nothing_here_is_refused_and_is_no_event() -> None:
    core = idle_core(ManualClock(AT_US))
    heard = Heard(core)
    assert core.dispatcher.intend(Intent.STOP, "test") == "stop means nothing in idle"
    assert heard.events == []


def test_a_recording_that_cannot_be_made_is_refused_with_what_is_the_matter() -> None:
    clock = ManualClock(AT_US)
    core = idle_core(clock)
    core.conditions.raise_(Condition.STORAGE_FULL)
    core.conditions.raise_(Condition.HOT)

    def scene() -> None:
        assert core.dispatcher.intend(Intent.RECORD, "test") == "hot, storage_full"
        assert core.state.stage is Stage.IDLE
        assert core.state.status_on

    lives(clock, scene, seconds=5.1)
    assert not core.state.status_on


def test_one_refusal_is_not_held_against_the_next_intent() -> None:
    clock = ManualClock(AT_US)
    core = idle_core(clock)
    core.conditions.raise_(Condition.STORAGE_FULL)

    def scene() -> None:
        assert core.dispatcher.intend(Intent.RECORD, "test") is not None
        core.conditions.clear(Condition.STORAGE_FULL)
        record(core)

    lives(clock, scene)


def test_muting_against_the_policy_is_refused_with_that_reason() -> None:
    clock = ManualClock(AT_US)
    core = idle_core(clock)

    def scene() -> None:
        record(core)
        refused = core.dispatcher.intend(Intent.TOGGLE_MUTE, "test")
        assert refused == "the policy does not allow it"

    lives(clock, scene)
    assert not core.state.muted


def test_a_recording_after_the_end_was_asked_for_is_refused_without_a_condition() -> None:
    core = starting_core(ManualClock(AT_US))
    core.post(stages.Shutdown(AT_US, "shutdown"))
    assert core.dispatcher.intend(Intent.RECORD, "test") == "not now"
