"""The gestures by example: the scenes of gestures_scenes.txt.

The first line of a scene has presets, stages, and how many seconds late every tick is; it is played
with each preset in each stage. Lines
behind it are what comes, at its second: an edge, levels that are read, a tick of its own, another
stage, or the time up to which the hand waits. Behind ``=`` is what is decided then: by which
button, with the edge that counts, and when; and in which stage the press began, if it is another.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from camerad.behaviour.bindings import DEFAULT_ONE_BUTTON, DEFAULT_TWO_BUTTONS
from camerad.behaviour.gestures import DecidedGesture, Edge, GestureTick, LevelsRead
from camerad.behaviour.stages import Stage
from tests.scenes import scenes_of
from tests.unit.behaviour.hand import SECOND, Hand

PRESETS = {"two-buttons": DEFAULT_TWO_BUTTONS, "one-button": DEFAULT_ONE_BUTTON}
LEVELS = {"down": True, "up": False}
AFTER_US = 10 * SECOND
"""The hand waits for so long after the last line, unless that is a wait."""


def decided(one: DecidedGesture, stage: str) -> str:
    """A decision in words, in a scene that begins in `stage`."""
    at = f"{one.edge_us / SECOND:.10g} decided {one.decided_us / SECOND:.10g}"
    began = "" if one.began.value == stage else f" in {one.began.value}"
    return f"= {one.button} {one.intent.value} edge {at}{began}"


def scenes() -> list[Any]:
    found = []
    for name, lines in scenes_of(Path(__file__).with_name("gestures_scenes.txt")).items():
        presets, stages, late = lines[0].split()
        for preset, stage in product(presets.split("|"), stages.split("|")):
            found.append(
                pytest.param(preset, stage, late, lines[1:], id=f"{name}-{preset}-{stage}")
            )
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


@pytest.mark.parametrize(("preset", "stage", "late", "lines"), scenes())
def test_what_the_hand_does_is_decided_as_in_its_scene(
    preset: str, stage: str, late: str, lines: list[str]
) -> None:
    hand = Hand(PRESETS[preset], Stage(stage), lag_us=round(float(late) * SECOND))
    seen = []
    events = [line for line in lines if line[0] != "="]
    for line in events:
        seconds, what, *facts = line.split()
        at_us, before = round(float(seconds) * SECOND), len(hand.decisions)
        take(hand, at_us, what, facts)
        if line is events[-1] and what != "wait":
            hand.wait_until(at_us + AFTER_US)
        seen += [line, *(decided(one, stage) for one in hand.decisions[before:])]
    assert seen == lines
