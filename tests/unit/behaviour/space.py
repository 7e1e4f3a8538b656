"""Every state that can be reached, and every event in each of them.

The search is breadth first from the state after power-on, over a finite abstraction that loses
nothing the machine could tell apart:

- *Time.* It only ever compares an event with its deadline, so three Ticks stand for all: before,
  at, and long after it. After each step the times in the state are set back to the same values.
- *Conditions.* All subsets of those that change what happens (MATTERS), and each of the rest alone:
  those are only felt and shown, or the tables treat them as they treat one of MATTERS (LIKE). Every
  condition is tried in every state as an event; mixtures with the rest are not followed, and left
  to the random walk in test_stages_machine.py.
- *The world* (`World`) goes with the state: Closed, Opened, Wiped, Ready and Failed are followed
  when it could have brought them about, and tried everywhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain, product
from typing import NamedTuple

from msgspec.structs import replace

from camerad.behaviour import stages
from camerad.behaviour.events import CONTINUED
from camerad.behaviour.stages import Condition, Effect, Event, IllegalEvent, Intent, Rules, State
from tests.unit.behaviour.world import POST_EVENT_US, ImpossibleError, World

NOW_US = 1_000
EDGE_US = 900
REMEMBERED_US = 700
TIMEOUT_US = 60_000_000
REMINDER_US = 120_000_000
STATUS_US = 5_000_000
SOURCE = "button:main"

START = World()

MATTERS = frozenset(
    {
        Condition.CAMERA_DOWN,
        Condition.STORAGE_FULL,
        Condition.STORAGE_FAILED,
        Condition.NO_RECIPIENTS,
        Condition.DISPLAY_DOWN,
        Condition.LIGHT_DOWN,
    }
)
REST = frozenset(Condition) - MATTERS
LIKE = {
    Condition.STORAGE_READ_ONLY: Condition.STORAGE_FAILED,
    Condition.LEDGER_FAILED: Condition.NO_RECIPIENTS,
    Condition.UNPROVISIONED: Condition.NO_RECIPIENTS,
}
"""Conditions that refuse and end what another one does; `test_stages_promises` makes sure."""

ALL_RULES = tuple(
    Rules(
        frozenset(armed_in),
        TIMEOUT_US,
        REMINDER_US,
        display_in_recording,
        may_mute=bool(number % 2) ^ display_in_recording,
        post_event_us=POST_EVENT_US * (bool(number // 2) ^ display_in_recording),
        status_us=STATUS_US,
        status_at_ready=bool(number % 2) ^ (not display_in_recording),
    )
    for (number, armed_in), display_in_recording in product(
        enumerate(
            ((), (stages.Stage.IDLE,), (stages.Stage.SELF_VIEW,), tuple(stages.ARMABLE)),
        ),
        (False, True),
    )
)
"""Any two of the rules in every combination; the last two have nothing to do with each other."""


class Transition(NamedTuple):
    """One event in one state.

    possible: whether the world could have brought the event about. after is None where the event
    was illegal. during: the world once the event is known and before its effects; then: afterwards.
    wrong: an effect that made no sense.
    """

    rules: Rules
    before: State
    world: World
    event: Event
    possible: bool
    after: State | None = None
    effects: tuple[Effect, ...] = ()
    during: World = START
    then: World = START
    wrong: str | None = None


def take(rules: Rules, before: State, world: World, event: Event) -> Transition:
    """One step, carried out."""
    possible = world.can(event)
    try:
        after, effects = stages.step(before, event, rules)
    except IllegalEvent:
        return Transition(rules, before, world, event, possible)
    during = world.after_event(event)
    try:
        then, wrong = during.after_effects(effects, after), None
    except ImpossibleError as error:
        then, wrong = during, str(error)
    return Transition(rules, before, world, event, possible, after, effects, during, then, wrong)


def explore(
    rules: Rules,
    matters: frozenset[Condition] = MATTERS,
    rest: frozenset[Condition] = REST,
    *,
    hands: bool = False,
) -> Iterator[Transition]:
    """Every event in every state that can be reached under `rules`.

    hands: gestures too, whose press began in any other stage, or in an earlier recording.
    """
    first = (_timeless(stages.initial(rules, 0)), START)
    known = {first}
    queue = deque(known)
    # There are more than a million transitions: what is the same in all of them is made once.
    events = tuple(_events(matters | rest))
    events += tuple(_gestures()) if hands else ()
    while queue:
        state, world = queue.popleft()
        for event in chain(events, _ticks(state, rules)):
            transition = take(rules, state, world, event)
            yield transition
            after = transition.after
            if after is None or not transition.possible or transition.wrong is not None:
                continue
            if after is state and transition.then is world:
                continue
            if after.conditions & rest and len(after.conditions) > 1:
                continue
            reached = (_timeless(after), transition.then)
            if reached not in known:
                known.add(reached)
                queue.append(reached)


def _events(conditions: frozenset[Condition]) -> Iterator[Event]:
    for intent in Intent:
        yield stages.Intended(NOW_US, intent, EDGE_US, SOURCE)
    yield stages.Intended(NOW_US, Intent.RECORD, EDGE_US, CONTINUED)
    for condition in conditions:
        yield stages.Raised(NOW_US, condition)
        yield stages.Cleared(NOW_US, condition)
    yield stages.CutOff(NOW_US)
    yield stages.GivenUp(NOW_US)
    yield stages.Ready(NOW_US)
    yield stages.Wiped(NOW_US)
    yield stages.Opened(NOW_US, "id")
    yield stages.Closed(NOW_US)
    yield stages.Failed(NOW_US, "input/output error")
    yield stages.Failed(NOW_US, "input/output error", closing=True)
    yield stages.Shutdown(NOW_US)
    yield stages.Tick(NOW_US)


def _gestures() -> Iterator[Event]:
    for began, intent, edge_us in product(stages.Stage, Intent, (EDGE_US, -1)):
        yield stages.Intended(NOW_US, intent, edge_us, SOURCE, began)


def _ticks(state: State, rules: Rules) -> Iterator[Event]:
    due = stages.deadline(state, rules)
    if due is not None:
        yield stages.Tick(due - 1)
        yield stages.Tick(due)
        yield stages.Tick(10 * due)


def _timeless(state: State) -> State:
    remembered_us = 0 if state.remembered is None else REMEMBERED_US
    times = (state.entered_us, state.reminded_us, state.status_at_us, state.remembered_us)
    if times == (0, 0, 0, remembered_us):
        return state  # most are: to make a million again takes a tenth of the search
    return replace(
        state,
        entered_us=0,
        reminded_us=0,
        status_at_us=0,
        remembered_us=remembered_us,
    )
