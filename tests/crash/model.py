"""A file system that forgets what was not synchronised.

A `Disk` takes operations and knows, at any time, every state that a loss of power may leave. What a
synchronisation covered is there; of the rest, each effect on its own is kept or lost:

- **bytes**, per page of 4 KiB, as the page cache writes them: a page is on the storage as it was
  after any one of the writes to it since the last synchronisation, or before all of them. A page
  may be torn at sectors of 512 bytes, each of which is whole, but each as of another write;
- **size**, apart from the bytes: what was never written reads as zeros, and so does reserved room;
- **mode**, which fdatasync(2) does not promise to write;
- **names**: each creation, renaming and removal in a directory, until that directory is
  synchronised. A renaming within a directory happens whole or not at all.

`Rules.HARSH` promises what POSIX does and no more: names survive in any order, and synchronising a
file says nothing about its name. `Rules.JOURNAL` is what ext4 does: names survive in the order in
which they were changed, and synchronising any file brings all of them to the storage. Every state
of the second is one of the first.

FAT keeps less still: there a renaming is a new entry and the removal of the old one, often in two
sectors, so that a loss of power may leave either name, both or neither (`Disk`, atomic).
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from random import Random
from typing import Final, TypeVar

from tests.crash.trace import Kind, Op

PAGE: Final = 4096
SECTOR: Final = 512
_SECTORS: Final = PAGE // SECTOR
_T = TypeVar("_T")

parent: Final = lru_cache(maxsize=10_000)(os.path.dirname)
"""The directory of a path, which is asked for hundreds of times for every state."""


class Rules(StrEnum):
    """What the file system promises about names."""

    HARSH = "harsh"
    JOURNAL = "journal"


@dataclass(frozen=True, slots=True)
class Stored:
    """A file as it is on the storage."""

    data: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class Tree:
    """Everything below the root: paths of directories, and of files with their content."""

    directories: frozenset[str] = frozenset()
    files: Mapping[str, Stored] = field(default_factory=dict)

    def fingerprint(self) -> int:
        """Equal for equal trees, within one process."""
        # The hash of a bytes object is remembered in it, and states share most of theirs.
        return hash((self.directories, frozenset(self.files.items())))


@dataclass(slots=True)
class _Inode:
    """versions, modes: as it is on the storage, then after every change since."""

    versions: list[bytes]
    modes: list[int]


@dataclass(frozen=True, slots=True)
class _NameChange:
    kind: Kind
    path: str
    file: int
    to: str = ""

    @property
    def directory(self) -> str:
        return parent(self.path)

    def apply(self, files: dict[str, int], directories: set[str]) -> None:
        if self.kind is Kind.MKDIR:
            directories.add(self.path)
        elif self.kind is Kind.RMDIR:
            directories.discard(self.path)
        elif self.kind is Kind.CREATE:
            files[self.path] = self.file
        else:
            if files.get(self.path) == self.file:
                del files[self.path]
            if self.kind is Kind.RENAME:
                files[self.to] = self.file


@dataclass(frozen=True, slots=True)
class Torn:
    """An option for a page: which version each of its sectors has."""

    sectors: tuple[int, ...]


Pick = int | Torn


@dataclass(slots=True)
class Survey:
    """How many states were looked at, and how. complete: points in time at which every combination
    of untorn effects was tried; sampled: the others."""

    complete: int = 0
    sampled: int = 0
    states: int = 0


class Disk:
    """What is on the storage, and what may be.

    tree: what is durable at the beginning; numbers: the numbers of its files in the operations that
    follow. atomic: a renaming happens whole or not at all.
    """

    def __init__(
        self,
        tree: Tree | None = None,
        numbers: Mapping[str, int] | None = None,
        rules: Rules = Rules.HARSH,
        *,
        atomic: bool = True,
    ) -> None:
        tree = tree or Tree()
        self._rules = rules
        self._atomic = atomic
        self._directories = set(tree.directories)
        self._files = dict(numbers or {})
        if self._files.keys() != tree.files.keys():
            raise ValueError("every file of the tree needs its number")
        self._inodes = {
            number: _Inode([tree.files[path].data], [tree.files[path].mode])
            for path, number in self._files.items()
        }
        self._names: list[_NameChange] = []

    # ------------------------------------------------------------------ operations

    def apply(self, op: Op) -> None:
        """Carry out an operation."""
        kind = op.kind
        if kind is Kind.SYNC_ALL:
            self._settle_names(None)
            for inode in self._inodes.values():
                del inode.versions[:-1]
                del inode.modes[:-1]
        elif kind is Kind.SYNC_DIRECTORY:
            self._settle_names(None if self._rules is Rules.JOURNAL else op.path)
        elif kind in (Kind.SYNC_DATA, Kind.SYNC_FILE):
            inode = self._inodes[op.file]
            del inode.versions[:-1]
            if kind is Kind.SYNC_FILE or self._rules is Rules.JOURNAL:
                del inode.modes[:-1]
            if self._rules is Rules.JOURNAL:
                self._settle_names(None)
        elif kind is Kind.MODE:
            self._inodes[op.file].modes.append(op.mode)
        elif kind in (Kind.WRITE, Kind.TRUNCATE, Kind.ALLOCATE):
            versions = self._inodes[op.file].versions
            versions.append(_changed(versions[-1], op))
        else:
            if kind is Kind.CREATE:
                self._inodes[op.file] = _Inode([b""], [op.mode])
            if kind is Kind.LINK:
                self._names.append(_NameChange(Kind.CREATE, op.to, op.file))
                return
            if kind is Kind.RENAME and not self._atomic:
                self._names.append(_NameChange(Kind.CREATE, op.to, op.file))
                self._names.append(_NameChange(Kind.UNLINK, op.path, op.file))
                return
            self._names.append(_NameChange(kind, op.path, op.file, op.to))

    def _settle_names(self, directory: str | None) -> None:
        rest = []
        for change in self._names:
            if directory is None or change.directory == directory:
                change.apply(self._files, self._directories)
            else:
                rest.append(change)
        self._names = rest

    # ------------------------------------------------------------------ states

    def cached(self) -> Tree:
        """What a program sees while the power is on."""
        return self._moment().build(self._moment().last)

    def _moment(self) -> _Moment:
        return _Moment(self._rules, self._directories, self._files, self._inodes, self._names)

    def states(self, limit: int, torn: int, random: Random, survey: Survey) -> Iterator[Tree]:
        """States that a loss of power may leave at this point; a state may come more than once.

        limit: with at most so many combinations, all of them; otherwise the extremes, each effect
        lost alone, each kept alone, and others at random up to this number. torn: so many more with
        torn pages, if there are pages to tear.
        """
        moment = self._moment()
        if moment.combinations <= limit:
            survey.complete += 1
            picks: Iterator[list[Pick]] = moment.all()
        else:
            survey.sampled += 1
            picks = itertools.chain(moment.extremes(), moment.some(limit, random))
        for pick in itertools.chain(picks, moment.torn(torn, random)):
            survey.states += 1
            yield moment.build(pick)


def _changed(data: bytes, op: Op) -> bytes:
    if op.kind is Kind.TRUNCATE:
        return data[: op.size].ljust(op.size, b"\0")
    if op.kind is Kind.ALLOCATE:
        return data.ljust(op.offset + op.size, b"\0")
    before = data[: op.offset].ljust(op.offset, b"\0")
    return before + op.data + data[op.offset + len(op.data) :]


class _Unsettled:
    """A file with changes that are not synchronised: its options for size, mode and each page."""

    def __init__(self, inode: _Inode) -> None:
        versions = inode.versions
        self.sizes = _distinct([len(version) for version in versions])
        self.modes = _distinct(inode.modes)
        self.pages = []
        for start in range(0, max(self.sizes), PAGE):
            pages = [version[start : start + PAGE].ljust(PAGE, b"\0") for version in versions]
            self.pages.append(_distinct(pages))
        self._made: dict[tuple[Pick, ...], Stored] = {}

    def options(self) -> list[int]:
        return [len(self.sizes), len(self.modes), *map(len, self.pages)]

    def build(self, picks: tuple[Pick, ...]) -> Stored:
        made = self._made.get(picks)
        if made is None:
            size, mode, *pages = picks
            data = b"".join(
                options[pick] if isinstance(pick, int) else _torn_page(options, pick)
                for options, pick in zip(self.pages, pages, strict=True)
            )
            length = self.sizes[_whole(size)]
            made = Stored(data[:length].ljust(length, b"\0"), self.modes[_whole(mode)])
            self._made[picks] = made
        return made


def _whole(pick: Pick) -> int:
    if isinstance(pick, Torn):
        raise TypeError("only a page can be torn")
    return pick


def _torn_page(options: list[bytes], pick: Torn) -> bytes:
    return b"".join(
        options[version][at * SECTOR : (at + 1) * SECTOR] for at, version in enumerate(pick.sectors)
    )


class _Moment:
    """The choices at one point in time. A state is a list of picks: one per change of a name (1:
    kept; under `Rules.JOURNAL` one pick for all, how many are kept), then for every unsettled file
    one for its size, its mode and each of its pages (0: as before, the highest: as after all)."""

    def __init__(
        self,
        rules: Rules,
        directories: set[str],
        files: dict[str, int],
        inodes: dict[int, _Inode],
        names: list[_NameChange],
    ) -> None:
        self._rules = rules
        self._directories = directories
        self._files = files
        self._names = names
        self._settled: dict[int, Stored] = {}
        self._unsettled: dict[int, tuple[int, _Unsettled]] = {}
        journal = rules is Rules.JOURNAL
        options = [len(names) + 1] if journal else [2] * len(names)
        self._tearable: list[int] = []
        # Files that no name can lead to any more leave no trace.
        reachable = set(files.values()) | {change.file for change in names}
        for number in sorted(reachable - {0}):
            inode = inodes[number]
            if len(inode.versions) == len(inode.modes) == 1:
                self._settled[number] = Stored(inode.versions[0], inode.modes[0])
                continue
            unsettled = _Unsettled(inode)
            self._unsettled[number] = (len(options), unsettled)
            first_page = len(options) + 2
            options += unsettled.options()
            self._tearable += [at for at in range(first_page, len(options)) if options[at] > 1]
        self._options = options
        self.last: list[Pick] = [count - 1 for count in options]
        self.combinations = math.prod(options)

    # ------------------------------------------------------------------ picks

    def all(self) -> Iterator[list[Pick]]:
        for pick in itertools.product(*map(range, self._options)):
            yield list(pick)

    def extremes(self) -> Iterator[list[Pick]]:
        none: list[Pick] = [0] * len(self._options)
        yield none
        yield list(self.last)
        for at, count in enumerate(self._options):
            if count > 1:
                yield [*self.last[:at], 0, *self.last[at + 1 :]]
                yield [*none[:at], count - 1, *none[at + 1 :]]

    def some(self, limit: int, random: Random) -> Iterator[list[Pick]]:
        free = [at for at, count in enumerate(self._options) if count > 1]
        for _ in range(limit - 2 - 2 * len(free)):
            yield self._random(random)

    def _random(self, random: Random) -> list[Pick]:
        kept = random.choice((0.1, 0.5, 0.9))
        return [
            (count - 1 if random.random() < kept else random.randrange(count)) if count > 1 else 0
            for count in self._options
        ]

    def torn(self, number: int, random: Random) -> Iterator[list[Pick]]:
        if not self._tearable:
            return
        for _ in range(number):
            pick = list(self.last) if random.random() < 0.5 else self._random(random)
            for at in random.sample(
                self._tearable, min(len(self._tearable), random.choice((1, 2)))
            ):
                pick[at] = _tear(self._options[at], random)
            yield pick

    # ------------------------------------------------------------------ a state

    def build(self, picks: list[Pick]) -> Tree:
        files, directories = dict(self._files), set(self._directories)
        if self._rules is Rules.JOURNAL:
            kept = self._names[: _whole(picks[0])]
        else:
            kept = [change for change, pick in zip(self._names, picks, strict=False) if pick]
        for change in kept:
            change.apply(files, directories)
        there = _reachable(frozenset(directories))
        return Tree(
            there,
            {
                path: self._content(number, picks)
                for path, number in files.items()
                if not (above := parent(path)) or above in there
            },
        )

    def _content(self, number: int, picks: list[Pick]) -> Stored:
        settled = self._settled.get(number)
        if settled is not None:
            return settled
        first, unsettled = self._unsettled[number]
        return unsettled.build(tuple(picks[first : first + 2 + len(unsettled.pages)]))


def _tear(versions: int, random: Random) -> Torn:
    """Sectors up to some point as of one write and the rest as of another, or each at random."""
    if random.random() < 0.6:
        cut = random.randrange(1, _SECTORS)
        one, other = random.sample(range(versions), 2)
        return Torn((one,) * cut + (other,) * (_SECTORS - cut))
    return Torn(tuple(random.randrange(versions) for _ in range(_SECTORS)))


@lru_cache(maxsize=1000)
def _reachable(directories: frozenset[str]) -> frozenset[str]:
    """Those all of whose parents are there."""
    found = set[str]()
    for directory in sorted(directories):  # each behind those that it is in
        if not (above := parent(directory)) or above in found:
            found.add(directory)
    return frozenset(found)


def _distinct(values: list[_T]) -> list[_T]:
    """The values in order, without repetitions in between; first and last are what they were."""
    found = list(dict.fromkeys(values))
    return found if found[-1] == values[-1] else [*found, values[-1]]
