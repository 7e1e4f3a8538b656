"""What came through the dock is judged as a stick's bundle is, noted, and removed; whatever whoever
left it there wrote, and at whatever instant the power goes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from camerad.base.errors import StorageError
from camerad.behaviour.update import (
    BundleStanding,
    CameraStatus,
    JudgedBundle,
    Offer,
    UpdatePhase,
    UpdateState,
    standing,
)
from camerad.dock.bundle_store import PIECE, BundleStore
from camerad.update.errors import BundleRefusedError, UpdateError, UpdateNotNowError
from camerad.update.offered_bundles import (
    FELL_BACK,
    JUDGED,
    MOST,
    MOST_FAILURES,
    MOST_WRITES,
    NOT_WRITTEN,
    READY,
    UNSUITABLE,
    UNTRUSTED,
    WRITES,
    OfferedBundles,
    bundle_standing,
    offered_standings,
    read_judged,
)
from tests.crash.model import Disk, Rules, Survey, Tree
from tests.crash.runs import FAST
from tests.crash.trace import Kind, Op, Recorder
from tests.crash.workspace import Workspace
from tests.unit.update.scene import DOCKED, NEW, OLD, PlayedRauc, Scene

BUNDLE = b"a bundle" * 500
SHA256 = hashlib.sha256(BUNDLE).hexdigest()
WAITS, TRIES = UpdatePhase.TO_TRY, UpdatePhase.TRYING


class Dock:
    """A camera, and the directory that its client writes in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.upload = root / "upload"
        self.upload.mkdir(exist_ok=True)
        shutil.rmtree(root / "boot", ignore_errors=True)
        self.machine = Scene(root)

    @property
    def data(self) -> Path:
        return self.root / "data"

    def hand_in(self, content: bytes = BUNDLE) -> str:
        """As the client does, which asks first how the bundle stands."""
        sha256 = hashlib.sha256(content).hexdigest()
        store = BundleStore(str(self.upload), 0)
        if bundle_standing(self.data, sha256, self.machine.version) is not BundleStanding.OPEN:
            store.tidy(None)
            return sha256
        store.tidy(sha256)
        if not store.is_complete(sha256):
            offset = store.offset(sha256)
            store.append(sha256, offset, content[offset:], lambda: None)
            assert store.complete(sha256, len(content), lambda: None)
        store.hand_in(sha256)
        return sha256

    def install(self, rauc: PlayedRauc | None = None) -> None:
        bundles = OfferedBundles(str(self.upload), self.machine.kept, self.machine.updates)
        bundles.install(self.machine.running, rauc or self.machine.rauc())

    @property
    def there(self) -> list[str]:
        return sorted(os.listdir(self.upload))

    @property
    def stands(self) -> BundleStanding:
        return bundle_standing(self.data, SHA256, self.machine.version)

    @property
    def judged(self) -> JudgedBundle:
        (found,) = read_judged(self.data)
        return found


@pytest.fixture
def dock(tmp_path: Path) -> Dock:
    return Dock(tmp_path)


# ---------------------------------------------------------------------------------- how it stands

INSTALLED = JudgedBundle(SHA256, OLD, NEW, installed=True)
REFUSED = JudgedBundle(SHA256, OLD, NEW, why=UNSUITABLE, text="why")


@pytest.mark.parametrize(
    ("judged", "state", "running", "wanted"),
    [
        (JudgedBundle(SHA256, OLD, NEW, failures=1), UpdateState(), OLD, BundleStanding.OPEN),
        (REFUSED, UpdateState(), OLD, BundleStanding.REFUSED),
        (REFUSED, UpdateState(), "0.1.5-1", BundleStanding.OPEN),
        (INSTALLED, UpdateState(WAITS, "B", NEW, OLD), OLD, BundleStanding.WAITING),
        (INSTALLED, UpdateState(TRIES, "B", NEW, OLD), NEW, BundleStanding.WAITING),
        (INSTALLED, UpdateState(UpdatePhase.CONFIRMED, "B", NEW), NEW, BundleStanding.RUNNING),
        (INSTALLED, UpdateState(UpdatePhase.FELL_BACK, "B", NEW), OLD, BundleStanding.REFUSED),
        (INSTALLED, UpdateState(UpdatePhase.FELL_BACK, "B", NEW), "0.1.5-1", BundleStanding.OPEN),
        (INSTALLED, UpdateState(WAITS, "B", "0.3.0-1"), OLD, BundleStanding.OPEN),
        (INSTALLED, UpdateState(), NEW, BundleStanding.RUNNING),
    ],
)
def test_how_a_bundle_stands(
    judged: JudgedBundle, state: UpdateState, running: str, wanted: BundleStanding
) -> None:
    assert standing(judged, state, running) is wanted


