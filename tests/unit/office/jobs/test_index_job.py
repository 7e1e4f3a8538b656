"""The server keeps its index up to date by itself, and nothing waits for that."""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera
from msgspec.structs import replace

from camerad.base.clock import SECOND, SystemClock
from camerad.container.keys import KeyRing
from camerad.evidence.case_file import Case, directory_of_cases, name_of
from camerad.evidence.office_store import open_office_store
from camerad.ledger.entries import read_lines
from camerad.office.index import recording_query
from camerad.office.index.index import RecordingIndex
from camerad.office.index.office_knowledge import OfficeFiles
from camerad.office.index.recording_query import RecordingQuery
from camerad.office.index.refresh import Refresher
from camerad.office.jobs import index_job
from camerad.office.jobs.index_job import (
    AGAIN_SECONDS,
    FULL_SECONDS,
    LOOK_SECONDS,
    IndexJob,
)
from camerad.office.jobs.periodic_job import JobFailedError, PeriodicJob
from camerad.office.jobs.retention_job import RetentionJob
from camerad.office.server.cameras import Cameras
from camerad.office.state import database
from camerad.office.state.database import DatabaseUnavailableError
from camerad.office.state.database_settings import IndexSettings, path_in, url_of
from camerad.store.locations import office_place
from tests.unit.office.server.office_scene import DEADLINE, KEY, OfficeScene
from tests.waiting import until


@pytest.fixture
def scene(tmp_path: Path) -> OfficeScene:
    made = OfficeScene(tmp_path)
    (made.directory / "office").mkdir()
    return made


@pytest.fixture
def worker(scene: OfficeScene) -> IndexJob:
    return worker_of(scene)


def worker_of(scene: OfficeScene) -> IndexJob:
    """The server's index, which tells its retention of entries that are gone."""
    directory, register = str(scene.directory), str(scene.register)
    retention = RetentionJob(directory, Cameras(register), scene.office_key, scene.clock)
    url = url_of(IndexSettings(), directory)
    return IndexJob(url, directory, scene.office_key.public, register, retention.record_loss)


def asked(scene: OfficeScene) -> RecordingIndex:
    directory = str(scene.directory)
    files = OfficeFiles(directory, scene.office_key.public, str(scene.register))
    return RecordingIndex(url_of(IndexSettings(), directory), files, print)


def ids(scene: OfficeScene, **how: bool) -> list[str]:
    found = asked(scene).ask(recording_query.find, RecordingQuery(**how))  # type: ignore[arg-type]
    return [one.id for one in found.recordings]


def hold(scene: OfficeScene, recording: str) -> None:
    place = office_place(str(scene.directory))
    trusted = KeyRing([KEY.public])
    with open_office_store(place, scene.office_key, scene.clock, trusted, print) as store:
        store.hold(recording, "1 Js 1/26", "Desk")


def offload(scene: OfficeScene, *recordings: str) -> None:
    """A camera's recordings come by stick."""
    camera = Camera(scene.root / "camera")
    for one in recordings:
        camera.put(one)
    camera.offload(scene.directory)


