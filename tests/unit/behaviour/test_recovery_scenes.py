"""The recovery ladder by example: the scenes of recovery_scenes.txt.

A line is ``WHAT SECONDS = ACTIONS; due SECONDS``: what happens for how long, each action with its
second since the beginning, and when the next tick is due. `deliver`: frames at 30 a second.
"""

from __future__ import annotations

import pytest

from camerad.behaviour.supervision import Action, Down, Exited, FrameSeen, ProcessStarted, Reboot
from tests.scenes import as_parameters
from tests.unit.behaviour.ladder import SECOND, Ladder


def seconds(us: int) -> str:
    """Microseconds as seconds."""
    return f"{us / SECOND:.6f}".rstrip("0").removesuffix(".")


def told(at_us: int, action: Action) -> str:
    """An action in words, with its second."""
    why = f" ({action.reason})" if isinstance(action, Down | Reboot) else ""
    return f"{type(action).__name__.lower()}{why} at {seconds(at_us)}"


def happens(ladder: Ladder, what: str, fact: str) -> None:
    """What a line says."""
    match what:
        case "wait":
            ladder.wait(round(float(fact) * SECOND))
        case "deliver":
            ladder.deliver(round(float(fact) * SECOND))
        case "passes":
            ladder.now_us += round(float(fact) * SECOND)
        case "started":
            ladder.take(ProcessStarted(ladder.now_us))
        case "frame":
            ladder.take(FrameSeen(ladder.now_us))
        case _:
            ladder.take(Exited(ladder.now_us, int(fact)))


@pytest.mark.parametrize("lines", as_parameters(__file__, "recovery_scenes.txt"))
def test_what_happens_to_the_camera_is_answered_as_in_its_scene(lines: list[str]) -> None:
    ladder, seen = Ladder(), []
    for line in lines:
        words = line.partition(" = ")[0]
        before = len(ladder.log)
        happens(ladder, *words.partition(" ")[::2])
        done = ", ".join(told(*one) for one in ladder.log[before:]) or "nothing"
        seen.append(f"{words} = {done}; due {seconds(ladder.due_us)}")
    assert seen == lines
