"""Outside witnesses: the server speaks C2SP tlog-witness, and the office's job has it cosign."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import select
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from camerad.base.clock import ManualClock
from camerad.container.keys import SigningKey
from camerad.office.jobs import bounded_post
from camerad.office.jobs.periodic_job import JobFailedError
from camerad.office.jobs.vouching_jobs import WitnessJob
from camerad.office.server import connection_limiter, witness_server
from camerad.office.server.log_vouching import cosigned_by_witness
from camerad.transparency import checkpoints, merkle
from camerad.transparency.checkpoints import NoteKey
from camerad.transparency.policy import read_policy
from camerad.transparency.witness_store import WitnessStore, make_request
from tests.unit.transparency.test_merkle import InMemory, numbered
from tests.unit.transparency.test_witness import Scene
from tests.waiting import until

LOG = SigningKey.generate()
ORIGIN = "example.com/log"
OWN = NoteKey(ORIGIN, checkpoints.LOG, LOG.public)


class Witness:
    """`camerad witness serve`, in a separate process."""

    def __init__(self, directory: Path, *logs: NoteKey) -> None:
        self.directory = directory
        command = [sys.executable, "-m", "camerad", "witness", "serve", str(directory)]
        for one in logs:
            command += ["--log", str(one)]
        command += ["--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        what, key = self.process.stdout.readline().split()
        assert what == "witness"
        self.key = NoteKey.parse(key)
        where, self.url = self.process.stdout.readline().split()
        assert where == "listening"

    def post(self, body: str) -> tuple[int, str, str]:
        return post(f"{self.url}/add-checkpoint", body)

    def get(self, path: str) -> tuple[int, str]:
        origin = hashlib.sha256(ORIGIN.encode()).hexdigest()
        return _answer(urllib.request.Request(f"{self.url}/{origin}/{path}"))[:2]

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        return self.process.returncode


def post(url: str, content: str) -> tuple[int, str, str]:
    return _answer(urllib.request.Request(url, content.encode()))


def _answer(request: urllib.request.Request) -> tuple[int, str, str]:
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode(), answer.headers.get_content_type()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers.get_content_type()


def body(tree: InMemory, old: int, size: int, *, claimed: int | None = None) -> str:
    """A request of a log: this tree of `size` leaves, behind the first `old`. claimed: what it says
    that the witness has seen."""
    checkpoint = checkpoints.Checkpoint(ORIGIN, size, merkle.root(tree.complete, size))
    proof = merkle.consistency_proof(tree.complete, old, size)
    note = str(checkpoints.sign(LOG, checkpoint))
    said = old if claimed is None else claimed
    return make_request(said, [checkpoints.encode(one) for one in proof], note)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    running = Witness(tmp_path / "witness", OWN)
    yield running
    assert running.end() == 0


def test_it_cosigns_growth_refuses_the_rest_and_remembers(tmp_path: Path, witness: Witness) -> None:
    tree = numbered(64)
    other = InMemory([b"other", *(str(number).encode() for number in range(1, 64))])
    assert witness.get("checkpoint")[0] == 404
    status, line, _ = witness.post(body(tree, 0, 5))
    assert status == 200
    (cosigned,) = checkpoints.parse_lines(line)
    note = checkpoints.parse(witness.get("checkpoint")[1])
    assert witness.key.find(note) == cosigned and OWN.find(note) is not None
    assert witness.post(body(tree, 5, 20))[0] == 200
    # The same again costs no write: the same file, the same line.
    kept = next((tmp_path / "witness").glob("*.checkpoint"))
    before = kept.stat().st_ino
    assert witness.post(body(tree, 20, 20))[1] in kept.read_text("utf-8")
    assert kept.stat().st_ino == before
    # Put back, or not knowing what was seen: the size is told.
    assert witness.post(body(tree, 0, 7)) == (409, "20\n", "text/x.tlog.size")
    assert witness.post(body(tree, 5, 30))[:2] == (409, "20\n")
    # Rewritten: refused, and kept as evidence.
    assert witness.get("disputed")[0] == 404
    forged = body(other, 20, 40)
    assert witness.post(forged)[0] == 422
    assert witness.get("disputed") == (200, forged)
    # One proof is enough, and nobody has it written again.
    assert witness.post(body(other, 20, 20))[0] == 422
    assert witness.get("disputed") == (200, forged)
    assert checkpoints.parse(witness.get("checkpoint")[1]).checkpoint.size == 20
    # A stranger who sends what is public, with a wrong proof, accuses no office.
    junk = checkpoints.encode(bytes(32))
    for public in (body(tree, 20, 20), body(tree, 20, 50)):
        assert witness.post(public.replace("old 20\n", f"old 20\n{junk}\n"))[0] == 422
        assert witness.get("disputed") == (200, forged)
    # It remembers over a restart.
    assert witness.end() == 0
    again = Witness(tmp_path / "witness", OWN)
    assert again.key == witness.key
    assert again.post(body(tree, 0, 7))[:2] == (409, "20\n")
    assert again.post(body(tree, 20, 64))[0] == 200
    assert again.end() == 0


def test_it_takes_no_more_connections_than_it_has_places(witness: Witness) -> None:
    host, port = witness.url.removeprefix("http://").split(":")
    more = 4
    with contextlib.ExitStack() as opened:
        left = {
            opened.enter_context(socket.create_connection((host, int(port)), timeout=30))
            for _ in range(connection_limiter.MOST + more)
        }
        while len(left) > connection_limiter.MOST:
            ended, _, _ = select.select(left, [], [], 30)
            assert ended and not any(one.recv(1) for one in ended)
            left.difference_update(ended)

    def status() -> int | None:
        # The server gives places back as it notices that connections have ended.
        with contextlib.suppress(OSError):
            return witness.get("checkpoint")[0]
        return None

    assert until(status) == 404


def test_what_is_no_request_of_a_known_log_is_refused(witness: Witness) -> None:
    tree = numbered(8)
    good = body(tree, 0, 5)
    unknown = good.replace(ORIGIN, "example.com/other")
    wrong = good.replace("\n5\n", "\n6\n")
    unsigned = good.replace(f"— {ORIGIN} ", "— somebody ")
    for text, status in (
        (unknown, 404),
        (wrong, 403),
        (unsigned, 403),
        (good.replace("old 0", "old 9"), 400),
        (good.replace("old 0", "old 00"), 400),
        (good.replace("old 0", "size 0"), 400),
        (good.replace("old 0\n", "old 0\nAAAA\n"), 400),
        (good.replace("old 0\n", f"old 0\n{checkpoints.encode(bytes(32))}\n"), 422),
        (good.replace("old 0\n", "old 0\n" + f"{checkpoints.encode(bytes(32))}\n" * 64), 400),
        (good[:-1], 400),
        ("", 400),
        ("x" * (2 * checkpoints.LONGEST + 1), 413),
    ):
        assert witness.post(text)[0] == status, text[:60]
    assert witness.get("checkpoint")[0] == 404


async def _hang(app: web.Application) -> int:
    """The status of a request whose body does not come."""
    server = TestServer(app)
    await server.start_server()
    try:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 9\r\n\r\nold")
        line = await reader.readline()
        writer.close()
        return int(line.split()[1])
    finally:
        await server.close()


def test_a_body_that_does_not_come_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness_server, "BODY_SECONDS", 0.05)
    store = WitnessStore(str(tmp_path), SigningKey.generate(), "w", [OWN])
    assert asyncio.run(_hang(witness_server.make_app(store, ManualClock()))) == 408


def test_an_office_has_its_log_cosigned_and_hears_of_a_refusal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene(tmp_path / "scene")
    scene.work()
    known = scene.log.read()
    assert known is not None
    witness = Witness(tmp_path / "witness", known[0])
    policy = tmp_path / "policy"
    policy.write_text(
        f"log {known[0]}\nwitness DPO {witness.key} {witness.url}\nquorum DPO\n", encoding="ascii"
    )
    job = WitnessJob(str(scene.office.path), str(policy))
    job.look()
    (named,) = read_policy(str(policy)).witnesses
    note = cosigned_by_witness(scene.log.directory, named)
    assert note is not None and read_policy(str(policy)).is_satisfied(note)
    scene.save()
    scene.work(10)
    job.look()
    # An answer that was lost: the witness names what it has.
    for path in (tmp_path / "scene/office/log/witnesses").iterdir():
        path.unlink()
    scene.work()
    job.look()
    scene.put_back()
    with pytest.raises(JobFailedError, match="not cosigned by DPO"):
        job.look()
    assert "the log was put back" in caplog.text
    scene.work(40)
    with pytest.raises(JobFailedError):
        job.look()
    assert "it has seen another history of this log" in caplog.text
    assert witness.end() == 0
    with pytest.raises(JobFailedError):
        job.look()
    assert "does not answer" in caplog.text
    scene.office.ledger.close()
    scene.camera.ledger.close()


ORDINARY = b"HTTP/1.1 200 OK\r\n\r\n"
DRIPS = b"HTTP/1.1 200 OK\r\nX-Long: "
"""The head of an answer that never ends: a byte now and then."""


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\n\r\n", "302"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nx", "does not answer"),
        (ORDINARY + b"x" * (1 << 20), "signatures"),
        (ORDINARY + b"\xe2\x80\x94 a+b c\n", "no signature"),
        (ORDINARY, "signatures"),
        (b"SSH-2.0-OpenSSH\r\n", "does not answer"),
        (DRIPS, "does not answer within 0.5 s"),
    ],
)
def test_a_hostile_witness_fails_alone(
    tmp_path: Path,
    answer: bytes,
    text: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded_post, "ANSWER_SECONDS", 0.5)
    scene = Scene(tmp_path / "scene")
    scene.work()
    known = scene.log.read()
    assert known is not None
    keys = [NoteKey(name, checkpoints.WITNESS, SigningKey.generate().public) for name in "ABC"]
    policy = tmp_path / "policy"
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_once, args=(server, answer))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        policy.write_text(
            f"log {known[0]}\nwitness A {keys[0]} {url}\nwitness B {keys[1]} file:///etc/passwd\n"
            f"witness C {keys[2]} ftp://127.0.0.1/\nquorum none\n",
            encoding="ascii",
        )
        with pytest.raises(JobFailedError, match="not cosigned by A, B, C"):
            WitnessJob(str(scene.office.path), str(policy)).look()
        thread.join()
    assert text in caplog.text and caplog.text.count("is no address of HTTP") == 2
    scene.office.ledger.close()
    scene.camera.ledger.close()


def _answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _ = server.accept()
    with connection, contextlib.suppress(OSError):
        connection.recv(1 << 16)
        connection.sendall(answer)
        while answer is DRIPS:
            connection.sendall(b"x")
            threading.Event().wait(0.05)
        connection.shutdown(socket.SHUT_WR)
