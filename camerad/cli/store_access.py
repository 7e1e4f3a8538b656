"""Changes a store: directly, or through the daemon that owns it.

On a device whose daemon runs, everything that changes something is asked of the daemon. Otherwise
the store is claimed and its ledger opened here.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
from collections.abc import Iterator
from enum import Enum
from typing import Final, Protocol

from msgspec.structs import asdict

from camerad.base import storage_errors
from camerad.base.clock import DeclaredMoment
from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.cli import desk
from camerad.cli.running import RunningDevice
from camerad.container.keys import KeyRing, SigningKey
from camerad.evidence import office_store, own_key
from camerad.store import disk, identity
from camerad.store.device_client import OwnedDevice
from camerad.store.discrepancies import Discrepancy
from camerad.store.locations import Place, PlaceKind
from camerad.store.purging import Purged, describe_move
from camerad.store.store import PlaceClaim, Store

_LARGEST_KEY: Final = 64 * 1024


class StoreWriter(Protocol):
    """Whoever may change the store: `Store`, or `RunningDevice`."""

    def hold(self, recording: str, reason: str, who: str, *, ground: str = "") -> None:
        """Keep a recording. ground: what for; a camera's ledger has none."""

    def release(self, recording: str, who: str, reason: str | None = None) -> None:
        """Keep it no longer. reason: why; None if nobody said so."""

    def purge_and_explain(self) -> Purged:
        """Delete what is due, and desk.say whether that is all of it."""


@contextlib.contextmanager
def open_writer(
    options: argparse.Namespace,
    place: Place,
    about: str | None = None,
    *,
    reports_unread: bool = False,
) -> Iterator[StoreWriter]:
    """Whoever may change the store at this place. about: id of the one recording that it is about.

    reports_unread: the writer's own answer names what could not be read, so it is not said here.
    Raises DeskError where there is no store, StateDirectoryError if another process has it, and
    StorageError.
    """
    if place.kind is PlaceKind.DEVICE and (access := _access(place)) is not _Access.FREE:
        if options.trust_clock:
            desk.say(
                "a camera that runs goes by its own clock: --trust-clock changes nothing there"
            )
        yield RunningDevice(place, options.socket, closed=access is _Access.CLOSED)
        return
    with open_store(options, place, about) as (store, _):
        if not reports_unread:
            for error in store.unread:
                desk.say(str(error))
        yield store


@contextlib.contextmanager
def open_device(
    options: argparse.Namespace, place: Place, office_keys: KeyRing | None = None
) -> Iterator[RunningDevice | OwnedDevice]:
    """The device whose state directory this is. office_keys: those of its office, whose receipts it
    accepts beside its own. Raises as `open_writer`."""
    if place.kind is not PlaceKind.DEVICE:
        raise desk.DeskError(
            f"{place.root}: this is not a device's state directory, and only a device offloads; "
            "name the device's with --state"
        )
    if (access := _access(place)) is not _Access.FREE:
        closed = access is _Access.CLOSED
        yield RunningDevice(place, options.socket, closed=closed, office=office_keys)
        return
    with open_store(options, place) as (store, key):
        current, former = identity.published(place.root)
        yield OwnedDevice(store, key, KeyRing([key.public, current, *former]), office_keys)


class _Access(Enum):
    """How a device's recordings stand to this command."""

    FREE = "free"
    TAKEN = "taken"
    """Another process has them: a daemon, mostly."""
    CLOSED = "closed"
    """This user may not read them, but a daemon may let them."""


def _access(place: Place) -> _Access:
    try:
        os.close(disk.claim(place.holdings[0].recordings))
    except disk.TakenError:
        return _Access.TAKEN
    except disk.StateDirectoryError as error:
        if error.errno not in storage_errors.FORBIDDEN:
            raise
        return _Access.CLOSED
    return _Access.FREE


@contextlib.contextmanager
def open_store(
    options: argparse.Namespace, place: Place, about: str | None = None
) -> Iterator[tuple[Store, SigningKey]]:
    """The store, claimed and compared with its files, and the key of its ledger. about: id of the
    one recording that it is about; then only that is compared, and what is new."""
    check_store(place)
    if place.kind is PlaceKind.OFFICE:
        key, made = own_key.load_or_create_key(options.office_key)
        if made:
            desk.say(f"made the office's own key: {options.office_key}; keep a copy of it")
        with office_store.open_office_store(
            place,
            key,
            desk.clock_of(options, place),
            _enrolled(options, place),
            desk.say,
            about=None if about is None else [about],
            replace=options.new_office_key,
            differs=_say_difference,
        ) as store:
            _declare_clock(store, options)
            yield store, key
        return
    with PlaceClaim(place) as claim:
        key = _own_key(place)
        clock = desk.clock_of(options, place)
        with Store.open(claim, key, clock, desk.published_keys(place)) as store:
            for difference in store.reconcile() if about is None else store.reconcile_for(about):
                _say_difference(difference)
            _declare_clock(store, options)
            yield store, key


def _declare_clock(store: Store, options: argparse.Namespace) -> None:
    """Write down who declared this computer's time right, where it counts for that alone; and tell
    how far it was set since the computer was started."""
    if not options.trust_clock:
        return
    ledger = store.ledger
    present = ledger.now()
    moved_us = ledger.state.moved_us(*present)
    for said in ledger.state.declare(desk.person(options), *present):
        if moved_us and isinstance(present[1], DeclaredMoment):
            desk.say(f"this computer's clock {describe_move(moved_us)}, and you declare it right")
        ledger.append("clock_declared", **asdict(said))


def _say_difference(difference: Discrepancy) -> None:
    """Alarms were logged, which shows here as well."""
    if not difference.alarm:
        desk.say(str(difference))


def check_store(place: Place) -> None:
    """Raises DeskError where there is no store."""
    if place.kind is PlaceKind.FILES:
        raise desk.DeskError(
            f"{place.root}: these are files without a ledger, so nothing is held or deleted here; "
            "name a device's state directory, or the office's directory"
        )


def keys_of_store(options: argparse.Namespace, place: Place) -> KeyRing:
    """The devices' keys by which a store takes recordings over."""
    return (
        _enrolled(options, place) if place.kind is PlaceKind.OFFICE else desk.published_keys(place)
    )


def _enrolled(options: argparse.Namespace, place: Place) -> KeyRing:
    """The devices' keys by which an office takes recordings over; none is no error, but is said."""
    try:
        return desk.trusted_keys(options, place)
    except desk.DeskError as error:
        desk.say(f"this office takes over nothing new: {error}")
        return KeyRing()


def _own_key(place: Place) -> SigningKey:
    """The private key in a device's state directory."""
    path = os.path.join(place.root, identity.KEY_NAME)
    try:
        return SigningKey.from_pem(read_plain(path, "device's key", _LARGEST_KEY))
    except StorageError as error:
        if error.errno != errno.ENOENT:
            raise
        raise desk.DeskError(
            f"{path}: the device's key is not here, so nothing can be written into its ledger; do "
            "this on the device itself, or in the office's directory"
        ) from None
    except ValueError as error:
        raise desk.DeskError(f"{path}: {error}; start the daemon, which mends this") from error
