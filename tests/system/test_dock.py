"""In its dock a camera hands its recordings to the office by itself, whatever comes between."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from authority import authority
from hw_mocks.sim.process import find
from state_helpers import state_in

from camerad import __version__
from camerad.behaviour import signals
from camerad.behaviour.signals import Pattern
from camerad.container.keys import SigningKey
from camerad.office.report import camera_readings
from tests.system.gaps import edges
from tests.system.harness import (
    PATIENCE,
    SHIPPED,
    BodyCamera,
    body_camera,
    configuration,
    now_us,
    until,
)

pytestmark = pytest.mark.system

SLOW_SECONDS = 120.0
"""At a million bits in a second."""
WATCHED_US = 10_000_000
WHILE_HANDING_OVER = {"green": signals.ON, "amber": signals.BLINK, "red": signals.OFF}
"""What each light does while the camera hands over."""
STEADY_SECONDS = 2.0
"""For how long a light is looked at that is to stay as it is."""


def docked(camera: BodyCamera, seconds: float = 600.0) -> None:
    camera.fault("docked", seconds=seconds)


def undocked(camera: BodyCamera) -> None:
    camera.fault("docked", seconds=0)


def handed_over(camera: BodyCamera, count: int) -> bool:
    return sum(bool(one["acknowledged"]) for one in camera.recordings) == count


def verified(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """What the office's own check says of its directory."""
    office = tmp_path / "state" / "office"
    (key,) = (office / "directory").glob("*/device.jwk")
    command = [sys.executable, "-m", "camerad", "evidence", "verify", str(office / "directory")]
    command += ["--key", str(key), "--office-key", str(office / "office.pem")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def seen(tmp_path: Path) -> list[dict[str, Any]]:
    """What the office says of its cameras."""
    config = tmp_path / "state" / "office" / "office.yaml"
    command = [sys.executable, "-m", "camerad", "office", "status", "--json", "--config", config]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    found: list[dict[str, Any]] = json.loads(said)
    return found


SLOW_OFFICE = """import os, sys, time
if sys.orig_argv[-4:-2] == ["office", "serve"]:
    while not os.path.exists(os.environ["OFFICE_MAY_START"]):
        time.sleep(0.05)
"""
"""Has the office's server wait before its first line, as on a machine that is busy."""


def test_the_camera_comes_up_without_its_office_and_goes_on_without_it(tmp_path: Path) -> None:
    may_start = tmp_path / "may-start"
    (tmp_path / "sitecustomize.py").write_text(SLOW_OFFICE)
    slow = {"PYTHONPATH": str(tmp_path), "OFFICE_MAY_START": str(may_start)}
    config = configuration(tmp_path)
    with body_camera(tmp_path, config, options=("--office",), environment=slow) as camera:
        assert camera.state["office"] == "starting"
        camera.record(0.5)
        said = camera.ask("GET", "/office/desk")
        assert (said.status, "is starting" in said.body["error"]) == (409, True)
        may_start.touch()
        until(lambda: camera.state["office"] == "open", PATIENCE, "the office is open")
        # The first start needs no warning: the office knows its camera before it opens.
        assert "WARNING" not in camera.log.read_text()
        simulator = json.loads((camera.state_dir / "sim.json").read_text())["pid"]
        office = find(simulator, "serve")
        assert office is not None
        os.kill(office, signal.SIGKILL)
        until(lambda: camera.state["office"] == "ended", PATIENCE, "the office has ended")
        camera.record(0.5)


def test_a_docked_camera_hands_over_by_itself_and_the_office_is_content(tmp_path: Path) -> None:
    config = configuration(tmp_path, camera={"bitrate": 2_000_000})
    with body_camera(tmp_path, config, options=("--office",)) as camera:
        camera.record(2)
        camera.record(3)
        docked(camera)
        until(lambda: handed_over(camera, 2), PATIENCE, "both are handed over")
        files = sorted((tmp_path / "state/office/directory").glob("*/recordings/*.tar"))
        own = sorted((tmp_path / "state/camerad/recordings").glob("*.tar"))
        assert [one.name for one in files] == [one.name for one in own]
        assert [one.read_bytes() for one in files] == [one.read_bytes() for one in own]
        until(
            lambda: seen(tmp_path)[0].get("unacknowledged") == 0, PATIENCE, "the office hears of it"
        )
        (camera_07,) = seen(tmp_path)
        assert camera_07["recordings"] == 2 and "docked" in camera_07["conditions"]
        assert camera_07["version"] == __version__
        # The way to the office's page, as somebody who works there.
        with urllib.request.urlopen(f"{camera.url}/office/desk", timeout=60) as answer:
            assert re.fullmatch(r"http://localhost:\d+/#link=[\w-]{43}", answer.url)
            assert b"/page/app.js" in answer.read()
        office = state_in(tmp_path / "state/office/directory")
        with contextlib.closing(office), office.reading() as rows:
            assert camera_readings.list_cameras(rows), "its counters are kept for a report"
    found = verified(tmp_path)
    assert found.returncode in (0, 1), found.stdout + found.stderr
    assert "missing" not in found.stdout


def shows(camera: BodyCamera, pattern: Pattern, light: str = "green") -> bool:
    """Whether the next whole phase of a light, read off its pin, is one of the pattern; of one that
    does not change, whether it stays so for a while."""
    since_us = now_us()
    if len(pattern.steps) < 2:
        camera.pass_time(STEADY_SECONDS)
        lit = bool(pattern.steps)
        return not edges(camera, light, since_us) and camera.state["lights"][light] is lit
    (at_us, lit), (next_us, _) = until(
        lambda: found[:2] if len(found := edges(camera, light, since_us)) > 1 else None,
        PATIENCE,
        f"the {light} light changes",
    )
    wanted = [pytest.approx(ms / 1000, abs=0.2) for on, ms in pattern.steps if on is lit]
    return (next_us - at_us) / 1e6 in wanted


def handover(camera: BodyCamera) -> dict[str, Any]:
    """What the camera shows of handing over."""
    return dict(camera.state["handover"] or {})


def test_the_lights_say_how_handing_over_goes(tmp_path: Path) -> None:
    config = configuration(tmp_path, camera={"bitrate": 2_000_000})
    with body_camera(tmp_path, config, options=("--office",)) as camera:
        camera.record(2)
        assert camera.state["handover"] is None
        # In a dock without a network: at work at first, since one may come up; then it is said.
        camera.fault("network_gone", seconds=600)
        docked(camera)
        until(lambda: handover(camera).get("state") == "waiting", PATIENCE, "it is docked")
        assert shows(camera, signals.BLINK, "amber")
        assert camera.state["lights"]["green"]
        until(lambda: handover(camera).get("trouble") == "network", PATIENCE, "it is said")
        assert shows(camera, signals.BLINK)
        undocked(camera)
        until(lambda: camera.state["handover"] is None, PATIENCE, "nothing is said outside")
        camera.fault("network_gone", seconds=0)
        docked(camera)
        until(lambda: handover(camera).get("state") == "handed_over", PATIENCE, "all")
        assert handed_over(camera, 1)
        assert shows(camera, signals.FLASH)
        # A press takes the word back before anything is written, and red is all that shows.
        camera.press("main", 1.3)
        camera.wait(stage="recording", lights={"red": True, "green": False, "amber": False})
        assert handover(camera)["state"] == "waiting"
        camera.stop()
        until(lambda: handover(camera).get("state") == "handed_over", PATIENCE, "both")
        assert handed_over(camera, 2)
        assert doctor_finds(camera) == "office_ok"


@pytest.mark.campaign
def test_the_lights_say_so_all_through_a_transfer_of_many_seconds(tmp_path: Path) -> None:
    # The simulated dock brings its own address, authority and key; the rate is this camera's.
    key = SigningKey.generate().public.jwk["x"]
    office: dict[str, Any] = {"url": "https://office.example", "ca": authority().pem, "key": key}
    office |= {"mbit_per_second": 1}
    config = configuration(tmp_path, camera={**SHIPPED, "bitrate": 4_000_000}, office=office)
    with body_camera(tmp_path, config, options=("--office",)) as camera:
        camera.record(4)
        docked(camera)
        until(lambda: handover(camera).get("state") == "handing_over", PATIENCE, "it goes")
        (recording,) = (tmp_path / "state/camerad/recordings").glob("*.tar")
        began_us = now_us()
        while now_us() - began_us < WATCHED_US:
            for light, pattern in WHILE_HANDING_OVER.items():
                assert shows(camera, pattern, light), light
        assert handover(camera)["state"] == "handing_over"
        until(lambda: handover(camera).get("state") == "handed_over", SLOW_SECONDS, "all of it")
        # 8 bits of each byte, at a million in a second.
        assert (now_us() - began_us) / 1e6 > recording.stat().st_size * 8 / 1e6 / 2
        assert shows(camera, signals.FLASH)


def doctor_finds(camera: BodyCamera) -> str:
    """What the doctor comes to about the office, asking the running daemon."""
    config = str(camera.state_dir / "config" / "camerad.yaml")
    command = [sys.executable, "-m", "camerad", "doctor", "--only", "office", "--json"]
    command += ["--config", config, "--socket", camera.control]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    (found,) = [one for one in json.loads(said.stdout)["results"] if one["check"] == "office"]
    return str(found["finding"])


def test_taken_out_in_the_middle_it_goes_on_where_it_was(tmp_path: Path) -> None:
    config = configuration(tmp_path, camera={"bitrate": 4_000_000})
    with body_camera(tmp_path, config, options=("--office",)) as camera:
        camera.record(6)
        camera.fault("network_gone", seconds=2, bytes_left=1_000_000)
        docked(camera)
        camera.pass_time(1)
        undocked(camera)
        camera.pass_time(2)
        assert handed_over(camera, 0)
        docked(camera)
        until(lambda: handed_over(camera, 1), PATIENCE, "it is handed over")
        assert len(list((tmp_path / "state/office/directory").glob("*/recordings/*"))) == 1
    assert verified(tmp_path).returncode in (0, 1)


def test_a_press_ends_it_at_once_and_costs_no_picture(tmp_path: Path) -> None:
    config = configuration(tmp_path, camera={"bitrate": 4_000_000})
    with body_camera(tmp_path, config, options=("--office",)) as camera:
        camera.record(6)
        docked(camera)
        newest = camera.record(3)
        assert newest["gaps"] == []
        until(lambda: handed_over(camera, 2), PATIENCE, "both are handed over")
