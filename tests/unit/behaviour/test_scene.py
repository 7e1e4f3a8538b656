"""What the display is told to show, in every state, and how it is told."""

from __future__ import annotations

import json
from itertools import product

import pytest
from msgspec.structs import replace

from camerad.behaviour.scene import (
    COVERS,
    DARK,
    GRAVITY,
    Badge,
    HandoverScene,
    Mirror,
    OfficerStatus,
    PatternPicture,
    RecordingScene,
    Scene,
    SceneFacts,
    SoundScene,
    from_wire,
    scene,
    to_wire,
)
from camerad.behaviour.stages import REFUSES_START, Condition, Stage, State
from tests.breadth import breadth
from tests.unit.behaviour.space import ALL_RULES, MATTERS, explore

FACTS = SceneFacts(pre_event_seconds=30.0, sound=True, hears=True, status=OfficerStatus(87, 312, 1))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State(Stage.STARTING, 5), DARK),
        (State(Stage.STARTING, 5, status_on=True, status_at_us=7), FACTS.status),
        (State(Stage.IDLE, 5), DARK),
        (State(Stage.IDLE, 5, armed=True), DARK),
        (State(Stage.SELF_VIEW, 5, display_on=True), Mirror()),
        (State(Stage.SELF_VIEW, 5, display_on=True, armed=True), Mirror(30.0)),
        (State(Stage.SELF_VIEW, 5, wiping=True), DARK),
        (State(Stage.RECORDING, 5, display_on=True), RecordingScene(5, SoundScene.ON)),
        (
            State(Stage.RECORDING, 5, display_on=True, muted=True),
            RecordingScene(5, SoundScene.MUTED),
        ),
        (State(Stage.RECORDING, 5), DARK),
        (State(Stage.IDLE, 5, status_on=True, status_at_us=7), FACTS.status),
        (State(Stage.STOPPING, 5), DARK),
    ],
)
def test_the_display_follows_the_stage(state: State, expected: Scene) -> None:
    assert scene(state, FACTS) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State(Stage.IDLE, 5), Badge()),
        # Who asks how the camera is, or shows the display meanwhile, sees that.
        (State(Stage.IDLE, 5, status_on=True, status_at_us=7), FACTS.status),
        (State(Stage.SELF_VIEW, 5, display_on=True), Mirror()),
        (State(Stage.RECORDING, 5, display_on=True), RecordingScene(5, SoundScene.ON)),
        (State(Stage.RECORDING, 5), DARK),
        (State(Stage.STARTING, 5), DARK),
    ],
)
def test_a_camera_that_looks_for_a_badge_asks_for_it(state: State, expected: Scene) -> None:
    assert scene(state, replace(FACTS, looking=True)) == expected


def test_p3_the_display_says_recording_whenever_it_is_on_and_footage_is_kept() -> None:
    for stage, on, armed, wiping in product(Stage, *[(False, True)] * 3):
        state = State(stage, 0, display_on=on, armed=armed, wiping=wiping)
        shown = scene(state, FACTS)
        assert isinstance(shown, RecordingScene) is (on and state.keeping)
        if isinstance(shown, Mirror):
            # It never says that nothing is kept, and is silent about a buffer.
            assert bool(shown.pre_event_seconds) is armed


@pytest.mark.parametrize("condition", Condition)
def test_self_view_promises_a_recording_exactly_where_a_press_would_begin_one(
    condition: Condition,
) -> None:
    state = State(Stage.SELF_VIEW, 5, frozenset({condition}), display_on=True, armed=True)
    promised = 0.0 if condition in REFUSES_START else 30.0
    assert scene(state, FACTS) == Mirror(promised)
    # A camera that is switching off begins none either.
    assert scene(replace(state, ending=True), FACTS) == Mirror()


# ------------------------------------------------------------------------------------- causes

ASKED = State(Stage.IDLE, 5, status_on=True, status_at_us=7)


