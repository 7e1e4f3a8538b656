"""``bodycam-sim doctor``: the technician's command, unchanged, on the simulated board.

It has the terminal, and the board has the faults that it is to find; the page is there to press the
buttons that it asks for. It ends with the command, and with its exit code.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from typing import Final

from hw_mocks.bus import now_us

END_SECONDS: Final = 12.0


class Doctor:
    """Runs `command` at this terminal; for the rest as `hw_mocks.sim.process.DaemonProcess`.

    `on_end` is called on the loop, with the exit code, when it has ended.
    """

    def __init__(
        self, command: list[str], environment: dict[str, str], on_end: Callable[[int], None]
    ) -> None:
        self._command = command
        self._environment = environment
        self._on_end = on_end
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self.started_us: int | None = None
        """Media time of the start."""

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def comes_back(self) -> bool:
        """It does not."""
        return False

    @property
    def exit_code(self) -> int | None:
        """The exit code once it has ended; negative for a signal."""
        return None if self._process is None else self._process.returncode

    async def start(self) -> None:
        """Start it; it reads from this terminal, and Ctrl-C is for it as well."""
        self.started_us = now_us()
        self._process = await asyncio.create_subprocess_exec(*self._command, env=self._environment)
        self._watch = asyncio.get_running_loop().create_task(self._wait(self._process))

    async def _wait(self, process: asyncio.subprocess.Process) -> None:
        self._on_end(await process.wait())

    async def stop(self) -> None:
        """See to it that it has ended."""
        process = self._process
        if process is None or self._watch is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), END_SECONDS)
        self.kill()
        await process.wait()
        await self._watch

    def kill(self) -> None:
        """Kill it, if it still runs."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