@pytest.mark.parametrize(
    ("camera", "why"),
    [
        (CameraStatus("idle", ("docked",), on_shift=True), "its wearer's shift goes on"),
        (CameraStatus("idle", ("battery_critical", "docked")), "its battery is empty"),
    ],
)
def test_nobody_s_camera_is_changed_in_the_middle_of_a_shift_or_without_power(
    dock: Dock, camera: CameraStatus, why: str
) -> None:
    dock.hand_in()
    dock.machine.camera = camera
    with pytest.raises(UpdateNotNowError, match=why):
        dock.install()
    assert dock.stands is BundleStanding.OPEN
    dock.machine.camera = DOCKED
    dock.install()
    dock.machine.camera = camera
    with pytest.raises(UpdateNotNowError, match=why):
        dock.machine.updates.begin_trial()


# ---------------------------------------------------------------------------------- what is done


def test_what_is_installed_is_noted_and_removed(dock: Dock) -> None:
    dock.hand_in()
    dock.install()
    assert dock.there == []
    assert dock.judged == INSTALLED
    assert dock.stands is BundleStanding.WAITING
    dock.hand_in()
    assert dock.there == [], "the client brings it no more"


def test_what_is_refused_is_noted_with_a_word_and_a_sentence(dock: Dock) -> None:
    untrusted = dock.machine.rauc()
    untrusted.error = BundleRefusedError("x: not a bundle that this camera trusts: \x1bwhy")
    for content, rauc, why in (
        (b"one", untrusted, UNTRUSTED),
        (b"two", dock.machine.rauc("0.0.1-1"), UNSUITABLE),
    ):
        dock.hand_in(content)
        with pytest.raises(BundleRefusedError):
            dock.install(rauc)
        assert dock.there == []
        last = read_judged(dock.data)[-1]
        assert (last.why, last.installed) == (why, False)
        assert last.text and last.text.isprintable()
    assert len(offered_standings(dock.data, OLD)) == 2


def test_so_many_are_remembered(dock: Dock) -> None:
    for number in range(MOST + 2):
        dock.hand_in(bytes([number]))
        with pytest.raises(BundleRefusedError):
            dock.install(dock.machine.rauc("0.0.1-1"))
    assert len(read_judged(dock.data)) == MOST


def test_what_cannot_be_written_is_given_up_after_some_attempts(dock: Dock) -> None:
    """Each of them writes a slot: a card is worn by that."""
    rauc = dock.machine.rauc()

    def fails() -> None:
        raise UpdateError("RAUC has not installed it: block 7 is another")

    rauc.meanwhile = fails
    for number in range(1, MOST_FAILURES + 1):
        dock.hand_in()
        assert READY in dock.there
        with pytest.raises(UpdateError, match="block 7"):
            dock.install(rauc)
        assert dock.judged.failures == number
    assert dock.there == []
    assert dock.judged.why == NOT_WRITTEN
    assert dock.judged.text.startswith(f"{MOST_FAILURES} times it could not be written")
    assert dock.stands is BundleStanding.REFUSED
    # Another version begins to count anew.
    dock.machine.version = "0.1.5-1"
    dock.hand_in()
    with pytest.raises(UpdateError, match="block 7"):
        dock.install(rauc)
    assert (dock.judged.failures, dock.judged.by) == (1, "0.1.5-1")