def asked(*conditions: Condition, cut_off: bool = False) -> OfficerStatus:
    """What the status says if these hold."""
    state = replace(ASKED, conditions=frozenset(conditions))
    shown = scene(state, replace(FACTS, cut_off=cut_off))
    assert isinstance(shown, OfficerStatus)
    return shown


def test_every_condition_but_docked_is_told_and_none_twice() -> None:
    assert set(GRAVITY) == set(Condition) - {Condition.DOCKED}
    assert len(set(GRAVITY)) == len(GRAVITY)


def test_whatever_refuses_a_press_is_graver_than_all_that_does_not() -> None:
    assert set(GRAVITY[: len(REFUSES_START)]) == REFUSES_START


@pytest.mark.parametrize("condition", GRAVITY)
def test_the_status_names_each_cause_beside_what_it_says_anyway(condition: Condition) -> None:
    assert asked(condition) == replace(FACTS.status, cause=condition)
    assert asked(condition, Condition.DOCKED) == replace(FACTS.status, cause=condition)


@pytest.mark.parametrize("first", range(len(GRAVITY)))
def test_the_gravest_is_named_and_the_others_are_counted(first: int) -> None:
    said = asked(*GRAVITY[first:], Condition.DOCKED)
    others = set(GRAVITY[first + 1 :])
    others -= {COVERS.get(one) for one in GRAVITY[first:]}
    assert (said.cause, said.more) == (GRAVITY[first], len(others))


@pytest.mark.parametrize(("graver", "covered"), COVERS.items())
def test_what_the_graver_one_says_anyway_is_no_other_matter(
    graver: Condition, covered: Condition
) -> None:
    assert asked(graver, covered) == asked(graver)


def test_nothing_that_matters_is_no_cause() -> None:
    assert asked() == asked(Condition.DOCKED) == FACTS.status


def test_a_recording_that_was_cut_off_is_graver_than_all_that_does_not_refuse_the_next() -> None:
    assert asked(cut_off=True) == replace(FACTS.status, cut_off=True)
    for condition in GRAVITY:
        said = asked(condition, cut_off=True)
        # "Hold the big button to go on" would be a lie where that is refused.
        assert said.cut_off is (condition not in REFUSES_START)
        assert (said.cause, said.more) == (condition, 1)


def names_a_cause(shown: Scene) -> bool:
    """Whether a scene says what is the matter, whatever else it is."""
    told = to_wire(shown)
    return bool(told.get("cause") or told.get("cut_off"))


def test_no_state_but_the_status_in_idle_names_a_cause() -> None:
    """By every combination that can be written down, also of states that are never reached."""
    facts = replace(FACTS, cut_off=True, looking=True)
    for stage, condition, *flags in product(Stage, Condition, *[(False, True)] * 6):
        on, armed, wiping, ending, muted, status = flags
        state = State(
            stage,
            5,
            frozenset({condition, Condition.STORAGE_LOW}),
            display_on=on,
            armed=armed,
            wiping=wiping,
            ending=ending,
            muted=muted,
            status_on=status,
        )
        shown = scene(state, facts)
        named = status and stage in (Stage.STARTING, Stage.IDLE)
        assert isinstance(shown, OfficerStatus) is names_a_cause(shown) is named


FEW = frozenset({Condition.CAMERA_DOWN, Condition.STORAGE_FULL})


CHOSEN = breadth(ALL_RULES[::3], ALL_RULES)


