"""After a loss of power at any instant of a take-over there is no receipt without its copy whole,
never two copies, and the next server completes it.

Every operation of the file system is a point at which the power may go, and any state that the
model of the storage (`tests.crash.model`) allows there is tried, torn pages included. A part of the
take-overs after it is cut off in its turn.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from desk_helpers import ONE, Camera
from vault_helpers import KID, OFFICE_KEY, Vault

from camerad.base import durable_files
from camerad.base.errors import CameradError, StorageError
from camerad.container.keys import KeyRing
from camerad.container.skeleton import skeleton
from camerad.container.whole_file import WholeFile
from camerad.office.server.ingest import Ingest
from camerad.office.server.uploads import Declaration
from camerad.store import receipts, verified_copy
from camerad.store.locations import Holding, place_of
from tests.crash.model import Disk, Rules, Survey, Tree
from tests.crash.rows import NONE, Commit, CommittedRows, UploadRows
from tests.crash.trace import SYNCS, Kind, Op, Recorder
from tests.crash.workspace import Workspace

LIMIT, TORN = 24, 4
"""States at each point: of what is not certain there are seldom more."""
NESTED = 4
"""Every so-manieth take-over is cut off itself."""
Upload = Callable[[Vault, Path], Declaration]


@dataclass
class Life:
    """An office to which a whole recording was uploaded, and what taking it over did."""

    content: bytes
    tree: Tree
    numbers: dict[str, int]
    rows: CommittedRows
    events: list[Op | Commit]


class World:
    """Lives and judges in `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows = UploadRows(root / "rows")
        self.tried = 0
        self._count = 0

    def live(self, upload: Upload | None = None) -> Life:
        """upload: how that is done, which is recorded as well."""
        self._count += 1
        above = self.root / f"life-{self._count}"
        above.mkdir()
        camera = Camera(above / "state")
        path = camera.put(ONE)
        self.rows.show(NONE)
        vault = Vault(above / "archive", state=self.rows.state)
        vault.bring_ledger(camera)
        if upload is None:
            declaration = vault.upload(path)
        tree, rows = Workspace(str(vault.root)).read(), self.rows.read()
        recorder = Recorder(str(vault.root), sites=False)
        with self.rows.recording(recorder):
            if upload is not None:
                declaration = upload(vault, path)
            vault.ingest.take(KID, declaration)
        assert vault.ingest.receipt(KID, ONE) is not None
        return Life(path.read_bytes(), tree, recorder.numbers, rows, events_of(recorder))

    def states(self, life: Life, rules: Rules) -> Iterator[tuple[int, Tree, CommittedRows]]:
        """Every state that a loss of power may leave, each once: how many events there were, and
        what is there."""
        disk, random, rows = Disk(life.tree, life.numbers, rules), Random(1), life.rows
        seen = set[tuple[int, CommittedRows]]()
        for done in range(len(life.events) + 1):
            event = life.events[done - 1] if done else None
            if isinstance(event, Commit):
                rows = event.rows
            elif event is not None:
                disk.apply(event)
            for tree in disk.states(LIMIT, TORN, random, Survey()):
                state = tree.fingerprint(), rows
                if state not in seen:
                    seen.add(state)
                    yield done, tree, rows

    def judge(self, life: Life, rules: Rules, *, nested: bool = True) -> None:
        """Raises AssertionError for the first state in which something is wrong."""
        for _, tree, rows in self.states(life, rules):
            self.tried += 1
            record = nested and self.tried % NESTED == 0
            again = self._completed(life, tree, rows, record=record)
            if again is not None:
                self.judge(again, rules, nested=False)

    def _completed(
        self, life: Life, tree: Tree, rows: CommittedRows, *, record: bool
    ) -> Life | None:
        """The next server begins on a state, and takes over what it finds."""
        above = self.root / "state"
        shutil.rmtree(above, ignore_errors=True)
        archive = above / "archive"
        archive.mkdir(parents=True)
        Workspace(str(archive)).show(tree)
        _check(archive, life.content)
        self.rows.show(rows)
        recorder = Recorder(str(archive), sites=False)
        with self.rows.recording(recorder):
            vault = Vault(archive, state=self.rows.state)
            complete = list(vault.uploads.complete())
            for kid, declaration in complete:
                vault.ingest.take(kid, declaration)
                vault.ingest.take(kid, declaration)
        _check(archive, life.content)
        if complete or vault.ingest.receipt(KID, ONE) is not None:
            assert vault.ingest.receipt(KID, ONE) is not None, "it was not completed"
            assert vault.ingest.refusal(KID, ONE) is None
        else:
            # Not all of it had come: what counts is there, and is the beginning of it.
            assert not _copies(archive)
        assert list(vault.uploads.complete()) == []
        assert not (archive / "office" / "quarantine").exists()
        if not record:
            return None
        return Life(life.content, tree, recorder.numbers, rows, events_of(recorder))


def _copies(archive: Path) -> list[Path]:
    return sorted(archive.glob("*/recordings/*"))


def _check(archive: Path, content: bytes) -> None:
    """A receipt that counts has its copy, whole; there is one copy at the most."""
    copies = _copies(archive)
    assert len(copies) <= 1
    for holding in _holdings(archive):
        for filed in receipts.read(holding.receipts, KeyRing([OFFICE_KEY.public])):
            (copied,) = filed.receipt.recordings
            assert copies, "a receipt without its copy"
            assert copies[0].read_bytes() == content, "a receipt for another copy"
            assert copied.bytes == len(content)


def _holdings(archive: Path) -> tuple[Holding, ...]:
    return place_of(str(archive)).holdings


def events_of(recorder: Recorder) -> list[Op | Commit]:
    return [one for one in recorder.events if isinstance(one, Op | Commit)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.rows.close()


@pytest.mark.parametrize("rules", Rules)
def test_o2_no_receipt_is_without_its_copy_and_the_next_server_completes_it(
    world: World, rules: Rules
) -> None:
    world.judge(world.live(), rules)
    # Eight synchronisations and what is between two of them; and those of take-overs behind them.
    assert world.tried > 20


def _interrupted(vault: Vault, path: Path) -> Declaration:
    """An upload that got its place, whose name there the storage then refused to make durable."""
    declaration = vault.upload(path)
    real = durable_files.sync_directory

    def failing(directory: str) -> None:
        if directory.endswith("/recordings"):
            raise StorageError("the disk is gone")
        real(directory)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(durable_files, "sync_directory", failing)
        with pytest.raises(StorageError):
            vault.ingest.take(KID, declaration)
    return declaration


@pytest.mark.parametrize("rules", Rules)
def test_neither_is_one_that_was_interrupted_without_a_start(world: World, rules: Rules) -> None:
    """The name that is there is not believed to be durable."""
    world.judge(world.live(_interrupted), rules, nested=False)


@pytest.mark.parametrize("rules", Rules)
def test_o3_neither_is_one_whose_upload_was_interrupted(world: World, rules: Rules) -> None:
    world.judge(world.live(Vault.upload), rules)
    assert world.tried > 50


def _unsynced(vault: Vault, path: Path) -> Declaration:
    """An upload whose bytes are not synchronised, though they count."""
    real = durable_files.sync

    def careless(descriptor: int, path: str) -> None:
        if not path.endswith("/content"):
            real(descriptor, path)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(durable_files, "sync", careless)
        return vault.upload(path)


def test_what_a_receipt_is_for_is_synchronised_by_whoever_signs_it(world: World) -> None:
    """Whatever was done before."""
    life = world.live(_unsynced)
    first = next(at for at, op in enumerate(life.events) if getattr(op, "kind", None) is Kind.LINK)
    _check_receipts(world, life, first)


def test_a_receipt_before_the_bytes_are_durable_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(durable_files, "sync_path", lambda _: None)
        life = world.live(_unsynced)
    with pytest.raises(AssertionError, match="another copy"):
        _check_receipts(world, life, 0)


def _check_receipts(world: World, life: Life, first: int) -> None:
    """Look at the states behind an operation, as they were left."""
    for done, tree, _ in world.states(life, Rules.HARSH):
        if done >= first:
            archive = world.root / "left" / "archive"
            shutil.rmtree(archive, ignore_errors=True)
            archive.mkdir(parents=True)
            Workspace(str(archive)).show(tree)
            _check(archive, life.content)


def test_each_synchronisation_that_a_receipt_rests_on_matters(world: World) -> None:
    """Without it a state is found in which something is wrong. The others make nothing certain that
    is missed: what they remove comes back at the worst, and is taken over again."""
    life = world.live()
    needed = set()
    for at, op in enumerate(life.events):
        if isinstance(op, Op) and op.kind in SYNCS:
            left = replace(life, events=life.events[:at] + life.events[at + 1 :])
            try:
                world.judge(left, Rules.HARSH, nested=False)
            except AssertionError:
                needed.add(f"{op.kind}: {os.path.basename(op.path)}")
    # That of the bytes matters where they were not synchronised before, as is shown above.
    assert needed == {
        "sync directory: recordings",
        "sync data: 0001.jws.new",
        "sync directory: receipts",
    }


# ------------------------------------------------------------------------------------ quarantined


def _spoilt(vault: Vault, path: Path) -> Declaration:
    """An upload that ends otherwise than was declared."""
    final = skeleton(str(path)).closed_by
    assert final is not None
    path.write_bytes(path.read_bytes()[:-4096])
    return vault.upload(path, final=final.sha256)


@pytest.mark.parametrize("rules", Rules)
def test_what_goes_apart_is_never_lost_and_never_without_its_reason(
    world: World, rules: Rules
) -> None:
    above = world.root / "spoilt"
    above.mkdir()
    camera = Camera(above / "state")
    path = camera.put(ONE)
    vault = Vault(above / "archive", state=world.rows.state)
    vault.bring_ledger(camera)
    declaration = _spoilt(vault, path)
    before, rows = Workspace(str(vault.root)).read(), world.rows.read()
    recorder = Recorder(str(vault.root), sites=False)
    with world.rows.recording(recorder):
        vault.ingest.take(KID, declaration)
    life = Life(path.read_bytes(), before, recorder.numbers, rows, events_of(recorder))
    for _, tree, left in world.states(life, rules):
        world.tried += 1
        archive = world.root / "state" / "archive"
        shutil.rmtree(archive.parent, ignore_errors=True)
        archive.mkdir(parents=True)
        Workspace(str(archive)).show(tree)
        kept = archive / "office" / "quarantine" / KID / f"{ONE}.tar"
        if kept.exists():
            assert kept.with_suffix(".json").stat().st_size > 0
        world.rows.show(left)
        again = Vault(archive, state=world.rows.state)
        for kid, declared in list(again.uploads.complete()):
            again.ingest.take(kid, declared)
        assert kept.read_bytes() == life.content
        assert "not authentic" in str(again.ingest.refusal(KID, ONE))
        assert sorted(one.name for one in kept.parent.glob("*.tar")) == [f"{ONE}.tar"]
        assert list(again.uploads.complete()) == _copies(archive) == []
    assert world.tried > 8


def _without(monkeypatch: pytest.MonkeyPatch, name: str, ending: str) -> None:
    """Have a function of `durable_files` do nothing for paths with this ending."""
    real: Callable[..., None] = getattr(durable_files, name)

    def careless(*args: str) -> None:
        if not args[-1].rstrip("/").endswith(ending):
            real(*args)

    monkeypatch.setattr(durable_files, name, careless)


def test_a_receipt_before_its_copys_name_is_durable_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        _without(patched, "sync_directory", "/recordings")
        life = world.live()
    with pytest.raises(AssertionError):
        world.judge(life, Rules.HARSH)


def test_a_receipt_before_the_copy_has_its_place_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Ingest._take
    real = Ingest._place

    def late(self: Ingest, kid: str, declared: object) -> None:
        placing: list[Callable[[], object]] = []

        def remembered(*args: object) -> None:
            placing.append(lambda: real(self, *args))  # type: ignore[arg-type]

        file = Ingest._file

        def hasty(ingest: Ingest, kid: str, _source: str, *rest: object) -> None:
            holding = ingest._holdings.make(kid)
            target = os.path.join(holding.recordings, f"{ONE}.tar")
            file(ingest, kid, target, *rest)  # type: ignore[arg-type]
            placing[0]()

        with monkeypatch.context() as patched:
            patched.setattr(Ingest, "_place", lambda _self, *args: remembered(*args))
            patched.setattr(Ingest, "_file", hasty)
            take(self, kid, declared)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Ingest, "_take", late)
        life = world.live()
    with pytest.raises(AssertionError, match="without its copy"):
        world.judge(life, Rules.JOURNAL)


def test_an_upload_that_is_removed_before_the_receipt_is_durable_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        _without(patched, "sync_directory", "/receipts")
        life = world.live()
    with pytest.raises((AssertionError, CameradError)):
        world.judge(life, Rules.HARSH)


def test_a_receipt_for_the_wrong_bytes_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The hash of what was read before, and not of what is there."""
    monkeypatch.setattr(WholeFile, "sha256", property(lambda _self: "0" * 64))
    world.live()
    (path,) = tmp_path.glob("life-1/archive/*/receipts/*")
    (copied,) = receipts.parse(path.read_bytes(), KeyRing([OFFICE_KEY.public])).recordings
    (copy,) = tmp_path.glob("life-1/archive/*/recordings/*")
    monkeypatch.undo()
    assert verified_copy.digest(str(copy)).sha256 != copied.sha256
