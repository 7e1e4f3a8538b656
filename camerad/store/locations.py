"""Locations of recordings: a device's state directory, an office's directory, or plain files.

A device's state directory:

======================  ==========================================================================
``recordings/ID.tar``   its recordings
``ledger/``             its ledger
``identity.pem``        its key, unless the service manager brings that
``keys/``               the public halves of every key that it ever had
======================  ==========================================================================

An office's directory, as `camerad offload` and the office's server make it:

=============================  ===================================================================
``office/id``                  names this directory in receipts
``office/ledger/``             the office's own ledger, signed by the office's key
``office/keys/``               the public halves of every key that signed it
``office/incoming/``           what cameras in their docks are still handing over
``office/index.sqlite``        made from all of the rest, to answer questions
                               (`camerad.office.index`)
``office/quarantine/``         what they handed over and the office did not take, with the reason
``office/restoring/``          a recording that is just coming back from its replica
``DEVICE/recordings/ID.tar``   copies of a device's recordings; DEVICE is its id, a
                               dash, and the first eight characters of its key's thumbprint
``DEVICE/receipts/NNNN.jws``   what the device or the office signed about these copies
``DEVICE/ledger/``             a copy of the device's ledger
``DEVICE/earlier-ledger/``     what the device's ledger said that does not go on from that copy
``DEVICE/device.jwk``          the device's key as it came with the recordings; it proves nothing
=============================  ===================================================================
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

import msgspec

from camerad.base import file_status
from camerad.base.errors import CameradError, StorageError
from camerad.base.storage_errors import ForbiddenError, explain, explaining
from camerad.container.keys import PublicKey
from camerad.container.recording_files import SUFFIX, UNREADABLE
from camerad.container.recording_ids import RecordingId, is_id

RECORDINGS: Final = "recordings"
LEDGER: Final = "ledger"
EARLIER_LEDGER: Final = "earlier-ledger"
RECEIPTS: Final = "receipts"
KEYS: Final = "keys"
DEVICE_KEY: Final = "device.jwk"
OFFICE: Final = "office"
DIRECTORY_ID: Final = "id"
_OF_HOLDING: Final = (RECORDINGS, RECEIPTS, LEDGER, DEVICE_KEY)
"""If one of these is left in a directory, recordings of a device are, or were, there."""
_OF_DEVICE: Final = (RECORDINGS, LEDGER, "identity.pem")
"""The same for a device's state directory; and one more, where the service manager has its key."""
_CONFIRMED: Final = os.path.join(KEYS, "current")
OF_FILE_SYSTEM: Final = "lost+found"
"""Made with a file system, and root's; what a repair of it puts there has no recording's name."""

_ODD: Final = re.compile(r"[^A-Za-z0-9._-]")
THUMBPRINT: Final = 8
"""Characters of a key's thumbprint in the name of a directory."""


class NotThereError(CameradError, LookupError):
    """Error raised when a recording does not exist, or no recordings are where they were looked
    for."""

    exit_code = 3  # of `camerad evidence`: unreadable


class MissingError(NotThereError):
    """Error raised when a recording does not exist, though it should."""


class PlaceKind(StrEnum):
    """Whose place it is."""

    DEVICE = "device"
    OFFICE = "office"
    FILES = "files"
    """Neither: just files. There is no ledger, so nothing can be held or deleted there."""


