"""A small office's server: docs/office-api.md as it is written, in memory, with faults on demand.

It keeps its state over restarts, checks each signature and each byte, and counts what it received,
so that a test can say what was sent twice. A recording counts as sound if its SHA-256 is `final`.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import secrets
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from hw_mocks.free_port import free_port

from camerad.base.clock import ClockSource, Moment
from camerad.base.errors import CameradError
from camerad.container.keys import PublicKey, SigningKey
from camerad.exchange import request_signature
from camerad.ledger.entries import Head
from camerad.office.server.cameras import UnregisteredError
from camerad.store import receipts
from camerad.store.receipts import CopiedRecording, Receipt
from tests.waiting import DEADLINE, reached

TUS = "1.0.0"
HEAD = Head(1, 1, "0" * 64)
NOW = Moment(0, 1_764_000_000_000_000, ClockSource.SYNCHRONISED)


@dataclass
class Upload:
    length: int
    final: str
    content: bytearray = field(default_factory=bytearray)


@dataclass
class Fault:
    """What happens to the next request whose method and path begin like this.

    answer: instead of the right one. after: only when the request has been carried out. seconds:
    so long later. raw: these bytes, and nothing else, are the answer.
    """

    method: str
    path: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"error": "a fault"}'
    after: bool = False
    seconds: float = 0.0
    raw: bytes | None = None


async def hang_up() -> None:
    """End what this loop still does: tasks, and connections, also such as never came to a request.
    Only the loop knows of those."""
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    ends = list(loop._transports.values())  # type: ignore[attr-defined]
    sockets = [one.get_extra_info("socket") for one in ends]
    for one in ends:
        one.abort()
    # A transport gives its socket back some turns of the loop later.
    await reached(lambda: all(one.fileno() < 0 for one in sockets))


class SmallOffice:
    """Served on a port of loopback between `start` and `stop`. checks: how often a recording is
    still being checked before there is a receipt."""

    def __init__(self, camera: PublicKey, context: ssl.SSLContext, *, checks: int = 1) -> None:
        self.camera = camera
        self.key = SigningKey.generate()
        self.checks = checks
        self.most_unfinished = 8
        self.clock: Callable[[], float] = time.time
        self.uploads: dict[str, Upload] = {}
        self.recordings: dict[str, bytes] = {}
        self.quarantined: dict[str, str] = {}
        self.finals: dict[str, str] = {}
        self.staged: dict[str, bytes] = {}
        self.ledger: dict[str, bytes] = {}
        self.problems: list[str] = []
        self.check_ins: list[bytes] = []
        self.lacks: list[str] = []
        self.log: str | None = None
        self.offer = b""
        self.update = b""
        self.received: Counter[str] = Counter()
        self.requests: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.is_sound: Callable[[bytes, str], bool] = lambda content, final: (
            hashlib.sha256(content).hexdigest() == final
        )
        self._context = context
        self._asked: Counter[str] = Counter()
        self._nonces: dict[str, float] = {}
        self._used: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        ready = threading.Event()
        loop = asyncio.new_event_loop()

        def serve() -> None:
            asyncio.set_event_loop(loop)
            runner = loop.run_until_complete(self._serve())
            ready.set()
            loop.run_forever()
            loop.run_until_complete(runner.cleanup())
            loop.run_until_complete(hang_up())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

        self._loop, self._thread = loop, threading.Thread(target=serve, name="office")
        self._thread.start()
        assert ready.wait(DEADLINE)

    def stop(self) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(DEADLINE)
            self._loop = self._thread = None

    def restart(self) -> None:
        """What is in memory only is gone: nonces, and files that were not taken over."""
        self.stop()
        self._nonces.clear()
        self.staged.clear()
        self.start()

    async def _serve(self) -> web.AppRunner:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(
            runner, "127.0.0.1", self.port, ssl_context=self._context, reuse_address=True
        )
        await site.start()
        return runner

    # ------------------------------------------------------------------ requests

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        fault = self._fault(request)
        if fault is not None and not fault.after:
            await asyncio.sleep(fault.seconds)
            if fault.status or fault.raw is not None:
                return await self._faulty(request, fault)
        answer = await self._right(request)
        if fault is not None and fault.after:
            await asyncio.sleep(fault.seconds)
            return await self._faulty(request, fault)
        nonce = f"s.{secrets.token_urlsafe(16)}"  # the office chooses its form
        self._nonces[nonce] = time.monotonic()
        answer.headers[request_signature.NONCE] = nonce
        return answer

    def _fault(self, request: web.Request) -> Fault | None:
        for number, fault in enumerate(self.faults):
            if fault.method == request.method and request.path.startswith(fault.path):
                return self.faults.pop(number)
        return None

    async def _faulty(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.raw is not None:
            assert request.transport is not None
            request.transport.write(fault.raw)  # type: ignore[attr-defined]
            request.transport.close()
            return web.Response()
        return web.Response(status=fault.status, headers=fault.headers, body=fault.body)

    async def _right(self, request: web.Request) -> web.Response:
        try:
            signed = request_signature.check(
                request.method,
                self.url + request.path,
                request.headers,
                self._key,
                has_body=request.can_read_body,
            )
        except CameradError as error:
            return _error(401, str(error))
        if not self._take(signed):
            return _error(401, "this nonce was used, or the time is outside the window")
        body = await request.read()
        parts = request.path.split("/")[2:]
        if request.method == "PATCH":
            self.received[parts[-1]] += len(body)
        if signed.digest is not None and signed.digest != hashlib.sha256(body).digest():
            return _error(400, "the body is not the one that was signed")
        if parts[0] == "uploads" and request.headers.get("Tus-Resumable") != TUS:
            return _error(412, "this server speaks tus 1.0.0")
        match (request.method, *parts):
            case ("POST", "uploads"):
                return self._post(request)
            case ("HEAD", "uploads", recording):
                return self._head(recording)
            case ("PATCH", "uploads", recording):
                return self._patch(request, recording, body)
            case ("GET", "recordings", recording, "receipt"):
                return self._receipt(recording)
            case ("POST", "check-in"):
                return self._check_in(body)
            case ("GET", "offers", sha256):
                return self._offer(request, sha256)
            case ("GET", "ledger"):
                return web.json_response({"files": _hashes(self.ledger)})
            case ("PUT", "ledger", name):
                self.staged[name] = body
                return web.Response(status=204)
            case ("POST", "ledger"):
                return self._declare(json.loads(body)["files"])
        return _error(404, "there is nothing")

    def _check_in(self, body: bytes) -> web.Response:
        self.check_ins.append(body)
        answer: dict[str, Any] = {"time_us": NOW.wall_us, "lacks": self.lacks}
        if self.log is not None:
            answer["log"] = self.log
        if self.offer:
            sha256 = hashlib.sha256(self.offer).hexdigest()
            answer["settings"] = {"sha256": sha256, "bytes": len(self.offer)}
        if self.update:
            sha256 = hashlib.sha256(self.update).hexdigest()
            answer["update"] = {"sha256": sha256, "bytes": len(self.update)}
        return web.json_response(answer)

    def _offer(self, request: web.Request, sha256: str) -> web.Response:
        for offered in (self.offer, self.update):
            if offered and hashlib.sha256(offered).hexdigest() == sha256:
                piece = request.http_range
                return web.Response(status=206, body=offered[piece.start : piece.stop])
        return _error(404, "nothing of that SHA-256 is on offer")

    def _key(self, kid: str) -> PublicKey:
        if kid != self.camera.thumbprint:
            raise UnregisteredError("the key is not in the office's register")
        return self.camera

    def _take(self, signed: request_signature.SignedRequest) -> bool:
        if signed.nonce in self._used:
            return False
        self._used.add(signed.nonce)
        given = self._nonces.pop(signed.nonce, None)
        if given is not None:
            return time.monotonic() - given < request_signature.WINDOW_SECONDS
        return abs(signed.created - self.clock()) <= request_signature.WINDOW_SECONDS

    # ------------------------------------------------------------------ uploads

    def _post(self, request: web.Request) -> web.Response:
        length = int(request.headers["Upload-Length"])
        said = dict(pair.split(" ") for pair in request.headers["Upload-Metadata"].split(","))
        recording, final = (base64.b64decode(said[key]).decode() for key in ("recording", "final"))
        there = self.uploads.get(recording)
        known = self.finals.get(recording, final)
        if known != final or (there and there.length != length):
            return _error(409, "the camera declared two things")
        if there is None:
            if len(self.uploads) >= self.most_unfinished:
                return _error(429, "too many unfinished uploads", {"Retry-After": "1"})
            there = self.uploads[recording] = Upload(length, final)
        self.finals[recording] = final
        headers = {"Location": f"/v1/uploads/{recording}"}
        headers["Upload-Offset"] = str(len(there.content))
        return web.Response(status=201, headers=headers)

    def _head(self, recording: str) -> web.Response:
        there = self.uploads.get(recording)
        if there is None:
            return web.Response(status=404)
        headers = {"Upload-Offset": str(len(there.content)), "Upload-Length": str(there.length)}
        return web.Response(headers=headers)

    def _patch(self, request: web.Request, recording: str, body: bytes) -> web.Response:
        there = self.uploads.get(recording)
        if there is None:
            return _error(404, "no such upload")
        if int(request.headers["Upload-Offset"]) != len(there.content):
            return _error(409, "not the present offset")
        if len(there.content) == there.length:
            return _error(409, "it is complete")
        there.content += body
        return web.Response(status=204, headers={"Upload-Offset": str(len(there.content))})

    def _receipt(self, recording: str) -> web.Response:
        there = self.uploads.get(recording)
        if there is not None and len(there.content) == there.length:
            self._asked[recording] += 1
            if self._asked[recording] <= self.checks:
                return web.json_response({}, status=202, headers={"Retry-After": "0"})
            content = bytes(self.uploads.pop(recording).content)
            if self.is_sound(content, there.final):
                assert recording not in self.recordings, "nothing is stored twice"
                self.recordings[recording] = content
            else:
                self.quarantined[recording] = "it does not verify"
        if recording in self.quarantined:
            return _error(409, self.quarantined[recording])
        content_or_none = self.recordings.get(recording)
        if content_or_none is None:
            return _error(404, "the office does not have it")
        sha256 = hashlib.sha256(content_or_none).hexdigest()
        copied = CopiedRecording(recording, self.finals[recording], sha256, len(content_or_none))
        said = Receipt("camera", self.key.public.thumbprint, "d", (copied,), HEAD, "b", NOW)
        return web.Response(body=receipts.sign(self.key, said), content_type="application/jose")

    def _declare(self, files: dict[str, str]) -> web.Response:
        both = self.ledger | self.staged
        missing = [
            name
            for name, sha256 in files.items()
            if hashlib.sha256(both.get(name, b"\0")).hexdigest() != sha256
        ]
        if missing:
            return web.json_response({"missing": missing}, status=409)
        self.ledger = {name: both[name] for name in files}
        self.staged.clear()
        return web.json_response({"problems": self.problems})


def _error(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": text}, status=status, headers=headers)


def _hashes(files: dict[str, bytes]) -> dict[str, Any]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


class CuttingWire:
    """A wire to the office that is cut: each connection after so many bytes either way.

    cuts: for each connection in its turn, bytes up and down; a further one is never cut.
    """

    def __init__(self, to_port: int) -> None:
        self.cuts: list[tuple[int, int]] = []
        self.connections = 0
        self._to = to_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, name="wire")
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE)
        self._listener.close()
        for one in list(self._open):
            one.close()
        for thread in self._threads:
            thread.join(DEADLINE)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            up, down = self.cuts.pop(0) if self.cuts else (1 << 40, 1 << 40)
            try:
                far = socket.create_connection(("127.0.0.1", self._to), 5)
            except OSError:
                near.close()
                continue
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open |= {near, far}
            for source, target, left in ((near, far, up), (far, near, down)):
                thread = threading.Thread(target=self._pump, args=(source, target, left))
                thread.start()
                self._threads.append(thread)

    def _pump(self, source: socket.socket, target: socket.socket, left: int) -> None:
        try:
            while left > 0 and (data := source.recv(min(65_536, left))):
                target.sendall(data)
                left -= len(data)
        except OSError:
            pass
        for one in (source, target):
            self._open.discard(one)
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
