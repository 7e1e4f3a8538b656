"""Receipts and the ledger over HTTP, behind the check of signatures."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from desk_helpers import KEY, ONE, TWO, Camera
from vault_helpers import KID, NAME, OFFICE_KEY, Vault, ledger_files, register

from camerad.base.clock import DAY, ManualClock
from camerad.container.keys import KeyRing, SigningKey
from camerad.office.server import ledger_copy
from camerad.office.server.ledger_routes import LedgerRoutes
from camerad.office.server.receipt_routes import IngestEnds, ReceiptRoutes
from camerad.office.server.refusal_log import CALLER, Caller, CameraTurns, RefusalLog
from camerad.office.server.refusals import Handler, plain_errors
from camerad.store import receipts

DEADLINE = 20.0


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """Answers for a camera whose signature held. signed: the SHA-256 that was signed for the next
    body, None for the body's own. adopted: cameras whose ledger was taken over. due_in: seconds
    until a check that failed is tried again."""

    vault: Vault
    kid: str = KID
    signed: bytes | None = None
    adopted: list[str] = field(default_factory=list)
    due_in: float = 0.0

    def ask(
        self, method: str, path: str, body: bytes | None = None, prefer: str | None = None
    ) -> Answer:
        """One request, on a server of its own."""
        return asyncio.run(asyncio.wait_for(self._ask(method, path, body, prefer), DEADLINE))

    async def _ask(self, method: str, path: str, body: bytes | None, prefer: str | None) -> Answer:
        headers = {} if prefer is None else {"Prefer": prefer}
        async with (
            self._running(body) as client,
            client.request(method, path, data=body, headers=headers) as answer,
        ):
            return Answer(answer.status, dict(answer.headers), await answer.read())

    @asynccontextmanager
    async def _running(self, body: bytes | None = None) -> AsyncIterator[TestClient[Any, Any]]:
        @web.middleware
        async def authenticated(request: web.Request, handler: Handler) -> web.StreamResponse:
            digest = None if body is None else self.signed or hashlib.sha256(body).digest()
            request[CALLER] = Caller(self.kid, self.vault.cameras.find(self.kid), digest)
            return await handler(request)

        app = web.Application(middlewares=[plain_errors(RefusalLog(ManualClock())), authenticated])
        ReceiptRoutes(
            self.vault.ingest,
            self.vault.uploads,
            CameraTurns(asyncio.Lock),
            ends=IngestEnds(asyncio.get_running_loop()),
            due_in=lambda _kid, _declaration: self.due_in,
        ).add_to(app.router)

        async def still(_request: web.Request) -> None:
            """No camera is withdrawn."""

        ledgers = LedgerRoutes(self.vault.copies, self.adopted.append, still)
        ledgers.add_to(app.router)
        try:
            async with TestClient(TestServer(app)) as client:
                yield client
        finally:
            ledgers.close()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "archive")


@pytest.fixture
def server(vault: Vault) -> Server:
    return Server(vault)


def receipt_of(recording: str) -> str:
    return f"/v1/recordings/{recording}/receipt"


# ------------------------------------------------------------------------------------- receipts


def test_a_receipt_is_the_token_that_is_filed(camera: Camera, vault: Vault, server: Server) -> None:
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    token = vault.hand_over(path)
    said = server.ask("GET", receipt_of(ONE))
    assert (said.status, said.body) == (200, token)
    assert said.headers["Content-Type"] == "application/jose"
    receipts.parse(said.body, KeyRing([OFFICE_KEY.public]))


def test_what_is_complete_and_not_checked_yet_is_to_be_asked_for_again(
    camera: Camera, vault: Vault, server: Server
) -> None:
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    vault.upload(path)
    said = server.ask("GET", receipt_of(ONE))
    assert said.status == 202
    assert int(said.headers["Retry-After"]) > 0


@pytest.mark.parametrize(("due_in", "said"), [(0.0, "1"), (20.2, "21"), (3600.0, "60")])
def test_a_check_that_failed_is_asked_for_when_it_is_tried_again(
    camera: Camera, vault: Vault, server: Server, due_in: float, said: str
) -> None:
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    vault.upload(path)
    server.due_in = due_in
    answer = server.ask("GET", receipt_of(ONE))
    assert (answer.status, answer.headers["Retry-After"]) == (202, said)
    if due_in:
        answer = server.ask("GET", receipt_of(ONE), prefer="wait=1")
        assert (answer.status, answer.headers["Retry-After"]) == (202, said)
        assert "Preference-Applied" not in answer.headers, "it would ask again at once"


@pytest.mark.parametrize("recording", [ONE, "..%2f..%2fetc%2fpasswd", "x", "%00"])
def test_what_the_office_does_not_have_is_not_found(server: Server, recording: str) -> None:
    said = server.ask("GET", receipt_of(recording))
    assert said.status == 404
    assert "error" in said.json


def test_what_waits_for_the_ledger_says_so(camera: Camera, vault: Vault, server: Server) -> None:
    vault.bring_ledger(camera)
    declaration = vault.upload(camera.put(ONE))
    vault.ingest.take(KID, declaration)
    said = server.ask("GET", receipt_of(ONE))
    assert (said.status, said.json["waits_for"]) == (409, "ledger")
    assert "ledger" in said.json["error"]


def test_what_waited_too_long_for_the_ledger_may_come_again(
    camera: Camera, vault: Vault, server: Server
) -> None:
    vault.bring_ledger(camera)
    path = camera.put(ONE)
    vault.ingest.take(KID, vault.upload(path))
    vault.clock.advance(8 * DAY)
    assert vault.uploads.expire(vault.clock.moment()) == [(KID, ONE, True)]
    assert server.ask("GET", receipt_of(ONE)).status == 404
    vault.bring_ledger(camera)
    assert vault.hand_over(path) is not None
    assert server.ask("GET", receipt_of(ONE)).status == 200


def test_what_is_refused_says_why_without_paths(
    camera: Camera, vault: Vault, server: Server
) -> None:
    path = camera.put(ONE)
    with camera.open() as store:
        final = store.ledger.state.recordings[ONE].final
    vault.bring_ledger(camera)
    path.write_bytes(path.read_bytes()[:-4096])
    vault.hand_over(path, final=final)
    said = server.ask("GET", receipt_of(ONE))
    assert (said.status, "not authentic" in said.json["error"]) == (409, True)
    assert str(vault.root) not in said.body.decode()
    assert "waits_for" not in said.json


def test_another_camera_gets_no_receipt_that_is_not_its_own(camera: Camera, vault: Vault) -> None:
    path = camera.put(ONE)
    vault.bring_ledger(camera)
    vault.hand_over(path)
    other = SigningKey.generate().public
    register(vault.register, (NAME, KEY.public, ()), ("cam-2", other, ()))
    vault.restart()
    assert Server(vault, other.thumbprint).ask("GET", receipt_of(ONE)).status == 404
    assert Server(vault).ask("GET", receipt_of(ONE)).status == 200


# --------------------------------------------------------------------------------------- ledger


def bring(server: Server, camera: Camera) -> Answer:
    files = {}
    for path in ledger_files(camera):
        content = path.read_bytes()
        files[path.name] = hashlib.sha256(content).hexdigest()
        assert server.ask("PUT", f"/v1/ledger/{path.name}", content).status == 204
    return server.ask("POST", "/v1/ledger", json.dumps({"files": files}).encode())


def test_a_ledger_comes_file_by_file(camera: Camera, vault: Vault, server: Server) -> None:
    assert server.ask("GET", "/v1/ledger").json == {"files": {}}
    camera.put(ONE)
    said = bring(server, camera)
    assert (said.status, said.json) == (200, {"problems": []})
    assert server.adopted == [KID]
    files = server.ask("GET", "/v1/ledger").json["files"]
    assert files == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in ledger_files(camera)
    }


def test_what_waited_for_the_ledger_is_taken_when_it_came(
    camera: Camera, vault: Vault, server: Server
) -> None:
    vault.bring_ledger(camera)
    path = camera.put(TWO)
    vault.ingest.take(KID, vault.upload(path))
    bring(server, camera)
    for kid in server.adopted:
        for declaration in vault.ingest.pending(kid):
            vault.ingest.take(kid, declaration)
    assert server.ask("GET", receipt_of(TWO)).status == 200


def test_a_list_with_files_that_are_missing_is_a_conflict(camera: Camera, server: Server) -> None:
    (path,) = ledger_files(camera)
    body = {"files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}}
    said = server.ask("POST", "/v1/ledger", json.dumps(body).encode())
    assert (said.status, said.json["missing"]) == (409, [path.name])
    assert server.adopted == []


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/v1/ledger/000001.jws"), ("POST", "/v1/ledger")]
)
def test_a_body_that_is_not_the_signed_one_counts_for_nothing(
    vault: Vault, server: Server, method: str, path: str
) -> None:
    server.signed = hashlib.sha256(b"another").digest()
    said = server.ask(method, path, b'{"files": {}}')
    assert (said.status, "not the one that was signed" in said.json["error"]) == (400, True)
    assert vault.copies.files(KID) == {}
    assert server.adopted == []


@pytest.mark.parametrize("name", ["..%2f000001.jws", "000001.tar", "%2e%2e", "000001.jws%00"])
def test_a_name_that_no_ledger_has_is_refused(server: Server, name: str) -> None:
    assert server.ask("PUT", f"/v1/ledger/{name}", b"x").status in (400, 404)


def test_a_file_that_is_too_large_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camerad.office.server.ledger_routes.LARGEST", 10)
    assert server.ask("PUT", "/v1/ledger/000001.jws", bytes(11)).status == 413
    monkeypatch.undo()
    monkeypatch.setattr(ledger_copy, "MOST_BYTES", 10)
    assert server.ask("PUT", "/v1/ledger/000001.jws", bytes(11)).status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"files": []}',
        b'{"files": {"000001.jws": 1}}',
        b'{"files": {}, "more": 1}',
        b'{"files": {}}',
        b'{"files": {"../x": "' + b"0" * 64 + b'"}}',
        b"[" * 100_000,
        b'{"files": {"000001.jws": "\xff"}}',
    ],
)
def test_a_list_that_is_none_is_refused(server: Server, body: bytes) -> None:
    said = server.ask("POST", "/v1/ledger", body)
    assert (said.status, "error" in said.json) == (400, True)
    assert server.adopted == []
