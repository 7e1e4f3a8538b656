"""Changes a store: directly, or through the daemon that owns it.

On a device whose daemon runs, everything that changes something is asked of the daemon. Otherwise
the store is claimed and its ledger opened here.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import quote

import msgspec
from msgspec.structs import asdict

from camerad.base import storage_errors
from camerad.base.clock import DeclaredMoment
from camerad.base.errors import CameradError, ControlError, NoDaemonError, StorageError
from camerad.base.safe_read import read_plain
from camerad.cli import desk
from camerad.cli.console import CommandError, warn
from camerad.container.keys import KeyRing, SigningKey
from camerad.control.client import refusal, request
from camerad.evidence import office_key_file, office_store
from camerad.ledger.ledger import read_ledger
from camerad.ledger.ledger_state import LedgerState
from camerad.store import disk, identity
from camerad.store.device_client import OwnedDevice
from camerad.store.discrepancies import Discrepancy
from camerad.store.locations import Place, PlaceKind
from camerad.store.purging import Purged, describe_move
from camerad.store.receipts import CopiedRecording
from camerad.store.store import PlaceClaim, Store

_LARGEST_KEY: Final = 64 * 1024


class StoreWriter(Protocol):
    """An access that may change the store: `Store`, or `RunningDevice`."""

    def hold(self, recording: str, reason: str, who: str, *, ground: str = "") -> None:
        """Keep a recording. ground: what for; a camera's ledger has none."""

    def release(self, recording: str, who: str, reason: str | None = None) -> None:
        """Keep it no longer. reason: why; None if none was given."""

    def purge_and_explain(self) -> Purged:
        """Delete what is due, and say whether that is all of it."""


@contextlib.contextmanager
def open_writer(
    options: argparse.Namespace,
    place: Place,
    about: str | None = None,
    *,
    reports_unread: bool = False,
) -> Iterator[StoreWriter]:
    """The access that may change the store at this place. about: id of the one recording that
    it is about.

    reports_unread: the writer's own answer names what could not be read, so it is not said here.
    Raises CommandError where there is no store, StateDirectoryError if another process has it, and
    StorageError.
    """
    if place.kind is PlaceKind.DEVICE and (access := _access(place)) is not _Access.FREE:
        if options.trust_clock:
            warn("a camera that runs goes by its own clock: --trust-clock changes nothing there")
        yield RunningDevice(place, options.socket, closed=access is _Access.CLOSED)
        return
    with open_store(options, place, about) as (store, _):
        if not reports_unread:
            for error in store.unread:
                warn(str(error))
        yield store


