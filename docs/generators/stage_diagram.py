"""Writes docs/stages.md from the tables: `python -m generators.stage_diagram [--check]`.

Every arrow and every line is what `stages.step` answers when it is asked, so the page cannot say
anything the camera does not do. With ``--check`` nothing is written, and the exit code is 1 if the
page is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from msgspec import structs

from camerad.behaviour import bindings, signals, stages
from camerad.behaviour.dock_progress import HandoverState
from camerad.behaviour.signals import Rhythm
from camerad.behaviour.stages import (
    Condition,
    CueKind,
    Effect,
    Event,
    Intent,
    Rules,
    Stage,
    State,
)
from generators import written_page
from generators.written_page import markdown_table

PAGE: Final = Path(__file__).parents[2] / "docs" / "stages.md"

RULES: Final = Rules(frozenset({Stage.SELF_VIEW}), self_view_timeout_us=60_000_000, may_mute=True)
"""The rules of the page: a pre-event buffer in self-view only, as most policies have it. Where the
sound may not be switched off, who asks for that is refused. No footage is made after a stop."""

POST_EVENT_OVER: Final = "post-event time over"

INTRODUCTION: Final = """\
# Stages, signals and buttons

<!-- Written by `python -m generators.stage_diagram`; change the tables, not this page. -->

For auditors and developers: every state and every transition, from the tables in
`camerad/behaviour/`. Here the pre-event buffer is armed in self-view, and muting is allowed;
where the policy forbids it, the camera answers with the cue *refused*. *Wiping* is the end of
self-view: the display is dark until the buffer is overwritten. What is asked while the camera
starts (*ready*: camera and storage are), wipes or stops is remembered; a press that records
interrupts wiping and stopping. [signals.md](signals.md) says what lights and vibration mean.
"""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One answer of the stage machine. Nodes are stages, wiping, or ``[*]`` for the end."""

    node: str
    on: str
    to: str
    effects: tuple[Effect, ...]
    remembered: bool


def nodes() -> dict[str, State]:
    """A typical state of every node, reached as an officer reaches it."""
    starting = stages.initial(RULES, 0)
    idle = _after(starting, stages.Ready(0))
    self_view = _after(idle, _wanted(Intent.ESCALATE))
    recording = _after(self_view, _wanted(Intent.RECORD), stages.Opened(0, "id"))
    return {
        "starting": starting,
        "idle": idle,
        "self_view": self_view,
        "wiping": _after(self_view, _wanted(Intent.DE_ESCALATE)),
        "recording": recording,
        "stopping": _after(recording, _wanted(Intent.STOP)),
    }


def _after(state: State, *events: Event) -> State:
    for event in events:
        state, _ = stages.step(state, event, RULES)
    return state


def _wanted(intent: Intent) -> stages.Intended:
    return stages.Intended(0, intent, 0, "button")


def events(state: State) -> dict[str, Event]:
    """Everything that can happen, by its name on the page."""
    due_us = stages.deadline(state, RULES)
    times = {
        Stage.SELF_VIEW: "time-out",
        Stage.RECORDING: "reminder due",
        Stage.STOPPING: POST_EVENT_OVER,
    }
    time = times.get(state.stage, "status time over")
    return {
        **{intent.value: _wanted(intent) for intent in Intent},
        **({} if due_us is None else {time: stages.Tick(due_us)}),
        "ready": stages.Ready(0),
        "was cut off": stages.CutOff(0),
        "camera given up": stages.GivenUp(0),
        "wiped": stages.Wiped(0),
        "file closed": stages.Closed(0),
        "recorder failed": stages.Failed(0, ""),
        "recorder failed, a file still open": stages.Failed(0, "", closing=True),
        "shutdown": stages.Shutdown(0),
        **{condition.value: stages.Raised(0, condition) for condition in Condition},
    }


def arrows() -> list[Arrow]:
    """Every event that does something, in every node; and what it does otherwise if something is
    remembered, or within the node if the status shows or the sound is off; and the end of what is
    made after a stop."""
    found: list[Arrow] = []
    for node, state in nodes().items():
        plain = dict(_answers(node, state))
        found += plain.values()
        for intent in (Intent.ESCALATE, Intent.RECORD):
            remembering = _after(state, _wanted(intent))
            if remembering.remembered is not intent:
                continue
            for name, arrow in _answers(node, remembering):
                if name in plain and arrow.to != plain[name].to:
                    found.append(replace(arrow, on=f"{name}, {intent.value} remembered"))
        for intent, shown in ((Intent.SHOW_STATUS, "status shown"), (Intent.TOGGLE_MUTE, "muted")):
            for name, arrow in _answers(node, _after(state, _wanted(intent))):
                if arrow.to == node and (name not in plain or arrow.effects != plain[name].effects):
                    found.append(replace(arrow, on=f"{name}, {shown}"))
    for name, arrow in _answers("stopping", _more_to_be_made()):
        if name == POST_EVENT_OVER:
            found.append(arrow)
    return found


