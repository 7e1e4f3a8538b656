"""The desk's locks in the office's directory, for which only some of its threads ever wait.

Another process may keep a lock for long: one that is stopped does. A request that waits for it
keeps a thread of the desk. So a few at once may wait for one lock, and half of the threads for any
of them; a later one is told at once that the desk is busy. The other half go on for requests that
need no lock: to find, to see, to play.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Final

from camerad.office.server.directory_locks import DirectoryLocks, LockHeldError

THREADS: Final = 64
"""Of the desk, for requests that wait for storage: half as many as there are connections."""
MOST_WAITING: Final = THREADS // 2
MOST_FOR_ONE: Final = MOST_WAITING // 2
LOCK_SECONDS: Final = 15.0
"""How long a lock is waited for: for longer than the store is while another holds the lock."""


class WaitingRoom:
    """Counts who waits for what. Any thread may use it."""

    def __init__(self, most: int = MOST_WAITING, most_for_one: int = MOST_FOR_ONE) -> None:
        self._most = most
        self._most_for_one = most_for_one
        self._waiting: Counter[str] = Counter()
        self._turn = threading.Lock()

    @contextlib.contextmanager
    def place(self, what: str) -> Iterator[None]:
        """Wait for `what` in this context. Raises LockHeldError if enough others do."""
        with self._turn:
            if self._waiting[what] >= self._most_for_one or self._waiting.total() >= self._most:
                raise LockHeldError(
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
"""Of this process, whose threads they all share."""


class DeskLocks:
    """root: the office's directory. Any thread may use them."""

    def __init__(self, root: str) -> None:
        self._root = os.path.abspath(root)
        self._locks = DirectoryLocks(self._root)

    @contextlib.contextmanager
    def hold(self, name: str, seconds: float = LOCK_SECONDS) -> Iterator[None]:
        """Hold the lock of this name until the end of the context; it is waited for so long.
        Raises LockHeldError, at once if enough others wait, and StorageError."""
        with contextlib.ExitStack() as held:
            if not held.enter_context(self._locks.try_hold(name)):
                with WAITING.place(f"{self._root} {name}"):
                    held.enter_context(self._locks.hold(name, seconds))
            yield

    def try_hold(self, name: str) -> contextlib.AbstractContextManager[bool]:
        """The same, without waiting; gives whether it is held."""
        return self._locks.try_hold(name)
