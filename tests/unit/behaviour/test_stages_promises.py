"""Every reachable state and every event, checked against the promises; then the checks themselves.

The search is described in space.py, the promises in promises.py.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from camerad.behaviour import outcomes, signals, stages, state, tables
from camerad.behaviour.stages import (
    Condition,
    Intent,
    Outcome,
    Rules,
    Stage,
    State,
)
from tests.breadth import breadth
from tests.unit.behaviour.promises import PROMISES, broken, describe, legality
from tests.unit.behaviour.space import ALL_RULES, LIKE, MATTERS, REST, TIMEOUT_US, explore
from tests.unit.behaviour.world import POST_EVENT_US

pytestmark = pytest.mark.breadth

Proof = dict[str, str | None]
CHOSEN = breadth(ALL_RULES[::3], ALL_RULES)
"""With the display in a recording and without it, with nothing armed, one stage, and all."""
HANDS_MATTER = frozenset({Condition.CAMERA_DOWN, Condition.STORAGE_FULL})
"""Enough to refuse what a gesture wants, and to end its recording under the finger."""


def matters(number: int) -> frozenset[Condition]:
    """The conditions that change what happens, to be tried in all their subsets under one of the
    chosen rules: any two of them together under one at least."""
    every = tuple(one for one in Condition if one in MATTERS)
    return breadth(MATTERS - frozenset(every[number :: len(CHOSEN)]), MATTERS)


def rest(number: int) -> frozenset[Condition]:
    """The conditions to be tried alone under one of the chosen rules: those that `matters` leaves
    out, and of those that are only felt and shown, or treated as others are, each under one."""
    every = tuple(one for one in Condition if one in REST)
    return breadth(frozenset(every[number :: len(CHOSEN)]) | MATTERS - matters(number), REST)


@pytest.fixture(scope="module")
def proof(pytestconfig: pytest.Config) -> Proof:
    """The first counterexample to each promise, over the chosen rules and everything reachable."""
    first: Proof = dict.fromkeys([*PROMISES, "legality"])
    counted: Counter[str] = Counter()
    for number, rules in enumerate(CHOSEN):
        before, world = None, None
        for t in explore(rules, matters(number), rest(number)):
            # All events of one state come one after the other, and no state comes twice.
            counted["states"] += t.before is not before or t.world is not world
            before, world = t.before, t.world
            counted["transitions"] += 1
            counted["illegal"] += t.after is None
            for name, check in PROMISES.items():
                if first[name] is None and (what := broken(check, t)) is not None:
                    first[name] = describe(t, what)
            if first["legality"] is None and (what := legality(t)) is not None:
                first["legality"] = describe(t, what)
        for t in explore(rules, HANDS_MATTER, frozenset(), hands=True):
            counted["gestures"] += isinstance(t.event, stages.Intended)
            if first["gestures"] is None and (what := broken(PROMISES["gestures"], t)) is not None:
                first["gestures"] = describe(t, what)
    enough = breadth(1_500, 5_000)
    assert counted["states"] > enough, "the search has not reached far; is a table broken?"
    line = (
        f"stages: {counted['states']} reachable states, {counted['transitions']} transitions "
        f"checked ({counted['illegal']} of them illegal events), and {counted['gestures']} ends "
        f"of gestures, under {len(CHOSEN)} sets of rules"
    )
    with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        sys.stdout.write(f"\n{line}\n")
    return first


def test_the_conditions_that_stand_for_others_are_treated_as_those_are() -> None:
    for other, one in LIKE.items():
        assert one in MATTERS
        for table in (tables.REFUSES_START, tables.ENDS_RECORDING):
            assert (one in table) == (other in table), (one, other)
    # What changes what happens is followed, or stands for one that is.
    assert MATTERS | LIKE.keys() >= tables.REFUSES_START | tables.ENDS_RECORDING


def test_p1_nothing_is_kept_outside_stage_3(proof: Proof) -> None:
    assert proof["P1"] is None, proof["P1"]


def test_p2_wiped_means_wiped_before_the_camera_shows_idle(proof: Proof) -> None:
    assert proof["P2"] is None, proof["P2"]


def test_p3_no_secret_recording(proof: Proof) -> None:
    assert proof["P3"] is None, proof["P3"]


def test_p5_a_press_is_never_lost(proof: Proof) -> None:
    assert proof["P5"] is None, proof["P5"]


def test_p10_the_display_serves_it_never_rules(proof: Proof) -> None:
    assert proof["P10"] is None, proof["P10"]


def test_a_recording_has_its_sound_unless_the_wearer_may_and_did_switch_it_off(
    proof: Proof,
) -> None:
    assert proof["mute"] is None, proof["mute"]


def test_the_status_shows_in_idle_only_and_ends_by_itself(proof: Proof) -> None:
    assert proof["status"] is None, proof["status"]


def test_what_is_felt_is_true(proof: Proof) -> None:
    assert proof["rhythms"] is None, proof["rhythms"]


def test_what_has_waited_is_told_if_it_is_true_and_what_is_grave_whenever_it_is(
    proof: Proof,
) -> None:
    assert proof["news"] is None, proof["news"]


def test_a_press_that_is_refused_in_idle_is_answered_in_words(proof: Proof) -> None:
    assert proof["refusals"] is None, proof["refusals"]


def test_what_was_told_in_a_recording_stands_in_words_behind_it(proof: Proof) -> None:
    assert proof["words"] is None, proof["words"]


def test_a_gesture_belongs_to_the_stage_in_which_its_press_began(proof: Proof) -> None:
    assert proof["gestures"] is None, proof["gestures"]


def test_what_cannot_happen_is_illegal_and_what_can_is_not(proof: Proof) -> None:
    assert proof["legality"] is None, proof["legality"]


# ------------------------------------------------- a check that finds nothing wrong finds nothing


class Saboteur:
    """Breaks the tables, wherever they have been imported."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def set(self, name: str, value: object) -> None:
        for module in (tables, state, outcomes, stages, signals):
            if hasattr(module, name):
                self._patch.setattr(module, name, value)

    def intent(self, stage: Stage, intent: Intent, outcome: Outcome | None) -> None:
        row = {i: o for i, o in tables.INTENTS[stage].items() if i is not intent}
        if outcome is not None:
            row[intent] = outcome
        self.set("INTENTS", {**tables.INTENTS, stage: row})

    def event(self, stage: Stage, event: type[stages.Event], outcome: Outcome) -> None:
        self.set("EVENTS", {**tables.EVENTS, stage: {**tables.EVENTS[stage], event: outcome}})

    def refuse(self, condition: Condition) -> None:
        self.set("REFUSES_START", tables.REFUSES_START | {condition})

    def end(self, condition: Condition) -> None:
        self.set("ENDS_RECORDING", tables.ENDS_RECORDING | {condition})

    def effects(
        self, name: str, change: Callable[[list[stages.Effect]], list[stages.Effect]]
    ) -> None:
        """Change the effects of one outcome."""
        honest = getattr(outcomes if hasattr(outcomes, name) else stages, name)

        def sabotaged(*arguments: object) -> outcomes.Result:
            after, effects = honest(*arguments)
            return after, tuple(change(list(effects)))

        self.set(name, sabotaged)


