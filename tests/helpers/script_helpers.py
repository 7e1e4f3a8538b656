"""The other verifier: one that was written by the page alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sealed_helpers import KEY

VERIFIER = Path(__file__).parents[1] / "independent" / "verifier.py"


def verified_by_script(recording: Path, *opened: str) -> tuple[int, str]:
    """What it comes to about a recording by `KEY`: its exit code, and all that it says.

    opened: the office's age key and where the footage is to go, if it is to be opened too.
    """
    if opened and any(shutil.which(tool) is None for tool in ("age", "ffmpeg")):
        pytest.skip("age or ffmpeg is not installed")
    key = recording.parent / "device.pem"
    key.write_text(KEY.public.pem)
    command = [sys.executable, str(VERIFIER), "--key", str(key), str(recording)]
    command += ["--open", *opened] if opened else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr
