"""Keys, ledgers, heads and clock for the commands of the evidence desk.

Which keys of devices are trusted, the first that applies:

1. Those that ``--key`` names, and no others.
2. Those in this user's register, ``$XDG_CONFIG_HOME/camerad/keys``, if there is one; no others.
3. For ``verify`` alone, and only in the device's own state directory, the one that ``--state``
   names or its default: the keys that the device published there. A person who can write recordings
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
import os
import pwd
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from camerad.base import file_status
from camerad.base.clock import DeclaredClock, Moment, SystemClock
from camerad.base.errors import CameradError, StorageError
from camerad.base.office_time import OfficeClock
from camerad.base.wall_clock import KnownTime, TimeKeeper
from camerad.cli.console import CommandError, ask_passphrase, read_passphrase, warn
from camerad.cli.defaults import config_home, default_office_key
from camerad.container import jws
from camerad.container.keys import KeyRing, PublicKey
from camerad.container.recording_files import SUFFIX
from camerad.container.skeleton import header_of
from camerad.container.statements import Header
from camerad.evidence import office_key_file, office_store
from camerad.evidence.identity_file import Identities, read_identities
from camerad.ledger.audit import Witnessed
from camerad.ledger.entries import Head
from camerad.ledger.ledger import read_state
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import Hold
from camerad.store import camera_holds, identity, receipts
from camerad.store.camera_directories import with_newest_copies
from camerad.store.locations import (
    Holding,
    Place,
    PlaceKind,
)
from camerad.store.purging import describe_refusal
from camerad.verify.judge import MayRun, never_runs

if TYPE_CHECKING:
    from camerad.transparency.time_stamps import StampCheck

_HEAD: Final = re.compile(r"([0-9]{1,18}):([0-9]{1,18}):([0-9a-f]{64})")
ONLY_OWN_KEYS: Final = (
    "checked with the keys that lie beside these recordings: this finds accidents, but not "
    "a person who could change both; name the device's key from elsewhere with --key"
)
"""What is said where nothing better was at hand. It is a remark, so nothing is without one."""


def exit_code_of(unread: Iterable[StorageError]) -> int:
    """The exit code that says what could not be looked at; 0 if that is nothing."""
    return max((error.exit_code for error in unread), default=0)


# ---------------------------------------------------------------------------------------- keys


def trusted_keys(options: argparse.Namespace, place: Place, *, allow_own: bool = False) -> KeyRing:
    """The devices' keys that the command trusts, by the rules above.

    allow_own: the command may go by keys that lie beside the recordings, and then says
    `ONLY_OWN_KEYS`. Raises CommandError, saying what to do, where there are none: a key that
    came with the recordings proves nothing by itself.
    """
    enrolled = os.path.join(config_home(), "keys")
    if named := getattr(options, "key", None):
        return KeyRing.read(named, linked=True)
    if file_status.is_directory(enrolled, linked=True):
        return KeyRing.read([enrolled], linked=True)
    if allow_own and has_only_own_keys(options, place):
        return published_keys(place)
    brought = ", ".join(sorted(accompanying_keys(place)))
    hint = (
        f"; the key that came with these recordings has the thumbprint {brought}, which proves "
        "nothing by itself: compare it with the device ('camerad identity show' there)"
        if brought
        else ""
    )
    raise CommandError(
        "no key is trusted yet: name the device's public key with --key FILE, or put it into "
        f"{enrolled}{hint}"
    )


def has_only_own_keys(options: argparse.Namespace, place: Place) -> bool:
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
    if place.kind is PlaceKind.OFFICE:
        found += office_store.brought_keys(place).values()
    return KeyRing(found)


def published_keys(place: Place) -> KeyRing:
    """The keys that a device has published in its state directory."""
    current, former = identity.published(place.root)
    return KeyRing([current, *former])


def office_key(options: argparse.Namespace) -> PublicKey | None:
    """The public half of the office's key; None if there is none. Raises OfficeKeyError and
    StorageError."""
    return office_key_file.load_public_key(options.office_key)


def key_at_hand(options: argparse.Namespace) -> PublicKey | None:
    """The same for who checks something by it.

    Who names devices' keys, or needs none, depends on no file below their home: a key there that
    cannot be used is not at hand, which is said once.
    """
    try:
        return office_key(options)
    except (office_key_file.OfficeKeyError, StorageError) as error:
        if not getattr(options, "key", True) or options.office_key != default_office_key():
            raise
        if not getattr(options, "told_of_key", False):
            options.told_of_key = True
            warn(f"the office's key is not used: {error}")
        return None


def office_keys(options: argparse.Namespace, place: Place) -> KeyRing:
    """The keys that an office's ledger may be signed by: see `camerad.evidence.office_key_file`."""
    return office_key_file.ledger_keys(place, key_at_hand(options)).ring


