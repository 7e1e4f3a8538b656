"""The camera stack dies, stalls, hangs and vanishes; the body camera goes on.

One recording each time, which plays, and says of every missing picture that it is missing: by the
barcodes in the pictures, not by the word of the daemon.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from camerad.behaviour.supervision import Budget
from tests.breadth import campaign
from tests.system import judge
from tests.system.gaps import (
    edges,
    felt_us,
    judge_gaps,
    marks,
    red_never_went_out,
    start_recording,
    wait_for_quiet,
)
from tests.system.harness import BodyCamera, body_camera, configuration, now_us, until

pytestmark = pytest.mark.system

FRAME_US = 1_000_000 / 30
ANSWER_US = 100_000
"""From the release of a button to the vibration that answers it: nobody notices that long."""
CUE_OVER_US = 400_000
"""Longer than any pause within a cue."""
NEWS_SECONDS = 2.5
"""After this, what the camera says of its going down is over: three long strokes
take 2.04 s, and then such a pause."""
AGAIN_SECONDS = 2.0
"""What the design allows from the loss of the camera to the next picture."""
STALL_SECONDS = 3.0
RETRY_SECONDS = 4.5
"""The longest pause between two attempts to start a camera, and a start."""
PATIENCE_SECONDS = (Budget().back_off_us[-1] + Budget().first_frame_us) / 1e6
"""Longer than the daemon itself takes a camera for one that comes back at the next attempt. How
soon it does is judged by the pictures."""


@contextlib.contextmanager
def worn(directory: Path) -> Iterator[BodyCamera]:
    with body_camera(
        directory, configuration(directory, "generic", pre_event={"seconds": 2})
    ) as camera:
        yield camera


def restarts(recording: dict[str, Any]) -> list[dict[str, Any]]:
    """The gaps that new capture processes left. In the simulated world, whose time stands still
    while the machine has no processor for it, one may begin without missing a picture."""
    return [gap for gap in recording["gaps"] if gap["reason"] == "capture restarted"]


def mark(camera: BodyCamera) -> tuple[int, int]:
    """Press main in a recording; (down, up). The camera answers with its vibration."""
    press = camera.press("main", 0.05)
    down_us, up_us = press["down_us"], press["up_us"]
    assert felt_us(camera, down_us) - up_us < ANSWER_US
    return down_us, up_us


def marks_us(recording: dict[str, Any], verdict: judge.Verdict, camera: BodyCamera) -> list[float]:
    """Media times of the marks that the recording lists."""
    origin_us = camera.epoch_us + verdict.numbers[0] * 1e6 / 30
    return [origin_us + seconds * 1e6 for seconds in marks(camera, recording)]


def delivers(camera: BodyCamera, old: int | None) -> None:
    """Wait until another capture process than `old` runs and pictures come from it."""
    until(lambda: camera.capture_pid not in (None, old), PATIENCE_SECONDS, "another process")


def comes_back(camera: BodyCamera) -> None:
    """Wait until the camera delivers after it was down."""
    camera.wait_for_condition("camera_down", holds=False, seconds=PATIENCE_SECONDS)


def at_us(camera: BodyCamera, frame: int) -> float:
    """When the sensor exposes a frame."""
    return camera.epoch_us + frame * 1e6 / 30


def test_two_kills_are_two_stated_gaps_in_one_recording(tmp_path: Path) -> None:
    with worn(tmp_path) as camera:
        red_us = start_recording(camera)
        kills_us, presses = [], []
        for _ in range(2):
            old = camera.capture_pid
            kills_us.append(now_us())
            camera.fault("capture_kill")
            presses.append(mark(camera))
            delivers(camera, old)
            camera.pass_time(2)
        stop_us = now_us()
        recording = camera.stop()
        assert len(camera.recordings) == 1
        red_never_went_out(camera, red_us, stop_us)
        verdict = judge_gaps(camera, recording)
        assert len(recording["gaps"]) == len(restarts(recording)) == 2
        for kill_us, gap, (down_us, _) in zip(kills_us, restarts(recording), presses, strict=True):
            # The last picture before the kill is at most a few frames old: nothing else is lost.
            assert camera.frame_at(kill_us) - camera.frame_at(gap["from_us"]) < 4
            assert gap["to_us"] - kill_us < AGAIN_SECONDS * 1e6
            # The press that the camera answered began in the outage, if that was not over at once.
            quick = gap["to_us"] - gap["from_us"] < 2 * FRAME_US
            assert kill_us < down_us and (quick or down_us < gap["to_us"])
        assert marks_us(recording, verdict, camera) == pytest.approx(
            [down_us for down_us, _ in presses], abs=2_000
        )


Trouble = Callable[[BodyCamera], tuple[int | None, float]]
"""Brings something about in a recording, marks it meanwhile, and waits until the camera delivers
again. Returns when the last picture is to have come, if that is known, and the media time by which
the next one has."""


def stall(camera: BodyCamera) -> tuple[int | None, float]:
    """The gap ends when the sensor goes on."""
    stall_us = now_us()
    camera.fault("camera_stall", STALL_SECONDS)
    mark(camera)
    camera.pass_time(STALL_SECONDS)
    return stall_us, stall_us + (STALL_SECONDS + AGAIN_SECONDS) * 1e6


def hanging_stop(camera: BodyCamera) -> tuple[int | None, float]:
    """The stall makes the daemon ask for a stop, which never returns; the kernel ends it."""
    camera.fault("camera_stop_hang", 30)
    old, stall_us = camera.capture_pid, now_us()
    camera.fault("camera_stall", 1.5)
    mark(camera)
    delivers(camera, old)
    # Noticed after 1.2 s, patient for 0.5 s, then a new process: within 2 s and its start.
    return stall_us, stall_us + (1.5 + AGAIN_SECONDS) * 1e6


def hanging_encoder(camera: BodyCamera) -> tuple[int | None, float]:
    """It keeps the camera's buffers, so that the camera is silent too, and that is seen."""
    old, hang_us = camera.capture_pid, now_us()
    camera.fault("encoder_hang", 30)
    mark(camera)
    delivers(camera, old)
    # Over before the next process opens it, which would hang as well.
    camera.fault("encoder_hang", 0.001)
    # Six pictures more come from its buffers, 0.2 s; then as for a stall.
    return hang_us, hang_us + (2.0 + AGAIN_SECONDS) * 1e6


