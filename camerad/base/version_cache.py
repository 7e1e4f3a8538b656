"""Remembers what was read from files as long as their version stays the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

_T = TypeVar("_T")


class VersionCache(Generic[_T]):
    """Values by name, each with the version of what it was read from. Thread-safe.

    most: of all values together, in the unit of `size`. The values that were asked for longest ago
    go first.
    """

    def __init__(self, most: int, size: Callable[[_T], int] = lambda _: 1) -> None:
        self._most: Final = most
        self._size: Final = size
        self._lock: Final = threading.Lock()
        self._known: Final[dict[Hashable, tuple[object, _T]]] = {}
        self._total = 0

    def latest(self, name: Hashable) -> tuple[object, _T] | None:
        """The version that was read last, and the value; None if nothing is remembered."""
        with self._lock:
            found = self._known.pop(name, None)
            if found is not None:
                self._known[name] = found  # now the one that was asked for last
            return found

    def get(self, name: Hashable, version: object) -> _T | None:
        """The value of this version; None if it is not remembered."""
        found = self.latest(name)
        return found[1] if found is not None and found[0] == version else None

    def put(self, name: Hashable, version: object, value: _T) -> None:
        """Remember a value. version: taken before it was read: what changes meanwhile is read
        again."""
        with self._lock:
            self._drop(name)
            self._known[name] = version, value
            self._total += self._size(value)
            while self._total > self._most:
                self._drop(next(iter(self._known)))

    def find(self, name: Hashable, version: object, read: Callable[[], _T]) -> _T:
        """The value of this version: remembered, or read now. Raises as `read`."""
        known = self.latest(name)
        if known is not None and known[0] == version:
            return known[1]
        found = read()
        self.put(name, version, found)
        return found

    def _drop(self, name: Hashable) -> None:
        found = self._known.pop(name, None)
        if found is not None:
            self._total -= self._size(found[1])
