"""The sole right to write a ledger: taken before the ledger is read, and kept until it is closed.

A process that reads a ledger first and claims it afterwards may overwrite entries that another
process wrote meanwhile. So `camerad.ledger.ledger.Ledger.open` is given the claim, and knows its
directory from it alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Self

from camerad.base import durable_files


class Claim:
    """One process's claim to the ledger in `directory`; the lock is on the directory around it.

    linked: as for `camerad.base.file_status.open_directory`. held: descriptors of locks that are
    held for as long. Raises BlockingIOError if another process has it, and StorageError; then those
    are given up.
    """

    def __init__(self, directory: str, *, linked: bool = False, held: Iterable[int] = ()) -> None:
        self._directory = directory
        self._held = [*held]
        around = os.path.dirname(directory)
        try:
            durable_files.make_directory(around, linked=linked)
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

    def close(self) -> None:
        """Give it up; safe to call again."""
        while self._held:
            os.close(self._held.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
