"""The daemon, unmodified, on the real libcamera and picamera2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hw_mocks.virtualcamera import MODEL

from tests.real import on_the_real_camera
from tests.real.film import shown
from tests.system import judge
from tests.system.gaps import opened
from tests.system.harness import BodyCamera

pytestmark = pytest.mark.system

SECONDS = 3


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[BodyCamera]:
    with on_the_real_camera(tmp_path) as running:
        yield running


def test_its_three_stages_are_recorded_without_a_lost_picture(camera: BodyCamera) -> None:
    assert f"camera {MODEL} on" in camera.log.read_text()
    for _ in range(2):
        camera.press()
        camera.wait(stage="self_view", display=True)
        camera.press()
        camera.wait(stage="recording")
        camera.pass_time(SECONDS)
        camera.press_stop()
        camera.wait(stage="idle")
    for recording in camera.recordings:
        path = opened(camera, recording)
        judge.ffmpeg_is_silent(path)
        found = shown(path, recording)
        assert (found.findings, found.gaps) == ([], 0)
        assert found.pictures >= SECONDS * 30
