"""The sole right to write a ledger: taken before the ledger is read, and kept until it is closed.

A process that reads a ledger first and claims it afterwards may overwrite entries that another
process wrote meanwhile. So `camerad.ledger.ledger.Ledger.open` is given the claim, and knows its
directory from it alone.

An office's directory may be one of several, each with a server (`SHARED_BY`). Then the claim
excludes the others too, and what is written is announced to them before.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import Final, Protocol, Self

from camerad.base import durable_files, file_status
from camerad.base.errors import StorageError


class LedgerSharing(Protocol):
    """Keeps the ledgers of several servers the same."""

    def ledger_turn(self) -> contextlib.AbstractContextManager[None]:
        """Exclude the others, and bring the ledger up to date. Raises BlockingIOError and
        StorageError."""

    def announce(self, path: str, offset: int, content: bytes) -> None:
        """Have all have these bytes in a file, from there on. Raises StorageError."""

    def publish(self, part: str) -> None:
        """Have all have the other changes, which are made already. Raises StorageError."""


SHARED: Final = "shared"
"""Beside a ledger: its directory is one of several."""
SHARED_BY: Final[dict[str, LedgerSharing]] = {}
"""What shares the ledger below a directory, in this process."""


class Claim:
    """One process's claim to the ledger in `directory`; the lock is on the directory around it.

    linked: as for `camerad.base.file_status.open_directory`. held: descriptors of locks that are
    held for as long. Raises BlockingIOError if another process has it, and StorageError; then those
    are given up.
    """

    def __init__(self, directory: str, *, linked: bool = False, held: Iterable[int] = ()) -> None:
        self._directory = directory
        self._held = [*held]
        self._turn = contextlib.ExitStack()
        self._around = around = os.path.dirname(directory)
        self._sharing = SHARED_BY.get(around)
        try:
            durable_files.make_directory(around, linked=linked)
            if self._sharing is not None:
                self._turn.enter_context(self._sharing.ledger_turn())
            elif file_status.exists(os.path.join(around, SHARED)):
                raise StorageError(
                    f"{directory}: several servers have this ledger, and one of them has to write "
                    "it: do this at the desk's page"
                )
            self._held.append(durable_files.lock_directory(around, linked=linked))
        except BaseException:
            self.close()
            raise

    @property
    def directory(self) -> str:
        """Where the ledger is. Raises ValueError if the claim was given up."""
        if not self._held:
            raise ValueError(f"{self._directory}: the claim to this ledger was given up")
        return self._directory

    def announce(self, path: str, offset: int, content: bytes) -> None:
        """Announce what will be written there, if others have this ledger too. Raises
        StorageError; then it must not be written."""
        if self._sharing is not None:
            self._sharing.announce(path, offset, content)

    def publish(self) -> None:
        """Have others have what was changed already. Raises StorageError."""
        if self._sharing is not None:
            self._sharing.publish(os.path.basename(self._around))

    def close(self) -> None:
        """Give it up; safe to call again. Raises StorageError if others could not be told of what
        was changed besides entries."""
        try:
            self._turn.close()
        finally:
            while self._held:
                os.close(self._held.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
