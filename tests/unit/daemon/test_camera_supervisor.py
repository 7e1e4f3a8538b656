"""What the camera reports becomes a condition, a line in the log, a note, a reboot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from camerad.base.clock import ManualClock
from camerad.base.errors import EX_REBOOT
from camerad.behaviour import stages
from camerad.behaviour.budget import CARD_SECONDS, MOST_REBOOTS
from camerad.behaviour.events import CONTINUED
from camerad.behaviour.reboots import Reboots, to_json
from camerad.behaviour.stages import Condition, Stage
from camerad.container.gaps import FRAMES_LOST, Gap
from camerad.daemon.camera_supervisor import CameraSupervisor
from camerad.daemon.reboot_log import NAME, RebootLog
from camerad.stream.vitals import Vitals
from tests.unit.core_helpers import AtOnce, Heard, lives, record, starting_core

_T = TypeVar("_T")
DOWN = Condition.CAMERA_DOWN
HELLO = {"camera": "imx708", "platform": "vc4", "encoder": "h264_v4l2m2m"}


class SlowCard(AtOnce):
    """Threads whose first work comes back after `seconds`; later work at once."""

    seconds = 0.0

    def in_thread(self, work: Callable[[], _T], *, known: _T | None = None) -> asyncio.Future[_T]:
        seconds, self.seconds = self.seconds, 0.0
        if not seconds:
            return super().in_thread(work, known=known)
        return asyncio.ensure_future(self._work(work, seconds))

    async def _work(self, work: Callable[[], _T], seconds: float) -> _T:
        result = work()
        await asyncio.sleep(seconds)
        return result


class Scene:
    """A camera that starts; its card is settled unless a test says otherwise."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = ManualClock()
        self.threads = SlowCard()
        self.core = starting_core(self.clock, self.threads)
        self.heard = Heard(self.core)
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.codes: list[int] = []
        self.settled = asyncio.Event()
        self.settled.set()
        self.camera = CameraSupervisor(
            self.core, RebootLog(str(directory)), self.settled, self._note, self.codes.append
        )

    def _note(self, kind: str, **facts: Any) -> None:
        self.notes.append((kind, facts))

    def live(self, scene: Callable[[], None], seconds: float = 1.0) -> None:
        lives(self.clock, scene, seconds)

    def reboots(self) -> int:
        """How many reboots the card remembers."""
        path = self.directory / NAME
        return int(json.loads(path.read_text())["count"]) if path.exists() else 0

    def spend_reboots(self) -> None:
        (self.directory / NAME).write_text(json.dumps(to_json(Reboots(MOST_REBOOTS))))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.mark.parametrize("settles_first", [True, False])
def test_the_camera_is_ready_once_it_delivers_and_recordings_can_be_kept(
    scene: Scene, settles_first: bool
) -> None:
    if not settles_first:
        scene.settled.clear()
    scene.camera.check_ready()
    assert scene.core.state.stage is Stage.STARTING
    scene.camera.up(HELLO)
    if not settles_first:
        assert scene.core.state.stage is Stage.STARTING
        scene.settled.set()
        scene.camera.check_ready()
    assert scene.core.state.stage is Stage.IDLE
    scene.camera.up(HELLO)
    assert [type(event) for event in scene.heard.events] == [stages.Ready]


def test_a_camera_that_was_up_and_is_down_is_not_ready(scene: Scene) -> None:
    scene.settled.clear()
    scene.camera.up(HELLO)
    scene.camera.down("no frame for 4.5 s")
    scene.settled.set()
    scene.camera.check_ready()
    assert scene.core.state.stage is Stage.STARTING
    scene.camera.up(HELLO)
    assert scene.core.state.stage is Stage.IDLE


