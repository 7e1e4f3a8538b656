"""Recordings that an office has deleted: none comes back because a camera uploads it again.

An id is its camera's choice. So a tombstone counts for what has the same end, or the same header:
another camera's recording of that id is another recording.
"""

from __future__ import annotations

import os
import threading
from typing import Final, NamedTuple

from camerad.base import file_status
from camerad.container.keys import KeyRing, PublicKey
from camerad.evidence import office_key_file
from camerad.evidence.office_key_file import OfficeKeyError
from camerad.ledger import log_segments
from camerad.ledger.entries import Entry
from camerad.ledger.entry_types import Carried
from camerad.ledger.recording_entries import Deleted, FoundEntry, Received
from camerad.store.locations import KEYS, LEDGER, OFFICE, office_place

_Version = tuple[object, ...]
_Deleted = dict[str, set["_Identity"]]
_State = tuple[object, ...]


class _Identity(NamedTuple):
    """Which recording it was: SHA-256 of its end and of its header, as far as they are known."""

    final: str | None
    header: str

    def is_same(self, final: str | None, header: str) -> bool:
        """Whether one of both is known, and the same."""
        return (bool(final) and self.final == final) or (bool(header) and self.header == header)


class Tombstones:
    """root: the office's directory. key: the office's. Any thread may ask.

    The office's own ledger is read again whenever it was changed. As long as its older epochs are
    the same, that is only the newest one, which alone gets entries.
    """

    def __init__(self, root: str, key: PublicKey) -> None:
        self._root: Final = root
        self._key: Final = key
        self._lock = threading.Lock()
        self._version: _Version | None = None
        self._words = _Words()
        """Of the ledger,"""
        self._older = _Words()
        """and of all epochs but the newest."""

    def has(self, recording: str, final: str | None, header: str = "") -> bool:
        """Whether the ledger calls a recording deleted, as long as it has that entry.

        final, header: SHA-256 of the recording's end and of its header; None and "" where they
        are unknown. Raises OfficeKeyError if the ledger is by another key, or gone: then this is
        unknown, and nothing is to be ingested. Raises StorageError.
        """
        with self._lock:
            self._refresh()
            there = self._words.deleted.get(recording, ())
            return any(one.is_same(final, header) for one in there)

    def knows(self, recording: str) -> bool:
        """Whether the ledger has heard of a recording of this id, deleted or not. Raises as
        `has`."""
        with self._lock:
            self._refresh()
            return recording in self._words.named or recording in self._words.deleted

    def _refresh(self) -> None:
        version = self._look()
        if version != self._version:
            self._words = self._read()
            self._version = version

    def _look(self) -> _Version:
        """What tells the ledger, and the keys that the directory remembers, from other ones."""
        parts = (os.path.join(self._root, OFFICE, part) for part in (KEYS, LEDGER))
        return tuple(map(file_status.versions_in, filter(file_status.is_directory, parts)))

    def _read(self) -> _Words:
        place = office_place(self._root)
        found = office_key_file.ledger_keys(place, self._key)
        if found.problem:
            raise OfficeKeyError(f"{found.problem}; nothing is ingested until this is mended")
        if not file_status.is_directory(place.ledger):
            return _Words()
        return self._read_ledger(place.ledger, found.ring)

    def _read_ledger(self, ledger: str, keys: KeyRing) -> _Words:
        files = log_segments.list_files(ledger)
        numbers = sorted(files.epochs | files.damaged)
        names = [files.name(number) or "" for number in numbers]
        # What is written while it is read has another state at the next look.
        states = [
            (tuple(sorted(keys)), name, file_status.version_of(os.path.join(ledger, name)))
            for name in names[:-1]
        ]
        if self._older.states != states[: len(self._older.states)]:
            self._older = _Words()
        older, self._older = self._older, _Words()  # unless all of them can be read
        for number in range(len(older.states), len(states)):
            older.read(ledger, numbers[number], names[number], keys)
            older.states.append(states[number])
        self._older = older
        last = older.copy()
        if names:
            last.read(ledger, numbers[-1], names[-1], keys)
        return last


class _Words:
    """What epochs say, one after another. deleted: the recordings whose last word is that they were
    deleted. named: which recording last had an id, as the ledger received it. states: of the files
    that were read, and the keys to read them with."""

    def __init__(self) -> None:
        self.deleted: _Deleted = {}
        self.named: dict[str, _Identity] = {}
        self.states: list[_State] = []

    def copy(self) -> _Words:
        """Another one that says the same."""
        made = _Words()
        made.deleted = {recording: set(there) for recording, there in self.deleted.items()}
        made.named = dict(self.named)
        made.states = list(self.states)
        return made

    def read(self, ledger: str, number: int, name: str, keys: KeyRing) -> None:
        """Read the next epoch. Raises StorageError."""
        content = log_segments.read_file(ledger, name)
        for _, entry in log_segments.read_epoch(None, number, content, keys).entries:
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        facts = entry.facts
        if isinstance(facts, Carried):
            for one in facts.recordings:
                known = self.named[one.id] = _Identity(one.final, one.header)
                if one.deleted is None:
                    self._forget(one.id, known)
                else:
                    self.deleted.setdefault(one.id, set()).add(known)
        elif isinstance(facts, Deleted):
            header = self.named.get(facts.id, _Identity(None, "")).header
            self.deleted.setdefault(facts.id, set()).add(_Identity(facts.final, header))
        elif isinstance(facts, Received | FoundEntry):
            known = self.named[facts.id] = _Identity(facts.final, facts.header)
            self._forget(facts.id, known)

    def _forget(self, recording: str, known: _Identity) -> None:
        """It is here again."""
        there = self.deleted.get(recording)
        if there is not None:
            self.deleted[recording] = {one for one in there if not one.is_same(*known)}
