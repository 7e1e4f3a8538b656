"""Holds of a camera's ledger, from all of an office's copies: read line by line, and bounded.

Every hold counts that a signed entry placed and no later signed entry released, in whatever file:
the copy, what the camera said instead, and what was set aside. A camera writes what it likes, so at
most `MOST_HELD` of its holds are kept in memory; of a ledger that names more, those on recordings
that are here. Then others may be hidden, which `camerad.store.camera_ledgers` tells.

What was found is remembered until a file is another one. A ledger that took long to be read is not
read again at once, whatever its camera brings (`AGAIN`).
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Final, Generic, TypeVar

import msgspec
from msgspec.structs import replace

from camerad.base import file_status
from camerad.base.errors import StorageError
from camerad.base.storage_errors import explaining
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.container.recording_files import SUFFIX, list_names
from camerad.ledger import ledger_lines, log_segments
from camerad.ledger.audit import entry_in
from camerad.ledger.entries import Entry
from camerad.ledger.entry_types import Carried
from camerad.ledger.ledger import read_state
from camerad.ledger.recording_entries import HoldPlaced, HoldReleased
from camerad.ledger.recording_state import Hold
from camerad.store.locations import Holding

MOST_HELD: Final = 5_000
"""Holds of one camera, and releases, that are kept in memory: some megabytes."""
MOST_REMEMBERED: Final = 40_000
"""Of all cameras together."""
ENOUGH: Final = 2
"""Holds of a recording that is here, which are kept beyond that: it is held by these too."""
LONG_SECONDS: Final = 2.0
"""Of a processor: what took longer to read is read again only after `AGAIN` times as long."""
AGAIN: Final = 10
_PART: Final = re.compile(r"[0-9]{6,}\.(jws|damaged)-[0-9a-f]{16}")
"""What `camerad.evidence.ledger_mirror` calls a part that nothing goes on from."""
_ABOUT_HOLDS: Final = (
    *jws.spellings(b'"kind":"hold"'),
    *jws.spellings(b'"kind":"release"'),
    *jws.spellings(b'"holds":[{'),
)
_T = TypeVar("_T")


class Held(msgspec.Struct, frozen=True):
    """holds: by the recordings' ids. complete: these are all. current: the files are as they were
    when it was found. Unless both are so, there may be more."""

    holds: Mapping[str, tuple[Hold, ...]] = msgspec.field(default_factory=dict)
    complete: bool = True
    current: bool = True


class LedgerMemory(Generic[_T]):
    """What was found in cameras' ledgers, until they are others. unknown: stands for what was not
    read. most: of all together, in the unit of `size`. Any thread may ask."""

    def __init__(self, unknown: _T, most: int, size: Callable[[_T], int] = lambda _: 1) -> None:
        self._unknown = unknown
        self._most = most
        self._size = size
        self._lock = threading.Lock()
        self._known: dict[str, tuple[tuple[object, ...], _T, float]] = {}
        self._failed: dict[str, StorageError] = {}

    def find(
        self,
        holding: Holding,
        keys: KeyRing,
        read: Callable[[], _T],
        about: frozenset[str] = frozenset(),
    ) -> tuple[_T, bool]:
        """What `read` finds, or found; and whether that was in the files as they are now, by the
        same keys and about the same. Raises as it does, and StorageError."""
        name = f"{holding.root} {holding.ledger}"
        version = (*version_of(holding, keys), about)  # before they are read
        with self._lock:
            known, failed = self._known.get(name), self._failed.get(name)
        if known is not None and (known[0] == version or time.monotonic() < known[2]):
            return known[1], known[0] == version
        if getattr(_WITHIN, "claim", False):
            if failed is not None:
                raise failed
            return self._unknown if known is None else known[1], False
        size = sum(one[2] for one in version if isinstance(one, tuple))
        # Requests about other cameras do not wait for one with a large ledger.
        with _READING if size > SMALL else contextlib.nullcontext():
            began = time.thread_time()
            try:
                found = read()
            except StorageError as error:
                with self._lock:
                    self._failed[name] = error
                raise
            took = time.thread_time() - began
        again = time.monotonic() + (AGAIN * took if took > LONG_SECONDS else 0)
        with self._lock:
            self._failed.pop(name, None)
            self._known.pop(name, None)
            self._known[name] = version, found, again
            while sum(self._size(one[1]) for one in self._known.values()) > self._most:
                del self._known[next(iter(self._known))]
        return found, True


_WITHIN: Final = threading.local()
_READING: Final = threading.Lock()
"""One large ledger is read at a time: memory is that for one."""
SMALL: Final = 16 << 20
"""Bytes of a ledger that is not large: a camera's of some weeks."""


@contextlib.contextmanager
def nothing_read() -> Iterator[None]:
    """Within it this thread reads no camera's ledger: what changed since it was read last is not
    known. So users of the office's ledger do not wait for a camera's."""
    _WITHIN.claim = True
    try:
        yield
    finally:
        _WITHIN.claim = False


def version_of(holding: Holding, keys: KeyRing) -> tuple[object, ...]:
    """What tells all that is here of a camera's ledger from what it was. Raises StorageError."""
    found: list[object] = [frozenset(keys), holding.ledger]
    for directory in (holding.ledger, holding.earlier_ledger):
        if not file_status.is_directory(directory):
            continue
        with explaining("look at the ledger", directory):
            for name in sorted(os.listdir(directory)):
                at = os.lstat(os.path.join(directory, name))
                found.append((name, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns))
    return tuple(found)


