"""Finds all directories of one camera in an office, and the newest copy of its ledger in them.

Those are whose names begin the same or end the same, and those with a key in common that signed in
their copies of the camera's ledger: it goes on under another key, so the copy in the new directory
has files that the former key began. Names and keys are taken as they stand there, so this proves
nothing: it says what to compare, and whom to ask.

A file that has begun is begun for good. So the beginnings are read once, and again if one of the
files is another one.

A camera that got another key, after a reset or since its key was damaged, or another name, goes on
with the same ledger. Its recordings since come into a directory named after the new key or name,
and its ledger with them; the former directory keeps the copy that it had. What that one says of
holds is old: each may have been released since, and others were placed, on recordings of both
directories.
"""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Final

from msgspec.structs import replace

from camerad.base import file_status
from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.base.version_cache import VersionCache
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.ledger import ledger_lines, log_segments
from camerad.store.held_on_camera import LedgerMemory, entry_files, lines_in, version_of
from camerad.store.locations import Holding, Place, PlaceKind, holding_ending

MOST_DIRECTORIES: Final = 4000
"""Of how many it is remembered who signed there."""
_HEADER: Final = 256
"""A token's header has fewer bytes."""
_SIGNED: Final = VersionCache[frozenset[str]](MOST_DIRECTORIES)
_NEWEST: Final = LedgerMemory[dict[str, str]]({}, 4_000)


def by_camera(holdings: Sequence[Holding]) -> list[list[Holding]]:
    """The holdings, those of one camera together."""
    marks = {one.root: _marks(one) for one in holdings}
    joined: dict[str, frozenset[str]] = {}
    for own in marks.values():
        all_of_them = own.union(*(joined.get(mark, ()) for mark in own))
        joined.update(dict.fromkeys(all_of_them, all_of_them))
    found = defaultdict[frozenset[str], list[Holding]](list)
    for one in holdings:
        found[joined[next(iter(marks[one.root]))]].append(one)
    return list(found.values())


def _marks(holding: Holding) -> frozenset[str]:
    """How the directory's name begins, and how the names end of those of its keys."""
    signed: frozenset[str] = frozenset()
    if not holding.broken:
        with contextlib.suppress(StorageError):  # the reader of the ledger is told
            signed = _signed(holding.ledger)
    return signed | {holding.stem, holding.name[len(holding.stem) :]}


def _signed(directory: str) -> frozenset[str]:
    """How the names of directories end of the keys by which a ledger's files begin."""
    if not file_status.is_directory(directory):
        return frozenset()
    version = file_status.versions_in(directory)
    return _SIGNED.find(directory, version, lambda: _read_signed(directory))


def _read_signed(directory: str) -> frozenset[str]:
    shelf = log_segments.list_files(directory)
    paths = (
        os.path.join(directory, shelf.name(number) or "") for number in shelf.epochs | shelf.damaged
    )
    keys = {jws.named_key(read_plain(path, "ledger", _HEADER)) for path in paths}
    return frozenset(holding_ending(key) for key in keys if key)


def with_newest_copies(place: Place, keys: KeyRing) -> Place:
    """The same place, each holding with the copy of its ledger that goes on furthest (`newest`).

    keys: those to read the ledgers with; an entry by none of them is not looked at. A copy that
    cannot be read is never the newest: the reader of its holding is told.
    """
    if place.kind is not PlaceKind.OFFICE:
        return place
    with_copy = [
        one for one in place.holdings if not one.broken and file_status.is_directory(one.ledger)
    ]
    newest: dict[str, str] = {}
    for several in by_camera(with_copy):
        if len(several) > 1:
            others = [version_of(one, keys) for one in several[1:]]
            newest |= _NEWEST.find(several[0], keys, partial(_newest_of, several, keys), others)[0]
    return replace(
        place,
        holdings=tuple(
            replace(one, newest=newest[one.root]) if one.root in newest else one
            for one in place.holdings
        ),
    )


def _newest_of(several: list[Holding], keys: KeyRing) -> dict[str, str]:
    """The root of the holding with the newest copy, by the root of each whose copy is older."""
    last: dict[str, tuple[bytes, int]] = {}
    for one in several:
        with contextlib.suppress(StorageError):
            last |= _last(one, keys)
    tokens = {token for token, _ in last.values()}
    has: dict[str, set[bytes]] = {}
    for one in several:
        with contextlib.suppress(StorageError):
            has[one.root] = tokens.intersection(lines_in(one.ledger, entry_files(one.ledger)))
    found = {}
    for root, (token, sequence) in last.items():
        later = [
            (its, other)
            for other, (_, its) in last.items()
            if its > sequence and token in has.get(other, ())
        ]
        if later:
            found[root] = max(later)[1]
    return found


def _last(holding: Holding, keys: KeyRing) -> dict[str, tuple[bytes, int]]:
    """The last signed entry of a copy, and its number; none if there is none."""
    for name in reversed(entry_files(holding.ledger)):
        last = ledger_lines.last_entry(log_segments.read_file(holding.ledger, name), keys)
        if last is not None:
            return {holding.root: (last.token, last.sequence)}
    return {}
