"""An office's directory as a store: opened with the office's key, and compared with its files.

All that hold, release or delete there open it so: the commands of the desk, and the office's
server.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence

from camerad.base import file_status
from camerad.base.clock import Clock
from camerad.container.keys import KeyFileError, KeyRing, SigningKey
from camerad.evidence import office_key_file
from camerad.evidence.holdings import holding_key
from camerad.ledger.ledger import read_state
from camerad.ledger.ledger_state import LedgerState
from camerad.store import camera_holds
from camerad.store.camera_directories import with_newest_copies
from camerad.store.camera_ledgers import find_doubtful
from camerad.store.discrepancies import Discrepancy
from camerad.store.held_on_camera import nothing_read
from camerad.store.locations import Place
from camerad.store.store import PlaceClaim, Store


@contextlib.contextmanager
def open_office_store(
    place: Place,
    key: SigningKey,
    clock: Clock,
    trusted: KeyRing,
    say: Callable[[str], None],
    *,
    about: Sequence[str] | None = None,
    compared: bool = True,
    replace: bool = False,
    differs: Callable[[Discrepancy], None] = lambda _: None,
) -> Iterator[Store]:
    """The store of an office's directory, claimed until the end of the context.

    It is compared with its files before, new recordings are ingested, and so are the cameras'
    holds. key: signs the office's ledger. trusted: keys of cameras whose recordings are ingested.
    say: is told which holds of cameras are adopted. differs: is given each difference, which the
    store has logged. about: ids of the recordings that it is about; then only those are compared,
    and what is new. compared: False for a caller that only writes down what people did; then no
    file is read, and nothing is ingested. replace: `key` comes in the place of another one.

    Raises OfficeKeyError if `key` did not sign the ledger, StateDirectoryError if another process
    has the store, and StorageError.
    """
    if compared:
        _look_at_cameras(place, key, clock, trusted, about)
    with PlaceClaim(place) as claim:
        # What is read before the claim may be another one's by now: the key of the ledger too.
        former = office_key_file.admit_key(place, key, replace=replace)
        had_one = bool(office_key_file.describe_loss(place, office_key_file.known_keys(place)))
        with (
            Store.open(claim, key, clock, former, trusted, expected=had_one) as store,
            nothing_read(),
        ):
            office_key_file.remember_key(place, key.public)
            if not compared:
                yield store
                return
            for difference in store.reconcile() if about is None else store.reconcile_for(*about):
                differs(difference)
            for text in camera_holds.ingest(
                store, camera_keys(store.place, trusted), trusted, about
            ):
                say(text)
            yield store


def _look_at_cameras(
    place: Place, key: SigningKey, clock: Clock, trusted: KeyRing, about: Collection[str] | None
) -> None:
    """Read what is new of cameras' ledgers while no request waits: see `nothing_read`."""
    keys = camera_keys(place, trusted)
    if about is not None:
        near = with_newest_copies(camera_holds.near(place, about), keys)
        camera_holds.read_ahead(near, LedgerState(), keys, trusted, clock.moment())
        return
    own = office_key_file.ledger_keys(place, key.public).ring
    there = file_status.is_directory(place.ledger)
    state = read_state(place.ledger, own) if there else LedgerState()
    camera_holds.read_ahead(place, state, keys, trusted, clock.moment())
    find_doubtful(place, state, trusted)


def camera_keys(place: Place, trusted: KeyRing) -> KeyRing:
    """The keys that a camera's hold may be signed by: it is better believed than deleted."""
    return KeyRing([*trusted.values(), *brought_keys(place).values()])


def brought_keys(place: Place) -> KeyRing:
    """The keys that came with an office's recordings: good for reading ledgers, not for trusting
    them."""
    found = []
    for holding in place.holdings:
        with contextlib.suppress(KeyFileError):
            found.append(holding_key(holding))
    return KeyRing(found)
