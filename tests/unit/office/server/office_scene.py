"""The whole server over TLS on loopback, and a client that signs its requests by a camera's key."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import json
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import pytest
from desk_helpers import KEY

from camerad.base.clock import SECOND, Clock, ManualClock
from camerad.container.keys import PublicKey, SigningKey
from camerad.evidence import camera_register
from camerad.evidence.camera_register import Register, RegisteredCamera
from camerad.exchange import request_signature
from camerad.exchange.request_signature import NONCE, RequestToSign
from camerad.office.jobs.office_jobs import server_with_jobs
from camerad.office.server.certificates import KeyPairFiles, make_authority, make_certificate
from camerad.office.server.office_server import Vault
from camerad.office.server.office_settings import (
    ListenSettings,
    OfficeFile,
    ReceiveSettings,
    TlsSettings,
)
from camerad.office.server.part_upload import PartUpload
from camerad.office.server.upload_limits import UploadLimits
from camerad.office.server.uploads import Uploads

URL: Final = "https://localhost:8443"
"""As cameras are told it; the port that the server really has is another one in each test."""
DEADLINE: Final = 20.0
ID: Final = "20261128T120000Z-000001-0123abcd"
FINAL: Final = "ab" * 32
NAME: Final = "cam-1"
SMALL: Final = UploadLimits(reserve=0)
PART: Final = "application/offset+octet-stream"


def write_register(path: Path, *cameras: tuple[str, PublicKey, tuple[str, ...]]) -> None:
    """cameras: names, keys, and the thumbprints of former keys."""
    camera_register.write(
        str(path),
        Register(
            tuple(
                RegisteredCamera(name, key.thumbprint, key.jwk, 1, None, None, "2026-11-24", former)
                for name, key, former in cameras
            )
        ),
    )


class OfficeScene:
    """What a server needs, below one directory. clock: stands at the present."""

    def __init__(self, root: Path, **receive: int) -> None:
        self.root = root
        self.directory = root / "archive"
        self.directory.mkdir()
        self.register = root / "register.json"
        write_register(self.register, (NAME, KEY.public, ()))
        self.office_key = SigningKey.generate()
        key = root / "office.pem"
        key.write_bytes(self.office_key.pem)
        key.chmod(0o600)
        self.authority = KeyPairFiles(f"{root}/ca.pem", f"{root}/ca.key")
        own = KeyPairFiles(f"{root}/server.pem", f"{root}/server.key")
        now = datetime.now(UTC)
        make_authority(self.authority, "an office", now)
        make_certificate(self.authority, own, ["localhost"], now)
        self.settings = OfficeFile(
            directory=self.directory,
            url=URL,
            tls=TlsSettings(Path(own.certificate), Path(own.key)),
            office_key=key,
            register=self.register,
            listen=ListenSettings("127.0.0.1", 0),
            receive=ReceiveSettings(**({"reserve_gib": 0} | receive)),
        )
        self.clock = ManualClock(now_us=3600 * SECOND, wall_us=1_795_540_000 * SECOND)

    @contextmanager
    def serving(self) -> Iterator[DockClient]:
        """The server runs meanwhile; yields a client of the registered camera."""
        with Running(server_with_jobs(self.settings, self.clock)) as running:
            client = self.client(running.port)
            try:
                yield client
            finally:
                client.close()

    def client(self, port: int, key: SigningKey = KEY) -> DockClient:
        """A client that trusts this office alone."""
        return DockClient(self.authority.certificate, port, key, self.clock)


class Running:
    """A server on a loop and a thread of its own."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self._vault.open()
        except BaseException as error:  # noqa: BLE001 - it is raised where the server was asked for
            self._error = error
            return
        finally:
            self._ready.set()
        await self._stop.wait()
        await self._vault.close()

    @property
    def port(self) -> int:
        return self._vault.port

    def __enter__(self) -> Running:
        self._thread.start()
        assert self._ready.wait(DEADLINE)
        if self._error is not None:
            self._thread.join(DEADLINE)
            raise self._error
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])

    def __getitem__(self, name: str) -> str:
        value = self.headers[name]
        assert value is not None, f"no {name} in {dict(self.headers)}"
        return str(value)


