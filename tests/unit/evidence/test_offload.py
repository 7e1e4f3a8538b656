"""Offload: only what has arrived is acknowledged, and an interruption costs nothing but time."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk_helpers import DAYS, KEY, KEYS, ONE, THREE, TWO, Camera, Silent, open_office
from ledger_helpers import damage_in
from vault_helpers import Vault

from camerad.base.clock import DAY, SECOND
from camerad.base.errors import StorageError
from camerad.container import jws
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.skeleton import skeleton
from camerad.evidence.offload import offload
from camerad.store import receipts, verified_copy
from camerad.store.device_client import OffloadError, OwnedDevice, accept_receipt
from camerad.store.locations import Holding, place_of
from camerad.store.receipts import CopiedRecording


@pytest.fixture
def office(tmp_path: Path) -> Path:
    return tmp_path / "office"


def holding(office: Path) -> Holding:
    (found,) = place_of(str(office)).holdings
    return found


def acknowledged(camera: Camera) -> dict[str, bool]:
    with camera.open() as store:
        return {one.info.id: one.acknowledged for one in store.recordings()}


def test_what_is_new_is_copied_receipted_and_acknowledged(camera: Camera, office: Path) -> None:
    paths = {name: camera.put(name) for name in (ONE, TWO)}
    done = camera.offload(office)
    assert done.copied == done.acknowledged == [ONE, TWO]
    assert done.problems == done.open == []
    there = holding(office)
    for name, path in paths.items():
        assert Path(there.recordings, f"{name}.tar").read_bytes() == path.read_bytes()
    assert acknowledged(camera) == {ONE: True, TWO: True}
    for name, filed in zip((ONE, TWO), receipts.read(there.receipts, KEYS), strict=True):
        (copied,) = filed.receipt.recordings
        assert (copied.id, copied.sha256) == (name, jws.digest(paths[name].read_bytes()))
        assert filed.receipt.directory == (office / "office" / "id").read_text().strip()
        with camera.open() as store:
            assert store.ledger.state.recordings[name].acknowledged == filed.sha256
        assert damage_in(Path(there.ledger), filed.receipt.head, KEYS) == []


def test_a_second_offload_copies_only_what_came_since_and_another_office_gets_all(
    camera: Camera, office: Path
) -> None:
    camera.put(ONE)
    camera.offload(office)
    camera.put(TWO)
    done = camera.offload(office)
    assert (done.copied, done.there, done.acknowledged) == ([TWO], [ONE], [TWO])
    names = sorted(os.listdir(holding(office).receipts))
    assert names == ["0001.jws", "0002.jws"]
    assert camera.offload(office.with_name("another")).copied == [ONE, TWO]


def test_a_recording_without_an_end_stays_until_it_has_one(camera: Camera, office: Path) -> None:
    path = camera.put(ONE, known=False)
    content = path.read_bytes()
    path.write_bytes(content[:-2048])
    done = camera.offload(office)
    assert (done.open, done.copied) == ([ONE], [])
    path.write_bytes(content)
    assert camera.offload(office).copied == [ONE]


class Interrupted(BaseException):
    """Stands for a stick that is pulled, or a process that is killed."""


class Exchanging(Silent):
    """Whoever owns the office's directory, and puts a link in the place of one that was checked."""

    def __init__(self, office: Path, elsewhere: Path) -> None:
        self._office = office
        self._elsewhere = elsewhere

    def start_recording(self, recording: str) -> None:
        place = Path(holding(self._office).recordings)
        place.rename(place.with_name("former"))
        place.symlink_to(self._elsewhere)
        os.lchown(place, 65_534, 65_534)


@pytest.mark.skipif(os.geteuid() != 0, reason="others write only where they may")
def test_root_writes_nothing_where_a_link_of_the_directorys_owner_leads(
    camera: Camera, tmp_path: Path
) -> None:
    camera.put(ONE)
    office, elsewhere, named = (tmp_path / one for one in ("office", "elsewhere", "named"))
    for one in (office, elsewhere):
        one.mkdir()
    os.chown(office, 65_534, 65_534)
    named.symlink_to(office)
    os.lchown(named, 65_534, 65_534)
    with camera.open() as store:
        store.reconcile()
        device = OwnedDevice(store, KEY, KEYS)
        with pytest.raises(StorageError, match="symbolic link"):
            offload(device, str(named), Exchanging(office, elsewhere), same_disk=True)
    assert list(elsewhere.iterdir()) == []
    place = Path(holding(office).root)
    (place / "recordings").unlink()
    (place / "former").rename(place / "recordings")
    assert camera.offload(named).copied == [ONE], "a link that a person names is what it leads to"


