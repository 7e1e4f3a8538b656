"""The gestures by example: the scenes of gestures_scenes.txt.

The first line of a scene has the preset, the stage, and how many seconds late every tick is. Lines
behind it are what comes, at its second: an edge, levels that are read, a tick of its own, another
stage, or the time up to which the hand waits. Behind ``=`` is what is decided then: by which
button, with the edge that counts, when it was decided and in which stage the press began.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from camerad.behaviour.bindings import DEFAULT_ONE_BUTTON, DEFAULT_TWO_BUTTONS
from camerad.behaviour.gestures import DecidedGesture, Edge, GestureTick, LevelsRead
from camerad.behaviour.stages import Stage
from tests.unit.behaviour.hand import SECOND, Hand

PRESETS = {"two-buttons": DEFAULT_TWO_BUTTONS, "one-button": DEFAULT_ONE_BUTTON}
LEVELS = {"down": True, "up": False}


def decided(one: DecidedGesture) -> str:
    """A decision in words."""
    at = f"{one.edge_us / SECOND:.10g} decided {one.decided_us / SECOND:.10g}"
    return f"= {one.button} {one.intent.value} edge {at} in {one.began.value}"


def scenes() -> list[Any]:
    text = Path(__file__).with_name("gestures_scenes.txt").read_text(encoding="utf-8")
    found = []
    for scene in text.split("\n== ")[1:]:
        name, *lines = (line for line in scene.splitlines() if line and line[0] != "#")
        found.append(pytest.param(lines, id=name))
    return found


def take(hand: Hand, at_us: int, what: str, facts: list[str]) -> None:
    """Have what a line says come to the hand."""
    match what:
        case "wait":
            hand.wait_until(at_us)
        case "tick":
            hand.take(GestureTick(at_us))
        case "levels":
            levels = (one.split("=") for one in facts)
            hand.take(LevelsRead(tuple((name, LEVELS[level]) for name, level in levels), at_us))
        case "stage":
            hand.stage = Stage(facts[0])
        case button:
            hand.take(Edge(button, LEVELS[facts[0]], at_us, looked="looked" in facts))


@pytest.mark.parametrize("lines", scenes())
def test_what_the_hand_does_is_decided_as_in_its_scene(lines: list[str]) -> None:
    preset, stage, late = lines[0].split()
    hand = Hand(PRESETS[preset], Stage(stage), lag_us=round(float(late) * SECOND))
    seen = [lines[0]]
    for line in lines[1:]:
        if line[0] != "=":
            seconds, what, *facts = line.split()
            before = len(hand.decisions)
            take(hand, round(float(seconds) * SECOND), what, facts)
            seen += [line, *map(decided, hand.decisions[before:])]
    assert seen == lines
