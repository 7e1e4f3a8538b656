"""Whether a recording that has no file in an office is gone, or only away with its directory.

A camera has a directory for each key that it had. Its name alone does not say in which of them a
recording was; what came with the recordings does: the receipts, and the copy of the camera's
ledger. Where no directory that is there has ever had it, that which had it may be on a disk that is
not mounted, and nothing can be said.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import Final

from camerad.base import file_status
from camerad.base.errors import StorageError
from camerad.container.keys import KeyFileError, KeyRing, read_public_key
from camerad.ledger.ledger import read_state
from camerad.ledger.recording_state import RecordingState
from camerad.store import receipts
from camerad.store.locations import Holding, Place, PlaceKind, device_stem, holding_stem


class Whereabouts:
    """Of the recordings in a place, as it is now; asked of those that have no file there."""

    def __init__(self, place: Place) -> None:
        self._place: Final = place

    def is_away(self, known: RecordingState) -> bool:
        """Whether the directory in which it was is not in an office at all: then nobody can say
        what became of it. Of one that nobody vouches for, whether no directory is there."""
        if self._place.kind is not PlaceKind.OFFICE:
            return False
        if not known.device:
            return not (self._had or self._unread)
        stem = device_stem(known.device)
        if stem in self._unread:
            return False  # it may well be there
        return not any(known.id in named for theirs, named in self._had if theirs == stem)

    @cached_property
    def _unread(self) -> set[str]:
        """What the names of the directories begin with that could not be looked into."""
        root = self._place.root
        there = (os.path.relpath(one.directory, root) for one in self._place.unread)
        return {holding_stem(one.partition(os.sep)[0]) for one in there}

    @cached_property
    def _had(self) -> list[tuple[str, set[str]]]:
        """For each directory of recordings that is there what its name begins with, and which
        recordings were in it."""
        return [
            (holding_stem(os.path.basename(one.root)), _named(one)) for one in self._place.holdings
        ]


def _named(holding: Holding) -> set[str]:
    """The recordings that a directory had, by what came with them. Nobody's signature is asked for:
    with none of it nothing is called gone."""
    named: set[str] = set()
    try:
        named |= receipts.named_recordings(holding.receipts)
        if file_status.is_directory(holding.ledger):
            keys = KeyRing([read_public_key(holding.key)])
            named |= set(read_state(holding.ledger, keys).recordings)
    except (StorageError, KeyFileError):
        pass  # the place, or the verification of it, says so
    return named