def cancelled_buffers(camera: BodyCamera) -> tuple[int | None, float]:
    """picamera2 loses the buffer of a cancelled frame; with all six gone it is silent for good."""
    old, burst_us = camera.capture_pid, now_us()
    camera.ask("POST", "/api/fault", {"name": "camera_cancel", "count": 6})
    mark(camera)
    delivers(camera, old)
    return None, burst_us + (0.3 + AGAIN_SECONDS) * 1e6


def unplugged(camera: BodyCamera) -> tuple[int | None, float]:
    """No process can start for three seconds, and the recording waits: amber beside red."""
    camera.fault("camera_gone", 60)
    camera.pass_time(STALL_SECONDS)
    mark(camera)
    state = camera.wait(lights={"red": True, "green": False, "amber": True})
    assert state["stage"] == "recording"
    assert "camera_down" in state["conditions"]
    back_us = now_us()
    camera.fault("camera_gone", 0)
    comes_back(camera)
    return None, back_us + RETRY_SECONDS * 1e6


def failing_start(camera: BodyCamera) -> tuple[int | None, float]:
    """One repair fails; a second of patience, and the next start."""
    kill_us = now_us()
    camera.ask("POST", "/api/fault", {"name": "camera_start_error", "count": 1})
    camera.fault("capture_kill")
    mark(camera)
    camera.wait_for_condition("camera_down", holds=True)
    comes_back(camera)
    return None, kill_us + (1 + AGAIN_SECONDS) * 1e6


@pytest.mark.parametrize(
    "trouble",
    [
        stall,
        hanging_stop,
        hanging_encoder,
        campaign(cancelled_buffers),
        unplugged,
        campaign(failing_start),
    ],
)
def test_whatever_the_camera_does_costs_one_stated_gap(tmp_path: Path, trouble: Trouble) -> None:
    with worn(tmp_path) as camera:
        red_us = start_recording(camera)
        last_us, again_us = trouble(camera)
        camera.pass_time(AGAIN_SECONDS)
        stop_us = now_us()
        recording = camera.stop()
        assert len(camera.recordings) == 1
        red_never_went_out(camera, red_us, stop_us)
        (hole,) = judge_gaps(camera, recording).holes
        assert last_us is None or camera.frame_at(last_us) - hole.after < 4
        assert at_us(camera, hole.before) < again_us
        assert len(marks(camera, recording)) == 1


