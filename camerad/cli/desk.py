"""What the commands of the evidence desk have in common: places, keys, clocks, and who may write.

On a device whose daemon runs, everything that changes something is asked of the daemon. Otherwise
the store is claimed and its ledger opened here.

Which keys of devices are trusted, the first that applies:

1. Those that ``--key`` names, and no others.
2. Those in this user's register, ``$XDG_CONFIG_HOME/camerad/keys``, if there is one; no others.
3. For ``verify`` alone, and only in the device's own state directory, the one that ``--state``
   names or its default: the keys that the device published there. Whoever can write recordings
   there can write keys as well, so this finds accidents and no forger; it is a remark, and the exit
   code is never 0.
4. None: that is an error which says what to do.

So ``open`` and ``export`` never go by a key that lies beside recordings, wherever that is: a stick
can have the shape of a device's state directory, with a stranger's recordings and keys. That a
daemon answers on the socket does not change this: no device is where footage is opened.

What changes an office's directory (``hold``, ``release``, ``purge``, ``export``) takes in what keys
by rules 1 and 2 vouch for. Without one it goes on, says so, and believes nothing of what is new.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from camerad.base import file_status, storage_errors
from camerad.base.clock import ClockSource, SystemClock
from camerad.base.errors import EX_USAGE, CameradError, StorageError
from camerad.base.safe_read import read_plain
from camerad.base.text import printable
from camerad.base.wall_clock import KnownTime, TimeKeeper, office_clock
from camerad.cli.options import config_home
from camerad.cli.running import RunningDevice
from camerad.container.keys import KeyFileError, KeyRing, PublicKey, SigningKey, read_public_key
from camerad.container.recording_files import SUFFIX
from camerad.container.statements import Header
from camerad.ledger.ledger import read_state
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import Held
from camerad.office import office
from camerad.store import camera_holds, disk, identity, receipts
from camerad.store.device_client import OwnedDevice
from camerad.store.locations import (
    Holding,
    MissingError,
    NotThereError,
    Place,
    PlaceKind,
    check_directories,
    holding_name,
    is_id,
    named,
    place_of,
)
from camerad.store.purging import Purged
from camerad.store.store import Store
from camerad.verify.judge import MayRun, never_runs

BESIDE: Final = (
    "checked with the keys that are kept beside these recordings: enough against accidents, not "
    "against whoever could change both; name the device's key from elsewhere with --key"
)
"""What is said where nothing better was at hand. It is a remark, so nothing is without one."""

_LARGEST_KEY: Final = 64 * 1024


class DeskError(CameradError, ValueError):
    """Error raised when a command of the desk cannot be carried out as asked."""

    exit_code = EX_USAGE


class Keeper(Protocol):
    """Whoever may change the store: `Store`, or `RunningDevice`."""

    def hold(self, recording: str, reason: str, who: str) -> None:
        """Keep a recording."""

    def release(self, recording: str, who: str) -> None:
        """Keep it no longer."""

    def purge_and_explain(self) -> Purged:
        """Delete what is due, and say whether that is all of it."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a command is about. file: of one recording; None where it is the whole place."""

    place: Place
    file: str | None


def target_of(what: str | None, state: str) -> Target:
    """What a path, a recording's id, or nothing stands for. Raises NotThereError; MissingError for
    the id of a recording that should be there."""
    if what is None:
        return Target(_default_place(state), None)
    if is_id(what) and not file_status.exists(what):
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
    path = named(what)
    if file_status.is_link(path) and file_status.mode_of(path, linked=True) is None:
        raise NotThereError(f"{path}: this symbolic link leads to nothing; name what it should")
    place = _place(path)
    for one in place.unread:
        if one.is_no_directory and f"{path}/".startswith(f"{one.directory}/"):
            raise one.error  # it is not in the store, whatever that leads to
    if not file_status.is_directory(path, linked=True):
        return Target(place, path)
    if place.kind is PlaceKind.OFFICE and path != place.root:
        # One device's part of an office's directory.
        own = tuple(one for one in place.holdings if path in (one.root, one.recordings))
        theirs = {one.root for one in own}
        unread = tuple(one for one in place.unread if os.path.dirname(one.directory) in theirs)
        place = Place(place.kind, place.root, own, unread)
    return Target(place, None)


def _named_by(place: Place, recording: str) -> str:
    """What says that this recording should be here: "the ledger", or a receipt; "" if nothing does.
    Nothing is checked by that. Raises StorageError."""
    if place.kind is PlaceKind.FILES:
        return ""
    known = None
    if file_status.is_directory(place.ledger):
        device = place.kind is PlaceKind.DEVICE
        keys = accompanying_keys(place) if device else office.ledger_keys(place, None).ring
        known = read_state(place.ledger, keys).recordings.get(recording)
    if known is not None:
        return "the ledger" if known.deleted is None else ""
    if place.kind is PlaceKind.OFFICE:
        keys = accompanying_keys(place)
        for holding in (one for one in place.holdings if not one.broken):
            filed = receipts.read(holding.receipts, keys, recording)
            if recording in receipts.by_recording(filed):
                return "a receipt"
    return ""


def code_of(unread: Iterable[StorageError]) -> int:
    """The exit code that says what could not be looked at; 0 if that is nothing."""
    return max((error.exit_code for error in unread), default=0)


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


def one_recording(what: str, state: str) -> tuple[Place, str]:
    """The same, where it has to be one recording. Raises NotThereError and DeskError."""
    target = target_of(what, state)
    if target.file is None:
        raise DeskError(f"{what}: this is a directory; name one recording, by its file or its id")
    return target.place, target.file


# ---------------------------------------------------------------------------------------- keys


def trusted_keys(options: argparse.Namespace, place: Place, *, beside: bool = False) -> KeyRing:
    """The devices' keys that the command trusts, by the rules above.

    beside: the command may go by keys that lie beside the recordings, and then says `BESIDE`.
    Raises DeskError, saying what to do, where there are none: a key that came with the recordings
    proves nothing by itself.
    """
    enrolled = os.path.join(config_home(), "keys")
    if named := getattr(options, "key", None):
        return KeyRing.read(named, linked=True)
    if file_status.is_directory(enrolled, linked=True):
        return KeyRing.read([enrolled], linked=True)
    if beside and only_beside(options, place):
        return _published(place)
    brought = ", ".join(sorted(accompanying_keys(place)))
    hint = (
        f"; the key that came with these recordings has the thumbprint {brought}, which proves "
        "nothing by itself: compare it with the device ('camerad identity show' there)"
        if brought
        else ""
    )
    raise DeskError(
        "no key is trusted yet: name the device's public key with --key FILE, or put it into "
        f"{enrolled}{hint}"
    )


def only_beside(options: argparse.Namespace, place: Place) -> bool:
    """Whether the place is the device's own, and its keys are all that there is to go by."""
    return (
        place.kind is PlaceKind.DEVICE
        and not getattr(options, "key", None)
        and not file_status.is_directory(os.path.join(config_home(), "keys"), linked=True)
        and os.path.realpath(place.root) == os.path.realpath(options.state)
    )


def accompanying_keys(place: Place) -> KeyRing:
    """The keys that came with the recordings: good for reading ledgers, not for trusting them."""
    found = []
    if place.kind is PlaceKind.DEVICE:
        with contextlib.suppress(CameradError):
            current, former = identity.published(place.root)
            found = [current, *former]
    for holding in place.holdings:
        if place.kind is PlaceKind.OFFICE:
            with contextlib.suppress(KeyFileError):
                found.append(holding_key(holding))
    return KeyRing(found)


def holding_key(holding: Holding) -> PublicKey:
    """The key that came with a device's recordings. Raises KeyFileError if it is gone, is none, or
    is another one than the directory is named after, which all come to the same."""
    key = read_public_key(holding.key)
    if not holding.root.endswith(holding_name("", key)):
        raise KeyFileError(f"{holding.key}: this is the key {key.thumbprint}, of another camera")
    return key


def office_key(options: argparse.Namespace) -> PublicKey | None:
    """The public half of the office's key at hand; None if there is none. Raises OfficeKeyError."""
    return office.load_public(options.office_key)


def office_keys(options: argparse.Namespace, place: Place) -> KeyRing:
    """The keys that an office's ledger may be signed by: see `camerad.office.office`."""
    return office.ledger_keys(place, office_key(options)).ring


def ledger_keys(options: argparse.Namespace, place: Place) -> KeyRing:
    """The keys that a place's own ledger is read with, without trusting it."""
    return (
        office_keys(options, place) if place.kind is PlaceKind.OFFICE else accompanying_keys(place)
    )


def ledger_state(options: argparse.Namespace, place: Place) -> LedgerState | None:
    """What a place's own ledger says; None if it has none."""
    if place.kind is PlaceKind.FILES or not file_status.is_directory(place.ledger):
        return None
    return read_state(place.ledger, ledger_keys(options, place))


