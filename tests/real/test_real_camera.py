"""The daemon, unmodified, on the real libcamera and picamera2.

The film's images have numbers, and libcamera shows each of them `REPEATED` times: what was lost
between its virtual camera and the film shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path

import pytest
from hw_mocks.virtualcamera import IMAGES, MODEL, REPEATED

from tests.system import judge
from tests.system.gaps import opened
from tests.system.harness import SHIPPED, BodyCamera, body_camera, configuration

pytestmark = pytest.mark.system

PYTHON = Path(__file__).parents[2] / ".cache/real/bin/python"
"""Made by ``hw-mocks/prepare.sh real``."""
SECONDS = 3


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[BodyCamera]:
    config = configuration(tmp_path, camera=SHIPPED)
    options = ("--camera", "real")
    with body_camera(tmp_path, config, options=options, python=str(PYTHON)) as running:
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
        assert recording["gaps"] == []
        path = opened(camera, recording)
        judge.ffmpeg_is_silent(path)
        verdict = judge.decode(path)
        assert recording["frames"] == len(verdict.frames) >= SECONDS * 30
        shown = [(number, len([*same])) for number, same in groupby(verdict.numbers)]
        (_, first), *whole, (_, last) = shown
        assert {count for _, count in whole} == {REPEATED}
        assert max(first, last) <= REPEATED
        for (number, _), (following, _) in pairwise(shown):
            assert following == (number + 1) % IMAGES
