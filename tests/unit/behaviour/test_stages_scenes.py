"""The stages by example: the scenes of stages_scenes.txt, event by event.

A line is ``SECONDS EVENT -> EFFECTS | STATE``: when the event comes, all that follows from it, in
its order, and what the camera is afterwards. Times of effects are seconds too. The first line of a
scene has the rules and the stage in which it begins.
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from camerad.behaviour import stages
from camerad.behaviour.stages import Condition, Effect, Event, Intent, Rules, Stage, State
from tests.scenes import as_parameters

SECOND = 1_000_000
PLAIN: dict[str, type[Any]] = {
    "ready": stages.Ready,
    "wiped": stages.Wiped,
    "closed": stages.Closed,
    "given_up": stages.GivenUp,
    "cut_off": stages.CutOff,
    "tick": stages.Tick,
}
RULES: dict[str, dict[str, Any]] = {
    "muting": {"may_mute": True},
    "dark": {"display_in_recording": False},
    "status": {"status_at_ready": True},
}
FLAGS = {
    "named": "recording_id",
    "armed": "armed",
    "shown": "display_on",
    "wiping": "wiping",
    "muted": "muted",
    "words": "status_on",
    "goes on": "goes_on",
    "ending": "ending",
}
"""Words of a state, and what is true of it then."""
WAY: dict[Stage, tuple[str, ...]] = {
    Stage.STARTING: (),
    Stage.IDLE: ("ready",),
    Stage.SELF_VIEW: ("ready", "escalate"),
    Stage.RECORDING: ("ready", "record", "opened"),
    Stage.STOPPING: ("ready", "record", "opened", "stop"),
}
"""What brings a camera to a stage, as an officer would."""


def event(words: str, at_us: int) -> Event:
    """An event by its words. An intent may have its edge, its source and where it began."""
    name, *more = words.split()
    facts = dict(one.split("=") for one in more)
    if name in PLAIN:
        made: Event = PLAIN[name](at_us)
    elif name[0] in "+-":
        kind = stages.Raised if name[0] == "+" else stages.Cleared
        made = kind(at_us, Condition(name[1:]))
    elif name == "opened":
        made = stages.Opened(at_us, "20260101-0001")
    elif name == "failed":
        made = stages.Failed(at_us, "no space left on device", closing="closing" in facts)
    elif name == "shutdown":
        made = stages.Shutdown(at_us, facts.get("for", "shutdown"))
    else:
        edge_us = round(float(facts["edge"]) * SECOND) if "edge" in facts else at_us
        began = Stage(facts["began"]) if "began" in facts else None
        source = facts.get("by", "button:main")
        made = stages.Intended(at_us, Intent(name), edge_us, source, began)
    return made


def effect(one: Effect) -> str:
    """An effect in words."""
    match one:
        case stages.ShowSelfView(on):
            return "show" if on else "hide"
        case stages.ShowStatus(on):
            return "words" if on else "no words"
        case stages.StartRecording(trigger, at_us, pre_event):
            return f"record from {at_us / SECOND:g} for {trigger}" + ", with buffer" * pre_event
        case stages.StopRecording(reason, at_us):
            return f"stop at {at_us / SECOND:g}" + f" for {reason}" * (reason != "stop")
        case stages.Mark(at_us):
            return f"mark at {at_us / SECOND:g}"
        case stages.Mute(on, at_us):
            return f"{'mute' if on else 'unmute'} at {at_us / SECOND:g}"
        case stages.Cue(kind):
            return f"felt {kind.value}"
        case _:
            return type(one).__name__.lower()


def described(state: State, rules: Rules) -> str:
    """A state in words, with its deadline."""
    said = [state.stage.value, *(word for word in FLAGS if getattr(state, FLAGS[word]))]
    if state.remembered is not None and not state.goes_on:
        said.append(f"remembers {state.remembered.value}")
    due_us = stages.deadline(state, rules)
    if due_us is not None:
        said.append(f"due {due_us / SECOND:g}")
    return ", ".join(said)


def rules_of(words: list[str]) -> Rules:
    """Rules by the stages in which the buffer is armed, and by words of `RULES`."""
    armed = frozenset(Stage(word) for word in words if word not in RULES)
    rules = Rules(armed, 60 * SECOND)
    for word in words:
        rules = replace(rules, **RULES.get(word, {}))
    return rules


def camera_in(stage: Stage, rules: Rules) -> State:
    state = stages.initial(rules, 0)
    for words in WAY[stage]:
        state, _ = stages.step(state, event(words, 0), rules)
    return state


@pytest.mark.parametrize("lines", as_parameters(__file__, "stages_scenes.txt"))
def test_each_event_has_the_effects_and_leads_to_the_state_of_its_scene(lines: list[str]) -> None:
    buffer, _, stage = lines[0].partition("; begins in ")
    rules = rules_of(buffer.removeprefix("rules").split())
    state, seen = camera_in(Stage(stage), rules), [lines[0]]
    for line in lines[1:]:
        words = line.partition(" -> ")[0]
        seconds, _, what = words.partition(" ")
        state, effects = stages.step(state, event(what, round(float(seconds) * SECOND)), rules)
        told = ", ".join(map(effect, effects)) or "nothing"
        seen.append(f"{words} -> {told} | {described(state, rules)}")
    assert seen == lines
