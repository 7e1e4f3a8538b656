"""The daemon's process: started, watched, killed and started again if told to, ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hw_mocks.bus import now_us

END_SECONDS: Final = 31.0
"""How long the daemon may take to close its recording and end before it is killed: what its unit
gives it (TimeoutStopSec)."""
KILLED_SECONDS: Final = 10.0
"""How long it is waited for the end of what was killed."""
LOOK_SECONDS: Final = 0.005
"""How often it is looked whether a daemon that was killed has ended."""
_LINE_LIMIT: Final = 1 << 20


async def end_child(process: asyncio.subprocess.Process | None, seconds: float) -> None:
    """End a process in order, or, when it has not ended in so many seconds, at once."""
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        process.kill()
        await process.wait()


class DaemonProcess:
    """Runs `command`; its output goes to this program's standard error, line by line.

    `on_end` is called on the loop, with the exit code, when it has ended in whatever way.
    """

    def __init__(
        self, command: list[str], environment: dict[str, str], on_end: Callable[[int], None]
    ) -> None:
        self._command = command
        self._environment = environment
        self._on_end = on_end
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._revival: asyncio.Task[None] | None = None
        self.started_us: int | None = None
        """Media time of the newest start."""

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def comes_back(self) -> bool:
        """Whether it was killed and is about to be started again."""
        return self._revival is not None

    @property
    def exit_code(self) -> int | None:
        """The exit code once it has ended; negative for a signal."""
        return None if self._process is None else self._process.returncode

    async def start(self) -> None:
        """Start it, in a session of its own: Ctrl-C in a terminal is for the simulator alone."""
        self.started_us = now_us()
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=_LINE_LIMIT,
        )
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._forward()), loop.create_task(self._watch())]

    async def _forward(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        while True:
            try:
                line = await self._process.stdout.readline()
            except ValueError:
                line = b"(a line of more than 1 MiB was left out)\n"
            if not line:
                return
            sys.stderr.write(line.decode(errors="replace"))
            sys.stderr.flush()

    async def _watch(self) -> None:
        assert self._process is not None
        code = await self._process.wait()
        # What it had to say last comes before the news that it has ended.
        await asyncio.wait(self._tasks[:1], timeout=0.5)
        if self._revival is None:
            self._on_end(code)

    def kill_and_revive(
        self, seconds: float, on_start: Callable[[], None], *, ask: bool = False
    ) -> int | None:
        """Kill the daemon now, and start it again `seconds` after its end, as a service manager
        would; returns the process id that was killed, None if it does not run. ask: ask it to end,
        and kill it only where it has not after END_SECONDS.

        `on_start` is called when the next one has started. What is left of its session is killed
        before that.
        """
        process = self._process
        if process is None or process.returncode is not None or self._revival is not None:
            return None
        process.send_signal(signal.SIGTERM if ask else signal.SIGKILL)
        self.revive(seconds, on_start)
        return process.pid

    def revive(self, seconds: float, on_start: Callable[[], None]) -> None:
        """Start it again `seconds` after its end, which has come or is about to.

        What is left of its session is killed before that; `on_start` is called when it has started.
        """
        self._revival = asyncio.get_running_loop().create_task(self._revive(seconds, on_start))

    async def _revive(self, seconds: float, on_start: Callable[[], None]) -> None:
        assert self._process is not None
        await self._ends(self._process, END_SECONDS)
        self.kill()
        await self._ends(self._process, None)
        await asyncio.gather(asyncio.sleep(seconds), *self._tasks)
        await self.start()
        self._revival = None
        on_start()

    async def _ends(self, process: asyncio.subprocess.Process, seconds: float | None) -> bool:
        """Wait for its end, at most so long; whether it has ended."""
        # Its wait() would also wait for children that hold its output open.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while process.returncode is None:
                    await asyncio.sleep(LOOK_SECONDS)
        return process.returncode is not None

    async def stop(self) -> None:
        """Ask it to end, wait, kill it after END_SECONDS; nothing of it runs afterwards, unless
        standard error says so."""
        if (revival := self._revival) is not None:
            await asyncio.wait([revival], timeout=END_SECONDS)
            revival.cancel()
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            if not await self._ends(process, END_SECONDS):
                sys.stderr.write(f"bodycam-sim: the daemon did not end in {END_SECONDS:g} s\n")
        self.kill()
        if not await self._ends(process, KILLED_SECONDS):
            sys.stderr.write("bodycam-sim: the daemon was killed, and did not end\n")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def kill(self) -> None:
        """Kill the daemon, if it still runs, and every process that it left in its session."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """Every process below `pid`, by /proc, parents before children."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            # comm, the second field, may hold anything; the fields behind it begin after its ')'.
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
    found, wanted = [], [pid]
    while wanted:
        parent = wanted.pop(0)
        children = sorted(child for child, its in parents.items() if its == parent)
        found += children
        wanted += children
    return found


def find(pid: int, word: str) -> int | None:
    """The first process below `pid` with an argument that is `word`."""
    for child in descendants(pid):
        with contextlib.suppress(OSError):
            arguments = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if word.encode() in arguments:
                return child
    return None
