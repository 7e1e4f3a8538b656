"""The desk over TLS on loopback, its people, and an authenticator in software."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import secrets
import ssl
import struct
import threading
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from check_in_helpers import token
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from desk_helpers import KEY
from fido2 import cbor
from fido2.cose import ES256
from hw_mocks.free_port import free_port
from msgspec.structs import replace
from state_helpers import check_ins_in

from camerad.base.clock import SECOND
from camerad.container.keys import KeyRing, SigningKey, decode_base64url, encode_base64url
from camerad.evidence.holdings import directory_id
from camerad.ledger.entries import read_lines
from camerad.office.desk import people
from camerad.office.desk.desk_server import Desk
from camerad.office.desk.file_import import open_state
from camerad.office.desk.people import DeskRole
from camerad.office.desk.sessions import COOKIE, Sessions
from camerad.office.index.index import RecordingIndex
from camerad.office.index.office_knowledge import OfficeFiles
from camerad.office.server.cameras import Cameras
from camerad.office.server.desk_settings import DeskSettings
from camerad.office.state.database_settings import url_of
from camerad.office.state.office_state import OfficeState
from tests.unit.office.server.office_scene import OfficeScene

ORIGIN: Final = "https://localhost:8444"
DEADLINE: Final = 20.0


class Answer:
    """What the desk answered. said: its object, None if it is none."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    @property
    def why(self) -> str:
        return str(self.said["error"])


class Browser:
    """A tab: it keeps cookies, and says where its page is from. cookie: of its session."""

    def __init__(self, scene: DeskScene, cookie: str = "") -> None:
        self._scene = scene
        self.cookie = cookie
        self.others: dict[str, str] = {}

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """A request as the page makes it; `headers` replace its own, and "" leaves one out."""
        fields = {"Host": urlsplit(self._scene.origin).netloc}
        cookies = {COOKIE: self.cookie, **self.others}
        fields["Cookie"] = "; ".join(f"{one}={value}" for one, value in cookies.items() if value)
        if method != "GET":
            fields |= {"Origin": ORIGIN, "Content-Type": "application/json"}
        fields = {name: value for name, value in (fields | (headers or {})).items() if value}
        content = None
        if method != "GET":
            given = {} if body is None else body
            content = given if isinstance(given, bytes) else json.dumps(given).encode()
        connection = HTTPSConnection(
            "localhost", self._scene.port, context=self._scene.tls, timeout=DEADLINE
        )
        try:
            connection.request(method, path, content, fields)
            got = connection.getresponse()
            answer = Answer(got.status, got.headers, got.read())
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = line.partition(";")[0].partition("=")
            if name == COOKIE:
                self.cookie = value.strip('"')
            else:
                self.others[name] = value.strip('"')
        return answer


class InTransactions:
    """Functions of `of`, each in a separate transaction, whose rows it is given."""

    def __init__(self, state: OfficeState, of: object) -> None:
        self._state = state
        self._of = of

    def __getattr__(self, name: str) -> Any:
        what = getattr(self._of, name)
        if "rows" not in inspect.signature(what).parameters:
            return what

        def run(*given: Any, **named: Any) -> Any:
            with self._state.writing() as rows:
                return what(rows, *given, **named)

        return run