def receipt_keys(options: argparse.Namespace, place: Place, keys: KeyRing) -> KeyRing:
    """The keys by which a receipt in this place counts. keys: those of devices that are trusted.

    Those of the office are there only if its key is at hand, and then it and those that it
    replaced: every user who can write there can put a key there. Raises OfficeKeyError.
    """
    own = key_at_hand(options) if place.kind is PlaceKind.OFFICE else None
    if own is None:
        return keys
    try:
        found = office_key_file.ledger_keys(place, own)
    except StorageError:
        before = KeyRing()  # that the ledger cannot be read is told where that is checked
    else:
        before = KeyRing() if found.problem or found.remark else found.ring
    return KeyRing([*keys.values(), own, *before.values()])


def unproven_keys(options: argparse.Namespace, place: Place) -> KeyRing:
    """The keys that an office's directory says are the office's, where none is at hand to compare
    them with: a receipt by one of them is neither believed nor called forged."""
    if place.kind is not PlaceKind.OFFICE or key_at_hand(options) is not None:
        return KeyRing()
    try:
        return office_key_file.known_keys(place)
    except StorageError:
        return KeyRing()  # that they cannot be read is told where the office's ledger is checked


def ledger_keys(options: argparse.Namespace, place: Place) -> KeyRing:
    """The keys that a place's own ledger is read with, without trusting it."""
    return (
        office_keys(options, place) if place.kind is PlaceKind.OFFICE else accompanying_keys(place)
    )


class Unread:
    """Why ledgers cannot be read, for a command that does without them what it can."""

    def __init__(self) -> None:
        self.errors: list[StorageError] = []


@contextlib.contextmanager
def _reading(unread: Unread | None) -> Iterator[None]:
    """Go on behind what is done in here if a ledger cannot be read in it; raise that if `unread` is
    None."""
    try:
        yield
    except StorageError as error:
        if unread is None:
            raise
        if str(error) not in map(str, unread.errors):
            unread.errors.append(error)


def ledger_state(
    options: argparse.Namespace, place: Place, unread: Unread | None = None
) -> LedgerState | None:
    """What a place's own ledger says; None if it has none, or it cannot be read. unread: takes why
    not; else it is raised."""
    with _reading(unread):
        if place.kind is not PlaceKind.FILES and file_status.is_directory(place.ledger):
            return read_state(place.ledger, ledger_keys(options, place))
    return None


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


def ids_in_device_ledgers(
    place: Place, path: str | None = None, unread: Unread | None = None
) -> set[str]:
    """Ids of the recordings that the devices' ledgers name of which an office has copies. path: of
    one recording, so that only its own device is asked. Nothing is checked here: it only tells
    whether a ledger says anything of them. unread: takes what cannot be read; else it is raised."""
    if place.kind is not PlaceKind.OFFICE:
        return set()
    keys = accompanying_keys(place)
    asked = place.holdings if path is None else holdings_of(place, path)
    found: set[str] = set()
    for one in asked:
        with _reading(unread):
            if file_status.is_directory(one.ledger):
                found |= set(read_state(one.ledger, keys).recordings)
    return found


def holds_on_cameras(
    options: argparse.Namespace,
    place: Place,
    trusted: KeyRing | None = None,
    unread: Unread | None = None,
) -> dict[str, tuple[Hold, ...]]:
    """The holds of cameras' ledgers that count in an office, and that its ledger does not have yet,
    by the recordings' ids. trusted: keys at hand, beside those that came with the recordings.
    unread: takes what cannot be read; else it is raised, as a StorageError."""
    if place.kind is not PlaceKind.OFFICE:
        return {}
    held: dict[str, tuple[Hold, ...]] = {}
    with _reading(unread):
        own = office_keys(options, place)
        keys = office_store.camera_keys(place, trusted or KeyRing())
        state = read_state(place.ledger, own) if file_status.is_directory(place.ledger) else None
        for holding in with_newest_copies(place, keys).holdings:
            part = Place(place.kind, place.root, (holding,), place.unread)
            with _reading(unread):
                for recording, holds in camera_holds.pending(part, state, own, keys).items():
                    held[recording] = (*held.get(recording, ()), *holds)
    return held


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