def _more_to_be_made() -> State:
    """Stopping, where footage is made for a while after the stop."""
    rules = structs.replace(RULES, post_event_us=1)
    return stages.step(nodes()["recording"], _wanted(Intent.STOP), rules)[0]


def _answers(node: str, state: State) -> Iterator[tuple[str, Arrow]]:
    for name, event in events(state).items():
        try:
            after, effects = stages.step(state, event, RULES)
        except stages.IllegalEvent:
            continue
        told = isinstance(event, stages.Raised) and after.stage is state.stage
        if told or (after == state and not effects):
            continue  # the cue of a condition has a table of its own
        remembered = after.remembered is not state.remembered and after.waiting
        yield name, Arrow(node, name, _node(after), effects, remembered)


def _node(state: State) -> str:
    if state.ended:
        return "[*]"
    return "wiping" if state.waiting and state.wiping else state.stage.value


# ------------------------------------------------------------------------------------- the page


def picture(found: Sequence[Arrow]) -> str:
    """The state diagram, in Mermaid, without what leads nowhere else."""
    labels: dict[tuple[str, str], list[str]] = {}
    for arrow in found:
        if arrow.to != arrow.node:
            labels.setdefault((arrow.node, arrow.to), []).append(arrow.on)
    lines = ["stateDiagram-v2", "    [*] --> starting"]
    lines += [f"    {node} --> {to}: {'<br/>'.join(names)}" for (node, to), names in labels.items()]
    return "\n".join(["```mermaid", *lines, "```"])


def page() -> str:
    """The whole of docs/stages.md."""
    found = arrows()
    sections = {
        "From stage to stage": picture(found),
        "What follows from what": _transitions(found),
        "Conditions": _conditions(),
        "Lights": _lights(),
        "Vibration and tone": f"{_cues()}\n\n{_rhythms()}",
        "Buttons": _buttons(),
    }
    body = "".join(f"\n## {title}\n\n{text}\n" for title, text in sections.items())
    return INTRODUCTION + body


def grouped(pairs: Iterable[tuple[tuple[str, ...], str]]) -> dict[tuple[str, ...], list[str]]:
    """The names with the same key together, in the order in which the keys came."""
    found: dict[tuple[str, ...], list[str]] = {}
    for key, name in pairs:
        found.setdefault(key, []).append(name)
    return found


def _transitions(found: Sequence[Arrow]) -> str:
    """One row for what is the same: events of a node, and nodes that stay as they are."""
    events_of = grouped(
        ((a.node, a.to, "remembers it" if a.remembered else _effects(a.effects)), a.on)
        for a in found
    )
    nodes_of = grouped(
        (("; ".join(names), "(stays)" if to == node else to, done), node)
        for (node, to, done), names in events_of.items()
    )
    rows = ((", ".join(where), *key) for key, where in nodes_of.items())
    return markdown_table(("in", "on", "goes to", "and does"), rows)


def _effects(effects: Iterable[Effect]) -> str:
    return ", ".join(_effect(effect) for effect in effects) or "-"


def _effect(effect: Effect) -> str:
    match effect:
        case stages.Cue(kind):
            return f"cue {kind.value}"
        case stages.ShowSelfView(on):
            return "display on" if on else "display off"
        case stages.ShowStatus(on):
            return "status on" if on else "status off"
        case stages.Mute(on):
            return "sound off" if on else "sound on"
        case stages.StartRecording(pre_event=pre_event):
            return f"record {'with' if pre_event else 'without'} buffer"
        case stages.StopRecording(reason):
            return f"stop ({reason})"
        case _:
            return type(effect).__name__.lower()


def _conditions() -> str:
    pairs = []
    for condition in Condition:
        cue = stages.CUES.get(condition)
        own = cue is not None and cue.value == condition.value
        told = [what.value for what, again in stages.SAID_AGAIN.items() if condition in again]
        does = [
            *(["refuses a start"] if condition in stages.REFUSES_START else []),
            *(["ends a recording"] if condition in stages.ENDS_RECORDING else []),
        ]
        said = "of its name" if own else cue.value if cue is not None else "-"
        key = (", ".join(does) or "-", said, ", ".join(told) or "-")
        pairs.append((key, condition.value))
    rows = ((", ".join(names), *key) for key, names in grouped(pairs).items())
    return markdown_table(("condition", "does", "cue when raised", "told again at"), rows)


