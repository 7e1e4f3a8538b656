"""Conditions are raised and cleared as events, once each."""

from __future__ import annotations

from camerad.base.clock import SECOND, ManualClock
from camerad.behaviour import stages
from camerad.behaviour.stages import Condition
from camerad.daemon.conditions import changes
from tests.unit.core_helpers import Heard, idle_core, lives

AT_US = 10 * SECOND
HOT = Condition.HOT


def test_a_condition_is_one_event_each_time_that_it_changes() -> None:
    clock = ManualClock(AT_US)
    core = idle_core(clock)
    heard = Heard(core)
    clock.advance(SECOND)
    core.conditions.clear(HOT)
    for _ in range(2):
        core.conditions.raise_(HOT)
    assert HOT in core.conditions
    assert core.state.conditions == {HOT}
    for holds in (True, False, False):
        core.conditions.set(HOT, holds=holds)
    assert HOT not in core.conditions
    at_us = AT_US + SECOND
    assert heard.events == [stages.Raised(at_us, HOT), stages.Cleared(at_us, HOT)]


def test_a_step_that_changes_no_condition_has_no_changes() -> None:
    core = idle_core(clock := ManualClock(AT_US))
    core.conditions.raise_(HOT)
    heard = Heard(core)
    lives(clock, lambda: core.post(stages.CutOff(AT_US)))
    (step,) = heard.steps
    assert changes(step) == ()


def test_what_is_raised_while_a_step_is_told_of_belongs_to_the_next_one() -> None:
    core = idle_core(ManualClock(AT_US))
    heard = Heard(core)
    core.dispatcher.listen(lambda _: core.conditions.raise_(Condition.DOCKED))
    core.conditions.raise_(HOT)
    assert [changes(step) for step in heard.steps] == [((HOT, True),), ((Condition.DOCKED, True),)]
