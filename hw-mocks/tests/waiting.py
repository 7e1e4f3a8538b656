"""What tests wait with: a condition and a deadline, never a time."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

DEADLINE: Final = 60.0
"""Seconds after which what has to come is given up, where its order is the matter and not how soon
it comes: whoever waits may be held up."""


def until(condition: Callable[[], Any], timeout: float = DEADLINE) -> Any:
    """The first true value of the condition; AssertionError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not come to hold"
        time.sleep(0.002)
    return value


@contextlib.contextmanager
def in_time(process: subprocess.Popen[Any], what: str, timeout: float = DEADLINE) -> Iterator[None]:
    """In the block, nobody waits for the process any longer, neither for what it says nor for its
    end: it is killed after `timeout` seconds. AssertionError then; what: was waited for."""
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(timeout, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            raise AssertionError(f"not within {timeout:g} s: {what}")
