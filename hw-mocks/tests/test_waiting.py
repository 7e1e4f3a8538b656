"""Nobody who waits for a process is kept by it for ever: neither tests nor the simulator."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import in_time, until

from hw_mocks.sim.process import DaemonProcess


def test_a_process_that_says_nothing_is_killed_in_time() -> None:
    command = [sys.executable, "-c", "import time; time.sleep(3600)"]
    with (
        pytest.raises(AssertionError, match=r"^not within 0\.2 s: a word$"),
        subprocess.Popen(command, stdout=subprocess.PIPE) as silent,
        in_time(silent, "a word", 0.2),
    ):
        assert silent.stdout is not None
        silent.stdout.readline()
    assert silent.returncode == -signal.SIGKILL


def test_a_daemon_has_ended_though_what_it_has_started_holds_its_output(tmp_path: Path) -> None:
    """In a session of its own that is not killed with the daemon."""
    left = tmp_path / "left"
    script = f"setsid sh -c 'echo $$ >{left}; exec sleep 3600' & exec sleep 3600"

    async def run() -> None:
        daemon = DaemonProcess(["sh", "-c", script], dict(os.environ), lambda _: None)
        await daemon.start()
        await asyncio.to_thread(until, lambda: left.exists() and left.read_text().endswith("\n"))
        try:
            async with asyncio.timeout(20):
                await daemon.stop()
            assert daemon.exit_code == -signal.SIGTERM
        finally:
            os.kill(int(left.read_text()), signal.SIGKILL)
            # Nobody else has a use for its output any more.
            daemon._process._transport.close()  # type: ignore[union-attr]

    asyncio.run(run())
