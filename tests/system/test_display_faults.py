"""The display serves, it never rules (P10): whatever happens to it, stages and footage go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.breadth import breadth, campaign
from tests.system.gaps import edges, judge_gaps, marks
from tests.system.harness import PATIENCE, BodyCamera, body_camera, configuration, until

pytestmark = pytest.mark.system

SELF_VIEW = "camerad.selfview"
ANSWER_US = 100_000
FAILS = breadth(("display_hang",), ("display_error", "display_gone", "display_hang"))
"""How a driver fails: it answers with an error, it is gone, it answers nothing."""
HANG_SECONDS = breadth(3, 10)


def pressed(camera: BodyCamera) -> None:
    """From self-view to recording; red comes as quickly as ever."""
    press = camera.press()
    camera.wait(stage="recording")
    red_us = next(at_us for at_us, on in edges(camera, "red", press["down_us"]) if on)
    assert red_us - press["down_us"] < ANSWER_US


def recovered(camera: BodyCamera) -> None:
    """The display works again by itself."""
    camera.wait_for_condition("display_down", holds=False)


def judged(camera: BodyCamera) -> None:
    """End the recording: nothing is missing from it, the buffer before it included, and it has the
    one mark that was set while the display was down."""
    recording = camera.stop()
    verdict = judge_gaps(camera, recording)
    assert verdict.holes == []
    assert len(marks(camera, recording)) == 1
    assert recording["pre_event_seconds"] > 0.3


@pytest.mark.parametrize("fault", ["display_kill", campaign("display_crash")])
def test_p10_a_display_that_dies_in_every_stage_stops_nothing(tmp_path: Path, fault: str) -> None:
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    with body_camera(tmp_path, config) as camera:

        def die() -> None:
            """The process ends by a signal, and another one is started."""
            old = until(lambda: camera.child(SELF_VIEW), PATIENCE, "a self-view process")
            camera.fault(fault)
            until(lambda: camera.child(SELF_VIEW) not in (None, old), PATIENCE, "another process")

        die()
        camera.press()
        camera.wait(stage="self_view")
        recovered(camera)
        camera.wait(display=True)
        until(lambda: camera.state["pre_event_seconds"] > 1, PATIENCE, "the buffer fills")
        die()
        assert camera.state["ready"]
        pressed(camera)
        recovered(camera)
        camera.wait(display=True)
        camera.fault(fault)
        camera.press("main", 0.05)
        camera.press("display", 0.05)
        assert camera.state["stage"] == "recording"
        recovered(camera)
        judged(camera)


@pytest.mark.breadth
def test_p10_a_display_whose_driver_fails_in_every_stage_stops_nothing(tmp_path: Path) -> None:
    config = configuration(tmp_path, "generic", pre_event={"seconds": 2})
    with body_camera(tmp_path, config) as camera:
        for fault in FAILS:
            # It fails in idle; who presses sees no picture and is in self-view all the same.
            camera.fault(fault, 60)
            camera.press()
            camera.wait(stage="self_view")
            camera.wait_for_condition("display_down", holds=True)
            camera.fault(fault, 0)
            recovered(camera)
            # In self-view.
            camera.wait(display=True)
            until(lambda: camera.state["pre_event_seconds"] > 1, PATIENCE, "the buffer fills")
            camera.fault(fault, 60)
            camera.wait_for_condition("display_down", holds=True)
            pressed(camera)
            camera.fault(fault, 0)
            recovered(camera)
            # In a recording: for seconds once, since a driver may well take so long.
            camera.wait(display=True)
            camera.fault(fault, 60)
            camera.wait_for_condition("display_down", holds=True)
            camera.press("main", 0.05)
            camera.press("display", 0.05)
            camera.press("display", 0.05)
            if fault == "display_hang":
                camera.pass_time(HANG_SECONDS)
            assert camera.state["lights"]["red"]
            camera.fault(fault, 0)
            judged(camera)
            recovered(camera)
