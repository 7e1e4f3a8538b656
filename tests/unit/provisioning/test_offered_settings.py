"""Settings that come through the dock hold for the next start, by the office's word alone."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from camerad.base import storage_errors
from camerad.container.keys import SigningKey, encode_base64url
from camerad.provisioning import offered_settings, settings_offer, signing
from camerad.provisioning.apply import ApplyOutcome, apply
from camerad.provisioning.boot_partition import BootPartition
from camerad.provisioning.offered_settings import BY_HAND, MOST, OfferedSettings
from camerad.provisioning.order_execution import OrderExecution
from camerad.provisioning.provisioning_state import OFFER, PENDING, ProvisioningState
from camerad.provisioning.provisioning_status import ProvisioningStatus
from camerad.provisioning.signing import SignatureFileError
from camerad.provisioning.validation import RefusalReason, digest
from tests.unit.provisioning.scene import (
    CAMERA,
    OFFICE,
    OTHER_CAMERA,
    SECRET,
    STRANGER,
    WIFI,
    Scene,
    document,
)


def offer_of(content: bytes, by: SigningKey = OFFICE) -> bytes:
    return settings_offer.join(content, signing.sign(by, content))


def newer(serial: int = 2, more: str = "camera: {fps: 25}\n") -> bytes:
    return document(serial, more, camera=CAMERA)


class Dock:
    """A camera that was set up, its daemon's part, and its starts."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        scene.set_up()
        self.daemon = OfferedSettings(str(scene.state), scene.data)

    def take(self, offer: bytes) -> str | None:
        refused = self.daemon.take(offer, CAMERA)
        return None if refused is None else refused.why

    def put(self, offer: bytes) -> None:
        """As whoever is the daemon's user can: past every look of the daemon's."""
        path = Path(settings_offer.offer_path(str(self.scene.state)))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(offer)

    def start(self) -> ApplyOutcome:
        scene = self.scene
        return apply(
            BootPartition(str(scene.boot)),
            ProvisioningState(str(scene.data)),
            scene.camera,
            programs=str(scene.programs),
            offer=settings_offer.read_offer(str(scene.state)),
        )


@pytest.fixture
def dock(scene: Scene) -> Dock:
    return Dock(scene)


def test_a_newer_file_of_the_office_holds_from_the_next_start_on(dock: Dock, scene: Scene) -> None:
    before, offer = scene.config, offer_of(newer())
    assert dock.take(offer) is None
    status = dock.daemon.status()
    assert status.waiting == hashlib.sha256(offer).hexdigest()
    assert status.running is not None and status.running.serial == 1
    assert scene.config == before, "nothing changes while the camera is in use"
    assert dock.start() is ApplyOutcome.APPLIED
    assert "fps: 25" in scene.config
    status = dock.daemon.status()
    assert status.waiting is None and status.refused == ()
    assert status.running is not None
    assert (status.running.sha256, status.running.serial) == (digest(newer()), 2)
    assert status.running.office == OFFICE.public.thumbprint
    assert not Path(settings_offer.offer_path(str(scene.state))).exists()
    assert "through the dock" in scene.report
    assert scene.orders[-1].outcome == "applied"


