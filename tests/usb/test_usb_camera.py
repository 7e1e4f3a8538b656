"""A USB camera on Debian's kernel, driver and libcamera: found, unplugged and plugged again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hw_mocks.virtualcamera import IMAGES

from tests.real import PYTHON
from tests.usb import NAMED, machine, plugging

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(machine.missing() is not None, reason=str(machine.missing())),
]
SECONDS = 7000.0
"""Some minutes on an idle machine."""


def test_the_capture_process_finds_a_usb_camera_and_finds_it_again(tmp_path: Path) -> None:
    said = machine.run([f"{PYTHON} -m tests.usb.plugging"], tmp_path, SECONDS)
    lives = {"first": [""], "without": [""], "again": [""]}
    for line in said.splitlines():
        name, _, words = line.partition(": ")
        lives.get(name, []).append(words)
    for name in ("first", "again"):
        _, opened, *pictures = lives[name]
        assert opened.startswith("opened "), said
        assert opened.endswith(f"{NAMED} MJPEG"), said
        numbers = [int(line.split()[1]) for line in pictures if line.startswith("picture")]
        assert len(numbers) >= plugging.PICTURES, said
        assert set(numbers) <= set(range(IMAGES)), said
    assert lives["first"][-1] in ("silent", "ended"), said
    assert lives["without"] == ["", "refused no USB camera found: is it plugged in?"], said
