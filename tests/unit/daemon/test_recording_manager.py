"""One recording after the other, the next of which does not wait until the last one is closed."""

from __future__ import annotations

import errno
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from camerad.base.clock import SECOND, ManualClock
from camerad.base.errors import StorageError
from camerad.behaviour import stages
from camerad.behaviour.events import CONTINUED
from camerad.behaviour.stages import Closed, Condition, Failed, Intent, Opened, Stage, State
from camerad.config import load
from camerad.daemon.buffers import make_rings
from camerad.daemon.conditions import Conditions
from camerad.daemon.core import Core
from camerad.daemon.dispatcher import Dispatcher
from camerad.daemon.effects import Effects
from camerad.daemon.recording_manager import RecordingManager
from camerad.recording import recorder
from camerad.recording.fragment_muxer import ParametersChangedError
from camerad.recording.remainder import Remainder
from camerad.stream.desired_state import DesiredState
from tests.system.harness import configuration
from tests.unit.core_helpers import RULES, AtOnce, idle_core, lives

NOW_US = 100 * SECOND


@dataclass
class Recorder:
    """Stands in for a recorder, and notes what it is told."""

    plan: Any
    on_opened: Callable[[str], None]
    on_closed: Callable[[Any], None]
    on_failed: Callable[[Exception], None]
    on_trouble: Callable[[StorageError | None], None]
    on_given_up: Callable[[Exception], None]
    sound: Any
    info: Any = None
    slow_syncs: int = 0
    turned_us: int = NOW_US
    pending_us: int | None = None
    wanted_us: int = 2**62
    stopped_for: str | None = None
    refused: bool = False
    muted_us: int | None = None
    begins: Remainder | None = None
    remainder: Remainder | None = None
    ended: bool = False
    told: list[tuple[str, Any]] = field(default_factory=list)

    def start(self) -> None: ...

    def join(self, timeout: float | None = None) -> bool:
        return self.ended

    def stop(self, at_us: int, _deadline: float, reason: str) -> None:
        self.told.append((reason, at_us))

    def fail(self, error: Exception) -> None:
        """What it wanted is over; and, after a while, so is it."""
        if self.remainder is None:
            self.on_given_up(error)
        self.on_failed(error)

    def mark(self, at_us: int) -> None:
        self.told.append(("mark", at_us))

    def stage(self, at_us: int, stage: str, display: bool) -> None:
        self.told.append((stage, (at_us, display)))


class Told(Dispatcher):
    """Keeps the events that it is told, in a stage that the test says."""

    def __init__(self) -> None:
        self.stage = Stage.RECORDING
        self.conditions: set[Condition] = set()
        self.events: list[stages.Event] = []

    @property
    def state(self) -> State:  # type: ignore[override]
        return State(self.stage, 0, frozenset(self.conditions), recording_id="R1")

    def post(self, *events: stages.Event) -> None:
        for event in events:
            match event:
                case stages.Raised(condition=condition):
                    self.conditions.add(condition)
                    if condition in stages.ENDS_RECORDING:
                        self.stage = Stage.STOPPING
                case stages.Cleared(condition=condition):
                    self.conditions.discard(condition)
                case _:
                    self.events.append(event)
                    if isinstance(event, Failed):
                        self.stage = Stage.STOPPING


