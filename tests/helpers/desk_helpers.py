"""A device's state directory with real recordings in it, and an office's directory beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

from sealed_helpers import BOOT, KEY, KEYS, WALL_US, Made, made, office

from camerad.base.clock import DAY, ManualClock
from camerad.container import jws
from camerad.container.chain import HEADER_NAME
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.skeleton import skeleton
from camerad.evidence.offload import OffloadResult, offload
from camerad.ledger.claim import Claim
from camerad.ledger.ledger import Ledger
from camerad.store.device_client import OwnedDevice
from camerad.store.locations import Place, place_of
from camerad.store.store import PlaceClaim, Store
from camerad.store.trust import facts_from

ONE: Final = "20261124T153000Z-000001-00000001"
TWO: Final = "20261124T160000Z-000002-00000002"
THREE: Final = "20261124T170000Z-000003-00000003"
SHORT: Final = "IPPPPPPPPPPPPPP" * 2
"""A second, in two fragments."""
DAYS: Final = 14
"""Retention in the recordings of `made`."""

__all__ = ["BOOT", "KEY", "KEYS", "office"]


class Silent:
    """Watches an offload and says nothing."""

    def start(self, count: int, total: int) -> None: ...

    def start_recording(self, recording: str) -> None: ...

    def advance(self, count: int) -> None: ...


class Camera:
    """A device's state directory, without a daemon. clock: stands at the end of the recordings,
    an hour later, in another boot."""

    def __init__(self, root: Path, key: SigningKey = KEY, device: str = "cam-1") -> None:
        self.root = root
        self.device = device
        self.recordings = root / "recordings"
        self.recordings.mkdir(parents=True)
        self.key = key
        self.keys = KeyRing([key.public])
        self.clock = ManualClock(wall_us=WALL_US + DAY // 24)
        (root / "identity.pem").write_bytes(key.pem)
        (root / "identity.pem").chmod(0o600)
        (root / "keys").mkdir()
        jwk = json.dumps(key.public.jwk)
        (root / "keys" / f"{key.public.thumbprint}.jwk").write_text(jwk)
        # A device has its ledger before it can record.
        self.open().close()

    @property
    def place(self) -> Place:
        return place_of(str(self.root))

    def put(self, identity: str = ONE, *, known: bool = True, **how: object) -> Path:
        """A closed recording, as its file; the ledger knows it if `known`."""
        how = {"key": self.key, "device": self.device} | how
        one = recording(identity, **how)
        path = self.recordings / f"{identity}.tar"
        path.write_bytes(one.file)
        if known:
            with self.open() as store:
                store.ledger.append(
                    "opened", id=identity, header=jws.digest(one.content(HEADER_NAME))
                )
                store.ledger.append("closed", **facts_of(str(path), "closed", own=True))
        return path

    def open(self) -> Store:
        """Its store, claimed."""
        return Store.open(PlaceClaim(self.place), self.key, self.clock)

    def offload(self, target: Path) -> OffloadResult:
        """Copy what is new to an office's directory."""
        target.mkdir(exist_ok=True)
        with self.open() as store:
            store.reconcile()
            device = OwnedDevice(store, self.key, self.keys)
            return offload(device, str(target), Silent(), same_disk=True)

    def ledger(self) -> Ledger:
        """Its ledger alone."""
        return Ledger.open(Claim(str(self.root / "ledger")), self.key, self.clock)


def recording(identity: str = ONE, **how: object) -> Made:
    """A closed recording of a second."""
    return made(SHORT, identity=identity, **how)  # type: ignore[arg-type]


def facts_of(path: str, kind: str, *, own: bool) -> dict[str, Any]:
    """The facts of an entry of that kind about a recording's file."""
    return facts_from(skeleton(path), kind, own=own)


def open_office(root: Path, key: SigningKey, clock: ManualClock) -> Store:
    """An office's directory as a store."""
    return Store.open(PlaceClaim(place_of(str(root))), key, clock, trusted=KEYS)


def kinds(store: Store) -> list[str]:
    """The kinds of the entries in a store's newest epoch, in their order."""
    directory = store.ledger.directory
    newest = max(name for name in os.listdir(directory) if name.endswith(".jws"))
    lines = (Path(directory) / newest).read_bytes().splitlines()
    return [str(json.loads(jws.parse(line).payload)["kind"]) for line in lines]
