"""Lights, display, announcements and stamp follow the state, each by itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory
from msgspec.structs import replace

from camerad.base.clock import SECOND, ClockSource, ManualClock
from camerad.behaviour import scene as scenes
from camerad.behaviour import signals, stages
from camerad.behaviour.announcements import Announcement
from camerad.behaviour.dock_progress import HandoverProgress, HandoverState, HandoverTrouble
from camerad.behaviour.events import CONTINUED
from camerad.behaviour.shift import ShiftRules
from camerad.behaviour.stages import Condition, Stage, State
from camerad.config import load
from camerad.config.controls import Announcements
from camerad.config.office_section import Office
from camerad.daemon.announcer import Announcer
from camerad.daemon.buffers import Buffers
from camerad.daemon.button_input import ButtonInput
from camerad.daemon.clock_monitor import ClockMonitor
from camerad.daemon.handover_monitor import HandoverMonitor
from camerad.daemon.power_monitor import PowerActions, PowerMonitor
from camerad.daemon.presentation import Presentation
from camerad.daemon.recording_manager import RecordingManager
from camerad.daemon.shift_manager import ShiftManager
from camerad.daemon.status_reporter import StatusReporter
from camerad.hardware import from_settings
from camerad.hardware.lights import Indicators
from camerad.hardware.selfview_process import NoDisplay
from camerad.selfview.panel import Panel
from camerad.selfview.screen import Screen
from camerad.stream.capture_process import StampState
from camerad.stream.desired_state import DesiredState
from camerad.stream.frame import create
from tests.system.harness import configuration
from tests.system.virtual_time import VirtualLoop
from tests.unit.core_helpers import RULES, end_recording, idle_core, lives, record
from tests.unit.selfview.test_process import Child, running
from tests.unit.selfview.texts import TEXTS

OFFICE = Office("https://office.example", "", "", 100)
ARMED = replace(RULES, armed_in=frozenset({Stage.SELF_VIEW}))


class Display(NoDisplay):
    """Keeps what it was to show."""

    def __init__(self) -> None:
        self.shown: list[scenes.Scene] = []

    def show(self, scene: scenes.Scene) -> None:
        self.shown.append(scene)


class Voice(Announcer):
    """Keeps what it was told, and says nothing."""

    def __init__(self) -> None:
        async def nothing() -> dict[Announcement, object]:
            return {}

        super().__init__(Announcements(), nothing, lambda kind, **facts: None)  # type: ignore[arg-type]
        self.told: list[tuple[Stage, bool, bool]] = []

    def stepped(
        self, at_us: int, before: State, after: State, *, sound: bool, failed: bool = False
    ) -> None:
        self.told.append((after.stage, sound, failed))


def note_nothing(kind: str, **facts: object) -> None:
    """The ledger is no matter here."""


class Scene:
    """All that is shown of a camera in idle, with real lights on simulated lines."""

    def __init__(self, directory: Path, pins: MockFactory) -> None:
        settings = load(configuration(directory))
        self.pins, self.lines = pins, settings.lights
        self.clock = clock = ManualClock(100 * SECOND)
        self.core = core = idle_core(clock, rules=ARMED)
        recordings = RecordingManager(core, settings, str(directory))
        actions = PowerActions(
            note_nothing, lambda: 0, lambda fps, reason: None, lambda reason: None
        )
        rules = ShiftRules(longest_us=3600 * SECOND, reminder_us=60 * SECOND, badge_us=60 * SECOND)
        self.cues: list[stages.CueKind] = []
        self.shifts = ShiftManager(
            core,
            rules,
            note_nothing,
            lambda present, over: None,
            play=self.cues.append,
            on_change=lambda: None,
        )
        self.clock_monitor = ClockMonitor(core, None, note_nothing)
        self.handover = HandoverMonitor(
            core, OFFICE, recordings.listing, lambda _word: self.shown.show_lights()
        )
        self.status = status = StatusReporter(
            settings,
            clock,
            recordings,
            PowerMonitor(core, settings, actions),
            self.shifts,
            handover=self.handover,
        )
        self.shown = Presentation(
            core,
            self.clock_monitor,
            self.shifts,
            status,
            handover=self.handover,
            has_sound=lambda: True,
        )
        self.outputs = from_settings.outputs(settings)
        self.shown.indicators = Indicators(self.outputs, lambda output, what: None)
        core.dispatcher.listen(
            self.shown.know_cut_off,
            self.shown.show_lights,
            self.shown.stepped,
            self.shown.show_scene,
            self.shown.announce,
            self.handover.stepped,
        )

    @property
    def red(self) -> bool:
        return bool(self.pins.pin(self.lines.red.gpio).state)

    @property
    def vibrates(self) -> bool:
        (vibration,) = [one for one in self.outputs if one.name == "vibration"]
        return bool(self.pins.pin(vibration.gpio).state)

    def live(self, scene: Callable[[], None]) -> None:
        lives(self.clock, scene)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    before = gpiozero.Device.pin_factory
    gpiozero.Device.pin_factory = pins = MockFactory()
    made = Scene(tmp_path, pins)
    yield made
    made.shown.indicators.close()
    pins.reset()
    gpiozero.Device.pin_factory = before


def test_red_is_on_before_the_next_listener_is_told(scene: Scene) -> None:
    lit: list[tuple[Stage, bool]] = []
    scene.core.dispatcher.listen(lambda step: lit.append((step.after.stage, scene.red)))

    def life() -> None:
        scene.shown.show_lights()
        assert not scene.red
        record(scene.core)

    scene.live(life)
    assert lit == [(Stage.RECORDING, True)]


def test_lights_are_set_before_show_lights_returns(scene: Scene) -> None:
    def life() -> None:
        record(scene.core)
        scene.shown.indicators.show(signals.Indication(signals.OFF, signals.OFF, signals.OFF))
        assert not scene.red
        scene.shown.show_lights()
        assert scene.red

    scene.live(life)


def test_green_blinks_while_a_badge_is_looked_for(scene: Scene) -> None:
    def life() -> None:
        assert scene.shown.lights().green is signals.ON
        scene.shifts.look()
        assert scene.shown.lights().green is signals.BLINK
        scene.shifts.begin("W-0815")
        assert scene.shown.lights().green is signals.ON

    scene.live(life)


def test_the_display_shows_each_state_once_there_is_one(scene: Scene) -> None:
    scene.live(scene.shown.show_scene)  # nobody is there to see it
    display = Display()
    scene.shown.display = display
    scene.live(lambda: record(scene.core))
    assert [type(shown) for shown in display.shown] == [scenes.RecordingScene]


def test_in_its_dock_the_lights_and_if_asked_the_display_say_how_handing_over_goes(
    scene: Scene,
) -> None:
    display = Display()
    scene.shown.display = display
    looks: list[signals.Indication] = []
    scene.shown.indicators.show = looks.append  # type: ignore[method-assign]

    async def told(word: HandoverProgress) -> None:
        await scene.handover.hear(word)

    async def life() -> None:
        scene.core.conditions.raise_(Condition.DOCKED)
        assert (looks[-1].green, looks[-1].amber) == (signals.ON, signals.BLINK)
        await told(HandoverProgress(HandoverState.HANDING_OVER, 12, 30))
        assert (looks[-1].green, looks[-1].amber) == (signals.ON, signals.BLINK)
        assert display.shown[-1] == scenes.DARK  # nobody asked
        scene.core.dispatcher.intend(stages.Intent.SHOW_STATUS, "test")
        said = display.shown[-1]
        assert isinstance(said, scenes.OfficerStatus)
        assert (said.handover, said.done, said.total) == (scenes.HandoverScene.RUNS, 12, 30)
        await told(HandoverProgress(HandoverState.FAILED, trouble=HandoverTrouble.OFFICE))
        assert (looks[-1].green, looks[-1].amber) == (signals.BLINK, signals.OFF)
        record(scene.core)
        assert looks[-1] == signals.Indication(signals.OFF, signals.ON, signals.OFF)
        assert isinstance(display.shown[-1], scenes.RecordingScene)

    loop = VirtualLoop(scene.clock)
    try:
        loop.run_until_complete(life())
    finally:
        loop.close()


def test_whoever_asks_in_idle_is_told_what_is_the_matter_and_for_how_long(scene: Scene) -> None:
    display = Display()
    scene.shown.display = display

    async def life() -> None:
        for condition in (Condition.HOT, Condition.STORAGE_FULL, Condition.DOCKED):
            scene.core.conditions.raise_(condition)
        assert display.shown[-1] == scenes.DARK  # nobody asked
        scene.core.dispatcher.intend(stages.Intent.SHOW_STATUS, "test")
        said = display.shown[-1]
        assert isinstance(said, scenes.OfficerStatus)
        assert (said.cause, said.more) == (Condition.STORAGE_FULL, 1)
        # What changes meanwhile is told at once.
        scene.core.conditions.clear(Condition.STORAGE_FULL)
        said = display.shown[-1]
        assert isinstance(said, scenes.OfficerStatus)
        assert (said.cause, said.more) == (Condition.HOT, 0)
        await asyncio.sleep(4.999)
        assert display.shown[-1] == said
        await asyncio.sleep(0.002)
        assert display.shown[-1] == scenes.DARK

    run(scene, life())


def run(scene: Scene, life: Coroutine[Any, Any, None]) -> None:
    loop = VirtualLoop(scene.clock)
    try:
        loop.run_until_complete(life)
    finally:
        loop.close()


@pytest.mark.parametrize("goes_on", [True, False])
@pytest.mark.parametrize("over", ["another begins", "it is brought back"])
def test_a_recording_that_was_cut_off_is_told_until(scene: Scene, over: str, goes_on: bool) -> None:
    display = Display()
    scene.shown.display = display

    def asked() -> scenes.OfficerStatus:
        scene.core.dispatcher.intend(stages.Intent.SHOW_STATUS, "test")
        said = display.shown[-1]
        assert isinstance(said, scenes.OfficerStatus)
        # Who asks the daemon hears the same.
        held = cast(Buffers, SimpleNamespace(pictures=SimpleNamespace(seconds_held=0.0)))
        report = scene.status.report(scene.core.state, held, ButtonInput(scene.core, ()))
        assert report["cut_off"] is said.cut_off
        return said

    async def life() -> None:
        assert not asked().cut_off
        await asyncio.sleep(6)
        now_us = scene.core.now_us()
        if goes_on:  # it was to, and cannot
            scene.core.conditions.raise_(Condition.CAMERA_DOWN)
            scene.core.post(stages.Intended(now_us, stages.Intent.RECORD, now_us, CONTINUED))
            scene.core.conditions.clear(Condition.CAMERA_DOWN)
        else:
            scene.core.post(stages.CutOff(now_us))
        # By itself, and by green that blinks: nobody has asked.
        said = display.shown[-1]
        assert isinstance(said, scenes.OfficerStatus)
        assert said.cut_off
        assert scene.shown.lights().green is signals.BLINK
        await asyncio.sleep(6)
        assert asked().cut_off
        if over == "another begins":
            record(scene.core)
            # What was cut off earlier is known late, and another one runs already.
            scene.core.post(stages.CutOff(scene.core.now_us()))
            end_recording(scene.core)
        else:
            scene.core.conditions.raise_(Condition.DOCKED)
        assert not asked().cut_off
        assert scene.shown.lights().green is not signals.BLINK

    run(scene, life())


class PanelDisplay(NoDisplay):
    """The real display's process, told by the daemon's own parts."""

    def __init__(self, child: Child) -> None:
        self._child = child

    def show(self, scene: scenes.Scene) -> None:
        assert self._child.ask(show=scenes.to_wire(scene)) == {"ok": True}


def test_the_cause_stands_on_the_panel_for_five_seconds_and_then_it_is_dark(
    scene: Scene, tmp_path: Path
) -> None:
    for name, text in (("virtual_size", "320,240"), ("bits_per_pixel", "16"), ("stride", "640")):
        (tmp_path / name).write_text(text)
    device = tmp_path / "fb0"
    device.touch()
    frames = create(1 << 16)

    def expected(status: scenes.OfficerStatus) -> bytes:
        screen = Screen(Panel(320, 240, 640, 16), mirror=True, texts=TEXTS["de"])
        screen.show(status, 0)
        return screen.pixels.tobytes()

    async def life(child: Child) -> None:
        scene.shown.display = PanelDisplay(child)
        scene.core.conditions.raise_(Condition.STORAGE_FULL)
        assert not any(device.read_bytes())
        scene.core.dispatcher.intend(stages.Intent.RECORD, "button:main")
        told = scene.shown._status.shows(scene.core.state)
        assert isinstance(told, scenes.OfficerStatus)
        assert told.cause is Condition.STORAGE_FULL
        assert device.read_bytes() == expected(told)
        await asyncio.sleep(4.999)
        assert device.read_bytes() == expected(told)
        await asyncio.sleep(0.002)
        assert not any(device.read_bytes())

    with running(device, frames) as child:
        run(scene, life(child))
    os.close(frames)


def test_what_happened_is_announced_with_whether_it_is_heard(scene: Scene) -> None:
    voice = Voice()
    scene.shown.announcer = voice

    def life() -> None:
        record(scene.core)
        scene.core.post(stages.Failed(scene.core.now_us(), "the card is gone"))

    scene.live(life)
    assert voice.told[0] == (Stage.RECORDING, True, False)
    assert voice.told[-1][1:] == (True, True)


def stamp_of(wanted: DesiredState) -> StampState:
    stamp = wanted.snapshot().stamp
    assert stamp is not None
    return stamp


def test_the_stamp_says_pre_only_of_what_was_before_the_press(scene: Scene) -> None:
    scene.shown.wanted = wanted = DesiredState(())
    stamps: list[bool] = []

    def life() -> None:
        scene.shown.tell_stamp()
        stamps.append(stamp_of(wanted).pre)
        assert scene.core.dispatcher.intend(stages.Intent.ESCALATE, "test") is None
        stamps.append(stamp_of(wanted).pre)
        record(scene.core)
        stamps.append(stamp_of(wanted).pre)

    scene.live(life)
    assert stamps == [False, True, False]


def test_the_stamp_says_who_wears_the_camera_and_what_the_time_is_worth(scene: Scene) -> None:
    scene.shown.tell_stamp()  # there is no camera yet that could be told
    scene.shown.wanted = wanted = DesiredState(())
    scene.live(lambda: scene.shifts.begin("W-0815"))
    scene.clock_monitor.steps = 2
    scene.shown.tell_stamp()
    assert stamp_of(wanted) == StampState(pre=False, trusted=True, wearer="W-0815", steps=2)
    scene.clock.source = ClockSource.UNKNOWN
    scene.shown.tell_stamp()
    assert not stamp_of(wanted).trusted


def test_a_step_that_concerns_no_footage_leaves_the_stamp_alone(scene: Scene) -> None:
    scene.shown.wanted = wanted = DesiredState(())
    scene.live(lambda: scene.core.conditions.raise_(stages.Condition.HOT))
    assert wanted.snapshot().stamp is None


def test_a_cue_is_felt_at_once(scene: Scene) -> None:
    def life() -> None:
        assert not scene.vibrates
        scene.shown.play(stages.CueKind.STARTED)
        assert scene.vibrates

    scene.live(life)
