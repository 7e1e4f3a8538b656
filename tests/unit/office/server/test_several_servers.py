"""Several servers, each with its own directory, do each job once, and go on for each other."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from desk_helpers import KEY, ONE, TWO, Camera
from msgspec.structs import replace
from postgresql import PostgreSQL
from state_helpers import refused

from camerad.base.clock import SECOND, ManualClock
from camerad.container.skeleton import skeleton
from camerad.office.jobs.office_jobs import server_with_jobs
from camerad.office.replicas.replica_settings import ReplicaSettings
from camerad.office.server import uploads as uploads_module
from camerad.office.server.connection_limiter import StartError
from camerad.office.server.nonces import Nonces
from camerad.office.server.refusals import RefusedRequestError
from camerad.office.server.state_import import open_state
from camerad.office.server.upload_errors import UploadRefusal
from camerad.office.server.upload_limits import UploadLimits
from camerad.office.server.uploads import Declaration, Uploads
from camerad.office.state.database_settings import IndexSettings
from camerad.office.state.office_state import OfficeState
from tests.unit.office.server.office_scene import ID, DockClient, OfficeScene, Running

PART = 3_000
KID = KEY.public.thumbprint


@pytest.fixture
def scene(tmp_path: Path, postgresql: PostgreSQL) -> OfficeScene:
    made = OfficeScene(tmp_path)
    index = IndexSettings(postgresql.make())
    store = tmp_path / "store"
    store.mkdir()
    made.settings = replace(
        made.settings,
        several_servers=True,
        index=index,
        second_copy=ReplicaSettings(directory=store),
    )
    return made


def directory_of(scene: OfficeScene, number: int) -> Path:
    """Of a server."""
    return scene.directory if number == 0 else scene.root / f"archive-{number}"


@contextlib.contextmanager
def other_state(scene: OfficeScene) -> Iterator[OfficeState]:
    """The state as another server has it."""
    state = open_state(scene.settings.index, str(scene.directory))
    try:
        yield state
    finally:
        state.close()


@contextlib.contextmanager
def other_uploads(scene: OfficeScene, **limits: int) -> Iterator[Uploads]:
    """The uploads as another server has them."""
    with other_state(scene) as state:
        yield Uploads(str(scene.directory), state, UploadLimits(reserve=0, **limits), scene.clock)


def bring(uploads: Uploads, declared: Declaration, content: bytes) -> None:
    """Upload a recording whole."""
    uploads.declare(KID, declared)
    part = uploads.begin(KID, declared.recording, 0)
    part.write(content)
    part.finish(hashlib.sha256(content).digest())
    part.close()


@contextlib.contextmanager
def serving(scene: OfficeScene, count: int = 2) -> Iterator[list[DockClient]]:
    """So many servers; yields a client of each."""
    with contextlib.ExitStack() as stack:
        clients = []
        for number in range(count):
            directory = directory_of(scene, number)
            directory.mkdir(exist_ok=True)
            settings = replace(scene.settings, directory=directory)
            running = stack.enter_context(Running(server_with_jobs(settings, scene.clock)))
            clients.append(scene.client(running.port))
            stack.callback(clients[-1].close)
        yield clients


def final_of(path: Path) -> str:
    closed = skeleton(str(path)).closed_by
    assert closed is not None
    return closed.sha256


def ingested(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        one.getMessage()[: len(ONE)] for one in caplog.records if ": ingested from" in one.message
    ]


def test_a_camera_may_bring_each_part_to_another_server(
    tmp_path: Path, scene: OfficeScene, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    camera = Camera(tmp_path / "state")
    paths = [camera.put(ONE), camera.put(TWO)]
    with serving(scene) as clients:
        assert clients[0].bring_ledger(camera.root / "ledger").status == 200
        for path in paths:
            content = path.read_bytes()
            said = clients[1].declare(len(content), path.stem, final_of(path))
            assert said.status == 201, said.body
            for number, offset in enumerate(range(0, len(content), PART)):
                server = clients[number % 2]
                assert server.offset(path.stem) == offset
                assert server.patch(offset, content[offset : offset + PART], path.stem)
        receipts = [[one.receipt(path.stem) for path in paths] for one in clients]
    assert [one.status for found in receipts for one in found] == [200] * 4
    assert [one.body for one in receipts[0]] == [one.body for one in receipts[1]]
    for path in paths:
        (copy,) = scene.directory.glob(f"*/recordings/{path.name}")
        assert copy.read_bytes() == path.read_bytes()
    assert sorted(ingested(caplog)) == [ONE, TWO]


def test_one_part_at_a_time_comes_to_whichever_server(scene: OfficeScene) -> None:
    with serving(scene) as (first, second):
        first.declare()
        path = f"/v1/uploads/{ID}"
        fields = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        headers = first.sign("PATCH", path, b"0123456789", fields)
        hanging = first.connect()
        hanging.putrequest("PATCH", path)
        for name, value in (*headers.items(), ("Content-Length", "10")):
            hanging.putheader(name, value)
        hanging.endheaders(b"01234")
        until = threading.Event()
        for _ in range(500):
            # The server has begun the part once what came of it is written.
            if any(
                one.stat().st_size for one in scene.directory.glob("office/incoming/*/*/content")
            ):
                break
            until.wait(0.02)
        assert second.patch(0, b"0123456789").status == 423
        hanging.send(b"56789")
        assert hanging.getresponse().status == 204
        hanging.close()
        assert second.patch(0, b"0123456789").status == 409


def test_a_request_that_one_server_took_is_refused_by_the_other(scene: OfficeScene) -> None:
    with serving(scene) as (first, second):
        headers = first.sign("GET", "/v1/ledger")
        assert first.send("GET", "/v1/ledger", None, headers).status == 200
        for server in (first, second):
            assert server.send("GET", "/v1/ledger", None, headers).status == 401
        own = first.sign("GET", "/v1/ledger", nonce="a" * 32)
        for server in (first, second):
            said = server.send("GET", "/v1/ledger", None, own)
            assert said.status == 401 and "no nonces but their own" in said.error


def test_of_several_servers_none_takes_a_clients_own_nonce() -> None:
    """Also long after its start."""
    nonces = Nonces(0, one_of_several=True)
    with pytest.raises(RefusedRequestError, match="one of several"):
        nonces.take("k", "a" * 32, 5000, 5000_000_000, 5000_000_000)


def test_what_a_server_left_that_ended_is_ingested_by_another_one(
    tmp_path: Path, scene: OfficeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its camera never comes again."""
    monkeypatch.setattr("camerad.office.jobs.office_jobs.EXPIRY_SECONDS", 0.1)
    camera = Camera(tmp_path / "state")
    path = camera.put(ONE)
    content = path.read_bytes()
    with serving(scene, 1) as (client,):
        assert client.bring_ledger(camera.root / "ledger").status == 200
        with other_uploads(scene) as uploads:
            bring(uploads, Declaration(ONE, final_of(path), len(content)), content)
        until = threading.Event()
        for _ in range(1000):
            if list(scene.directory.glob("*/receipts/*")):
                break
            scene.clock.advance(SECOND)
            until.wait(0.02)
        else:
            raise AssertionError("it was not ingested")


