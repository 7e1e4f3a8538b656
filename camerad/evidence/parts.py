"""Parts of a recording: archives that each have all its statements, and a run of its fragments.

A part is judged alone: its fragments are the signed ones, and an unbroken chain of statements says
how many there are elsewhere. All parts together are the recording, byte for byte: its archive can
be written in one way only. A part is called ``ID-part-2-of-5.tar``.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import msgspec

from camerad.base import file_status, storage_errors
from camerad.base.errors import StorageError
from camerad.container import ustar
from camerad.container.chain import HEADER_NAME, INIT_NAME
from camerad.container.keys import KeyRing
from camerad.container.members import Walk, open_regular
from camerad.container.reader import LostBytes, Tail
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_ids import ID
from camerad.store import verified_copy
from camerad.verify.checker import Checker
from camerad.verify.findings import NUMBERED
from camerad.verify.judge import MemberReader, UnreadableError, compare_end, unreadable, verify
from camerad.verify.verdict import Report, Verdict

_NAME: Final = re.compile(rf"({ID.pattern})-part-([1-9][0-9]*)-of-([1-9][0-9]*)")


class PartName(NamedTuple):
    """What a part is called: number `number`, from 1 on, of `all` parts."""

    recording: str
    number: int
    all: int

    def __str__(self) -> str:
        return f"{self.recording}-part-{self.number}-of-{self.all}"


def part_of(path: str) -> PartName | None:
    """The part that a file or directory is by its name; None if it is none."""
    found = _NAME.fullmatch(os.path.basename(path).removesuffix(SUFFIX))
    return None if found is None else PartName(found[1], int(found[2]), int(found[3]))


class SheetPart(msgspec.Struct, frozen=True):
    """The part that a sheet goes with. pieces: sealed ones in it."""

    number: int
    count: int
    pieces: int


class _Piece(NamedTuple):
    """A member of the original: its name, where it begins, and its bytes with header and padding.
    fragment: its number, if it is one."""

    name: str
    offset: int
    bytes: int
    fragment: int | None


def _pieces(path: str) -> list[_Piece]:
    """The members of an archive without damage."""
    with open_regular(path) as file:
        return [
            _Piece(
                one.member.name,
                one.header_offset,
                one.end_offset - one.header_offset,
                _fragment_of(one.member.name),
            )
            for one in Walk(file)
        ]


def _fragment_of(name: str) -> int | None:
    found = NUMBERED.fullmatch(name)
    return int(found[1]) if found is not None and found[2] != "jws" else None


class PartPlan(msgspec.Struct, frozen=True):
    """How a recording is cut: the first fragment of each part, and how many there are in all."""

    firsts: tuple[int, ...]
    fragments: int

    def run(self, number: int) -> range:
        """The fragments of part `number`, counted from 1."""
        ends = (*self.firsts[1:], self.fragments)
        return range(self.firsts[number - 1], ends[number - 1])


def plan_parts(path: str, starts: Collection[int], limit: int, beside: int) -> PartPlan | None:
    """How an archive without damage is cut so that each part, its film and `beside` bytes of
    documents have at most `limit` bytes. starts: the fragments with which a film can begin. None if
    that cannot be. Raises OSError."""
    pieces = _pieces(path)
    fixed = beside + len(ustar.END) + sum(one.bytes for one in pieces if one.fragment is None)
    stretches: list[tuple[int, int]] = []
    for one in pieces:
        if one.fragment is None:
            continue
        if not stretches or one.fragment in starts:
            stretches.append((one.fragment, 0))
        # The film has no more bytes than what was sealed.
        stretches[-1] = (stretches[-1][0], stretches[-1][1] + 2 * one.bytes)
    firsts: list[int] = []
    room = 0
    for first, size in stretches:
        if size > room:
            firsts.append(first)
            room = limit - fixed
        room -= size
        if room < 0:
            return None
    return PartPlan(tuple(firsts), sum(one.fragment is not None for one in pieces))


def write_part(
    path: str, target: str, fragments: range, progress: verified_copy.Progress | None = None
) -> verified_copy.Digest:
    """Write the part of an archive that has these fragments; as `verified_copy.written`."""

    def fill(write: Callable[[bytes], object]) -> None:
        with open_regular(path) as file:
            for one in _pieces(path):
                if one.fragment is None or one.fragment in fragments:
                    file.seek(one.offset)
                    write(file.read(one.bytes))
        write(ustar.END)

    with storage_errors.explaining("read the recording", path):
        return verified_copy.written(target, fill, progress)


class JoinedParts(msgspec.Struct, frozen=True):
    """All that there is of a recording in parts. files: by their numbers; count: how many there
    have to be."""

    recording: str
    count: int
    files: Mapping[int, str]

    def __str__(self) -> str:
        return f"{self.recording} ({len(self.files)} of {self.count} parts)"

    @property
    def lost(self) -> list[int]:
        """The numbers of parts that are not there."""
        return [number for number in range(1, self.count + 1) if number not in self.files]

    def check(self, keys: KeyRing, path: str, final: str | None = None) -> Report:
        """Check them together, as one recording. path: how the report calls it."""
        checker = Checker(keys)
        size = 0
        for file, is_share in self._shares():
            reader = MemberReader(file)
            try:
                with reader:
                    size += reader.size
                    for found in reader:
                        if isinstance(found, Tail):
                            tail = found
                            break
                        if isinstance(found, LostBytes):
                            checker.lost(found)
                        elif is_share(found.name):
                            checker.member(found)
            except UnreadableError as error:
                return unreadable(reader, file, error, final)
        checker.finish(tail)
        compare_end(checker, final)
        return Report(path, size, checker.result)

    def rejoin(self, target: str) -> verified_copy.Digest:
        """Write the original again, which every part is of; as `verified_copy.written`. To be
        called when `check` finds no damage."""

        def fill(write: Callable[[bytes], object]) -> None:
            for path, is_share in self._shares():
                with open_regular(path) as file:
                    for one in _pieces(path):
                        if is_share(one.name):
                            file.seek(one.offset)
                            write(file.read(one.bytes))
            write(ustar.END)

        with storage_errors.explaining("read the parts", self.recording):
            return verified_copy.written(target, fill)

    def _shares(self) -> Iterator[tuple[str, Callable[[str], bool]]]:
        """Each file, and which of its members count when all are put together: its fragments, and
        the statements since the part before. Where a part is lost, the next one has its statements;
        the first has the header, the last the end."""
        files = [self.files[number] for number in sorted(self.files)]
        begins = 0
        for file in files:
            own = [one.fragment for one in _pieces(file) if one.fragment is not None]
            ends = sys.maxsize if file == files[-1] else max([begins - 1, *own]) + 1
            yield file, partial(_is_share, range(begins, ends), file == files[0])
            begins = ends


def _is_share(fragments: range, is_first: bool, name: str) -> bool:
    found = NUMBERED.fullmatch(name)
    if found is not None:
        return int(found[1]) in fragments
    return is_first if name in (HEADER_NAME, INIT_NAME) else fragments.stop == sys.maxsize


def joined_parts(paths: Iterable[str]) -> list[JoinedParts]:
    """The recordings of which there are parts among these files."""
    found: dict[tuple[str, int], dict[int, str]] = {}
    for path in paths:
        part = part_of(path)
        if part is not None:
            found.setdefault((part.recording, part.all), {})[part.number] = path
    return [JoinedParts(name, count, files) for (name, count), files in sorted(found.items())]


def apart(paths: Iterable[str], root: str) -> tuple[list[str], list[str]]:
    """Files that are no parts, and those that are: of `paths`, and in the directories within
    `root`, as a package in parts has them."""
    given = list(paths)
    inner = [
        os.path.join(above, name)
        for one in sorted(os.listdir(root))
        if file_status.is_directory(above := os.path.join(root, one))
        for name in sorted(os.listdir(above))
        if name.endswith(SUFFIX)
    ]
    whole = [path for path in given if part_of(path) is None]
    return whole, [path for path in (*given, *inner) if part_of(path) is not None]


def check_parts(
    paths: Sequence[str],
    keys: KeyRing,
    finals: Mapping[str, str | None],
    rejoin: str | None = None,
) -> tuple[list[Report], list[str]]:
    """Check the parts of each recording together. Returns reports, also one on each part that is
    not authentic, and which parts are lost. finals: SHA-256 of the ends that ledgers name.
    rejoin: where the original is written again, if all of one recording is here, and authentic.
    Raises StorageError."""
    reports, lost = [], []
    if rejoin is not None and file_status.exists(rejoin):
        raise storage_errors.FileExistsAlreadyError(f"{rejoin}: exists already")
    for one in joined_parts(paths):
        above = os.path.commonpath([os.path.dirname(path) for path in paths])
        whole = one.check(keys, os.path.join(above, str(one)), finals.get(one.recording))
        reports.append(whole)
        if whole.verdict >= Verdict.NOT_AUTHENTIC:
            alone = (verify(file, keys, part=True) for file in one.files.values())
            reports += [part for part in alone if part.verdict >= Verdict.NOT_AUTHENTIC]
        lost += [f"{one.recording}: part {n} of {one.count} is not here" for n in one.lost]
    if rejoin is not None:
        if len(reports) != 1 or lost or reports[0].verdict >= Verdict.NOT_AUTHENTIC:
            raise StorageError(
                f"{rejoin}: not written: it takes all parts of one authentic recording"
            )
        joined_parts(paths)[0].rejoin(rejoin)
    return reports, lost
