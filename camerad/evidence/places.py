"""Where recordings lie: in a device's state directory, in an office's directory, or somewhere.

A device's state directory:

======================  ==========================================================================
``recordings/ID.tar``   its recordings
``ledger/``             its ledger
``identity.pem``        its key, unless the service manager brings that
``keys/``               the public halves of every key that it ever had
======================  ==========================================================================

An office's directory, as `camerad offload` makes it:

=============================  ===================================================================
``office/id``                  names this directory in receipts
``office/ledger/``             the office's own ledger, signed by the office's own key
``office/keys/``               the public halves of every key that signed it
``DEVICE/recordings/ID.tar``   copies of a device's recordings; DEVICE is its id, a dash, and the
                               first eight characters of its key's thumbprint
``DEVICE/receipts/NNNN.jws``   what the device signed about these copies
``DEVICE/ledger/``             a copy of the device's ledger
``DEVICE/earlier-ledger/``     what the device's ledger said that does not go on from that copy
``DEVICE/device.jwk``          the device's key as it came with the recordings; it proves nothing
=============================  ===================================================================
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from camerad.errors import CameradError
from camerad.evidence.container import ID, SUFFIX, UNREADABLE
from camerad.evidence.files import explained, open_directory
from camerad.evidence.keys import PublicKey

RECORDINGS: Final = "recordings"
LEDGER: Final = "ledger"
EARLIER_LEDGER: Final = "earlier-ledger"
RECEIPTS: Final = "receipts"
KEYS: Final = "keys"
DEVICE_KEY: Final = "device.jwk"
OFFICE: Final = "office"
DIRECTORY_ID: Final = "id"

_ODD: Final = re.compile(r"[^A-Za-z0-9._-]")
_THUMBPRINT: Final = 8
"""Characters of a key's thumbprint in the name of a directory."""


class NotThereError(CameradError, LookupError):
    """Error raised when there is no such recording, or nothing where recordings should be."""

    exit_code = 3  # of `camerad evidence`: unreadable


class PlaceKind(StrEnum):
    """Whose place it is."""

    DEVICE = "device"
    OFFICE = "office"
    FILES = "files"
    """Nobody's: just files. There is no ledger, so nothing can be held or deleted there."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One device's recordings in a place, and what came with them.

    root: the directory that has all of it; "" for mere files, and then only `recordings` counts.
    """

    root: str
    recordings: str

    @property
    def ledger(self) -> str:
        """The device's ledger, or a copy of it."""
        return os.path.join(self.root, LEDGER)

    @property
    def earlier_ledger(self) -> str:
        """What its ledger said that does not go on from the copy, and parts of the copy which that
        did not go on from."""
        return os.path.join(self.root, EARLIER_LEDGER)

    @property
    def receipts(self) -> str:
        """What the device signed about copies."""
        return os.path.join(self.root, RECEIPTS)

    @property
    def key(self) -> str:
        """The device's key as it came with the recordings."""
        return os.path.join(self.root, DEVICE_KEY)


@dataclass(frozen=True, slots=True)
class Place:
    """A place, and what is in it. root: the store's directory, or that of mere files."""

    kind: PlaceKind
    root: str
    holdings: tuple[Holding, ...]

    @property
    def ledger(self) -> str:
        """The place's own ledger: that says what is held there, and what was deleted."""
        if self.kind is PlaceKind.OFFICE:
            return os.path.join(self.root, OFFICE, LEDGER)
        return os.path.join(self.root, LEDGER)

    def find(self, recording: str) -> str:
        """The file of the recording with this id. Raises NotThereError, and StorageError if that is
        a symbolic link."""
        for path in self.files_of(recording):
            if os.path.islink(path):
                error = OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                raise explained("use the recording", path, error)
            return path
        raise NotThereError(f"there is no recording {recording} in {self.root}; list what there is")

    def files_of(self, recording: str) -> list[str]:
        """Everything that has this recording's name; more than one where it was copied about.

        A file that was put aside as unreadable goes by its whole name.
        """
        if not is_id(recording.removesuffix(UNREADABLE)):
            # A ledger has whatever text its key signed: it must not lead out of the directory.
            return []
        name = recording if recording.endswith(UNREADABLE) else recording + SUFFIX
        paths = (os.path.join(one.recordings, name) for one in self.holdings)
        return [path for path in paths if os.path.lexists(path)]

    def holding_of(self, path: str) -> Holding | None:
        """What a recording's file belongs to."""
        directory = os.path.dirname(path)
        return next((one for one in self.holdings if one.recordings == directory), None)


