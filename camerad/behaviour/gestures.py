"""Turns edges of a button into intents: presses, holds, and both together; without the bounce.

Rules of this file
------------------
1. It is pure: edges and ticks come in with their time, decisions go out.
2. A press is never lost. The first edge counts at once; changes within the debounce time are taken
   for bounce, and the level is read again when that time is over. A level may be reported any
   number of times: a known level changes nothing, and a report repairs an edge that was missed. A
   button that is down at the first report counts as pressed from then on. A level that is read from
   the line now overrides an edge that was reported before: the edge was the first half of a bounce,
   and its second half is still on the way.
3. One press, or one double press, is one intent. Once decided, only a new press begins another:
   the hold that started a recording cannot stop it.

Theory of operation
-------------------
A gesture begins with a press and is judged, from then to its end, by the stage of that instant: a
binding counts if it names that stage. So a stage that changes under the finger, because self-view
timed out or a program started a recording, never gives a hold another meaning than at its
beginning, least of all a stop. The intent carries that stage, and `stages` ignores an intent that
made sense there alone.

What a gesture may still become is a short list: press or double press or a hold of some length. At
every edge, and whenever a hold's time is reached or the time for a second press is over, the list
gets shorter. Each item leads to an outcome (`stages.outcome`), and as soon as all of them lead to
the same one, the gesture is decided, at that instant and no later. Where press and hold both
record, the first edge records. Where they differ, the release decides for the press and the clock
for the hold. Only a button that has a double press in this stage, or a press and hold, waits after
the release; and only where both have a meaning does the release or the clock decide between them.

    NONE --press--> DOWN --release, a second press is possible--> BETWEEN --second press--> AGAIN
      ^              |                                               |                        |
      '---decided----+----------------decided: too late--------------+------------------------'

A HOLD_PRESS has more steps. Held for its length, it asks at once (`Intent.ASK`), and the hand feels
the answer. Letting go then, and one press, end the recording:

    DOWN --held--> HELD --let go--> OFFERED --press--> ANSWER --brief--> SETTLING --> decided
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import takewhile
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from camerad.behaviour import stages
from camerad.behaviour.bindings import Binding, ButtonTable, Gesture
from camerad.behaviour.stages import Intent, Stage


class Edge(msgspec.Struct, frozen=True):
    """A button's level at `at_us`: an edge, or, if `looked`, the level read just now. found: the
    button was not watched before; the time of its press is unknown."""

    button: str
    pressed: bool
    at_us: int
    looked: bool = False
    found: bool = False


class LevelsRead(msgspec.Struct, frozen=True):
    """Levels read from all lines by `at_us`, by name of the button. They are reported together: one
    report lets time pass for all, and would end the bounce of another button before its own line is
    read."""

    levels: tuple[tuple[str, bool], ...]
    at_us: int

    def edges(self) -> list[Edge]:
        """One for each."""
        return [Edge(name, pressed, self.at_us, looked=True) for name, pressed in self.levels]


class GestureTick(msgspec.Struct, frozen=True):
    """Time has passed; due when `deadline` says, and harmless at any other time."""

    at_us: int


class DecidedGesture(msgspec.Struct, frozen=True):
    """A gesture and what it means.

    edge_us: the first edge of the gesture. decided_us: the instant from which only this intent was
    possible, however late the loop got there. began: the stage in which its first press began.
    """

    button: str
    intent: Intent
    edge_us: int
    decided_us: int
    began: Stage


CALM_US, LET_GO_US, STILL_US = 1_000_000, 1_000_000, 200_000
ANSWER_US, BRIEF_US = 3_000_000, 700_000
"""Before a HOLD_PRESS nothing was pressed for CALM_US. It is let go within LET_GO_US of being felt;
nothing is pressed for STILL_US; and the press begins within ANSWER_US of it and lasts less than
BRIEF_US. Anything else is a press like any other. docs/signals.md has what was measured."""


class _Phase(Enum):
    NONE = "none"
    """Nothing is under way, though the button may still be down."""
    DOWN = "down"
    BETWEEN = "between"
    AGAIN = "again"
    """Down for the second time."""
    HELD = "held"
    """Down for the length of a HOLD_PRESS; the hand has been told."""
    OFFERED = "offered"
    """Let go in time: a press may answer."""
    ANSWER = "answer"
    """Down to answer."""
    SETTLING = "settling"
    """It has answered, unless another press follows."""


class _Button(msgspec.Struct, frozen=True):
    """One button.

    level, level_us: as last reported, and since when. pressed: the same without bounce. settle_us:
    until then changes are bounce. stage, edge_us: those of the press that began the gesture.
    again_us: the edge of the second press. judged_us: until then it is known that more than one
    outcome is left; in HELD and OFFERED, when the hand was told. released_us: the end of a press
    that may be followed by another. ended_us: when the end of the last press was concluded, since
    the button was up after the debounce time; a press from before then that is reported later
    shows that this press went on. up_us: when the last contact ended.
    """

    level: bool = False
    level_us: int = 0
    pressed: bool = False
    settle_us: int = 0
    phase: _Phase = _Phase.NONE
    stage: Stage = Stage.STARTING
    edge_us: int = 0
    again_us: int = 0
    judged_us: int = 0
    released_us: int = 0
    ended_us: int = 0
    up_us: int = -CALM_US


class GestureState(msgspec.Struct, frozen=True):
    """State of every button, in the order of the tables, and edges not yet processed."""

    buttons: tuple[_Button, ...]
    queue: tuple[Edge, ...] = ()


_Result: TypeAlias = tuple[_Button, DecidedGesture | None]

_GOES_ON: Final = {
    _Phase.BETWEEN: _Phase.DOWN,
    _Phase.OFFERED: _Phase.HELD,
    _Phase.SETTLING: _Phase.ANSWER,
}
"""The phase to go back to if a release was half a bounce."""


def initial(tables: Sequence[ButtonTable]) -> GestureState:
    """Every button up, until its level is reported."""
    return GestureState(tuple(_Button() for _ in tables))


def deadline(gs: GestureState, stage: Stage, tables: Sequence[ButtonTable]) -> int | None:
    """When the next Tick is due; in the past: at once. None: only an edge changes anything."""
    del stage  # a gesture is judged by the stage it began in
    dues = [_due(button, table) for button, table in zip(gs.buttons, tables, strict=True)]
    dues += [edge.at_us for edge in gs.queue[:1]]
    return min((due for due in dues if due is not None), default=None)


def awaits_answer(gs: GestureState, stage: Stage, tables: Sequence[ButtonTable]) -> str | None:
    """Name of the button that was let go in time after a HOLD_PRESS, so that a press answers."""
    awaits = (_Phase.OFFERED, _Phase.ANSWER, _Phase.SETTLING)
    pairs = zip(gs.buttons, tables, strict=True)
    found = (on.name for one, on in pairs if one.phase in awaits and one.stage is stage)
    return next(found, None)


def step(
    gs: GestureState,
    event: Edge | LevelsRead | GestureTick,
    stage: Stage,
    tables: Sequence[ButtonTable],
) -> tuple[GestureState, tuple[DecidedGesture, ...]]:
    """The state after `event`, and none or one decision.

    stage: that of the camera now. A decision may change it, so events after one, such as the next
    press, wait for the next step; `deadline` then asks for it at once. Edges may arrive later than
    a Tick with a later time; nothing is lost by it. Raises ValueError for a button that no table
    names.
    """
    queue = list(gs.queue)
    if not isinstance(event, GestureTick):
        edges = [event] if isinstance(event, Edge) else event.edges()
        for edge in edges:
            _index(edge, tables)
        queue += edges
    buttons = list(gs.buttons)
    while True:
        for look in takewhile(lambda edge: edge.looked, queue):
            index = _index(look, tables)
            buttons[index] = _looked(buttons[index], look)
        due_us, index = _next(buttons, tables)
        if due_us is not None and due_us <= (queue[0].at_us if queue else event.at_us):
            button, decision = _moment(buttons[index], tables[index], due_us, stage)
        elif queue:
            edge = queue.pop(0)
            index = _index(edge, tables)
            button, decision = _seen(buttons[index], tables[index], edge, stage)
        else:
            return GestureState(tuple(buttons)), ()
        buttons[index] = button
        if decision is not None:
            return GestureState(tuple(buttons), tuple(queue)), (decision,)


def _index(edge: Edge, tables: Sequence[ButtonTable]) -> int:
    names = [table.name for table in tables]
    if edge.button not in names:
        raise ValueError(f"no button is called {edge.button}; there is {', '.join(names)}")
    return names.index(edge.button)


def _next(buttons: Sequence[_Button], tables: Sequence[ButtonTable]) -> tuple[int | None, int]:
    """When the first button is due, and which."""
    dues = [(_due(button, tables[index]), index) for index, button in enumerate(buttons)]
    return min(((due, index) for due, index in dues if due is not None), default=(None, 0))


# ------------------------------------------------------------------------------------ one button


def _due(button: _Button, table: ButtonTable) -> int | None:
    """When this button's state changes without an edge."""
    dues = [button.settle_us] if button.level != button.pressed else []
    if button.phase in (_Phase.BETWEEN, _Phase.SETTLING):
        dues.append(button.released_us + table.double_press_us)
    if button.phase is _Phase.OFFERED:
        dues.append(button.judged_us + ANSWER_US)
    if button.phase is _Phase.ANSWER:
        dues.append(button.again_us + BRIEF_US)
    if button.phase in (_Phase.DOWN, _Phase.AGAIN):
        holds, since_us = _holds(button, table)
        reached = [since_us + hold.hold_us for hold in holds]
        dues += [at_us for at_us in reached if at_us > button.judged_us]
    return min(dues, default=None)


