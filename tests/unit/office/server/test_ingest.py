"""A receipt means safe: only what is whole, authentic, stored and read back is acknowledged."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import DAYS, KEY, ONE, TWO, Camera, facts_of, open_office, recording
from sealed_helpers import altered, flipped, pack
from sqlalchemy import delete
from vault_helpers import KID, NAME, OFFICE_KEY, Vault, ledger_files, register

from camerad.base import durable_files
from camerad.base.clock import DAY
from camerad.base.errors import StorageError
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.skeleton import skeleton
from camerad.evidence import office_key_file
from camerad.evidence.office_key_file import OfficeKeyError
from camerad.office.server import ingest
from camerad.office.server.cameras import UnregisteredError
from camerad.office.server.ingest import BRANCHED, DELETED, WAITS
from camerad.office.server.uploads import Declaration
from camerad.office.state.state_tables import upload_parts
from camerad.store import receipts, verified_copy
from camerad.store.locations import place_of
from tests.breadth import breadth

OFFICE_KEYS = KeyRing([OFFICE_KEY.public])


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "archive")


def copies(vault: Vault) -> list[str]:
    return sorted(os.listdir(vault.holding.recordings))


def quarantined(vault: Vault) -> dict[str, bytes]:
    directory = vault.root / "office" / "quarantine" / KID
    return {path.name: path.read_bytes() for path in sorted(directory.glob("*"))}


def waiting(vault: Vault) -> list[str]:
    return [declared.recording for _, declared in vault.uploads.complete()]


def test_o2_what_is_authentic_is_ingested_and_receipted(camera: Camera, vault: Vault) -> None:
    path = camera.put(ONE)
    content = path.read_bytes()
    vault.bring_ledger(camera)
    token = vault.hand_over(path)
    assert token is not None
    assert Path(vault.holding.recordings, f"{ONE}.tar").read_bytes() == content
    receipt = receipts.parse(token, OFFICE_KEYS)
    (copied,) = receipt.recordings
    assert copied.sha256 == hashlib.sha256(content).hexdigest()
    assert (copied.id, copied.bytes, receipt.device) == (ONE, len(content), NAME)
    with camera.open() as store:
        assert copied.final == store.ledger.state.recordings[ONE].final
        # The office has the ledger as it was brought.
        assert receipt.head == store.ledger.head
    assert receipt.kid == OFFICE_KEY.public.thumbprint
    assert receipt.directory == (vault.root / "office" / "id").read_text().strip()
    assert waiting(vault) == []
    assert not (vault.root / "office" / "incoming" / KID / ONE).exists()
    assert vault.ingest.refusal(KID, ONE) is None


def test_the_camera_calls_it_acknowledged_and_its_ledger_says_by_which_receipt(
    camera: Camera, vault: Vault
) -> None:
    camera.put(ONE)
    camera.put(TWO)
    assert vault.dock(camera) == [ONE, TWO]
    assert vault.dock(camera) == []  # a second docking changes nothing
    named = {filed.sha256 for filed in receipts.read(vault.holding.receipts, OFFICE_KEYS)}
    with camera.open() as store:
        known = store.ledger.state.recordings
        assert {known[one].acknowledged for one in (ONE, TWO)} == named


def test_a_recording_that_was_recovered_is_ingested(camera: Camera, vault: Vault) -> None:
    """Its remarks are known, and it is authentic."""
    path = camera.put(ONE, torn=b"x" * 100)
    vault.bring_ledger(camera)
    assert vault.hand_over(path) is not None


# ------------------------------------------------------------------------- what is not taken over


def damaged(one: bytes) -> bytes:
    """A recording in which a byte of footage was flipped."""
    members = altered(
        recording(ONE).members, "000001.m4s.age", lambda data: flipped(data, len(data) // 2)
    )
    return pack(members)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (damaged, "not authentic"),
        (lambda one: one[:-4096], "not authentic"),
        (lambda one: one[: len(one) // 2], "not authentic"),
        (lambda one: bytes(len(one)), "not authentic"),
    ],
    ids=["flipped", "cut", "half", "zeros"],
)
def test_what_does_not_verify_is_kept_apart_with_the_reason(
    camera: Camera,
    vault: Vault,
    change: Callable[[bytes], bytes],
    why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = camera.put(ONE)
    with camera.open() as store:
        final = store.ledger.state.recordings[ONE].final
    vault.bring_ledger(camera)
    bad = change(path.read_bytes())
    path.write_bytes(bad)
    with caplog.at_level(logging.WARNING):
        declaration = vault.upload(path, final=final) if _readable(path) else None
        if declaration is None:
            declaration = _upload_raw(vault, bad, str(final))
        vault.ingest.take(KID, declaration)
    assert vault.ingest.receipt(KID, ONE) is None
    assert why in str(vault.ingest.refusal(KID, ONE))
    found = quarantined(vault)
    assert found[f"{ONE}.tar"] == bad
    assert why in json.loads(found[f"{ONE}.json"])["why"]
    assert copies(vault) == []
    assert waiting(vault) == []
    assert any(ONE in one.getMessage() and why in one.getMessage() for one in caplog.records)
    # A server that begins anew says the same.
    vault.restart()
    assert why in str(vault.ingest.refusal(KID, ONE))


def _readable(path: Path) -> bool:
    from camerad.container.members import NotARecordingError
    from camerad.container.skeleton import skeleton

    try:
        skeleton(str(path))
    except NotARecordingError:
        return False
    return True


def _upload_raw(vault: Vault, content: bytes, final: str) -> Declaration:
    declaration = Declaration(ONE, final, len(content))
    vault.uploads.declare(KID, declaration)
    part = vault.uploads.begin(KID, ONE, 0)
    part.write(content)
    part.finish(hashlib.sha256(content).digest())
    part.close()
    return declaration


def test_a_second_bad_file_gets_another_name_and_the_same_one_is_kept_once(
    camera: Camera, vault: Vault
) -> None:
    path = camera.put(ONE)
    content = path.read_bytes()
    vault.bring_ledger(camera)
    for cut in (4096, 4096, 8192):
        path.write_bytes(content[:-cut])
        with camera.open() as store:
            final = store.ledger.state.recordings[ONE].final
        vault.hand_over(path, final=final)
    found = quarantined(vault)
    assert sorted(name for name in found if name.endswith(".tar")) == [f"{ONE}-2.tar", f"{ONE}.tar"]
    assert found[f"{ONE}.tar"] == content[:-4096]
    assert found[f"{ONE}-2.tar"] == content[:-8192]


def test_a_call_that_comes_late_does_nothing_to_what_was_begun_anew(
    camera: Camera, vault: Vault
) -> None:
    path = camera.put(ONE)
    content = path.read_bytes()
    vault.bring_ledger(camera)
    declaration = vault.upload(path)
    vault.ingest.take(KID, declaration)
    Path(vault.holding.recordings, f"{ONE}.tar").unlink()
    vault.uploads.declare(KID, declaration)
    part = vault.uploads.begin(KID, ONE, 0)
    part.write(content[:1000])
    part.finish(hashlib.sha256(content[:1000]).digest())
    part.close()
    vault.ingest.take(KID, declaration)
    assert vault.uploads.find(KID, ONE).came == 1000
    assert quarantined(vault) == {}


def test_another_cameras_recording_is_not_ingested(
    camera: Camera, vault: Vault, tmp_path: Path
) -> None:
    """By a registered key all the same: only the key of the camera that brings it counts."""
    other = SigningKey.generate()
    register(vault.register, (NAME, KEY.public, ()), ("cam-2", other.public, ()))
    vault.restart()
    path = camera.put(ONE)
    thief = Camera(tmp_path / "thief")
    thief.key = other
    kid = other.public.thumbprint
    # The thief's own ledger names the other camera's recording, end and all.
    with camera.open() as store:
        known = store.ledger.state.recordings[ONE]
    ledger = tmp_path / "thief-ledger"
    _ledger_that_names(ledger, other, camera, ONE)
    for file in sorted(ledger.glob("*.jws")):
        vault.copies.put(kid, file.name, file.read_bytes())
    hashes = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in ledger.glob("*.jws")
    }
    assert vault.copies.adopt(kid, hashes).problems == ()
    assert vault.hand_over(path, kid, final=known.final) is None
    assert "not authentic" in str(vault.ingest.refusal(kid, ONE))


def _ledger_that_names(directory: Path, key: SigningKey, camera: Camera, name: str) -> None:
    from camerad.container import jws
    from camerad.container.chain import HEADER_NAME
    from camerad.ledger.claim import Claim
    from camerad.ledger.ledger import Ledger

    ledger = Ledger.open(Claim(str(directory)), key, camera.clock)
    ledger.append("opened", id=name, header=jws.digest(recording(name).content(HEADER_NAME)))
    path = str(camera.recordings / f"{name}.tar")
    ledger.append("closed", **facts_of(path, "closed", own=True))
    ledger.close()


def test_a_recording_under_another_id_is_not_ingested(camera: Camera, vault: Vault) -> None:
    one = camera.put(ONE)
    two = camera.put(TWO)
    with camera.open() as store:
        final = store.ledger.state.recordings[TWO].final
    vault.bring_ledger(camera)
    two.write_bytes(one.read_bytes())
    assert vault.hand_over(two, final=final) is None
    assert "another recording than was declared" in str(vault.ingest.refusal(KID, TWO))


def test_another_end_than_the_ledger_knows_is_not_ingested(
    camera: Camera, vault: Vault, tmp_path: Path
) -> None:
    camera.put(ONE)
    vault.bring_ledger(camera)
    other = Camera(tmp_path / "other").put(ONE, marks=(500_000,))
    assert vault.hand_over(other) is None
    assert "the camera's ledger knows" in str(vault.ingest.refusal(KID, ONE))


def test_an_end_that_only_the_declaration_has_is_not_ingested(
    camera: Camera, vault: Vault, tmp_path: Path
) -> None:
    camera.put(ONE)
    with camera.open() as store:
        final = store.ledger.state.recordings[ONE].final
    vault.bring_ledger(camera)
    other = Camera(tmp_path / "other").put(ONE, marks=(500_000,))
    assert vault.hand_over(other, final=final) is None
    assert "it ends with" in str(vault.ingest.refusal(KID, ONE))


def test_a_file_that_is_longer_than_was_declared_is_not_ingested(
    camera: Camera, vault: Vault
) -> None:
    """Zeros behind the end change nothing that is signed, and the receipt is for the whole file."""
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    declaration = vault.upload(path)
    with Path(vault.uploads.content_path(KID, ONE)).open("ab") as file:
        file.write(bytes(512))
    with pytest.raises(StorageError, match="other bytes than came"):
        vault.ingest.take(KID, declaration)
    with vault.state.writing() as rows:  # as of an older version: it is not known what came
        rows.execute(delete(upload_parts))
    vault.ingest.take(KID, declaration)
    assert "were declared" in str(vault.ingest.refusal(KID, ONE))


def test_a_key_that_is_not_in_the_register_any_more_gets_nothing(
    camera: Camera, vault: Vault
) -> None:
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    declaration = vault.upload(path)
    register(vault.register)
    with pytest.raises(UnregisteredError):
        vault.ingest.take(KID, declaration)
    with pytest.raises(UnregisteredError):
        vault.ingest.receipt(KID, ONE)


def test_a_name_that_leads_elsewhere_is_no_recording(vault: Vault) -> None:
    with pytest.raises(ValueError, match="no recording's id"):
        vault.ingest.take(KID, Declaration("../../evil", "0" * 64, 1))


# --------------------------------------------------------------------------------- the ledger first


def test_what_the_ledger_does_not_know_yet_waits_for_it(camera: Camera, vault: Vault) -> None:
    vault.bring_ledger(camera)
    path = camera.put(ONE)
    declaration = vault.upload(path)
    vault.ingest.take(KID, declaration)
    assert vault.ingest.refusal(KID, ONE) == WAITS
    assert vault.ingest.receipt(KID, ONE) is None
    assert (waiting(vault), quarantined(vault)) == ([ONE], {})
    vault.bring_ledger(camera)
    assert vault.ingest.pending(KID) == [declaration]
    vault.ingest.take(KID, declaration)
    assert vault.ingest.receipt(KID, ONE) is not None
    assert vault.ingest.refusal(KID, ONE) is None


def test_a_camera_that_never_brought_its_ledger_gets_no_receipt(
    camera: Camera, vault: Vault
) -> None:
    assert vault.hand_over(camera.put(ONE)) is None
    assert vault.ingest.refusal(KID, ONE) == WAITS


def test_what_only_a_ledger_knows_that_was_put_back_is_not_ingested(
    camera: Camera, vault: Vault
) -> None:
    ledger = {path: path.read_bytes() for path in ledger_files(camera)}
    camera.put(ONE)
    vault.bring_ledger(camera)
    for path, content in ledger.items():
        path.write_bytes(content)
    camera.clock.advance(DAY)
    two = camera.put(TWO)
    assert vault.bring_ledger(camera).problems != ()
    assert vault.hand_over(two) is None
    assert vault.ingest.refusal(KID, TWO) == BRANCHED
    assert (waiting(vault), quarantined(vault)) == ([TWO], {})


# ------------------------------------------------------------------------------- what is there


def test_what_came_by_stick_is_acknowledged_from_the_copy_that_is_there(
    camera: Camera, vault: Vault
) -> None:
    path = camera.put(ONE)
    camera.offload(vault.root)
    before = os.stat(os.path.join(vault.holding.recordings, f"{ONE}.tar")).st_ino
    token = vault.hand_over(path)
    # The device's own receipt stays; in the dock only the office's word counts.
    assert token is not None
    assert receipts.parse(token, OFFICE_KEYS).kid == OFFICE_KEY.public.thumbprint
    assert len(receipts.paths(vault.holding.receipts)) == 2
    assert os.stat(os.path.join(vault.holding.recordings, f"{ONE}.tar")).st_ino == before
    assert waiting(vault) == []


def test_o3_a_camera_whose_acknowledgement_was_lost_gets_its_receipt_again(
    camera: Camera, vault: Vault
) -> None:
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    first = vault.hand_over(path)
    assert vault.ingest.receipt(KID, ONE) == first
    vault.restart()
    assert vault.ingest.receipt(KID, ONE) == first
    # Even if it brings all of it once more, nothing is there twice.
    assert vault.hand_over(path) == first
    assert copies(vault) == [f"{ONE}.tar"]
    assert len(receipts.paths(vault.holding.receipts)) == 1


def test_of_two_that_take_the_same_at_once_one_does(camera: Camera, vault: Vault) -> None:
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    declaration = vault.upload(path)
    both, failed = threading.Barrier(4), list[BaseException]()

    def work() -> None:
        both.wait(10)
        try:
            vault.ingest.take(KID, declaration)  # if it returns False, the queue asks again
        except BaseException as error:  # noqa: BLE001 - looked at below
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failed == []
    assert copies(vault) == [f"{ONE}.tar"]
    assert len(receipts.paths(vault.holding.receipts)) == 1


def test_no_receipt_is_given_for_a_copy_that_is_gone_or_shorter(
    camera: Camera, vault: Vault
) -> None:
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    vault.hand_over(path)
    copy = Path(vault.holding.recordings, f"{ONE}.tar")
    content = copy.read_bytes()
    copy.write_bytes(content[:-512])
    assert vault.ingest.receipt(KID, ONE) is None
    copy.unlink()
    assert vault.ingest.receipt(KID, ONE) is None


def test_the_office_never_replaces_a_copy_by_another_file(camera: Camera, vault: Vault) -> None:
    path = camera.put(ONE)
    content = path.read_bytes()
    vault.bring_ledger(camera)
    copy = Path(vault.holding.recordings, f"{ONE}.tar")
    copy.write_bytes(b"something else")
    assert vault.hand_over(path) is None
    assert copy.read_bytes() == b"something else"
    assert quarantined(vault)[f"{ONE}.tar"] == content
    assert "another file" in str(vault.ingest.refusal(KID, ONE))


def test_a_receipt_by_a_stranger_in_the_directory_does_not_count(
    camera: Camera, vault: Vault
) -> None:
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    genuine = vault.hand_over(path)
    assert genuine is not None
    stranger = SigningKey.generate()
    forged = receipts.sign(
        stranger,
        receipts.parse(genuine, OFFICE_KEYS).__class__(
            **{
                name: getattr(receipts.parse(genuine, OFFICE_KEYS), name)
                for name in ("device", "directory", "recordings", "head", "boot_id", "clock")
            },
            kid=stranger.public.thumbprint,
        ),
    )
    receipts.write(vault.holding.receipts, forged)
    office_key_file.remember_key(place_of(str(vault.root)), stranger.public)
    assert vault.ingest.receipt(KID, ONE) == genuine


def test_what_the_office_has_deleted_does_not_come_back(camera: Camera, vault: Vault) -> None:
    path = camera.put(ONE)
    vault.dock(camera)
    with open_office(vault.root, OFFICE_KEY, camera.clock) as store:
        office_key_file.remember_key(place_of(str(vault.root)), OFFICE_KEY.public)
        store.reconcile()
        camera.clock.advance(DAYS * DAY)
        assert [one.id for one in store.purge()] == [ONE]
    assert vault.hand_over(path) is None
    assert vault.ingest.refusal(KID, ONE) == DELETED
    assert (copies(vault), waiting(vault), quarantined(vault)) == ([], [], {})
    vault.restart()
    assert vault.ingest.refusal(KID, ONE) == DELETED


def test_a_deletion_is_known_for_as_long_as_the_ledger_has_it(camera: Camera, vault: Vault) -> None:
    """Two epochs later the ledger's state does not name it any more, and its entries do."""
    path = camera.put(ONE)
    vault.dock(camera)
    assert vault.ingest.refusal(KID, ONE) is None
    with open_office(vault.root, OFFICE_KEY, camera.clock) as store:
        office_key_file.remember_key(place_of(str(vault.root)), OFFICE_KEY.public)
        store.reconcile()
        camera.clock.advance(DAYS * DAY)
        store.purge()
        for _ in range(3):
            camera.clock.advance(DAY)
            store.ledger.rotate()
        assert ONE not in store.ledger.state.recordings
    assert vault.ingest.refusal(KID, ONE) == DELETED
    assert vault.hand_over(path) is None


def test_an_office_whose_ledger_is_gone_takes_nothing_over(camera: Camera, vault: Vault) -> None:
    """Nobody could tell what it had deleted."""
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    office_key_file.remember_key(place_of(str(vault.root)), OFFICE_KEY.public)
    declaration = vault.upload(path)
    with pytest.raises(OfficeKeyError, match="gone"):
        vault.ingest.take(KID, declaration)
    assert waiting(vault) == [ONE]


# ----------------------------------------------------------------------------- the order of writes


def worn_out(patched: pytest.MonkeyPatch, at: int = -3000) -> None:
    """From now on the storage gives back another byte than was written, once memory is asked to
    forget. at: which one, from the end of the file."""
    real = os.posix_fadvise

    def forget(descriptor: int, offset: int, length: int, advice: int) -> None:
        real(descriptor, offset, length, advice)
        where = os.readlink(f"/proc/self/fd/{descriptor}")
        with open(where, "r+b") as file:
            file.seek(at, os.SEEK_END)
            byte = file.read(1)
            file.seek(at, os.SEEK_END)
            file.write(bytes([byte[0] | 0x80]))

    patched.setattr(os, "posix_fadvise", forget)


@pytest.mark.parametrize("started_since", [False, True])
def test_o2_a_copy_that_reads_back_otherwise_is_not_acknowledged(
    camera: Camera, vault: Vault, monkeypatch: pytest.MonkeyPatch, started_since: bool
) -> None:
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    declaration = vault.upload(path)
    if started_since:
        vault.restart()
    with monkeypatch.context() as patched:
        worn_out(patched)
        with pytest.raises(StorageError, match="take another"):
            vault.ingest.take(KID, declaration)
    assert list(vault.root.glob("*/receipts/*")) == []
    assert vault.ingest.receipt(KID, ONE) is None
    assert not (vault.root / "office" / "quarantine").exists()
    # What was a fault of that moment is completed by the next call.
    Path(vault.uploads.content_path(KID, ONE)).write_bytes(path.read_bytes())
    vault.ingest.take(KID, declaration)
    assert vault.ingest.receipt(KID, ONE) is not None


