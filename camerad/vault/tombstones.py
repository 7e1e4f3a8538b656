"""What an office has deleted: it does not come back because a camera hands it over again."""

from __future__ import annotations

import os
import threading
from typing import Final

from camerad.base import file_status
from camerad.base.storage_errors import explaining
from camerad.container.keys import KeyRing, PublicKey
from camerad.ledger import log_segments
from camerad.ledger.entries import Entry
from camerad.ledger.entry_types import Carried
from camerad.ledger.recording_entries import Deleted, FoundEntry, Received
from camerad.office import office
from camerad.office.office import OfficeKeyError
from camerad.store.locations import KEYS, LEDGER, OFFICE, office_place

_Version = tuple[tuple[str, int, int], ...]


class Tombstones:
    """root: the office's directory. key: the office's. Any thread may ask.

    The office's own ledger is read again whenever it was changed.
    """

    def __init__(self, root: str, key: PublicKey) -> None:
        self._root: Final = root
        self._key: Final = key
        self._lock = threading.Lock()
        self._version: _Version | None = None
        self._deleted: frozenset[str] = frozenset()

    def has(self, recording: str) -> bool:
        """Whether the ledger calls a recording deleted, as long as it has that entry.

        Raises OfficeKeyError if the ledger is by another key, or gone: then nobody can tell, and
        nothing is to be taken over. Raises StorageError.
        """
        with self._lock:
            version = self._look()
            if version != self._version:
                self._deleted = self._read()
                self._version = version
            return recording in self._deleted

    def _look(self) -> _Version:
        """What tells the ledger, and the keys that the directory remembers, from other ones."""
        found = []
        for part in (os.path.join(OFFICE, KEYS), os.path.join(OFFICE, LEDGER)):
            directory = os.path.join(self._root, part)
            if file_status.is_directory(directory):
                with explaining("list the directory", directory), os.scandir(directory) as entries:
                    for one in entries:
                        state = one.stat(follow_symlinks=False)
                        found.append((one.path, state.st_size, state.st_mtime_ns))
        return tuple(sorted(found))

    def _read(self) -> frozenset[str]:
        place = office_place(self._root)
        found = office.ledger_keys(place, self._key)
        if found.problem:
            raise OfficeKeyError(f"{found.problem}; nothing is taken over until this is mended")
        if not file_status.is_directory(place.ledger):
            return frozenset()
        return frozenset(_deleted_in(place.ledger, found.ring))


def _deleted_in(ledger: str, keys: KeyRing) -> set[str]:
    """The recordings whose last word in a ledger is that they were deleted."""
    deleted: set[str] = set()
    files = log_segments.list_files(ledger)
    for number in sorted(files.epochs | files.damaged):
        content = log_segments.read_file(ledger, files.name(number) or "")
        for _, entry in log_segments.read_epoch(None, number, content, keys).entries:
            _take(deleted, entry)
    return deleted


def _take(deleted: set[str], entry: Entry) -> None:
    facts = entry.facts
    if isinstance(facts, Carried):
        for one in facts.recordings:
            (deleted.discard if one.deleted is None else deleted.add)(one.id)
    elif isinstance(facts, Deleted):
        deleted.add(facts.id)
    elif isinstance(facts, Received | FoundEntry):
        deleted.discard(facts.id)
