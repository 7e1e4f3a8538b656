"""Reads the log of a disk's writes as QEMU's ``blklogwrites`` keeps it, for `blockstates`.

The format is that of the kernel's dm-log-writes (Documentation/admin-guide/device-mapper/
log-writes.rst; the structures are in drivers/md/dm-log-writes.c): all numbers little-endian, all
parts in whole sectors of the size that the first one names.

- The first sector: magic u64, version u64, number of entries u64, size of a sector u32.
- Each entry: a sector with its first sector on the disk u64, how many u64, flags u64, length of its
  data if that is no part of the disk u64; then the data.

QEMU (block/blklogwrites.c) adds an entry when the disk has done it and before the guest is told: a
flush stands behind every write that it makes certain, and before whatever the guest does because of
its answer. It knows no FUA: of such a write it makes one and a flush.

Such a log has no time. What the guest wrote to one place of the disk says it: the time at which
that was asked for, again and again (`tests/image/layer/witness.py`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from tests.campaign import blocklog

MAGIC: Final = 0x6A736677736872
VERSION: Final = 1
_SUPER: Final = struct.Struct("<QQQI")
_ENTRY: Final = struct.Struct("<QQQQ")
_FLUSH: Final = 1
PLACE: Final = 1 << 20
"""Byte of the disk at which the guest writes the time."""
WORD: Final = b"image-test time "
"""What stands before it: microseconds of the guest's CLOCK_BOOTTIME, in decimal."""


class Logged(NamedTuple):
    """An entry. offset, length: of the disk, in bytes; place: where in its file the data lies. A
    flush has no length."""

    offset: int
    length: int
    place: int


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the disk: `size` bytes from `start` on."""

    start: int
    size: int


def read(log: BinaryIO) -> Iterator[Logged]:
    """The entries of a log, in their order.

    Raises ValueError for what is no such log, for one that ends before its last entry, and for
    what a plain disk of QEMU is never asked for: FUA, and to discard.
    """
    magic, version, count, sector = _SUPER.unpack(log.read(_SUPER.size).ljust(_SUPER.size, b"\0"))
    if (magic, version) != (MAGIC, VERSION):
        raise ValueError(f"{log.name}: no log of writes, but {magic:#x}, version {version}")
    log.seek(0, 2)
    size = log.tell()
    at = sector
    for number in range(count):
        log.seek(at)
        header = log.read(_ENTRY.size)
        if len(header) < _ENTRY.size:
            raise ValueError(f"{log.name}: ends before entry {number} of {count}")
        first, sectors, flags, _ = _ENTRY.unpack(header)
        if flags not in (0, _FLUSH):
            raise ValueError(f"{log.name}: entry {number} has flags {flags:#x}")
        if not flags and not sectors:
            raise ValueError(f"{log.name}: entry {number} of {count} was never written")
        length = 0 if flags else sectors * sector
        if at + sector + length > size:
            raise ValueError(f"{log.name}: ends within entry {number} of {count}")
        yield Logged(first * sector, length, at + sector)
        at += sector + length


def converted(log: Path, parts: Sequence[Part], to: Path) -> list[int]:
    """Write to `to` a log as `blocklog` keeps it, of a disk that has these parts, one behind the
    other; what is written to none of them is left out. Returns every time that the guest wrote.

    An entry gets the last time that was written before it. So whatever had been done by the time of
    an entry stands before it.

    Raises ValueError as `read` does, and for a write to two parts, or to the time's place and more.
    """
    times = [0]
    with log.open("rb") as source, to.open("wb", buffering=1 << 20) as target:
        for one in read(source):
            if not one.length:
                target.write(blocklog.ENTRY.pack(times[-1], blocklog.FLUSH, 0, 0))
                continue
            source.seek(one.place)
            if one.offset == PLACE:
                said = source.read(one.length).rstrip(b"\0")
                if not said.startswith(WORD):
                    raise ValueError(f"{log}: at {PLACE} there is no time, but {said[:40]!r}")
                times.append(max(times[-1], int(said.removeprefix(WORD))))
            elif (at := _within(one, parts)) is not None:
                target.write(blocklog.ENTRY.pack(times[-1], blocklog.WRITE, at, one.length))
                target.write(source.read(one.length))
    return times[1:]


def outside(log: Path, parts: Sequence[Part]) -> list[Logged]:
    """Writes to none of these parts, but for those that say the time.

    Raises ValueError as `converted` does.
    """
    with log.open("rb") as source:
        return [
            one
            for one in read(source)
            if one.length and one.offset != PLACE and _within(one, parts) is None
        ]


def _within(one: Logged, parts: Sequence[Part]) -> int | None:
    """Where an entry lies in the parts; None: in none of them."""
    before = 0
    for part in parts:
        first, last = one.offset - part.start, one.offset + one.length - part.start
        if first >= 0 and last <= part.size:
            return before + first
        if first < part.size and last > 0:
            raise ValueError(f"a write of {one.length} bytes at {one.offset} is not within {part}")
        before += part.size
    return None
