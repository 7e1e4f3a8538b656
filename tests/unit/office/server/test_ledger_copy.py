"""The office's copy of a camera's ledger goes on with what the camera brings, and nothing else."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from desk_helpers import KEY, KEYS, ONE, THREE, TWO, Camera
from ledger_helpers import damage_in
from state_helpers import refused
from vault_helpers import KID, NAME, Vault, ledger_files, register

from camerad.base import durable_files
from camerad.base.clock import DAY
from camerad.base.errors import StorageError
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.severity import Severity
from camerad.evidence import ledger_mirror
from camerad.ledger.claim import Claim
from camerad.ledger.ledger import Ledger, read_ledger
from camerad.office.server import ledger_copy
from camerad.office.server.cameras import UnregisteredError
from camerad.office.server.ledger_copy import AdoptResult, LedgerCopies
from camerad.office.server.upload_errors import UploadRefusal

NONE = hashlib.sha256(b"").hexdigest()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "archive")


def hashes(camera: Camera) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in ledger_files(camera)
    }


def staged(vault: Vault) -> list[str]:
    directory = vault.root / "office" / "incoming" / KID / "ledger"
    return sorted(os.listdir(directory)) if directory.exists() else []


def test_the_copy_is_the_cameras_ledger(camera: Camera, vault: Vault) -> None:
    assert vault.copies.files(KID) == {}
    camera.put(ONE)
    assert vault.bring_ledger(camera) == AdoptResult()
    assert vault.copies.files(KID) == hashes(camera)
    with camera.open() as store:
        head = store.ledger.head
    assert damage_in(Path(vault.holding.ledger), head, KEYS) == []
    assert staged(vault) == []
    assert os.path.basename(vault.holding.root) == f"{NAME}-{KID[:8]}"


def test_only_what_changed_has_to_come(camera: Camera, vault: Vault) -> None:
    camera.put(ONE)
    vault.bring_ledger(camera)
    before = vault.copies.files(KID)
    camera.clock.advance(2 * DAY)
    with camera.open() as store:
        store.ledger.rotate()
    camera.put(TWO)
    changed = {
        name: one
        for name, one in hashes(camera).items()
        if vault.copies.files(KID).get(name) != one
    }
    assert len(changed) < len(hashes(camera))
    assert before.items() & hashes(camera).items()
    for name in changed:
        vault.copies.put(KID, name, (camera.root / "ledger" / name).read_bytes())
    assert vault.copies.adopt(KID, hashes(camera)) == AdoptResult()
    assert vault.copies.files(KID) == hashes(camera)


def test_an_epoch_that_expired_on_the_camera_goes_from_the_copy_for_its_checkpoint(
    camera: Camera, vault: Vault
) -> None:
    with camera.open() as store:
        for _ in range(3):
            camera.clock.advance(DAY)
            store.ledger.rotate()
    vault.bring_ledger(camera)
    with camera.open() as store:
        camera.clock.advance(30 * DAY)
        store.ledger.rotate_and_expire(14)
    assert vault.bring_ledger(camera) == AdoptResult()
    assert any(name.endswith(".checkpoint") for name in hashes(camera))
    assert vault.copies.files(KID) == hashes(camera)


def test_nothing_happens_while_a_file_is_missing_or_another_one(
    camera: Camera, vault: Vault
) -> None:
    camera.put(ONE)
    (path,) = ledger_files(camera)
    said = hashes(camera)
    assert vault.copies.adopt(KID, said).missing == (path.name,)
    vault.copies.put(KID, path.name, path.read_bytes()[:-10])
    assert vault.copies.adopt(KID, said).missing == (path.name,)
    assert os.listdir(vault.holding.ledger) == []
    # What is there is told, so that it can be put right.
    assert vault.copies.files(KID)[path.name] != said[path.name]
    vault.copies.put(KID, path.name, path.read_bytes())
    assert vault.copies.adopt(KID, said) == AdoptResult()


def test_a_file_that_was_staged_and_is_no_part_of_the_ledger_counts_for_nothing(
    camera: Camera, vault: Vault
) -> None:
    camera.put(ONE)
    vault.copies.put(KID, "000009.damaged", b"of another life\n")
    assert vault.bring_ledger(camera) == AdoptResult()
    assert vault.copies.files(KID) == hashes(camera)


def test_a_ledger_that_was_put_back_is_told_and_the_copy_stays(
    camera: Camera, vault: Vault
) -> None:
    camera.put(ONE)
    before = {path: path.read_bytes() for path in ledger_files(camera)}
    camera.put(TWO)
    vault.bring_ledger(camera)
    longer = {path.name: path.read_bytes() for path in Path(vault.holding.ledger).iterdir()}
    for path, content in before.items():
        path.write_bytes(content)
    camera.put(THREE)
    (problem,) = vault.bring_ledger(camera).problems
    assert "put back" in problem
    assert str(vault.root) not in problem
    there = {path.name: path.read_bytes() for path in Path(vault.holding.ledger).iterdir()}
    assert there == longer
    assert os.listdir(vault.holding.earlier_ledger) != []


@pytest.mark.parametrize("rotated", [False, True])
def test_a_ledger_that_was_overtaken_by_an_offload_is_not_taken_for_one_that_was_put_back(
    camera: Camera, vault: Vault, *, rotated: bool
) -> None:
    camera.put(ONE)
    older, said = {p.name: p.read_bytes() for p in ledger_files(camera)}, hashes(camera)
    for name, content in older.items():
        vault.copies.put(KID, name, content)
    if rotated:
        with camera.open() as store:
            store.ledger.rotate()
    camera.offload(vault.root)
    (problem,) = vault.copies.adopt(KID, said).problems
    assert "bring it again" in problem
    assert not os.path.exists(vault.holding.earlier_ledger)
    assert vault.bring_ledger(camera) == AdoptResult()
    assert vault.copies.files(KID) == hashes(camera)


@pytest.mark.parametrize(
    "name",
    [
        "../000001.jws",
        "000001.jws/..",
        "/etc/passwd",
        "000001.jws.new",
        "000000.jws",
        "0000001.jws",
        "1.jws",
        "000001.JWS",
        "000001.jws\n",
        "٠٠٠٠٠١.jws",
        "9999999999.jws",
        "",
        ".",
        "device.jwk",
    ],
)
def test_what_no_file_of_a_ledger_is_called_is_refused(vault: Vault, name: str) -> None:
    with refused(UploadRefusal.BAD_LEDGER):
        vault.copies.put(KID, name, b"x")
    with refused(UploadRefusal.BAD_LEDGER):
        vault.copies.adopt(KID, {name: NONE, "000001.jws": NONE})
    assert not (vault.root / "office" / "incoming").exists()


@pytest.mark.parametrize(
    "files", [{}, {"000001.checkpoint": NONE}, {"000001.jws": "no hash"}, {"000001.jws": "A" * 64}]
)
def test_a_list_that_is_no_ledgers_is_refused(
    camera: Camera, vault: Vault, files: dict[str, str]
) -> None:
    """An empty one would look like a ledger that was taken away."""
    vault.bring_ledger(camera)
    with refused(UploadRefusal.BAD_LEDGER):
        vault.copies.adopt(KID, files)
    assert vault.copies.files(KID) == hashes(camera)


def test_what_did_not_come_whole_leaves_nothing(camera: Camera, vault: Vault) -> None:
    started = vault.copies.begin(KID, "000001.jws", 6)
    started.write(b"a part")
    assert vault.copies.files(KID) == {}
    started.close()
    assert staged(vault) == []
    # Nor does what a server left that was killed meanwhile.
    killed = vault.copies.begin(KID, "000001.jws", 6)
    killed.write(b"a part")
    os.close(killed._descriptor)
    (left,) = (vault.root / "office" / "incoming" / KID / "ledger").iterdir()
    since = left.stat().st_mtime - durable_files.LEFT_SECONDS - 60
    os.utime(left, (since, since))
    camera.put(ONE)
    assert vault.bring_ledger(camera) == AdoptResult()
    assert staged(vault) == []


def test_what_another_server_is_just_receiving_is_left_to_it(camera: Camera, vault: Vault) -> None:
    camera.put(ONE)
    (path,) = ledger_files(camera)
    content = path.read_bytes()
    coming = vault.copies.begin(KID, path.name, len(content))
    coming.write(content[:10])
    assert vault.bring_ledger(camera) == AdoptResult()
    coming.write(content[10:])
    coming.finish()
    coming.close()
    assert staged(vault) == [path.name]


def test_a_file_and_all_that_is_kept_are_bounded(
    camera: Camera, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refused(UploadRefusal.TOO_LARGE):
        vault.copies.put(KID, "000001.jws", bytes(ledger_copy.LARGEST + 1))
    staged = vault.copies.begin(KID, "000001.jws", 10)
    with refused(UploadRefusal.TOO_LARGE):
        staged.write(bytes(11))
    staged.close()
    vault.bring_ledger(camera)
    (path,) = ledger_files(camera)
    size = path.stat().st_size
    monkeypatch.setattr(ledger_copy, "MOST_BYTES", 2 * size)
    vault.copies.put(KID, path.name, path.read_bytes())
    with refused(UploadRefusal.TOO_LARGE, match="earlier-ledger"):
        vault.copies.put(KID, path.name, path.read_bytes())
    assert vault.copies.files(KID) == hashes(camera)


def test_the_reserve_of_the_storage_is_left_free(camera: Camera, vault: Vault) -> None:
    room = True
    copies = LedgerCopies(vault.holdings, lambda _length: room)
    (path,) = ledger_files(camera)
    copies.put(KID, path.name, path.read_bytes())
    room = False
    with refused(UploadRefusal.NO_ROOM):
        copies.put(KID, path.name, path.read_bytes())
    with refused(UploadRefusal.NO_ROOM):
        copies.adopt(KID, hashes(camera))
    assert not os.path.exists(vault.root / f"{NAME}-{KID[:8]}" / "ledger")
    room = True
    assert copies.adopt(KID, hashes(camera)) == AdoptResult()


@pytest.fixture
def epochs(camera: Camera) -> Camera:
    """A camera with three epochs, the last one the newest."""
    camera.put(ONE)
    with camera.open() as store:
        store.ledger.rotate()
        store.ledger.rotate()
    camera.put(TWO)
    return camera


def _lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("000003.jws", lambda _: b"\n" * 1_000_000, "line 1: "),
        ("000003.jws", lambda _: b"", "no entry in it"),
        ("000003.jws", lambda c: c + b"no entry\n", "too short"),
        ("000003.jws", lambda c: c[:-1] + b"A\n", "signature|base64url"),
        ("000003.jws", lambda c: c + c, "does not follow"),
        ("000003.jws", lambda c: b"".join(_lines(c)[1:]), "does not begin an epoch"),
        ("000003.jws", lambda c: b"".join(_lines(c)[:1] + _lines(c)[2:]), "does not follow"),
        ("000009.jws", lambda c: c, "belongs to epoch 3"),
        ("000003.jws", lambda c: c[:-20] + b"\n" + c, "signature|base64url"),
        ("000003.jws", lambda c: c + b"eyJ\0\n" + c, "too short"),
        ("000003.checkpoint", lambda c: c, "no checkpoint"),
        ("000003.damaged", lambda _: b"\n" * 2_001, "line 2001"),
        ("000003.damaged", lambda c: _lines(c)[0] * 10_001, "10000 lines"),
    ],
)
def test_a_file_with_anything_that_is_no_entry_is_refused_and_left_nowhere(
    epochs: Camera, vault: Vault, name: str, change: Callable[[bytes], bytes], why: str
) -> None:
    content = (epochs.root / "ledger" / "000003.jws").read_bytes()
    with refused(UploadRefusal.BAD_LEDGER, match=why) as caught:
        vault.copies.put(KID, name, change(content))
    assert name in str(caught.value)
    assert staged(vault) == []


def test_what_another_key_signed_is_refused(vault: Vault, tmp_path: Path) -> None:
    key = SigningKey.generate()
    Ledger.open(Claim(str(tmp_path / "strange")), key, vault.clock).close()
    content = (tmp_path / "strange" / "000001.jws").read_bytes()
    with refused(UploadRefusal.BAD_LEDGER, match="not among those trusted"):
        vault.copies.put(KID, "000001.jws", content)


def test_what_a_former_key_signed_is_taken_although_nobody_here_has_that_key(
    vault: Vault, tmp_path: Path
) -> None:
    """The register knows its thumbprint; the camera was never here with it."""
    old = SigningKey.generate()
    register(vault.register, (NAME, KEY.public, (old.public.thumbprint,)))
    vault.restart()
    place = str(tmp_path / "ledger")
    ledger = Ledger.open(Claim(place), old, vault.clock)
    ledger.rotate_and_expire(14)
    ledger.close()
    Ledger.open(Claim(place), KEY, vault.clock, KeyRing([old.public])).close()
    content = Path(place, "000001.jws").read_bytes()
    assert old.public.thumbprint.encode() not in content
    vault.copies.put(KID, "000001.jws", content)
    with refused(UploadRefusal.BAD_LEDGER, match="does not follow"):
        vault.copies.put(KID, "000001.jws", b"".join(_lines(content)[:1] * 2))


@pytest.mark.parametrize("torn", [b"eyJ", b"\0" * 500, b"eyJ\0\0\n"])
def test_an_epoch_whose_last_append_was_interrupted_is_taken(
    epochs: Camera, vault: Vault, torn: bytes
) -> None:
    content = (epochs.root / "ledger" / "000003.jws").read_bytes()
    vault.copies.put(KID, "000003.jws", content + torn)
    vault.copies.put(KID, "000002.damaged", b"\0" * 4096 + b"\n" + content)


@pytest.mark.parametrize("where", ["incoming", "kid", "ledger"])
def test_no_symbolic_link_is_followed(
    camera: Camera, vault: Vault, tmp_path: Path, where: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    incoming = vault.root / "office" / "incoming"
    link = {"incoming": incoming, "kid": incoming / KID, "ledger": incoming / KID / "ledger"}[where]
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    with pytest.raises(StorageError):
        vault.copies.put(KID, "000001.jws", b"x")
    with pytest.raises(StorageError):
        vault.copies.adopt(KID, hashes(camera))
    assert os.listdir(elsewhere) == []


def test_a_link_in_the_place_of_the_cameras_ledger_is_not_followed(
    camera: Camera, vault: Vault, tmp_path: Path
) -> None:
    vault.bring_ledger(camera)
    elsewhere = tmp_path / "elsewhere"
    os.rename(vault.holding.ledger, elsewhere)
    os.symlink(elsewhere, os.path.join(vault.root, f"{NAME}-{KID[:8]}", "ledger"))
    before = {path.name: path.read_bytes() for path in elsewhere.iterdir()}
    camera.put(ONE)
    with pytest.raises(StorageError):
        vault.bring_ledger(camera)
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} == before


def test_a_key_that_is_not_registered_reaches_nothing(vault: Vault) -> None:
    stranger = SigningKey.generate().public.thumbprint
    with pytest.raises(UnregisteredError):
        vault.copies.files(stranger)
    with pytest.raises(UnregisteredError):
        vault.copies.put(stranger, "000001.jws", b"x")
    with pytest.raises(UnregisteredError):
        vault.copies.adopt("../../evil", {"000001.jws": NONE})


def test_a_camera_with_a_new_key_is_read_by_its_former_one_too(
    camera: Camera, vault: Vault
) -> None:
    """The register says which key that was, and the directory has it."""
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    new = SigningKey.generate()
    register(vault.register, (NAME, new.public, (KID,)))
    vault.restart()
    former = KeyRing([KEY.public])
    ledger = Ledger.open(Claim(str(camera.root / "ledger")), new, camera.clock, former)
    ledger.close()
    kid = new.public.thumbprint
    assert vault.bring_ledger(camera, kid) == AdoptResult()
    keys = vault.ingest._holdings.ledger_keys(kid)
    assert set(keys) == {kid, KID}
    holding = vault.ingest._holdings.find(kid)
    assert holding is not None
    state, findings = read_ledger(holding.ledger, keys)
    assert [one for one in findings if one.severity is Severity.DAMAGE] == []
    assert state.recordings[ONE].final is not None
    # What the former key signed is read in the ledger, and no recording is taken over by it.
    assert vault.hand_over(path, kid) is None
    assert "not authentic" in str(vault.ingest.refusal(kid, ONE))


def test_one_adoption_of_a_camera_comes_after_another(
    camera: Camera, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.put(ONE)
    for path in ledger_files(camera):
        vault.copies.put(KID, path.name, path.read_bytes())
    inside, most = 0, 0
    both = threading.Barrier(2)
    real = ledger_mirror.mirror_ledger

    def counted(*args: object, **named: object) -> list[str]:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        try:
            return real(*args, **named)  # type: ignore[arg-type]
        finally:
            inside -= 1

    monkeypatch.setattr(ledger_copy, "mirror_ledger", counted)

    def work() -> None:
        both.wait(10)
        assert vault.copies.adopt(KID, hashes(camera)) == AdoptResult()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == 1
    assert vault.copies.files(KID) == hashes(camera)
