"""What is carried out of a step, and what of it is felt."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from camerad.base.clock import ManualClock
from camerad.behaviour import stages
from camerad.behaviour.signals import Detail
from camerad.behaviour.stages import Condition, CueKind, Intent
from camerad.config import load
from camerad.daemon.effects import Effects
from camerad.daemon.recording_manager import RecordingManager
from tests.system.harness import configuration
from tests.unit.core_helpers import idle_core, lives


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        (Detail.BASIC, [CueKind.REFUSED]),
        (Detail.FULL, [CueKind.REFUSED, CueKind.CAMERA_DOWN, CueKind.STORAGE_FULL]),
    ],
)
def test_that_it_cannot_record_is_felt_once_unless_each_cause_is_to_have_its_code(
    detail: Detail, told: list[CueKind], tmp_path: Path
) -> None:
    clock = ManualClock(1)
    core = replace(idle_core(clock), detail=detail)
    played: list[CueKind] = []
    effects = Effects(
        core,
        RecordingManager(core, load(configuration(tmp_path)), str(tmp_path)),
        played.append,
        lambda answer: None,
        lambda: None,
    )
    core.conditions.raise_(Condition.STORAGE_FULL)
    core.conditions.raise_(Condition.CAMERA_DOWN)
    core.dispatcher.listen(effects.stepped)

    def press() -> None:
        assert core.dispatcher.intend(Intent.RECORD, "button:main") is not None

    lives(clock, press)
    assert played == told
    assert core.state.stage is stages.Stage.IDLE
