"""Shifts by example: the scenes of shift_scenes.txt.

A line is ``SECONDS EVENT; CAMERA -> EFFECTS | STATE``: what comes, the camera's stage and
conditions then, all that follows, and who wears the camera behind it, since when and said by whom.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from camerad.behaviour import shift
from camerad.behaviour.events import CONTINUED
from camerad.behaviour.shift import (
    BadgeSeen,
    BeginShift,
    Effect,
    EndShift,
    ShiftBegan,
    ShiftEndReason,
    ShiftKnown,
    ShiftLook,
    ShiftOver,
    ShiftRefused,
    ShiftRules,
    ShiftState,
    Source,
)
from camerad.behaviour.stages import Condition, Cue, Intent, Stage
from camerad.behaviour.stages import State as Camera
from tests.scenes import as_parameters

SECOND = 1_000_000
RULES = ShiftRules(longest_us=14 * 3600 * SECOND, reminder_us=120 * SECOND, badge_us=60 * SECOND)


def seconds(us: int) -> str:
    """Microseconds as seconds."""
    return f"{us / SECOND:.6f}".rstrip("0").removesuffix(".")


def event(words: str, at_us: int) -> shift.Event:
    """An event by its words."""
    name, *facts = words.split()
    match name:
        case "look":
            return ShiftLook(at_us, pressed="pressed" in facts)
        case "begin":
            return BeginShift(at_us, facts[0])
        case "end":
            return EndShift(at_us)
        case "badge":
            return BadgeSeen(at_us, facts[0])
    wearer, source, began, *more = facts
    began_us = None if began == "-" else round(float(began) * SECOND)
    due = [ShiftEndReason(word) for word in more if word != "goes_on"]
    last = due[0] if due else None
    return ShiftKnown(at_us, wearer, Source(source), began_us, last, goes_on="goes_on" in more)


def camera(words: str) -> Camera:
    """A camera by its stage, its conditions, and whether a recording is to go on or it ends."""
    stage, *more = words.split()
    conditions = frozenset(Condition(word[1:]) for word in more if word[0] == "+")
    made = Camera(Stage(stage), 0, conditions, ending="ending" in more)
    if "goes_on" in more:
        made = replace(made, remembered=Intent.RECORD, remembered_source=CONTINUED)
    return made


def effect(one: Effect) -> str:
    """An effect in words."""
    match one:
        case ShiftBegan(began):
            return f"began {began.wearer} by {began.source.value}"
        case ShiftOver(why):
            return f"over {why.value}"
        case ShiftRefused(why):
            return f"refused {why.value}"
        case Cue(kind):
            return f"felt {kind.value}"
    raise AssertionError(one)


def described(state: ShiftState, seen: Camera) -> str:
    """A state in words, with its deadline."""
    said = ["nobody"]
    if (worn := state.shift) is not None:
        said = [f"{worn.wearer} since {seconds(worn.began_us)} by {worn.source.value}"]
    said += ["looking"] * state.looking
    due_us = shift.deadline(state, seen, RULES)
    return ", ".join(said + ([] if due_us is None else [f"due {seconds(due_us)}"]))


@pytest.mark.parametrize("lines", as_parameters(__file__, "shift_scenes.txt"))
def test_each_event_has_the_effects_and_leads_to_the_shift_of_its_scene(lines: list[str]) -> None:
    state, seen = ShiftState(), []
    for line in lines:
        words = line.partition(" -> ")[0]
        what, _, where = words.partition("; ")
        at, _, what = what.partition(" ")
        now = camera(where)
        state, effects = shift.step(state, event(what, round(float(at) * SECOND)), now, RULES)
        told = ", ".join(map(effect, effects)) or "nothing"
        seen.append(f"{words} -> {told} | {described(state, now)}")
    assert seen == lines
