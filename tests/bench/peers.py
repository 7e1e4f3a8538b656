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
from tests.bench.plan import BenchError, Effort


def run(module: str, *arguments: object) -> Any:
    """Run a module of the bench to its end; the JSON that it prints."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{module} failed:\n{done.stderr.strip()}")
    return json.loads(done.stdout)


class _Process:
    """A process of the bench that takes lines and answers with JSON; a context manager."""

    def __init__(self, module: str, *arguments: object, environment: dict[str, str]) -> None:
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", module]
        self._module = module
        self._process = subprocess.Popen(
            [*command, *map(str, arguments)],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
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

    def answer(self) -> dict[str, Any]:
        """The next line that it prints. Raises BenchError if it has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"{self._module} has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, command: str) -> dict[str, Any]:
        """Its answer to a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self.answer()

    def kill(self) -> int:
        """Kill it; when, microseconds of boot time."""
        at_us = now_us()
        self._process.kill()
        self._process.wait()
        return at_us


class BareProcess(_Process):
    """`tests.bench.bare`, running; its answer comes when it has encoded all slices."""

    def __init__(self, footage: str, effort: Effort) -> None:
        arguments = (footage, effort.slices, effort.slice_seconds)
        super().__init__("tests.bench.bare", *arguments, environment={})


class Picamera2Process(_Process):
    """`tests.bench.peer`, running.

    threads: of libx264, 0 for its default. buffer_seconds: of the pre-event buffer, 0 for the
    camera without an encoder. epoch_us: when the sensor exposed its frame number 0. started_us,
    ready_us: when the process was started, and when its first picture was there.
    """

    def __init__(self, footage: str, threads: int, buffer_seconds: float) -> None:
        self.epoch_us = self.started_us = now_us()
        environment = {
            "HW_MOCKS_PLATFORM": "pisp",
            "HW_MOCKS_FOOTAGE": footage,
            "HW_MOCKS_EPOCH_US": str(self.epoch_us),
            "LIBCAMERA_LOG_LEVELS": "*:FATAL",
        }
        buffer_ms = round(buffer_seconds * 1000)
        super().__init__("tests.bench.peer", threads, buffer_ms, environment=environment)
        self.ready_us = 0

    def __enter__(self) -> Self:
        try:
            self.ready_us = int(self.answer()["at_us"])
        except BaseException:
            self.kill()
            raise
        return self

    def record(self, path: Path, *, fragmented: bool = False) -> int:
        """Open an output; when, microseconds of boot time."""
        return int(self.ask(f"record {path}" + " fragmented" * fragmented)["at_us"])

    def close(self) -> int:
        """Close the output; when that was asked for."""
        return int(self.ask("close")["at_us"])

    def held(self) -> dict[str, Any]:
        """What the buffer holds: {"frames", "bytes", "seconds"}."""
        return self.ask("held")