def test_under_whatever_names_it_comes_a_system_is_written_so_often_and_no_more(
    dock: Dock,
) -> None:
    """The client chooses the name, and could be anybody's."""
    rauc = dock.machine.rauc()
    written: list[int] = []

    def fails() -> None:
        written.append(1)
        raise UpdateError("RAUC has not installed it: block 7 is another")

    rauc.meanwhile = fails
    for number in range(MOST_WRITES + 3):
        dock.hand_in(BUNDLE + bytes([number]))
        with pytest.raises((UpdateError, BundleRefusedError)):
            dock.install(rauc)
    assert len(written) == MOST_WRITES
    last = read_judged(dock.data)[-1]
    assert last.why == NOT_WRITTEN and "by a stick" in last.text
    # What was not the bundles' fault counts as little as before; another version begins anew.
    dock.machine.version = "0.1.5-1"
    rauc.meanwhile = lambda: setattr(dock.machine, "camera", None)
    for number in range(MOST_WRITES + 1):
        dock.machine.camera = DOCKED
        dock.hand_in(BUNDLE + bytes([100 + number]))
        with pytest.raises(UpdateError, match="given up"):
            dock.install(rauc)
    dock.machine.camera = DOCKED
    dock.hand_in()
    dock.install()
    assert dock.stands is BundleStanding.WAITING


def test_a_number_of_writes_that_cannot_be_read_keeps_no_update_away(
    dock: Dock, caplog: pytest.LogCaptureFixture
) -> None:
    (dock.data / "update" / WRITES).write_text("{")
    dock.hand_in()
    dock.install()
    assert dock.stands is BundleStanding.WAITING and WRITES in caplog.text


def test_what_nobody_signed_has_no_decision_forgotten(dock: Dock) -> None:
    dock.hand_in(b"unsuitable")
    with pytest.raises(BundleRefusedError):
        dock.install(dock.machine.rauc("0.0.1-1"))
    (first,) = read_judged(dock.data)
    untrusted = dock.machine.rauc()
    untrusted.error = BundleRefusedError("x: not a bundle that this camera trusts")
    for number in range(2 * MOST):
        dock.hand_in(bytes([number]))
        with pytest.raises(BundleRefusedError):
            dock.install(untrusted)
    assert read_judged(dock.data)[0] == first
    assert len(read_judged(dock.data)) == MOST


def test_a_camera_that_is_taken_has_failed_nothing(dock: Dock) -> None:
    rauc = dock.machine.rauc()

    def taken() -> None:
        dock.machine.camera = None

    rauc.meanwhile = taken
    for _ in range(MOST_FAILURES + 1):
        dock.machine.camera = DOCKED
        dock.hand_in()
        with pytest.raises(UpdateError, match="given up"):
            dock.install(rauc)
    dock.machine.camera = DOCKED
    dock.install()
    assert dock.stands is BundleStanding.WAITING


def test_what_takes_the_machine_down_each_time_is_given_up_too(dock: Dock) -> None:
    class PowerLost(BaseException):
        pass

    rauc = dock.machine.rauc()

    def goes() -> None:
        raise PowerLost

    rauc.meanwhile = goes
    for number in range(1, MOST_FAILURES + 1):
        dock.hand_in()
        with pytest.raises(PowerLost):
            dock.install(rauc)
        assert dock.judged.failures == number
    with pytest.raises(BundleRefusedError, match="never came to its end"):
        dock.install(rauc)
    assert (dock.judged.why, dock.there) == (NOT_WRITTEN, [])


def test_an_update_by_hand_in_the_same_moment_refuses_no_bundle(dock: Dock) -> None:
    rauc = dock.machine.rauc()
    told = rauc.info

    by_hand = contextlib.ExitStack()

    def begun_by_hand(bundle: str) -> Offer:
        by_hand.enter_context(dock.machine.kept.lock())
        state = UpdateState(UpdatePhase.INSTALLING, "B", "0.3.0-1", OLD)
        dock.machine.kept.write(state, tell=False)
        return told(bundle)

    dock.hand_in()
    with by_hand, pytest.MonkeyPatch.context() as patched:
        patched.setattr(rauc, "info", begun_by_hand)
        with pytest.raises(UpdateNotNowError, match="another command installs an update"):
            dock.install(rauc)
    assert (dock.judged.why, dock.judged.failures) == ("", 0)
    dock.machine.start("A", OLD)
    dock.install()
    assert dock.stands is BundleStanding.WAITING


def test_an_update_by_hand_that_is_about_to_be_tried_refuses_no_bundle(dock: Dock) -> None:
    rauc = dock.machine.rauc()
    told = rauc.info

    def tried_by_hand(bundle: str) -> Offer:
        dock.machine.kept.write(UpdateState(UpdatePhase.TRYING, "B", "0.3.0-1", OLD), tell=False)
        return told(bundle)

    dock.hand_in()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rauc, "info", tried_by_hand)
        with pytest.raises(UpdateNotNowError, match="on trial itself"):
            dock.install(rauc)
    assert (dock.judged.why, dock.judged.failures) == ("", 0)