@pytest.fixture
def refreshes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What each refresh has written."""
    found: list[int] = []
    refresh = RecordingIndex.refresh

    def noted(self: RecordingIndex, *, complete: bool) -> int:
        found.append(refresh(self, complete=complete))
        return found[-1]

    monkeypatch.setattr(RecordingIndex, "refresh", noted)
    return found


def test_it_looks_twice_after_a_change_and_then_only_whether_there_is_one(
    scene: OfficeScene, worker: IndexJob, refreshes: list[int]
) -> None:
    assert worker.look() == LOOK_SECONDS
    worker.look()
    worker.look()
    assert refreshes == [0, 0]
    offload(scene, ONE)
    worker.look()
    worker.look()
    worker.look()
    assert (refreshes, ids(scene)) == ([0, 0, 1, 0], [ONE])
    hold(scene, ONE)  # as a command of the desk does
    worker.look()
    assert ids(scene, held=True) == [ONE]
    refreshes.clear()
    for _ in range(round(FULL_SECONDS / LOOK_SECONDS) + 1):
        worker.look()
    # Once more after the change, and once because it is time.
    assert refreshes == [0, 0]


def test_a_damaged_index_is_made_anew_and_said_once(
    scene: OfficeScene, worker: IndexJob, caplog: pytest.LogCaptureFixture
) -> None:
    offload(scene, ONE)
    path = Path(path_in(str(scene.directory)))
    path.write_bytes(b"rubbish" * 1000)
    assert worker.look() == LOOK_SECONDS
    assert ids(scene) == [ONE]
    assert caplog.text.count("the index is made anew") == 1


def test_one_that_is_locked_is_tried_again_and_said_once(
    scene: OfficeScene,
    worker: IndexJob,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker.look()
    monkeypatch.setattr(database, "WAIT_SECONDS", 0)
    blocker = sqlite3.connect(path_in(str(scene.directory)), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    runs: list[bool] = []
    work = PeriodicJob(
        "index", worker.look, SystemClock(), lambda _, ok, __: runs.append(ok), least_seconds=1
    )
    assert [work.run_once(), work.run_once()] == [AGAIN_SECONDS, AGAIN_SECONDS]
    assert runs == [False, False], "the metrics say so"
    blocker.close()
    assert worker.look() == LOOK_SECONDS
    assert caplog.text.count("does not answer") == 1


def test_after_a_mistake_of_ours_the_next_look_does_all_of_it(
    scene: OfficeScene, worker: IndexJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> int:
        raise ZeroDivisionError

    worker.look()
    offload(scene, ONE)
    with monkeypatch.context() as patch:
        patch.setattr(Refresher, "refresh", breaks)
        with pytest.raises(ZeroDivisionError):  # `PeriodicJob` logs it, and goes on
            worker.look()
    assert worker.look() == LOOK_SECONDS
    assert ids(scene) == [ONE]


def test_a_server_names_the_library_of_its_database_that_is_missing(
    scene: OfficeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    away = IndexSettings("postgresql+psycopg://camerad@localhost/nowhere")
    scene.settings = replace(scene.settings, index=away)
    with pytest.raises(DatabaseUnavailableError, match="psycopg"), scene.serving():
        pass


def test_the_end_waits_for_no_long_refresh(
    scene: OfficeScene, worker: IndexJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large office's index takes minutes to make; a server has seconds to end."""
    offload(scene, ONE, TWO)
    begun, go_on = threading.Event(), threading.Event()
    check = Refresher._go_on

    def slow(self: Refresher) -> None:
        begun.set()
        assert go_on.wait(DEADLINE)
        check(self)

    monkeypatch.setattr(Refresher, "_go_on", slow)
    thread = threading.Thread(target=worker.look)
    thread.start()
    assert begun.wait(DEADLINE)
    worker.close()
    go_on.set()
    thread.join(DEADLINE)
    assert not thread.is_alive()
    assert ids(scene) == []


def test_the_server_does_it_by_itself(scene: OfficeScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_job, "LOOK_SECONDS", 0.05)
    with scene.serving():
        offload(scene, ONE)
        index = asked(scene)
        until(Path(path_in(str(scene.directory))).exists, DEADLINE)
        index.open()

        def found() -> bool:
            scene.clock.advance(SECOND)
            return [
                one.id for one in index.ask(recording_query.find, RecordingQuery()).recordings
            ] == [ONE]

        until(found, DEADLINE)


def cut(scene: OfficeScene, entries: int) -> Path:
    """The office's ledger without its last entries, as if they had never been."""
    (path,) = Path(office_place(str(scene.directory)).ledger).glob("*.jws")
    lines = path.read_bytes().splitlines(keepends=True)
    path.chmod(0o600)
    path.write_bytes(b"".join(lines[:-entries]))
    return path


def losses(scene: OfficeScene) -> list[str]:
    ring = KeyRing([scene.office_key.public])
    files = sorted(Path(office_place(str(scene.directory)).ledger).glob("*.jws"))
    lines = (line for one in files for line in read_lines(one.read_bytes(), ring))
    return [line.entry.kind for line in lines if line.entry and line.entry.kind == "damaged"]


def held_and_indexed(scene: OfficeScene) -> IndexJob:
    """A recording that is held, which the index has read."""
    Path(scene.directory, "office/id").write_text("0a1b\n", encoding="ascii")
    offload(scene, ONE)
    worker = worker_of(scene)
    hold(scene, ONE)
    hold(scene, ONE)
    worker.look()
    assert ids(scene, held=True) == [ONE]
    worker.close()
    return worker_of(scene)


