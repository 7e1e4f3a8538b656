"""P4 on the medium itself: whatever reached a card, also where no file is any more, is sealed.

Everything that the kernel ever wrote to the block device is searched: recordings, the ledger, the
file system's journal, and blocks that were given back since. What is looked for is known, from the
recordings opened with the office's key by other programs: pieces of the encoded pictures of each
fragment, the parameter sets, and the boxes that every MP4 has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.campaign import judging
from tests.system import sealed
from tests.system.plaintext import in_the_clear, parameter_sets

_PIECE: Final = 48
"""Bytes of a piece: more than come about by chance, and seldom cut by the end of a request."""
_APART: Final = 16 << 10
"""One piece is taken from so many bytes of encoded pictures."""
_READ: Final = 8 << 20


def search(medium: Path, card: Path, workspace: Path) -> list[str]:
    """What of the recordings below `card` is in the clear in the file `medium`, and whether the
    search can be believed: in the opened recordings it finds what it looks for, and in the medium
    the sealed fragments. workspace: an empty directory."""
    findings = []
    clear, kept = list[bytes](), dict[str, list[bytes]]()
    for path in judging.recordings(card / "recordings"):
        recording = sealed.read(path)
        film = Path(sealed.opened(path, workspace))
        data = film.read_bytes()
        pieces = [*_pieces(data), *parameter_sets(film)]
        found = set(in_the_clear(data, pieces))
        if not found.issuperset(pieces) or b"moof" not in {one[:4] for one in found}:
            findings.append(f"{path.name}: the search does not find what is there in the clear")
        clear += pieces
        for number, fragment in enumerate(recording.fragments):
            kept[f"{path.name}: fragment {number}"] = list(_pieces(fragment))
    if len(clear) < 20:
        findings.append(f"there are only {len(clear)} pieces of footage to look for")
    for at, data in _contents(medium):
        leaked = in_the_clear(data, clear)
        findings += [f"in the clear at byte {at} of {medium.name}: {one!r}" for one in leaked[:5]]
        for name in [name for name, pieces in kept.items() if any(p in data for p in pieces)]:
            del kept[name]
    findings += [f"{name} is not on the medium, so the search misses something" for name in kept]
    return findings


def _pieces(data: bytes) -> Iterator[bytes]:
    """Pieces of what is encoded or sealed: such bytes are all different."""
    for at in range(min(_APART, len(data)) // 2, len(data) - _PIECE, _APART):
        piece = data[at : at + _PIECE]
        if len(set(piece)) > _PIECE // 2:
            yield piece


def _contents(medium: Path) -> Iterator[tuple[int, bytes]]:
    """What is in a file, without its holes, in parts that overlap by more than is looked for."""
    with medium.open("rb") as file:
        end = os.fstat(file.fileno()).st_size
        at = 0
        while at < end:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return  # a hole up to the end
            until = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            while at < until:
                data = os.pread(file.fileno(), min(_READ, until - at) + 2 * _PIECE, at)
                yield at, data
                at += _READ
            at = until
