"""A camera with recordings, its daemon's part in a hand-over, and a small office."""

from __future__ import annotations

import hashlib
import random
import ssl
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from authority import Authority, authority
from msgspec.structs import replace
from small_office import SmallOffice

from camerad.base.clock import SystemClock
from camerad.config.office_section import Office
from camerad.container.jws import JwsError
from camerad.container.keys import KeyRing, PublicKey, SigningKey, encode_base64url
from camerad.dock import handover, office_client
from camerad.dock.daemon_client import ToHandOver
from camerad.dock.errors import OfficeAnswerError
from camerad.dock.handover import Handover, HandoverMemory, HandoverResult
from camerad.dock.office_check_in import OfficeCheckIn
from camerad.dock.office_client import KeySigner, OfficeClient
from camerad.dock.office_connection import OfficeConnection, trusting
from camerad.store import receipts


@dataclass
class Daemon:
    """What the daemon does for a hand-over: it lists, and it judges receipts."""

    office: PublicKey
    recordings: list[ToHandOver] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    check_ins: int = 0
    offered: list[bytes] = field(default_factory=list)
    refuses: str | None = None
    shown: list[str] = field(default_factory=list)
    disputes: str | None = None

    def to_hand_over(self, also: Collection[str] = ()) -> list[ToHandOver]:
        return [one for one in self.recordings if one.id not in self.acknowledged or one.id in also]

    def check_in(self) -> bytes:
        self.check_ins += 1
        return b"a.statement.%d" % self.check_ins

    def offer_settings(self, offer: bytes) -> str | None:
        self.offered.append(offer)
        return self.refuses

    def show_log(self, log: str) -> tuple[bool, str | None]:
        self.shown.append(log)
        cosigned = self.disputes is None and log not in self.shown[:-1]
        return cosigned, self.disputes

    def accept(self, token: bytes) -> list[str]:
        finals = {one.id: one.final for one in self.recordings}
        try:
            said = receipts.parse(token, KeyRing([self.office]))
        except JwsError as error:
            self.refused.append(token)
            raise OfficeAnswerError(str(error)) from None
        new = [
            one.id
            for one in said.recordings
            if finals.get(one.id) == one.final and one.id not in self.acknowledged
        ]
        self.acknowledged += new
        return new


class Scene:
    """A camera and an office that know each other."""

    def __init__(self, directory: Path, ca: Authority, context: ssl.SSLContext) -> None:
        self.directory = directory
        self.ca = ca
        self.camera = SigningKey.generate()
        self.office = SmallOffice(self.camera.public, context)
        self.daemon = Daemon(self.office.key.public)
        self.memory = HandoverMemory()
        self.clock = SystemClock()
        self.content: dict[str, bytes] = {}
        self.ledger = directory / "ledger"
        self.ledger.mkdir()
        (self.ledger / "000001.checkpoint").write_bytes(b"an.old.one")
        (self.ledger / "000002.jws").write_bytes(b"an.entry.x\nanother.entry.y\n")
        self.connections: list[OfficeConnection] = []
        self.port: int | None = None
        self.pauses: list[float] = []

    @property
    def settings(self) -> Office:
        key = encode_base64url(self.office.key.public.raw)
        return Office(self.office.url, self.ca.pem, key, 1000)

    def record(self, name: str, size: int, seed: int = 0) -> ToHandOver:
        content = random.Random(f"{name}{seed}").randbytes(size)
        path = self.directory / f"{name}.tar"
        path.write_bytes(content)
        made = ToHandOver(name, str(path), hashlib.sha256(content).hexdigest())
        self.daemon.recordings.append(made)
        self.content[name] = content
        return made

    def connection(self, **changed: object) -> OfficeConnection:
        office = replace(self.settings, **changed)  # type: ignore[arg-type]
        made = OfficeConnection(office, trusting(self.ca.pem, check_time=True), self.clock)
        if self.port is not None:
            made._port = self.port  # the wire to the same address
        self.connections.append(made)
        return made

    def client(self, connection: OfficeConnection, key: SigningKey | None = None) -> OfficeClient:
        return OfficeClient(self.office.url, connection, KeySigner(key or self.camera), self.clock)

    def handover(self, connection: OfficeConnection) -> Handover:
        client = self.client(connection)
        return Handover(
            str(self.ledger),
            self.daemon,
            client,
            connection,
            self.clock,
            check_in=OfficeCheckIn(
                self.daemon, client, self.clock, self.memory.check_in, self.memory.is_new
            ),
            memory=self.memory,
        )

    def run(self) -> HandoverResult:
        connection = self.connection()
        try:
            return self.handover(connection).run()
        finally:
            connection.close()


@pytest.fixture(scope="session")
def ca() -> Authority:
    return authority()


@pytest.fixture(scope="session")
def context(ca: Authority, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return ca.context(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def scene(
    tmp_path: Path, ca: Authority, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    """With parts of 4 KiB, so that a small recording has many."""
    monkeypatch.setattr(handover, "PART", PART)
    monkeypatch.setattr(handover, "FIRST_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(office_client, "PAUSE_SECONDS", 0.05)
    made = Scene(tmp_path, ca, context)
    made.office.start()
    yield made
    for connection in made.connections:
        connection.close()
    made.office.stop()


PART = 4096

Play = Callable[[Scene], None]
