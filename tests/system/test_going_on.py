"""A daemon that is killed leaves nothing that is not so, and its recording goes on as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.system import sealed
from tests.system.clapping import status, wait_for
from tests.system.gaps import edges
from tests.system.harness import PATIENCE, UNHURRIED, BodyCamera, body_camera, configuration, until

pytestmark = pytest.mark.system

SENSOR_SECONDS = 6
"""Longer than the daemon needs to find out that its camera does not come."""
AWAY_SECONDS = 4
"""Until the killed daemon is started again: what was shown is dark before that."""


def goes_on(camera: BodyCamera) -> dict[str, Any] | None:
    """The daemon's status once it records, if it answers at all."""
    try:
        said = status(camera)
    except OSError:
        return None
    recording = said["recording"]
    return said if recording and recording["id"] and recording["trigger"] == "continued" else None


def test_a_killed_daemon_leaves_a_dark_display_and_its_recording_goes_on_muted(
    tmp_path: Path,
) -> None:
    config = configuration(tmp_path, "generic", sound={"may_mute": True}, buttons=UNHURRIED)
    with body_camera(tmp_path, config, options=("--sound", "clapper")) as camera:
        camera.press()
        camera.wait(stage="self_view")
        camera.press()
        camera.wait(stage="recording", display=True)
        camera.press_and_hold()
        wait_for(camera, muted=True)
        camera.pass_time(1)  # so that something of it is safe
        body = {"name": "daemon_killed", "seconds": AWAY_SECONDS}
        assert camera.ask("POST", "/api/fault", body).status == 200
        until(lambda: not camera.state["display"], AWAY_SECONDS - 1, "a dark display")
        assert goes_on(camera) is None
        until(lambda: goes_on(camera), PATIENCE, "it goes on")
        wait_for(camera, muted=True)
        camera.wait(display=True)
        camera.pass_time(1)
        path = camera.stop()["path"]
    recording = sealed.read(path)
    assert recording.header["trigger"] == "continued"
    assert sum(facts["frames"] for facts in recording.facts) > 0
    # The microphone was there all the time; nobody who said something then was recorded.
    assert sum(facts["sound"]["units"] for facts in recording.facts) == 0
    said = [one["state"] for facts in recording.facts for one in facts["sound"]["states"]]
    assert said == ["muted"]


def test_a_recording_goes_on_though_its_camera_comes_seconds_after_the_daemon(
    tmp_path: Path,
) -> None:
    with body_camera(tmp_path, configuration(tmp_path, "generic", buttons=UNHURRIED)) as camera:
        camera.press("main", 1.3)
        camera.wait(stage="recording")
        camera.pass_time(1)
        camera.fault("camera_gone", SENSOR_SECONDS)
        camera.fault("daemon_killed")
        until(lambda: goes_on(camera), SENSOR_SECONDS + PATIENCE, "it goes on")
        camera.pass_time(1)
        recording = sealed.read(camera.stop()["path"])
    assert recording.header["trigger"] == "continued"
    assert sum(facts["frames"] for facts in recording.facts) > 0


def test_a_hold_during_a_restart_records_however_little_of_it_the_daemon_sees(
    tmp_path: Path,
) -> None:
    with body_camera(tmp_path, configuration(tmp_path, "nrw-ordnungsamt")) as camera:
        body = {"name": "daemon_killed", "seconds": 0.1}
        killed_us = camera.ask("POST", "/api/fault", body).body["at_us"]
        camera.ask("POST", "/api/press", {"button": "main", "down": True})
        # Amber blinks once the next daemon watches its buttons, which it does before it is ready.
        until(lambda: edges(camera, "amber", killed_us), PATIENCE, "the next daemon starts")
        camera.ask("POST", "/api/press", {"button": "main", "down": False})
        camera.wait(stage="recording")
