"""Which copy of a camera's ledger is the newest, where the camera has several directories here.

A camera that got another key, after a reset or since its key was damaged, or another name, goes on
with the same ledger. Its recordings since come into a directory named after the new key or name,
and its ledger with them; the former directory keeps the copy that it had. What that one says of
holds is old: each may have been released since, and others were placed, on recordings of both
directories.
"""

from __future__ import annotations

import contextlib

from msgspec.structs import replace

from camerad.base import file_status
from camerad.base.errors import StorageError
from camerad.container import jws
from camerad.container.keys import KeyRing
from camerad.ledger import log_segments
from camerad.ledger.entries import parse_entry
from camerad.store.camera_directories import by_camera
from camerad.store.locations import Holding, Place, PlaceKind


def with_newest_copies(place: Place, keys: KeyRing) -> Place:
    """The same place, each holding with the copy of its ledger that goes on furthest (`newest`).

    keys: those to read the ledgers with; an entry by none of them is not looked at. A copy that
    cannot be read is nobody's newest: whoever reads its own holding is told.
    """
    if place.kind is not PlaceKind.OFFICE:
        return place
    with_copy = [
        one for one in place.holdings if not one.broken and file_status.is_directory(one.ledger)
    ]
    newest: dict[str, str] = {}
    for several in by_camera(with_copy):
        if len(several) > 1:
            newest |= _newest_of(several, keys)
    return replace(
        place,
        holdings=tuple(
            replace(one, newest=newest[one.root]) if one.root in newest else one
            for one in place.holdings
        ),
    )


def _newest_of(several: list[Holding], keys: KeyRing) -> dict[str, str]:
    """The root of the holding with the newest copy, by the root of each whose copy is older."""
    lines = {}
    for one in several:
        with contextlib.suppress(StorageError):
            lines[one.root] = _tokens(one)
    last = {root: _last(tokens, keys) for root, tokens in lines.items()}
    found = {}
    for root, own in last.items():
        if own is None:
            continue
        token, sequence = own
        later = [
            (its[1], other)
            for other, its in last.items()
            if its is not None and its[1] > sequence and token in lines[other]
        ]
        if later:
            found[root] = max(later)[1]
    return found


def _tokens(holding: Holding) -> dict[bytes, None]:
    """All lines of a copy, in their order."""
    shelf = log_segments.list_files(holding.ledger)
    names = [shelf.name(number) or "" for number in sorted(shelf.epochs | shelf.damaged)]
    contents = (log_segments.read_file(holding.ledger, name) for name in names)
    return dict.fromkeys(token for content in contents for token in content.split(b"\n"))


def _last(tokens: dict[bytes, None], keys: KeyRing) -> tuple[bytes, int] | None:
    """The last signed entry, and its number; None if there is none."""
    for token in reversed(tokens):
        try:
            return token, parse_entry(token, keys).sequence
        except jws.JwsError:
            continue
    return None