class Holding(msgspec.Struct, frozen=True):
    """One device's recordings in a place, and what came with them.

    root: the directory that has all of it; "" for mere files, and then only `recordings` counts.
    listed: the directory of the recordings is there and could be looked into. broken: something
    else than a directory, such as a symbolic link, lies where one of its directories should be.
    Then nothing in it is read, written or removed, and it is not listed. newest: the root of the
    holding whose copy goes on from this one's ledger (`camerad.store.camera_directories`); "" for
    its own.
    """

    root: str
    recordings: str
    listed: bool = True
    broken: bool = False
    newest: str = ""

    @property
    def name(self) -> str:
        """Name of the directory."""
        return os.path.basename(self.root)

    @property
    def stem(self) -> str:
        """How the names of its device's directories begin."""
        return holding_stem(self.name)

    def file(self, recording: RecordingId) -> str:
        """Where the file of a recording is, or would be."""
        return os.path.join(self.recordings, recording + SUFFIX)

    @property
    def ledger(self) -> str:
        """The device's ledger, or a copy of it."""
        return os.path.join(self.newest or self.root, LEDGER)

    @property
    def earlier_ledger(self) -> str:
        """Parts of the device's ledger that do not fit the copy: what the ledger said that does not
        go on from the copy, and what of the copy the ledger did not go on from."""
        return os.path.join(self.root, EARLIER_LEDGER)

    @property
    def receipts(self) -> str:
        """What the device or the office signed about copies."""
        return os.path.join(self.root, RECEIPTS)

    @property
    def key(self) -> str:
        """The device's key as it came with the recordings."""
        return os.path.join(self.root, DEVICE_KEY)


class UnreadPlace(msgspec.Struct, frozen=True):
    """A directory that could not be looked into. error: why, and what helps."""

    directory: str
    error: StorageError

    @property
    def gone(self) -> bool:
        """Whether it is not there at all, though it should be."""
        return self.error.errno == errno.ENOENT

    @property
    def is_no_directory(self) -> bool:
        """Whether something else is in its place. No camera and no office leaves that."""
        return self.error.errno in (errno.ELOOP, errno.ENOTDIR)


class Place(msgspec.Struct, frozen=True):
    """A place, and what is in it.

    root: the store's directory, or that of mere files. unread: what in an office could not be
    looked into; in other places the error is raised.
    """

    kind: PlaceKind
    root: str
    holdings: tuple[Holding, ...]
    unread: tuple[UnreadPlace, ...] = ()

    @property
    def ledger(self) -> str:
        """The place's own ledger, which says what is held and what was deleted there."""
        if self.kind is PlaceKind.OFFICE:
            return os.path.join(self.root, OFFICE, LEDGER)
        return os.path.join(self.root, LEDGER)

    def find(self, recording: str) -> str:
        """The file of the recording with this id.

        Raises NotThereError, and StorageError if the file is a symbolic link, or may be in an
        unreadable place.
        """
        for path in self.files_of(recording):
            if file_status.is_link(path):
                error = OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                raise explain("use the recording", path, error)
            return path
        for one in self.unread:
            raise type(one.error)(f"{recording}: it is not in what could be read: {one.error}")
        raise NotThereError(f"there is no recording {recording} in {self.root}; list what there is")

    def files_of(self, recording: str) -> list[str]:
        """Every file with this recording's name; several if it was copied about.

        The recording is gone if there is none and `unread` is empty. A file that was put aside as
        unreadable goes by its whole name.
        """
        if not is_id(recording.removesuffix(UNREADABLE)):
            # A ledger has whatever text its key signed: it must not lead out of the directory.
            return []
        name = recording if recording.endswith(UNREADABLE) else recording + SUFFIX
        paths = (os.path.join(directory, name) for directory in self.shelves)
        return [path for path in paths if file_status.exists(path)]

    @property
    def shelves(self) -> tuple[str, ...]:
        """The directories of recordings that could be looked into."""
        return tuple(one.recordings for one in self.holdings if one.listed)

    def unread_stems(self, *, gone: bool = True) -> set[str]:
        """How the names of an office's directories begin that could not be looked into. gone: also
        of those that are not there at all."""
        there = (one.directory for one in self.unread if gone or not one.gone)
        names = (os.path.relpath(one, self.root).partition(os.sep)[0] for one in there)
        return set(map(holding_stem, names))

    def holding_of(self, path: str) -> Holding | None:
        """The holding that a recording's file belongs to."""
        directory = os.path.dirname(path)
        return next((one for one in self.holdings if one.recordings == directory), None)


