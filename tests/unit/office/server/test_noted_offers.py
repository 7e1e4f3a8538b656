"""An offer and its entry of the ledger: the last entry is about what lies there, whatever comes
between, and nobody waits for a lock without end."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
from pathlib import Path
from random import Random
from typing import Any

import pytest
from check_in_helpers import said

from camerad.base import durable_files
from camerad.container.keys import SigningKey
from camerad.office.server import directory_locks
from camerad.office.server.bundle_copy import BundleCopy
from camerad.office.server.directory_locks import DirectoryLocks, LockHeldError
from camerad.office.server.settings_offers import SettingsOffer, SettingsOffers
from camerad.office.server.update_offers import OfferedUpdate, UpdateOffers
from camerad.provisioning.validation import digest
from camerad.store.check_in import RunningSettings
from tests.crash.model import Disk, Rules, Survey
from tests.crash.runs import FAST
from tests.crash.trace import Recorder
from tests.crash.workspace import Workspace

from .update_scene import KID, a_bundle

FIRST, SECOND = b"the first settings", b"the second settings"
OLDER, NEWER = a_bundle(size=6000), a_bundle(seed=5, size=6000)
LEDGER = "ledger"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """As an office is from its first day."""
    made = tmp_path / "archive"
    for part in ("office/updates", f"office/offers/{KID}"):
        (made / part).mkdir(parents=True)
    with DirectoryLocks(str(made)).hold("any"):
        return made


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Ledger:
    """Stands for the office's: the last entry, durable once it is written."""

    def __init__(self, root: Path) -> None:
        self._path = root / LEDGER

    def says(self, what: str, sha256: str) -> None:
        durable_files.publish(str(self._path), f"{what} {sha256}".encode())

    @property
    def last(self) -> str:
        return self._path.read_text()


def offer_settings(root: Path, content: bytes) -> None:
    SettingsOffers(str(root)).put(
        KID, content, lambda: Ledger(root).says("offered", sha256(content))
    )


def take_settings_back(root: Path) -> None:
    def note(gone: SettingsOffer) -> None:
        Ledger(root).says("withdrawn", gone.sha256)

    assert SettingsOffers(str(root)).withdraw(KID, note)


def offer_update(root: Path, content: bytes) -> None:
    def note(offer: OfferedUpdate) -> None:
        Ledger(root).says("offered", offer.sha256)

    offers = UpdateOffers(str(root))
    with offers.copying("bundle", len(content), 0) as copy:
        copy.write(content)
        offers.put_copy("bundle", copy, [KID], reserve=0, note=note)


def take_update_back(root: Path) -> None:
    def note(gone: OfferedUpdate) -> None:
        Ledger(root).says("withdrawn", gone.sha256)

    assert UpdateOffers(str(root)).withdraw(KID, note)


def there(root: Path, kind: str) -> str:
    """SHA-256 of what a camera can fetch; "" if there is nothing."""
    offers: Any = (SettingsOffers if kind == "settings" else UpdateOffers)(str(root))
    found = offers.find(KID)
    return "" if found is None else sha256(b"".join(found.pieces(0, found.length)))


# ------------------------------------------------------------------ a loss of power


@pytest.mark.parametrize("rules", Rules)
@pytest.mark.parametrize("kind", ["settings", "update"])
def test_at_whatever_write_the_power_goes_nothing_is_fetched_that_the_ledger_does_not_have(
    rules: Rules, kind: str, root: Path
) -> None:
    offers = offer_settings if kind == "settings" else offer_update
    before, after = (FIRST, SECOND) if kind == "settings" else (OLDER, NEWER)
    offers(root, before)
    tree, recorder = Workspace(str(root)).read(), Recorder(str(root))
    with recorder.recording():
        offers(root, after)
        (take_settings_back if kind == "settings" else take_update_back)(root)
    disk, random, tried = Disk(tree, recorder.numbers, rules), Random(1), set[Any]()
    with tempfile.TemporaryDirectory(dir=FAST, prefix="camerad-noted-") as name:
        again = Path(name) / "again"
        for op in recorder.ops:
            disk.apply(op)
            for state in disk.states(10, 2, random, Survey()):
                if state.fingerprint() in tried:
                    continue
                tried.add(state.fingerprint())
                shutil.rmtree(again, ignore_errors=True)
                again.mkdir()
                Workspace(str(again)).show(state)
                assert there(again, kind) in ("", Ledger(again).last.removeprefix("offered ")), op
    assert len(tried) > 5


# ------------------------------------------------------------------ an entry that fails


def busy(*_: object) -> None:
    raise LockHeldError("somebody else works with the store")