def _lights() -> str:
    rows: list[tuple[tuple[str, ...], str]] = []
    rows += [(_look(state), node) for node, state in nodes().items()]
    rows.append((_look(_more_to_be_made()), "stopping, recording.post_event_seconds not over"))
    raised = grouped(
        (_look(State(Stage.IDLE, 0, frozenset({condition}))), condition.value)
        for condition in Condition
    )
    rows += [(look, f"idle with {', '.join(names)}") for look, names in raised.items()]
    docked = signals.indication(State(Stage.IDLE, 0, frozenset({Condition.DOCKED})))
    for handover in HandoverState:
        shown = _patterns(signals.in_dock(docked, handover))
        rows.append((shown, f"docked with an office: {handover.value}"))
    down = State(Stage.RECORDING, 0, frozenset({Condition.CAMERA_DOWN}))
    rows.append((_look(down), "recording with camera_down"))
    idle = signals.indication(State(Stage.IDLE, 0))
    seeking = signals.on_shift(idle, looking=True)
    rows.append((_patterns(seeking), "idle, looking for a badge"))
    return markdown_table(
        ("green", "red", "amber", "in"),
        ((*look, "; ".join(names)) for look, names in grouped(rows).items()),
    )


def _look(state: State) -> tuple[str, str, str]:
    return _patterns(signals.indication(state))


def _patterns(lights: signals.Indication) -> tuple[str, str, str]:
    return _pattern(lights.green), _pattern(lights.red), _pattern(lights.amber)


def _pattern(pattern: signals.Pattern) -> str:
    names = {
        signals.OFF: "-",
        signals.ON: "steady",
        signals.BLINK: "blinks",
        signals.FLASH: "flashes now and then",
    }
    return names[pattern]


def _rhythms() -> str:
    recordings = {
        "with pictures and sound": State(Stage.RECORDING, 0),
        "with pictures, without sound": State(Stage.RECORDING, 0, muted=True),
        "without pictures": State(Stage.RECORDING, 0, frozenset({Condition.CAMERA_DOWN})),
    }
    pairs = []
    for rhythm in Rhythm:
        cues = {kind for kind, (told, _) in signals.CUE_TABLE.items() if told is rhythm}
        for name, state in recordings.items():
            instead = ", ".join(
                kind.value
                for kind in CueKind
                if signals.rhythm(kind, state) is rhythm and kind not in cues
            )
            if instead:
                pairs.append(((_rhythm(rhythm), instead), name))
    rows = (("; ".join(names), *key) for key, names in grouped(pairs).items())
    return markdown_table(("in a recording", "rhythm", "instead of their own, for"), rows)


def _rhythm(rhythm: Rhythm) -> str:
    return f"{rhythm.name} {drawn(rhythm.value)}"


def _cues() -> str:
    pairs = []
    for kind in CueKind:
        rhythm, hertz = signals.CUE_TABLE[kind]
        times = ", twice" if kind in signals.TWICE else ""
        tone = f"{hertz} Hz" if hertz else "-"
        pairs.append(
            ((f"{_rhythm(rhythm)}{times}", tone), f"{kind.value} {drawn(signals.CODES[kind])}")
        )
    rows = ((*key, ", ".join(names)) for key, names in grouped(pairs).items())
    return markdown_table(
        ("rhythm", "tone in the same rhythm", "cues, each with its code of `signals.detail: full`"),
        rows,
    )


def drawn(code: str) -> str:
    """The strokes as the card draws them."""
    return code.replace("-", "▬").replace(".", "•")


def _buttons() -> str:
    presets = {
        "two-buttons": bindings.DEFAULT_TWO_BUTTONS,
        "one-button": bindings.DEFAULT_ONE_BUTTON,
    }
    pairs = []
    for preset, tables in presets.items():
        for table in tables:
            for binding in table.bindings:
                seconds = f" {binding.hold_us / 1_000_000:g} s" if binding.hold_us else ""
                where = ", ".join(
                    stage.value
                    for stage in Stage
                    if stage in binding.stages and stages.outcome(stage, binding.intent)
                )
                gesture = binding.gesture.value.replace("_", " ") + seconds
                pairs.append(((table.name, gesture, binding.intent.value, where), preset))
    rows = ((*key, ", ".join(names)) for key, names in grouped(pairs).items())
    return markdown_table(("button", "gesture", "intent", "in", "preset"), rows)


def main(arguments: Sequence[str] | None = None, path: Path = PAGE) -> int:
    """The command; returns its exit code."""
    return written_page.run("stage_diagram", lambda _: page(), path, arguments)


if __name__ == "__main__":
    sys.exit(main())
