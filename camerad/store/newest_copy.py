"""Finds the newest copy of a camera's ledger, where the camera has several directories here.

A camera that got another key, after a reset or since its key was damaged, or another name, goes on
with the same ledger. Its recordings since come into a directory named after the new key or name,
and its ledger with them; the former directory keeps the copy that it had. What that one says of
holds is old: each may have been released since, and others were placed, on recordings of both
directories.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Final

from msgspec.structs import replace

from camerad.base import file_status
from camerad.base.errors import StorageError
from camerad.container.keys import KeyRing
from camerad.ledger import ledger_lines
from camerad.ledger.entries import parse_entry
from camerad.store.camera_directories import by_camera
from camerad.store.held_on_camera import LedgerMemory, entry_files, lines_in, version_of
from camerad.store.locations import Holding, Place, PlaceKind

_NEWEST: Final = LedgerMemory[dict[str, str]]({}, 4_000)


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
        token = ledger_lines.last_token(holding.ledger, name, keys)
        if token is not None:
            return {holding.root: (token, parse_entry(token, keys).sequence)}
    return {}
