"""The other verifier: a script that was written by the documents alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from sealed_helpers import KEY

SCRIPT = Path(__file__).parents[2] / "independent" / "verify.sh"
TOOLS = ("openssl", "jq", "age", "ffmpeg", "ffprobe")


def verified_by_script(recording: Path, *options: str) -> tuple[int, str]:
    """What the script comes to about a recording by `KEY`: its exit code, and all that it says."""
    if any(shutil.which(tool) is None for tool in TOOLS):
        pytest.skip(f"one of {', '.join(TOOLS)} is not installed")
    key = recording.parent / "device.pem"
    key.write_text(KEY.public.pem)
    command = ["sh", str(SCRIPT), str(recording), str(key), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr
