"""A copy that came by stick, and whose offload was cut off, is acknowledged in the dock: what is
there is compared, and nothing is sent again."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest
from desk_helpers import KEY, KEYS, ONE, Camera, Silent, open_office
from vault_helpers import KID, NAME, OFFICE_KEY, Vault, register

from camerad.container.keys import KeyRing, SigningKey
from camerad.evidence import office_key_file
from camerad.evidence.offload import offload
from camerad.office.server.ingest import DELETED
from camerad.office.server.receipt_routes import TYPE, ReceiptRoutes
from camerad.office.server.refusal_log import CameraTurns
from camerad.office.server.uploads import Declaration
from camerad.store import receipts
from camerad.store.device_client import OwnedDevice, accept_receipt
from camerad.store.locations import place_of

from .office_scene import OfficeScene


class CutOff(OwnedDevice):
    """A device whose card is pulled out behind its receipt."""

    def acknowledge(self, token: bytes) -> list[str]:
        raise KeyboardInterrupt


def offload_cut_off(camera: Camera, office: Path) -> None:
    office.mkdir(exist_ok=True)
    with camera.open() as store, pytest.raises(KeyboardInterrupt):
        store.reconcile()
        offload(CutOff(store, KEY, KEYS), str(office), Silent(), same_disk=True)


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    made = Camera(tmp_path / "state")
    made.put(ONE)
    return made


@pytest.fixture
def vault(tmp_path: Path, camera: Camera) -> Vault:
    made = Vault(tmp_path / "archive")
    offload_cut_off(camera, made.root)
    made.bring_ledger(camera)
    return made


def test_what_only_the_device_signed_is_no_receipt_in_the_dock(vault: Vault) -> None:
    assert len(receipts.paths(vault.holding.receipts)) == 1
    assert vault.ingest.receipt(KID, ONE) is None


def written(path: Path) -> tuple[int, int, int]:
    """Which file it is, and when it was written; not when it was read."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def test_the_copy_is_compared_and_the_daemon_takes_the_receipt(
    vault: Vault, camera: Camera
) -> None:
    found = vault.ingest.find_unreceipted(KID, ONE)
    assert found is not None
    copy = Path(vault.holding.recordings, f"{ONE}.tar")
    before = written(copy)
    vault.ingest.take(KID, found)
    token = vault.ingest.receipt(KID, ONE)
    assert token is not None
    with camera.open() as store:
        assert accept_receipt(store, KeyRing([OFFICE_KEY.public]), token) == [ONE]
    assert written(copy) == before
    # That is all there is to do.
    assert vault.ingest.find_unreceipted(KID, ONE) is None
    vault.ingest.take(KID, found)
    assert len(receipts.paths(vault.holding.receipts)) == 2


