"""An immutable mapping that shares most of its storage with its successors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

_V = TypeVar("_V")
_LEAST: Final = 16
"""So many new values are kept apart at least."""


class SharedMap(Mapping[str, _V]):
    """Values by name, in the order in which the names came first.

    Most of it is shared with those that it was made from; what is new is kept apart, until it is as
    much as the square root of the rest. So the next of n values costs in the order of that root.
    """

    __slots__ = ("_new", "_old")

    def __init__(self, old: Mapping[str, _V] | None = None) -> None:
        self._old: dict[str, _V] = dict(old or {})
        self._new: dict[str, _V] = {}

    def updated(self, new: Mapping[str, _V]) -> SharedMap[_V]:
        """With these values too, which take the place of those of their names."""
        made = SharedMap[_V]()
        made._old, made._new = self._old, {**self._new, **new}
        if len(made._new) > _LEAST and len(made._new) ** 2 > len(made._old):
            made._old, made._new = {**made._old, **made._new}, {}
        return made

    def __getitem__(self, name: str) -> _V:
        return self._new[name] if name in self._new else self._old[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._old
        yield from (name for name in self._new if name not in self._old)

    def __len__(self) -> int:
        return len(self._old) + sum(name not in self._old for name in self._new)