def holding_name(device: str, key: PublicKey) -> str:
    """Name of a device's directory in an office's directory."""
    return f"{device_stem(device)}-{key.thumbprint[:_THUMBPRINT]}"


def holding_stem(name: str) -> str:
    """What the names of a device's directories begin with, from one of them; the thumbprint behind
    it may have dashes itself."""
    return name[: -1 - _THUMBPRINT]


def device_stem(device: str) -> str:
    """The same from the device's name."""
    return _ODD.sub("_", device)


def place_of(path: str) -> Place:
    """The place that a file or a directory is, or is in.

    Raises NotThereError if it does not exist, and StorageError if it cannot be read.
    """
    path = os.path.abspath(path)
    if not os.path.lexists(path):
        raise NotThereError(f"{path}: there is no such file or directory")
    directory = path if os.path.isdir(path) else os.path.dirname(path)
    for candidate in (directory, os.path.dirname(directory)):
        found = _store(candidate)
        if found is not None:
            return found
    return Place(PlaceKind.FILES, directory, (Holding("", directory),))


def _store(root: str) -> Place | None:
    """The store whose root, or holding, this directory is."""
    above = os.path.dirname(root)
    if os.path.isdir(os.path.join(root, RECORDINGS)):
        if not _is_received(root) and not _is_office(above):
            return device_place(root)
        root = above
    if _is_office(root):
        return office_place(root)
    # One whose own part is gone is still known by what devices brought.
    received = any(_is_received(one.root) for one in _holdings(root))
    return office_place(root) if received else None


def _is_office(root: str) -> bool:
    """Whether a directory has an office's own part, or what is left of it."""
    own = os.path.join(root, OFFICE)
    return any(os.path.lexists(os.path.join(own, name)) for name in (DIRECTORY_ID, LEDGER, KEYS))


def _is_received(root: str) -> bool:
    """Whether a directory has what comes with recordings that were handed over."""
    return any(os.path.lexists(os.path.join(root, name)) for name in (DEVICE_KEY, RECEIPTS))


def device_place(state_dir: str) -> Place:
    """A device's state directory."""
    root = os.path.abspath(state_dir)
    return Place(PlaceKind.DEVICE, root, (Holding(root, os.path.join(root, RECORDINGS)),))


def office_place(root: str) -> Place:
    """An office's directory. Raises StorageError if it cannot be read."""
    root = os.path.abspath(root)
    return Place(PlaceKind.OFFICE, root, _holdings(root))


def _holdings(root: str) -> tuple[Holding, ...]:
    try:
        with os.scandir(root) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError as error:
        raise explained("list the directory", root, error) from error
    holdings = (
        Holding(os.path.join(root, name), os.path.join(root, name, RECORDINGS)) for name in names
    )
    # Whatever of the rest was taken away: the recordings are there, and have to be looked at.
    return tuple(one for one in holdings if os.path.isdir(one.recordings))


def check_directories(place: Place) -> None:
    """Raise StorageError if something else than a directory lies where a store has one: whoever
    wrote a card, or a stick, may have put symbolic links there, and what is written and removed in
    a store would be so wherever they lead."""
    if place.kind is PlaceKind.FILES:
        return
    office = os.path.join(place.root, OFFICE)
    paths = [place.ledger]
    if place.kind is PlaceKind.DEVICE:
        paths += [os.path.join(place.root, KEYS)]
    else:
        paths += [office, os.path.join(office, KEYS)]
    for one in place.holdings:
        paths += [one.root, one.recordings]
        if place.kind is PlaceKind.OFFICE:
            paths += [one.ledger, one.earlier_ledger, one.receipts]
    for path in paths:
        try:
            if path != place.root and os.path.lexists(path):
                os.close(open_directory(path))
        except OSError as error:
            raise explained("use it as a directory", path, error) from error


def is_id(text: str) -> bool:
    """Whether this is a recording's id rather than a path."""
    return ID.fullmatch(text) is not None