def test_entries_that_are_gone_from_the_ledger_are_missed_once(
    scene: OfficeScene, caplog: pytest.LogCaptureFixture
) -> None:
    """The last one may never have been durable."""
    worker = held_and_indexed(scene)
    cut(scene, 1)
    worker.look()
    assert losses(scene) == []
    cut(scene, 2)
    for _ in range(3):
        worker.look()
    assert caplog.text.count("Holds may be lost with it.") == 1
    assert losses(scene) == ["damaged"]
    worker.close()


def test_the_newest_part_of_the_ledger_is_missed_and_an_expired_one_is_not(
    scene: OfficeScene, caplog: pytest.LogCaptureFixture
) -> None:
    worker = held_and_indexed(scene)
    place = office_place(str(scene.directory))
    trusted = KeyRing([KEY.public])
    with open_office_store(
        place, scene.office_key, scene.clock, trusted, print, compared=False
    ) as store:
        store.ledger.rotate()
        store.ledger.rotate()
        assert store.ledger.expire(0) == (1,)
    caplog.set_level(logging.CRITICAL)
    worker.look()
    assert losses(scene) == [] and not caplog.records
    max(Path(place.ledger).glob("*.jws")).unlink()
    worker.look()
    worker.look()
    assert len(caplog.records) == 1 and losses(scene) == ["damaged"]
    worker.close()


def test_what_cannot_be_written_down_now_is_remembered(scene: OfficeScene) -> None:
    worker = held_and_indexed(scene)
    cut(scene, 3)
    identity = Path(scene.directory, "office/id")
    kept = identity.read_bytes()
    identity.unlink()  # as where the storage is not mounted
    with pytest.raises(JobFailedError):
        worker.look()
    assert losses(scene) == []
    identity.write_bytes(kept)
    worker.look()
    assert losses(scene) == ["damaged"]
    worker.close()


def test_a_case_whose_file_is_gone_is_missed_once(
    scene: OfficeScene, caplog: pytest.LogCaptureFixture
) -> None:
    """One that was opened and no more may never have had one: the power went before."""
    worker = held_and_indexed(scene)
    caplog.set_level(logging.CRITICAL)
    place = office_place(str(scene.directory))
    facts = {"who": "desk", "recording": "", "reason": "", "sha256": "0" * 64}
    paths = [case_file(scene, number) for number in ("1 Js 1/26", "2 Js 1/26")]
    with open_office_store(
        place, scene.office_key, scene.clock, KeyRing([KEY.public]), print, compared=False
    ) as store:
        for number in ("1 Js 1/26", "2 Js 1/26", "3 Js 1/26"):
            store.ledger.append("case", case=number, what="opened", **facts)
        store.ledger.append("case", case="1 Js 1/26", what="closed", **facts)
        store.ledger.append("case", case="2 JS 1/26", what="closed", **facts)
    worker.look()
    assert not caplog.records
    kept = paths[0].read_bytes()
    paths[0].unlink()
    for _ in range(3):
        worker.look()
    said = [one.getMessage() for one in caplog.records]
    assert len(said) == 1
    assert "1 case of the desk whose file is gone" in said[0] and paths[0].name in said[0]
    worker.close()
    again = worker_of(scene)
    again.look()
    assert len(caplog.records) == 2, "as long as it lasts, each start says so"
    paths[0].write_bytes(kept)
    again.look()
    paths[1].unlink()
    again.look()
    assert len(caplog.records) == 3 and paths[1].name in caplog.records[2].getMessage()
    again.close()


def case_file(scene: OfficeScene, number: str) -> Path:
    """A case at the desk, and its file."""
    path = Path(directory_of_cases(str(scene.directory)), name_of(number) + ".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(Case(number, 1, "desk").encoded)
    return path


def test_the_first_look_is_waited_for(worker: IndexJob) -> None:
    waiting = threading.Thread(target=worker.wait_for_first)
    waiting.start()
    worker.wait_for_first(0.0)
    assert waiting.is_alive()
    worker.look()
    waiting.join(DEADLINE)
    assert not waiting.is_alive()