def test_a_copy_that_is_not_what_the_ledger_names_gets_no_receipt(
    vault: Vault, camera: Camera, caplog: pytest.LogCaptureFixture
) -> None:
    copy = Path(vault.holding.recordings, f"{ONE}.tar")
    bad = bytearray(copy.read_bytes())
    bad[len(bad) // 2] ^= 1
    copy.write_bytes(bad)
    found = vault.ingest.find_unreceipted(KID, ONE)
    assert found is not None
    with caplog.at_level(logging.WARNING):
        vault.ingest.take(KID, found)
    assert "a copy that is not acknowledged" in caplog.text
    assert vault.ingest.receipt(KID, ONE) is None
    # The camera brings its own, which is kept for a person to compare.
    assert vault.ingest.find_unreceipted(KID, ONE) is None
    assert vault.hand_over(camera.recordings / f"{ONE}.tar") is None
    assert copy.read_bytes() == bad
    assert "another file" in str(vault.ingest.refusal(KID, ONE))


def test_a_copy_that_the_ledger_does_not_know_is_left(tmp_path: Path) -> None:
    vault, other = Vault(tmp_path / "archive"), Camera(tmp_path / "state2")
    other.put(ONE, known=False)
    vault.bring_ledger(other)
    os.link(other.recordings / f"{ONE}.tar", os.path.join(vault.holding.recordings, f"{ONE}.tar"))
    assert vault.ingest.find_unreceipted(KID, ONE) is None


def test_a_receipt_by_the_office_s_former_key_is_signed_anew(vault: Vault) -> None:
    found = vault.ingest.find_unreceipted(KID, ONE)
    assert found is not None
    vault.ingest.take(KID, found)
    vault.key = SigningKey.generate()
    vault.restart()
    assert vault.ingest.receipt(KID, ONE) is None
    found = vault.ingest.find_unreceipted(KID, ONE)
    assert found is not None
    vault.ingest.take(KID, found)
    token = vault.ingest.receipt(KID, ONE)
    assert token is not None
    assert receipts.parse(token, KeyRing([vault.key.public])).recordings[0].id == ONE


def test_the_receipt_names_the_camera_as_the_register_does(vault: Vault) -> None:
    """A header names whatever its camera likes."""
    register(vault.register, ("a camera", KEY.public, ()))
    vault.restart()
    found = vault.ingest.find_unreceipted(KID, ONE)
    assert found is not None
    vault.ingest.take(KID, found)
    token = vault.ingest.receipt(KID, ONE)
    assert token is not None
    assert NAME != receipts.parse(token, KeyRing([OFFICE_KEY.public])).device == "a camera"


def bury(vault: Vault, camera: Camera) -> None:
    """Another process writes its tombstone."""
    with open_office(vault.root, OFFICE_KEY, camera.clock) as store, camera.open() as known:
        office_key_file.remember_key(place_of(str(vault.root)), OFFICE_KEY.public)
        final = known.ledger.state.recordings[ONE].final
        store.ledger.append("deleted", id=ONE, final=final, why="expired", age_us=1)


def test_a_copy_that_is_about_to_go_gets_no_receipt(vault: Vault, camera: Camera) -> None:
    found = vault.ingest.find_unreceipted(KID, ONE)
    assert found is not None
    bury(vault, camera)
    vault.ingest.take(KID, found)
    assert vault.ingest.receipt(KID, ONE) is None
    assert vault.ingest.find_unreceipted(KID, ONE) is None
    assert vault.ingest.refusal(KID, ONE) == DELETED


def test_no_receipt_is_filed_for_what_was_deleted_meanwhile(
    camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A purge may run while the recording is checked."""
    vault = Vault(tmp_path / "another")
    vault.bring_ledger(camera)
    real = vault.ingest._place

    def purged(*how: object) -> str:
        bury(vault, camera)
        return real(*how)  # type: ignore[arg-type]

    monkeypatch.setattr(vault.ingest, "_place", purged)
    assert vault.hand_over(camera.recordings / f"{ONE}.tar") is None
    assert receipts.paths(vault.holding.receipts) == []
    assert vault.ingest.refusal(KID, ONE) == DELETED


def test_the_server_says_that_it_compares_and_then_has_the_receipt(
    tmp_path: Path, camera: Camera
) -> None:
    (tmp_path / "scene").mkdir()
    scene = OfficeScene(tmp_path / "scene")
    offload_cut_off(camera, scene.directory)
    with scene.serving() as client:
        client.bring_ledger(camera.root / "ledger")
        answer = client.receipt(ONE)
        assert answer.status == 200
        token = answer.body
    (kept,) = [one for one in scene.directory.glob("*/receipts/*.jws") if one.read_bytes() == token]
    assert kept.name == "0002.jws"


def test_a_receipt_that_is_signed_during_the_question_answers_it(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the camera would be told to send what it need not."""
    find = vault.ingest.find_unreceipted

    def signed_meanwhile(kid: str, recording: str) -> Declaration | None:
        found = find(kid, recording)
        assert found is not None
        vault.ingest.take(kid, found)
        return find(kid, recording)

    monkeypatch.setattr(vault.ingest, "find_unreceipted", signed_meanwhile)
    answer = ReceiptRoutes(vault.ingest, vault.uploads, CameraTurns(asyncio.Lock))._answer(KID, ONE)
    assert (answer.status, answer.content_type) == (200, TYPE)
