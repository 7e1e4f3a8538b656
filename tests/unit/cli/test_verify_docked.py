"""`camerad evidence verify` of an office's directory to which recordings came through the dock."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from desk_helpers import KEY, KEYS, ONE, TWO, Camera, Silent, open_office
from msgspec.structs import replace
from vault_helpers import OFFICE_KEY, Vault

from camerad.container.keys import KeyRing, SigningKey
from camerad.evidence import office_key_file
from camerad.evidence.offload import OffloadResult, offload
from camerad.store import receipts
from camerad.store.device_client import OwnedDevice, accept_receipt
from camerad.store.locations import Holding, place_of

from .conftest import Desk, Said

OFFICE_KEYS = KeyRing([OFFICE_KEY.public])


pytestmark = pytest.mark.usefixtures("an_hour_later")


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "archive")


@pytest.fixture
def office_key(tmp_path: Path) -> Path:
    path = tmp_path / "office.pub.pem"
    path.write_text(OFFICE_KEY.public.pem)
    return path


@pytest.fixture
def verified(desk: Desk, vault: Vault, key: Path, office_key: Path) -> Callable[..., Said]:
    """Checks the directory with the office's key at hand, or without."""

    def run(*, own: bool = True) -> Said:
        with_key = ("--office-key", office_key) if own else ()
        return desk("evidence", "verify", vault.root, "--key", key, *with_key)

    return run


def receipt_paths(vault: Vault) -> list[Path]:
    return [Path(path) for path in receipts.paths(vault.holding.receipts)]


def rewritten(token: bytes, key: SigningKey, **changes: object) -> bytes:
    """The same receipt by another key."""
    receipt = receipts.parse(token, OFFICE_KEYS)
    changed = replace(receipt, kid=key.public.thumbprint, **changes)  # type: ignore[arg-type]
    return receipts.sign(key, changed)


@pytest.mark.parametrize("own", [True, False], ids=["office's key", "no office's key"])
def test_an_office_that_took_over_by_the_dock_is_in_order(
    camera: Camera, vault: Vault, verified: Callable[..., Said], *, own: bool
) -> None:
    camera.put(ONE)
    camera.put(TWO)
    assert vault.dock(camera) == [ONE, TWO]
    # The ledger's copy names both receipts, so they count whoever checks.
    said = verified(own=own)
    assert said.code == 0, said.out


def test_by_dock_and_by_stick_into_one_office_is_in_order(
    camera: Camera, vault: Vault, verified: Callable[..., Said]
) -> None:
    camera.put(ONE)
    camera.offload(vault.root)
    camera.put(TWO)
    assert vault.dock(camera) == [TWO]
    assert camera.offload(vault.root).copied == []
    assert verified().code == 0


def test_the_offices_own_ledger_takes_over_what_came_through_the_dock(
    camera: Camera, vault: Vault, verified: Callable[..., Said]
) -> None:
    camera.put(ONE)
    vault.dock(camera)
    with open_office(vault.root, OFFICE_KEY, camera.clock) as store:
        office_key_file.remember_key(place_of(str(vault.root)), OFFICE_KEY.public)
        assert [one.alarm for one in store.reconcile()] == [False]
        assert store.ledger.state.recordings[ONE].final is not None
    assert verified().code == 0


# ----------------------------------------------------------- before the camera knows its receipt


@pytest.fixture
def fresh(camera: Camera, vault: Vault) -> bytes:
    """The receipt for a recording that was handed over just now: the copy of the camera's ledger
    does not name it yet."""
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    token = vault.hand_over(path)
    assert token is not None
    return token


@pytest.mark.usefixtures("fresh")
def test_a_fresh_receipt_counts_with_the_offices_key(verified: Callable[..., Said]) -> None:
    assert verified().code == 0


@pytest.mark.usefixtures("fresh")
def test_a_fresh_receipt_is_a_remark_where_only_the_directory_has_the_offices_key(
    vault: Vault, camera: Camera, verified: Callable[..., Said]
) -> None:
    with open_office(vault.root, OFFICE_KEY, camera.clock) as store:
        office_key_file.remember_key(place_of(str(vault.root)), OFFICE_KEY.public)
        store.reconcile()
    said = verified(own=False)
    assert (said.code, "--office-key" in said.out) == (1, True)
    assert "none that a trusted key signed" not in said.out


@pytest.mark.usefixtures("fresh")
def test_a_fresh_receipt_by_a_key_that_nobody_knows_is_damage(
    verified: Callable[..., Said],
) -> None:
    said = verified(own=False)
    assert (said.code, "none that a trusted key signed" in said.out) == (2, True)


# ------------------------------------------------------------------------------------- forgeries


def test_a_strangers_receipt_is_damage_also_if_his_key_lies_beside(
    fresh: bytes, camera: Camera, vault: Vault, verified: Callable[..., Said]
) -> None:
    stranger = SigningKey.generate()
    receipts.write(vault.holding.receipts, rewritten(fresh, stranger))
    assert verified().code == 2
    with open_office(vault.root, OFFICE_KEY, camera.clock) as store:
        office_key_file.remember_key(place_of(str(vault.root)), OFFICE_KEY.public)
        store.reconcile()
    office_key_file.remember_key(place_of(str(vault.root)), stranger.public)
    said = verified()
    assert (said.code, "none that a trusted key signed" in said.out) == (2, True)