@contextlib.contextmanager
def open_device(
    options: argparse.Namespace, place: Place, office_keys: KeyRing | None = None
) -> Iterator[RunningDevice | OwnedDevice]:
    """The device whose state directory this is. office_keys: those of its office, whose receipts it
    accepts beside its own. Raises as `open_writer`."""
    if place.kind is not PlaceKind.DEVICE:
        raise CommandError(
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
        key, made = office_key_file.load_or_create_key(options.office_key)
        if made:
            warn(f"made the office's key: {options.office_key}; keep a copy of it")
        with office_store.open_office_store(
            place,
            key,
            desk.clock_of(options, place),
            _enrolled(options, place),
            warn,
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
            warn(f"this computer's clock {describe_move(moved_us)}, and you declare it right")
        ledger.append("clock_declared", **asdict(said))


def _say_difference(difference: Discrepancy) -> None:
    """Alarms were logged, which shows here as well."""
    if not difference.alarm:
        warn(str(difference))


def check_store(place: Place) -> None:
    """Raises CommandError where there is no store."""
    if place.kind is PlaceKind.FILES:
        raise CommandError(
            f"{place.root}: these are files without a ledger, so nothing is held or deleted here; "
            "name a device's state directory, or the office's directory"
        )


def keys_of_store(options: argparse.Namespace, place: Place) -> KeyRing:
    """The devices' keys by which a store ingests recordings."""
    return (
        _enrolled(options, place) if place.kind is PlaceKind.OFFICE else desk.published_keys(place)
    )


def _enrolled(options: argparse.Namespace, place: Place) -> KeyRing:
    """The devices' keys by which an office ingests recordings; none is no error, but is said."""
    try:
        return desk.trusted_keys(options, place)
    except CommandError as error:
        warn(f"this office ingests nothing new: {error}")
        return KeyRing()


def _own_key(place: Place) -> SigningKey:
    """The private key in a device's state directory."""
    path = os.path.join(place.root, identity.KEY_NAME)
    try:
        return SigningKey.from_pem(read_plain(path, "device's key", _LARGEST_KEY))
    except StorageError as error:
        if error.errno != errno.ENOENT:
            raise
        raise CommandError(
            f"{path}: the device's key is not here, so nothing can be written into its ledger; do "
            "this on the device itself, or in the office's directory"
        ) from None
    except ValueError as error:
        raise CommandError(f"{path}: {error}; start the daemon, which mends this") from error


# ---------------------------------------------------------------------------- a running device


PATIENCE_SECONDS: Final = 60.0
"""A ledger is written between fragments of a running recording, and a purge takes its time."""


class RunningDevice:
    """The same interface as `camerad.store.device_client.OwnedDevice` and, for holds and deletions,
    as
    `camerad.store.store.Store`.

    place: its state directory. socket: where its daemon listens. closed: it is asked because this
    user may not read the recordings; otherwise because another process has them. office: the keys
    of its office, whose receipts the daemon accepts; none if it does not know them. Everything
    raises ControlError if the daemon does not answer, CommandError if what it is asked for cannot
    be, NotAllowedError if this user may not, NotNowError if it was asked too often, and
    StorageError if its storage fails.
    """

    def __init__(
        self, place: Place, socket: str, *, closed: bool = False, office: KeyRing | None = None
    ) -> None:
        self.place: Final = place
        self._socket = socket
        self._closed = closed
        self.key, former = identity.published(place.root)
        self.keys: Final = KeyRing([self.key, *former])
        self.receipt_keys: Final = KeyRing([*self.keys.values(), *(office or {}).values()])
        self._compare_keys()

    def state(self) -> LedgerState:
        """What its ledger says."""
        return read_ledger(self.place.ledger, self.keys)[0]

    def hold(self, recording: str, reason: str, who: str, *, ground: str = "") -> None:  # noqa: ARG002 - a camera's ledger has none
        """See `Store.hold`."""
        self._post(f"/recordings/{quote(recording)}/hold", {"reason": reason, "who": who})

    def release(self, recording: str, who: str, reason: str | None = None) -> None:
        """See `Store.release`."""
        why = {} if reason is None else {"reason": reason}
        self._post(f"/recordings/{quote(recording)}/release", {"who": who, **why})

    def purge_and_explain(self) -> Purged:
        """See `Store.purge_and_explain`."""
        return Purged.from_json(self._post("/purge", {}))

    def sign(self, device: str, directory: str, copied: Sequence[CopiedRecording]) -> bytes:  # noqa: ARG002 - the daemon knows its own name
        """See `camerad.store.device_client.sign_receipt`."""
        asked = {"directory": directory, "recordings": [msgspec.to_builtins(one) for one in copied]}
        receipt: str = self._post("/acknowledge", asked)["receipt"]
        return receipt.encode("ascii")

    def acknowledge(self, token: bytes) -> None:
        """See `camerad.store.device_client.accept_receipt`."""
        self._post("/acknowledge", {"receipt": token.decode("ascii")})

    def close(self) -> None:
        """There is nothing to let go of."""

    def _compare_keys(self) -> None:
        """Make sure that it is this device's daemon which listens there."""
        root = self.place.root
        try:
            status, answer = request(self._socket, "GET", "/identity")
        except NoDaemonError as error:
            if self._closed:
                why = "this user may not read this store"
                cure = "Run this with sudo"
            else:
                why = "another process has this store: a daemon, or a command such as an offload"
                cure = "Wait until that command ends"
            raise NoDaemonError(
                f"{root}: {why}, and no daemon listens at {self._socket}. {cure}, or name the "
                "socket of the store's daemon with --socket"
            ) from error
        if status != HTTPStatus.OK:
            raise _refusal(
                status,
                f"the daemon at {self._socket} does not say which device it is: "
                f"{answer.get('error', status)}; see 'camerad status'",
            )
        if answer.get("thumbprint") != self.key.thumbprint:
            raise ControlError(
                f"the daemon at {self._socket} is that of another device than the one whose store "
                f"is {root}: --socket and --state have to name the same device"
            )

    def _post(self, target: str, body: dict[str, Any]) -> dict[str, Any]:
        status, answer = request(self._socket, "POST", target, body, PATIENCE_SECONDS)
        if status >= HTTPStatus.BAD_REQUEST:
            raise _refusal(status, str(answer.get("error") or answer.get("refused") or status))
        return answer


def _refusal(status: int, text: str) -> CameradError:
    """The error that says so, with the exit code that the same has where no daemon is asked."""
    match status:
        case HTTPStatus.FORBIDDEN | HTTPStatus.TOO_MANY_REQUESTS:
            return refusal(status, text)
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return StorageError(text)
        case HTTPStatus.INTERNAL_SERVER_ERROR:
            return CameradError(text)
        case _:
            return CommandError(text)