def may_run(place: Place, keys: KeyRing) -> MayRun:
    """What says whether a locked file in this place is a recording that is being made: only in a
    device's own store, by its ledger, which is read with `keys` once it is asked."""
    if place.kind is not PlaceKind.DEVICE:
        return never_runs

    def asked(header: Header) -> bool:
        try:
            state = read_state(place.ledger, keys)
        except StorageError:
            return False  # without its ledger nothing says so
        return state.may_run(header, SystemClock().boot_id)

    return asked


def told_by_devices(place: Place, path: str | None = None) -> set[str]:
    """Ids of the recordings that the devices' ledgers name of which an office has copies. path: of
    one recording, so that only its own device is asked. Nothing is checked here: it only tells
    whether somebody has said anything."""
    if place.kind is not PlaceKind.OFFICE:
        return set()
    keys = accompanying_keys(place)
    asked = place.holdings if path is None else holdings_of(place, path)
    there = (one.ledger for one in asked if file_status.is_directory(one.ledger))
    return {name for ledger in there for name in read_state(ledger, keys).recordings}


def held_on_cameras(
    options: argparse.Namespace, place: Place, trusted: KeyRing | None = None
) -> dict[str, tuple[Held, ...]]:
    """The holds of cameras' ledgers that count in an office, and that its ledger does not have yet,
    by the recordings' ids. trusted: keys at hand, beside those that came with the recordings.
    Raises StorageError."""
    if place.kind is not PlaceKind.OFFICE:
        return {}
    own = office_keys(options, place)
    state = read_state(place.ledger, own) if file_status.is_directory(place.ledger) else None
    return camera_holds.pending(place, state, own, _any_key(place, trusted or KeyRing()))


def _any_key(place: Place, trusted: KeyRing) -> KeyRing:
    """The keys that a camera's hold may be signed by: it is better believed than deleted."""
    return KeyRing([*trusted.values(), *accompanying_keys(place).values()])


def holdings_of(place: Place, path: str) -> tuple[Holding, ...]:
    """What a recording's file can belong to: the holding that it lies in, or any of them where it
    lies in none."""
    holding = place.holding_of(path)
    return place.holdings if holding is None else (holding,)


def ledgers_of(
    options: argparse.Namespace, place: Place, path: str, keys: KeyRing
) -> Iterator[tuple[str, KeyRing]]:
    """The ledgers that say something about a recording's file, with the keys to read them by: its
    device's, then the place's own, which has the last word. Those that are not there are left out.
    Raises StorageError."""
    if place.kind is PlaceKind.OFFICE:
        for holding in holdings_of(place, path):
            if not holding.broken and file_status.exists(holding.ledger):
                yield holding.ledger, keys
    if place.kind is not PlaceKind.FILES and file_status.exists(place.ledger):
        own = keys if place.kind is PlaceKind.DEVICE else office_keys(options, place)
        yield place.ledger, own


def final_of(options: argparse.Namespace, place: Place, path: str, keys: KeyRing) -> str | None:
    """SHA-256 of a recording's end as the ledgers at hand name it; None if none does. Raises
    StorageError if any of them cannot be read."""
    recording = os.path.basename(path).removesuffix(SUFFIX)
    final = None
    for directory, readers in ledgers_of(options, place, path, keys):
        known = read_state(directory, readers).recordings.get(recording)
        if known is not None and known.final is not None:
            final = known.final
    return final


# ---------------------------------------------------------------------------------------- time


def clock_of(options: argparse.Namespace, place: Place) -> SystemClock:
    """This computer's clock, judged as suits the place."""
    state = ledger_state(options, place)
    if options.trust_clock:
        return SystemClock(lambda: ClockSource.SYNCHRONISED)
    synchronised = state.timeline.synchronised if state is not None else None
    known = [] if synchronised is None else [synchronised.wall_us]
    if place.kind is PlaceKind.DEVICE:
        here = None
        if state is not None:
            here = state.timeline.synchronised_in(SystemClock().boot_id)
        keeper = TimeKeeper(known=KnownTime(max(known, default=None), here))
        keeper.look()
        return SystemClock(keeper.source)
    if state is not None:
        ends = (one.ended for one in state.recordings.values())
        known += [end.wall_us for end in ends if end is not None and end.trusted]
    last_known_us = max(known, default=None)
    clock = SystemClock(lambda: office_clock(last_known_us, wall_us=clock.wall_us()))
    return clock


