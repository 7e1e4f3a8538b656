"""Where an office keeps the updates that it offers: once for all cameras, and not for longer."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from check_in_helpers import said

from camerad.base import durable_files
from camerad.base.errors import StorageError
from camerad.container.keys import SigningKey
from camerad.office.server import update_offers
from camerad.office.server.bundle_copy import BundleCopy
from camerad.office.server.directory_locks import DirectoryLocks, LockHeldError
from camerad.office.server.settings_offers import SettingsOffers
from camerad.office.server.update_bundle import BundleError, read_manifest
from camerad.office.server.update_offers import NAME, BundleTooLargeError, UpdateOffers
from tests.crash.model import Disk, Rules, Survey
from tests.crash.runs import FAST
from tests.crash.trace import Recorder
from tests.crash.workspace import Workspace
from tests.unit.update.scene import COMPATIBLE, NEW, OLD

from .update_scene import KID, a_bundle, element

OTHER = SigningKey.generate().public.thumbprint
BUNDLE = a_bundle(size=6000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "archive" / "office").mkdir(parents=True)
    return tmp_path / "archive"


def put(root: Path, content: bytes = BUNDLE, *kids: str) -> str:
    path = root.parent / "new.raucb"
    path.write_bytes(content)
    return UpdateOffers(str(root)).put(str(path), list(kids or (KID,)), reserve=0).sha256


def bundles(root: Path) -> set[str]:
    return {path.name for path in (root / "office" / "updates").iterdir()}


def test_a_bundle_is_there_once_and_goes_with_its_last_offer(root: Path) -> None:
    offers = UpdateOffers(str(root))
    assert not offers.withdraw(KID)
    first = put(root, BUNDLE, KID, OTHER)
    assert bundles(root) == {f"{first}.raucb"}
    second = put(root, a_bundle(seed=2), KID)
    assert bundles(root) == {f"{first}.raucb", f"{second}.raucb"}
    assert offers.withdraw(OTHER)
    assert bundles(root) == {f"{second}.raucb"}
    # What a command was about to put there when the power went.
    (root / "office" / "updates" / "bundle.new").write_bytes(b"half")
    assert offers.withdraw(KID)
    assert bundles(root) == set()
    put(root)
    shutil.rmtree(root / "office" / "updates")
    assert offers.find(KID) is None and offers.withdraw(KID)


def test_what_is_offered_is_offered_to_more_for_as_long_as_it_is_there(root: Path) -> None:
    offers = UpdateOffers(str(root))
    noted: list[str] = []
    nobody = hashlib.sha256(BUNDLE).hexdigest()
    assert offers.put_present(nobody, [OTHER], lambda offer: noted.append(offer.sha256)) is None
    first = put(root)
    found = offers.put_present(first, [OTHER], lambda offer: noted.append(offer.sha256))
    assert found is not None and noted == [first] == [found.sha256]
    assert offers.withdraw(KID) and bundles(root) == {f"{first}.raucb"}
    assert offers.withdraw(OTHER) and bundles(root) == set()
    assert offers.put_present(first, [OTHER], lambda offer: noted.append(offer.sha256)) is None
    assert noted == [first]


class Impatient(DirectoryLocks):
    """Locks that are waited for no longer than this."""

    @contextlib.contextmanager
    def hold(self, name: str, seconds: float | None = 0.05) -> Iterator[None]:
        with super().hold(name, seconds):
            yield


def test_offers_wait_for_their_lock_as_they_are_told(root: Path) -> None:
    locks, others = Impatient(str(root)), DirectoryLocks(str(root))
    updates, settings = UpdateOffers(str(root), locks), SettingsOffers(str(root), locks)
    put(root)
    with others.hold("updates"), others.hold(f"offer-{KID}"):
        for act in (lambda: updates.withdraw(KID), lambda: settings.put(KID, b"{}")):
            with pytest.raises(LockHeldError, match="has held the lock"):
                act()
    assert updates.withdraw(KID)


def test_a_copy_that_was_given_up_writes_nothing_any_more(root: Path) -> None:
    """The number of its descriptor may be that of another file by then."""
    (root / "office" / "updates").mkdir()
    copy = BundleCopy(str(root / "office" / "updates"))
    copy.write(b"half")
    copy.close()
    with open(root / "other", "w+b") as other:
        if other.fileno() != copy._descriptor:
            os.dup2(other.fileno(), copy._descriptor)
        for late in (lambda: copy.write(b"a bundle"), copy.sync):
            with pytest.raises(StorageError, match="given up"):
                late()
        assert os.fstat(other.fileno()).st_size == 0
    assert list((root / "office" / "updates").iterdir()) == []


def test_an_offer_is_made_until_the_camera_has_decided(root: Path) -> None:
    offers, sha256 = UpdateOffers(str(root)), put(root)
    found = offers.for_camera(KID, said(image=OLD))
    assert found is not None
    assert (found.sha256, found.length) == (sha256, len(BUNDLE))
    assert b"".join(found.pieces(5, 900)) == BUNDLE[5:900]
    assert offers.for_camera(KID, said(image=None)) is None
    assert offers.for_camera(KID, said(image=OLD, waiting=(sha256,))) is None
    assert offers.for_camera(KID, said(image=NEW, waiting=(sha256,))) is None, "on trial"
    assert offers.offered(KID) is not None
    assert offers.for_camera(KID, said(image=NEW)) is None
    assert offers.offered(KID) is None and bundles(root) == set()


def test_what_is_offered_while_an_earlier_offer_goes_stays(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = UpdateOffers(str(root))
    put(root)
    offered = offers.offered

    def meanwhile(kid: str) -> object:
        monkeypatch.setattr(offers, "offered", offered)
        there = offered(kid)
        put(root, a_bundle("0.3.0-1"))
        return there

    monkeypatch.setattr(offers, "offered", meanwhile)
    assert offers.for_camera(KID, said(image=NEW)) is None
    left = offers.offered(KID)
    assert left is not None and left.version == "0.3.0-1"
    assert len(bundles(root)) == 1


def test_no_check_in_waits_while_somebody_copies_a_bundle(root: Path) -> None:
    offers = UpdateOffers(str(root))
    put(root)
    answers: list[object] = []
    with DirectoryLocks(str(root)).hold("updates"):
        asks = threading.Thread(
            target=lambda: answers.append(offers.for_camera(KID, said(image=NEW))), daemon=True
        )
        asks.start()
        asks.join(10)
        assert answers == [None], "it is answered meanwhile"
        assert offers.offered(KID) is not None
    assert offers.for_camera(KID, said(image=NEW)) is None
    assert offers.offered(KID) is None and bundles(root) == set(), "it goes with the next one"


def test_nobody_waits_while_a_bundle_is_copied(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other offers, withdrawals and check-ins come to their end meanwhile, and leave it alone."""
    offers = UpdateOffers(str(root))
    first = put(root)
    real, done = durable_files.write, list[str]()

    def meanwhile(descriptor: int, data: list[bytes], offset: int, path: str) -> int:
        if not done and path.endswith(durable_files.TEMPORARY):
            done.append(path)
            with DirectoryLocks(str(root)).try_hold("updates") as held:
                assert held, "the lock is free"
            assert offers.for_camera(KID, said(image=NEW)) is None
            assert offers.offered(KID) is None, "it was taken away at once"
            other = put(root, a_bundle(seed=3), OTHER)
            assert {f"{other}.raucb", os.path.basename(path)} == bundles(root)
            assert offers.withdraw(OTHER)
        return real(descriptor, data, offset, path)

    monkeypatch.setattr(durable_files, "write", meanwhile)
    second = put(root, a_bundle(seed=2))
    assert done and second != first
    assert not update_offers._claimed(done[0]), "it got its name"
    assert bundles(root) == {f"{second}.raucb"}


