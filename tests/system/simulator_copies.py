"""Simulators that begin where everything is imported.

A simulator takes a third of a second of a processor before its first word, for imports. So a
process imports once for all cameras of the tests that this one runs, and each simulator is a copy
of it (fork), with its own arguments, output, environment and directory. It is a child of the
process that runs the tests, which adopts orphans (`tests/leftovers.py`), as if that had started it
itself. All that a simulator starts, the daemon above all, is started as ever.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.leftovers import SERVES_ALL

_PR_GET_CHILD_SUBREAPER: Final = 37  # linux/prctl.h
_PAUSE: Final = 0.02

PROGRAM: Final = """
import atexit, gc, json, os, sys, threading
from hw_mocks.sim.__main__ import main

def ended(words):
    # As an interpreter ends, but for what it does with each of a thousand modules at last: in a
    # copy the memory of all of them would be copied for that.
    code = 1
    try:
        code = main(words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

gc.collect()
gc.freeze()  # nor does the collector of a copy look at what all of them have
for line in sys.stdin.buffer:
    asked = json.loads(line)
    told, tells = os.pipe()
    between = os.fork()
    if between:
        os.close(tells)
        copy = os.read(told, 20)
        os.close(told)
        os.waitpid(between, 0)
        os.write(1, copy + b"\\n")
        continue
    if copy := os.fork():
        os.write(tells, str(copy).encode())
        os._exit(0)
    os.close(told)
    os.close(tells)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (1, 2):
        os.dup2(os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), number)
    ended(asked["words"])
"""


class Copy:
    """A simulator. Its methods are those of `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid: Final = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait until it has ended; subprocess.TimeoutExpired after so many seconds."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired("bodycam-sim", timeout)
            time.sleep(_PAUSE)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class _Original:
    """The process that is copied."""

    def __init__(self) -> None:
        # The mathematics of numpy has threads of its own, which no copy would have.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        SERVES_ALL.add(self._process.pid)
        atexit.register(self.end)

    @property
    def there(self) -> bool:
        """Whether it can be copied."""
        return self._process.poll() is None

    def copy(self, words: Sequence[str], log: Path, environment: Mapping[str, str]) -> Copy:
        asked = {
            "words": list(words),
            "log": str(log.absolute()),
            "folder": os.getcwd(),
            "environment": dict(environment),
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        return Copy(int(self._process.stdout.readline()))

    def end(self) -> None:
        with self._process, contextlib.suppress(BrokenPipeError):
            assert self._process.stdin is not None
            self._process.stdin.close()


_originals: dict[int, _Original] = {}
"""By the process that started it: one that is itself a copy starts its own."""


def possible() -> bool:
    """Whether this process adopts orphans."""
    adopts = ctypes.c_int()
    ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(adopts), 0, 0, 0)
    return bool(adopts.value)


def start(words: Sequence[str], log: Path, environment: Mapping[str, str]) -> Copy:
    """Start a simulator with these arguments, whose output is added to `log`."""
    original = _originals.get(os.getpid())
    if original is None or not original.there:
        original = _originals[os.getpid()] = _Original()
    return original.copy(words, log, environment)
