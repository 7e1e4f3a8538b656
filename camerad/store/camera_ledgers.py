"""Damaged copies of cameras' ledgers in an office, and the deletions that they block.

Holds may be hidden by the damage. So a recording of such a camera goes only when it is twice its
days old: that is the time that the policy gives anyway for asking to have one held. A shorter one
would be a guess, and one without end would keep footage of people for the sake of a damaged file.

A copy that is gone as a whole hides nothing that a camera or a stick could have brought: it was
removed at the office's own storage, or it never came. That is reported, and recordings that are due
are deleted in time, by the holds in the office's own ledger.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Final

import msgspec

from camerad.base import file_status
from camerad.base.clock import DAY
from camerad.base.errors import StorageError
from camerad.container.keys import KeyFileError, KeyRing, read_public_key
from camerad.container.recording_files import SUFFIX, list_names
from camerad.container.severity import Severity
from camerad.ledger.ledger import read_ledger
from camerad.ledger.ledger_state import LedgerState
from camerad.store.camera_directories import by_camera
from camerad.store.held_on_camera import MOST_HELD, LedgerMemory, held_in
from camerad.store.locations import (
    Holding,
    Place,
    PlaceKind,
    device_stem,
    holding_name,
    holding_stem,
)
from camerad.store.retention import Candidate

MOST_CAMERAS: Final = 4_000
"""Of how many it is remembered what is wrong with their ledgers."""
_DAMAGE: Final = LedgerMemory[str | None](None, MOST_CAMERAS)
_PLACE_AGAIN = (
    "holds may be hidden by that: its recordings go only when they are twice their days old. "
    "Within that time place every hold again that should be there ('camerad evidence hold')"
)


class DoubtfulLedger(msgspec.Struct, frozen=True):
    """A copy that cannot be relied on.

    devices: how the names of the camera's directories begin. text: what is wrong and what to do.
    hides: it may hide holds. error: of the storage, if that is it. passing: it has only changed
    since it was read, and is read again soon.
    """

    devices: frozenset[str]
    text: str
    hides: bool = True
    error: StorageError | None = None
    passing: bool = False


def find_doubtful(place: Place, state: LedgerState, trusted: KeyRing) -> tuple[DoubtfulLedger, ...]:
    """The copies that are damaged, gone, or cannot be read, of cameras with recordings here.

    state: what the office's ledger says. trusted: keys of the devices, beside those that came with
    the recordings: a ledger goes on under another key.
    """
    if place.kind is not PlaceKind.OFFICE:
        return ()
    devices, keys = devices_here(state), _keys(place, trusted)
    found = []
    for several in by_camera(place.holdings):
        theirs = frozenset(one.stem for one in several)
        listed = [one for one in several if one.listed]
        if theirs.isdisjoint(devices) and not any(map(has_recordings, listed)):
            continue
        doubts = (_doubt(one, theirs, keys) for one in listed)
        found += [one for one in doubts if one is not None]
    return tuple(found)


def devices_here(state: LedgerState) -> set[str]:
    """How the names of directories begin of the cameras that have recordings here."""
    return {device_stem(one.device) for one in state.recordings.values() if one.here}


def stays(candidate: Candidate, paths: Sequence[str], doubtful: Sequence[DoubtfulLedger]) -> bool:
    """Whether a recording that is due stays because holds on it may be hidden, by whichever copy of
    its camera's ledger: one that got another key or name has several. paths: its files."""
    if candidate.age_us >= 2 * candidate.known.retention_days * DAY:
        return False
    roots = {os.path.dirname(os.path.dirname(path)) for path in paths}
    devices = {holding_stem(os.path.basename(root)) for root in roots}
    devices.add(device_stem(candidate.known.device))
    return any(one.hides and not one.devices.isdisjoint(devices) for one in doubtful)


def _keys(place: Place, trusted: KeyRing) -> KeyRing:
    found = [*trusted.values()]
    for holding in place.holdings:
        with contextlib.suppress(KeyFileError):
            key = read_public_key(holding.key)
            if holding.root.endswith(holding_name("", key)):
                found.append(key)
    return KeyRing(found)


def has_recordings(holding: Holding) -> bool:
    """Whether recordings lie in a camera's directory, or it is unknown; those of a camera that
    was renamed lie there too."""
    try:
        return any(name.endswith(SUFFIX) for name in list_names(holding.recordings))
    except StorageError:
        return True


def _doubt(holding: Holding, devices: frozenset[str], keys: KeyRing) -> DoubtfulLedger | None:
    """The damage of a copy; None if there is none."""
    try:
        if not (file_status.is_directory(holding.ledger) and list_names(holding.ledger)):
            text = (
                f"{holding.ledger}: the copy of the camera's ledger is gone, so it is unknown "
                "whether recordings are missing: dock the camera, or offload it, once more"
            )
            return DoubtfulLedger(devices, text, hides=False)
        damage, checked = _DAMAGE.find(holding, keys, lambda: _first_damage(holding, keys))
        held = held_in(holding, keys)
    except StorageError as error:
        return DoubtfulLedger(devices, str(error), error=error)
    if damage is not None:
        text = f"{holding.ledger}: the copy of the camera's ledger is damaged: {damage}"
    elif not (checked and held.current):
        text = (
            f"{holding.ledger}: the copy of the camera's ledger has changed since it was read, so "
            "its recordings stay until it is read again, in some minutes"
        )
        return DoubtfulLedger(devices, text, passing=True)
    elif not held.complete:
        text = (
            f"{holding.ledger}: the camera's ledger holds more than {MOST_HELD} recordings, which "
            "no camera does that is in order: look into the camera"
        )
    else:
        return None
    return DoubtfulLedger(devices, f"{text}; {_PLACE_AGAIN}")


def _first_damage(holding: Holding, keys: KeyRing) -> str | None:
    found = read_ledger(holding.ledger, keys)[1]
    return next((str(one) for one in found if one.severity is Severity.DAMAGE), None)
