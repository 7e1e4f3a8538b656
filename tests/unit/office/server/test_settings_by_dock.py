"""Settings go from the desk through the dock into the camera, and the office hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from check_in_helpers import said
from desk_helpers import KEY, Camera
from state_helpers import check_ins_in, offer_settings, offers_in, revoked_in

from camerad.base.clock import SystemClock
from camerad.config import policies
from camerad.config.office_section import Office
from camerad.config.provisioning import NAME
from camerad.container.keys import SigningKey, Thumbprint, encode_base64url
from camerad.control.check_in_report import PresentState, make_check_in
from camerad.control.metrics import Metrics
from camerad.dock.handover import HandoverMemory
from camerad.dock.office_check_in import OfficeCheckIn
from camerad.dock.office_client import KeySigner, OfficeClient
from camerad.dock.office_connection import OfficeConnection, trusting
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.office.server.camera_overview import CameraOverview, overview
from camerad.office.server.cameras import Cameras
from camerad.office.server.check_ins import CheckIns
from camerad.office.server.offer_check import OfferRefusedError, make_offer
from camerad.office.server.offers import CameraOffer, Offers
from camerad.provisioning import settings_offer, signing
from camerad.provisioning.apply import ApplyOutcome, apply
from camerad.provisioning.boot_partition import BootPartition
from camerad.provisioning.offered_settings import OfferedSettings
from camerad.provisioning.provisioning_state import ProvisioningState
from camerad.store import check_in
from camerad.store.check_in import SETTINGS, RunningSettings
from tests.unit.provisioning.scene import OFFICE, document

from .office_scene import URL, OfficeScene

KID = KEY.public.thumbprint
NEW_POLICY = document(2, camera=KID, device="cam-1").replace(b"policy: generic", b"policy: ours")
STATUS = {"version": "0.1.0", "image": None, "conditions": ["docked"], "ready": True}


def test_what_the_desk_offers_while_an_earlier_offer_goes_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = offers_in(tmp_path)
    offer_settings(tmp_path, KID, b"the first")
    found = offers.list_of

    def offered_meanwhile(kid: Thumbprint) -> list[CameraOffer]:
        there = found(kid)
        offer_settings(tmp_path, KID, b"the second")
        return there

    monkeypatch.setattr(offers, "list_of", offered_meanwhile)
    runs = said(settings=RunningSettings("", 1, "by whom"))
    assert list(offers.for_camera(KID, runs)) == []
    (left,) = found(KID)
    assert left.content == b"the second"


@dataclass
class Daemon:
    """The daemon's part, on its real store."""

    camera: Camera
    data: Path
    refusals: list[str | None] = field(default_factory=list)

    @property
    def offers(self) -> OfferedSettings:
        return OfferedSettings(str(self.camera.root), self.data)

    def check_in(self) -> bytes:
        self.camera.clock.advance(1)
        with self.camera.open() as store:
            present = PresentState("cam-1", KID, STATUS, Metrics(0).dump())
            return check_in.sign(KEY, make_check_in(store, present, self.offers))

    def show_log(self, log: str) -> tuple[bool, str | None]:
        return False, None

    def offer_settings(self, offer: bytes) -> str | None:
        refused = self.offers.take(offer, KID)
        self.refusals.append(None if refused is None else refused.text)
        return self.refusals[-1]


class Way:
    """From the desk to the camera. The camera was set up by a file of serial 1."""

    def __init__(self, root: Path, office: OfficeScene, port: int) -> None:
        self.office = office
        self.port = port
        self.boot, self.data = root / "boot", root / "data"
        self.camera = Camera(root / "camera")
        for place in (self.boot, self.data):
            place.mkdir()
        self.daemon = Daemon(self.camera, self.data)
        self.memory = HandoverMemory()
        first = document(1, device="cam-1")
        (self.boot / NAME).write_bytes(first)
        (self.boot / signing.NAME).write_bytes(signing.sign(OFFICE, first))
        assert self.start() is ApplyOutcome.APPLIED

    def start(self) -> ApplyOutcome:
        """What runs before the daemon."""
        card, kept = BootPartition(str(self.boot)), ProvisioningState(str(self.data))
        offer = settings_offer.read_offer(str(self.camera.root))
        return apply(card, kept, KID, programs="/", offer=offer)

    def dock(self) -> None:
        ca = Path(self.office.authority.certificate).read_text()
        section = Office(URL, ca, encode_base64url(self.office.office_key.public.raw), 1000)
        clock = SystemClock()
        connection = OfficeConnection(section, trusting(ca, check_time=True), clock)
        connection._port = self.port
        self.memory.check_in.forget()
        client = OfficeClient(URL, connection, KeySigner(KEY), clock)
        step = OfficeCheckIn(self.daemon, client, clock, self.memory.check_in, self.memory.is_new)
        try:
            step.run()
        finally:
            connection.close()

    def offer(self, content: bytes, by: SigningKey = OFFICE) -> None:
        """As `camerad office offer settings`."""
        register = camera_register.read(str(self.office.register))
        camera, offer = make_offer(NAME, content, signing.sign(by, content), register, self.known)
        offer_settings(self.office.directory, camera.thumbprint, offer)

    @property
    def known(self) -> CheckIns:
        cameras = Cameras(str(self.office.register))
        return check_ins_in(self.office.directory, cameras, self.office.clock)

    @property
    def offers(self) -> Offers:
        return offers_in(self.office.directory)

    @property
    def status(self) -> CameraOverview:
        """As `camerad office status`."""
        register = camera_register.read(str(self.office.register))
        now_us = self.office.clock.wall_us()
        gone = revoked_in(self.office.directory)
        (found,) = overview(register, self.known, self.offers, gone, now_us)
        return found


