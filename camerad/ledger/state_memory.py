"""Remembers the states of ledgers as long as their content stays the same.

Ingest asks a camera's ledger several times for each recording, and every entry of its newest epoch
has a signature to check. So the state is remembered with the SHA-256 of what it was read from: the
file itself is read each time, and any other byte of it, another key or another epoch has all of it
checked again. What is damaged is never remembered.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Final

from camerad.container.keys import KeyRing
from camerad.ledger import log_segments
from camerad.ledger.audit import read_ledger
from camerad.ledger.ledger_state import LedgerState

MOST: Final = 32
"""Ledgers that are remembered: as many cameras as hand over at the same time, and some."""
MOST_RECORDINGS: Final = 4_000
"""A ledger that knows of more is not remembered."""
_Source = tuple[int, str, frozenset[str]]
"""Epoch, SHA-256 of its file, and the keys that it was read with."""


def read_state(directory: str, keys: KeyRing) -> LedgerState:
    """The state of a ledger's entries, for a single request. As `StateMemory.read`."""
    return StateMemory().read(directory, keys)


class StateMemory:
    """Any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, tuple[_Source, LedgerState]] = {}

    def read(self, directory: str, keys: KeyRing) -> LedgerState:
        """The state of a ledger's entries.

        The newest epoch says everything that the ledger knows, so only that is read. If something
        is wrong with it, all epochs are read, as by `read_ledger`; what was wrong is not reported
        here. Raises StorageError.
        """
        files = log_segments.list_files(directory)
        name = files.name(files.newest)
        if name is None or files.newest < max(files.checkpoints, default=0):
            return read_ledger(directory, keys)[0]
        content = log_segments.read_file(directory, name)
        source = (files.newest, hashlib.sha256(content).hexdigest(), frozenset(keys))
        with self._lock:
            found = self._known.get(directory)
        if found is not None and found[0] == source:
            return found[1]
        reading = log_segments.read_epoch(
            None, files.newest, content, keys, log_segments.ignore_entry
        )
        if reading.state is None or not reading.preamble or reading.damage:
            return read_ledger(directory, keys)[0]
        self._remember(directory, source, reading.state)
        return reading.state

    def _remember(self, directory: str, source: _Source, state: LedgerState) -> None:
        if len(state.recordings) > MOST_RECORDINGS:
            return  # no camera's ledger takes the room of the others'
        with self._lock:
            self._known.pop(directory, None)
            self._known[directory] = (source, state)
            if len(self._known) > MOST:
                del self._known[next(iter(self._known))]
