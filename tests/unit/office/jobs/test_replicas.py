"""O2 with a replica: acknowledged only when that is there, locked, read back and compared."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from pathlib import Path
from random import Random

import pytest
from desk_helpers import DAYS, KEYS, ONE, TWO, Camera
from vault_helpers import KID, Vault

from camerad.base import durable_files
from camerad.base.async_utils import EventLoop
from camerad.base.clock import DAY, SECOND, ClockSource
from camerad.base.errors import StorageError
from camerad.container.skeleton import skeleton
from camerad.evidence.office_store import open_office_store
from camerad.office.jobs.periodic_job import JobFailedError
from camerad.office.jobs.replica_job import ReplicaJob
from camerad.office.replicas.directory_store import DirectoryStore
from camerad.office.replicas.replica_store import (
    Lock,
    ReplicaFault,
    name_of,
    parse_name,
    read_back,
    unsafe_store,
)
from camerad.office.replicas.replicas import Replicas
from camerad.office.server.ingest import Ingest
from camerad.store.locations import place_of
from camerad.store.verified_copy import digest
from tests.breadth import breadth
from tests.unit.office.replicas.replica_scene import DirectoryScene, replica_fault, soon


class Office(Vault):
    """An office with replicas in another directory."""

    def __init__(self, root: Path) -> None:
        self.second = root.parent / "second"
        self.second.mkdir()
        super().__init__(root)

    def restart(self) -> None:
        super().restart()
        self.store = DirectoryStore(str(self.second), self.clock)
        self.copies_made = Replicas(self.store, self.clock, self.state)
        self.ingest = Ingest(
            self.holdings,
            self.uploads,
            self.key,
            self.clock,
            replica=self.copies_made.secure,
        )


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "archive")


def probe_at_start(office: Office) -> None:
    async def start() -> None:
        loop = EventLoop()
        loop.attach()
        await office.copies_made.probe_at_start(loop, 20)

    asyncio.run(start())


def name_in(path: Path) -> str:
    closed = skeleton(str(path)).closed_by
    assert closed is not None
    return name_of(path.stem, closed.sha256)


def test_o2_with_the_receipt_the_replica_is_there_and_locked_to_the_legal_end(
    camera: Camera, office: Office
) -> None:
    path = camera.put(ONE)
    office.bring_ledger(camera)
    assert office.hand_over(path) is not None
    assert read_back(office.store, name_in(path)).bytes == path.stat().st_size
    closing = skeleton(str(path)).closed_by
    assert closing is not None
    ended_us = closing.end.closing.clock.wall_us
    end_us = (ended_us + DAYS * DAY) // SECOND * SECOND
    assert office.store.lock_of(name_in(path)) == Lock(end_us)


def test_a_store_that_is_away_leaves_no_receipt_and_the_next_attempt_makes_it(
    camera: Camera, office: Office
) -> None:
    path = camera.put(ONE)
    office.bring_ledger(camera)
    office.copies_made.probe()
    office.second.rename(office.second.with_name("unplugged"))
    declared = office.upload(path)
    with replica_fault(ReplicaFault.AWAY, match="mount"):
        office.ingest.take(KID, declared)
    assert office.ingest.receipt(KID, ONE) is None
    assert office.uploads.find_complete(KID, ONE) == declared, "the camera asks again"
    office.second.with_name("unplugged").rename(office.second)
    office.restart()
    office.ingest.take(KID, declared)
    assert office.ingest.receipt(KID, ONE) is not None
    assert read_back(office.store, name_in(path)).bytes == declared.bytes


def test_that_a_store_is_back_is_told_once_by_whoever_asks_it_next(
    camera: Camera, office: Office
) -> None:
    told: list[str] = []
    office.copies_made.when_back(lambda: told.append("back"))
    paths = [camera.put(one) for one in (ONE, TWO)]
    office.bring_ledger(camera)
    office.clock = camera.clock
    office.copies_made.probe()
    first, second = (office.upload(path) for path in paths)
    worker = ReplicaJob(
        str(office.root), office.copies_made, office.cameras, office.key.public, office.clock
    )
    away = office.second.with_name("unplugged")
    for back in (worker.look, lambda: office.ingest.take(KID, second)):
        told.clear()
        office.second.rename(away)
        with replica_fault(ReplicaFault.AWAY):
            office.ingest.take(KID, first)
        with open_office_store(
            place_of(str(office.root)), office.key, office.clock, KEYS, lambda _: None
        ):
            pass  # else there is nothing to look after
        with pytest.raises(JobFailedError):
            worker.look()
        assert told == []
        away.rename(office.second)
        back()
        worker.look()
        assert told == ["back"]


@pytest.mark.parametrize("days_away", [0, 5])
def test_what_the_ledger_knows_already_is_held_and_the_worker_locks_it_by_the_ledger(
    camera: Camera, office: Office, days_away: int
) -> None:
    """The camera's clock was not trusted; the store was away, and the ledger heard of it before."""
    path = camera.put(ONE, closed=ClockSource.UNKNOWN)
    office.bring_ledger(camera)
    office.clock = camera.clock
    office.restart()
    office.copies_made.probe()
    declared = office.upload(path)
    away = office.second.with_name("unplugged")
    office.second.rename(away)
    with replica_fault(ReplicaFault.AWAY):
        office.ingest.take(KID, declared)
    place = place_of(str(office.root))
    with open_office_store(place, office.key, office.clock, KEYS, lambda _: None) as store:
        assert ONE in store.ledger.state.recordings
    heard_us = office.clock.wall_us()
    office.clock.advance(days_away * DAY)
    away.rename(office.second)
    office.ingest.take(KID, declared)
    assert office.ingest.receipt(KID, ONE) is not None
    assert office.store.lock_of(name_in(path)) == Lock(None, hold=True)
    worker = ReplicaJob(
        str(office.root), office.copies_made, office.cameras, office.key.public, office.clock
    )
    worker.look()
    until_us = (heard_us + DAYS * DAY) // SECOND * SECOND
    assert office.store.lock_of(name_in(path)) == Lock(until_us)
    # Taken over once more, as after a kill before the receipt: nothing has to stand in for a lock.
    for one in office.root.glob("*/receipts/*.jws"):
        one.unlink()
    found = office.ingest.find_unreceipted(KID, ONE)
    assert found is not None
    office.ingest.take(KID, found)
    assert office.store.lock_of(name_in(path)) == Lock(until_us)


