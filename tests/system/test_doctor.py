"""`camerad doctor` on the simulated board: well where all is well, and each planted fault found.

One board, looked at four times: by a daemon that runs on it, then directly; and directly again with
faults that have nothing to do with each other planted together, so that each has to be told from
all the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from camerad.config import load
from camerad.doctor import bring_up
from camerad.doctor.check_results import FindingId
from camerad.doctor.prompts import Person
from tests.system import sealed
from tests.system.harness import BodyCamera, body_camera, configuration

pytestmark = pytest.mark.system

# So small that the simulated sensor keeps its rate on a busy machine as well.
CAMERA = {"width": 640, "height": 360, "lores_width": 320, "lores_height": 180}
MEMORY = "/dev/shm"  # noqa: S108 - tmpfs(5); what is made there has a name that nobody guesses
UNTESTED = {"hardening", "board"}  # no service is installed here, and no board is


@dataclass
class Board:
    """The state directory of a simulated board, and what the doctor found on it last."""

    root: Path
    config: Path

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def card(self) -> Path:
        """The daemon's own directory."""
        return self.state / "camerad"

    def examine(self, *faults: str) -> tuple[int, dict[str, Any]]:
        """Exit code and results by check, with these faults on the board."""
        command = [sys.executable, "-m", "hw_mocks.sim", "doctor", "--no-page", "--json"]
        command += ["--config", str(self.config), "--state-dir", str(self.state)]
        command += ["--language", "en"]
        for fault in faults:
            command += ["--fault", fault]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
        assert "Traceback" not in done.stderr, done.stderr
        assert done.stdout, done.stderr
        return done.returncode, by_check(done.stdout)


def by_check(said: str) -> dict[str, Any]:
    return {one["check"]: one for one in json.loads(said)["results"]}


def wrong(results: dict[str, Any]) -> dict[str, str]:
    """What is not well: findings by check."""
    levels = ("warn", "fail")
    return {name: one["finding"] for name, one in results.items() if one["status"] in levels}


def untested(results: dict[str, Any]) -> set[str]:
    return {name for name, one in results.items() if one["status"] == "not_tested"}


@pytest.fixture(scope="module")
def healthy() -> Iterator[Board]:
    # In memory: whether the card is fast must not depend on what else this machine writes.
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    root = Path(tempfile.mkdtemp(prefix="doctor-", dir=memory))
    config = configuration(root, recipients=[sealed.recipient()], camera=CAMERA)
    try:
        with body_camera(root, config):
            pass  # a camera that has been ready once has what is examined
        yield Board(root, config)
    finally:
        shutil.rmtree(root)


@pytest.fixture
def board(healthy: Board) -> Iterator[Board]:
    """The board, whose key and settings are afterwards as they were before."""
    key, config = healthy.card / "identity.pem", healthy.config
    before = [(one, one.read_bytes(), one.stat().st_mode) for one in (key, config)]
    yield healthy
    for path, content, mode in before:
        path.write_bytes(content)
        path.chmod(mode)


def test_a_running_daemon_is_asked_and_what_it_keeps_to_itself_is_said(board: Board) -> None:
    with body_camera(board.root, board.config) as camera:
        command = [sys.executable, "-m", "camerad", "doctor", "--json", "--config"]
        command.append(str(board.state / "config" / "camerad.yaml"))
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        results = by_check(done.stdout)
        assert (done.returncode, wrong(results), done.stderr) == (0, {}, "")
        # The devices for sound are closed in idle, and there is no service here.
        assert untested(results) == UNTESTED | {"microphone", "loudspeaker"}
        assert results["daemon"]["finding"] == "daemon_runs"
        assert results["camera"]["values"]["width"] == 640
        assert camera.state["stage"] == "idle"
    # Nothing was recorded, and nothing was left on the card.
    assert list((board.card / "recordings").iterdir()) == []


class PowerCutError(Exception):
    """The doctor is gone, as everything else."""


@dataclass
class Officer:
    """Does at this camera what `bring_up` asks for. path: of the report."""

    camera: BodyCamera
    path: str

    def ask_to_record(self) -> None:
        self.camera.press("main", 1.3)

    def ask_to_cut_power(self) -> None:
        pass

    def goes_on(self) -> bool:
        begun = bring_up.resume(self.path)
        if begun is not None and begun.seconds > 1:
            raise PowerCutError
        return False


