"""The states that a loss of power could leave of a device that keeps a log (`blocklog`).

A state is certain up to some flush; of the writes that were issued since, any subset is on the
medium, each whole or up to some sector. Writes to the same place keep their order.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import BinaryIO, Final, NamedTuple

from tests.campaign.blocklog import ENTRY, FLUSH, SECTOR, WRITE

_TORN: Final = 0.5
"""The share of kept writes that are torn, where any may be."""
_MOST_DROPPED: Final = 12
_TRIES: Final = 40


class Entry(NamedTuple):
    """An entry of the log. place: where in its file what was written lies."""

    at_us: int
    kind: int
    offset: int
    length: int
    place: int


@dataclass(frozen=True, slots=True)
class State:
    """A state after a loss of power. certain: so many entries are on the medium, all of them;
    issued: so many were issued; kept: of the writes in between (number of the entry, bytes of it),
    those that are on it too. at_us: media time of the loss, just before the next entry."""

    certain: int
    issued: int
    kept: tuple[tuple[int, int], ...]
    at_us: int


class Log:
    """What reached the device. image: its content before the first entry; it is brought forward by
    every state that is made, so what is certain in them may only grow."""

    def __init__(self, path: Path, image: Path) -> None:
        self._file = path.open("rb")
        self._image = image
        self._certain = 0
        self._made = 0
        self.entries: list[Entry] = []
        at = 0
        size = path.stat().st_size
        while at < size:
            self._file.seek(at)
            at_us, kind, offset, length = ENTRY.unpack(self._file.read(ENTRY.size))
            at += ENTRY.size
            self.entries.append(Entry(at_us, kind, offset, length, at))
            at += length

    def content(self, entry: Entry) -> bytes:
        """What was written."""
        self._file.seek(entry.place)
        return self._file.read(entry.length)

    def first(self, content: bytes, since: int = 0) -> int:
        """The number, from 1 on, of the first entry behind the first `since` that writes this.

        Raises LookupError if there is none.
        """
        for number, one in enumerate(self.entries[since:], since + 1):
            if one.kind == WRITE and content in self.content(one):
                return number
        raise LookupError(f"{content!r} is never written")

    def writes(self, from_us: int, to_us: int) -> list[int]:
        """Media times of the writes between two instants."""
        return [
            one.at_us for one in self.entries if one.kind == WRITE and from_us < one.at_us < to_us
        ]

    def make(self, state: State, to: Path) -> None:
        """Write to the file `to` what is on the medium."""
        if state.certain < self._certain:
            raise ValueError("the image has been brought forward beyond that state")
        with self._image.open("r+b") as image:
            for entry in self.entries[self._certain : state.certain]:
                self._apply(image, entry, entry.length)
        self._certain = state.certain
        subprocess.run(["cp", "--sparse=auto", str(self._image), str(to)], check=True)
        with to.open("r+b") as image:
            for number, length in state.kept:
                self._apply(image, self.entries[number], length)

    @contextmanager
    def made(self, state: State, directory: Path) -> Iterator[Path]:
        """A file with what is on the medium, for as long as this lasts.

        Each has an inode of its own: where a mount lives on, in another process's namespace of
        mounts say, its loop device stays on the file, and would be handed out once more for it.
        """
        self._made += 1
        path = directory / f"cut-{self._made}"
        self.make(state, path)
        try:
            yield path
        finally:
            path.unlink()

    def _apply(self, image: BinaryIO, entry: Entry, length: int) -> None:
        if entry.kind == WRITE:
            image.seek(entry.offset)
            image.write(self.content(entry)[:length])

    def close(self) -> None:
        self._file.close()


def volatile(entries: Sequence[Entry], base: int, issued: int) -> list[int]:
    """Numbers of the writes behind the first `base` entries: they may be there or not."""
    return [n for n in range(base, issued) if entries[n].kind == WRITE]


def certain(entries: Sequence[Entry], issued: int) -> int:
    """How many entries are on the medium when so many were issued: all up to the last flush."""
    return next((n for n in range(issued, 0, -1) if entries[n - 1].kind == FLUSH), 0)


def some(
    entries: Sequence[Entry],
    issued: int,
    at_us: int,
    random: Random,
    *,
    dropped: int = 0,
) -> State:
    """A state after so many entries: all, none, or any of what is not certain. dropped: so many
    flushes did nothing, the last ones; then one write is lost for certain that was flushed."""
    base = flushed = certain(entries, issued)
    for _ in range(dropped):
        base = certain(entries, max(0, base - 1))
    open_ones = volatile(entries, base, flushed)
    lost = random.choice(open_ones) if open_ones else None
    share = random.choice((0.0, 1.0, *([random.random()] * 3)))
    kept = []
    for number in volatile(entries, base, issued):
        if random.random() >= share or number == lost:
            continue
        length = entries[number].length
        if share < 1.0 and random.random() < _TORN:
            length = SECTOR * random.randint(0, length // SECTOR)
        if length:
            kept.append((number, length))
    return State(base, issued, tuple(kept), at_us)


def states(
    entries: Sequence[Entry],
    windows: Sequence[tuple[int, int]],
    count: int,
    random: Random,
    *,
    since: int = 0,
    drop: bool = False,
) -> list[State]:
    """So many different states within the windows (media times), up to a third of them as they are
    after a flush; fewer if there are no more. In the order in which they can be made. since: so
    many entries were issued at least. drop: flushes did nothing: states that a card leaves which
    lies, after it said once more that it flushed."""
    ends = {
        issued: min(next_us, until_us)
        for issued, next_us in _ends(entries)
        for from_us, until_us in windows
        if issued >= since and from_us <= entries[issued - 1].at_us <= until_us
    }
    found: dict[tuple[int, tuple[tuple[int, int], ...]], State] = {}

    def take(state: State) -> None:
        found.setdefault((state.certain, state.kept), state)

    flushes = [issued for issued in ends if entries[issued - 1].kind == FLUSH]
    if not drop:
        for issued in random.sample(flushes, min(len(flushes), count // 3)):
            take(State(issued, issued, (), ends[issued]))
    numbers = flushes if drop else list(ends)
    for _ in range(_TRIES * count if numbers else 0):
        if len(found) >= count:
            break
        issued = random.choice(numbers)
        dropped = random.randint(2, _MOST_DROPPED) if drop else 0
        state = some(entries, issued, ends[issued], random, dropped=dropped)
        if not drop or volatile(entries, state.certain, certain(entries, issued)):
            take(state)
    return sorted(found.values(), key=lambda one: (one.certain, one.issued, one.kept))


def lie(
    entries: Sequence[Entry], issued: int, at_us: int, random: Random, *, told: int, since: int
) -> State:
    """A state after so many entries, of a card that lies: of its flushes none did anything from
    some moment on, after entry `since` and before entry `told`, which made true what was told."""
    flushes = [n for n in range(since + 1, issued + 1) if entries[n - 1].kind == FLUSH]
    least = sum(n > told for n in flushes)
    dropped = random.randint(least, len(flushes))
    return some(entries, issued, at_us, random, dropped=dropped)


def torn_at(
    entries: Sequence[Entry], place: int, windows: Sequence[tuple[int, int]] = ((0, 1 << 63),)
) -> list[State]:
    """Every state in which a write is torn at that byte of the device, and all before it is there:
    what chance seldom finds. In the order in which they can be made."""
    return [
        State(
            base := certain(entries, issued - 1),
            issued,
            (
                *((n, entries[n].length) for n in volatile(entries, base, issued - 1)),
                (issued - 1, place - last.offset),
            ),
            min(next_us, until_us),
        )
        for issued, next_us in _ends(entries)
        for last in (entries[issued - 1],)
        if last.kind == WRITE and last.offset < place < last.offset + last.length
        for from_us, until_us in windows
        if from_us <= last.at_us <= until_us
    ]


def _ends(entries: Sequence[Entry]) -> list[tuple[int, int]]:
    """After how many entries, and until when no other one came."""
    nexts = [one.at_us - 1 for one in entries[1:]]
    return [(n, max(entries[n - 1].at_us, at)) for n, at in enumerate(nexts, 1)]