def test_a_strangers_receipt_does_not_stand_in_for_the_one_that_was_taken_away(
    camera: Camera, vault: Vault, verified: Callable[..., Said]
) -> None:
    camera.put(ONE)
    vault.dock(camera)
    (path,) = receipt_paths(vault)
    stranger = SigningKey.generate()
    path.write_bytes(rewritten(path.read_bytes(), stranger))
    with open_office(vault.root, stranger, camera.clock):
        office_key_file.remember_key(place_of(str(vault.root)), stranger.public)
    # Without the office's key at hand his ledger and his key look like the office's.
    said = verified(own=False)
    assert said.code == 2
    assert f"{ONE}: its device's ledger names its receipt" in said.out
    assert verified().code == 2


def test_a_receipt_that_was_taken_away_is_missed(
    camera: Camera, vault: Vault, verified: Callable[..., Said]
) -> None:
    camera.put(ONE)
    vault.dock(camera)
    os.unlink(receipt_paths(vault)[0])
    assert verified().code == 2
    assert verified(own=False).code == 2


@pytest.mark.parametrize("own", [True, False])
def test_a_recording_that_was_taken_away_is_missed(
    camera: Camera, vault: Vault, verified: Callable[..., Said], *, own: bool
) -> None:
    camera.put(ONE)
    vault.dock(camera)
    os.unlink(os.path.join(vault.holding.recordings, f"{ONE}.tar"))
    said = verified(own=own)
    assert (said.code, f"{ONE}: there is a receipt for it" in said.out) == (2, True)


def test_the_offices_key_vouches_for_no_recording(
    camera: Camera, vault: Vault, desk: Desk, office_key: Path, tmp_path: Path
) -> None:
    """Whoever has it could sign one, and it is by no camera."""
    own = Camera(tmp_path / "own")
    path = own.put(ONE, key=OFFICE_KEY, known=False)
    copy = tmp_path / "archive" / "cam-1-xxxxxxxx" / "recordings" / f"{ONE}.tar"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(path.read_bytes())
    cam = tmp_path / "cam.pem"
    cam.write_text(KEY.public.pem)
    said = desk("evidence", "verify", copy, "--key", cam, "--office-key", office_key)
    assert said.code == 2


def test_a_ledger_that_was_put_back_is_found_by_the_offices_receipt(
    camera: Camera, vault: Vault, verified: Callable[..., Said]
) -> None:
    camera.put(ONE)
    vault.bring_ledger(camera)
    (ledger,) = Path(vault.holding.ledger).glob("*.jws")
    before = ledger.read_bytes()
    two = camera.put(TWO)
    vault.bring_ledger(camera)
    vault.hand_over(two)
    ledger.write_bytes(before)
    assert verified().code == 2


# ------------------------------------------------------------------------- a stick, afterwards


def offload_knowing(camera: Camera, target: Path, keys: KeyRing | None) -> OffloadResult:
    with camera.open() as store:
        store.reconcile()
        device = OwnedDevice(store, KEY, KEYS, keys)
        return offload(device, str(target), Silent(), same_disk=True)


def holding(vault: Vault) -> Holding:
    return vault.holding


def test_a_stick_offload_finds_that_the_office_has_it_by_the_docks_receipt(
    fresh: bytes, camera: Camera, vault: Vault
) -> None:
    done = offload_knowing(camera, vault.root, OFFICE_KEYS)
    assert (done.copied, done.there, done.problems) == ([], [ONE], [])
    # The receipt that the camera had not accepted yet was handed in.
    with camera.open() as store:
        known = store.ledger.state.recordings[ONE]
        (filed,) = receipts.read(holding(vault).receipts, OFFICE_KEYS)
        assert (known.acknowledged, filed.token) == (filed.sha256, fresh)


@pytest.mark.usefixtures("fresh")
def test_a_device_that_does_not_know_the_office_compares_the_copy_and_signs_itself(
    camera: Camera, vault: Vault
) -> None:
    done = offload_knowing(camera, vault.root, None)
    assert (done.copied, done.acknowledged) == ([], [ONE])
    assert len(receipt_paths(vault)) == 2


def test_a_device_accepts_no_receipt_of_an_office_that_it_does_not_know(
    fresh: bytes, camera: Camera
) -> None:
    stranger = KeyRing([KEY.public, SigningKey.generate().public])
    with camera.open() as store:
        for keys in (KEYS, stranger):
            with pytest.raises(ValueError, match="not among those trusted"):
                accept_receipt(store, keys, fresh)
        assert store.ledger.state.recordings[ONE].acknowledged is None
        assert accept_receipt(store, KeyRing([KEY.public, OFFICE_KEY.public]), fresh) == [ONE]