class DockClient:
    """Signs by `key`, with the nonce of the answer before."""

    def __init__(self, ca: str, port: int, key: SigningKey, clock: Clock) -> None:
        self.port = port
        self.key = key
        self._clock = clock
        self._context = ssl.create_default_context(cafile=ca)
        self._connection: http.client.HTTPSConnection | None = None
        self.nonce = ""

    def connect(self) -> http.client.HTTPSConnection:
        """A new connection."""
        return http.client.HTTPSConnection(
            "localhost", self.port, context=self._context, timeout=DEADLINE
        )

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def sign(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        *,
        nonce: str | None = None,
        created: int | None = None,
        key: SigningKey | None = None,
        url: str = URL,
    ) -> dict[str, str]:
        """All header fields of a signed request."""
        if nonce is None:
            nonce = self.nonce or self.send("OPTIONS", "/v1/uploads", None, {})[NONCE]
        signer = key or self.key
        fields = {"Tus-Resumable": "1.0.0", **(headers or {})}
        if body is not None and "Content-Digest" not in fields:
            fields["Content-Digest"] = request_signature.content_digest(body)
        request = RequestToSign(method, url + path, fields)
        at = self._clock.wall_us() // SECOND if created is None else created
        prepared = request_signature.prepare(request, signer.public.thumbprint, nonce, at)
        request_signature.attach(request, prepared, signer.sign(prepared.signature_base))
        return dict(request.headers)

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        """Send a request as it is, on the connection that is open."""
        return self.send_lines(method, path, body, headers.items())

    def send_lines(
        self, method: str, path: str, body: bytes | None, lines: Iterable[tuple[str, str]]
    ) -> Answer:
        """The same, with header fields that may come twice."""
        if self._connection is None:
            self._connection = self.connect()
        connection = self._connection
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in lines:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            got = connection.getresponse()
            answer = Answer(got.status, got.headers, got.read())
        except BaseException:
            self.close()
            raise
        if got.will_close:
            self.close()
        self.nonce = answer.headers[NONCE] or ""
        return answer

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        **signed: Any,
    ) -> Answer:
        """Sign a request and send it."""
        return self.send(method, path, body, self.sign(method, path, body, headers, **signed))

    # ------------------------------------------------------------------ tus

    def declare(
        self, length: int = 10, recording: str = ID, final: str = FINAL, **more: Any
    ) -> Answer:
        return self.ask(
            "POST",
            "/v1/uploads",
            None,
            {"Upload-Length": str(length), "Upload-Metadata": metadata(recording, final)},
            **more,
        )

    def patch(self, offset: int, body: bytes, recording: str = ID, **fields: str) -> Answer:
        headers = {"Upload-Offset": str(offset), "Content-Type": PART}
        headers |= {name.replace("_", "-"): value for name, value in fields.items()}
        return self.ask("PATCH", f"/v1/uploads/{recording}", body, headers)

    def offset(self, recording: str = ID) -> int:
        return int(self.ask("HEAD", f"/v1/uploads/{recording}")["Upload-Offset"])

    def upload(self, path: Path, final: str, part: int = 10_000) -> None:
        """Bring a recording's file whole, from where it is."""
        content, recording = path.read_bytes(), path.name.removesuffix(".tar")
        said = self.declare(len(content), recording, final)
        assert said.status == 201, said
        offset = int(said["Upload-Offset"])
        while offset < len(content):
            said = self.patch(offset, content[offset : offset + part], recording)
            assert said.status == 204, said
            offset = int(said["Upload-Offset"])

    def bring_ledger(self, directory: Path) -> Answer:
        files = {path.name: path.read_bytes() for path in sorted(directory.iterdir())}
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        there = json.loads(self.ask("GET", "/v1/ledger").body)["files"]
        for name, content in files.items():
            if there.get(name) != hashes[name]:
                assert self.ask("PUT", f"/v1/ledger/{name}", content).status == 204
        return self.ask("POST", "/v1/ledger", json.dumps({"files": hashes}).encode())

    def receipt(self, recording: str) -> Answer:
        """The answer once the recording was checked."""
        end = threading.Event()
        for _ in range(round(DEADLINE / 0.02)):
            said = self.ask("GET", f"/v1/recordings/{recording}/receipt")
            if said.status != 202:
                return said
            end.wait(0.02)
        raise AssertionError("it is checked for ever")


class HalfRequest:
    """A signed request the rest of whose body comes later. more: further fields; with them the
    first half is not sent either."""

    def __init__(
        self,
        client: DockClient,
        method: str,
        path: str,
        body: bytes,
        fields: dict[str, str],
        **more: str,
    ) -> None:
        headers = client.sign(method, path, body, fields)
        client.nonce = ""
        self._rest = body[len(body) // 2 :]
        self.connection = client.connect()
        self.connection.putrequest(method, path)
        more = {name.replace("_", "-"): value for name, value in more.items()}
        for name, value in (headers | more | {"Content-Length": str(len(body))}).items():
            self.connection.putheader(name, value)
        self.connection.endheaders(None if more else body[: len(body) // 2])

    def end(self) -> int:
        """Send the rest; the answer's status."""
        self.connection.send(self._rest)
        return self.status()

    def status(self) -> int:
        """That of the answer."""
        with self.connection.getresponse() as got:
            return got.status

    def close(self) -> None:
        self.connection.close()


def parts_begun(monkeypatch: pytest.MonkeyPatch) -> list[PartUpload]:
    """The parts that the server begins from here on, each as soon as it has its place."""
    begin, begun = Uploads.begin, []

    def noted(*arguments: Any) -> PartUpload:
        part = begin(*arguments)
        begun.append(part)
        return part

    monkeypatch.setattr(Uploads, "begin", noted)
    return begun


def metadata(recording: str, final: str) -> str:
    values = (("recording", recording), ("final", final))
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values)