def test_what_was_written_whole_before_something_went_wrong_is_installed(dock: Dock) -> None:
    class Late(PlayedRauc):
        def install(self, bundle: str, hindrance: Callable[[], str | None]) -> None:
            super().install(bundle, hindrance)
            raise UpdateError("its service did not end")

    dock.hand_in()
    dock.install(Late(dock.machine.rauc().offer, dock.machine.backend))
    assert dock.judged == INSTALLED


def test_nothing_is_judged_while_another_update_is_under_way(dock: Dock) -> None:
    dock.hand_in()
    dock.machine.kept.write(UpdateState(UpdatePhase.TRYING, "B", "0.3.0-1", OLD), tell=False)
    with pytest.raises(UpdateNotNowError, match="another update"):
        dock.install()
    dock.machine.start("A", OLD)
    dock.machine.slot = "B"
    with pytest.raises(UpdateNotNowError, match="another update"):
        dock.install()
    assert dock.there == [f"{SHA256}.raucb", READY]
    dock.machine.slot = "A"
    dock.install()


def test_what_was_decided_before_is_removed(dock: Dock) -> None:
    dock.hand_in()
    dock.install()
    (dock.upload / f"{SHA256}.raucb").write_bytes(BUNDLE)
    (dock.upload / READY).write_text(SHA256)
    with pytest.raises(UpdateNotNowError, match="decided before"):
        dock.install()
    assert dock.there == []


def test_a_version_that_came_by_a_stick_is_not_installed_again(dock: Dock) -> None:
    dock.machine.install()
    dock.hand_in()
    dock.install()
    assert dock.stands is BundleStanding.WAITING
    assert [one.outcome for one in dock.machine.kept.read().facts] == ["to_try"]


def test_a_trial_in_vain_is_a_refusal(dock: Dock) -> None:
    dock.hand_in()
    dock.install()
    dock.machine.updates.begin_trial()
    dock.machine.start("A", OLD)
    assert dock.stands is BundleStanding.REFUSED
    assert (dock.judged.why, FELL_BACK) == ("", "fell_back")


def test_what_cannot_be_read_counts_as_none(dock: Dock, caplog: pytest.LogCaptureFixture) -> None:
    dock.hand_in()
    dock.install()
    (dock.data / "update" / JUDGED).write_text("{")
    assert read_judged(dock.data) == ()
    assert "counts as none" in caplog.text


# ---------------------------------------------------------------------------------- what is strange


@pytest.mark.parametrize("name", ["../../x", "", "A" * 64, f"{SHA256}/../x", f"{SHA256}\n{SHA256}"])
def test_a_name_leads_out_of_no_directory(dock: Dock, name: str) -> None:
    """Whoever has taken the client over writes there what they like."""
    (dock.upload / READY).write_text(name)
    with pytest.raises(UpdateNotNowError, match="no bundle is handed in"):
        dock.install()


def test_links_lead_to_nothing_either(dock: Dock) -> None:
    elsewhere = dock.root / "elsewhere"
    elsewhere.write_bytes(BUNDLE)
    ready, bundle = dock.upload / READY, dock.upload / f"{SHA256}.raucb"
    with pytest.raises(UpdateNotNowError, match="no bundle is handed in"):
        dock.install()
    ready.write_text(f"{SHA256}\n")
    bundle.symlink_to(elsewhere)
    with pytest.raises(UpdateNotNowError, match="no such file"):
        dock.install()
    ready.unlink()
    ready.symlink_to(elsewhere)
    with pytest.raises(UpdateNotNowError, match="no bundle is handed in"):
        dock.install()
    for path in (ready, bundle):
        path.unlink()
    dock.hand_in()
    dock.upload.rename(dock.root / "moved")
    dock.upload.symlink_to(dock.root / "moved")
    with pytest.raises(StorageError):
        dock.install(dock.machine.rauc("0.0.1-1"))
    assert elsewhere.read_bytes() == BUNDLE
    assert bundle.exists(), "nothing is removed where a link leads"


# ---------------------------------------------------------------------------------- losses of power


@pytest.fixture
def fast() -> Iterator[Path]:
    """A directory in memory."""
    with tempfile.TemporaryDirectory(dir=FAST, prefix="camerad-bundle-") as place:
        yield Path(place)


