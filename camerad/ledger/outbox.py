"""What somebody else leaves for the ledger, and how far it was told.

Only the daemon writes the ledger. Others leave what it is to say in files of their own, each item
with an id; the daemon remembers the id of the last one that is in the ledger. A loss of power
between the two has an item told twice, never left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from camerad.base import durable_files, file_status
from camerad.base.safe_read import read_plain


class Left(Protocol):
    """Something that the ledger is to say."""

    @property
    def id(self) -> str:
        """What tells it from all others."""


_T = TypeVar("_T", bound=Left)


def untold(items: Sequence[_T], path: str) -> tuple[_T, ...]:
    """Those behind the one whose id is in the file at `path`; all of them if it is none of theirs.
    Raises StorageError."""
    told = b""
    if file_status.exists(path):
        told = read_plain(path, "id of what was told last", 100).strip()
    for index, item in enumerate(items):
        if item.id.encode() == told:
            return tuple(items[index + 1 :])
    return tuple(items)


def remember(path: str, item: Left) -> None:
    """Call this when the ledger says durably what `item` wants. Raises StorageError."""
    durable_files.publish(path, f"{item.id}\n".encode())
