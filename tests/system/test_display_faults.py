"""The display serves, it never rules (P10): whatever happens to it, stages and footage go on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.system.gaps import edges, judge_gaps, marks
from tests.system.harness import BodyCamera, body_camera, configuration, now_us, until

pytestmark = pytest.mark.system

SELF_VIEW = "camerad.selfview"
ANSWER_US = 100_000


def kill_display(camera: BodyCamera) -> int:
    """SIGKILL the self-view process; returns its process id."""
    pid = until(lambda: camera.child(SELF_VIEW), 15, "a self-view process")
    os.kill(pid, signal.SIGKILL)
    return pid


def another(camera: BodyCamera, old: int) -> None:
    """The self-view process is started again."""
    until(lambda: camera.child(SELF_VIEW) not in (None, old), 15, "another self-view process")


def test_a_display_that_is_killed_in_every_stage_stops_nothing(tmp_path: Path) -> None:
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    with body_camera(tmp_path, config) as camera:
        # In idle: green stays ready, and self-view is there all the same once it is back.
        old = kill_display(camera)
        camera.press()
        camera.wait(1, stage="self_view")
        another(camera, old)
        camera.wait(display=True)
        camera.wait_for_condition("display_down", holds=False)
        # In self-view: the ring goes on, the press records at its first edge.
        until(lambda: camera.state["pre_event_seconds"] > 1, 5, "the buffer fills")
        old = kill_display(camera)
        camera.wait_for_condition("display_down", holds=True)
        assert camera.state["ready"]
        press = camera.press()
        red_us = next(at_us for at_us, on in edges(camera, "red", press["down_us"]) if on)
        assert red_us - press["down_us"] < ANSWER_US
        another(camera, old)
        camera.wait(display=True)
        # In the recording: a mark is set while the display is dead.
        old = kill_display(camera)
        camera.press("main", 0.05)
        camera.press("display", 0.05)
        assert camera.state["stage"] == "recording"
        another(camera, old)
        recording = camera.stop()
        verdict = judge_gaps(camera, recording)
        assert verdict.holes == []
        assert len(marks(camera, recording)) == 1
        # The buffer was not touched by the death in self-view: it reaches back before the press.
        assert recording["pre_event_seconds"] > 0.3


def test_a_display_that_hangs_or_is_gone_stops_nothing(tmp_path: Path) -> None:
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    with body_camera(tmp_path, config) as camera:
        # It hangs, as in a driver that does not come back.
        hung = until(lambda: camera.child(SELF_VIEW), 15, "a self-view process")
        os.kill(hung, signal.SIGSTOP)
        camera.press()
        camera.wait(1, stage="self_view")
        camera.wait_for_condition("display_down", holds=True)
        another(camera, hung)
        # And then the panel itself is gone.
        device = camera.state_dir / "board" / "dev" / "fb0"
        panel = os.readlink(device)
        device.unlink()
        old = kill_display(camera)
        another(camera, old)
        began_us = now_us()
        camera.press()
        camera.wait(1, stage="recording")
        camera.wait_for_condition("display_down", holds=True)
        camera.press("display", 0.05)
        camera.press("display", 0.05)
        until(lambda: now_us() - began_us > 2e6, 5, "two seconds of recording")
        assert camera.state["lights"]["red"]
        recording = camera.stop()
        assert judge_gaps(camera, recording).holes == []
        # The panel comes back, and with it the picture, without anybody's help.
        device.symlink_to(panel)
        camera.wait_for_condition("display_down", holds=False, seconds=20)
        camera.press()
        camera.wait(display=True)