def states(tree: Tree, recorder: Recorder, rules: Rules) -> Iterator[tuple[Op, Tree]]:
    """Every state that a loss of power may leave after each of the operations."""
    disk, random, seen = Disk(tree, recorder.numbers, rules), Random(1), set()
    for op in recorder.ops:
        disk.apply(op)
        for state in disk.states(40, 4, random, Survey()):
            if (found := state.fingerprint()) not in seen:
                seen.add(found)
                yield op, state


def recorded(root: Path, life: Callable[[], None]) -> tuple[Tree, Recorder]:
    tree, recorder = Workspace(str(root)).read(), Recorder(str(root))
    with recorder.recording():
        life()
    return tree, recorder


def restarted(root: Path, state: Tree) -> Dock:
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    Workspace(str(root)).show(state)
    return Dock(root)


@pytest.mark.parametrize("rules", Rules)
def test_at_whatever_write_the_power_goes_it_is_installed_once(
    rules: Rules, dock: Dock, fast: Path
) -> None:
    def life() -> None:
        dock.hand_in()
        dock.install()

    tree, recorder = recorded(dock.root, life)
    tried = 0
    for op, state in states(tree, recorder, rules):
        again = restarted(fast / "again", state)
        again.machine.start("A", OLD)
        again.hand_in()
        bundle = again.upload / f"{SHA256}.raucb"
        if bundle.exists():
            assert bundle.read_bytes() == BUNDLE, op
            again.install()
        assert again.stands is BundleStanding.WAITING, op
        assert again.there == [], op
        assert [one.outcome for one in again.machine.kept.read().facts] == ["to_try"], op
        tried += 1
    assert tried > 30


@pytest.mark.parametrize("rules", Rules)
def test_what_came_is_there_and_the_rest_is_fetched(
    rules: Rules, tmp_path: Path, fast: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what was synchronised nothing is fetched again but the last piece, and it is right."""
    monkeypatch.setattr("camerad.dock.bundle_store.PIECE", 4096)
    content = os.urandom(3 * 4096 + 100)
    sha256 = hashlib.sha256(content).hexdigest()

    def life() -> None:
        store = BundleStore(str(tmp_path), 0)
        for begin in range(0, len(content), 4096):
            store.append(sha256, begin, content[begin : begin + 4096], lambda: None)
        assert store.complete(sha256, len(content), lambda: None)

    tree, recorder = recorded(tmp_path, life)
    synced, tried = 0, 0
    for op, state in states(tree, recorder, rules):
        if op.kind is Kind.SYNC_DATA:
            synced += 1
        place = fast / "again"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        Workspace(str(place)).show(state)
        store = BundleStore(str(place), 0)
        if not store.is_complete(sha256):
            offset = store.offset(sha256)
            assert offset >= (min(synced, 3) - 1) * 4096, op
            store.append(sha256, offset, content[offset:], lambda: None)
            assert store.complete(sha256, len(content), lambda: None), op
        assert (place / f"{sha256}.raucb").read_bytes() == content, op
        tried += 1
    assert tried > 15


def test_the_model_finds_a_part_that_is_not_synchronised(
    tmp_path: Path, fast: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the test before could not fail."""
    monkeypatch.setattr("camerad.dock.bundle_store.PIECE", 4096)
    content = os.urandom(4 * 4096)
    sha256 = hashlib.sha256(content).hexdigest()

    def life() -> None:
        store = BundleStore(str(tmp_path), 0)
        store.append(sha256, 0, content, lambda: None)

    tree, recorder = recorded(tmp_path, life)
    recorder.events[:] = [op for op in recorder.ops if not op.kind.startswith("sync")]
    for _, state in states(tree, recorder, Rules.HARSH):
        place = fast / "again"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        Workspace(str(place)).show(state)
        store = BundleStore(str(place), 0)
        offset = store.offset(sha256)
        store.append(sha256, offset, content[offset:], lambda: None)
        if not store.complete(sha256, len(content), lambda: None):
            assert not (place / f"{sha256}.raucb").exists(), "and it is not taken for whole"
            return
    raise AssertionError("nothing was lost without a synchronisation")


def test_a_piece_is_what_a_slow_card_takes_at_once() -> None:
    assert PIECE / 10_000_000 < 0.2 / 4, "10 MB/s, and a quarter of the time that a press gives"
