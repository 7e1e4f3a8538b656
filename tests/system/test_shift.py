"""A shift from badge to recording: shown to the simulated sensor, kept by the real daemon."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import segno

from tests.system import sealed
from tests.system.gaps import edges, wait_for_quiet
from tests.system.harness import (
    PATIENCE,
    SHIPPED,
    BodyCamera,
    body_camera,
    configuration,
    until,
)

pytestmark = pytest.mark.system

READ_SECONDS = 20.0
"""A start of the reader's process, some looks, and a busy machine."""


def badge_film(path: Path, text: str) -> Path:
    """A second of film in which somebody holds a badge before the camera."""
    matrix = np.array([list(row) for row in segno.make_qr(text, error="m").matrix_iter(border=4)])
    paper = cv2.resize(
        np.where(matrix == 1, 0, 255).astype(np.uint8), (420, 420), interpolation=cv2.INTER_AREA
    )
    grey = np.full((720, 1280), 90, np.uint8)
    grey[150:570, 430:850] = paper
    picture = av.VideoFrame.from_ndarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), format="rgb24")
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for number in range(30):
            picture.pts = number
            film.mux(stream.encode(picture))
        film.mux(stream.encode(None))
    return path


def wearer(camera: BodyCamera) -> str | None:
    shift = camera.state["shift"]
    return None if shift is None else str(shift["wearer"])


def test_a_badge_names_the_wearer_in_what_is_recorded_and_after_a_restart(tmp_path: Path) -> None:
    film = badge_film(tmp_path / "badge.mp4", "camerad:wearer:W-0815")
    config = configuration(tmp_path, "generic", shift={"badge_seconds": 60}, camera=SHIPPED)
    with body_camera(tmp_path, config, footage=str(film)) as camera:
        until(lambda: wearer(camera) == "W-0815", READ_SECONDS, "the badge is read")
        state = camera.state
        assert not state["looking_for_badge"]
        # Acknowledged: one short, behind the cue that it is ready if that still plays.
        began_us = state["shift"]["since_us"]
        wait_for_quiet(camera)
        assert strokes(camera, began_us)[-1:] == ["."]
        until(
            lambda: camera.child("camerad.capture.badge_reader") is None,
            PATIENCE,
            "nothing looks any more",
        )
        recording = camera.record(0.5)
        assert sealed.read(recording["path"]).header["wearer"] == "W-0815"
        killed = camera.daemon_pid
        camera.fault("daemon_killed", 0.1)
        until(lambda: running(camera) not in (None, killed), PATIENCE, "another daemon runs")
        # Asked itself, and not what the simulator still knows of the one before.
        status = until(lambda: ready(camera), PATIENCE, "it is ready")
        assert status["shift"] == state["shift"]
        assert not status["looking_for_badge"]


def running(camera: BodyCamera) -> int | None:
    """The process id of the daemon that runs now."""
    pid: int | None = json.loads((camera.state_dir / "sim.json").read_text())["daemon_pid"]
    return pid


def ready(camera: BodyCamera) -> dict[str, Any] | None:
    """What the daemon says of itself, once it is ready."""
    command = [sys.executable, "-m", "camerad", "status", "--json", "--socket", camera.control]
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    status: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {}
    return status if status.get("ready") else None


def strokes(camera: BodyCamera, after_us: int) -> list[str]:
    """The strokes of the vibration that began since then: 120 ms is short, 600 ms long."""
    felt = edges(camera, "vibration", after_us)
    begun = [at_us for at_us, on in felt if on]
    ended = [at_us for at_us, on in felt if not on and begun and at_us > begun[0]]
    return [
        "-" if end_us - begin_us > 360_000 else "."
        for begin_us, end_us in zip(begun, ended, strict=True)
    ]
