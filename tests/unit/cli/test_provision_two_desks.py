"""`camerad provision collect` at two desks at once, into one register."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from camerad.base import durable_files
from camerad.base.errors import EX_CONFIG
from camerad.evidence import camera_register
from tests.unit.cli.conftest import Desk
from tests.unit.cli.provision_steps import Camera, made


def carried(desk: Desk, tmp_path: Path, name: str) -> Path:
    """The card of a camera that has been set up."""
    camera = Camera(desk, tmp_path / name)
    camera.life(made(desk, tmp_path / f"file-{name}", name))
    return camera.boot


def test_what_another_desk_collects_meanwhile_stays_in_the_register(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (carried(desk, tmp_path, name) for name in ("camera-01", "camera-02"))
    ours, theirs = tmp_path / "office" / "register.json", tmp_path / "theirs.json"
    ours.parent.mkdir()
    assert desk("provision", "collect", second, "--register", theirs).code == 0
    claims = [durable_files.lock_directory(str(ours.parent))]

    def other_ends(_: float) -> None:
        theirs.rename(ours)
        os.close(claims.pop())

    monkeypatch.setattr(camera_register.time, "sleep", other_ends)
    said = desk("provision", "collect", first, "--register", ours)
    assert said.code == 0, said.err
    assert not claims, "it has waited"
    assert {one.name for one in camera_register.read(str(ours)).cameras} == {
        "camera-01",
        "camera-02",
    }
    os.close(durable_files.lock_directory(str(ours.parent)))  # it was let go of


def test_a_register_that_stays_taken_is_left_and_said(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, ours = carried(desk, tmp_path, "camera-01"), tmp_path / "office" / "register.json"
    ours.parent.mkdir()
    monkeypatch.setattr(camera_register, "WAIT_SECONDS", 0.0)
    claim = durable_files.lock_directory(str(ours.parent))
    said = desk("provision", "collect", card, "--register", ours)
    os.close(claim)
    assert (said.code, said.out) == (EX_CONFIG, "")
    assert f"another program works in {ours.parent}" in said.err
    assert not ours.exists()
