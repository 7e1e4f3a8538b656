"""Progress of what takes a while, on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

_T = TypeVar("_T")
TELL_EVERY: Final = 10.0
"""Seconds between two words of what is waited for."""
_LINE_SECONDS: Final = 2.0
_REDRAW_SECONDS: Final = 0.1


async def waited_for(what: str, work: Coroutine[Any, Any, _T], say: Callable[[str], None]) -> _T:
    """What `work` returns; says every `TELL_EVERY` seconds what is waited for, and how long."""
    import asyncio

    task = asyncio.ensure_future(work)
    began = time.monotonic()
    try:
        while not (await asyncio.wait({task}, timeout=TELL_EVERY))[0]:
            say(f"waiting for {what}: {time.monotonic() - began:.0f} s")
    finally:
        task.cancel()
    return task.result()


class Progress:
    """Says how far something is: on one line that changes where stderr is a terminal, otherwise
    with a line now and then.

    what: the words before the numbers. total: how many steps there are, 0 if that is not known.
    """

    def __init__(self, what: str, total: int, unit: str) -> None:
        self._what, self._total, self._unit = what, total, unit
        self._terminal = sys.stderr.isatty()
        self._said = 0.0
        self._say(0)

    def step(self, done: int) -> None:
        """Say that `done` steps are done, unless something was said only just now."""
        pause = _REDRAW_SECONDS if self._terminal else _LINE_SECONDS
        if time.monotonic() - self._said >= pause:
            self._say(done)

    def finish(self, done: int) -> None:
        """Say that all is done."""
        self._say(done)
        if self._terminal:
            sys.stderr.write("\n")

    def _say(self, done: int) -> None:
        self._said = time.monotonic()
        of = f"/{self._total}" if self._total else ""
        text = f"{self._what}: {done}{of} {self._unit}"
        sys.stderr.write(f"\r{text}\x1b[K" if self._terminal else f"{text}\n")
        sys.stderr.flush()