def _without(kind: type) -> Callable[[list[stages.Effect]], list[stages.Effect]]:
    return lambda effects: [effect for effect in effects if not isinstance(effect, kind)]


def _only_if_shown(honest: Callable[..., outcomes.Result]) -> Callable[..., outcomes.Result]:
    def start(before: State, *arguments: object) -> outcomes.Result:
        return honest(before, *arguments) if before.display_on else (before, ())

    return start


def _whatever_the_rules(honest: Callable[..., outcomes.Result]) -> Callable[..., outcomes.Result]:
    return lambda before, at_us, rules: honest(before, at_us, replace(rules, may_mute=True))


def _only_off(honest: Callable[..., outcomes.Result]) -> Callable[..., outcomes.Result]:
    return lambda before, *arguments: (before, ()) if before.muted else honest(before, *arguments)


def _owing_nothing(honest: Callable[..., outcomes.Result]) -> Callable[..., outcomes.Result]:
    def sabotaged(before: State, *arguments: object) -> outcomes.Result:
        after, effects = honest(before, *arguments)
        return replace(after, words_due=False), effects

    return sabotaged


def _without_words(honest: Callable[..., outcomes.Result]) -> Callable[..., outcomes.Result]:
    return lambda before, *arguments: honest(replace(before, words_due=False), *arguments)