def holding_name(device: str, key: PublicKey) -> str:
    """Name of a device's directory in an office's directory."""
    return f"{device_stem(device)}-{key.thumbprint[:THUMBPRINT]}"


def holding_ending(thumbprint: str) -> str:
    """How the names of the directories of a key end."""
    return f"-{thumbprint[:THUMBPRINT]}"


def holding_stem(name: str) -> str:
    """How the names of a device's directories begin, from one of them. The thumbprint behind it may
    have dashes itself."""
    return name[: -1 - THUMBPRINT]


def device_stem(device: str) -> str:
    """The same from the device's name."""
    return _ODD.sub("_", device)


def place_of(path: str) -> Place:
    """The place that a file or a directory is, or is in.

    Any part shows a store, so one that lost some of them is found all the same. A link counts as
    what it leads to, as for `named`. Raises NotThereError if the path does not exist, and
    StorageError if it cannot be read.
    """
    path = resolve_named(path)
    if not file_status.exists(path):
        raise NotThereError(f"{path}: there is no such file or directory")
    directory = path if file_status.is_directory(path, linked=True) else os.path.dirname(path)
    if file_status.is_link(directory):
        directory = os.path.dirname(directory)  # it is in the place of a store's own directory
    found = _store(directory, named=True) or _store(os.path.dirname(directory), named=False)
    return found or Place(PlaceKind.FILES, directory, (Holding("", directory),))


def resolve_named(path: str) -> str:
    """The absolute path of what a person named, with symbolic links to directories resolved.

    A person may name a store by any link. A link in the place of a store's own directory is kept,
    so that it can be refused. Raises StorageError.
    """
    head, tail = os.path.split(os.path.abspath(path))
    if not tail:
        return head
    head = resolve_named(head)
    path = os.path.join(head, tail)
    if not file_status.is_link(path) or not file_status.is_directory(path, linked=True):
        return path
    store = None if file_status.is_link(head) else _store(head, named=False)
    if store is not None and path in _directories(store):
        return path
    return os.path.realpath(path)


def _store(root: str, *, named: bool) -> Place | None:
    """The store whose root or holding this directory is; None if it is none. named: a person asked
    for it. If it only lies above what was asked for, a part that may not be looked into makes it no
    store."""
    try:
        above = os.path.dirname(root)
        if _is_office(root, shut=False):
            return office_place(root)  # whatever else is there
        if _has_any(root, (*_OF_HOLDING, *_OF_DEVICE)) or _is_confirmed(root):
            if not _is_received(root) and not _is_office(above, shut=False):
                return device_place(root)
            root = above
        if _is_office(root, shut=named):
            return office_place(root)
        # One whose own part is gone is still known by what devices brought.
        holdings, _ = _look(root)
    except ForbiddenError:
        if named:
            raise
        return None
    return office_place(root) if any(_is_received(one.root) for one in holdings) else None


def _has_any(root: str, names: tuple[str, ...]) -> bool:
    return any(file_status.exists(os.path.join(root, name)) for name in names)


def _is_office(root: str, *, shut: bool) -> bool:
    """Whether a directory has an office's own part, or what is left of it. shut: the answer for a
    part that this user may not look into."""
    try:
        return _has_any(os.path.join(root, OFFICE), (DIRECTORY_ID, LEDGER, KEYS))
    except ForbiddenError:
        # It raises if that is the root itself.
        return file_status.is_directory(os.path.join(root, OFFICE)) and shut


def _is_confirmed(root: str) -> bool:
    """Whether a device's key there was confirmed by a ledger."""
    try:
        return file_status.exists(os.path.join(root, _CONFIRMED))
    except ForbiddenError:
        return False


def _is_received(root: str) -> bool:
    """Whether a directory has what comes along with recordings that were handed over."""
    return _has_any(root, (DEVICE_KEY, RECEIPTS))


