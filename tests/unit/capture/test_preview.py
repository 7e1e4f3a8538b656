"""picamera2 can be imported where nothing of a screen is installed, and is as ever where it is."""

from __future__ import annotations

import subprocess
import sys

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


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )


def test_without_the_bindings_of_a_screen_picamera2_is_imported_all_the_same() -> None:
    without = run(f"{_MISSING}\nimport picamera2")
    assert "No module named 'pykms'" in without.stderr
    stood_in = run(
        f"{_MISSING}\nfrom camerad.capture import preview\npreview.stand_in()\n"
        "import picamera2; print(picamera2.previews.DrmPreview.FMT_MAP['RGB888'])"
    )
    assert stood_in.stdout == "RGB888\n", stood_in.stderr


def test_bindings_that_are_there_are_left_alone() -> None:
    done = run(
        "from camerad.capture import preview\npreview.stand_in()\n"
        "import pykms; print(pykms.__file__ is not None)"
    )
    assert done.stdout == "True\n", done.stderr
