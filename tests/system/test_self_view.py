"""What stands on the front display, read off the simulated panel's own memory."""

from __future__ import annotations

import os
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import pytest
from hw_mocks import footage
from numpy.typing import NDArray

from tests.bench import display
from tests.system.harness import PATIENCE, BodyCamera, body_camera, configuration, until

pytestmark = pytest.mark.system

WIDTH, HEIGHT, BITS = display.PANEL
TEXT = slice(165, 230)
"""Rows of the band with text, below the picture and above the frame."""


class Panel:
    """The panel of a running camera, 320x240 in RGB565."""

    def __init__(self, camera: BodyCamera) -> None:
        self.fd = os.open(camera.state_dir / "board" / "dev" / "fb0", os.O_RDONLY)

    def words(self) -> NDArray[Any]:
        data = os.pread(self.fd, WIDTH * HEIGHT * BITS // 8, 0)
        return np.frombuffer(data, "<u2").reshape(HEIGHT, WIDTH)

    def dark(self) -> bool:
        return not self.words().any()

    def framed(self) -> bool:
        """Whether all four sides are of one colour, which is red and nothing else."""
        words = self.words()
        sides = np.concatenate([words[0], words[-1], words[:, 0], words[:, -1]])
        return len(set(sides.tolist())) == 1 and sides[0] >> 11 > 20 and not sides[0] & 0x7FF


def test_people_see_themselves_now_and_as_in_a_mirror_and_whether_they_are_recorded(
    tmp_path: Path,
) -> None:
    def source(number: int) -> NDArray[Any]:
        planes = footage.source_picture(camera.footage, number, footage.LORES)
        colour = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
        return np.asarray(colour[display.TOP : display.TOP + display.ROWS, :, 1], np.float32)

    config = configuration(tmp_path, "generic")
    with body_camera(tmp_path, config, footage=display.CLIP) as camera:
        panel = Panel(camera)
        assert panel.dark()
        # In idle only the wearer asks for something: battery, storage and clock, for five seconds.
        camera.press("display", 1.3)
        until(lambda: not panel.dark(), PATIENCE, "the status")
        assert not panel.framed()
        until(panel.dark, PATIENCE, "a dark display")

        camera.press()
        camera.wait(stage="self_view")
        until(lambda: bool(panel.words()[: display.TOP].any()), PATIENCE, "a picture")
        seen = display.watch(panel.fd, 2.0)
        found = display.judge(seen, camera.epoch_us, source)
        assert len(found.latency) > 20  # of 60 pictures; a busy machine may miss some
        assert min(found.correlation) > 0.95
        assert max(found.plain) < 0.5
        # The newest picture, and never one of long ago; how new exactly `make bench` says.
        assert median(found.latency) < 100
        assert not panel.framed()

        camera.press()
        camera.wait(stage="recording")
        until(panel.framed, PATIENCE, "a red frame")
        before = panel.words()[TEXT].tobytes()
        until(lambda: panel.words()[TEXT].tobytes() != before, PATIENCE, "the time goes on")
        # A slow display says less often what is true, and is a condition as long as it is slow.
        camera.fault("display_slow", 60)
        camera.wait_for_condition("display_down", holds=True)
        camera.fault("display_slow", 0)
        camera.wait_for_condition("display_down", holds=False)
        camera.press("display")
        until(panel.dark, PATIENCE, "a dark display")
        camera.press("display")
        until(panel.framed, PATIENCE, "a red frame again")
        camera.stop()
        # The process that draws is another than the one that says "idle".
        until(panel.dark, PATIENCE, "a dark display")
        os.close(panel.fd)
