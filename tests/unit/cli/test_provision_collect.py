"""`camerad provision collect`: a card says what no camera would, or what was so before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from camerad.base.errors import EX_CONFIG
from camerad.evidence import camera_register
from camerad.provisioning import publishing
from tests.unit.cli.conftest import Desk
from tests.unit.cli.provision_steps import Camera, made


def rewritten(card: Path, **changed: Any) -> None:
    """Any computer can write on the card."""
    path = card / publishing.DEVICE
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


@pytest.mark.parametrize(
    "changed", [{"doctor": {"ok": 5, "fail": -1}}, {"serial": -1}, {"doctor": {"ok": -(10**30)}}]
)
def test_a_number_that_no_camera_counts_is_told_and_nothing_is_taken(
    changed: dict[str, Any], desk: Desk, tmp_path: Path
) -> None:
    camera, book = Camera(desk, tmp_path / "camera"), tmp_path / "register.json"
    camera.life(made(desk, tmp_path / "07"))
    rewritten(camera.boot, **changed)
    said = desk("provision", "collect", camera.boot, "--register", book)
    assert (said.code, said.out) == (EX_CONFIG, "")
    (line,) = said.err.splitlines()
    assert f"{camera.boot / publishing.DEVICE}: " in line
    assert "below 0, so no camera wrote this; delete the file" in line or "cannot be read" in line
    assert not book.exists()


def test_a_camera_that_has_gone_back_to_an_earlier_file_is_a_conflict(
    desk: Desk, tmp_path: Path
) -> None:
    """It would have refused that file: what lies there is a copy, or was written back."""
    camera, book = Camera(desk, tmp_path / "camera"), tmp_path / "register.json"
    camera.life(made(desk, tmp_path / "07"))
    collect = ("provision", "collect", camera.boot, "--register", book)
    assert desk(*collect).code == 0
    (entry,) = camera_register.read(str(book)).cameras
    assert entry.serial is not None
    for earlier in (entry.serial - 1, None):
        rewritten(camera.boot, serial=earlier)
        said = desk(*collect)
        assert said.code == EX_CONFIG
        (line,) = said.err.splitlines()
        told = f"camera-07: registered with a file of serial {entry.serial}, but its card brings"
        assert f"{told} one of {earlier}: " in line
        assert camera_register.read(str(book)).cameras == (entry,)
    assert desk(*collect, "--replace", "camera-07").code == 0, "somebody knows why"
    rewritten(camera.boot, serial=entry.serial + 1)
    assert desk(*collect).code == 0
    (entry,) = camera_register.read(str(book)).cameras
    assert entry.serial == json.loads((camera.boot / publishing.DEVICE).read_text())["serial"]


def test_a_camera_that_was_reset_keeps_its_former_key_under_another_name(
    desk: Desk, tmp_path: Path
) -> None:
    """What the office has by that key is the camera's own still."""
    camera, book = Camera(desk, tmp_path / "camera"), tmp_path / "register.json"
    former = camera.life(made(desk, tmp_path / "07"))
    collect = ("provision", "collect", camera.boot, "--register", book)
    assert desk(*collect).code == 0
    thumbprint = camera.life(made(desk, tmp_path / "again", "camera-07", "--reset", former))
    assert desk(*collect, "--replace", "camera-07").code == 0
    for name in ("camera-99", "camera-07"):
        rewritten(camera.boot, device=name)
        assert desk(*collect, "--replace", name).code == 0
        (entry,) = camera_register.read(str(book)).cameras
        assert (entry.name, entry.thumbprint, entry.former) == (name, thumbprint, (former,))


def test_a_camera_that_gets_the_name_of_another_has_the_former_keys_of_both_once(
    desk: Desk, tmp_path: Path
) -> None:
    cards = {name: Camera(desk, tmp_path / name) for name in ("07", "08", "09")}
    keys = {name: one.life(made(desk, tmp_path / f"f{name}")) for name, one in cards.items()}
    book = tmp_path / "register.json"

    def collected(card: str, name: str) -> tuple[str, ...]:
        boot = cards[card].boot
        rewritten(boot, device=name)
        said = desk("provision", "collect", boot, "--register", book, "--replace", name)
        assert said.code == 0
        entry = camera_register.read(str(book)).by_name(name)
        assert entry is not None and entry.thumbprint == keys[card]
        return entry.former

    assert collected("07", "camera-1") == ()
    assert collected("08", "camera-1") == (keys["07"],)
    assert collected("07", "camera-2") == ()
    assert collected("09", "camera-2") == (keys["07"],)
    assert collected("09", "camera-1") == (keys["07"], keys["08"]), "its own is none of them"
    assert collected("07", "camera-1") == (keys["08"], keys["09"])


def test_of_a_key_nothing_but_the_key_gets_into_the_register(desk: Desk, tmp_path: Path) -> None:
    """The register is read by other programs too, and a JWK has members that these may act upon."""
    camera, book = Camera(desk, tmp_path / "camera"), tmp_path / "register.json"
    camera.life(made(desk, tmp_path / "07"))
    jwk = json.loads((camera.boot / publishing.DEVICE).read_text())["jwk"]
    rewritten(camera.boot, jwk=jwk | {"x5u": "http://192.0.2.1/", "d": "A" * 43})
    said = desk("provision", "collect", camera.boot, "--register", book)
    assert (said.code, "put the register there as well" in said.out) == (0, True)
    (entry,) = camera_register.read(str(book)).cameras
    assert entry.jwk == jwk