def test_a_lens_that_is_covered_is_felt_within_five_seconds_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    with worn(tmp_path) as camera:
        start_recording(camera)
        covered_us = now_us()
        camera.fault("camera_dark", 12)
        camera.wait_for_condition("camera_covered", holds=True)
        wait_for_quiet(camera)
        felt = [at_us for at_us, _ in edges(camera, "vibration", covered_us)]
        strokes = [off - on for on, off in zip(felt[::2], felt[1::2], strict=True)]
        assert felt[0] - covered_us < 5e6
        assert [stroke > 500_000 for stroke in strokes] == [False, True, False]  # look
        camera.wait_for_condition("camera_covered", holds=False)
        recording = camera.stop()
        assert len(camera.recordings) == 1 and recording["gaps"] == []


@pytest.mark.campaign
def test_cancelled_frames_are_stated_and_cost_nothing_else(tmp_path: Path) -> None:
    with worn(tmp_path) as camera:
        red_us = start_recording(camera)
        old = camera.capture_pid
        for count in (1, 3):
            camera.ask("POST", "/api/fault", {"name": "camera_cancel", "count": count})
            camera.pass_time(0.7)
        mark(camera)
        recording = camera.stop()
        red_never_went_out(camera, red_us, now_us() - 2_000_000)
        assert [hole.missing for hole in judge_gaps(camera, recording).holes] == [1, 3]
        assert [gap["frames"] for gap in recording["gaps"]] == [1, 3]
        assert camera.capture_pid == old


def refused_at_once(camera: BodyCamera) -> None:
    """A hold that asks for a recording is refused while the finger is still there. To be called as
    soon as the camera is down: after 3.4 s of failing it has the board started again."""
    camera.pass_time(NEWS_SECONDS - 1)
    press = camera.press("main", 1.3)
    decided_us = press["down_us"] + 1_000_000
    # So the next vibration is the answer.
    before = edges(camera, "vibration", decided_us - CUE_OVER_US)
    assert [at for at, _ in before if at < decided_us] == []
    assert felt_us(camera, decided_us) - decided_us < ANSWER_US
    state = camera.state
    assert state["lights"] == {"red": False, "green": False, "amber": True}
    assert state["recording"] is None


def test_a_camera_that_goes_in_idle_refuses_and_returns_by_itself(tmp_path: Path) -> None:
    with worn(tmp_path) as camera:
        wait_for_quiet(camera)
        camera.fault("camera_gone", 60)
        camera.wait_for_condition("camera_down", holds=True)
        state = camera.wait(lights={"red": False, "green": False, "amber": True})
        assert state["stage"] == "idle" and not state["ready"]
        refused_at_once(camera)
        camera.fault("camera_gone", 0)
        camera.wait(
            PATIENCE_SECONDS, ready=True, lights={"red": False, "green": True, "amber": False}
        )
        camera.press()
        camera.wait(stage="self_view")
        camera.pass_time(1)
        camera.press()
        camera.wait(stage="recording")
        camera.pass_time(1)
        recording = camera.stop()
        assert judge_gaps(camera, recording).holes == []


def test_a_camera_missing_at_start_is_said_once_and_waited_for(tmp_path: Path) -> None:
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    with body_camera(tmp_path, config, ready=False) as camera:
        # The daemon is still importing; its capture process will find no camera.
        camera.fault("camera_gone", 60)
        camera.wait_for_condition("camera_down", holds=True)
        state = camera.wait(lights={"red": False, "green": False, "amber": True})
        assert state["stage"] == "starting" and not state["ready"]
        refused_at_once(camera)
        camera.fault("camera_gone", 0)
        said = [line for line in camera.log.read_text().splitlines() if "no camera" in line]
        assert len(said) == 1, said
        camera.wait(PATIENCE_SECONDS, stage="idle", ready=True)
        assert camera.state["lights"]["green"]
        assert camera.record(1)["gaps"] == []
        said = [line for line in camera.log.read_text().splitlines() if "no camera" in line]
        assert len(said) == 1, said
