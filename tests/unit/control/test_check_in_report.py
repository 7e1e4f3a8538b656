"""What the camera signs of itself at its check-in, and settings handed in over the socket."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path

import pytest

from camerad.base.clock import ManualClock
from camerad.behaviour.stages import Stage
from camerad.config.provisioning import MAX_BYTES
from camerad.container import jws
from camerad.container.keys import KeyRing, PublicKey, SigningKey
from camerad.control import check_in_report
from camerad.control.check_in_report import counters_of
from camerad.control.dock_routes import LARGEST_OFFER
from camerad.control.metrics import BOUNDS, Histogram, Metrics
from camerad.daemon.store_worker import StoreWorker
from camerad.provisioning import orders, settings_offer, signing
from camerad.provisioning.orders import LedgerOrder
from camerad.store import check_in
from camerad.store.check_in import CheckIn, Count, RunningSettings
from tests.unit.control.test_dock_routes import OFFICE
from tests.unit.control.test_routes import Ask, clock, keeping, play
from tests.unit.provisioning.scene import document

__all__ = ["clock", "keeping"]

DESK = SigningKey.generate()


async def said_by(ask: Ask) -> CheckIn:
    """What the camera signs just now."""
    status, answer = await ask("POST", "/dock/check-in", {})
    assert status == 200, answer
    _, identity = await ask("GET", "/identity")
    key = PublicKey.from_jwk(identity["jwk"])
    return check_in.parse(answer["statement"].encode(), KeyRing([key]))


def test_it_says_how_the_camera_is(
    keeping: StoreWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_in_report, "DOCTOR", str(tmp_path / "none"))

    async def scene(ask: Ask) -> None:
        said = await said_by(ask)
        _, head = await ask("GET", "/ledger/head")
        _, identity = await ask("GET", "/identity")
        assert said.head.sha256 == head["sha256"]
        assert (said.device, said.kid) == ("camera-07", identity["thumbprint"])
        assert (said.software, said.image, said.conditions) == ("0.1.0", None, ("docked",))
        assert (said.ready, said.battery) == (True, 80)
        assert said.storage is not None and 0 < said.storage.free <= said.storage.total
        counts = said.recordings
        assert (counts.here, counts.open, counts.unacknowledged) == (1, 0, 1)
        assert said.counters.running_us == 5_000_000
        assert said.settings is None and said.waiting == () and said.refused_offers == ()

    play(keeping, tmp_path, scene, OFFICE)


def test_nobody_who_wears_the_camera_is_in_it(keeping: StoreWorker, tmp_path: Path) -> None:
    async def scene(ask: Ask) -> None:
        _, answer = await ask("POST", "/dock/check-in", {})
        payload = jws.parse(answer["statement"].encode()).payload
        # The status of this camera has wearer 4711.
        assert b"4711" not in payload and b"wearer" not in payload

    play(keeping, tmp_path, scene, OFFICE)


def test_a_camera_without_an_office_signs_none(keeping: StoreWorker, tmp_path: Path) -> None:
    async def scene(ask: Ask) -> None:
        assert (await ask("POST", "/dock/check-in", {}))[0] == 409
        assert (await ask("POST", "/dock/settings", {"offer": "a.b.c"}))[0] == 409

    play(keeping, tmp_path, scene)


def test_each_is_newer_than_the_one_before(
    keeping: StoreWorker, tmp_path: Path, clock: ManualClock
) -> None:
    async def scene(ask: Ask) -> None:
        first = await said_by(ask)
        clock.advance(1)
        second = await said_by(ask)
        assert second.boot_id == first.boot_id
        assert second.clock.boot_us > first.clock.boot_us

    play(keeping, tmp_path, scene, OFFICE)


REPORT = {
    "at": "2026-11-28T08:00:00Z",
    "clock": "rtc",
    "results": [
        {"check": "camera", "status": "ok"},
        {"check": "card", "status": "fail"},
        {"check": "clock", "status": "warn"},
        {"check": "light", "status": "not_tested"},
    ],
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("for people\n" + json.dumps(REPORT) + "\n", True),
        ("for people\n{}\n", False),
        ("for people", False),
        ("", False),
        ("[1]", False),
    ],
)
def test_the_last_examination_is_told_if_there_was_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, found: bool
) -> None:
    path = tmp_path / "doctor.txt"
    assert check_in_report._doctor(str(path)) is None
    path.write_text(text)
    with caplog.at_level(logging.WARNING):
        said = check_in_report._doctor(str(path))
    assert (said is not None) == found == (not caplog.text)
    if said is not None:
        assert (said.failed, said.warned, said.ok, said.not_tested) == (("card",), ("clock",), 1, 1)
        assert (said.at, said.clock) == ("2026-11-28T08:00:00Z", "rtc")


def test_counters_are_whole_numbers() -> None:
    metrics = Metrics(0)
    metrics._entered[Stage.IDLE] = 2
    kept = metrics._lasted[Stage.IDLE, Stage.SELF_VIEW] = Histogram()
    kept.observe(1.5)
    metrics._recordings["stop"] = 3
    said = counters_of(metrics.dump())
    assert said.entered == (Count("idle", 2),)
    assert said.recordings == (Count("stop", 3),)
    (stage,) = said.stages
    assert (stage.stage, stage.next, stage.total_us) == ("idle", Stage.SELF_VIEW.value, 1_500_000)
    assert len(stage.counts) == len(BOUNDS) + 1 and sum(stage.counts) == 1


def test_storage_that_does_not_answer_is_left_out(tmp_path: Path) -> None:
    assert check_in_report._room(str(tmp_path / "none")) is None


# -------------------------------------------------------------------------------------- settings


@pytest.fixture
def provision_dir(tmp_path: Path) -> Path:
    """Of a camera that the office has set up."""
    made = tmp_path / "provision"
    made.mkdir()
    applied = LedgerOrder(
        id="1",
        outcome="applied",
        sha256="ab" * 32,
        serial=1,
        office=DESK.public.thumbprint,
        device="camera-07",
        why=None,
        retires=None,
    )
    orders.add_order(str(made), applied)
    return made


def offer_for(camera: str, more: str = "") -> str:
    file = document(2, more, office=DESK, camera=camera)
    return settings_offer.join(file, signing.sign(DESK, file)).decode()


def test_settings_wait_for_the_next_start_or_are_refused(
    keeping: StoreWorker, tmp_path: Path, provision_dir: Path
) -> None:
    async def scene(ask: Ask) -> None:
        camera = (await ask("GET", "/identity"))[1]["thumbprint"]
        running = RunningSettings("ab" * 32, 1, DESK.public.thumbprint)
        assert (await said_by(ask)).settings == running
        other = offer_for("A" * 43)
        status, answer = await ask("POST", "/dock/settings", {"offer": other})
        assert (status, "another camera" in answer["refused"]) == (200, True)
        (refused,) = (await said_by(ask)).refused_offers
        assert refused.sha256 == hashlib.sha256(other.encode()).hexdigest()
        offer = offer_for(camera)
        kept = await ask("POST", "/dock/settings", {"offer": offer})
        assert kept == (200, {"refused": None})
        said = await said_by(ask)
        assert said.waiting == (hashlib.sha256(offer.encode()).hexdigest(),)
        assert said.settings == running

    play(keeping, tmp_path, scene, OFFICE, provision_dir)


def test_the_longest_settings_fit_and_nothing_longer_is_read(
    keeping: StoreWorker, tmp_path: Path, provision_dir: Path
) -> None:
    assert settings_offer.LONGEST + 100 < LARGEST_OFFER

    async def scene(ask: Ask) -> None:
        camera = (await ask("GET", "/identity"))[1]["thumbprint"]
        short = len(document(2, office=DESK, camera=camera))
        offer = offer_for(camera, "#" * (MAX_BYTES - short))
        kept = await ask("POST", "/dock/settings", {"offer": offer})
        assert kept == (200, {"refused": None})
        assert (await ask("POST", "/dock/settings", {"offer": "a" * LARGEST_OFFER}))[0] == 413
        assert (await ask("POST", "/dock/receipt", {"receipt": "a" * (17 << 10)}))[0] == 413

    play(keeping, tmp_path, scene, OFFICE, provision_dir)