@pytest.mark.breadth
@pytest.mark.parametrize("number", range(len(CHOSEN)))
def test_no_state_that_is_reached_names_a_cause_to_the_person_opposite(number: int) -> None:
    """Enumerated: every state that the machine can come to, and whoever stands before it. Of the
    conditions that do not decide what happens, each is tried under one of the chosen rules."""
    facts = replace(FACTS, cut_off=True)
    matters = breadth(FEW, MATTERS)
    others = [one for one in Condition if one not in matters]
    rest = frozenset(breadth(others[number :: len(CHOSEN)], others))
    seen: set[tuple[Stage, type[Scene]]] = set()
    previous = None
    for step in explore(CHOSEN[number], matters, rest):
        state = step.before
        if state is previous:
            continue
        previous = state
        shown = scene(state, facts)
        seen.add((state.stage, type(shown)))
        if names_a_cause(shown):
            assert state.stage in (Stage.STARTING, Stage.IDLE), state
            assert state.status_on, state
            assert not state.keeping, state
            assert not state.display_on, state
        # Whoever has the status shown is told what is the matter.
        assert state.status_on is isinstance(shown, OfficerStatus), state
        if isinstance(shown, Mirror) and not state.can_record:
            assert shown == Mirror(), state
    assert (Stage.IDLE, OfficerStatus) in seen
    assert (Stage.SELF_VIEW, Mirror) in seen


# -------------------------------------------------------------------------------------- wire


@pytest.mark.parametrize("muted", [False, True])
def test_a_recording_that_hears_nothing_does_not_show_sound(muted: bool) -> None:
    state = State(Stage.RECORDING, 5, display_on=True, muted=muted)
    assert scene(state, SceneFacts(sound=False)) == RecordingScene(5, SoundScene.NONE)
    down = replace(state, conditions=frozenset({Condition.MICROPHONE_DOWN}))
    assert scene(down, SceneFacts(sound=True, hears=True)) == RecordingScene(5, SoundScene.NONE)


def test_sound_is_shown_only_while_the_microphone_is_on() -> None:
    # Starting, or the capture process is being restarted: sound is wanted, and nobody is heard.
    state = State(Stage.RECORDING, 5, display_on=True)
    assert scene(state, SceneFacts(sound=True, hears=False)) == RecordingScene(5, SoundScene.NONE)
    assert scene(state, SceneFacts(sound=True, hears=True)) == RecordingScene(5, SoundScene.ON)
    muted = replace(state, muted=True)
    assert scene(muted, SceneFacts(sound=True, hears=False)) == RecordingScene(5, SoundScene.MUTED)


@pytest.mark.parametrize(
    "shown",
    [
        DARK,
        Mirror(),
        Mirror(30.0),
        RecordingScene(123, SoundScene.ON),
        RecordingScene(0, SoundScene.MUTED),
        OfficerStatus(),
        OfficerStatus(87, 312, 1_795_525_500_000_000),
        *(OfficerStatus(handover=one, done=12, total=30) for one in HandoverScene),
        *(OfficerStatus(87, cause=one, more=2) for one in GRAVITY),
        OfficerStatus(cut_off=True, more=1),
        Badge(),
        PatternPicture(),
    ],
)
def test_a_scene_is_told_whole(shown: Scene) -> None:
    assert from_wire(json.loads(json.dumps(to_wire(shown)))) == shown


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (True, "a scene is an object"),
        (["dark"], "a scene is an object"),
        ({}, "no scene None"),
        ({"scene": "cinema"}, "no scene 'cinema'"),
        ({"scene": ["dark"]}, "no scene"),
        ({"scene": "dark", "since_us": 1}, "since_us"),
        ({"scene": "dark", "sound": "on"}, "sound"),
        ({"scene": "recording"}, "since_us"),
        ({"scene": "recording", "since_us": "1"}, "since_us is not a number"),
        ({"scene": "recording", "since_us": True}, "since_us is not a number"),
        ({"scene": "recording", "since_us": 1, "sound": "loud"}, "loud"),
        ({"scene": "status", "handover": "soon"}, "soon"),
        ({"scene": "status", "handover": 1}, "1"),
        ({"scene": "mirror", "handover": "done"}, "handover"),
        ({"scene": "status", "cause": "gremlins"}, "gremlins"),
        ({"scene": "status", "cause": 3}, "3"),
        ({"scene": "status", "cut_off": 1}, "cut_off is not yes or no"),
        ({"scene": "status", "cut_off": None}, "cut_off is not yes or no"),
        ({"scene": "status", "more": True}, "more is not a number"),
    ],
)
def test_what_is_no_scene_is_refused_with_a_reason(told: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        from_wire(told)
