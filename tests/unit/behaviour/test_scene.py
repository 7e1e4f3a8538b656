"""What the display is told to show, in every state, and how it is told."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product

import pytest

from camerad.behaviour.scene import (
    DARK,
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
from camerad.behaviour.stages import Condition, Stage, State

FACTS = SceneFacts(pre_event_seconds=30.0, sound=True, hears=True, status=OfficerStatus(87, 312, 1))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State(Stage.STARTING, 5), DARK),
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
    ],
)
def test_what_is_no_scene_is_refused_with_a_reason(told: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        from_wire(told)