def _moment(button: _Button, table: ButtonTable, at_us: int, stage: Stage) -> _Result:
    """Carry out what is due at `at_us`."""
    if button.level != button.pressed and button.settle_us <= at_us:
        ended_us = button.settle_us if button.pressed else button.ended_us
        return _change(replace(button, ended_us=ended_us), table, at_us, stage)
    match button.phase:
        case _Phase.OFFERED:
            return replace(button, phase=_Phase.NONE), None
        case _Phase.SETTLING:
            stop = _bound(button, table, Gesture.HOLD_PRESS)[0]
            return _decided(replace(button, phase=_Phase.NONE), table, stop.intent, at_us)
        case _Phase.ANSWER:  # too long for one: a press like any other
            button = replace(button, phase=_Phase.DOWN, edge_us=button.again_us)
        case _Phase.BETWEEN:
            return _judge(button, table, _press(button, table), at_us)
        case _:
            pass
    return _judge(button, table, _left(button, table, at_us), at_us)


def _looked(button: _Button, look: Edge) -> _Button:
    """The button, if the line reads as before its last edge: that edge was bounce then.

    The other half of the bounce is on its way; a press that came and went since is reported by
    edges of its own, or was shorter than bounce.
    """
    if button.level == button.pressed or look.pressed != button.pressed:
        return button
    return replace(button, level=look.pressed, level_us=look.at_us)


