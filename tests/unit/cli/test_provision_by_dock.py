"""`camerad provision apply`, as the unit starts it, with settings that came through the dock."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from camerad.base.errors import EX_CONFIG
from camerad.config.provisioning import NAME
from camerad.evidence import provisioning_files
from camerad.provisioning import settings_offer, signing
from camerad.provisioning.offered_settings import OfferedSettings
from tests.unit.cli.conftest import Desk
from tests.unit.cli.provision_steps import Camera, made


def offer_in(directory: Path) -> bytes:
    content = (directory / NAME).read_bytes()
    return settings_offer.join(content, (directory / signing.NAME).read_bytes())


def test_a_start_takes_over_what_came_through_the_dock(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serials = count(20261128000001)
    monkeypatch.setattr(provisioning_files, "serial_now", lambda: next(serials))
    camera = Camera(desk, tmp_path / "camera")
    assert camera.given(made(desk, tmp_path / "first")) == 0
    thumbprint = camera.daemon()
    second = made(desk, tmp_path / "second", "camera-07", "--camera-key", thumbprint)
    daemon = OfferedSettings(str(camera.state), camera.data)
    assert daemon.take(offer_in(second), thumbprint) is None
    assert desk("provision", "apply", *camera.places).code == 0
    status = daemon.status()
    assert status.waiting is None and status.running is not None
    assert (camera.boot / "camerad-report.txt").read_text().splitlines()[1].startswith("SET UP")
    other = made(desk, tmp_path / "other", "camera-07", "--camera-key", "A" * 43)
    path = Path(settings_offer.offer_path(str(camera.state)))
    path.write_bytes(offer_in(other))
    assert desk("provision", "apply", *camera.places).code == EX_CONFIG
    (refused,) = daemon.status().refused
    assert refused.why == "other_camera"


def test_what_cannot_be_read_there_keeps_no_camera_from_starting(
    desk: Desk, tmp_path: Path
) -> None:
    camera = Camera(desk, tmp_path / "camera")
    assert camera.given(made(desk, tmp_path / "first")) == 0
    path = Path(settings_offer.offer_path(str(camera.state)))
    path.parent.mkdir()
    path.symlink_to(tmp_path)
    assert desk("provision", "apply", *camera.places).code == 0
