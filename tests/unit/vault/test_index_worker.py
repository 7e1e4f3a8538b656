"""The server keeps its index up to date by itself, and nothing waits for that."""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from desk_helpers import ONE, TWO, Camera

from camerad.base.clock import SECOND, SystemClock
from camerad.container.keys import KeyRing
from camerad.index import database
from camerad.index.index import RecordingIndex
from camerad.index.index_settings import IndexSettings, path_in, url_of
from camerad.index.office_knowledge import OfficeFiles
from camerad.index.recording_query import RecordingQuery
from camerad.index.refresh import Refresher
from camerad.office.office_store import open_office_store
from camerad.store.locations import office_place
from camerad.vault import index_worker
from camerad.vault.index_worker import AGAIN_SECONDS, FULL_SECONDS, LOOK_SECONDS, IndexWorker
from camerad.vault.periodic_work import PeriodicWork
from tests.unit.vault.office_scene import DEADLINE, KEY, OfficeScene
from tests.waiting import until


@pytest.fixture
def scene(tmp_path: Path) -> OfficeScene:
    made = OfficeScene(tmp_path)
    (made.directory / "office").mkdir()
    return made


@pytest.fixture
def worker(scene: OfficeScene) -> IndexWorker:
    return worker_of(scene)


def worker_of(scene: OfficeScene) -> IndexWorker:
    directory = str(scene.directory)
    url = url_of(IndexSettings(), directory)
    return IndexWorker(url, directory, scene.office_key.public, str(scene.register))


def asked(scene: OfficeScene) -> RecordingIndex:
    directory = str(scene.directory)
    files = OfficeFiles(directory, scene.office_key.public, str(scene.register))
    return RecordingIndex(url_of(IndexSettings(), directory), files, print)


def ids(scene: OfficeScene, **how: bool) -> list[str]:
    return [one.id for one in asked(scene).find(RecordingQuery(**how)).recordings]  # type: ignore[arg-type]


def hold(scene: OfficeScene, recording: str) -> None:
    place = office_place(str(scene.directory))
    trusted = KeyRing([KEY.public])
    with open_office_store(place, scene.office_key, scene.clock, trusted, print) as store:
        store.hold(recording, "1 Js 1/26", "Desk")


@pytest.fixture
def refreshes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What each refresh has written."""
    found: list[int] = []
    refresh = RecordingIndex.refresh

    def noted(self: RecordingIndex) -> int:
        found.append(refresh(self))
        return found[-1]

    monkeypatch.setattr(RecordingIndex, "refresh", noted)
    return found


def test_it_looks_twice_after_a_change_and_then_only_whether_there_is_one(
    scene: OfficeScene, worker: IndexWorker, refreshes: list[int], tmp_path: Path
) -> None:
    camera = Camera(tmp_path / "camera")
    assert worker.look() == LOOK_SECONDS
    worker.look()
    worker.look()
    assert refreshes == [0, 0]
    camera.put(ONE)
    camera.offload(scene.directory)
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
    scene: OfficeScene, worker: IndexWorker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    camera = Camera(tmp_path / "camera")
    camera.put(ONE)
    camera.offload(scene.directory)
    path = Path(path_in(str(scene.directory)))
    path.write_bytes(b"rubbish" * 1000)
    assert worker.look() == LOOK_SECONDS
    assert ids(scene) == [ONE]
    (said,) = (one for one in caplog.records if one.levelno >= logging.WARNING)
    assert "the index is made anew" in said.getMessage()


def test_one_that_is_locked_is_tried_again_and_said_once(
    scene: OfficeScene,
    worker: IndexWorker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker.look()
    monkeypatch.setattr(database, "WAIT_SECONDS", 0)
    blocker = sqlite3.connect(path_in(str(scene.directory)), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    runs: list[bool] = []
    work = PeriodicWork(
        "index", worker.look, SystemClock(), lambda _, ok, __: runs.append(ok), least_seconds=1
    )
    assert [work.run_once(), work.run_once()] == [AGAIN_SECONDS, AGAIN_SECONDS]
    assert runs == [False, False], "the metrics say so"
    blocker.close()
    assert worker.look() == LOOK_SECONDS
    (said,) = (one for one in caplog.records if one.levelno >= logging.WARNING)
    assert "does not answer" in said.getMessage()


def test_after_a_mistake_of_ours_the_next_look_does_all_of_it(
    scene: OfficeScene, worker: IndexWorker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def breaks(*_: object) -> int:
        raise ZeroDivisionError

    worker.look()
    camera = Camera(tmp_path / "camera")
    camera.put(ONE)
    camera.offload(scene.directory)
    with monkeypatch.context() as patch:
        patch.setattr(Refresher, "refresh", breaks)
        with pytest.raises(ZeroDivisionError):  # `PeriodicWork` logs it, and goes on
            worker.look()
    assert worker.look() == LOOK_SECONDS
    assert ids(scene) == [ONE]


def test_a_server_starts_without_the_library_of_its_database(
    scene: OfficeScene,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And takes recordings over all the same."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    away = IndexSettings("postgresql+psycopg://camerad@localhost/nowhere")
    scene.settings = replace(scene.settings, index=away)
    with scene.serving() as client:
        assert client.ask("GET", "/v1/ledger").status == 200
        until(lambda: "the index: " in caplog.text, DEADLINE)
    assert "psycopg" in caplog.text


def test_one_that_was_ended_before_it_began_does_nothing(
    scene: OfficeScene, worker: IndexWorker
) -> None:
    worker.close()
    worker.look()
    assert ids(scene) == []


def test_the_end_waits_for_no_long_refresh(
    scene: OfficeScene, worker: IndexWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large office's index takes minutes to make; a server has seconds to end."""
    camera = Camera(tmp_path / "camera")
    for one in (ONE, TWO):
        camera.put(one)
    camera.offload(scene.directory)
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


def test_the_server_does_it_by_itself(
    scene: OfficeScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_worker, "LOOK_SECONDS", 0.05)
    camera = Camera(tmp_path / "camera")
    with scene.serving():
        camera.put(ONE)
        camera.offload(scene.directory)
        index = asked(scene)
        until(Path(path_in(str(scene.directory))).exists, DEADLINE)
        index.open()

        def found() -> bool:
            scene.clock.advance(SECOND)
            return [one.id for one in index.find(RecordingQuery()).recordings] == [ONE]

        until(found, DEADLINE)
