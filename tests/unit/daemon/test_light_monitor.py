"""A light that is not as it was switched is a condition; another output is a line in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import gpiozero
import pytest
from hw_mocks.pins import SimulatedFactory

from camerad.base.clock import ManualClock
from camerad.behaviour.budget import BEAT_SECONDS
from camerad.behaviour.signals import ANSWERS, OFF, ON, Indication
from camerad.behaviour.stages import Condition, CueKind
from camerad.daemon.presentation import LightMonitor
from camerad.hardware.lights import Indicators, Output
from tests.system.virtual_time import VirtualLoop
from tests.unit.core_helpers import Heard, idle_core

RED_GPIO, BUZZER_GPIO = 23, 18
OUTPUTS = (
    Output("green", 22),
    Output("red", RED_GPIO),
    Output("amber", 24),
    Output("buzzer", BUZZER_GPIO),
)
DOWN = Condition.LIGHT_DOWN


class Scene:
    def __init__(self, pins: SimulatedFactory) -> None:
        self.pins = pins
        self.clock = ManualClock()
        self.core = idle_core(self.clock)
        self.heard = Heard(self.core)
        self.cues: list[CueKind] = []
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.monitor = LightMonitor(self.core, self.note, play=self.cues.append)
        self.monitor.indicators = Indicators(OUTPUTS, self.monitor.fault)

    def note(self, kind: str, **facts: Any) -> None:
        self.notes.append((kind, facts))

    def live(self, scene: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            watch = asyncio.ensure_future(self.monitor.watch())
            await scene()
            watch.cancel()
            await asyncio.wait({watch})

        loop = VirtualLoop(self.clock)
        try:
            loop.run_until_complete(run())
        finally:
            self.monitor.indicators.close()
            loop.close()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.delenv("HW_MOCKS_WORLD", raising=False)
    before = gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory = factory = SimulatedFactory()
    yield Scene(factory)
    factory.close()
    gpiozero.Device.pin_factory = before


def test_a_light_that_goes_out_by_itself_is_a_condition_until_it_burns_again(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    async def short() -> None:
        scene.monitor.indicators.show(Indication(green=OFF, red=ON, amber=OFF))
        await asyncio.sleep(3 * BEAT_SECONDS)
        assert scene.heard.events == []
        scene.pins.short(RED_GPIO, 2**60)
        await asyncio.sleep(3 * BEAT_SECONDS)
        assert DOWN in scene.core.conditions
        scene.pins.short(RED_GPIO, 0)
        await asyncio.sleep(3 * BEAT_SECONDS)

    scene.live(short)
    assert scene.heard.conditions == [(DOWN, True), (DOWN, False)]
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("red cannot be driven: it stays off")


def test_a_fault_while_lights_are_set_is_a_condition_only_after_they_are_set(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise OSError("the line is gone")

    async def break_red() -> None:
        with monkeypatch.context() as broken:
            broken.setattr(gpiozero.DigitalOutputDevice, "on", refuse)
            scene.monitor.indicators.show(Indication(green=OFF, red=ON, amber=OFF))
            assert scene.heard.events == [], "no event comes from within"
        await asyncio.sleep(0)
        assert scene.heard.conditions == [(DOWN, True)]

    scene.live(break_red)


def test_an_output_that_is_no_light_is_no_condition(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    async def tell() -> None:
        scene.monitor.fault("buzzer", "the line is gone")
        await asyncio.sleep(1)

    scene.live(tell)
    assert scene.heard.events == []
    assert caplog.messages == ["buzzer cannot be driven: the line is gone"]


def test_a_red_light_that_fails_is_told_though_another_light_had_failed_before(
    scene: Scene,
) -> None:
    """The condition holds already, so nothing would be felt or written by raising it."""

    def told() -> list[object]:
        found = [*scene.cues, *scene.notes]
        scene.cues.clear()
        scene.notes.clear()
        return found

    async def fail() -> None:
        # Where it is the first, the condition tells it.
        scene.monitor.fault("red", "it stays off")
        assert told() == []
        scene.core.conditions.raise_(DOWN)
        scene.monitor.fault("red", "it stays off")
        noted = ("fault", {"condition": "light_down", "holds": True})
        assert told() == [CueKind.LIGHT_DOWN, noted]
        assert CueKind.LIGHT_DOWN not in ANSWERS
        # That of another light is told once.
        scene.monitor.fault("green", "it stays off")
        scene.monitor.fault("red", None)
        scene.monitor.fault("vibration", "it fails")
        assert told() == []

    scene.live(fail)