def names_of(path: str) -> tuple[str, ...]:
    """By which ids a ledger may know the recording in a file: the file's name, and the id in its
    header, where that is another one and can be read. A copy may have any name."""
    stem = os.path.basename(path).removesuffix(SUFFIX)
    try:
        return tuple(dict.fromkeys((stem, header_of(path).id)))
    except (CameradError, ValueError, ArithmeticError):
        return (stem,)  # the check of the file says so


def final_of(options: argparse.Namespace, place: Place, path: str, keys: KeyRing) -> str | None:
    """SHA-256 of a recording's end as the ledgers at hand name it, under the file's own name before
    any other (`names_of`); None if none does. Raises StorageError if any of them cannot be read."""
    finals: dict[str, str] = {}
    names = names_of(path)
    for directory, readers in ledgers_of(options, place, path, keys):
        recordings = read_state(directory, readers).recordings
        for known in (recordings.get(name) for name in names):
            if known is not None and known.final is not None:
                finals[known.id] = known.final
    return next((finals[name] for name in names if name in finals), None)


def identities_of(options: argparse.Namespace) -> Identities:
    """The private keys in the file that the command names. Raises ConfigError."""

    def asked() -> str:
        if options.passphrase_file is None:
            return ask_passphrase(f"Passphrase of {options.identity}: ")
        return read_passphrase(options.passphrase_file)

    return read_identities(options.identity, asked)


# ---------------------------------------------------------------------------------------- time


def clock_of(
    options: argparse.Namespace, place: Place, unread: Unread | None = None
) -> SystemClock:
    """This computer's clock, judged as suits the place. unread: takes why its ledger cannot be
    read, which says how late it is at least; else that is raised."""
    state = ledger_state(options, place, unread)
    clock = _judged(place, state)
    if not options.trust_clock:
        return clock
    said: set[str] = set()

    def may_be(moment: Moment) -> bool:
        refusal = describe_refusal(state or LedgerState(), SystemClock().boot_id, moment)
        if refusal and not said:
            warn(refusal)
            said.add(refusal)
        return not refusal

    return DeclaredClock(clock, may_be)


def person(options: argparse.Namespace) -> str:
    """Who gave the command: the person whom it names, else this computer's user."""
    named = getattr(options, "who", None)
    if named:
        return str(named)
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def _judged(place: Place, state: LedgerState | None) -> SystemClock:
    """This computer's clock as far as it is trusted without a person's word. state: what the
    place's own ledger says."""
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
    if state is None:
        return OfficeClock(last_known_us)
    boot_id = SystemClock().boot_id
    believed = any(run.trusted for run in state.timeline.runs if run.boot_id == boot_id)
    return OfficeClock(last_known_us, state.timeline.seen_in(boot_id), believed=believed)


def named_head(options: argparse.Namespace, keys: KeyRing) -> Head | None:
    """The head that was witnessed, as the command line names it. keys: those of receipts."""
    text = options.head
    if text is None:
        return None
    found = _HEAD.fullmatch(text)
    if found is not None:
        return Head(int(found[1]), int(found[2]), found[3])
    try:
        with open(text, "rb") as file:
            return receipts.parse(file.read(jws.LONGEST + 1).strip(), keys).head
    except OSError as error:
        raise CommandError(
            f"--head {text}: neither EPOCH:SEQUENCE:SHA256 nor a receipt that can be read: "
            f"{error.strerror}"
        ) from error
    except jws.JwsError as error:
        raise CommandError(
            f"--head {text}: this is no receipt of a trusted device: {error}"
        ) from error


def named_office_head(options: argparse.Namespace, place: Place) -> Witnessed:
    """The head of the office's own ledger, as --office-head names it."""
    text = options.office_head
    if text is not None and place.kind is not PlaceKind.OFFICE:
        raise CommandError(
            "--office-head is the head of an office's own ledger, and this is no office's directory"
        )
    found = None if text is None else _HEAD.fullmatch(text)
    if text is not None and found is None:
        raise CommandError(f"--office-head {text}: this is not EPOCH:SEQUENCE:SHA256")
    head = None if found is None else Head(int(found[1]), int(found[2]), found[3])
    return Witnessed(head, option="--office-head")


def stamp_check(options: argparse.Namespace) -> StampCheck | None:
    """What checks time stamps by the certificates that are named; None if none are."""
    if not options.stamp_authority:
        return None
    from camerad.transparency import time_stamps  # noqa: PLC0415 - of the extra 'office'

    return time_stamps.StampCheck(options.stamp_authority)
