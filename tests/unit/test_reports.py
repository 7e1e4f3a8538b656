"""What the log says of gaps and of what was recorded is English, not Python."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from camerad.base.text import count
from camerad.behaviour import signals
from camerad.behaviour.stages import Condition, CueKind, Stage, State
from camerad.container.gaps import CAPTURE_RESTARTED, FRAMES_LOST, RING_FULL, Gap
from camerad.daemon.reports import Reports
from camerad.stream.sound import SOUND_LOST


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        (Gap(FRAMES_LOST, 1, 1_000_000, 1_066_000), "frames lost, 1 picture, 0.07 s"),
        (Gap(CAPTURE_RESTARTED, None, 1_000_000, 3_030_000), "capture restarted, 2.03 s"),
        (Gap(RING_FULL, 30, 1_000_000, None), "ring full, 30 pictures"),
        (Gap(RING_FULL, None, None, 1_000_000), "ring full"),
        (Gap(SOUND_LOST, 475, 1_000_000, 11_150_000), "sound lost, 10.15 s"),
    ],
)
def test_missing_footage_is_logged_in_words(
    caplog: pytest.LogCaptureFixture, gap: Gap, text: str
) -> None:
    reports: Any = None
    with caplog.at_level(logging.WARNING):
        Reports._camera_gap(reports, gap)
    assert caplog.messages == [f"footage is missing: {text}"]


def test_one_is_not_several() -> None:
    assert [count(number, "gap") for number in (0, 1, 2)] == ["0 gaps", "1 gap", "2 gaps"]
    assert [count(number, "entry", "entries") for number in (1, 2)] == ["1 entry", "2 entries"]


class Lights:
    """A daemon whose lights fail, as far as that is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.reports: Any = SimpleNamespace(
            _loop=SimpleNamespace(call_soon=lambda call: call()),
            _look_at_lights=lambda: None,
            sound=self.told.append,
            note=lambda kind, **facts: self.told.append((kind, facts)),
        )

    def fail(self, output: str, what: str | None, *conditions: Condition) -> list[object]:
        self.told.clear()
        self.reports._state = State(Stage.RECORDING, 0, frozenset(conditions))
        Reports._light_fault(self.reports, output, what)
        return list(self.told)


def test_a_red_light_that_fails_is_told_though_another_light_had_failed_before() -> None:
    """The condition holds already, so nothing would be felt or written by raising it."""
    lights = Lights()
    down = Condition.LIGHT_DOWN
    noted = ("fault", {"condition": "light_down", "holds": True})
    assert lights.fail("red", "it stays off", down) == [CueKind.LIGHT_DOWN, noted]
    assert CueKind.LIGHT_DOWN not in signals.ANSWERS
    # Where it is the first, the condition tells it; and that of another light is told once.
    assert lights.fail("red", "it stays off") == []
    assert lights.fail("green", "it stays off", down) == []
    assert lights.fail("red", None, down) == []
    assert lights.fail("vibration", "it fails", down) == []
