"""A capture process that comes back so quickly that the camera never counts as down.

The real daemon in simulated time, with the stand-ins of `test_presses_simulated`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from camerad.behaviour.stages import Condition
from camerad.stream.sound_messages import SoundNews
from camerad.stream.wire import SoundState
from tests.system.test_presses_simulated import World, gpio, run
from tests.system.test_resources_simulated import MINUTE_US, RECORD_US, SECOND_US, holding, when

__all__ = ["gpio"]


def test_a_recording_names_the_encoder_of_the_process_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    def around(world: World) -> None:
        when(world, 20, lambda: world.link.restart({"encoder": "software"}))

    hands = holding(RECORD_US, 10 * SECOND_US, 30 * SECOND_US, 40 * SECOND_US, until_us=MINUTE_US)
    world, _ = run(tmp_path, monkeypatch, 0, hands, around=around)
    assert [one.plan.encoder for one in world.recorders] == ["none", "software"]


def test_a_process_that_came_back_without_an_encoder_for_sound_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpio: None
) -> None:
    holds: list[bool] = []

    def around(world: World) -> None:
        def look() -> None:
            holds.append(Condition.MICROPHONE_DOWN in world.camera.state.conditions)

        when(world, 10, lambda: world.link.hear(SoundNews(SoundState.ON, 10 * SECOND_US)))
        when(world, 15, look)
        when(world, 20, lambda: world.link.restart({"encoder": "none", "sound": None}))
        when(world, 25, look)

    run(tmp_path, monkeypatch, 0, holding(until_us=MINUTE_US), around=around)
    assert holds == [False, True]
