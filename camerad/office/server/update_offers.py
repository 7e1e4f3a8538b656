"""Updates that an office offers to its cameras: RAUC's bundles, as on a stick.

=================================  ===========================================================
``office/updates/SHA256.raucb``    a bundle, once for all cameras that it is offered to
``office/offers/KID/update.json``  which one a camera is to fetch
=================================  ===========================================================

Each is published whole. `camerad office offer update` puts them there, and so does the desk's page;
the server takes an offer away once the camera runs that version, and with the last one its bundle.
Nothing here is believed: the camera judges a bundle by the certificate in its system.

Order of writes: a bundle is durable before an offer names it, and an offer is removed before its
bundle is. A bundle gets its name under the lock ``updates``, under which it is offered, noted
(`camerad.office.server.offer_kinds`) and others are removed: so none goes that is just being
offered. It is copied before, which takes minutes, under a name of its own, and stays as long as
whoever copies it has its claim.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from camerad.base import durable_files, file_status
from camerad.base.errors import EX_CONFIG, CameradError, StorageError
from camerad.base.safe_read import open_plain
from camerad.base.state_file import read_json, write_json
from camerad.base.storage_errors import explaining
from camerad.base.text import room
from camerad.container.jws import SHA256
from camerad.container.keys import Thumbprint, is_thumbprint
from camerad.exchange.agreements import LARGEST_BUNDLE
from camerad.office.server.bundle_copy import BundleCopy
from camerad.office.server.directory_locks import DirectoryLocks, NamedLocks, claim_file
from camerad.office.server.offer_kinds import (
    LOCK_SECONDS,
    OFFERS,
    PIECE,
    offer_path,
    take_back,
    taken_away,
)
from camerad.office.server.standstill import free_room
from camerad.office.server.update_bundle import BundleManifest, read_manifest
from camerad.store.check_in import UPDATE, CheckIn
from camerad.store.locations import OFFICE

UPDATES: Final = "updates"
NAME: Final = "update.json"
_ENDING: Final = ".raucb"
_LOCK: Final = "updates"
_LARGEST: Final = 4096


class BundleTooLargeError(CameradError, ValueError):
    """Error raised when a bundle is larger than any camera takes, or than the storage has room
    for."""

    exit_code = EX_CONFIG


class OfferedUpdate(msgspec.Struct, frozen=True):
    """What a camera is offered. sha256, bytes: of the bundle. compatible, version: as it says
    itself."""

    sha256: str
    bytes: int
    compatible: str
    version: str


class UpdateContent(msgspec.Struct, frozen=True):
    """An `camerad.office.server.offer_kinds.OfferContent`. path: of the bundle."""

    path: str
    offer: OfferedUpdate
    media_type: str = "application/octet-stream"

    @property
    def sha256(self) -> str:
        """Of the bundle."""
        return self.offer.sha256

    @property
    def length(self) -> int:
        """Its bytes."""
        return self.offer.bytes

    def pieces(self, begin: int, end: int) -> Iterator[bytes]:
        """Some of them; see `OfferContent`."""
        with open_plain(self.path, "update") as file:
            while begin < end:
                with explaining("read", self.path):
                    piece = os.pread(file.fileno(), min(PIECE, end - begin), begin)
                if not piece:
                    raise StorageError(f"{self.path}: it is shorter than when it was offered")
                begin += len(piece)
                yield piece


class UpdateOffers:
    """An `camerad.office.server.offer_kinds.OfferKind`. root: the office's directory."""

    kind: Final = UPDATE

    def __init__(self, root: str, locks: NamedLocks | None = None) -> None:
        self._root = os.path.abspath(root)
        self._office = os.path.join(self._root, OFFICE)
        self._locks = locks or DirectoryLocks(self._root, LOCK_SECONDS)

    def find(self, kid: Thumbprint) -> UpdateContent | None:
        """What there is for a camera; None if there is nothing, or its bundle is gone."""
        offer = self.offered(kid)
        if offer is None:
            return None
        path = self._bundle(offer.sha256)
        return UpdateContent(path, offer) if file_status.is_file(path) else None

    def offered(self, kid: Thumbprint) -> OfferedUpdate | None:
        """The same, whether its bundle is there or not."""
        path = self._path(kid)
        found = read_json(path, OfferedUpdate, "offered update", _LARGEST, "offer it again")
        return found if found is not None and SHA256.fullmatch(found.sha256) else None

    def for_camera(self, kid: Thumbprint, said: CheckIn) -> UpdateContent | None:
        """What a camera is to fetch, by what it just said: nothing that it runs, that waits for its
        trial or is in it, or that it refused; and nothing at all if it has no system that could be
        updated."""
        offer = self.offered(kid)
        if offer is None or said.image is None or offer.sha256 in said.waiting:
            return None
        if said.image == offer.version:
            # No camera waits for whoever offers one just now: its next check-in sees to it.
            with self._locks.try_hold(_LOCK) as held:
                if held:
                    if self.offered(kid) == offer:  # another one may have been offered since
                        durable_files.remove(self._path(kid), missing_ok=True)
                    self._remove_unoffered()
            return None
        refused = {one.sha256 for one in said.refused_offers}
        return None if offer.sha256 in refused else self.find(kid)

    def put(self, bundle: str, kids: list[Thumbprint], *, reserve: int) -> OfferedUpdate:
        """Offer a bundle to cameras, in the place of earlier ones. bundle: its file. reserve: bytes
        that stay free on the office's storage. Raises BundleError and BundleTooLargeError."""
        for kid in kids:
            self._path(kid)
        with open_plain(bundle, "bundle", linked=True) as file:
            length = os.fstat(file.fileno()).st_size
            with explaining("read", bundle):
                manifest = read_manifest(bundle, file.fileno())
            with self.copying(bundle, length, reserve) as copy:
                while copy.bytes < length:
                    with explaining("read", bundle):
                        piece = os.pread(file.fileno(), min(PIECE, length - copy.bytes), copy.bytes)
                    if not piece:
                        raise StorageError(f"{bundle}: it became shorter while it was read")
                    copy.write(piece)
                return self._put(bundle, copy, manifest, kids, reserve=reserve)

    @contextlib.contextmanager
    def copying(self, name: str, length: int, reserve: int) -> Iterator[BundleCopy]:
        """A bundle of this length may be written meanwhile, and then be offered (`put_copy`). name:
        what messages call it. Raises BundleTooLargeError."""
        if length > LARGEST_BUNDLE:
            raise BundleTooLargeError(f"{name}: no camera takes more than {room(LARGEST_BUNDLE)}")
        self._check_room(name, length, length + reserve, reserve)
        directory = os.path.join(self._office, UPDATES)
        durable_files.make_directory(directory)
        copy = BundleCopy(directory)
        try:
            yield copy
        finally:
            copy.close()

    def put_copy(
        self,
        name: str,
        copy: BundleCopy,
        kids: list[Thumbprint],
        *,
        reserve: int,
        note: Callable[[OfferedUpdate], None],
    ) -> OfferedUpdate:
        """Offer what was copied to cameras, in the place of earlier ones. note: writes the entry;
        it may raise, and then nothing has changed. Raises BundleError, BundleTooLargeError and
        LockHeldError."""
        for kid in kids:
            self._path(kid)
        return self._put(name, copy, copy.manifest(name), kids, reserve=reserve, note=note)

    def put_present(
        self, sha256: str, kids: list[Thumbprint], note: Callable[[OfferedUpdate], None]
    ) -> OfferedUpdate | None:
        """Offer to cameras a bundle that others are offered already; None if none is any more.
        note: as for `put_copy`."""
        with self._locks.hold(_LOCK):
            found = self.find_bundle(sha256)
            if found is None:
                return None
            self._note(found, kids, note)
            self._write(found, kids)
            self._remove_unoffered()
        return found

    def find_bundle(self, sha256: str) -> OfferedUpdate | None:
        """What is offered to any camera, by its bundle; None if there is none."""
        there = (self.find(kid) for kid in self._offered_to())
        return next((one.offer for one in there if one and one.sha256 == sha256), None)

    def withdraw(
        self, kid: Thumbprint, note: Callable[[OfferedUpdate], None] | None = None
    ) -> bool:
        """Offer it no more; whether there was something. note: as for `put_copy`, and is told what
        it was. Raises LockHeldError."""
        path = self._path(kid)
        if not file_status.exists(os.path.dirname(path)):
            return False
        with self._locks.hold(_LOCK):
            gone = take_back(path, _LARGEST, lambda: self.offered(kid), note)
            if gone:
                self._remove_unoffered()
        return gone

    def _check_room(self, bundle: str, length: int, needed: int, reserve: int) -> None:
        if needed > free_room(self._office):
            raise BundleTooLargeError(
                f"{bundle}: with its {room(length)} the office's storage would not keep "
                f"{room(reserve)} free for recordings (receive.reserve_gib): make room there"
            )

    def _put(
        self,
        name: str,
        copy: BundleCopy,
        manifest: BundleManifest,
        kids: list[Thumbprint],
        *,
        reserve: int,
        note: Callable[[OfferedUpdate], None] | None = None,
    ) -> OfferedUpdate:
        copy.sync()
        offer = OfferedUpdate(copy.sha256, copy.bytes, manifest.compatible, manifest.version)
        with self._locks.hold(_LOCK):
            # Others may have been copied meanwhile.
            self._check_room(name, copy.bytes, reserve, reserve)
            if note is not None:
                self._note(offer, kids, note)
            durable_files.rename(copy.path, self._bundle(copy.sha256))
            self._write(offer, kids)
            self._remove_unoffered()
        return offer

    def _note(
        self, offer: OfferedUpdate, kids: list[Thumbprint], note: Callable[[OfferedUpdate], None]
    ) -> None:
        with taken_away(
            [self._path(kid) for kid in kids], _LARGEST, but=msgspec.json.encode(offer)
        ):
            note(offer)

    def _write(self, offer: OfferedUpdate, kids: list[Thumbprint]) -> None:
        for kid in kids:
            path = self._path(kid)
            durable_files.make_directory(os.path.dirname(path))
            write_json(path, offer)

    def _offered_to(self) -> list[Thumbprint]:
        """Thumbprints of the cameras that are, or were, offered something."""
        offers = os.path.join(self._office, OFFERS)
        if not file_status.exists(offers):
            return []
        with explaining("list the directory", offers):
            return [name for name in os.listdir(offers) if is_thumbprint(name)]

    def _remove_unoffered(self) -> None:
        """Remove what no camera is offered any more. Its lock is held."""
        directory = os.path.join(self._office, UPDATES)
        file_status.check_directory(directory)
        if not file_status.exists(directory):
            return
        kids = self._offered_to()
        named = {offer.sha256 + _ENDING for kid in kids if (offer := self.offered(kid))}
        with explaining("list the directory", directory):
            there = os.listdir(directory)
        for name in there:
            path = os.path.join(directory, name)
            copied = name.endswith(durable_files.TEMPORARY) and _claimed(path)
            if name not in named and not copied:
                durable_files.remove(path, missing_ok=True)

    def _bundle(self, sha256: str) -> str:
        """Nothing on the way is a link."""
        directory = os.path.join(self._office, UPDATES)
        file_status.check_directory(directory)
        return os.path.join(directory, sha256 + _ENDING)

    def _path(self, kid: Thumbprint) -> str:
        return offer_path(self._office, kid, NAME)


def _claimed(path: str) -> bool:
    """Whether somebody is copying a bundle there; what a command left that was killed is not."""
    try:
        claim = claim_file(path)
    except BlockingIOError:
        return True
    if claim is not None:
        os.close(claim)
    return False
