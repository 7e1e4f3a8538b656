"""What a camera leaves on its card: its key, what it was set up by, what the doctor found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from camerad.base.errors import NotNowError
from camerad.container.keys import PublicKey, read_public_key
from camerad.provisioning import orders
from camerad.provisioning.boot_partition import BootPartition
from camerad.provisioning.provisioning_state import PUBLISH, ProvisioningState
from camerad.provisioning.publishing import (
    DEVICE,
    DOCTOR,
    PATIENCE_SECONDS,
    PEM,
    PublishedDevice,
    publish,
    publish_anew,
)
from camerad.store import identity
from tests.unit.provisioning.scene import OFFICE, Scene

REPORT = "Doctor\n======\nAll well.\n\n" + json.dumps({"counts": {"ok": 14, "failed": 1}}) + "\n"


class Daemon:
    """Carries its orders out when it is waited for the third time; time passes only then."""

    def __init__(self, scene: Scene, *, works: bool = True) -> None:
        self.scene = scene
        self.waited = 0.0
        self.works = works

    def now(self) -> float:
        return self.waited

    def pause(self, seconds: float) -> None:
        self.waited += seconds
        if self.works and self.waited > 2.5 * seconds:
            carry_out(self.scene)


def carry_out(scene: Scene) -> PublicKey:
    """What the daemon does at its start, as far as it concerns this."""
    state = str(scene.state)
    made = identity.load_or_create(state)
    identity.confirm(state, made)
    for order in orders.pending_orders(str(scene.data), state):
        orders.outbox(state).mark_delivered(order)
    return made.key.public


def left(scene: Scene, doctor: Path | None = None, daemon: Daemon | None = None) -> PublishedDevice:
    clock: dict[str, Callable[..., float]] = {}
    if daemon is not None:
        clock = {"now": daemon.now, "pause": daemon.pause}  # type: ignore[dict-item]
    report = None if doctor is None else str(doctor)
    return publish(
        BootPartition(str(scene.boot)),
        ProvisioningState(str(scene.data)),
        str(scene.state),
        report,
        **clock,
    )  # type: ignore[arg-type]


def test_a_camera_that_is_set_up_leaves_its_key_and_says_by_what(
    scene: Scene, tmp_path: Path
) -> None:
    scene.set_up(5)
    key = carry_out(scene)
    (tmp_path / "doctor.txt").write_text(REPORT)
    assert (scene.data / PUBLISH).exists()
    made = left(scene, tmp_path / "doctor.txt")
    said = msgspec.json.decode((scene.boot / DEVICE).read_bytes(), type=PublishedDevice)
    assert said == made
    assert (said.device, said.serial, said.office) == ("camera-07", 5, OFFICE.public.thumbprint)
    assert said.key == key == read_public_key(str(scene.boot / PEM))
    assert said.doctor == {"ok": 14, "failed": 1}
    assert (scene.boot / DOCTOR).read_text() == REPORT
    assert not (scene.data / PUBLISH).exists()


def test_a_camera_that_is_not_set_up_leaves_its_key_too(scene: Scene) -> None:
    """So that its first file can be made for it alone."""
    scene.apply()
    key = carry_out(scene)
    made = left(scene)
    assert (made.device, made.serial, made.doctor) == (None, None, None)
    assert made.thumbprint == key.thumbprint
    assert not (scene.boot / DOCTOR).exists()


def test_the_key_is_left_only_when_the_daemon_has_carried_out_its_orders(scene: Scene) -> None:
    """A reset changes it."""
    scene.set_up(5)
    daemon = Daemon(scene)
    made = left(scene, daemon=daemon)
    assert daemon.waited > 0
    assert made.thumbprint == identity.published(str(scene.state))[0].thumbprint


def test_a_daemon_that_never_comes_to_it_is_told_and_nothing_is_left(scene: Scene) -> None:
    scene.set_up(5)
    before = scene.on_card
    daemon = Daemon(scene, works=False)
    with pytest.raises(NotNowError, match="journalctl"):
        left(scene, daemon=daemon)
    assert daemon.waited >= PATIENCE_SECONDS
    assert scene.on_card == before
    assert (scene.data / PUBLISH).exists(), "or it would not be tried again"


@pytest.mark.parametrize("text", ["", "{", '{"counts": 1}', "[]", '{"counts": {"ok": "x"}}', "1"])
def test_a_report_that_no_program_can_read_is_left_all_the_same(
    text: str, scene: Scene, tmp_path: Path
) -> None:
    scene.set_up(5)
    carry_out(scene)
    (tmp_path / "doctor.txt").write_text(f"seen\n{text}")
    made = left(scene, tmp_path / "doctor.txt")
    assert made.doctor is None
    assert (scene.boot / DOCTOR).read_text() == f"seen\n{text}"


def test_a_thumbprint_that_is_not_the_key_s_is_found() -> None:
    key = OFFICE.public
    device = PublishedDevice(1, "camerad", "x", "A" * 43, key.jwk, None, None, None, None)
    with pytest.raises(ValueError, match="not that of the key"):
        _ = device.key


def test_a_camera_with_another_key_leaves_it_on_its_card_at_its_next_start(scene: Scene) -> None:
    """The technician collects it there: the former one would stay in the register."""
    scene.set_up()
    first = carry_out(scene)
    left(scene)
    marker = scene.data / PUBLISH
    card, kept = BootPartition(str(scene.boot)), ProvisioningState(str(scene.data))
    publish_anew(card, kept, first.thumbprint)
    assert not marker.exists()
    for path in scene.state.glob("identity*"):
        path.unlink()
    second = carry_out(scene)
    assert second != first
    publish_anew(card, kept, second.thumbprint)
    assert marker.exists()
    assert left(scene).thumbprint == second.thumbprint
    assert not marker.exists()


@pytest.mark.parametrize("content", [None, b"", b"[" * 1000, b"{}"])
def test_a_card_that_names_no_key_asks_for_nothing(scene: Scene, content: bytes | None) -> None:
    """A card without the file has the unit publish anyway, and what is damaged a person deletes."""
    if content is not None:
        (scene.boot / DEVICE).write_bytes(content)
    card, kept = BootPartition(str(scene.boot)), ProvisioningState(str(scene.data))
    for camera in ("x" * 43, None):
        publish_anew(card, kept, camera)
    assert not (scene.data / PUBLISH).exists()