def test_a_directory_has_one_server(scene: OfficeScene) -> None:
    with (
        Running(server_with_jobs(scene.settings, scene.clock)),
        pytest.raises(StartError, match="have a directory each"),
        Running(server_with_jobs(scene.settings, scene.clock)),
    ):
        pass


def test_one_upload_is_ingested_once_whoever_begins(
    tmp_path: Path, scene: OfficeScene, caplog: pytest.LogCaptureFixture
) -> None:
    """Both servers find it at their start, and begin at the same time."""
    caplog.set_level(logging.INFO)
    camera = Camera(tmp_path / "state")
    paths = [camera.put(ONE), camera.put(TWO)]
    with serving(scene, 1) as (client,):
        for path in paths:
            client.upload(path, final_of(path))  # they wait for the ledger
        assert client.bring_ledger(camera.root / "ledger").status == 200
        assert {client.receipt(path.stem).status for path in paths} == {200}
    # As if it had ended behind the last step but one.
    for path in paths:
        (copy,) = scene.directory.glob(f"*/recordings/{path.name}")
        declared = Declaration(path.stem, final_of(path), copy.stat().st_size)
        with other_uploads(scene) as uploads:
            bring(uploads, declared, path.read_bytes())
    caplog.clear()
    with serving(scene) as clients:
        until = threading.Event()
        for _ in range(1000):
            if not list(scene.directory.glob("office/incoming/*/2*")):
                break
            until.wait(0.02)
        assert {one.receipt(path.stem).status for one in clients for path in paths} == {200}
    assert ingested(caplog) == []
    for number in range(2):
        found = list(directory_of(scene, number).glob("*/receipts/*"))
        assert len(found) == 2, "each is receipted once"
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


def test_uploads_of_two_servers_share_room_and_names(scene: OfficeScene) -> None:
    """What one declares counts at the other, too."""
    with other_uploads(scene, files=1) as one, other_uploads(scene, files=1) as other:
        one.declare(KID, Declaration(ID, "ab" * 32, 10))
        assert other.declare(KID, Declaration(ID, "ab" * 32, 10)) == 0
        with refused(UploadRefusal.CAMERA_FULL):
            other.declare(KID, Declaration(ID.replace("000001", "000002"), "ab" * 32, 10))
        part = one.begin(KID, ID, 0)
        with refused(UploadRefusal.BUSY):
            other.remove(KID, ID)
        part.close()
        other.remove(KID, ID)
        with refused(UploadRefusal.NO_UPLOAD):
            one.begin(KID, ID, 0)


