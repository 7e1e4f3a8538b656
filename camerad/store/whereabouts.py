"""Tells a missing recording in an office from one whose directory is away.

A camera has a directory for each key and each name that it had. A name alone does not say in which
of them a recording was; what came with the recordings does: the receipts, and the copy of the
camera's ledger. If none of the directories that are there ever had the recording, then the one that
had it may be on a disk that is not mounted, and nothing can be said.

What came with 20,000 recordings takes a second of a processor to read. So it is read once for all
that is asked in one look, and again if the directory or a part of it is another one than it was,
or has another time: a disk that was taken away meanwhile is noticed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from functools import cached_property
from typing import Final

from camerad.base import file_status
from camerad.base.errors import StorageError
from camerad.base.version_cache import VersionCache
from camerad.container.keys import KeyFileError, KeyRing, read_public_key
from camerad.ledger.ledger import read_state
from camerad.ledger.recording_state import RecordingState
from camerad.store import receipts
from camerad.store.camera_directories import by_camera
from camerad.store.locations import Holding, Place, PlaceKind, device_stem


class Whereabouts:
    """Of the recordings in a place, as it is now; asked of those that have no file there."""

    def __init__(self, place: Place) -> None:
        self._place: Final = place
        self._unread: Final = place.unread_stems()
        self._had: Final = VersionCache[set[str]](len(place.holdings))

    def is_away(self, known: RecordingState) -> bool:
        """Whether the directory in which it was is not in an office at all: then its fate is
        unknown. If its device is not known: whether no directory is there at all."""
        if self._place.kind is not PlaceKind.OFFICE:
            return False
        if not known.device:
            return not (self._place.holdings or self._unread)
        stem = device_stem(known.device)
        theirs = self._directories.get(stem, [])
        if not self._unread.isdisjoint({stem, *(one.stem for one in theirs)}):
            return False  # it may well be there
        return not any(known.id in self._named(one) for one in theirs)

    @cached_property
    def _directories(self) -> dict[str, list[Holding]]:
        """All of a camera's, by what the names of any of them begin with."""
        cameras = by_camera(self._place.holdings)
        return {one.stem: several for several in cameras for one in several}

    def _named(self, holding: Holding) -> Collection[str]:
        """Which recordings were in a directory that is there."""
        return self._had.find(holding.root, _state_of(holding), lambda: _named(holding))


def _state_of(holding: Holding) -> tuple[object, ...]:
    """What tells a directory and its parts from what they were."""
    found: list[object] = []
    for path in (holding.root, holding.receipts, holding.ledger):
        try:
            there = os.lstat(path)
        except OSError as error:
            found.append(error.errno)  # its reader is told so too
        else:
            found.append((there.st_dev, there.st_ino, there.st_mtime_ns, there.st_ctime_ns))
    return tuple(found)


def _named(holding: Holding) -> set[str]:
    """The recordings that a directory had, by what came with them. Signatures are not checked: the
    result never calls a recording gone."""
    named: set[str] = set()
    # What cannot be read, the place or the verification of it says.
    with contextlib.suppress(StorageError, KeyFileError):
        named |= receipts.named(holding.receipts)
        if file_status.is_directory(holding.ledger):
            keys = KeyRing([read_public_key(holding.key)])
            named |= set(read_state(holding.ledger, keys).recordings)
    return named