CALLS = ("pwritev", "fdatasync", "fsync", "rename", "mkdir", "pread")


def interrupting(monkeypatch: pytest.MonkeyPatch, at: int) -> Callable[[], int]:
    """End the world at the call of that number; returns how many calls there were."""
    calls = 0

    def replaced(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > at:
                raise Interrupted
            return real(*args, **named)

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, replaced(getattr(os, name)))
    # What is cleaned up after an error would not be after a kill.
    monkeypatch.setattr(os, "unlink", lambda *_, **__: None)
    return lambda: calls


def test_an_offload_that_is_interrupted_anywhere_goes_on_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = runs = 0
    while True:
        camera = Camera(tmp_path / f"state-{at}")
        office = tmp_path / f"office-{at}"
        office.mkdir()
        content = {name: camera.put(name).read_bytes() for name in (ONE, TWO)}
        store = camera.open()
        with monkeypatch.context() as patched:
            calls = interrupting(patched, at)
            try:
                offload(OwnedDevice(store, KEY, KEYS), str(office), Silent(), same_disk=True)
            except Interrupted:
                pass
            finally:
                store.ledger.close()
        finished = calls() <= at
        store.close()
        # Whatever has a receipt can be checked against the ledger that came with it.
        for there in place_of(str(office)).holdings:
            for filed in receipts.read(there.receipts, KEYS):
                assert damage_in(Path(there.ledger), filed.receipt.head, KEYS) == []
        # Whatever is acknowledged has arrived.
        for name, is_acknowledged in acknowledged(camera).items():
            if is_acknowledged:
                copy = Path(holding(office).recordings, f"{name}.tar")
                assert copy.read_bytes() == content[name]
        done = camera.offload(office)
        assert done.problems == []
        assert acknowledged(camera) == {ONE: True, TWO: True}
        there = holding(office)
        assert sorted(os.listdir(there.recordings)) == [f"{ONE}.tar", f"{TWO}.tar"]
        received = receipts.by_recording(receipts.read(there.receipts, KEYS))
        assert set(received) == {ONE, TWO}
        runs += 1
        if finished:
            break
        at += 1
    # Two recordings take some forty calls that can be interrupted.
    assert runs > 30


