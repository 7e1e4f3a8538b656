"""What an office has deleted: it does not come back because a camera hands it over again.

An id is its camera's choice. So a tombstone counts for what has the same end, or the same header:
another camera's recording of that id is another recording.
"""

from __future__ import annotations

import os
import threading
from typing import Final, NamedTuple

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
_Deleted = dict[str, set["_Identity"]]


class _Identity(NamedTuple):
    """Which recording it was: SHA-256 of its end and of its header, as far as they are known."""

    final: str | None
    header: str

    def is_same(self, final: str | None, header: str) -> bool:
        """Whether one of both is known, and the same."""
        return (bool(final) and self.final == final) or (bool(header) and self.header == header)


class Tombstones:
    """root: the office's directory. key: the office's. Any thread may ask.

    The office's own ledger is read again whenever it was changed.
    """

    def __init__(self, root: str, key: PublicKey) -> None:
        self._root: Final = root
        self._key: Final = key
        self._lock = threading.Lock()
        self._version: _Version | None = None
        self._deleted: _Deleted = {}
        self._named: frozenset[str] = frozenset()

    def has(self, recording: str, final: str | None, header: str = "") -> bool:
        """Whether the ledger calls a recording deleted, as long as it has that entry.

        final, header: SHA-256 of the recording's end and of its header; None and "" where nobody
        has said them. Raises OfficeKeyError if the ledger is by another key, or gone: then nobody
        can tell, and nothing is to be taken over. Raises StorageError.
        """
        with self._lock:
            self._refresh()
            return any(one.is_same(final, header) for one in self._deleted.get(recording, ()))

    def knows(self, recording: str) -> bool:
        """Whether the ledger has heard of a recording of this id, deleted or not. Raises as
        `has`."""
        with self._lock:
            self._refresh()
            return recording in self._named or recording in self._deleted

    def _refresh(self) -> None:
        version = self._look()
        if version != self._version:
            self._deleted, self._named = self._read()
            self._version = version

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

    def _read(self) -> tuple[_Deleted, frozenset[str]]:
        place = office_place(self._root)
        found = office.ledger_keys(place, self._key)
        if found.problem:
            raise OfficeKeyError(f"{found.problem}; nothing is taken over until this is mended")
        if not file_status.is_directory(place.ledger):
            return {}, frozenset()
        return _deleted_in(place.ledger, found.ring)


def _deleted_in(ledger: str, keys: KeyRing) -> tuple[_Deleted, frozenset[str]]:
    """The recordings whose last word in a ledger is that they were deleted, and the ids of all that
    it took over."""
    deleted: _Deleted = {}
    named: dict[str, _Identity] = {}
    files = log_segments.list_files(ledger)
    for number in sorted(files.epochs | files.damaged):
        content = log_segments.read_file(ledger, files.name(number) or "")
        for _, entry in log_segments.read_epoch(None, number, content, keys).entries:
            _take(deleted, named, entry)
    return deleted, frozenset(named)


def _take(deleted: _Deleted, named: dict[str, _Identity], entry: Entry) -> None:
    """named: which recording last had an id, as the ledger took it over."""
    facts = entry.facts
    if isinstance(facts, Carried):
        for one in facts.recordings:
            known = named[one.id] = _Identity(one.final, one.header)
            if one.deleted is None:
                _forget(deleted, one.id, known)
            else:
                deleted.setdefault(one.id, set()).add(known)
    elif isinstance(facts, Deleted):
        header = named.get(facts.id, _Identity(None, "")).header
        deleted.setdefault(facts.id, set()).add(_Identity(facts.final, header))
    elif isinstance(facts, Received | FoundEntry):
        known = named[facts.id] = _Identity(facts.final, facts.header)
        _forget(deleted, facts.id, known)


def _forget(deleted: _Deleted, recording: str, known: _Identity) -> None:
    """It is here again."""
    there = deleted.get(recording, set())
    deleted[recording] = {one for one in there if not one.is_same(*known)}