class DeskScene:
    """An office with a desk. Its clock is the office's, and is set by hand. port: where the desk
    listens, if not at its origin's. witnesses: the policy."""

    def __init__(
        self,
        root: Path,
        *,
        origin: str = ORIGIN,
        port: int | None = None,
        witnesses: Path | None = None,
        **desk: Any,
    ) -> None:
        root.mkdir(exist_ok=True)
        self.origin = origin
        self.office = OfficeScene(root)
        self.office.settings = replace(self.office.settings, witnesses=witnesses)
        self.clock = self.office.clock
        if port is None:
            port = 0 if origin == ORIGIN else urlsplit(origin).port or 0
        self.settings = DeskSettings(origin, "127.0.0.1", port, **desk)
        self.directory = str(self.office.directory)
        self.state = open_state(self.office.settings.index, self.directory)
        self.people = InTransactions(self.state, people)
        self.sessions = InTransactions(self.state, Sessions(self.state, self.settings, self.clock))
        self.tls = ssl.create_default_context(cafile=self.office.authority.certificate)
        self.desk = Desk(self.office.settings, self.settings, self.office.office_key, self.clock)
        files = OfficeFiles(
            self.directory, self.office.office_key.public, str(self.office.register)
        )
        Path(self.directory, "office").mkdir()
        directory_id(self.directory)
        self.index = RecordingIndex(
            url_of(self.office.settings.index, self.directory), files, _fail
        )
        self.index.open()
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    @property
    def port(self) -> int:
        return self.desk.port

    def add(self, person: str, *roles: DeskRole) -> None:
        """A person who is there."""
        self.people.add(person, person.title(), frozenset(roles), self.clock.wall_us())

    def signed_in(self, person: str) -> Browser:
        """A tab in which a person is signed in."""
        known = self.people.find(person)
        return Browser(self, self.sessions.begin(known, "passkey"))

    def anybody(self) -> Browser:
        """A tab in which no person is signed in."""
        return Browser(self)

    def entries(self) -> list[tuple[str, Any]]:
        """Kinds and facts in the office's ledger, oldest first."""
        ring = KeyRing([self.office.office_key.public])
        files = sorted(Path(self.directory, "office/ledger").glob("*.jws"))
        lines = (line for one in files for line in read_lines(one.read_bytes(), ring))
        return [(line.entry.kind, line.entry.facts) for line in lines if line.entry is not None]

    def kinds(self, kind: str) -> list[Any]:
        """The facts of every entry of that kind."""
        return [facts for one, facts in self.entries() if one == kind]

    def __enter__(self) -> DeskScene:
        self._thread.start()
        assert self._ready.wait(DEADLINE)
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        self.close()

    def close(self) -> None:
        self.index.close()
        self.state.close()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self.desk.open()
        except BaseException as error:  # noqa: BLE001 - it is raised where the desk was asked for
            self._error = error
            return
        finally:
            self._ready.set()
        await self._stop.wait()
        await self.desk.close()


def checks_in(scene: DeskScene, key: SigningKey = KEY, **how: Any) -> None:
    """A camera of this key does, in its dock."""
    known = check_ins_in(scene.directory, Cameras(str(scene.office.register)), scene.clock)
    known.take(key.public.thumbprint, token(key=key, kid=key.public.thumbprint, **how))


class Authenticator:
    """A passkey as WebAuthn has it (Level 3, 6): ES256, attestation "none". verified: it knows its
    person. counter: signatures so far; 0 for one that does not count."""

    def __init__(self, name: str = "localhost") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(16)
        self.name = name
        self.counter = 0
        self.verified = True
        self.origin = ORIGIN

    def make(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer of ``navigator.credentials.create``."""
        public = cbor.encode(dict(ES256.from_cryptography_key(self.key.public_key())))
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + public
        data = self._data(0x40) + attested
        said = cbor.encode({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options)
        return self._credential(
            {
                "clientDataJSON": encode_base64url(client),
                "attestationObject": encode_base64url(said),
            }
        )

    def sign(self, options: dict[str, Any]) -> dict[str, Any]:
        """The answer of ``navigator.credentials.get``."""
        data, client = self._data(0), self._client("webauthn.get", options)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._credential(
            {
                "clientDataJSON": encode_base64url(client),
                "authenticatorData": encode_base64url(data),
                "signature": encode_base64url(signature),
                "userHandle": None,
            }
        )

    def _data(self, flags: int) -> bytes:
        flags |= 0x01 | (0x04 if self.verified else 0)
        digest = hashlib.sha256(self.name.encode()).digest()
        return digest + struct.pack(">BI", flags, self.counter)

    def _client(self, kind: str, options: dict[str, Any]) -> bytes:
        decode_base64url(options["challenge"])
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(said | {"crossOrigin": False}).encode()

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        name = encode_base64url(self.id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
        }


def free_origin() -> str:
    """An address that nothing listens at, as a browser needs it: with its port."""
    return f"https://localhost:{free_port()}"


def _fail(text: str) -> None:
    raise AssertionError(text)


MINUTE: Final = 60 * SECOND
