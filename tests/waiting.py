"""What tests wait with, a condition and a deadline, never a time; and what they often wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

DEADLINE: Final = 60.0
"""Seconds after which what has to come is given up, where its order is the matter and not how soon
it comes: whoever waits may be held up."""
_T = TypeVar("_T")


def until(
    look: Callable[[], _T | None],
    seconds: float = DEADLINE,
    what: str | Callable[[], str] = "it happens",
    *,
    pause: float = 0.02,
) -> _T:
    """What `look` returns as soon as that is true; AssertionError after `seconds`.

    what: was waited for; a function is asked in the end, when it can say what there is instead.
    """
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() >= deadline:
            missed = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {seconds:g} s: {missed}")
        time.sleep(pause)


async def reached(condition: Callable[[], object], seconds: float = DEADLINE) -> None:
    """Let the loop run until the condition holds; TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.001)


def ended(pid: int) -> bool:
    """Whether a process has ended, whether its parent has asked how or not. An orphan's is the
    process that runs the tests (`tests/leftovers.py`), which asks at the end of the file."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True
