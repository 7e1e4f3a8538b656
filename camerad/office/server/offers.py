"""Settings and updates that the office offers to its cameras.

A row for each camera and kind. Settings are in the row: a signed file
(`camerad.provisioning.settings_offer`). An update is RAUC's bundle, as on a stick:
``office/updates/SHA256.raucb``, once for all cameras. An offer is removed once its camera runs by
it: settings may hold a network's passphrase. Nothing here is believed: the camera judges settings
by the office's key, and a bundle by the certificate in its system.

Order of writes: a bundle is durable, then comes the entry of the ledger, then the row is committed.
Bundles without a row are removed in a transaction of their own, so none goes that is being offered.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Delete, delete, insert, select

from camerad.base import durable_files, file_status
from camerad.base.errors import StorageError
from camerad.base.safe_read import open_plain
from camerad.base.storage_errors import explaining
from camerad.base.text import room
from camerad.container.jws import SHA256
from camerad.container.keys import Thumbprint, is_thumbprint
from camerad.exchange.agreements import LARGEST_BUNDLE
from camerad.office.server.preflight import free_room
from camerad.office.server.update_bundle import BundleManifest, OfferRefusedError, read_manifest
from camerad.office.state.columns import record_of
from camerad.office.state.office_state import OfficeState
from camerad.office.state.state_tables import offers
from camerad.provisioning import settings_offer
from camerad.provisioning.signing import SignatureFileError
from camerad.provisioning.validation import digest
from camerad.store.check_in import SETTINGS, UPDATE, CheckIn
from camerad.store.locations import OFFICE

KINDS: Final = (SETTINGS, UPDATE)
UPDATES: Final = "updates"
PIECE: Final = 256 * 1024
"""Bytes of an offer that are in memory for one answer."""
_ENDING: Final = ".raucb"


class CameraOffer(msgspec.Struct, frozen=True):
    """What a camera is offered. sha256, length: of what it fetches, in bytes. compatible, version:
    of an update, as it says itself. content: of settings."""

    kind: str
    sha256: str
    length: int
    compatible: str = ""
    version: str = ""
    content: bytes = b""

    @property
    def media_type(self) -> str:
        """As HTTP names it."""
        return "application/jose" if self.kind == SETTINGS else "application/octet-stream"

    @property
    def file(self) -> str:
        """SHA-256 of the settings file in it; "" if there is none."""
        try:
            return digest(settings_offer.split(self.content)[0])
        except SignatureFileError:
            return ""  # the camera says so, and so does `camerad office status`


def offer_of(content: bytes) -> CameraOffer:
    """The offer of settings, as `camerad.provisioning.settings_offer` joins them."""
    return CameraOffer(SETTINGS, hashlib.sha256(content).hexdigest(), len(content), content=content)


class BundleCopy:
    """A bundle that is being copied into `directory`. One thread at a time writes; another one may
    close it meanwhile, after which nothing is written. Everything raises StorageError."""

    def __init__(self, directory: str) -> None:
        name = secrets.token_hex(8) + durable_files.TEMPORARY
        self.path: Final = os.path.join(directory, name)
        self._descriptor = durable_files.create(self.path)
        self._lock = threading.Lock()
        self._closed = False
        self._hash = hashlib.sha256()
        self.bytes = 0

    @property
    def sha256(self) -> str:
        """Of what was written so far."""
        return self._hash.hexdigest()

    def write(self, piece: bytes) -> None:
        """Append a piece."""
        self._hash.update(piece)
        with self._open():
            self.bytes = durable_files.write(self._descriptor, [piece], self.bytes, self.path)

    def sync(self) -> None:
        """Make what was written durable."""
        with self._open():
            durable_files.sync(self._descriptor, self.path)

    def manifest(self, name: str) -> BundleManifest:
        """The bundle's own statement. name: what messages call it. Raises OfferRefusedError."""
        with explaining("read", self.path), open(self.path, "rb") as file:
            return read_manifest(name, file.fileno())

    def close(self) -> None:
        """End, and remove the file unless it got another name. Once."""
        with self._lock:
            self._closed = True
            try:
                durable_files.remove(self.path, missing_ok=True)
            finally:
                durable_files.close(self._descriptor, self.path)

    @contextlib.contextmanager
    def _open(self) -> Iterator[None]:
        """The descriptor stays in this context: closed, its number may be that of another file."""
        with self._lock:
            if self._closed:
                raise StorageError(f"{self.path}: the copy has been given up")
            yield