def test_a_card_that_takes_no_report_keeps_no_later_settings_out(
    dock: Dock, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a partition that is read-only, or is not mounted: the office is told by the dock."""

    def refuse(_card: BootPartition, name: str, _content: bytes) -> None:
        raise storage_errors.explain("write", name, OSError(errno.EROFS, "read-only"))

    monkeypatch.setattr(BootPartition, "write", refuse)
    for serial, fps in ((2, 25), (3, 20)):
        assert dock.take(offer_of(newer(serial, f"camera: {{fps: {fps}}}\n"))) is None
        assert dock.start() is ApplyOutcome.APPLIED
        assert f"fps: {fps}" in scene.config
    status = dock.daemon.status()
    assert status.waiting is None and status.running is not None
    assert status.running.serial == 3


def test_what_waited_leaves_nothing_of_its_passphrase_on_the_card(dock: Dock, scene: Scene) -> None:
    """Neither when a start has decided about it, nor when a newer one takes its place."""
    path = settings_offer.offer_path(str(scene.state))
    for serial, then in ((2, "newer"), (3, "decided")):
        assert dock.take(offer_of(newer(serial, WIFI))) is None
        with open(path, "rb") as blocks:  # as whoever looks at the card's free room
            assert any(blocks.read())
            if then == "newer":
                assert dock.take(offer_of(newer(3, WIFI))) is None
            else:
                assert dock.start() is ApplyOutcome.APPLIED
                dock.daemon.status()
                assert list(Path(path).parent.iterdir()) == []
            blocks.seek(0)
            assert not any(blocks.read())


def test_the_same_file_again_is_nothing_new(dock: Dock, scene: Scene) -> None:
    offer = offer_of(newer())
    assert dock.take(offer) is None
    assert dock.take(offer) is None  # it waits already
    assert dock.start() is ApplyOutcome.APPLIED
    assert dock.start() is ApplyOutcome.NOTHING  # the daemon has not looked yet
    (scene.data / OFFER).unlink()
    assert dock.start() is ApplyOutcome.NOTHING
    assert len(scene.orders) == 2
    assert dock.take(offer) is None
    assert dock.daemon.status().waiting is None


def _damaged(offer: bytes) -> bytes:
    header, content, signature = offer.split(b".")
    return b".".join((header, content[:-8] + b"AAAA" + content[-4:], signature))


def _other_form(offer: bytes) -> bytes:
    return offer.replace(b".", b"..")


REFUSED: dict[str, tuple[Callable[[], bytes], RefusalReason]] = {
    "of_another_key": (lambda: offer_of(newer(), STRANGER), RefusalReason.OTHER_OFFICE),
    "of_another_office": (
        lambda: offer_of(document(2, camera=CAMERA, office=STRANGER), STRANGER),
        RefusalReason.OTHER_OFFICE,
    ),
    "that_hands_the_camera_on": (
        lambda: offer_of(
            document(
                2, f"# {encode_base64url(OFFICE.public.raw)}\n", camera=CAMERA, office=STRANGER
            )
        ),
        RefusalReason.OFFICE_KEY_CHANGED,
    ),
    "downgraded": (lambda: offer_of(newer(1)), RefusalReason.OLD),
    "for_another_camera": (
        lambda: offer_of(document(2, camera=OTHER_CAMERA)),
        RefusalReason.OTHER_CAMERA,
    ),
    "for_any_camera": (lambda: offer_of(document(2)), RefusalReason.NO_CAMERA),
    "damaged": (lambda: _damaged(offer_of(newer())), RefusalReason.CHANGED),
    "no_jws": (lambda: _other_form(offer_of(newer())), RefusalReason.SIGNATURE_SPOILT),
    "no_base64": (lambda: b"a.=.b", RefusalReason.SIGNATURE_SPOILT),
    "too_long": (lambda: b"a" * (settings_offer.LONGEST + 1), RefusalReason.SIGNATURE_SPOILT),
    "with_mistakes": (lambda: offer_of(newer(2, "camera: {fps: 99}\n")), RefusalReason.MISTAKES),
    "a_reset_by_the_office": (
        lambda: offer_of(document(2, camera=CAMERA, reset=CAMERA)),
        RefusalReason.RESET_OFFERED,
    ),
    "a_reset_by_a_stranger": (
        lambda: offer_of(document(2, office=STRANGER, reset=CAMERA), STRANGER),
        RefusalReason.OTHER_OFFICE,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_no_other_file_holds(dock: Dock, scene: Scene, case: str) -> None:
    make, why = REFUSED[case]
    offer, before, pinned = make(), scene.config, scene.pinned()
    assert dock.take(offer) == why.value
    status = dock.daemon.status()
    assert status.waiting is None
    assert [(one.sha256, one.why) for one in status.refused] == [
        (hashlib.sha256(offer).hexdigest(), why.value)
    ]
    # A daemon that was taken over may leave it there all the same: the start refuses it as well.
    dock.put(offer)
    assert dock.start() is ApplyOutcome.REFUSED
    assert (scene.config, scene.pinned()) == (before, pinned)
    assert scene.orders[-1].outcome == "refused"
    assert json.loads((scene.data / OFFER).read_bytes())["why"] is not None
    assert scene.status is ProvisioningStatus.PROVISIONED, "no lights for what no hand put there"
    assert dock.daemon.status().waiting is None
    assert dock.start() is ApplyOutcome.NOTHING


def test_what_only_the_start_refuses_is_told_to_the_office(dock: Dock) -> None:
    offer = offer_of(newer())
    assert dock.take(offer) is None
    dock.scene.camera = OTHER_CAMERA  # it made itself another key meanwhile
    assert dock.start() is ApplyOutcome.REFUSED
    (refused,) = dock.daemon.status().refused
    assert (refused.why, refused.sha256) == ("other_camera", hashlib.sha256(offer).hexdigest())


def test_an_older_file_does_not_replace_one_that_waits(dock: Dock, scene: Scene) -> None:
    assert dock.take(offer_of(newer(7))) is None
    assert dock.take(offer_of(newer(5))) == RefusalReason.OLD.value
    assert dock.take(offer_of(newer(9))) is None
    assert dock.start() is ApplyOutcome.APPLIED
    assert scene.orders[-1].serial == 9


def test_what_waits_and_cannot_be_read_is_replaced(dock: Dock) -> None:
    dock.put(b"nothing")
    assert dock.take(offer_of(newer())) is None
    assert dock.start() is ApplyOutcome.APPLIED


def test_the_card_goes_first(dock: Dock, scene: Scene) -> None:
    assert dock.take(offer_of(newer(3))) is None
    scene.put(document(2, camera=CAMERA))
    assert dock.start() is ApplyOutcome.APPLIED
    assert scene.orders[-1].serial == 2
    assert dock.daemon.status().waiting is not None
    assert dock.start() is ApplyOutcome.APPLIED
    assert scene.orders[-1].serial == 3


def test_a_start_that_was_cut_off_goes_on_without_the_offer(dock: Dock, scene: Scene) -> None:
    assert dock.take(offer_of(newer())) is None
    assert dock.start() is ApplyOutcome.APPLIED
    accepted, offer = scene.data / "accepted.json", scene.data / OFFER
    accepted.rename(scene.data / PENDING)
    offer.unlink()
    Path(settings_offer.offer_path(str(scene.state))).unlink()
    assert dock.start() is ApplyOutcome.APPLIED
    assert json.loads(offer.read_bytes())["why"] is None
    assert "through the dock" in scene.report


def test_a_passphrase_that_was_never_on_the_card_is_not_looked_for_there(
    dock: Dock, scene: Scene
) -> None:
    (scene.boot / "notes.txt").write_text(SECRET)
    assert dock.take(offer_of(newer(2, WIFI))) is None
    assert dock.start() is ApplyOutcome.APPLIED
    assert "notes.txt" not in scene.report


def test_a_camera_without_an_office_takes_none(scene: Scene, tmp_path: Path) -> None:
    """Its first file comes by card: whoever holds it says whose it is."""
    for directory in (None, scene.data):
        daemon = OfferedSettings(str(scene.state), directory)
        refused = daemon.take(offer_of(document(1)), CAMERA)
        assert refused is not None and refused.why == BY_HAND
        assert daemon.status().running is None
    outcome = apply(
        BootPartition(str(scene.boot)),
        ProvisioningState(str(scene.data)),
        CAMERA,
        offer=offer_of(document(1)),
    )
    assert outcome is ApplyOutcome.NOTHING
    assert scene.status is ProvisioningStatus.UNPROVISIONED
    alone = OfferedSettings(str(tmp_path / "alone"), None)
    path = Path(settings_offer.offer_path(str(tmp_path / "alone")))
    path.parent.mkdir(parents=True)
    path.write_bytes(offer_of(document(1)))
    assert alone.status().waiting is not None  # nobody has decided about it


def test_what_is_known_and_cannot_be_read_harms_nothing(dock: Dock, scene: Scene) -> None:
    for why in range(MOST + 2):
        assert dock.take(b"x%d" % why) == RefusalReason.SIGNATURE_SPOILT.value
    assert len(dock.daemon.status().refused) == MOST
    (scene.state / settings_offer.FOLDER / "refused.json").write_text("{")
    assert dock.daemon.status().refused == ()
    assert dock.take(offer_of(newer())) is None
    (scene.data / OFFER).write_text("{")
    assert dock.daemon.status().waiting is not None
    assert dock.start() is ApplyOutcome.APPLIED
    (scene.data / "orders.json").write_text("{")
    assert dock.daemon.status().running is None


def test_a_reason_of_a_later_version_is_told_as_it_is(dock: Dock, scene: Scene) -> None:
    offer = offer_of(newer())
    assert dock.take(offer) is None
    said = {"sha256": hashlib.sha256(offer).hexdigest(), "why": "of_a_later_version"}
    (scene.data / OFFER).write_text(json.dumps(said))
    (refused,) = dock.daemon.status().refused
    assert refused.text == "of_a_later_version"


def test_file_and_signature_are_the_same_again() -> None:
    content = newer()
    token = signing.sign(OFFICE, content)
    assert settings_offer.split(settings_offer.join(content, token)) == (content, token)
    for offer in (b"", b"a.b", b"a.b.c.d", b"a.*.c"):
        with pytest.raises(SignatureFileError):
            settings_offer.split(offer)


def test_nothing_is_read_as_yaml_before_the_signature_holds(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr("camerad.provisioning.validation.read_provisioning", read)
    monkeypatch.setattr(offered_settings, "read_provisioning", read)
    for make, _ in (REFUSED["of_another_key"], REFUSED["damaged"], REFUSED["no_base64"]):
        dock.put(make())
        assert dock.start() is ApplyOutcome.REFUSED
        Path(settings_offer.offer_path(str(dock.scene.state))).unlink()
        assert dock.take(make()) is not None


def test_the_daemon_lets_go_at_its_start_of_what_was_decided(
    dock: Dock, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    path = Path(settings_offer.offer_path(str(scene.state)))

    def daemon_starts() -> None:
        OrderExecution(scene.data, str(scene.state)).settle_offer()

    daemon_starts()
    assert dock.take(offer_of(newer())) is None
    daemon_starts()
    assert path.exists(), "no start has looked at it yet"
    assert dock.start() is ApplyOutcome.APPLIED
    daemon_starts()
    assert not path.exists()
    path.symlink_to(scene.root)  # it cannot be read, and keeps no camera from recording
    daemon_starts()
    assert "could not be read" in caplog.text