@pytest.mark.parametrize("times", [1, 2])
def test_one_that_reads_back_otherwise_is_written_anew_once(
    camera: Camera, office: Office, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    path = camera.put(ONE)
    office.bring_ledger(camera)
    declared = office.upload(path)
    put = DirectoryStore.put
    written = []

    def bad(self: DirectoryStore, name: str, *what: object, **how: object) -> None:
        put(self, name, *what, **how)  # type: ignore[arg-type]
        written.append(name)
        if len(written) <= times:
            with (office.second / name).open("r+b") as file:
                file.seek(1000)
                file.write(b"another byte")

    monkeypatch.setattr(DirectoryStore, "put", bad)
    if times == 1:
        office.ingest.take(KID, declared)
        assert office.ingest.receipt(KID, ONE) is not None
        assert read_back(office.store, name_in(path)).bytes == declared.bytes
    else:
        with pytest.raises(match="take another one"):
            office.ingest.take(KID, declared)
        assert office.ingest.receipt(KID, ONE) is None
    assert len(written) == 2


def test_o3_killed_anywhere_of_a_take_over_both_copies_and_the_receipt_come(
    camera: Camera, office: Office, tmp_path: Path
) -> None:
    """The kill is at a durable step, of the office's own copy or of the second one."""
    (tmp_path / "steps").mkdir()
    scene = DirectoryScene(tmp_path / "steps")
    steps = 0
    for number, at in enumerate((-1, *sorted(Random(15).sample(range(200), breadth(40, 150))))):
        if number and at >= steps:
            break
        name = f"20261124T153000Z-{number:06d}-{number:08x}"
        path = camera.put(name)
        office.bring_ledger(camera)
        declared = office.upload(path)
        with scene.killing(at) as count:
            office.ingest.take(KID, declared)
        steps = count() if number == 0 else steps
        made = office.second / name_in(path)
        before = made.stat() if made.exists() else None
        office.restart()
        office.ingest.take(KID, declared)
        assert before is None or before.st_ino == made.stat().st_ino, "it is made once"
        token = office.ingest.receipt(KID, name)
        assert token is not None, at
        assert read_back(office.store, name_in(path)).bytes == declared.bytes, at
        lock = office.store.lock_of(name_in(path))
        assert lock is not None and lock.until_us is not None, at
        assert office.uploads.find_complete(KID, name) is None, at
    assert steps > 20
    assert len(office.store.list_copies()) == number + (at < steps)
    assert list(office.second.rglob("*.new")) == []


def test_a_store_whose_lock_does_not_hold_is_refused_at_the_start_and_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsafe(_: object) -> None:
        raise unsafe_store("it forgets")

    monkeypatch.setattr(DirectoryStore, "probe", unsafe)
    with replica_fault(ReplicaFault.UNSAFE):
        office.copies_made.probe()
    with replica_fault(ReplicaFault.UNSAFE):
        probe_at_start(office)


def test_one_that_is_away_at_the_start_is_said_and_tried_before_the_first_copy(
    camera: Camera, office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.second.rmdir()
    with caplog.at_level(logging.INFO):
        probe_at_start(office)
        assert "No recording is acknowledged until it answers" in caplog.text
        office.second.mkdir()
        path = camera.put(ONE)
        office.bring_ledger(camera)
        assert office.hand_over(path) is not None
        office.copies_made.probe()
    assert caplog.text.count("replicas go to the directory") == 1


def test_of_one_name_one_copy_is_made_at_a_time(
    camera: Camera, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a camera hands over what the server just copies by itself."""
    path = str(camera.put(ONE))
    put = DirectoryStore.put
    at_once: list[int] = []
    running = threading.Semaphore(0)

    def counted(self: DirectoryStore, name: str, *what: object, **how: object) -> None:
        running.release()
        at_once.append(running._value)
        put(self, name, *what, **how)  # type: ignore[arg-type]
        assert running.acquire(timeout=0)

    monkeypatch.setattr(DirectoryStore, "put", counted)
    content = digest(path)
    name = name_in(Path(path))
    threads = [
        threading.Thread(target=office.copies_made.make, args=(name, path, content, Lock(None)))
        for _ in range(6)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert at_once == [1] * 6


def test_two_recordings_of_one_id_have_two_names() -> None:
    assert parse_name(name_of(ONE, "ab" * 32)) == (ONE, "ab" * 32)
    assert name_of(ONE, "ab" * 32) != name_of(ONE, "cd" * 32)
    for odd in (ONE, f"{ONE}/x.tar", f"../{ONE}/{'ab' * 32}.tar", f"a/{'ab' * 32}.tar"):
        assert parse_name(odd) is None


# ------------------------------------------------------------------ the directory's own matters


@pytest.fixture
def copied(camera: Camera, office: Office) -> str:
    path = camera.put(ONE)
    office.bring_ledger(camera)
    assert office.hand_over(path) is not None
    return name_in(path)


def test_an_unreadable_lock_keeps_the_copy(office: Office, copied: str) -> None:
    lock = (office.second / copied).with_suffix(".lock")
    for content in (b"", b"{}", b'{"until_us": "x", "hold": false}', b'{"until_us": 1, "hold": 2}'):
        lock.write_bytes(content)
        with pytest.raises(StorageError, match="no lock of camerad"):
            office.store.delete(copied)
        assert read_back(office.store, copied).bytes > 0


def test_what_is_no_copy_in_the_directory_is_left_alone(office: Office, copied: str) -> None:
    (office.second / "notes.txt").write_text("mine")
    (office.second / ONE / "other.new").write_text("mine")
    (office.second / "empty").mkdir()
    assert office.store.leftovers(soon(3600)) == []
    assert [one.name for one in office.store.list_copies()] == [copied]
    assert (office.second / "notes.txt").exists()
    assert (office.second / ONE / "other.new").exists()
    assert (office.second / "empty").exists()


def test_a_name_leads_nowhere_else(office: Office, copied: str) -> None:
    for name in ("../archive/office/id", f"{TWO}/../../x", "/etc/passwd"):
        with pytest.raises(StorageError, match="no name"):
            office.store.put(name, os.devnull, 0, Lock(None))
        with pytest.raises(StorageError):
            office.store.delete(name)
    with pytest.raises(StorageError, match="no version"):
        list(office.store.pieces(copied, "another"))


def test_a_look_at_the_directory_and_copies_that_come_and_go_do_not_meet(
    office: Office, tmp_path: Path
) -> None:
    """As where another server looks."""
    source = tmp_path / "source"
    source.write_bytes(b"x" * 100)
    other = DirectoryStore(str(office.second), office.clock)
    ended = threading.Event()
    failed: list[StorageError] = []

    def look() -> None:
        while not ended.is_set():
            try:
                other.leftovers(soon(3600))
                other.list_copies()
            except StorageError as error:
                failed.append(error)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for number in range(150):
            name = name_of(f"20261124T153000Z-{number:06d}-{number:08x}", "ab" * 32)
            office.store.put(name, str(source), 100, Lock(None))
            office.store.delete(name)
    finally:
        ended.set()
        looking.join(30)
    assert failed == []
    assert other.list_copies() == []


def test_a_directory_that_goes_just_before_the_copy_comes_is_made_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where another server removes it."""
    make_directory, gone = durable_files.make_directory, []

    def made_and_gone(path: str) -> None:
        make_directory(path)
        if path.endswith(ONE) and not gone:
            gone.append(path)
            os.rmdir(path)

    monkeypatch.setattr(durable_files, "make_directory", made_and_gone)
    name = name_of(ONE, "ab" * 32)
    office.store.put(name, __file__, os.stat(__file__).st_size, Lock(None))
    assert gone and read_back(office.store, name).bytes > 0
