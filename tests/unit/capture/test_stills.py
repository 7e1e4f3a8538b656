"""Imports of picamera2 without still pictures, and without a screen."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("libcamera", reason="no libcamera, real or simulated")

# The simulated hardware has the bindings as well; a camera without a screen has not.
_MISSING = """
import importlib.abc, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in ("kms", "pykms") and name not in sys.modules:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

import importlib.util
hidden, real = ("kms", "pykms"), importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name in hidden else real(name, *more)
sys.meta_path.insert(0, Missing())
"""

LOOK = (
    "import sys\n"
    "from camerad.capture import stills\n"
    "stills.stand_in()\n"
    "with stills.left_out():\n"
    "    from picamera2 import request\n"
    "    from picamera2.encoders import JpegEncoder\n"
)


def run(code: str, before: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", before + LOOK + code],
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


def test_without_the_bindings_of_a_screen_picamera2_is_imported_all_the_same() -> None:
    shown = "import picamera2; print(picamera2.previews.DrmPreview.FMT_MAP['RGB888'])"
    assert run(shown, before=_MISSING) == "RGB888\n"


def test_bindings_that_are_there_are_left_alone() -> None:
    assert run("import pykms; print(pykms.__file__ is not None)") == "True\n"
