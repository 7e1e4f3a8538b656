"""Sound from the microphone to the office, on the whole daemon: real ALSA, in real time."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.system import clapper, sealed
from tests.system.harness import BodyCamera, body_camera, configuration, until

pytestmark = pytest.mark.system

AT_MOST_MS = 40
"""How far sound and picture may be apart."""


def said_of_sound(path: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All changes of the state that sound was in, and all gaps in it."""
    said = [facts["sound"] for facts in sealed.read(path).facts]
    states = [one for each in said for one in each["states"]]
    return states, [one for each in said for one in each["gaps"]]


def status(camera: BodyCamera) -> dict[str, Any]:
    """What the daemon itself says of the camera."""
    with contextlib.closing(http.client.HTTPConnection("camerad", timeout=5)) as connection:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(camera.control)
        connection.request("GET", "/status")
        body: dict[str, Any] = json.load(connection.getresponse())
    return body


def wait_for(camera: BodyCamera, **wanted: object) -> None:
    """Wait until the daemon says so."""
    until(
        lambda: wanted.items() <= status(camera).items(),
        10,
        f"{wanted}; it is {status(camera)}",
    )


def mute(camera: BodyCamera, *, on: bool) -> None:
    camera.press("display", 1.3)
    wait_for(camera, muted=on)


def test_sound_is_at_its_picture_and_what_it_lacks_is_stated(tmp_path: Path) -> None:
    config = configuration(tmp_path, "generic", sound={"may_mute": True})
    with body_camera(tmp_path, config, options=("--sound", "clapper")) as camera:
        assert status(camera)["microphone"] == "off"  # nobody is heard in idle
        camera.press("main", 1.3)
        wait_for(camera, stage="recording", microphone="on")
        camera.pass_time(3.2)
        mute(camera, on=True)
        camera.pass_time(1.2)
        mute(camera, on=False)
        camera.pass_time(2.2)
        camera.fault("microphone_gone", 1.5)
        camera.wait_for_condition("microphone_down", holds=True)
        assert camera.state["stage"] == "recording"
        camera.wait_for_condition("microphone_down", holds=False)
        camera.pass_time(3.2)
        path = camera.stop()["path"]
        wait_for(camera, microphone="off")
    claps = clapper.judge(Path(sealed.opened(path, tmp_path)))
    states, gaps = said_of_sound(path)
    # At least two whole claps in each of the three pieces of sound.
    assert len(claps.both) >= 6, claps
    assert abs(claps.worst_ms) <= AT_MOST_MS, claps
    assert [one["reason"] for one in gaps if one["reason"] == "muted"] == ["muted"]
    assert "microphone missing" in {one["reason"] for one in gaps}
    assert {"on", "muted", "missing"} <= {one["state"] for one in states}
    # Pictures lack nothing.
    assert sealed.read(path).gaps == []


def test_a_press_from_self_view_has_its_sound_at_once(tmp_path: Path) -> None:
    config = configuration(tmp_path, "generic", pre_event={"seconds": 0})
    with body_camera(tmp_path, config) as camera:
        camera.press()
        wait_for(camera, stage="self_view", microphone="on")
        camera.press()
        camera.wait(stage="recording")
        camera.pass_time(1)
        path = camera.stop()["path"]
    recording = sealed.read(path)
    sounds = [commit["facts"]["sound"] for commit in recording.commits]
    first_us = next(one["first_us"] for one in sounds if one["units"])
    begins_us = max(recording.header["origin_us"], recording.header["trigger_us"])
    assert first_us - begins_us < 150_000
    _, gaps = said_of_sound(path)
    assert gaps == []
    film = sealed.opened(path, tmp_path)
    command = ["ffmpeg", "-nostdin", "-xerror", "-v", "error", "-i", film, "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