class Offers:
    """directory: the office's. Thread-safe. Everything raises StorageError. rows: of a transaction
    that excludes others (`OfficeState.writing`), in which the entry of the ledger is written."""

    def __init__(self, state: OfficeState, directory: str) -> None:
        self._state = state
        self._office = os.path.join(os.path.abspath(directory), OFFICE)

    def list_all(self) -> dict[tuple[str, str], CameraOffer]:
        """Every offer, by the camera's thumbprint and its kind."""
        with self._state.reading() as rows:
            found = rows.execute(select(offers)).mappings().all()
        return {(one["camera"], one["kind"]): _offer_of(one) for one in found}

    def list_of(self, kid: Thumbprint) -> list[CameraOffer]:
        """The offers for a camera, settings first."""
        chosen = select(offers).where(offers.c.camera == kid).order_by(offers.c.kind)
        with self._state.reading() as rows:
            return [_offer_of(one) for one in rows.execute(chosen).mappings()]

    def find(self, kid: Thumbprint, kind: str) -> CameraOffer | None:
        """One of them; None if there is none."""
        return next((one for one in self.list_of(kid) if one.kind == kind), None)

    def is_there(self, offer: CameraOffer) -> bool:
        """Whether it can be fetched: a bundle's file may be lost."""
        return offer.kind == SETTINGS or file_status.is_file(self._bundle(offer.sha256))

    def for_camera(self, kid: Thumbprint, said: CheckIn) -> Iterator[CameraOffer]:
        """Yields what a camera is to fetch, by its check-in: nothing that it runs by, that waits
        for its next start, or that it refused; and no update without a system to update."""
        refused = {one.sha256 for one in said.refused_offers}
        runs = None if said.settings is None else said.settings.sha256
        for offer in self.list_of(kid):
            if offer.sha256 in said.waiting or (offer.kind == UPDATE and said.image is None):
                continue
            if (offer.file == runs) if offer.kind == SETTINGS else (offer.version == said.image):
                self._end(kid, offer)
            elif offer.sha256 not in refused and self.is_there(offer):
                yield offer

    def put(self, rows: Connection, kids: Sequence[Thumbprint], offer: CameraOffer) -> None:
        """Offer it to cameras, in the place of earlier ones of its kind. Raises ValueError for a
        text that is no thumbprint."""
        for kid in kids:
            if not is_thumbprint(kid):
                raise ValueError(f"{kid!r} is no thumbprint")
            rows.execute(_row(kid, offer.kind))
            values = msgspec.structs.asdict(offer)
            rows.execute(insert(offers).values(camera=kid, **values))

    def withdraw(self, rows: Connection, kid: Thumbprint, kind: str) -> CameraOffer | None:
        """Offer it no more; returns what was offered."""
        there = rows.execute(
            select(offers).where(offers.c.camera == kid, offers.c.kind == kind)
        ).mappings()
        found = next((_offer_of(one) for one in there), None)
        rows.execute(_row(kid, kind))
        return found

    def find_bundle(self, sha256: str) -> CameraOffer | None:
        """The update of this bundle, if any camera is offered it; None if not."""
        found = (one for one in self.list_all().values() if one.sha256 == sha256)
        return next((one for one in found if one.kind == UPDATE and self.is_there(one)), None)

    def is_offered(self, rows: Connection, offer: CameraOffer) -> bool:
        """Whether any camera is offered this bundle."""
        chosen = select(offers.c.camera).where(offers.c.sha256 == offer.sha256)
        return rows.execute(chosen.where(offers.c.kind == UPDATE)).first() is not None

    # ------------------------------------------------------------------ bundles

    @contextlib.contextmanager
    def copying(self, name: str, length: int, reserve: int) -> Iterator[BundleCopy]:
        """A bundle of this length may be written meanwhile, and be added (`add_bundle`). Behind it
        bundles that no camera is offered are gone. name: what messages call it. reserve: bytes that
        stay free on the office's storage. Raises OfferRefusedError."""
        if length > LARGEST_BUNDLE:
            raise OfferRefusedError(
                f"{name}: no camera takes more than {room(LARGEST_BUNDLE)}", "too_large_bundle"
            )
        self._check_room(name, length, length + reserve, reserve)
        directory = self._directory()
        durable_files.make_directory(directory)
        copy = BundleCopy(directory)
        try:
            yield copy
        finally:
            copy.close()
            self.remove_unoffered()

    def put_file(self, bundle: str, kids: Sequence[Thumbprint], *, reserve: int) -> CameraOffer:
        """Offer the bundle in a file to cameras, without an entry of the ledger. reserve: as for
        `copying`. Raises OfferRefusedError."""
        with open_plain(bundle, "bundle", linked=True) as file:
            length = os.fstat(file.fileno()).st_size
            with explaining("read", bundle):
                read_manifest(bundle, file.fileno())
            with self.copying(bundle, length, reserve) as copy:
                while copy.bytes < length:
                    with explaining("read", bundle):
                        piece = os.pread(file.fileno(), min(PIECE, length - copy.bytes), copy.bytes)
                    if not piece:
                        raise StorageError(f"{bundle}: it became shorter while it was read")
                    copy.write(piece)
                with self._state.writing() as rows:
                    offer = self.add_bundle(bundle, copy, reserve)
                    self.put(rows, kids, offer)
        return offer

    def add_bundle(self, name: str, copy: BundleCopy, reserve: int) -> CameraOffer:
        """Keep what was copied; returns the offer to `put`, in the transaction in which this is
        called. Raises OfferRefusedError."""
        manifest = copy.manifest(name)
        copy.sync()
        # Others may have been copied meanwhile.
        self._check_room(name, copy.bytes, reserve, reserve)
        durable_files.rename(copy.path, self._bundle(copy.sha256))
        return CameraOffer(UPDATE, copy.sha256, copy.bytes, manifest.compatible, manifest.version)

    def remove_unoffered(self) -> None:
        """Remove the bundles that no camera is offered, and copies that were left."""
        directory = self._directory()
        if not file_status.exists(directory):
            return
        with self._state.writing() as rows:
            there = rows.execute(select(offers.c.sha256).where(offers.c.kind == UPDATE)).scalars()
            named = {sha256 + _ENDING for sha256 in there}
            with explaining("list the directory", directory):
                names = os.listdir(directory)
            for name in names:
                path = os.path.join(directory, name)
                copied = name.endswith(durable_files.TEMPORARY) and not durable_files.is_left(path)
                if name not in named and not copied:
                    durable_files.remove(path, missing_ok=True)

    def pieces(self, offer: CameraOffer, begin: int, end: int) -> Iterator[bytes]:
        """The bytes from `begin` to before `end`, at most `PIECE` at a time."""
        if offer.kind == SETTINGS:
            yield offer.content[begin:end]
            return
        path = self._bundle(offer.sha256)
        with open_plain(path, "update") as file:
            while begin < end:
                with explaining("read", path):
                    piece = os.pread(file.fileno(), min(PIECE, end - begin), begin)
                if not piece:
                    raise StorageError(f"{path}: it is shorter than when it was offered")
                begin += len(piece)
                yield piece

    def _end(self, kid: Thumbprint, offer: CameraOffer) -> None:
        """A camera runs by it. Another one may have been offered since, and stays."""
        with self._state.writing() as rows:
            rows.execute(_row(kid, offer.kind).where(offers.c.sha256 == offer.sha256))
        if offer.kind == UPDATE:
            self.remove_unoffered()

    def _check_room(self, bundle: str, length: int, needed: int, reserve: int) -> None:
        if needed > free_room(self._office):
            raise OfferRefusedError(
                f"{bundle}: with its {room(length)} the office's storage would not keep "
                f"{room(reserve)} free for recordings (receive.reserve_gib): make room there",
                "no_room",
            )

    def _directory(self) -> str:
        """Nothing on the way is a link."""
        directory = os.path.join(self._office, UPDATES)
        for path in (self._office, directory):
            file_status.check_directory(path)
        return directory

    def _bundle(self, sha256: str) -> str:
        if not SHA256.fullmatch(sha256):
            raise StorageError(f"{sha256!r}: this is no SHA-256; offer the update again")
        return os.path.join(self._directory(), sha256 + _ENDING)


def _row(kid: Thumbprint, kind: str) -> Delete:
    return delete(offers).where(offers.c.camera == kid, offers.c.kind == kind)


def _offer_of(row: Mapping[Any, Any]) -> CameraOffer:
    return record_of({key: value for key, value in row.items() if key != "camera"}, CameraOffer)
