"""Other users of the machine at the control socket: they get what is theirs, and nobody misses a
press for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.fuzzing import Fuzzers
from tests.system.gaps import start_recording
from tests.system.harness import body_camera, configuration
from tests.system.test_control_noise import ANSWER_US, answered_us

pytestmark = pytest.mark.system

SECONDS = 4.0
MEMBERS = 3
FEWEST = 50
"""Requests that were answered by what they are: 3 users, 4 s and 20 a second are 240, of which some
are floods and bytes that nobody answers."""


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that every user may pass through."""
    with tempfile.TemporaryDirectory(prefix="camerad-") as name:
        os.chmod(name, 0o755)  # noqa: S103 - other users are to reach the socket
        yield Path(name)


def test_users_who_may_only_read_change_nothing_and_delay_no_press(directory: Path) -> None:
    config = configuration(directory, "generic", access={"press": []})
    with (
        body_camera(directory, config) as camera,
        Fuzzers(camera, seed=20261125, seconds=SECONDS, members=MEMBERS, roles=["read"]) as others,
    ):
        recordings = 0
        while others.running:
            start_recording(camera)
            assert answered_us(camera) < ANSWER_US
            camera.stop()
            recordings += 1
        fuzzed = others.finish()
        assert fuzzed.findings == []
        counts = fuzzed.counts
        assert counts["200"] + counts["403"] >= FEWEST, counts
        assert counts["403"] > 0, counts
        assert counts["not let in"] > 0, counts
        assert len(camera.recordings) == recordings
        assert recordings > 0
        done = subprocess.run(
            [sys.executable, "-m", "camerad", "status", "--json", "--socket", camera.control],
            capture_output=True,
            check=True,
            timeout=30,
        )
        assert json.loads(done.stdout)["shift"] is None