def _seen(button: _Button, table: ButtonTable, edge: Edge, stage: Stage) -> _Result:
    """A level was reported."""
    if edge.pressed == button.level:
        return button, None
    button = replace(button, level=edge.pressed, level_us=edge.at_us)
    if edge.pressed and edge.at_us < button.ended_us:
        return _resumed(button, table), None
    if edge.at_us < button.settle_us:
        return button, None
    button, decision = _change(button, table, edge.at_us, stage)
    return _found(button, table) if edge.found and decision is None else (button, decision)


def _found(button: _Button, table: ButtonTable) -> _Result:
    """A button that was held before it was watched, as in a restart. Where a hold records, it
    counts as a hold: a press is never taken for less."""
    for hold in _bound(button, table, Gesture.HOLD):
        if stages.outcome(button.stage, hold.intent) is stages.Outcome.RECORD:
            decided = (hold.intent, button.edge_us, button.edge_us, button.stage)
            return replace(button, phase=_Phase.NONE), DecidedGesture(table.name, *decided)
    return button, None


def _resumed(button: _Button, table: ButtonTable) -> _Button:
    """The button, if a supposed release was half a bounce: the press goes on, and may have been
    decided by now."""
    phase = _GOES_ON.get(button.phase, button.phase)
    settle_us = button.level_us + table.debounce_us
    return replace(button, pressed=True, settle_us=settle_us, phase=phase)


