"""Another process keeps a lock, and is stopped: who is answered meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from camerad.base.clock import SECOND
from camerad.base.errors import NotNowError
from camerad.office.desk.desk_ledger import DeskLedger
from camerad.office.desk.people import DeskRole
from camerad.office.desk.sessions import COOKIE
from camerad.office.jobs.office_jobs import server_with_jobs
from camerad.office.server import uploads
from camerad.office.server.cameras import Cameras
from camerad.office.state import waiting_room
from camerad.office.state.waiting_room import MOST_FOR_ONE, THREADS, WaitingRoom
from tests.unit.office.server.office_scene import ID, Running
from tests.waiting import DEADLINE, until

from .desk_scene import ORIGIN, DeskScene

HOLD = """
import sys
from camerad.office.desk.file_import import open_state
from camerad.office.state.database_settings import IndexSettings
with open_state(IndexSettings(), sys.argv[1]).writing():
    print("held", flush=True)
    sys.stdin.read()
"""
ASKED = THREADS + 6
"""More than there are threads."""
OF_ONE = 28
"""Connections, fewer than the limiter takes."""


@contextmanager
def stopped_holder(directory: str) -> Iterator[None]:
    """A process that is stopped in a transaction on the office's database."""
    command = [sys.executable, "-c", HOLD, directory]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.kill()


class Crowd:
    """Requests of one administrator, all at once. answers: statuses so far."""

    def __init__(self, scene: DeskScene, cookie: str) -> None:
        self._scene = scene
        self._cookie = cookie
        self.answers: list[int] = []
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(ASKED)]
        for one in self._threads:
            one.start()

    def _ask(self, number: int) -> None:
        # On a busy machine a handshake may take longer than the server waits.
        self.answers.append(until(lambda: self._answer_to(number), what="an answer"))

    def _answer_to(self, number: int) -> int | None:
        there = HTTPSConnection(
            "localhost",
            self._scene.port,
            context=self._scene.tls,
            timeout=DEADLINE,
            source_address=(f"127.0.0.{2 + number // OF_ONE}", 0),
        )
        fields = {"Host": urlsplit(ORIGIN).netloc, "Cookie": f"{COOKIE}={self._cookie}"}
        fields |= {"Origin": ORIGIN, "Content-Type": "application/json"}
        body = json.dumps({"id": "clerk", "roles": ["desk"]})
        try:
            there.request("POST", "/api/people/roles", body, fields)
            return there.getresponse().status
        except OSError:
            return None
        finally:
            there.close()

    def join(self) -> None:
        for one in self._threads:
            one.join(DEADLINE)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[tuple[DeskScene, int]]:
    """Docks and desk in one server, and the docks' port."""
    scene = DeskScene(tmp_path / "office")
    scene.add("admin", DeskRole.ADMINISTRATOR)
    scene.add("clerk", DeskRole.DESK)
    with Running(server_with_jobs(scene.office.settings, scene.clock, scene.desk)) as running:
        yield scene, running.port
    scene.close()


def test_who_waits_for_a_stopped_process_leaves_threads_for_everybody_else(
    office: tuple[DeskScene, int],
) -> None:
    scene, _ = office
    reader = scene.signed_in("admin")
    with stopped_holder(scene.directory):
        crowd = Crowd(scene, reader.cookie)
        few = ASKED - MOST_FOR_ONE - 1  # who has the turn, and waits for the database
        until(lambda: len(crowd.answers) == few, DEADLINE, "the others are told at once")
        assert set(crowd.answers) == {503}
        assert reader.ask("GET", "/api/people").status == 200
        assert len(crowd.answers) == few, "those who may wait still do"
    crowd.join()
    assert sorted(crowd.answers) == [200] * (MOST_FOR_ONE + 1) + [503] * few


def test_docks_are_answered_though_every_thread_of_the_desk_waits(
    office: tuple[DeskScene, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene, port = office
    reader, room = scene.signed_in("admin"), WaitingRoom(2 * ASKED, 2 * ASKED)
    monkeypatch.setattr("camerad.office.desk.desk_ledger.PATIENCE_US", 60 * SECOND)
    monkeypatch.setattr(waiting_room, "WAITING", room)
    monkeypatch.setattr(uploads, "DECLARING_SECONDS", 0.2)
    with stopped_holder(scene.directory):
        crowd = Crowd(scene, reader.cookie)
        until(lambda: room.count() == THREADS - 1, DEADLINE, "every thread waits")
        client = scene.office.client(port)
        try:
            # What needs the database's writer is told to come again, and all else is answered.
            assert client.ask("HEAD", f"/v1/uploads/{ID}").status == 404
            said = client.declare()
            assert (said.status, said["Retry-After"]) == (503, "5")
        finally:
            client.close()
        assert crowd.answers == []
    crowd.join()
    assert crowd.answers == [200] * ASKED


def test_half_of_the_threads_may_wait_whatever_for() -> None:
    room = WaitingRoom(3, 2)
    with room.place("one"), room.place("one"):
        with pytest.raises(NotNowError, match="2 requests wait for 'one'"), room.place("one"):
            pass
        with (
            room.place("another"),
            pytest.raises(NotNowError, match="3 in all"),
            room.place("a third"),
        ):
            pass
    assert room.count() == 0


def test_who_waits_for_a_turn_in_the_ledger_is_counted_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = DeskScene(tmp_path / "office")
    cameras = Cameras(str(scene.office.register))
    ledger = DeskLedger(scene.directory, scene.state, cameras, scene.office.office_key, scene.clock)
    monkeypatch.setattr(waiting_room, "WAITING", WaitingRoom(0, 0))
    with ledger._in_turn(), pytest.raises(NotNowError, match="0 requests"):
        ledger.append("signed", who="clerk", what="in", how="link")
    ledger.append("signed", who="clerk", what="in", how="link")
    assert [facts.who for facts in scene.kinds("signed")] == ["clerk"]
    monkeypatch.setattr(waiting_room, "WAITING", WaitingRoom(1, 1))
    monkeypatch.setattr("camerad.office.desk.desk_ledger.PATIENCE_US", 10_000)
    with ledger._in_turn(), pytest.raises(NotNowError, match="for too long"):
        ledger.append("signed", who="clerk", what="in", how="link")
    scene.close()