def device_place(state_dir: str) -> Place:
    """A device's state directory."""
    root = os.path.abspath(state_dir)
    return Place(PlaceKind.DEVICE, root, (Holding(root, os.path.join(root, RECORDINGS)),))


def office_place(root: str, endings: tuple[str, ...] = ("",)) -> Place:
    """An office's directory. endings: no other holding is looked at than those whose names end so.
    Raises StorageError if it cannot be read."""
    root = os.path.abspath(root)
    return Place(PlaceKind.OFFICE, root, *_look(root, endings))


def _look(
    root: str, endings: tuple[str, ...] = ("",)
) -> tuple[tuple[Holding, ...], tuple[UnreadPlace, ...]]:
    """The holdings in an office's directory, and what in it could not be looked into."""
    with explaining("list the directory", root), os.scandir(root) as entries:
        there = (entry for entry in entries if entry.name.endswith(endings))
        names = sorted(entry.name for entry in there if entry.is_dir(follow_symlinks=False))
    holdings = []
    unread = []
    for name in names:
        directory = os.path.join(root, name)
        recordings = os.path.join(directory, RECORDINGS)
        # The office's own ledger makes no holding of the office's own part.
        parts = (RECORDINGS,) if name == OFFICE else _OF_HOLDING
        try:
            if not _has_any(directory, parts):
                continue
        except StorageError as error:
            if name != OF_FILE_SYSTEM:
                unread.append(UnreadPlace(directory, error))
            continue
        own = () if name == OFFICE else (LEDGER, EARLIER_LEDGER, RECEIPTS)
        found = [UnreadPlace(recordings, error) for error in _failure(recordings)]
        for path in (os.path.join(directory, part) for part in own):
            found += [UnreadPlace(path, error) for error in _no_directory(path)]
        broken = any(one.is_no_directory for one in found)
        unread += found
        holdings.append(Holding(directory, recordings, listed=not found, broken=broken))
    return tuple(holdings), tuple(unread)


def _failure(directory: str) -> Iterator[StorageError]:
    """Yields why the names in a directory cannot be looked at; nothing if they can."""
    try:
        file_status.check_directory(directory)
        file_status.check_listable(directory)
    except StorageError as error:
        yield error


def _no_directory(path: str) -> Iterator[StorageError]:
    """Yields the error if something else than a directory has this name."""
    try:
        file_status.check_directory(path)
    except StorageError as error:
        yield error


def check_directories(place: Place, *, all_of_it: bool = True) -> None:
    """Raise StorageError if something else than a directory lies where a store has one.

    An attacker may have put symbolic links on a card or a stick, and writes and deletions in a
    store would follow them. all_of_it: check the holdings of an office too. Otherwise a broken
    holding is only marked (`Holding.broken`), and the others are dealt with.
    """
    if place.kind is PlaceKind.FILES:
        return
    theirs = () if all_of_it or place.kind is PlaceKind.DEVICE else place.holdings
    left = {path for one in theirs for path in _of_holding(one)}
    for path in _directories(place):
        if path != place.root and path not in left:
            _check_directory(path, place)


def _directories(place: Place) -> list[str]:
    """Where a store has directories of its own."""
    office = os.path.join(place.root, OFFICE)
    if place.kind is PlaceKind.DEVICE:
        (holding,) = place.holdings
        return [place.ledger, os.path.join(place.root, KEYS), holding.recordings]
    if place.kind is PlaceKind.FILES:
        return []
    theirs = (path for one in place.holdings for path in _of_holding(one))
    return [place.ledger, office, os.path.join(office, KEYS), *theirs]


def _of_holding(one: Holding) -> list[str]:
    return [one.root, one.recordings, one.ledger, one.earlier_ledger, one.receipts]


def _check_directory(path: str, place: Place) -> None:
    """Raise StorageError if something else than a directory has this name."""
    try:
        file_status.check_directory(path)
    except ForbiddenError:
        if any(path.startswith(one.directory + os.sep) for one in place.unread):
            return  # that is told; nothing is written below it either
        raise
