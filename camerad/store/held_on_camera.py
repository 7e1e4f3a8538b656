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
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from camerad.base import file_status
from camerad.base.errors import StorageError
from camerad.base.file_status import FileVersion
from camerad.base.version_cache import VersionCache
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.container.recording_files import SUFFIX, list_names
from camerad.ledger import ledger_lines, log_segments
from camerad.ledger.entries import Entry
from camerad.ledger.entry_types import Carried
from camerad.ledger.ledger import read_state
from camerad.ledger.ledger_lines import entry_in
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


class _Reading(NamedTuple, Generic[_T]):
    """A result. again: on the monotonic clock; it stands until then, whatever the files are.
    failed: why there is none."""

    found: _T
    again: float = 0.0
    failed: StorageError | None = None


class LedgerMemory(Generic[_T]):
    """Results of reading cameras' ledgers, until their files change.

    unknown: stands for what was not read. most: of all together, in the unit of `size`.
    Thread-safe.
    """

    def __init__(self, unknown: _T, most: int, size: Callable[[_T], int] = lambda _: 1) -> None:
        self._unknown: Final = unknown
        self._cache: Final = VersionCache[_Reading[_T]](most, lambda one: size(one.found))

    def find(
        self,
        holding: Holding,
        keys: KeyRing,
        read: Callable[[], _T],
        about: object = None,
    ) -> tuple[_T, bool]:
        """What `read` finds, or found; and whether that was in the files as they are now, by the
        same keys and about the same. Raises as it does, and StorageError."""
        name = holding.root, holding.ledger
        files = version_of(holding, keys)  # before they are read
        version = files, about
        known = self._cache.latest(name)
        reading = known[1] if known is not None else _Reading(self._unknown)
        current = known is not None and known[0] == version and reading.failed is None
        if current or time.monotonic() < reading.again:
            return reading.found, current
        if getattr(_WITHIN, "claim", False):
            if reading.failed is not None:
                raise reading.failed
            return reading.found, False
        # Requests about other cameras do not wait for one with a large ledger.
        with _READING if files.bytes > SMALL else contextlib.nullcontext():
            began = time.thread_time()
            try:
                found = read()
            except StorageError as error:
                self._cache.put(name, version, _Reading(self._unknown, failed=error))
                raise
            took = time.thread_time() - began
        again = time.monotonic() + (AGAIN * took if took > LONG_SECONDS else 0)
        self._cache.put(name, version, _Reading(found, again))
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


class LedgerVersion(NamedTuple):
    """Of all that is here of a camera's ledger: its files, and the keys that it is read by."""

    keys: frozenset[str]
    files: tuple[tuple[str, str, FileVersion | None], ...]

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(version[1] for _, _, version in self.files if version is not None)


def version_of(holding: Holding, keys: KeyRing) -> LedgerVersion:
    """The present version. Raises StorageError."""
    directories = (holding.ledger, holding.earlier_ledger)
    files = (
        (directory, name, version)
        for directory in filter(file_status.is_directory, directories)
        for name, version in file_status.versions_in(directory)
    )
    return LedgerVersion(frozenset(keys), tuple(files))


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


def last_token(directory: str, name: str, keys: KeyRing) -> bytes | None:
    """The last line of a file that is an entry by one of `keys`; None if none is. Raises
    StorageError."""
    entry = ledger_lines.last_entry(log_segments.read_file(directory, name), keys)
    return None if entry is None else entry.token


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
    last = {part: last_token(aside, part, keys) for part in parts}
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