def test_a_minute_is_measured_and_after_a_power_cut_what_was_safe_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P6, on a new board."""
    monkeypatch.setattr(bring_up, "MINUTE_SECONDS", 3.0)
    path = str(tmp_path / "report")
    config = configuration(tmp_path, recipients=[sealed.recipient()], camera=CAMERA)
    with body_camera(tmp_path, config) as camera:
        settings = load(tmp_path / "state" / "config" / "camerad.yaml")
        daemon = bring_up.CameraDaemon(settings, camera.control)
        officer = cast("Person", Officer(camera, path))
        minute, recording = asyncio.run(bring_up.record(daemon, settings, officer))
        assert minute.finding in (FindingId.MINUTE_OK, FindingId.MINUTE_STRAINED), minute
        assert minute.values["rate"] == pytest.approx(30, rel=0.1)
        # A hold is a recording after a second.
        assert 0 < minute.values["red_ms"] < 3000
        with pytest.raises(PowerCutError):
            asyncio.run(bring_up.await_cut(daemon, path, [minute], recording, officer))
        os.kill(camera.daemon_pid, signal.SIGKILL)
    begun = bring_up.resume(path)
    assert begun is not None
    assert (begun.recording, begun.results) == (recording, [minute])
    # The recording goes on.
    with body_camera(tmp_path, config, ready=False) as camera:
        daemon = bring_up.CameraDaemon(settings, camera.control)
        assert asyncio.run(daemon.wait(60, lambda _status: True))
        found = asyncio.run(bring_up.judge_cut(daemon, begun))
        assert found.finding is FindingId.DRILL_OK, found
        assert found.values["kept"] >= found.values["seconds"] > 1
        # A card that has lost what it confirmed.
        begun.seconds += 60
        lost = asyncio.run(bring_up.judge_cut(daemon, begun))
        assert lost.finding is FindingId.DRILL_LOST


def pressing(page: str, button: str, *, down: bool) -> None:
    """Press a button on the simulator's page, or let it go."""
    body = json.dumps({"button": button, "down": down}).encode()
    with urllib.request.urlopen(f"{page}/api/press", body, timeout=30) as answer:
        assert answer.status == 200


def test_a_press_that_is_asked_for_can_be_made_on_the_page_that_is_named(board: Board) -> None:
    command = [sys.executable, "-m", "hw_mocks.sim", "doctor", "--interactive", "--only", "buttons"]
    command += ["--config", str(board.config), "--state-dir", str(board.state)]
    with subprocess.Popen(
        [*command, "--language", "en"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        text=True,
    ) as doctor:
        assert doctor.stdout is not None
        # Who reads what it says waits for it, and so does the end of the block.
        late = threading.Timer(90, doctor.kill)
        late.daemon = True
        late.start()
        page, said = "", ""
        for line in doctor.stdout:
            said += line
            if named := re.search(r"buttons to press, is at (\S+)/", line):
                page = named[1]
            if asked := re.match(r"Press and release the button (\w+)", line):
                pressing(page, asked[1], down=True)
                with contextlib.suppress(urllib.error.HTTPError, ConnectionError):
                    # A doctor who has seen the last button come up may end before this is told.
                    pressing(page, asked[1], down=False)
        late.cancel()
    assert doctor.returncode == 0, said
    assert said.count("The button works") == 2, said


def test_on_a_healthy_board_nothing_is_found(board: Board) -> None:
    code, results = board.examine()
    assert (code, wrong(results)) == (0, {}), results
    assert untested(results) == UNTESTED
    assert results["daemon"]["finding"] == "daemon_stopped"
    assert results["loudspeaker"]["finding"] == "loudspeaker_heard"
    assert set(results) >= {"light_red", "vibration", "buzzer", "button_main", "button_display"}
    assert list((board.card / "recordings").iterdir()) == []


def test_planted_faults_are_found_each_with_its_cure(board: Board) -> None:
    (board.card / "identity.pem").chmod(0o644)
    code, results = board.examine(
        "camera_dark",
        "microphone_silent",
        "display_gone",
        "light_dead",
        "button_stuck",
        "disk_slow",
        "clock_unset",
        "battery_critical",
    )
    assert code == 1
    assert wrong(results) == {
        "key": "key_open",
        "clock": "clock_unknown",
        "battery": "battery_critical",
        "card": "card_slow",
        "camera": "camera_black",
        "microphone": "microphone_silent",
        "display": "display_down",
        "light_green": "output_dead",
        "button_main": "button_stuck",
    }
    cures = {
        "key": "chmod 600",
        "clock": "synchronises its clock",
        "battery": "Charge the battery.",
        "card": "made for continuous recording",
        "camera": "from the lens",
        "microphone": "that the microphone is not muted",
        "display": "Reseat the display's cable",
        "light_green": "Look for a short circuit at GPIO 22",
        "button_main": "Clean the button",
    }
    for check, cure in cures.items():
        assert cure in results[check]["cure"], check


def test_other_faults_of_the_same_parts_are_told_apart_from_those(board: Board) -> None:
    (board.card / "identity.pem").unlink()
    document = yaml.safe_load(board.config.read_text())
    changed = {"recipients": [], "announcements": {"device": "nowhere"}}
    board.config.write_text(yaml.safe_dump(document | changed))
    code, results = board.examine(
        "camera_gone", "microphone_gone", "display_error", "disk_full", "battery_unknown", "hot"
    )
    assert code == 1
    assert wrong(results) == {
        "recipients": "recipients_none",
        "key": "key_lost",
        "battery": "battery_silent",
        "temperature": "temperature_hot",
        "space": "space_full",
        "camera": "camera_down",
        "microphone": "microphone_missing",
        "loudspeaker": "loudspeaker_fails",
        "display": "display_down",
    }
    assert untested(results) == UNTESTED | {"card"}
    cures = {
        "recipients": "camerad keys new",
        "key": "put it back",
        "battery": "wires of the gauge",
        "temperature": "Let the camera cool",
        "space": "camerad offload",
        "camera": "ribbon cable",
        "microphone": "arecord -L",
        "display": "Reseat the display's cable",
    }
    for check, cure in cures.items():
        assert cure in results[check]["cure"], check