# ------------------------------------------------------------------------------------ who writes


@contextlib.contextmanager
def keeper_of(
    options: argparse.Namespace, place: Place, about: str | None = None, *, tells: bool = False
) -> Iterator[Keeper]:
    """Whoever may change the store at this place. about: id of the one recording that it is about.

    tells: what could not be looked at is in the keeper's answer, and is not said here besides.
    Raises DeskError where there is no store, StateDirectoryError if another process has it, and
    StorageError.
    """
    if place.kind is PlaceKind.DEVICE and (access := _access(place)) is not _Access.FREE:
        yield RunningDevice(place, options.socket, closed=access is _Access.CLOSED)
        return
    with opened_store(options, place, about) as (store, _):
        if not tells:
            for error in store.unread:
                say(str(error))
        yield store


@contextlib.contextmanager
def device_of(options: argparse.Namespace, place: Place) -> Iterator[RunningDevice | OwnedDevice]:
    """The device whose state directory this is. Raises as `keeper_of`."""
    if place.kind is not PlaceKind.DEVICE:
        raise DeskError(
            f"{place.root}: this is not a device's state directory, and only a device offloads; "
            "name the device's with --state"
        )
    if (access := _access(place)) is not _Access.FREE:
        yield RunningDevice(place, options.socket, closed=access is _Access.CLOSED)
        return
    with opened_store(options, place) as (store, key):
        current, former = identity.published(place.root)
        yield OwnedDevice(store, key, KeyRing([key.public, current, *former]))


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
def opened_store(
    options: argparse.Namespace, place: Place, about: str | None = None
) -> Iterator[tuple[Store, SigningKey]]:
    """The store, claimed and compared with its files, and the key of its ledger. about: id of the
    one recording that it is about; then only that is compared, and what is new."""
    check_store(place)
    had_one = False
    if place.kind is PlaceKind.OFFICE:
        key, made = office.load_or_create(options.office_key)
        if made:
            say(f"made the office's own key: {options.office_key}; keep a copy of it")
        former = office.admit(place, key, replace=options.new_office_key)
        had_one = bool(office.known_keys(place))
        trusted = _enrolled(options, place)
    else:
        key, former, trusted = _own_key(place), _published(place), None
    clock = clock_of(options, place)
    with Store.open(place, key, clock, former, trusted, expected=had_one) as store:
        if place.kind is PlaceKind.OFFICE:
            office.remember(place, key.public)
        for difference in store.reconcile() if about is None else store.reconcile_for(about):
            if not difference.alarm:  # those were logged, which shows here as well
                say(str(difference))
        known = trusted or KeyRing()
        for text in camera_holds.take_over(store, _any_key(place, known), known):
            say(text)
        yield store, key


def check_store(place: Place) -> None:
    """Raises DeskError where there is no store."""
    if place.kind is PlaceKind.FILES:
        raise DeskError(
            f"{place.root}: these are files without a ledger, so nothing is held or deleted here; "
            "name a device's state directory, or the office's directory"
        )


def store_keys(options: argparse.Namespace, place: Place) -> KeyRing:
    """The devices' keys by which a store takes recordings over."""
    return _enrolled(options, place) if place.kind is PlaceKind.OFFICE else _published(place)


def _enrolled(options: argparse.Namespace, place: Place) -> KeyRing:
    """The devices' keys by which an office takes recordings over; none is no error, but is said."""
    try:
        return trusted_keys(options, place)
    except DeskError as error:
        say(f"no recording is taken over by this office: {error}")
        return KeyRing()


def _own_key(place: Place) -> SigningKey:
    """The private key in a device's state directory."""
    path = os.path.join(place.root, identity.KEY_NAME)
    try:
        return SigningKey.from_pem(read_plain(path, "device's key", _LARGEST_KEY))
    except StorageError as error:
        if error.errno != errno.ENOENT:
            raise
        raise DeskError(
            f"{path}: the device's key is not here, so nothing can be written into its ledger; do "
            "this on the device itself, or in the office's directory"
        ) from None
    except ValueError as error:
        raise DeskError(f"{path}: {error}; start the daemon, which mends this") from error


def _published(place: Place) -> KeyRing:
    current, former = identity.published(place.root)
    return KeyRing([current, *former])


def say(text: str) -> None:
    """Tell the person at the desk, beside what the command prints: one line, whatever is in it."""
    sys.stderr.write(f"camerad: {printable(text)}\n")