DECLARES = """
import sys
from camerad.office.server.uploads import Declaration
from camerad.office.server.state_import import open_state
from camerad.office.server.state_import import open_state
from camerad.office.server.upload_errors import UploadRefusal
from camerad.office.server.upload_limits import UploadLimits
from camerad.office.server.uploads import Uploads
from camerad.office.state.database_settings import IndexSettings
from camerad.office.state.office_state import OfficeState
from camerad.office.server.uploads import Uploads
from camerad.office.state.database_settings import IndexSettings

def stopped(kid, recording):
    print("declaring", flush=True)
    sys.stdin.readline()

state = open_state(IndexSettings(sys.argv[4]), sys.argv[1])
uploads = Uploads(sys.argv[1], state, UploadLimits(reserve=0))
print(uploads.declare(sys.argv[2], Declaration(sys.argv[3], "ab" * 32, 10), stopped), flush=True)
sys.stdin.readline()
"""
"""Another server: it is about to make an upload, and goes on when it is told so."""


def test_while_a_server_is_stopped_in_a_declaration_others_are_told_to_come_later(
    scene: OfficeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped and not killed, it keeps its locks. The camera hears of it long before its request is
    over; when the other goes on, nothing is declared twice."""
    monkeypatch.setattr(uploads_module, "DECLARING_SECONDS", 0.2)
    command = [sys.executable, "-c", DECLARES, str(scene.directory), KID, ID]
    command.append(str(scene.settings.index.url))
    with (
        serving(scene, 1) as (client,),
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as other,
    ):
        assert other.stdin is not None and other.stdout is not None
        try:
            assert other.stdout.readline() == "declaring\n"
            other.send_signal(signal.SIGSTOP)
            said = client.declare(10, ID, "ab" * 32)
            assert (said.status, said["Retry-After"]) == (503, "5")
            assert "another server of this office" in said.error
            assert client.ask("HEAD", f"/v1/uploads/{ID}").status == 404
            other.send_signal(signal.SIGCONT)
            other.stdin.write("\n")
            assert other.stdout.readline() == "0\n"
            said = client.declare(10, ID, "ab" * 32)
            assert (said.status, said["Upload-Offset"]) == (201, "0")
            assert client.patch(0, b"0123", ID).status == 204
            assert client.offset(ID) == 4
            other.stdin.write("\n")
        finally:
            other.send_signal(signal.SIGCONT)
            other.kill()


def test_a_server_starts_and_tidies_while_another_one_is_stopped(
    scene: OfficeScene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(uploads_module, "DECLARING_SECONDS", 0.05)
    left = scene.directory / "office" / "incoming" / KID / ID
    left.mkdir(parents=True)
    with other_uploads(scene) as uploads:
        with other_state(scene) as state, state.hold("uploads"):
            uploads.tidy()
            assert left.exists() and "see whether it is stopped" in caplog.text
            with refused(UploadRefusal.SERVER_BUSY):
                uploads.remove(KID, ID)
        uploads.tidy()
    assert not left.exists()


def test_a_server_takes_other_cameras_recordings_while_another_one_is_at_a_long_one(
    tmp_path: Path, scene: OfficeScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's thread waits for the other server: what it is asked about is put off."""
    monkeypatch.setattr("camerad.office.server.ingest_queue.THREADS", 1)
    camera = Camera(tmp_path / "state")
    path = camera.put(ONE)
    with serving(scene) as (first, second):
        assert first.bring_ledger(camera.root / "ledger").status == 200
        with other_state(scene) as state, state.hold(f"ingest {KID}"):
            second.upload(path, final_of(path))
            said = second.ask("GET", f"/v1/recordings/{ONE}/receipt")
            assert said.status == 202
        until = threading.Event()
        for _ in range(1000):
            if list(scene.directory.glob("*/receipts/*")):
                break
            scene.clock.advance(SECOND)
            second.ask("GET", f"/v1/recordings/{ONE}/receipt")
            until.wait(0.02)
        assert second.receipt(ONE).status == 200


def test_what_waited_for_a_ledger_that_came_by_another_server_waits_no_more(
    tmp_path: Path, scene: OfficeScene
) -> None:
    camera = Camera(tmp_path / "state")
    path = camera.put(ONE)
    length = path.stat().st_size
    with serving(scene) as (first, second):
        first.upload(path, final_of(path))
        until = threading.Event()
        for _ in range(500):
            said = first.ask("GET", f"/v1/recordings/{ONE}/receipt")
            if said.status == 409:
                break
            until.wait(0.02)
        assert b"waits_for" in said.body
        assert second.bring_ledger(camera.root / "ledger").status == 200
        assert second.receipt(ONE).status == 200
        assert first.receipt(ONE).status == 200
        again = first.declare(length, ONE, final_of(path))
        assert (again.status, "receipt" in again.error) == (409, True)


def test_what_a_server_knows_of_uploads_goes_with_them(scene: OfficeScene) -> None:
    with other_uploads(scene) as one, other_uploads(scene) as other:
        bring(one, Declaration(ID, "ab" * 32, 10), b"0123456789")
        other.remove(KID, ID)
        one.expire(ManualClock().moment())
        assert not one._seen