def _also_told(kind: stages.CueKind) -> Callable[[stages.CueKind, State], bool]:
    honest = signals.still_news
    return lambda one, state: one is kind or honest(one, state)


def _deaf(
    honest: Callable[..., tuple[signals.Rhythm, int]],
) -> Callable[..., tuple[signals.Rhythm, int]]:
    heard = frozenset({Condition.MICROPHONE_DOWN})
    return lambda kind, state: honest(
        kind, replace(state, muted=False, conditions=state.conditions - heard)
    )


def _never_told(kind: stages.CueKind) -> Callable[[stages.CueKind, State], bool]:
    honest = signals.still_news
    return lambda one, state: one is not kind and honest(one, state)


def _whatever_its_edge(
    honest: Callable[[State, stages.Intended], Intent | None],
) -> Callable[[State, stages.Intended], Intent | None]:
    return lambda before, event: honest(before, replace(event, edge_us=before.entered_us))


def _still_muted(honest: Callable[..., outcomes.Result]) -> Callable[..., outcomes.Result]:
    def sabotaged(before: State, *arguments: object) -> outcomes.Result:
        after, effects = honest(before, *arguments)
        return replace(after, muted=before.muted), effects

    return sabotaged


SABOTAGE: dict[tuple[str, str], Callable[[Saboteur], None]] = {
    ("P1", "one press records from idle"): lambda s: s.intent(
        Stage.IDLE, Intent.ESCALATE, Outcome.RECORD
    ),
    ("P1", "self-view records by itself after a while"): lambda s: s.event(
        Stage.SELF_VIEW, stages.Tick, Outcome.STOP
    ),
    ("P1", "idle shows before the file is closed"): lambda s: s.event(
        Stage.STOPPING, stages.Opened, Outcome.REST
    ),
    ("P1", "the ring is never disarmed"): lambda s: s.set(
        "_arming", lambda state, *, wanted: (stages.Arm(),) if wanted and not state.armed else ()
    ),
    ("P1", "a stop closes nothing"): lambda s: s.event(Stage.STOPPING, stages.Closed, Outcome.NOTE),
    ("P2", "the time-out forgets to wipe"): lambda s: s.event(
        Stage.SELF_VIEW, stages.Tick, Outcome.REST
    ),
    ("P2", "de-escalation forgets to wipe"): lambda s: s.effects("leave", _without(stages.Wipe)),
    ("P2", "idle shows while the wipe runs"): lambda s: s.set(
        "leave",
        lambda before: (
            replace(before, stage=Stage.IDLE, armed=False, display_on=False, wiping=True),
            (stages.Wipe(),),
        ),
    ),
    ("P2", "a shutdown forgets to wipe"): lambda s: s.event(
        Stage.SELF_VIEW, stages.Shutdown, Outcome.END
    ),
    ("P3", "red goes out with the stop"): lambda s: s.set("KEEPING", frozenset({Stage.RECORDING})),
    ("P3", "red stays until the card has it"): lambda s: s.event(
        Stage.STOPPING, stages.Tick, Outcome.NOTE
    ),
    ("P3", "red blinks"): lambda s: s.set("ON", signals.BLINK),
    ("P3", "red is on in self-view"): lambda s: s.set(
        "KEEPING", tables.KEEPING | {Stage.SELF_VIEW}
    ),
    ("P3", "a failed light is not told at the start"): lambda s: s.set(
        "SAID_AGAIN", {**tables.SAID_AGAIN, Outcome.RECORD: ()}
    ),
    ("P3", "a failed light is never told"): lambda s: s.set(
        "CUES", {**tables.CUES, Condition.LIGHT_DOWN: stages.CueKind.HOT}
    ),
    ("P5", "idle cannot record at once"): lambda s: s.intent(Stage.IDLE, Intent.RECORD, None),
    ("P5", "a press while starting is dropped"): lambda s: s.set("REMEMBERED_AS", {}),
    ("P5", "a broken light refuses a start"): lambda s: s.refuse(Condition.LIGHT_DOWN),
    ("P5", "a flat battery refuses a start"): lambda s: s.refuse(Condition.BATTERY_CRITICAL),
    ("P5", "a refusal is silent"): lambda s: s.effects("_intended", _without(stages.Cue)),
    ("P5", "a camera that goes down ends the recording"): lambda s: s.end(Condition.CAMERA_DOWN),
    ("P5", "a press ends the recording"): lambda s: s.intent(
        Stage.RECORDING, Intent.ESCALATE, Outcome.STOP
    ),
    ("P5", "the time of a remembered press is that of the start"): lambda s: s.effects(
        "rest",
        lambda effects: [
            replace(e, at_us=0) if isinstance(e, stages.StartRecording) else e for e in effects
        ],
    ),
    ("P5", "what is remembered is forgotten"): lambda s: s.set(
        "_remember", lambda before, means, event: (before, ())
    ),
    ("P5", "a recording that cannot go on is dropped in silence"): lambda s: s.effects(
        "drop", _without(stages.Cue)
    ),
    ("P10", "a broken display refuses a start"): lambda s: s.refuse(Condition.DISPLAY_DOWN),
    ("P10", "a broken display ends the recording"): lambda s: s.end(Condition.DISPLAY_DOWN),
    ("P10", "the display comes first"): lambda s: s.effects("start", lambda e: e[::-1]),
    ("P10", "a recording needs the display on"): lambda s: s.set(
        "start", _only_if_shown(outcomes.start)
    ),
    ("P10", "the status must be over before footage is kept"): lambda s: s.effects(
        "start",
        lambda effects: sorted(effects, key=lambda e: not isinstance(e, stages.ShowStatus)),
    ),
    ("mute", "a policy that forbids it is not asked"): lambda s: s.set(
        "mute", _whatever_the_rules(outcomes.mute)
    ),
    ("mute", "the microphone is not told"): lambda s: s.effects("mute", _without(stages.Mute)),
    ("mute", "it is switched in silence"): lambda s: s.effects("mute", _without(stages.Cue)),
    ("mute", "a mark mutes"): lambda s: s.intent(Stage.RECORDING, Intent.MARK, Outcome.MUTE),
    ("mute", "the sound cannot be switched on again"): lambda s: s.set(
        "mute", _only_off(outcomes.mute)
    ),
    ("mute", "the next recording begins muted"): lambda s: s.set(
        "start", _still_muted(outcomes.start)
    ),
    ("mute", "it outlives its recording"): lambda s: s.set("rest", _still_muted(outcomes.rest)),
    ("mute", "the reminder does not say so"): lambda s: s.effects(
        "remind", lambda effects: [e for e in effects if e != stages.Cue(stages.CueKind.MUTED)]
    ),
    ("P3", "a ready camera is amber"): lambda s: s.set("OFF", signals.ON),
    ("P3", "amber blinks where a press is refused"): lambda s: s.set("ON", signals.BLINK),
    ("rhythms", "a camera without pictures still says that it records"): lambda s: s.set(
        "takes_pictures", lambda state: state.stage is Stage.RECORDING
    ),
    ("rhythms", "what refuses the next one is told in a recording as in idle"): lambda s: s.set(
        "WHILE_RECORDING", {}
    ),
    ("rhythms", "a recording that lacks its sound says that it records"): lambda s: s.set(
        "_told", _deaf(signals._told)
    ),
    ("rhythms", "the cause is told after the refusal"): lambda s: s.set(
        "told_once", lambda effects, state, detail: list(effects)
    ),
    ("rhythms", "a start feels like a press in idle"): lambda s: s.set(
        "CUE_TABLE",
        {
            **signals.CUE_TABLE,
            stages.CueKind.STARTED: (signals.Rhythm.DONE, signals.LOW),
        },
    ),
    ("rhythms", "a hand that mutes is told as in idle"): lambda s: s.set(
        "HOW_IT_RECORDS", frozenset()
    ),
    ("news", "all that has waited is told, however old"): lambda s: s.set(
        "still_news", lambda kind, state: True
    ),
    ("news", "it can record is told in a recording"): lambda s: s.set(
        "still_news", _also_told(stages.CueKind.READY)
    ),
    ("news", "a press makes everything old"): lambda s: s.set(
        "still_news", lambda kind, state: state.stage is Stage.IDLE
    ),
    ("news", "that it has ended is old by then"): lambda s: s.set(
        "still_news", _never_told(stages.CueKind.STOPPED)
    ),
    ("words", "nothing is owed"): lambda s: s.set("owe_words", lambda before, told: before),
    ("words", "the reminder owes none"): lambda s: s.set("remind", _owing_nothing(outcomes.remind)),
    ("words", "they never show"): lambda s: s.set("rest", _without_words(outcomes.rest)),
    ("words", "they are forgotten with the first thing that is over"): lambda s: s.set(
        "_cleared", _owing_nothing(stages._cleared)
    ),
    ("gestures", "a press for the display of a recording opens the self-view"): lambda s: s.set(
        "_still_wanted", lambda before, event: event.intent
    ),
    ("gestures", "a press that would have recorded is lost"): lambda s: s.set(
        "_still_wanted",
        lambda before, event: event.intent if event.began in (None, before.stage) else None,
    ),
    ("gestures", "the hold for one recording stops the next"): lambda s: s.set(
        "_still_wanted",
        _whatever_its_edge(stages._still_wanted),
    ),
    ("refusals", "no word is said"): lambda s: s.effects("refuse", _without(stages.ShowStatus)),
    ("refusals", "words show in self-view"): lambda s: s.set(
        "refuse",
        lambda before, at_us: (
            before,
            (stages.Cue(stages.CueKind.REFUSED), stages.ShowStatus(True)),
        ),
    ),
    ("status", "self-view is shown over it"): lambda s: s.effects(
        "show", _without(stages.ShowStatus)
    ),
    ("status", "it stays whatever happens"): lambda s: s.set(
        "end_status", lambda before: (before, ())
    ),
    ("status", "it has no end"): lambda s: s.set("deadline", lambda state, rules: None),
    ("status", "a recording shows it"): lambda s: s.intent(
        Stage.RECORDING, Intent.MARK, Outcome.STATUS
    ),
}


@pytest.fixture
def saboteur(monkeypatch: pytest.MonkeyPatch) -> Iterator[Saboteur]:
    yield Saboteur(monkeypatch)


@pytest.mark.campaign
@pytest.mark.parametrize(("promise", "how"), SABOTAGE, ids=str)
def test_a_broken_table_is_found(saboteur: Saboteur, promise: str, how: str) -> None:
    SABOTAGE[promise, how](saboteur)
    rules = Rules(
        frozenset({Stage.SELF_VIEW}),
        TIMEOUT_US,
        display_in_recording=False,
        may_mute=how != "a policy that forbids it is not asked",
        post_event_us=POST_EVENT_US,
    )
    found = (
        broken(PROMISES[promise], t)
        for t in explore(
            rules, MATTERS, frozenset({Condition.BATTERY_CRITICAL}), hands=promise == "gestures"
        )
    )
    assert any(what is not None for what in found)