def test_where_the_entry_cannot_be_written_what_was_offered_still_is(root: Path) -> None:
    settings, updates = SettingsOffers(str(root)), UpdateOffers(str(root))
    offer_settings(root, FIRST)
    offer_update(root, OLDER)
    with updates.copying("bundle", len(NEWER), 0) as copy:
        copy.write(NEWER)
        for act in (
            lambda: settings.put(KID, SECOND, busy),
            lambda: settings.withdraw(KID, busy),
            lambda: updates.put_copy("bundle", copy, [KID], reserve=0, note=busy),
            lambda: updates.withdraw(KID, busy),
        ):
            with pytest.raises(LockHeldError, match="works with the store"):
                act()
    assert (there(root, "settings"), there(root, "update")) == (sha256(FIRST), sha256(OLDER))
    assert os.listdir(root / "office/updates") == [f"{sha256(OLDER)}.raucb"]
    take_settings_back(root)
    take_update_back(root)
    assert (there(root, "settings"), there(root, "update")) == ("", "")


def test_what_is_offered_again_is_there_all_the_while(root: Path) -> None:
    offer_update(root, OLDER)
    seen: list[str] = []
    found = UpdateOffers(str(root)).put_present(
        sha256(OLDER), [KID], lambda _: seen.append(there(root, "update"))
    )
    assert found is not None and seen == [sha256(OLDER)]


def test_what_no_camera_could_fetch_is_no_entry(root: Path) -> None:
    settings, updates = SettingsOffers(str(root)), UpdateOffers(str(root))
    assert not settings.withdraw(KID, busy) and not updates.withdraw(KID, busy)
    (root / "office/offers" / KID / "settings.jws").mkdir()
    offer_update(root, OLDER)
    path = root / "office/offers" / KID / "update.json"
    path.write_text(path.read_text().replace(sha256(OLDER), "../../x"))
    assert not settings.withdraw(KID, busy) and not updates.withdraw(KID, busy)
    assert updates.withdraw(KID) and not path.exists()
    nobody = SigningKey.generate().public.thumbprint
    assert not settings.withdraw(nobody, busy) and not updates.withdraw(nobody, busy)


# ------------------------------------------------------------------ nobody waits without end


def test_a_check_in_is_answered_though_somebody_keeps_the_lock_of_its_settings(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = SettingsOffers(str(root))
    offers.put(KID, FIRST)
    found = SettingsOffer(FIRST, sha256(FIRST), digest(b"its file"))
    monkeypatch.setattr(offers, "find", lambda _: found)
    running = said(settings=RunningSettings(found.file, 6, "x" * 43))
    answers: list[object] = []
    path = root / "office/offers" / KID / "settings.jws"
    with DirectoryLocks(str(root)).hold(f"offer-{KID}"):
        asks = threading.Thread(
            target=lambda: answers.append(offers.for_camera(KID, running)), daemon=True
        )
        asks.start()
        asks.join(10)
        assert answers == [None] and path.exists(), "the next check-in sees to it"
    assert offers.for_camera(KID, running) is None
    assert not path.exists()


def test_a_command_waits_for_an_offer_and_not_without_end(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camerad.office.server.settings_offers.LOCK_SECONDS", 0.05)
    monkeypatch.setattr("camerad.office.server.update_offers.LOCK_SECONDS", 0.05)
    settings, updates = SettingsOffers(str(root)), UpdateOffers(str(root))
    offer_settings(root, FIRST)
    offer_update(root, OLDER)
    with DirectoryLocks(str(root)).hold(f"offer-{KID}"), DirectoryLocks(str(root)).hold("updates"):
        for act in (
            lambda: settings.put(KID, SECOND),
            lambda: settings.withdraw(KID),
            lambda: updates.withdraw(KID),
        ):
            with pytest.raises(LockHeldError, match="see whether it is stopped"):
                act()
    assert settings.withdraw(KID) and updates.withdraw(KID)


# ------------------------------------------------------------------ a copy at its birth


@pytest.mark.parametrize("how", ["removed", "claimed"])
def test_a_copy_that_is_taken_for_a_dead_one_at_its_birth_is_made_anew(
    root: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """By whoever tidies, between its making and its claim."""
    real, taken = durable_files.create, list[Any]()

    def create(path: str, mode: int = durable_files.MODE) -> int:
        descriptor = real(path, mode)
        if not taken:
            taken.append(directory_locks.claim_file(path))
            if how == "removed":
                os.unlink(path)
                os.close(taken[0])
        return descriptor

    monkeypatch.setattr(durable_files, "create", create)
    copy = BundleCopy(str(root / "office/updates"))
    with pytest.raises(BlockingIOError):
        directory_locks.claim_file(copy.path)
    copy.write(OLDER)
    assert Path(copy.path).read_bytes() == OLDER
    assert os.listdir(root / "office/updates") == [os.path.basename(copy.path)]
    copy.close()
    assert os.listdir(root / "office/updates") == []
    if how == "claimed":
        os.close(taken[0])


def test_a_copy_that_cannot_be_claimed_leaves_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(directory_locks.fcntl, "flock", fails)
    with pytest.raises(OSError, match="cannot claim the file"):
        BundleCopy(str(root / "office/updates"))
    assert os.listdir(root / "office/updates") == []
