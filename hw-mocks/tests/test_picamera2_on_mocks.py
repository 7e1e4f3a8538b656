"""The real, unmodified picamera2 on the simulated camera, on both platforms.

Without faults it works and leaves nothing behind. With faults it does what it is known to do on
a Raspberry Pi, which is what the daemon has to survive. The scenarios are functions of
picamera2_scenarios.py and picamera2_faults.py, each run in a process of its own, since a platform
is for life and some of them leave hung threads.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hw_mocks.priority import REALTIME_VARIABLE

HERE = Path(__file__).parent
SCRIPT = HERE / "picamera2_scenarios.py"
FAULTS = HERE / "picamera2_faults.py"
PLATFORMS = ("vc4", "pisp")
SECONDS = 60


def scenarios() -> list[str]:
    """The functions that are marked as scenarios. They are not imported: this process has no
    camera."""
    trees = [ast.parse(script.read_text()) for script in (SCRIPT, FAULTS)]
    return [
        node.name
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(
            isinstance(mark, ast.Name) and mark.id == "scenario" for mark in node.decorator_list
        )
    ]


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("scenario", scenarios())
def test_picamera2(scenario: str, platform: str, tmp_path: Path) -> None:
    environment = os.environ | {
        "PYTHONPATH": str(HERE.parent),
        "HW_MOCKS_PLATFORM": platform,
        "HW_MOCKS_WORLD": "",
        "HW_MOCKS_FOOTAGE": "",
        REALTIME_VARIABLE: "1",  # other cameras run beside this one
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT), scenario, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
