"""The processes beside which camerad is measured, as seen by who drives them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.bench.machine import now_us
from tests.bench.plan import BenchError


def run(module: str, *arguments: object) -> Any:
    """Run a module of the bench to its end; the JSON that it prints."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{module} failed:\n{done.stderr.strip()}")
    return json.loads(done.stdout)


class Picamera2Process:
    """`tests.bench.peer`, running; a context manager.

    threads: of libx264, 0 for its default. buffer_seconds: of the pre-event buffer, 0 for the
    camera without an encoder. epoch_us: when the sensor exposed its frame number 0. started_us,
    ready_us: when the process was started, and when its first picture was there.
    """

    def __init__(self, footage: str, threads: int, buffer_seconds: float) -> None:
        self.epoch_us = self.started_us = now_us()
        environment = {
            **os.environ,
            "HW_MOCKS_PLATFORM": "pisp",
            "HW_MOCKS_FOOTAGE": footage,
            "HW_MOCKS_EPOCH_US": str(self.epoch_us),
            "LIBCAMERA_LOG_LEVELS": "*:FATAL",
        }
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "tests.bench.peer"]
        self._process = subprocess.Popen(
            [*command, str(threads), str(round(buffer_seconds * 1000))],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.pid = self._process.pid
        self.ready_us = 0

    def __enter__(self) -> Self:
        try:
            self.ready_us = int(self._answer()["at_us"])
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchError("the picamera2 process has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ask(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._answer()

    def record(self, path: Path, *, fragmented: bool = False) -> int:
        """Open an output; when, microseconds of boot time."""
        return int(self._ask(f"record {path}" + " fragmented" * fragmented)["at_us"])

    def close(self) -> int:
        """Close the output; when that was asked for."""
        return int(self._ask("close")["at_us"])

    def held(self) -> dict[str, Any]:
        """What the buffer holds: {"frames", "bytes", "seconds"}."""
        return self._ask("held")

    def kill(self) -> int:
        """Kill it; when, microseconds of boot time."""
        at_us = now_us()
        self._process.kill()
        self._process.wait()
        return at_us