def test_a_camera_that_is_down_is_a_condition_until_it_is_up(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.camera.down("no frame for 1.2 s")
    scene.camera.down("no frame for 1.2 s")
    assert caplog.messages == ["camera down: no frame for 1.2 s"]
    scene.camera.up(HELLO)
    assert scene.heard.conditions == [(DOWN, True), (DOWN, False)]


def test_missing_footage_is_logged_in_words(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.camera.gap(Gap(FRAMES_LOST, 1, 1_000_000, 1_066_000))
    assert caplog.messages == ["footage is missing: frames lost, 1 picture, 0.07 s"]


def test_an_error_is_said_once_until_the_camera_is_up_again(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    for message in ("no sensor", "no sensor", "no bus"):
        scene.camera.error(message)
    scene.camera.up(HELLO)
    scene.camera.error("no bus")
    assert caplog.messages == [f"camera: {what}" for what in ("no sensor", "no bus", "no bus")]


def test_a_camera_that_does_not_come_back_ends_the_daemon_for_a_reboot_that_is_remembered(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.live(lambda: scene.camera.fatal("it is missing"))
    assert scene.codes == [EX_REBOOT]
    assert scene.notes == [("reboot", {"reason": "it is missing", "count": 1})]
    assert scene.reboots() == 1
    assert DOWN in scene.core.conditions
    assert caplog.messages[-1] == "rebooting, attempt 1"


def test_without_a_reboot_left_the_ledger_is_told_once_until_the_camera_was_up(
    scene: Scene,
) -> None:
    scene.spend_reboots()

    def fail() -> None:
        scene.camera.fatal("it is missing")

    for _ in range(2):
        scene.live(fail)
    no_reboot = ("reboot", {"reason": "it is missing", "count": None})
    assert scene.notes == [no_reboot]
    scene.camera.up(HELLO)
    scene.live(fail)
    assert scene.notes == [no_reboot, no_reboot]
    assert scene.codes == []


@pytest.mark.parametrize("silent", [True, False])
def test_without_a_reboot_left_only_a_recording_of_nothing_is_given_up(
    scene: Scene, silent: bool
) -> None:
    """A camera that delivers now and then has something to be recorded."""
    scene.spend_reboots()
    scene.camera.up(HELLO)

    def fail() -> None:
        record(scene.core)
        if silent:
            scene.camera.down("no frame")
        scene.camera.fatal("it fails again and again")

    scene.live(fail)
    assert scene.core.state.stage is (Stage.STOPPING if silent else Stage.RECORDING)


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_reboot_ends_a_recording_that_waits_for_the_camera_to_go_on(
    scene: Scene, goes_on: bool
) -> None:
    def fail() -> None:
        source = CONTINUED if goes_on else "control"
        scene.core.post(stages.Intended(0, stages.Intent.RECORD, 0, source))
        scene.camera.fatal("it is missing")

    scene.live(fail)
    assert scene.codes == [EX_REBOOT]
    assert RebootLog(str(scene.directory)).ended_a_recording() is goes_on


def test_a_card_that_hangs_is_not_waited_for_and_its_late_reboot_is_taken_back(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.threads.seconds = CARD_SECONDS + 10

    def fail() -> None:
        scene.camera.fatal("it is missing")
        # Nothing else is asked of a card that has not answered.
        asyncio.get_running_loop().call_later(CARD_SECONDS + 1, scene.camera.fatal, "it is missing")

    scene.live(fail, CARD_SECONDS + 20)
    assert "no reboot yet: the card has not answered for 15 s" in caplog.messages
    assert (scene.codes, scene.reboots()) == ([], 0)
    scene.live(lambda: scene.camera.fatal("it is missing"))
    assert (scene.codes, scene.reboots()) == ([EX_REBOOT], 1)


def test_a_camera_that_has_worked_for_long_makes_reboots_forgotten(scene: Scene) -> None:
    scene.spend_reboots()
    scene.live(scene.camera.steady)
    assert scene.reboots() == 0


@pytest.mark.parametrize("recording", [True, False])
def test_the_wearer_is_told_of_a_reboot_that_ended_a_recording(
    scene: Scene, recording: bool
) -> None:
    RebootLog(str(scene.directory)).resolve(recording=recording)
    scene.live(lambda: scene.threads.background(scene.camera.note_reboot()))
    assert scene.heard.effects.count(stages.Cue(stages.CueKind.CUT_OFF)) == recording


SEES, NIGHT, COVERED = 120, 30, 20


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        ([(SEES, 3), (COVERED, 4.75)], [True]),
        ([(SEES, 3), (COVERED, 5), (SEES, 2)], [True, False]),
        ([(SEES, 3), (COVERED, 5), (NIGHT, 5), (COVERED, 5)], [True]),
        ([(SEES, 3), (COVERED, 5), (None, 5), (SEES, 1)], [True, False]),
        ([(SEES, 3), (COVERED, 1.5), (SEES, 3), (COVERED, 1.5), (SEES, 3)], []),  # a hand passes
        ([(COVERED, 30)], []),  # dark from the beginning
        ([(SEES, 3), (40, 3), (COVERED, 30)], []),  # dusk
        ([(SEES, 3), (None, 3), (COVERED, 30)], []),  # the camera failed in between
    ],
)
@pytest.mark.parametrize("recording", [True, False])
def test_a_lens_that_is_covered_in_a_recording_is_told_within_five_seconds(
    scene: Scene, seen: list[tuple[int | None, float]], told: list[bool], recording: bool
) -> None:
    vitals = Vitals()
    running: list[asyncio.Future[None]] = []

    async def show() -> None:
        for luma, seconds in seen:
            for _ in range(round(seconds * 4)):
                now_us = scene.clock.now_us()
                frame = now_us // 33_333
                vitals.beat({"frame": frame, "pts_us": now_us, "delivered": frame, "luma": luma})
                await asyncio.sleep(0.25)

    def begin() -> None:
        scene.camera.up(HELLO)
        if recording:
            record(scene.core)
        scene.heard.events.clear()
        running.append(asyncio.ensure_future(show()))
        running.append(asyncio.ensure_future(scene.camera.watch_lens(vitals)))
        asyncio.get_running_loop().call_later(in_all, running[-1].cancel)

    in_all = sum(seconds for _, seconds in seen)
    scene.live(begin, in_all + 1)
    wanted = [(Condition.CAMERA_COVERED, holds) for holds in told]
    heard = [said for said in scene.heard.conditions if said[0] is Condition.CAMERA_COVERED]
    assert heard == (wanted if recording else [])