_MEMORY: Final = LedgerMemory(
    Held(current=False), MOST_REMEMBERED, lambda held: 1 + sum(map(len, held.holds.values()))
)


def held_in(holding: Holding, keys: KeyRing) -> Held:
    """What a camera holds. keys: any that may sign a hold. Raises StorageError."""
    found, current = _MEMORY.find(holding, keys, lambda: _read(holding, keys))
    return found if current else replace(found, current=False)


def _read(holding: Holding, keys: KeyRing) -> Held:
    tally = _Tally(holding)
    for lines in _forks(holding, keys):
        for entry in about_holds(lines, keys):
            tally.take(entry)
        tally.end_fork()
    if file_status.is_directory(holding.ledger):
        for one in read_state(holding.ledger, keys).recordings.values():
            tally.add(one.id, one.holds)
    return Held(tally.held, tally.complete)


class _Tally:
    """held: the holds that count. complete: nothing was left out."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding
        self._here: frozenset[str] | None = None
        self._count = 0
        self._placed: dict[str, dict[Hold, int]] = {}
        self._released: dict[str, int] = {}
        self.held: dict[str, tuple[Hold, ...]] = {}
        self.complete = True

    def take(self, entry: Entry) -> None:
        """Take an entry of the fork that is read."""
        facts = entry.facts
        if isinstance(facts, HoldReleased) and self._has_room(facts.id, self._released):
            self._released[facts.id] = max(self._released.get(facts.id, 0), entry.sequence)
        for recording, hold in placed_by(entry):
            placed = self._placed.get(recording, {})
            if hold in placed or self._has_room(recording, placed):
                placed[hold] = max(placed.get(hold, 0), entry.sequence)
                self._placed[recording] = placed

    def end_fork(self) -> None:
        """Nothing more follows of it: a release counts only behind the hold that it ends."""
        for recording, placed in self._placed.items():
            released = self._released.get(recording, 0)
            self.add(recording, [one for one, at in placed.items() if at > released])
        self._placed, self._released = {}, {}

    def add(self, recording: str, holds: Iterable[Hold]) -> None:
        """These count."""
        for one in holds:
            there = self.held.get(recording, ())
            if one not in there and self._has_room(recording, there):
                self.held[recording] = (*there, one)

    def _has_room(self, recording: str, there: Collection[object]) -> bool:
        """Whether one more is kept of a recording, of which so many are."""
        self._count += 1
        if self._count <= MOST_HELD:
            return True
        if self._here is None:
            directory = self._holding.recordings
            names = list_names(directory) if file_status.is_directory(directory) else []
            self._here = frozenset(name.removesuffix(SUFFIX) for name in names)
        self.complete = False
        return recording in self._here and len(there) < ENOUGH


def placed_by(entry: Entry) -> Iterator[tuple[str, Hold]]:
    """The holds that an entry tells of, with the recordings' ids."""
    facts = entry.facts
    if isinstance(facts, HoldPlaced):
        yield facts.id, Hold(facts.reason, facts.who)
    elif isinstance(facts, Carried):
        yield from ((one.id, hold) for one in facts.recordings for hold in one.holds)


def about_holds(
    lines: Iterable[bytes], keys: KeyRing, recordings: Collection[str] = ()
) -> Iterator[Entry]:
    """The signed entries among lines that may say something about holds, of those recordings, or of
    any (none is named); no other is taken apart."""
    spelled = [one for name in recordings for one in jws.spellings(jws.canonical(name)[1:-1])]
    for token in lines:
        if any(one in token for one in _ABOUT_HOLDS) and (
            not spelled or any(one in token for one in spelled)
        ):
            entry = entry_in(token, keys)
            if entry is not None:
                yield entry


def entry_files(directory: str, *, parts: bool = False) -> list[str]:
    """The names of the files with entries in a directory, in their order. parts: of those that
    nothing goes on from. Raises StorageError."""
    if not file_status.is_directory(directory):
        return []
    shelf = log_segments.list_files(directory)
    if parts:
        return [name for name in shelf.others if _PART.fullmatch(name)]
    return [shelf.name(number) or "" for number in sorted(shelf.epochs | shelf.damaged)]


def lines_in(directory: str, names: Iterable[str]) -> Iterator[bytes]:
    """The lines of these files, one after another: memory is that of one. Raises StorageError."""
    for name in names:
        yield from ledger_lines.read_tokens(directory, name)


def _forks(holding: Holding, keys: KeyRing) -> Iterator[Iterator[bytes]]:
    """All lines of a camera's ledger, fork by fork: a release counts only behind the hold that it
    ends. The copy; what the camera said instead; and each part that was set aside with
    that of both which has its last entry, else alone."""
    aside = holding.earlier_ledger
    copy, branch = entry_files(holding.ledger), entry_files(aside)
    parts = entry_files(aside, parts=True)
    last = {part: ledger_lines.last_token(aside, part, keys) for part in parts}
    wanted = set(last.values())
    in_copy = wanted.intersection(lines_in(holding.ledger, copy)) if parts else set()
    in_branch = wanted.intersection(lines_in(aside, branch)) if parts else set()
    of_copy = [part for part in parts if last[part] in in_copy]
    of_branch = [part for part in parts if last[part] in in_branch - in_copy]
    for part in parts:
        if part not in (*of_copy, *of_branch):
            yield lines_in(aside, [part])
    yield chain(lines_in(holding.ledger, copy), lines_in(aside, of_copy))
    yield lines_in(aside, (*branch, *of_branch))
