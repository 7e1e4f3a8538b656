"""The daemon ends in order, once, and says with its exit code what comes next."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from camerad.base.clock import SECOND, ManualClock
from camerad.base.errors import EX_REBOOT, EX_SOFTWARE
from camerad.behaviour import stages
from camerad.behaviour.budget import END_SECONDS, LEDGER_END_SECONDS, SHUTDOWN_SECONDS
from camerad.behaviour.stages import Stage
from camerad.config import load
from camerad.daemon.recording_manager import RecordingManager
from camerad.daemon.shutdown import ShutdownSequence
from tests.system.harness import configuration
from tests.unit.core_helpers import Heard, idle_core, lives, record


class Scene:
    """A camera in idle. ends: whether its ledger can be brought to its end."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = ManualClock(100 * SECOND)
        self.core = idle_core(self.clock)
        self.heard = Heard(self.core)
        self.cuts: list[str] = []
        self.given: list[float] = []
        self.ends = True
        recordings = RecordingManager(self.core, load(configuration(directory)), str(directory))
        monkeypatch.setattr(
            recordings.recorders, "cut_short", lambda _now_us, reason: self.cuts.append(reason)
        )
        monkeypatch.setattr(recordings, "close", self._close)
        self.shutdown = ShutdownSequence(self.core, recordings)

    def _close(self, seconds: float) -> bool:
        self.given.append(seconds)
        return self.ends

    def live(self, scene: Callable[[], object], seconds: float = 1.0) -> None:
        lives(self.clock, scene, seconds)

    @property
    def reasons(self) -> list[str]:
        return [one.reason for one in self.heard.events if isinstance(one, stages.Shutdown)]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def test_a_running_recording_is_stopped_first_and_for_the_reason_of_the_end(scene: Scene) -> None:
    def end() -> None:
        record(scene.core)
        scene.shutdown.begin("battery_critical")

    scene.live(end)
    stops = [one for one in scene.heard.effects if isinstance(one, stages.StopRecording)]
    assert [stop.reason for stop in stops] == ["battery_critical"]
    assert stages.End() not in scene.heard.effects, "not before it has closed"
    scene.core.post(stages.Closed(scene.core.now_us()))
    assert scene.heard.effects[-1] == stages.End()
    assert scene.cuts == []


def test_a_recording_that_is_stopping_has_its_post_event_time_cut_short(scene: Scene) -> None:
    def end() -> None:
        record(scene.core)
        assert scene.core.dispatcher.intend(stages.Intent.STOP, "test") is None
        assert scene.core.state.stage is Stage.STOPPING
        scene.shutdown.begin()

    scene.live(end)
    assert scene.cuts == ["shutdown"]


@pytest.mark.parametrize(
    ("codes", "code", "reasons"),
    [
        ([EX_SOFTWARE], EX_SOFTWARE, ["restarted"]),
        ([EX_REBOOT], EX_REBOOT, ["camera_down"]),
        ([EX_SOFTWARE, EX_REBOOT], EX_REBOOT, ["restarted", "camera_down"]),
        ([EX_REBOOT, EX_SOFTWARE], EX_REBOOT, ["camera_down", "restarted"]),
    ],
)
def test_a_reboot_is_what_the_service_manager_is_told_whatever_else_fails(
    scene: Scene, codes: list[int], code: int, reasons: list[str]
) -> None:
    scene.live(lambda: [scene.shutdown.give_up(one) for one in codes])
    assert scene.shutdown.exit_code == code
    assert scene.reasons == reasons


def test_an_end_in_order_has_the_exit_code_0(scene: Scene) -> None:
    scene.live(lambda: (scene.shutdown.begin(), scene.shutdown.ended.set()), SHUTDOWN_SECONDS + 1)
    assert scene.shutdown.exit_code == 0


def test_an_end_that_takes_too_long_is_left_as_it_is(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.live(scene.shutdown.begin, SHUTDOWN_SECONDS - 1)
    assert not scene.shutdown.ended.is_set()
    scene.live(scene.shutdown.begin, SHUTDOWN_SECONDS + 1)
    assert scene.shutdown.ended.is_set()
    assert scene.shutdown.exit_code == EX_SOFTWARE
    assert "the end took longer" in caplog.text


@pytest.mark.parametrize(
    ("context", "ends"),
    [
        ({"socket": None}, False),  # as asyncio's own server says it, which goes on to listen
        ({}, True),  # whatever it was, it is done no more
    ],
)
def test_a_kernel_without_descriptors_costs_a_visitor_but_no_watch(
    scene: Scene, context: dict[str, Any], ends: bool
) -> None:
    scarce = OSError(errno.EMFILE, "Too many open files")
    context |= {"message": "it failed", "exception": scarce}
    scene.live(lambda: scene.shutdown.mistake(asyncio.get_running_loop(), context))
    assert scene.shutdown.exit_code == (EX_SOFTWARE if ends else 0)
    assert bool(scene.reasons) is ends


def test_a_mistake_of_ours_ends_the_daemon_and_is_logged_with_its_place(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    context = {"message": "a task failed", "exception": ValueError("wrong")}
    scene.live(lambda: scene.shutdown.mistake(asyncio.get_running_loop(), context))
    assert scene.shutdown.exit_code == EX_SOFTWARE
    assert scene.reasons == ["restarted"]
    (logged,) = caplog.records
    assert logged.exc_info is not None
    assert logged.levelname == "CRITICAL"


@pytest.mark.parametrize(
    ("since_s", "given_s"), [(None, END_SECONDS), (2.0, END_SECONDS - 2), (1e4, LEDGER_END_SECONDS)]
)
def test_the_ledger_has_the_time_that_the_rest_of_the_end_did_not_need(
    scene: Scene, since_s: float | None, given_s: float
) -> None:
    if since_s is not None:
        scene.live(scene.shutdown.begin, since_s)
    scene.live(lambda: asyncio.ensure_future(scene.shutdown.close_recordings()))
    assert scene.given == [pytest.approx(given_s, abs=0.01)]


def test_a_ledger_that_does_not_come_to_its_end_is_said(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.ends = False
    scene.live(lambda: asyncio.ensure_future(scene.shutdown.close_recordings()))
    assert caplog.messages == ["the ledger could not be closed"]