class Camera:
    """The recordings of a camera, and the recorders that they make."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.told = Told()
        self.events, self.conditions = self.told.events, self.told.conditions
        self.recorders: list[Recorder] = []
        self.clock = ManualClock(NOW_US)
        device = {"runtime_dir": str(directory / "run")}
        settings = load(configuration(directory, device=device))
        core = Core(self.told, Conditions(self.told, self.clock), AtOnce(), self.clock)
        self.recordings = RecordingManager(core, settings, str(directory))
        self.rings = make_rings(settings)
        self.recordings._rings = self.rings
        self.recordings.sound.open(self.rings, lambda: None)

        def make(_ring: Any, plan: Any, _clock: Any, **facts: Any) -> Recorder:
            del facts["new_id"], facts["open_sink"]
            self.recorders.append(Recorder(plan, **facts))
            return self.recorders[-1]

        monkeypatch.setattr(recorder, "Recorder", make)

    def press(self) -> Recorder:
        self.told.stage = Stage.RECORDING
        self.recordings.start("button:main", self.clock.now_us(), pre_event=False)
        return self.recorders[-1]

    def stop(self) -> None:
        self.recordings.stop("stop", self.clock.now_us())
        self.told.stage = Stage.STOPPING


@pytest.fixture
def camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    camera = Camera(tmp_path, monkeypatch)
    yield camera
    for made in camera.recorders:
        made.ended = True  # else its notes are written for as long as the tests run
    camera.rings.close()


def whole() -> Any:
    """What is told of a recording that was closed with pictures."""
    return SimpleNamespace(id="R1", seconds=1.0, frames=30, gaps=[])


def refusal() -> StorageError:
    error = StorageError("the card refuses")
    error.errno = errno.EIO
    return error


def test_a_recording_begins_while_the_last_one_is_closed_and_its_end_is_told_with_its_own(
    camera: Camera,
) -> None:
    first = camera.press()
    camera.stop()
    second = camera.press()
    first.on_opened("R1")  # late: the card is slow
    second.on_opened("R2")
    assert camera.events == [Opened(NOW_US, "R2")]
    camera.recordings.recorders.mark(NOW_US)
    assert first.told[-1] != ("mark", NOW_US) and second.told == [("mark", NOW_US)]
    first.on_closed(None)
    assert camera.events == [Opened(NOW_US, "R2")]
    camera.stop()
    second.on_closed(None)
    assert camera.events[1:] == [Closed(NOW_US, failed=True)]


def test_the_end_of_the_newest_is_not_told_before_the_earlier_ones_are_closed(
    camera: Camera,
) -> None:
    first = camera.press()
    camera.stop()
    second = camera.press()
    camera.stop()
    second.on_closed(None)
    assert camera.events == []
    assert camera.recordings.recorders.present() is None
    first.on_closed(None)
    assert camera.events == [Closed(NOW_US, failed=True)]


def test_a_press_ends_the_post_event_time_of_the_recording_before_it(camera: Camera) -> None:
    first = camera.press()
    camera.recordings.stop("stop", NOW_US + 20 * SECOND)
    assert first.told == [("stop", NOW_US + 20 * SECOND)]
    camera.clock.advance(SECOND)
    camera.press()
    assert first.told[-1] == ("stop", NOW_US + SECOND)


def test_a_newest_that_fails_leaves_the_earlier_ones_to_be_closed(camera: Camera) -> None:
    first = camera.press()
    camera.stop()
    second = camera.press()
    second.fail(ValueError("a mistake"))
    assert camera.events == [Failed(NOW_US, "a mistake", closing=True)]
    camera.told.stage = Stage.STOPPING
    first.fail(ValueError("another"))
    assert camera.events[1:] == [Failed(NOW_US, "another")]


@pytest.mark.parametrize("again", [False, True])
def test_a_newest_that_failed_has_not_just_ended_when_the_earlier_ones_are_closed(
    camera: Camera, again: bool
) -> None:
    first = camera.press()
    camera.stop()
    camera.press().fail(ValueError("a mistake"))
    camera.told.stage = Stage.STOPPING
    if again:  # the next one has its own end
        third = camera.press()
        camera.stop()
        first.on_closed(whole())
        third.on_closed(whole())
    else:
        first.on_closed(whole())
    assert camera.events[1:] == [Closed(NOW_US, failed=not again)]


def test_an_earlier_one_that_fails_ends_nothing_that_runs(camera: Camera) -> None:
    first = camera.press()
    camera.stop()
    second = camera.press()
    first.fail(refusal())
    assert (camera.events, camera.conditions) == ([], set())
    camera.stop()
    second.fail(refusal())
    assert camera.events == [Failed(NOW_US, "the card refuses")]
    assert camera.conditions == {Condition.STORAGE_FAILED}


def test_a_failure_after_the_stop_is_told_once_all_are_closed(camera: Camera) -> None:
    first = camera.press()
    camera.stop()
    second = camera.press()
    camera.stop()
    second.fail(ValueError("a mistake"))
    assert camera.events == []
    first.on_closed(None)
    assert camera.events == [Failed(NOW_US, "a mistake")]


def test_the_card_stalls_as_long_as_it_refuses_one_of_them(camera: Camera) -> None:
    first = camera.press()
    camera.stop()
    second = camera.press()
    first.on_trouble(refusal())
    second.on_trouble(refusal())
    first.on_trouble(None)
    assert camera.conditions == {Condition.STORAGE_STALLED}
    second.on_trouble(None)
    assert camera.conditions == set()


def test_a_recorder_that_hangs_is_seen_though_a_newer_one_lives(camera: Camera) -> None:
    first = camera.press()
    camera.stop()
    second = camera.press()
    first.turned_us, first.slow_syncs, second.slow_syncs = 1, 2, 3
    for at_us in (5, 6):
        second.turned_us = at_us
        assert camera.recordings.signs()[0].mark == 1
    assert camera.recordings.recorders.slow_syncs == 5
    first.on_closed(None)
    assert camera.recordings.signs()[0].mark == 6
    assert camera.recordings.recorders.slow_syncs == 5


def test_a_recording_whose_pictures_change_goes_on_beside_an_earlier_one(camera: Camera) -> None:
    camera.press()
    camera.stop()
    pressed = camera.press()
    at_us = camera.clock.advance(SECOND)
    pressed.remainder = Remainder(at_us, camera.rings.pictures.follow(at_us), None)
    camera.clock.advance(SECOND)
    pressed.fail(ParametersChangedError("the encoder has changed", at_us))
    goes_on = camera.recorders[-1]
    # From where it changed, and from nothing before, whatever the ring still holds.
    assert goes_on.begins is pressed.remainder
    spec = goes_on.plan
    assert (spec.trigger, spec.trigger_us, spec.continues) == (CONTINUED, at_us, "R1")
    assert spec.pre_event_wanted_us == 0
    assert camera.events == []
    # It is told its own stage, which no step leads to.
    assert goes_on.told == [("recording", (at_us, False))]


def test_a_stop_that_comes_while_it_changes_ends_what_goes_on(camera: Camera) -> None:
    pressed = camera.press()
    at_us = camera.clock.now_us()
    pressed.remainder = Remainder(at_us, camera.rings.pictures.follow(at_us), None)
    camera.stop()
    pressed.stopped_for, pressed.wanted_us = "stop", at_us + SECOND
    pressed.fail(ParametersChangedError("the encoder has changed", at_us))
    goes_on = camera.recorders[-1]
    assert goes_on.begins is pressed.remainder
    assert goes_on.told[-1] == ("stop", at_us + SECOND)
    assert camera.events == [], "it is over when this one is closed too"


def test_what_an_earlier_recording_left_is_let_go(camera: Camera) -> None:
    earlier = camera.press()
    reader = camera.rings.pictures.follow(0)
    earlier.remainder = Remainder(0, reader, None)
    camera.press()
    earlier.fail(ParametersChangedError("the encoder has changed", 0))
    assert len(camera.recorders) == 2
    assert reader.take(0) is None
    assert not camera.rings.pictures._window.cursors


class Wiping(DesiredState):
    """What is wanted of a link whose wipe is done when the test says so."""

    def __init__(self) -> None:
        self.wiped: Future[int] = Future()

    def arm(self) -> int:
        return 1

    def set_view(self, on: bool) -> None: ...

    def wipe(self) -> Future[int]:
        return self.wiped


@pytest.mark.parametrize("wiping", [False, True])
def test_a_recording_is_told_its_own_stage_first_though_it_waits_for_a_wipe(
    camera: Camera, wiping: bool
) -> None:
    rules = replace(RULES, display_in_recording=True, post_event_us=20 * SECOND)
    camera.recordings._core = core = idle_core(camera.clock, rules=rules)
    wanted = Wiping()

    def overwritten(_answer: bool) -> None:
        core.post(stages.Wiped(camera.clock.now_us()))

    effects = Effects(core, camera.recordings, lambda kind: None, overwritten, lambda: None)
    effects.wanted = wanted
    core.dispatcher.listen(effects.stepped, camera.recordings.stepped)

    def want(*intents: Intent) -> None:
        for intent in intents:
            camera.clock.advance(SECOND)
            assert core.dispatcher.intend(intent, "button:main") is None

    def scene() -> None:
        want(Intent.ESCALATE, Intent.DE_ESCALATE)
        if not wiping:
            wanted.wiped.set_result(0)
        want(Intent.RECORD, Intent.TOGGLE_SELF_VIEW, Intent.STOP, Intent.RECORD)
        if wiping:
            assert camera.recorders == []
            wanted.wiped.set_result(0)

    lives(camera.clock, scene)
    first, second = camera.recorders
    pressed, hidden, stopped, again = (NOW_US + seconds * SECOND for seconds in (3, 4, 5, 6))
    assert (first.plan.trigger_us, second.plan.trigger_us) == (pressed, again)
    assert first.told[:4] == [
        ("recording", (pressed, True)),
        ("recording", (hidden, False)),
        ("stop", stopped + 20 * SECOND),
        ("stopping", (stopped, False)),
    ]
    assert second.told == [("recording", (again, True))]
