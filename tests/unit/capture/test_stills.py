"""picamera2 without what it has for still pictures."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("libcamera", reason="no libcamera, real or simulated")

LOOK = (
    "import sys\n"
    "from camerad.capture import preview, stills\n"
    "preview.stand_in()\n"
    "with stills.left_out():\n"
    "    from picamera2 import request\n"
    "    from picamera2.encoders import JpegEncoder\n"
)


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LOOK + code],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_picamera2_is_imported_without_them() -> None:
    assert run("print(sorted(sys.modules.keys() & stills.NAMES))") == "[]\n"


def test_they_can_be_imported_afterwards_and_are_the_real_ones() -> None:
    assert run("from PIL import Image; print(Image.new('L', (2, 3)).size)") == "(2, 3)\n"


def test_who_asks_for_a_still_picture_is_told() -> None:
    code = (
        "try:\n"
        "    request.Image.fromarray([0])\n"
        "except RuntimeError as error:\n"
        "    print(error)\n"
        "try:\n"
        "    request.PICAM2DNG(None)\n"
        "except RuntimeError as error:\n"
        "    print(error)\n"
        "print([hasattr(one, '__nothing__') for one in (request.Image, request.simplejpeg)])"
    )
    told = "still pictures are left out here (camerad.capture.stills)\n"
    assert run(code) == told * 2 + "[False, False]\n"


def test_what_is_loaded_already_stays() -> None:
    code = (
        "import piexif\n"
        "with stills.left_out():\n"
        "    import piexif as again\n"
        "print(again is piexif, sys.modules['piexif'] is piexif)"
    )
    assert run(code) == "True True\n"
