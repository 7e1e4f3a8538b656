"""An update's way from the office's command into a camera: the real server, the real client, a
camera with two slots in a directory, and a RAUC that the test plays or has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from desk_helpers import KEY, Camera
from state_helpers import check_ins_in, offers_in, revoked_in

from camerad.base.clock import SystemClock
from camerad.config.office_section import Office
from camerad.container.keys import SigningKey, encode_base64url
from camerad.control.check_in_report import PresentState, make_check_in
from camerad.control.metrics import Metrics
from camerad.dock.bundle_store import BundleStore
from camerad.dock.errors import OfficeAnswerError, OfficeUnavailableError
from camerad.dock.handover import HandoverMemory
from camerad.dock.office_check_in import OfficeCheckIn
from camerad.dock.office_client import KeySigner, OfficeClient
from camerad.dock.office_connection import OfficeConnection, trusting
from camerad.dock.progress_teller import NoReport
from camerad.dock.update_fetch import UpdateFetch, UpdatePlace
from camerad.evidence import camera_register
from camerad.office.server.camera_overview import CameraOverview, overview
from camerad.office.server.cameras import Cameras
from camerad.office.server.offers import CameraOffer, Offers
from camerad.provisioning.offered_settings import OfferedSettings
from camerad.store import check_in
from camerad.update.offered_bundles import OfferedBundles
from camerad.update.rauc import Rauc
from tests.unit.update.scene import COMPATIBLE, NEW, PlayedRauc, Scene

from .office_scene import URL, DockClient, OfficeScene

KID = KEY.public.thumbprint


def element(tag: int, content: bytes) -> bytes:
    """As DER."""
    length = len(content)
    size = length.to_bytes((length.bit_length() + 7) // 8 or 1, "big")
    head = bytes([tag, length]) if length < 128 else bytes([tag, 0x80 | len(size)]) + size
    return head + content


def a_bundle(
    version: str = NEW, compatible: str = COMPATIBLE, size: int = 100_000, seed: int = 0
) -> bytes:
    """Bytes of the form of a bundle, signed by nobody: tests/updates has those that RAUC makes."""
    manifest = f"[update]\ncompatible={compatible}\nversion={version}\n".encode()
    signed_data = bytes.fromhex("06092a864886f70d010702")
    data = bytes.fromhex("06092a864886f70d010701")
    inside = element(0x30, data + element(0xA0, element(0x04, manifest)))
    signed = element(0x02, b"\1") + element(0x31, b"") + inside
    cms = element(0x30, signed_data + element(0xA0, element(0x30, signed)))
    # It begins anew after 251 times 256 bytes.
    turn = bytes((seed + number * 7 + number // 251) % 256 for number in range(251 * 256))
    content = (turn * (size // len(turn) + 1))[:size]
    return content + cms + len(cms).to_bytes(8, "big")


@dataclass
class Daemon:
    """The camera's daemon, on its real store. image: the version that runs."""

    camera: Camera
    machine: Scene
    handed_over: list[Any] = field(default_factory=list)

    def check_in(self) -> bytes:
        self.camera.clock.advance(1)
        status = {
            "version": "0.1.0",
            "image": self.machine.version,
            "conditions": ["docked"],
            "ready": True,
        }
        provision_dir = self.machine.root / "data"
        with self.camera.open() as store:
            present = PresentState("cam-1", KID, status, Metrics(0).dump())
            offers = OfferedSettings(str(self.camera.root), None)
            return check_in.sign(KEY, make_check_in(store, present, offers, provision_dir))

    def show_log(self, log: str) -> tuple[bool, str | None]:
        return False, None

    def offer_settings(self, offer: bytes) -> str | None:
        raise AssertionError("no settings are on offer")


