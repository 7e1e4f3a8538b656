"""A camera in its dock and an office that takes over, without the network between them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from desk_helpers import KEY, Camera
from state_helpers import state_in

from camerad.base.clock import ManualClock
from camerad.container.keys import KeyRing, PublicKey, SigningKey
from camerad.container.skeleton import skeleton
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.office.server.camera_holdings import CameraHoldings
from camerad.office.server.cameras import Cameras
from camerad.office.server.ingest import Ingest
from camerad.office.server.ledger_copy import AdoptResult, LedgerCopies
from camerad.office.server.upload_limits import UploadLimits
from camerad.office.server.uploads import Declaration, Uploads
from camerad.office.state.office_state import OfficeState
from camerad.store.device_client import accept_receipt
from camerad.store.locations import Holding, place_of

OFFICE_KEY: Final = SigningKey.generate()
"""The office's."""
NAME: Final = "cam-1"
"""The camera's, as in the headers of its recordings."""
KID: Final = KEY.public.thumbprint


def register(path: Path, *cameras: tuple[str, PublicKey, tuple[str, ...]]) -> None:
    """Write a register. cameras: names, keys, and the thumbprints of former keys."""
    found = [
        RegisteredCamera(name, key.thumbprint, key.jwk, 1, None, None, "2026-11-24", former)
        for name, key, former in cameras
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    camera_register.write(str(path), Register(tuple(found)))


class Vault:
    """An office's directory and the parts of its server that take over. root: the directory. made
    anew by `restart`, as after the end of the process."""

    def __init__(
        self, root: Path, key: SigningKey = OFFICE_KEY, state: OfficeState | None = None
    ) -> None:
        self.root = root
        self.key = key
        self._kept = state
        self.clock = ManualClock(wall_us=1_795_540_000_000_000)
        root.mkdir(exist_ok=True)
        self.register = root.parent / "register" / "cameras.json"
        register(self.register, (NAME, KEY.public, ()))
        self.restart()

    def restart(self) -> None:
        """Begin anew on what is on the storage."""
        self.cameras = Cameras(str(self.register))
        self.state = self._kept or state_in(self.root)
        self.uploads = Uploads(str(self.root), self.state, UploadLimits(reserve=0), self.clock)
        self.uploads.tidy()
        self.holdings = CameraHoldings(str(self.root), self.cameras, self.state)
        self.copies = LedgerCopies(self.holdings)
        self.ingest = Ingest(self.holdings, self.uploads, self.key, self.clock)

    @property
    def holding(self) -> Holding:
        """Where the camera's recordings are."""
        (found,) = place_of(str(self.root)).holdings
        return found

    def bring_ledger(self, camera: Camera, kid: str = KID) -> AdoptResult:
        """What a camera's client does with its ledger."""
        files = {path.name: path.read_bytes() for path in sorted(ledger_files(camera))}
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        there = self.copies.files(kid)
        for name, content in files.items():
            if there.get(name) != hashes[name]:
                self.copies.put(kid, name, content)
        return self.copies.adopt(kid, hashes)

    def upload(self, path: Path, kid: str = KID, **said: object) -> Declaration:
        """Bring a recording's file whole. said: what is declared otherwise than it is."""
        content = path.read_bytes()
        closed = skeleton(str(path)).closed_by
        facts = {
            "recording": path.name.removesuffix(".tar"),
            "final": "" if closed is None else closed.sha256,
            "bytes": len(content),
        }
        declaration = Declaration(**(facts | said))  # type: ignore[arg-type]
        offset = self.uploads.declare(kid, declaration)
        while offset < declaration.bytes:
            part = self.uploads.begin(kid, declaration.recording, offset)
            try:
                body = content[offset : offset + (64 << 10)]
                part.write(body)
                offset = part.finish(hashlib.sha256(body).digest())
            finally:
                part.close()
        return declaration

    def hand_over(self, path: Path, kid: str = KID, **said: object) -> bytes | None:
        """The same, and take it over; returns the receipt."""
        declaration = self.upload(path, kid, **said)
        self.ingest.take(kid, declaration)
        return self.ingest.receipt(kid, declaration.recording)

    def dock(self, camera: Camera) -> list[str]:
        """All that a camera in its dock does; returns what it calls acknowledged since."""
        self.bring_ledger(camera)
        acknowledged = []
        for path in sorted(camera.recordings.glob("*.tar")):
            token = self.hand_over(path)
            if token is not None:
                with camera.open() as store:
                    keys = KeyRing([KEY.public, self.key.public])
                    acknowledged += accept_receipt(store, keys, token)
        self.bring_ledger(camera)
        return acknowledged


def ledger_files(camera: Camera) -> list[Path]:
    """The files of a camera's ledger."""
    return sorted(path for path in (camera.root / "ledger").iterdir() if path.suffix != ".new")