def test_a_receipt_that_never_reached_the_device_is_handed_in_again(
    camera: Camera, office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.put(ONE)
    with monkeypatch.context() as patched:
        patched.setattr("camerad.store.device_client.accept_receipt", lambda *_: [])
        camera.offload(office)
    assert acknowledged(camera) == {ONE: False}
    assert camera.offload(office).copied == []
    assert acknowledged(camera) == {ONE: True}


def test_a_copy_that_reads_back_otherwise_is_not_acknowledged(
    camera: Camera, office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.put(ONE)
    real = verified_copy.digest

    def worn_out(path: str, *args: Any, **named: Any) -> verified_copy.Digest:
        found = real(path, *args, **named)
        return found._replace(sha256="0" * 64) if named.get("fresh") else found

    monkeypatch.setattr(verified_copy, "digest", worn_out)
    with pytest.raises(StorageError, match="take another"):
        camera.offload(office)
    assert acknowledged(camera) == {ONE: False}
    assert os.listdir(holding(office).recordings) == []


def test_a_copy_is_asked_of_the_storage_not_of_memory(
    camera: Camera, office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.put(ONE)
    dropped = []
    real = os.posix_fadvise

    def advise(descriptor: int, offset: int, length: int, advice: int) -> None:
        dropped.append((os.readlink(f"/proc/self/fd/{descriptor}"), advice))
        real(descriptor, offset, length, advice)

    monkeypatch.setattr(os, "posix_fadvise", advise)
    camera.offload(office)
    copy = os.path.join(holding(office).recordings, f"{ONE}.tar.new")
    assert dropped == [(copy, os.POSIX_FADV_DONTNEED)]


def test_a_full_stick_leaves_nothing_half_written_and_keeps_what_had_arrived(
    camera: Camera, office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.put(ONE)
    camera.put(TWO)
    real = os.pwritev

    def full(descriptor: int, buffers: Any, offset: int) -> int:
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith(f"{TWO}.tar.new"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, buffers, offset)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwritev", full)
        with pytest.raises(StorageError, match="No space left"):
            camera.offload(office)
    assert os.listdir(holding(office).recordings) == [f"{ONE}.tar"]
    assert acknowledged(camera) == {ONE: True, TWO: False}
    assert camera.offload(office).copied == [TWO]


def test_a_stick_without_modes_will_do(
    camera: Camera, office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.put(ONE)
    real = os.fchmod

    def fat(descriptor: int, mode: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(office)):
            raise OSError(errno.EPERM, "Operation not permitted")
        real(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", fat)
    assert camera.offload(office).acknowledged == [ONE]


def test_a_copy_that_has_rotted_is_made_again(camera: Camera, office: Path) -> None:
    path = camera.put(ONE)
    camera.offload(office)
    copy = Path(holding(office).recordings, f"{ONE}.tar")
    copy.write_bytes(copy.read_bytes()[:-512])
    assert camera.offload(office).copied == [ONE]
    assert copy.read_bytes() == path.read_bytes()


def test_a_file_that_has_rotted_on_the_device_replaces_no_copy_that_is_whole(
    camera: Camera, tmp_path: Path
) -> None:
    """As one that came by the dock: no receipt of a server's counts for the device's own."""
    path = camera.put(ONE)
    vault = Vault(tmp_path / "archive")
    vault.dock(camera)
    copy = Path(vault.holding.recordings, f"{ONE}.tar")
    whole, rotten = copy.read_bytes(), bytearray(path.read_bytes())
    last = skeleton(str(path)).last
    assert last is not None
    rotten[last.fragment.data_offset + 1] ^= 1
    path.write_bytes(rotten)
    done = camera.offload(vault.root)
    assert (done.copied, done.acknowledged) == ([], [])
    (problem,) = done.problems
    assert f"{ONE}: it was not copied: the office has it whole" in problem
    assert copy.read_bytes() == whole


def test_a_file_that_ends_otherwise_than_its_receipt_is_not_copied(
    camera: Camera, office: Path, tmp_path: Path
) -> None:
    path = camera.put(ONE)
    camera.offload(office)
    content = Path(holding(office).recordings, f"{ONE}.tar").read_bytes()
    path.write_bytes(Camera(tmp_path / "other").put(ONE, marks=(SECOND // 2,)).read_bytes())
    done = camera.offload(office)
    assert done.copied == []
    assert ONE in done.problems[0]
    assert Path(holding(office).recordings, f"{ONE}.tar").read_bytes() == content


def test_what_the_office_has_deleted_does_not_come_back(camera: Camera, office: Path) -> None:
    camera.put(ONE)
    camera.offload(office)
    with camera.open() as store:
        store.hold(ONE, "kept on the device", "Desk")
    own = SigningKey.generate()
    (office / "office" / "keys").mkdir()
    (office / "office" / "keys" / "own.pem").write_text(own.public.pem)
    with open_office(office, own, camera.clock) as store:
        store.reconcile()
        camera.clock.advance(DAYS * DAY)
        assert [one.id for one in store.purge()] == [ONE]
    assert camera.offload(office).copied == []


# ---------------------------------------------------------------------------------------- witness


def test_a_ledger_that_was_put_back_is_noticed(camera: Camera, office: Path) -> None:
    camera.put(ONE)
    file = camera.root / "ledger" / "000001.jws"
    before = file.read_bytes()
    camera.offload(office)
    witnessed = Path(holding(office).ledger, "000001.jws").read_bytes()
    file.write_bytes(before)
    camera.clock.advance(SECOND)
    done = camera.offload(office)
    assert len(done.problems) == 1
    assert "put back" in done.problems[0]
    # The copy stays, and what the device says instead is kept beside it.
    assert Path(holding(office).ledger, "000001.jws").read_bytes() == witnessed
    (kept,) = Path(holding(office).earlier_ledger).iterdir()
    assert kept.read_bytes().startswith(before)


# --------------------------------------------------------------------------------------- refusals


def test_storage_that_is_not_mounted_is_refused(camera: Camera, tmp_path: Path) -> None:
    with camera.open() as store, pytest.raises(OffloadError, match="mount"):
        offload(OwnedDevice(store, KEY, KEYS), str(tmp_path / "nowhere"), Silent())


def test_the_device_itself_is_no_office(camera: Camera) -> None:
    inside = camera.root / "office"
    inside.mkdir()
    with camera.open() as store, pytest.raises(OffloadError, match="other storage"):
        offload(OwnedDevice(store, KEY, KEYS), str(inside), Silent(), same_disk=True)


def test_storage_on_the_recordings_own_disk_is_refused(camera: Camera, office: Path) -> None:
    """As the empty mount point of a stick that nobody has put in."""
    camera.put(ONE)
    office.mkdir()
    with camera.open() as store:
        device = OwnedDevice(store, KEY, KEYS)
        with pytest.raises(OffloadError, match=r"protects nothing.* not mounted: .* --same-disk"):
            offload(device, str(office), Silent())
        assert os.listdir(office) == []
        assert store.ledger.state.recordings[ONE].acknowledged is None


def test_storage_that_is_mounted_is_taken(camera: Camera) -> None:
    camera.put(ONE)
    # The kernel's shared memory is a file system of its own, on any Linux.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as office, camera.open() as store:
        device = OwnedDevice(store, KEY, KEYS)
        assert offload(device, office, Silent()).acknowledged == [ONE]


def test_a_device_has_one_offload_at_a_time(camera: Camera, office: Path) -> None:
    camera.put(ONE)
    office.mkdir()

    class Second(Silent):
        def start_recording(self, recording: str) -> None:
            with pytest.raises(OffloadError, match="under way"):
                offload(device, str(office), Silent(), same_disk=True)

    with camera.open() as store:
        device = OwnedDevice(store, KEY, KEYS)
        assert offload(device, str(office), Second(), same_disk=True).copied == [ONE]


def test_a_receipt_by_another_key_acknowledges_nothing(camera: Camera) -> None:
    path = camera.put(ONE)
    other = SigningKey.generate()
    with camera.open() as store:
        final = store.ledger.state.recordings[ONE].final or ""
        copied = [CopiedRecording(ONE, final, *verified_copy.digest(str(path)))]
        token = OwnedDevice(store, other, KeyRing([other.public])).sign("cam-1", "00", copied)
        with pytest.raises(jws.JwsError):
            accept_receipt(store, KEYS, token)
    assert acknowledged(camera) == {ONE: False}


def test_a_receipt_for_another_end_is_not_signed(camera: Camera) -> None:
    camera.put(ONE)
    with camera.open() as store, pytest.raises(OffloadError, match="does not know"):
        OwnedDevice(store, KEY, KEYS).sign(
            "cam-1", "00", [CopiedRecording(ONE, "0" * 64, "0" * 64, 1)]
        )


def test_what_was_deleted_meanwhile_is_passed_over(
    camera: Camera, office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {name: camera.put(name) for name in (ONE, TWO, THREE)}

    class Purging(Silent):
        def start_recording(self, recording: str) -> None:
            paths[TWO].unlink(missing_ok=True)

    office.mkdir()
    with camera.open() as store:
        done = offload(OwnedDevice(store, KEY, KEYS), str(office), Purging(), same_disk=True)
    assert done.acknowledged == [ONE, THREE]


def test_a_recording_that_cannot_be_read_is_told_and_nothing_is_signed_of_it(
    camera: Camera, office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = camera.put(ONE)
    camera.put(TWO)
    real = os.open

    def failing(name: Any, *args: Any, **named: Any) -> int:
        if os.fspath(name) == str(path):
            raise OSError(errno.EIO, "Input/output error")
        return real(name, *args, **named)

    monkeypatch.setattr(os, "open", failing)
    done = camera.offload(office)
    assert done.copied == [TWO]
    assert [ONE in problem and "cannot be read" in problem for problem in done.problems] == [True]
    monkeypatch.undo()
    assert camera.offload(office).problems == []
    with camera.open() as store:
        assert store.ledger.state.recordings[ONE].changed is None


def test_what_the_office_deleted_does_not_come_back_because_nobody_may_see_that(
    camera: Camera, office: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.put(ONE)
    camera.offload(office)
    keys = office / "office" / "keys"
    keys.mkdir()
    real = os.lstat

    def refuse(path: Any, **named: Any) -> os.stat_result:
        if os.fspath(path).startswith(str(keys)):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, **named)

    def refused(path: Any, **named: Any) -> os.stat_result:
        return refuse(path, **named) if os.fspath(path) == str(keys) else stat(path, **named)

    stat = os.stat
    monkeypatch.setattr(os, "lstat", refuse)
    monkeypatch.setattr(os, "stat", refused)
    with pytest.raises(StorageError, match="may not look into"):
        camera.offload(office)