def test_o2_a_receipt_before_the_reading_back_is_found(
    camera: Camera, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same storage, and an office that believes its memory: what it acknowledges is not what
    the storage has. So a test of such a storage finds out who does not read back."""
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    declaration = vault.upload(path)
    real = ingest.check_recording

    def from_memory(path: str, *rest: Any) -> Any:
        with monkeypatch.context() as planted:
            planted.setattr(os, "posix_fadvise", lambda *_: None)
            judged = real(path, *rest)
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # the storage is asked too late
        os.close(descriptor)
        return judged

    with monkeypatch.context() as patched:
        worn_out(patched)
        patched.setattr(ingest, "check_recording", from_memory)
        vault.ingest.take(KID, declaration)
    assert vault.ingest.receipt(KID, ONE) is not None
    (copy,) = vault.root.glob("*/recordings/*")
    assert copy.read_bytes() != path.read_bytes()


@pytest.mark.breadth
def test_o2_no_byte_of_a_recording_can_be_another_than_the_camera_signed(
    camera: Camera, vault: Vault, tmp_path: Path
) -> None:
    """Which is why one reading is enough: what is acknowledged is what was signed."""
    path = camera.put(ONE)
    closed = skeleton(str(path)).closed_by
    assert closed is not None
    content = path.read_bytes()
    declared = Declaration(ONE, closed.sha256, len(content))
    copy = tmp_path / path.name
    copy.write_bytes(content)
    judged = ingest.check_recording(str(copy), declared, KEY.public, closed.sha256)
    assert judged.written == verified_copy.digest(str(path))
    for at in range(0, len(content), breadth(97, 1)):
        with copy.open("r+b") as file:
            file.seek(at)
            file.write(bytes([content[at] ^ (1 << at % 8)]))
            file.flush()
            assert ingest.check_recording(str(copy), declared, KEY.public, closed.sha256).why
            file.seek(at)
            file.write(content[at : at + 1])


def test_o2_the_receipt_comes_after_the_sync_and_the_reading_back(
    camera: Camera, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    declaration = vault.upload(path)
    seen: list[str] = []
    copy = os.path.join(vault.holding.recordings, f"{ONE}.tar")

    def noted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            done = real(*args, **named)
            where = args[0] if isinstance(args[0], str) else os.readlink(f"/proc/self/fd/{args[0]}")
            if name == "posix_fadvise":
                assert args[3] == os.POSIX_FADV_DONTNEED
            seen.append(f"{name} {os.path.relpath(where, vault.root)}")
            return done

        return call

    for name in ("posix_fadvise", "fdatasync", "fsync"):
        monkeypatch.setattr(os, name, noted(name, getattr(os, name)))
    monkeypatch.setattr(receipts, "write", noted("receipt", receipts.write))
    vault.ingest.take(KID, declaration)
    inside = os.path.relpath(copy, vault.root)
    content = f"office/incoming/{KID}/{ONE}/content"
    order = [
        seen.index(f"fdatasync {content}"),
        seen.index(f"posix_fadvise {content}"),
        seen.index(f"fsync {os.path.dirname(inside)}"),
        seen.index(f"receipt {os.path.relpath(vault.holding.receipts, vault.root)}"),
    ]
    assert order == sorted(order)


def test_a_storage_that_fails_loses_nothing_and_acknowledges_nothing(
    camera: Camera, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    declaration = vault.upload(path)
    calls = 0
    at = 0
    names = ("sync_path", "sync_directory", "move", "remove", "rename")

    def failing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls - 1 == at:
                raise StorageError("the disk is gone")
            return real(*args, **named)

        return call

    finished = False
    while not finished:
        calls = 0
        with monkeypatch.context() as patched:
            for name in names:
                patched.setattr(durable_files, name, failing(getattr(durable_files, name)))
            try:
                vault.ingest.take(KID, declaration)
                finished = True
            except StorageError:
                at += 1
        assert quarantined(vault) == {}
    assert at > 3
    assert vault.ingest.receipt(KID, ONE) is not None
    assert copies(vault) == [f"{ONE}.tar"]


def test_memory_does_not_grow_with_the_file(camera: Camera, vault: Vault) -> None:
    path = camera.put(ONE)
    with camera.open() as store:
        final = str(store.ledger.state.recordings[ONE].final)
    vault.bring_ledger(camera)
    declaration = _upload_raw(vault, path.read_bytes() + bytes(64 << 20), final)
    tracemalloc.start()
    try:
        vault.ingest.take(KID, declaration)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert f"{ONE}.tar" in copies(vault) or f"{ONE}.tar" in quarantined(vault)
    # Buffers of the reader and of the hash, 1 and 4 MiB, and not the file.
    assert peak < 16 << 20


def test_a_question_for_a_receipt_reads_no_other(
    camera: Camera, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in (ONE, TWO):
        camera.put(one)
    vault.dock(camera)
    assert vault.ingest.receipt(KID, ONE) is not None
    read: list[str] = []
    read_plain = receipts.read_plain

    def noted(path: str, what: str, most: int) -> bytes:
        read.append(Path(path).name)
        return read_plain(path, what, most)

    monkeypatch.setattr(receipts, "read_plain", noted)
    assert vault.ingest.receipt(KID, TWO) is not None
    assert read == ["0002.jws"]
