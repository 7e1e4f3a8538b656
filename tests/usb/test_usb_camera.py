"""A USB camera on Debian's kernel, driver and libcamera: found, unplugged and plugged again."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest
from hw_mocks import clips
from hw_mocks.footage import prepare
from hw_mocks.usbcamera import PRODUCT, VENDOR
from hw_mocks.virtualcamera import IMAGES, write_film
from hw_mocks.worldclock import compiled

from tests.real import PYTHON
from tests.usb import machine, plugging

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(machine.missing() is not None, reason=str(machine.missing())),
]
SECONDS = 7000.0
"""Some minutes on an idle machine."""
LIBRARY = f"{machine.GIVEN}/usbcamera.so"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the machine is given: the images that its camera shows, and the library to preload."""
    footage = prepare(
        clips.find("vtest.avi"), 640, 360, None, tmp_path / "footage", max_frames=IMAGES
    )
    write_film(footage, tmp_path / "film")
    shutil.copy(compiled("usbcamera", ".so", "-shared", "-fPIC"), tmp_path / "usbcamera.so")
    return tmp_path


def test_the_capture_process_finds_a_usb_camera_and_finds_it_again(folder: Path) -> None:
    command = shlex.join([str(PYTHON), "-m", "tests.usb.plugging", f"{machine.GIVEN}/film"])
    said = machine.run([f"LD_PRELOAD={LIBRARY} {command}"], folder, SECONDS)
    lives = {"first": [""], "without": [""], "again": [""]}
    for line in said.splitlines():
        name, _, words = line.partition(": ")
        lives.get(name, []).append(words)
    for name in ("first", "again"):
        _, opened, *pictures = lives[name]
        assert opened.startswith("opened "), said
        assert opened.endswith(f"-{VENDOR:04x}:{PRODUCT:04x} MJPEG"), said
        numbers = [int(line.split()[1]) for line in pictures if line.startswith("picture")]
        assert len(numbers) >= plugging.PICTURES, said
        assert set(numbers) <= set(range(IMAGES)), said
    assert lives["first"][-1] in ("silent", "ended"), said
    assert lives["without"] == ["", "refused no USB camera found: is it plugged in?"], said