class UpdateWay:
    """machine: the camera's slots and what is kept of updates. upload: where the client writes.
    free: bytes that its card says are free. port: of the server, or of a wire to it."""

    def __init__(self, root: Path, office: OfficeScene, client: DockClient) -> None:
        self.root = root
        self.office = office
        self.client = client
        self.port = client.port
        self.upload = root / "upload"
        self.upload.mkdir()
        (root / "machine").mkdir()
        self.machine = Scene(root / "machine")
        self.camera = Camera(root / "camera")
        self.daemon = Daemon(self.camera, self.machine)
        self.memory = HandoverMemory()
        self.reserve = 0
        self.mbit_per_second = 10_000.0
        self.connection: OfficeConnection | None = None
        self.fetched = 0
        """Bytes that came."""

    # ------------------------------------------------------------------ the office

    @property
    def offers(self) -> Offers:
        return offers_in(self.office.directory)

    def offer(self, content: bytes, kid: str = KID) -> CameraOffer:
        """As `camerad office offer update`."""
        path = self.root / "new.raucb"
        path.write_bytes(content)
        return self.offers.put_file(str(path), [kid], reserve=0)

    @property
    def status(self) -> CameraOverview:
        """As `camerad office status`."""
        register = camera_register.read(str(self.office.register))
        cameras = Cameras(str(self.office.register))
        known = check_ins_in(self.office.directory, cameras, self.office.clock)
        gone, now_us = revoked_in(self.office.directory), self.office.clock.wall_us()
        found = overview(register, known, self.offers, gone, now_us)
        return next(one for one in found if one.kid == KID)

    # ------------------------------------------------------------------ the camera

    def dock(self) -> Exception | None:
        """A docking: the check-in, and the update; why it did not come."""
        self.memory.check_in.forget()
        return self.go_on()

    def go_on(self) -> Exception | None:
        """A pass of the same docking."""
        ca = Path(self.office.authority.certificate).read_text()
        section = Office(URL, ca, encode_base64url(self.office.office_key.public.raw), 1000)
        clock = SystemClock()
        connection = OfficeConnection(section, trusting(ca, check_time=True), clock)
        connection._port = self.port
        self.connection = connection
        client = CountingClient(URL, connection, KeySigner(KEY), clock)
        memory = self.memory.check_in
        place = UpdatePlace(
            BundleStore(str(self.upload), self.reserve),
            self.machine.root / "data",
            self.machine.version,
        )
        try:
            OfficeCheckIn(self.daemon, client, clock, memory, self.memory.is_new).run()
            UpdateFetch(
                place,
                client,
                connection,
                clock,
                mbit_per_second=self.mbit_per_second,
                memory=memory.update,
                report=NoReport(),
                forget=memory.forget,
            ).run()
            return None
        except (OfficeUnavailableError, OfficeAnswerError) as error:
            return error
        finally:
            self.fetched += client.fetched
            connection.close()

    def restart_process(self) -> None:
        """As each docking begins on a camera from the image."""
        self.memory = HandoverMemory()

    @property
    def handed_in(self) -> set[str]:
        """What lies where the client writes."""
        return set(os.listdir(self.upload))

    @property
    def bundles(self) -> OfferedBundles:
        return OfferedBundles(str(self.upload), self.machine.kept, self.machine.updates)

    def install(self, rauc: Rauc | None = None) -> None:
        """As camerad-update-dock.service; rauc: by default one that takes everything."""
        self.bundles.install(self.machine.running, rauc or self.machine.rauc())

    def try_it(self, *, works: bool = True) -> None:
        """The trial, and what comes of it."""
        self.machine.updates.begin_trial()
        version = self.machine.kept.state.version
        before = self.machine.version
        if not works:
            self.machine.start("A", before)
            return
        self.machine.start("B", version)
        self.machine.updates.confirm_trial("B", version)


class CountingClient(OfficeClient):
    """Counts the bytes of offers that came."""

    fetched = 0

    def ask(self, method: str, path: str, *given: Any, **more: Any) -> Any:
        answer = super().ask(method, path, *given, **more)
        if path.startswith("/v1/offers/") and answer.status == 206:
            self.fetched += len(answer.body)
        return answer


@contextmanager
def update_way(root: Path) -> Iterator[UpdateWay]:
    """With its server."""
    office = OfficeScene(root)
    office.clock = SystemClock()  # type: ignore[assignment]
    with office.serving() as client:
        yield UpdateWay(root, office, client)


__all__ = ["KEY", "KID", "PlayedRauc", "SigningKey", "UpdateWay", "a_bundle", "update_way"]