def test_a_bundle_that_left_no_room_while_it_was_copied_is_not_offered(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = iter([1 << 40, 0])
    monkeypatch.setattr(update_offers, "free_room", lambda _: next(rooms))
    path = root.parent / "new.raucb"
    path.write_bytes(BUNDLE)
    with pytest.raises(BundleTooLargeError, match="free for recordings"):
        UpdateOffers(str(root)).put(str(path), [KID], reserve=1)
    assert UpdateOffers(str(root)).offered(KID) is None and bundles(root) == set()


def test_what_no_camera_takes_or_the_storage_has_no_room_for_is_not_offered(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root.parent / "new.raucb"
    path.write_bytes(BUNDLE)
    with pytest.raises(BundleTooLargeError, match="free for recordings"):
        UpdateOffers(str(root)).put(str(path), [KID], reserve=1 << 60)
    monkeypatch.setattr(update_offers, "LARGEST_BUNDLE", len(BUNDLE) - 1)
    with pytest.raises(BundleTooLargeError, match="no camera takes more"):
        put(root)
    assert UpdateOffers(str(root)).offered(KID) is None


def test_a_file_that_becomes_shorter_while_it_is_copied_is_not_offered(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(update_offers.os, "pread", lambda *_: b"")
        patched.setattr(update_offers, "read_manifest", lambda *_: None)
        with pytest.raises(StorageError, match="became shorter"):
            put(root)
    assert UpdateOffers(str(root)).offered(KID) is None


def test_names_and_links_lead_nowhere(root: Path) -> None:
    offers = UpdateOffers(str(root))
    with pytest.raises(ValueError, match="no thumbprint"):
        offers.find("../x")
    with pytest.raises(ValueError, match="no thumbprint"):
        put(root, BUNDLE, "../x")
    put(root)
    path = root / "office" / "offers" / KID / NAME
    path.write_text(path.read_text().replace(hashlib.sha256(BUNDLE).hexdigest(), "../../x"))
    assert offers.offered(KID) is None
    shutil.move(root / "office" / "updates", root.parent / "moved")
    os.symlink(root.parent / "moved", root / "office" / "updates")
    with pytest.raises(StorageError):
        put(root)


@pytest.mark.parametrize("rules", Rules)
def test_at_whatever_write_the_power_goes_what_is_offered_is_there(
    rules: Rules, root: Path
) -> None:
    first = put(root, BUNDLE, KID)
    # What an office has from its first day; both are empty.
    tree, recorder = Workspace(str(root)).read(), Recorder(str(root))
    other = a_bundle(seed=5, size=6000)
    with recorder.recording():
        second = put(root, other, KID, OTHER)
        UpdateOffers(str(root)).withdraw(OTHER)
    wanted = {first: BUNDLE, second: other}
    disk, random, tried = Disk(tree, recorder.numbers, rules), Random(1), set()
    with tempfile.TemporaryDirectory(dir=FAST, prefix="camerad-offers-") as name:
        again = Path(name) / "again"
        for op in recorder.ops:
            disk.apply(op)
            for state in disk.states(20, 2, random, Survey()):
                if state.fingerprint() in tried:
                    continue
                tried.add(state.fingerprint())
                shutil.rmtree(again, ignore_errors=True)
                again.mkdir()
                Workspace(str(again)).show(state)
                offers = UpdateOffers(str(again))
                found = offers.find(KID)
                assert found is not None, op
                assert b"".join(found.pieces(0, found.length)) == wanted[found.sha256], op
                if offers.offered(OTHER) is not None:
                    assert offers.find(OTHER) is not None, op
    assert len(tried) > 10


# ---------------------------------------------------------------------------------- the manifest


def manifest_of(tmp_path: Path, content: bytes) -> object:
    path = tmp_path / "x.raucb"
    path.write_bytes(content)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        found = read_manifest("x.raucb", descriptor)
        return found.compatible, found.version
    finally:
        os.close(descriptor)


def test_a_bundle_says_what_it_is(tmp_path: Path) -> None:
    assert manifest_of(tmp_path, BUNDLE) == (COMPATIBLE, NEW)
    for cut in (b"", BUNDLE[:-1]):
        with pytest.raises(BundleError, match="its end is missing"):
            manifest_of(tmp_path, cut)


@pytest.mark.parametrize(
    "cms",
    [
        b"\x30",
        b"\x30\x80\x00\x00",
        b"\x30\x87\x01\x01\x01\x01\x01\x01\x01",
        b"\x30\x82\xff\xff",
        b"\x31\x00",
        element(0x30, b"\x06\x01\x00"),
        b"\xff" * 200,
    ],
)
def test_what_is_no_cms_is_no_bundle(tmp_path: Path, cms: bytes) -> None:
    with pytest.raises(BundleError, match="format verity"):
        manifest_of(tmp_path, b"x" * 50 + cms + len(cms).to_bytes(8, "big"))


def test_whatever_bytes_there_are_they_are_refused_in_words(tmp_path: Path) -> None:
    random = Random(1)
    for _ in range(300):
        content = bytearray(BUNDLE[-400:])
        for _ in range(random.randrange(1, 4)):
            content[random.randrange(len(content) - 8)] = random.randrange(256)
        try:
            found = manifest_of(tmp_path, bytes(content))
        except BundleError:
            continue
        assert isinstance(found, tuple), "what was changed is none of what is read"
