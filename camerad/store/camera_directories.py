"""Finds all directories of one camera in an office, also under another name or key.

Those are whose names begin the same or end the same, and those with a key in common that signed in
their copies of the camera's ledger: it goes on under another key, so the copy in the new directory
has files that the former key began. Names and keys are taken as they stand there, so this proves
nothing: it says what to compare, and whom to ask.

A file that has begun is begun for good. So the beginnings are read once, and again if one of the
files is another one.
"""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from camerad.base import file_status
from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.base.version_cache import VersionCache
from camerad.container import jws
from camerad.ledger import log_segments
from camerad.store.locations import Holding, holding_ending, holding_stem

MOST_DIRECTORIES: Final = 4000
"""Of how many it is remembered who signed there."""
_HEADER: Final = 256
"""A token's header has fewer bytes."""
_SIGNED: Final = VersionCache[frozenset[str]](MOST_DIRECTORIES)


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
    name = os.path.basename(holding.root)
    stem = holding_stem(name)
    signed: frozenset[str] = frozenset()
    if not holding.broken:
        with contextlib.suppress(StorageError):  # the reader of the ledger is told
            signed = _signed(holding.ledger)
    return signed | {stem, name[len(stem) :]}


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