def _change(button: _Button, table: ButtonTable, at_us: int, stage: Stage) -> _Result:
    """The button was really pressed or released, at `level_us`; this is known at `at_us`."""
    calm = button.edge_us >= button.up_us + CALM_US
    button = replace(button, pressed=button.level, settle_us=button.level_us + table.debounce_us)
    if not button.pressed:
        button = replace(button, up_us=button.level_us)
    match button.phase:
        case _Phase.OFFERED if button.stage is stage and _is_still(button):
            return replace(button, phase=_Phase.ANSWER, again_us=button.level_us), None
        case _Phase.NONE | _Phase.OFFERED if button.pressed:
            button = replace(button, phase=_Phase.DOWN, stage=stage, edge_us=button.level_us)
        case _Phase.SETTLING:  # another press: neither is an answer
            edge_us = button.again_us
            button = replace(button, phase=_Phase.AGAIN, edge_us=edge_us, again_us=button.level_us)
        case _Phase.BETWEEN:
            button = replace(button, phase=_Phase.AGAIN, again_us=button.level_us)
        case _Phase.DOWN:
            button = replace(button, phase=_Phase.BETWEEN, released_us=button.level_us)
        case _Phase.AGAIN:
            pass
        case _Phase.HELD:
            in_time = button.level_us <= button.judged_us + LET_GO_US
            phase = _Phase.OFFERED if calm and in_time else _Phase.NONE
            return replace(button, phase=phase, released_us=button.level_us), None
        case _Phase.ANSWER:
            return replace(button, phase=_Phase.SETTLING, released_us=button.level_us), None
        case _:
            return button, None
    return _judge(button, table, _left(button, table, at_us), at_us)


def _is_still(button: _Button) -> bool:
    """Whether a press after a hold comes from a hand, not from a contact that trembles."""
    return button.level_us >= button.released_us + STILL_US


def _bound(button: _Button, table: ButtonTable, gesture: Gesture) -> list[Binding]:
    """The bindings of a gesture in the stage it began in, shorter holds first."""
    bindings = [
        binding
        for binding in table.bindings
        if binding.gesture is gesture and button.stage in binding.stages
    ]
    return sorted(bindings, key=lambda binding: binding.hold_us)


def _holds(button: _Button, table: ButtonTable) -> tuple[list[Binding], int]:
    """What the present press may become by being held, and its edge."""
    if button.phase is _Phase.AGAIN:
        return _bound(button, table, Gesture.PRESS_HOLD), button.again_us
    holds = _bound(button, table, Gesture.HOLD) + _bound(button, table, Gesture.HOLD_PRESS)
    return sorted(holds, key=lambda hold: hold.hold_us), button.edge_us


def _press(button: _Button, table: ButtonTable) -> list[Binding | None]:
    """The meaning of a press; None: nothing."""
    return [*_bound(button, table, Gesture.PRESS)] or [None]


def _left(button: _Button, table: ButtonTable, at_us: int) -> list[Binding | None]:
    """The possible results of the gesture, the likeliest first."""
    holds, since_us = _holds(button, table)
    held_us = at_us - since_us
    reached = [hold for hold in holds if hold.hold_us <= held_us][-1:]
    longer = [hold for hold in holds if hold.hold_us > held_us and button.pressed]
    if reached:
        return [*reached, *longer]
    press = _press(button, table)
    double = _bound(button, table, Gesture.DOUBLE_PRESS)
    if button.phase is _Phase.AGAIN:
        return [*(double or press), *longer]
    return [*press, *double, *_bound(button, table, Gesture.PRESS_HOLD), *longer]


def _judge(
    button: _Button, table: ButtonTable, left: Sequence[Binding | None], at_us: int
) -> _Result:
    """Decide, if everything that is left leads to the same outcome."""
    outcomes = {
        None if binding is None else stages.outcome(button.stage, _meant(binding))
        for binding in left
    }
    if len(outcomes) > 1:
        return replace(button, judged_us=at_us), None
    binding = left[0]
    held = binding is not None and binding.gesture is Gesture.HOLD_PRESS
    phase = _Phase.HELD if held else _Phase.NONE
    button = replace(button, phase=phase, judged_us=at_us)
    if binding is None or outcomes == {None}:
        return button, None
    return _decided(button, table, _meant(binding), at_us)


def _meant(binding: Binding) -> Intent:
    """The intent of a gesture as far as it has come: the hold of a HOLD_PRESS asks."""
    return Intent.ASK if binding.gesture is Gesture.HOLD_PRESS else binding.intent


def _decided(button: _Button, table: ButtonTable, intent: Intent, at_us: int) -> _Result:
    return button, DecidedGesture(table.name, intent, button.edge_us, at_us, button.stage)
