"""Entries that other processes leave for the ledger, and how far it has taken them.

Only the daemon writes the ledger. Others leave what it is to say as items in files of their own.
The daemon appends an entry for each item, then notes the item's id in a file. If the power is lost
in between, an item is appended twice; none is ever left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from camerad.base import state_file

if TYPE_CHECKING:
    from camerad.ledger.ledger import Ledger


class OutboxItem(Protocol):
    """Something that the ledger is to say."""

    @property
    def id(self) -> str:
        """Its unique key."""

    @property
    def facts(self) -> dict[str, Any]:
        """Facts of its entry."""


_T = TypeVar("_T", bound=OutboxItem)


class LedgerOutbox:
    """kind: of the entries. path: file of the id of the last item that is in the ledger. Everything
    raises StorageError."""

    def __init__(self, kind: str, path: str) -> None:
        self._kind: Final = kind
        self._path: Final = path

    def pending(self, items: Sequence[_T]) -> tuple[_T, ...]:
        """The items behind the last one that is in the ledger; all if that is none of them."""
        last = state_file.read_id(self._path, "id of what the ledger has")
        for index, item in enumerate(items):
            if item.id == last:
                return tuple(items[index + 1 :])
        return tuple(items)

    def deliver(self, items: Sequence[OutboxItem], ledger: Ledger) -> None:
        """Append an entry for each of these items, and note that the ledger has it."""
        for item in items:
            ledger.append(self._kind, **item.facts)
            self.mark_delivered(item)

    def mark_delivered(self, item: OutboxItem) -> None:
        """Note that the ledger has `item` durably."""
        state_file.write_id(self._path, item.id)
