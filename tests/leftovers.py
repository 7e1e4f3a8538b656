"""No test leaves a process behind.

Linux gives a process whose parent has ended to the nearest ancestor that asks for orphans
(PR_SET_CHILD_SUBREAPER in prctl(2)). Every process that runs tests asks, and so does the one that
shares them out. So whatever a test has started is below the process that ran the test or, if that
one died, below the one that shared it out. There it is killed and named.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

_PR_SET_CHILD_SUBREAPER: Final = 36  # linux/prctl.h
SECONDS = 5.0
"""How long what was told to end may take to do so."""
SERVES_ALL: Final[set[int]] = set()
"""Process ids of what serves the tests of all files, and ends with the process that runs them."""
_LINE: Final = 300
"""Characters of a command line that are told."""


class Leftovers:
    """A pytest plugin, for the processes that run tests and for the one that shares them out."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._spared = set(children())
        """Process ids: workers of pytest-xdist, and what was there before the first test."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Iterator[None]:
        """Fail the last test of a file if a process is left: all fixtures of the file are over."""
        yield
        if nextitem is None or nextitem.path != item.path:
            left = self.end(SECONDS)
            assert not left, f"{item.path.name} left processes, which are killed: {left}"

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_newgateway(self, gateway: Any) -> None:
        """A worker of pytest-xdist has been started."""
        self._spared.add(gateway._rinfo().pid)
        # As by Ctrl-C, so that all is told. Without workers, the signal is the tests' own.
        signal.signal(signal.SIGTERM, signal.default_int_handler)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, error: object | None) -> None:
        """A worker has ended. If it died, the test that it was at has failed."""
        if error:
            self._tell()

    def pytest_unconfigure(self) -> None:
        """All workers have ended, one that died just now too."""
        self._tell()

    def _tell(self) -> None:
        if left := self.end():
            line = f"\na worker has died and left processes, which are killed: {left}"
            self._config.get_terminal_writer().line(line, red=True)

    def end(self, seconds: float = 0.0) -> str:
        """Kill whatever has not ended after so long, and wait for its end; return what it was,
        nothing if there was nothing."""
        told: list[str] = []
        deadline = time.monotonic() + seconds
        # What these have started comes here when they end.
        while left := children() - self._spared - SERVES_ALL:
            late = time.monotonic() >= deadline
            for pid in left:
                # A thread may have waited for its end meanwhile: then it is no child any more.
                with contextlib.suppress(ChildProcessError, ProcessLookupError, FileNotFoundError):
                    runs = os.waitpid(pid, os.WNOHANG) == (0, 0)
                    if runs and late:
                        told.append(f"{pid} ({command_line(pid)})")
                        os.kill(pid, signal.SIGKILL)
                        os.waitpid(pid, 0)
            time.sleep(0 if late else 0.02)
        return ", ".join(told)


def children() -> set[int]:
    """The process ids of this process's children, of those too that have ended and that nobody has
    waited for."""
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        # A thread may end meanwhile.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.update(map(int, (thread / "children").read_text().split()))
    return found


def command_line(pid: int) -> str:
    """What a child was started with. A program that is just being loaded has no command line yet,
    and some have none at all: then its name."""
    line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").strip()
    return (line or Path(f"/proc/{pid}/comm").read_bytes().strip()).decode(errors="replace")[:_LINE]