@pytest.fixture
def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    monkeypatch.setattr(policies, "ETC", tmp_path / "etc")
    office = OfficeScene(tmp_path)
    signed_by = OFFICE.public.thumbprint
    known = RegisteredCamera("cam-1", KID, KEY.public.jwk, 1, signed_by, None, "")
    camera_register.write(str(office.register), Register((known,)))
    office.clock = SystemClock()  # type: ignore[assignment]
    with office.serving() as client:
        yield Way(tmp_path, office, client.port)


def test_a_file_goes_all_the_way(way: Way) -> None:
    way.offer(document(2, "camera: {fps: 25}\n", camera=KID, device="cam-1"))
    way.dock()
    assert way.daemon.refusals == [None]
    assert way.status.settings.value == "at the next start"
    assert "fps" not in (way.data / "camerad.yaml").read_text()
    assert way.start() is ApplyOutcome.APPLIED
    assert "fps: 25" in (way.data / "camerad.yaml").read_text()
    way.dock()
    said = way.status.said
    assert said is not None and said.settings is not None and said.settings.serial == 2
    assert way.status.settings.value == "current"
    assert way.offers.find(KID, SETTINGS) is None


def test_a_policy_that_the_camera_s_image_does_not_have_is_said_before_it_is_offered(
    way: Way, tmp_path: Path
) -> None:
    way.dock()
    path = tmp_path / "etc" / "policies" / "ours.yaml"
    path.parent.mkdir(parents=True)
    own = next(one for one in policies.shipped_directories() if (one / "policies").is_dir())
    path.write_text((own / "policies" / "generic.yaml").read_text() + "since: 99.0.0\n")
    with pytest.raises(OfferRefusedError, match=r"cam-1: .* comes with camerad 99\.0\.0") as caught:
        way.offer(NEW_POLICY)
    assert (caught.value.why, way.offers.find(KID, SETTINGS)) == ("newer_image", None)
    path.write_text(path.read_text().replace("99.0.0", "0.1.0"))
    way.offer(NEW_POLICY)
    assert way.offers.find(KID, SETTINGS) is not None


@pytest.mark.parametrize(
    ("offer", "why"),
    [
        (document(1, "# older\n", camera=KID, device="cam-1"), "is not above"),
        (document(2, camera="A" * 43, device="cam-1"), "another camera"),
        (document(2, camera=KID, reset=KID, device="cam-1"), "card alone"),
        (NEW_POLICY, "such as a new policy, needs an update of the camera first"),
    ],
)
def test_what_an_office_s_server_offers_of_its_own_is_refused(
    way: Way, offer: bytes, why: str
) -> None:
    """Whoever took the server over puts there what they like, signed once by the office or not."""
    offer_settings(
        way.office.directory, KID, settings_offer.join(offer, signing.sign(OFFICE, offer))
    )
    way.dock()
    (refused,) = way.daemon.refusals
    assert refused is not None and why in refused
    (reason,) = way.status.reasons
    assert why in reason and way.status.settings.value == "refused"
    way.dock()
    assert len(way.daemon.refusals) == 1, "it is not fetched again"
    assert way.start() is ApplyOutcome.NOTHING


def test_a_key_of_the_server_s_own_opens_nothing(way: Way) -> None:
    own = way.office.office_key
    offer = document(2, camera=KID, office=own, device="cam-1")
    with pytest.raises(OfferRefusedError, match="another key"):
        way.offer(offer, own)
    offer_settings(way.office.directory, KID, settings_offer.join(offer, signing.sign(own, offer)))
    way.dock()
    (refused,) = way.daemon.refusals
    assert refused is not None and "another key" in refused
    assert way.start() is ApplyOutcome.NOTHING
