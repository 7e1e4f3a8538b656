"""Targets of the desk's commands: a directory, or one recording in it."""

from __future__ import annotations

import os

import msgspec

from camerad.base import file_status
from camerad.base.storage_errors import ForbiddenError
from camerad.cli import desk
from camerad.cli.console import CommandError
from camerad.container.recording_ids import is_id
from camerad.evidence import office_key_file
from camerad.ledger.ledger import read_state
from camerad.store import receipts
from camerad.store.locations import (
    MissingError,
    NotThereError,
    Place,
    PlaceKind,
    check_directories,
    place_of,
    resolve_named,
)


class Target(msgspec.Struct, frozen=True):
    """What a command is about. file: of one recording; None where it is the whole place."""

    place: Place
    file: str | None


def find_target(what: str | None, state: str) -> Target:
    """What a path, a recording's id, or nothing stands for. Raises NotThereError; MissingError for
    the id of a recording that should be there."""
    if what is None:
        return Target(_default_place(state), None)
    if is_id(what) and not _is_here(what):
        place = _default_place(state)
        try:
            return Target(place, place.find(what))
        except NotThereError:
            if by := _named_by(place, what):
                raise MissingError(
                    f"{what}: it is missing: {by} names it, and neither its file nor a deletion of "
                    f"it is in {place.root}"
                ) from None
            raise
    path = resolve_named(what)
    if os.sep not in what and not file_status.exists(path):
        raise NotThereError(
            f"{what}: there is no such file here, and it is no recording's id: that looks like "
            "20261124T153000Z-000001-9f3c02ab; list what there is ('camerad evidence list')"
        )
    if file_status.is_link(path) and file_status.mode_of(path, linked=True) is None:
        raise NotThereError(
            f"{path}: this symbolic link leads to nothing; name the file or directory itself"
        )
    place = _place(path)
    for one in place.unread:
        if one.is_no_directory and f"{path}/".startswith(f"{one.directory}/"):
            raise one.error  # it is not in the store
    if not file_status.is_directory(path, linked=True):
        return Target(place, path)
    if place.kind is PlaceKind.OFFICE and path != place.root:
        # One device's part of an office's directory.
        own = tuple(one for one in place.holdings if path in (one.root, one.recordings))
        theirs = {one.root for one in own}
        unread = tuple(one for one in place.unread if os.path.dirname(one.directory) in theirs)
        place = Place(place.kind, place.root, own, unread)
    return Target(place, None)


def _is_here(name: str) -> bool:
    """Whether the working directory has something of this name. In one that this user may not look
    into, they can name no file."""
    try:
        return file_status.exists(name)
    except ForbiddenError:
        return False


def _named_by(place: Place, recording: str) -> str:
    """What says that this recording should be here: "the ledger", or a receipt; "" if nothing does.
    Nothing is checked by that. Raises StorageError."""
    if place.kind is PlaceKind.FILES:
        return ""
    known = None
    if file_status.is_directory(place.ledger):
        device = place.kind is PlaceKind.DEVICE
        keys = (
            desk.accompanying_keys(place)
            if device
            else office_key_file.ledger_keys(place, None).ring
        )
        known = read_state(place.ledger, keys).recordings.get(recording)
    if known is not None:
        return "the ledger" if known.deleted is None else ""
    if place.kind is PlaceKind.OFFICE:
        for holding in (one for one in place.holdings if not one.broken):
            if recording in receipts.named(holding.receipts):
                return "a receipt"
    return ""


def _default_place(state: str) -> Place:
    """The store that ``--state`` names, or its default."""
    if not file_status.exists(state):
        raise NotThereError(
            f"{os.path.abspath(state)}: there is no such store; name a device's state directory or "
            "an office's directory with --state"
        )
    return _place(state)


def _place(path: str) -> Place:
    """The place that a path is in. Of an office's, what symbolic links lead out of is skipped, and
    told (`Place.unread`); raises StorageError where one lies in another place."""
    place = place_of(path)
    check_directories(place, all_of_it=False)
    return place


def find_recording(what: str, state: str) -> tuple[Place, str]:
    """The same, where it has to be one recording. Raises NotThereError and CommandError."""
    target = find_target(what, state)
    if target.file is None:
        raise CommandError(
            f"{what}: this is a directory; name one recording, by its file or its id"
        )
    return target.place, target.file
