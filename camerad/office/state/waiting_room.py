"""Bounds how many threads of a process wait for one lock, and for all locks together.

A lock may be held for long, such as by a stopped process, and each thread that waits for it is one
less to answer requests. Beyond the bound a caller is refused at once.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Final

from camerad.base.errors import NotNowError

THREADS: Final = 64
"""Of the desk, for requests that wait for storage: half as many as there are connections."""
MOST_WAITING: Final = THREADS // 2
MOST_FOR_ONE: Final = MOST_WAITING // 2
LOCK_SECONDS: Final = 15.0
"""How long a lock is waited for: longer than the store is while it is locked."""


class WaitingRoom:
    """Counts the waiting threads. Thread-safe."""

    def __init__(self, most: int = MOST_WAITING, most_for_one: int = MOST_FOR_ONE) -> None:
        self._most = most
        self._most_for_one = most_for_one
        self._waiting: Counter[str] = Counter()
        self._turn = threading.Lock()

    @contextlib.contextmanager
    def place(self, what: str) -> Iterator[None]:
        """Wait for `what` in this context. Raises NotNowError if enough others do."""
        with self._turn:
            if self._waiting[what] >= self._most_for_one or self._waiting.total() >= self._most:
                raise NotNowError(
                    f"{self._waiting[what]} requests wait for {what!r} already, and "
                    f"{self._waiting.total()} in all; try again later"
                )
            self._waiting[what] += 1
        try:
            yield
        finally:
            with self._turn:
                self._waiting[what] -= 1
                if not self._waiting[what]:
                    del self._waiting[what]

    def count(self) -> int:
        """How many wait now."""
        with self._turn:
            return self._waiting.total()


WAITING: Final = WaitingRoom()
"""Shared by all threads of this process."""
