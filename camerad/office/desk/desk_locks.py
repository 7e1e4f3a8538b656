"""Named locks in the office's directory, for which only some of the desk's threads wait."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from camerad.office.server.directory_locks import DirectoryLocks
from camerad.office.state import waiting_room
from camerad.office.state.waiting_room import LOCK_SECONDS


class DeskLocks:
    """root: the office's directory. Thread-safe."""

    def __init__(self, root: str) -> None:
        self._root = os.path.abspath(root)
        self._locks = DirectoryLocks(self._root)

    @contextlib.contextmanager
    def hold(self, name: str, seconds: float = LOCK_SECONDS) -> Iterator[None]:
        """Hold the lock of this name until the end of the context; it is waited for so long.
        Raises LockHeldError, at once if enough others wait, and StorageError."""
        with contextlib.ExitStack() as held:
            if not held.enter_context(self._locks.try_hold(name)):
                with waiting_room.WAITING.place(f"{self._root} {name}"):
                    held.enter_context(self._locks.hold(name, seconds))
            yield

    def try_hold(self, name: str) -> contextlib.AbstractContextManager[bool]:
        """The same, without waiting; gives whether it is held."""
        return self._locks.try_hold(name)
