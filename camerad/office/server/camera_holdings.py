"""Directories of a registered camera's recordings at an office, and of its ledger's copy.

A camera is known by the one key that the register has for it. What it signed with keys before that
is read in its ledger, and nothing new is ingested by them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Final, Protocol

from camerad.base import durable_files, file_status
from camerad.base.storage_errors import explain
from camerad.container.keys import KeyFileError, KeyRing, PublicKey, read_public_key
from camerad.evidence import holdings
from camerad.evidence.camera_register import RegisteredCamera
from camerad.ledger import log_segments
from camerad.ledger.audit import read_state
from camerad.ledger.ledger_state import LedgerState
from camerad.office.replicas.shared_directory import SharedDirectory
from camerad.office.state.office_state import OfficeState
from camerad.store.locations import (
    Holding,
    Place,
    check_directories,
    holding_ending,
    holding_name,
    office_place,
)


class KnownCameras(Protocol):
    """Knows which cameras count: `camerad.office.server.cameras.Cameras`."""

    def find(self, kid: str) -> RegisteredCamera:
        """The camera with this key. Raises UnregisteredError."""


class CameraHoldings:
    """root: the office's directory. state: of the office. shared: keeps those of several servers
    the same. Any thread may ask. Everything raises UnregisteredError for a key that is not in the
    register, and StorageError."""

    def __init__(
        self,
        root: str,
        cameras: KnownCameras,
        state: OfficeState,
        shared: SharedDirectory | None = None,
    ) -> None:
        self.root: Final = os.path.abspath(root)
        self._cameras = cameras
        self.state: Final = state
        self.shared: Final = shared

    def changing_ledger(self, kid: str) -> contextlib.AbstractContextManager[None]:
        """Change the copy of a camera's ledger, with which other servers go on. The caller holds a
        claim against them."""
        if self.shared is None:
            return contextlib.nullcontext()
        return self.shared.changing(holding_ending(kid))

    def size_of(self, path: str) -> int | None:
        """Bytes of a recording's file, which may be just coming from another server; None if there
        is none."""
        coming = None if self.shared is None else self.shared.coming(path)
        return size_of(path) if coming is None else coming

    def key(self, kid: str) -> PublicKey:
        """The camera's key."""
        return PublicKey.from_jwk(self._cameras.find(kid).jwk)

    def name(self, kid: str) -> str:
        """The camera's name in the register."""
        return self._cameras.find(kid).name

    def former(self, kid: str) -> tuple[str, ...]:
        """Thumbprints of the keys that the camera had before, as the register says."""
        return self._cameras.find(kid).former

    def list_all(self, kid: str) -> list[Holding]:
        """Every holding of this key, that of the camera's present name first: a camera that was
        renamed may have several."""
        return self._in_order(kid, self._place(kid))

    def _place(self, kid: str) -> Place:
        """The directory, with what it has of this key alone."""
        return holdings.place_of_keys(self.root, KeyRing([self.key(kid)]))

    def _in_order(self, kid: str, place: Place) -> list[Holding]:
        name = holding_name(self._cameras.find(kid).name, self.key(kid))
        return sorted(place.holdings, key=lambda one: (one.name != name, one.root))

    def find(self, kid: str) -> Holding | None:
        """The holding to which this camera's recordings go; None if it is not there yet. Raises
        StorageError also if something else lies in the place of one of its directories."""
        place = self._place(kid)
        if not place.holdings:
            return None
        check_directories(place)
        return self._in_order(kid, place)[0]

    def make(self, kid: str) -> Holding:
        """The same, with all its directories and its key; made if it is not there."""
        # Two that make the same one would meet in its files.
        with self.state.hold("holdings"):
            there = self.find(kid)
            key = self.key(kid)
            made = there or holdings.holding_of(self.root, self._cameras.find(kid).name, key)
            if self.shared is not None and not file_status.exists(made.key):
                durable_files.make_directory(made.root)
                self.shared.put_file(made.key, holdings.key_content(key))
            return holdings.complete_holding(made, key)

    def make_for(self, device: str, key: PublicKey) -> Holding:
        """Where recordings by this key go, also if the register does not have it; made, or what it
        lacks, if it is not there. device: the camera's name, for one that is made."""
        with self.state.hold("holdings"):
            found = next(iter(holdings.find_holdings(self.root, KeyRing([key]))), None)
            if found is None:
                return holdings.make_holding(self.root, device, key)
            return holdings.complete_holding(found, key)

    def ledger_keys(self, kid: str) -> KeyRing:
        """The keys by which this camera's ledger is read: its own, and those that the register says
        it had before, where an office's directory still has them."""
        return KeyRing([self.key(kid), *(key for _, key in self._former(kid))])

    def list_former(self, kid: str) -> list[Holding]:
        """The holdings of the keys that the camera had before."""
        return [one for one, _ in self._former(kid)]

    def _former(self, kid: str) -> Iterator[tuple[Holding, PublicKey]]:
        former = self.former(kid)
        if not former:
            return
        endings = tuple(holding_ending(one) for one in former)
        for one in office_place(self.root, endings).holdings:
            try:
                key = read_public_key(one.key)
            except KeyFileError:
                continue  # a check of the directory says so
            if key.thumbprint in former:
                yield one, key

    def ledger_state(self, kid: str) -> LedgerState | None:
        """What the copy of the camera's ledger says; None if there is no copy yet."""
        holding = self.find(kid)
        if holding is None or not file_status.is_directory(holding.ledger):
            return None
        files = log_segments.list_files(holding.ledger)
        if not files.newest and not files.checkpoints:
            return None
        return read_state(holding.ledger, self.ledger_keys(kid))


def size_of(path: str) -> int | None:
    """Bytes of a plain file; None if there is none of that name. Raises StorageError."""
    if not file_status.is_file(path):
        return None
    try:
        return os.lstat(path).st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise explain("look at it", path, error) from error
