"""What the microphone is told follows from the state alone; a fault of it is a condition."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from camerad.base.clock import ManualClock
from camerad.behaviour import stages
from camerad.behaviour.stages import Condition, Rules, Stage
from camerad.daemon.microphone_control import MicrophoneControl, mode_for
from camerad.stream.sound_messages import SoundNews
from camerad.stream.wire import SoundMode, SoundState
from tests.unit.core_helpers import Heard, idle_core

RULES = Rules(armed_in=frozenset(), self_view_timeout_us=1)
STATE = stages.initial(RULES, 0)


def state(stage: Stage, **changes: Any) -> stages.State:
    return replace(STATE, stage=stage, **changes)


@pytest.mark.parametrize(
    ("state", "pre_event", "mode"),
    [
        (state(Stage.STARTING), True, SoundMode.OFF),
        (state(Stage.IDLE), True, SoundMode.OFF),
        (state(Stage.IDLE, armed=True), False, SoundMode.READY),
        (state(Stage.IDLE, armed=True), True, SoundMode.ON),
        (state(Stage.SELF_VIEW), True, SoundMode.READY),
        (state(Stage.SELF_VIEW, armed=True), False, SoundMode.READY),
        (state(Stage.SELF_VIEW, armed=True), True, SoundMode.ON),
        (state(Stage.RECORDING, armed=True), False, SoundMode.ON),
        (state(Stage.RECORDING, armed=True, muted=True), True, SoundMode.READY),
        (state(Stage.STOPPING, armed=True), False, SoundMode.ON),
        (state(Stage.STOPPING, armed=True, muted=True), False, SoundMode.READY),
    ],
)
def test_nobody_is_heard_whom_nobody_records(
    state: stages.State, pre_event: bool, mode: SoundMode
) -> None:
    assert mode_for(state, pre_event=pre_event) is mode


class World:
    """What a microphone is told and tells."""

    def __init__(self) -> None:
        self.modes: list[SoundMode] = []
        self.core = idle_core(ManualClock())
        self.listener = Heard(self.core)
        self.heard: list[SoundNews] = []
        self.microphone = MicrophoneControl(
            self.core,
            pre_event=True,
            set_mode=self.modes.append,
            heard=self.heard.append,
        )


def test_while_footage_is_overwritten_none_comes() -> None:
    world = World()
    armed = state(Stage.IDLE, armed=True)
    world.microphone.follow(armed, wiping=True)
    world.microphone.follow(armed, wiping=False)
    world.microphone.follow(state(Stage.IDLE), wiping=True)
    assert world.modes == [SoundMode.READY, SoundMode.ON, SoundMode.OFF]


@pytest.mark.parametrize("fault", [SoundState.MISSING, SoundState.FAILED])
def test_a_microphone_that_is_down_is_a_condition_until_samples_arrive(fault: SoundState) -> None:
    world = World()
    said = [SoundState.STARTING, fault, SoundState.OFF, SoundState.STARTING, SoundState.ON]
    for at_us, what in enumerate(said):
        world.microphone.says(SoundNews(what, at_us, "why" if what is fault else None))
    # In between nobody knows better.
    assert world.listener.conditions == [
        (Condition.MICROPHONE_DOWN, True),
        (Condition.MICROPHONE_DOWN, False),
    ]
    assert [news.state for news in world.heard] == said
    assert world.microphone.state is SoundState.ON


def test_what_was_broken_when_it_was_used_last_is_asked_again_by_self_view_and_not_in_idle() -> (
    None
):
    world = World()
    world.microphone.says(SoundNews(SoundState.MISSING, 1, "unplugged"))
    for stage, mode in (
        (Stage.RECORDING, SoundMode.ON),
        (Stage.IDLE, SoundMode.OFF),
        (Stage.SELF_VIEW, SoundMode.READY),
    ):
        world.microphone.follow(state(stage), wiping=False)
        assert world.modes[-1] is mode
        if mode is SoundMode.OFF:
            world.microphone.says(SoundNews(SoundState.OFF, 2))
        assert Condition.MICROPHONE_DOWN in world.core.conditions
    # Its device is open, and samples come: that is enough.
    world.microphone.says(SoundNews(SoundState.ON, 3))
    assert Condition.MICROPHONE_DOWN not in world.core.conditions


def test_the_microphone_of_a_process_that_ended_is_not_on() -> None:
    world = World()
    world.microphone.says(SoundNews(SoundState.ON, 1))
    assert world.microphone.hears
    world.microphone.ended()
    assert not world.microphone.hears
    assert world.microphone.state is SoundState.OFF
    # It is no fault of the microphone, and the recording is told of the gap by what is missing.
    assert world.listener.conditions == []
    assert Condition.MICROPHONE_DOWN not in world.core.conditions
    assert len(world.heard) == 1


def test_a_process_without_an_encoder_for_sound_is_a_fault() -> None:
    world = World()
    world.microphone.unknown()
    assert world.listener.conditions == [(Condition.MICROPHONE_DOWN, True)]
