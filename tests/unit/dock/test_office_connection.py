"""The connection trusts one authority, waits for nothing without a bound, and ends when told."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import select
import socket
import ssl
import struct
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from authority import Authority, authority
from hw_mocks.free_port import free_port
from msgspec.structs import replace

from camerad.base.clock import SystemClock
from camerad.behaviour.dock_progress import HandoverTrouble
from camerad.config.office_section import Office
from camerad.dock import office_certificate, office_connection
from camerad.dock.errors import HandoverStoppedError, OfficeFault, OfficeUnavailableError
from camerad.dock.office_connection import OfficeConnection, OfficeRequest, trusting
from camerad.dock.request_bodies import Text
from camerad.exchange.pace import BURST, Pace
from tests.unit.dock.scene import Scene
from tests.waiting import until

ASK = OfficeRequest("GET", "/v1/ledger", {})


class Server:
    """Speaks TLS and, to each connection, what it is told to."""

    def __init__(self, context: ssl.SSLContext, speak: Callable[[ssl.SSLSocket], None]) -> None:
        self._context = context
        self._speak = speak
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.connections = 0
        self.over = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._serve, args=(raw,)))
            self._threads[-1].start()

    def _serve(self, raw: socket.socket) -> None:
        raw.settimeout(LONG)
        try:
            with self._context.wrap_socket(raw, server_side=True) as channel:
                self._speak(channel)
        except OSError:
            raw.close()

    def close(self) -> None:
        self.over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(20)


Serve = Callable[[Callable[[ssl.SSLSocket], None]], OfficeConnection]


@pytest.fixture
def serve(ca: Authority, context: ssl.SSLContext) -> Iterator[Serve]:
    """A connection to a server that speaks so."""
    servers: list[Server] = []
    made: list[OfficeConnection] = []

    def begin(speak: Callable[[ssl.SSLSocket], None]) -> OfficeConnection:
        servers.append(Server(context, speak))
        made.append(connect(ca, servers[-1].port))
        return made[-1]

    yield begin
    for connection in made:
        connection.close()
    for server in servers:
        server.close()


def connect(ca: Authority, port: int, *, check_time: bool = True) -> OfficeConnection:
    office = Office(f"https://127.0.0.1:{port}", ca.pem, "", 1000)
    return OfficeConnection(office, trusting(ca.pem, check_time=check_time), SystemClock())


def answering(*answers: bytes, cut: bool = False) -> Callable[[ssl.SSLSocket], None]:
    def speak(channel: ssl.SSLSocket) -> None:
        for answer in answers:
            if not read_head(channel):
                return
            channel.sendall(answer)
        if not cut:
            read_head(channel)

    return speak


def read_head(channel: ssl.SSLSocket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        data = channel.recv(4096)
        if not data:
            return b""
        head += data
    return head


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

# ------------------------------------------------------------------------------------ trust


def test_a_server_by_another_authority_is_none(
    scene: Scene, tmp_path: Path, context: ssl.SSLContext
) -> None:
    other = authority()
    connection = OfficeConnection(
        replace(scene.settings, ca=other.pem), trusting(other.pem, check_time=True), scene.clock
    )
    with pytest.raises(OfficeUnavailableError, match="not by the authority") as caught:
        connection.exchange(ASK)
    assert scene.office.requests == []
    error = caught.value
    assert (error.fault, error.trouble) == (OfficeFault.AUTHORITY, HandoverTrouble.CERTIFICATE)
    # The technician is told what the camera has, and what answers.
    server = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", scene.office.port)))
    for der in (server, ssl.PEM_cert_to_DER_cert(other.pem)):
        assert hashlib.sha256(der).hexdigest().upper() in str(error).replace(":", "")
    assert "camerad office init" in str(error)


def test_a_certificate_for_another_address_is_none(ca: Authority, tmp_path: Path) -> None:
    server = Server(ca.context(tmp_path, "127.0.0.2"), answering(OK))
    try:
        with pytest.raises(OfficeUnavailableError, match=r"another address.*office\.url") as caught:
            connect(ca, server.port).exchange(ASK)
        assert caught.value.fault is OfficeFault.NAME
    finally:
        server.close()


def test_what_answers_may_show_anything_for_a_certificate(ca: Authority) -> None:
    error = ssl.SSLCertVerificationError("no")
    error.verify_code, error.verify_message = 20, "unable to get \x1b[31m"
    made = office_certificate.refused("https://x", ca.pem, error, b"\0junk")
    assert made.details["shown"] == "?"
    assert "\x1b" not in str(made)


def test_a_server_that_will_not_show_its_certificate_again_is_refused_all_the_same(
    ca: Authority, tmp_path: Path
) -> None:
    """The second connection only looks; nothing is sent on it, and nothing rests on it."""
    server = Server(ca.context(tmp_path, "127.0.0.2"), answering(OK))
    connection = connect(ca, server.port)
    dial, dialled = connection._dial, []

    def once(context: ssl.SSLContext, until_us: int) -> ssl.SSLSocket:
        dialled.append(until_us)
        if len(dialled) > 1:
            raise OfficeUnavailableError("it is gone")
        return dial(context, until_us)

    connection._dial = once  # type: ignore[method-assign]
    try:
        with pytest.raises(OfficeUnavailableError, match="could not be looked at") as caught:
            connection.exchange(ASK)
        assert caught.value.details["shown"] == "?"
    finally:
        server.close()


@pytest.mark.parametrize(
    "day", [datetime(1999, 1, 1, tzinfo=UTC), datetime(2190, 1, 1, tzinfo=UTC)]
)
def test_a_certificate_counts_within_its_time_if_the_camera_knows_the_time(
    ca: Authority, tmp_path: Path, day: datetime
) -> None:
    """Another that it does not know: it would never reach the office, which tells it the time."""
    server = Server(ca.context(tmp_path, day=day), answering(OK))
    try:
        with pytest.raises(OfficeUnavailableError, match=f"{day:%Y-%m}.*camera's clock") as caught:
            connect(ca, server.port).exchange(ASK)
        assert caught.value.fault is OfficeFault.TIME
        unsure = connect(ca, server.port, check_time=False)
        assert unsure.exchange(ASK).status == 200
        unsure.close()
    finally:
        server.close()


def test_an_old_tls_is_not_spoken(ca: Authority) -> None:
    assert trusting(ca.pem, check_time=True).minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("pem", ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END"])
def test_what_is_no_certificate_is_told(pem: str) -> None:
    with pytest.raises(OfficeUnavailableError, match=r"office\.ca in the camera's configuration"):
        trusting(pem, check_time=True)


# ------------------------------------------------------------------------------------ answers


def test_one_connection_is_kept(serve: Serve) -> None:
    connection = serve(answering(OK, OK, OK))
    for _ in range(3):
        answer = connection.exchange(ASK)
        assert (answer.status, answer.body) == (200, b"{}")


def test_a_connection_that_the_server_gave_up_is_made_anew(serve: Serve) -> None:
    connection = serve(answering(OK, cut=True))
    for _ in range(3):
        assert connection.exchange(ASK).status == 200


def test_a_body_is_never_sent_again_unasked(serve: Serve) -> None:
    """Where the upload is now has to be asked for first."""
    heads = []

    def speak(channel: ssl.SSLSocket) -> None:
        read_head(channel)
        channel.sendall(OK)
        heads.append(read_head(channel))

    connection = serve(speak)
    connection.exchange(ASK)
    with pytest.raises(OfficeUnavailableError):
        connection.exchange(OfficeRequest("PATCH", "/v1/uploads/one", {}, Text(b"part")))
    assert len(heads) == 1


def test_an_answer_that_closes_is_read_to_its_end(serve: Serve) -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}"
    connection = serve(answering(closing, cut=True))
    for _ in range(2):
        assert connection.exchange(ASK).body == b"{}"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0\xff",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * ((64 << 10) + 1),
    ],
    ids=lambda answer: repr(answer[:60]),
)
def test_what_is_no_whole_answer_is_one_error(serve: Serve, answer: bytes) -> None:
    with pytest.raises(OfficeUnavailableError):
        serve(answering(answer, cut=True)).exchange(ASK)


def test_a_request_may_expect_a_longer_answer(serve: Serve) -> None:
    body = b"x" * (100 << 10)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    connection = serve(answering(head + body, cut=True))
    assert connection.exchange(replace(ASK, largest=len(body))).body == body


def test_a_server_that_will_not_have_a_body_is_heard(serve: Serve) -> None:
    said = b"HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"

    def speak(channel: ssl.SSLSocket) -> None:
        read_head(channel)
        channel.sendall(said)
        while channel.recv(1 << 16):
            pass

    connection = serve(speak)
    big = OfficeRequest("PATCH", "/v1/uploads/one", {}, Text(b"x" * (1 << 20)))
    assert connection.exchange(big).status == 413


def test_a_part_that_is_refused_costs_its_head_and_no_more(serve: Serve) -> None:
    """And the connection is made anew, on which the part was announced."""
    said = b"HTTP/1.1 429 Later\r\nContent-Length: 2\r\nRetry-After: 1\r\n\r\n{}"
    connection = serve(answering(said))
    part = OfficeRequest("PATCH", "/v1/uploads/one", {}, Text(b"x" * (1 << 20)))
    for _ in range(2):
        assert connection.exchange(part).status == 429
    assert connection.traffic.sent == 0


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 1", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_server_that_does_not_invite_a_body_is_sent_it(
    serve: Serve, first: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office_connection, "INVITATION_SECONDS", 0.2)
    seen = []

    def speak(channel: ssl.SSLSocket) -> None:
        read_head(channel)
        channel.sendall(first)
        seen.append(channel.recv(100))
        rest = b"00 Continue\r\n\r\n" if first.endswith(b" 1") else b""
        channel.sendall(rest + OK)
        read_head(channel)

    connection = serve(speak)
    part = OfficeRequest("PATCH", "/v1/uploads/one", {}, Text(b"a part"))
    assert connection.exchange(part).body == b"{}"
    assert seen == [b"a part"]


# ------------------------------------------------------------------------------------ time


def test_nobody_listens(ca: Authority) -> None:
    with pytest.raises(OfficeUnavailableError, match="cannot be reached"):
        connect(ca, free_port()).exchange(ASK)


def test_a_server_that_resets_at_once_leaves_no_socket(
    ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A socket that is wrapped once it is connected is lost in the library if its peer has reset it
    by then: nobody has it to close."""
    wrap = ssl.SSLContext.wrap_socket

    def late(context: ssl.SSLContext, raw: socket.socket, **how: Any) -> ssl.SSLSocket:
        with contextlib.suppress(OSError):
            raw.getpeername()
            select.select([raw], [], [], 20)  # the reset is there
        return wrap(context, raw, **how)

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", late)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reset() -> None:
            with contextlib.suppress(OSError):
                while True:
                    raw, _ = listener.accept()
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    raw.close()

        thread = threading.Thread(target=reset)
        thread.start()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with pytest.raises(OfficeUnavailableError):
                connect(ca, listener.getsockname()[1]).exchange(ASK)
            gc.collect()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(20)
    assert [str(one.message) for one in said] == []


def test_a_name_that_nobody_knows(ca: Authority) -> None:
    office = Office("https://no-such-host.invalid", ca.pem, "", 1000)
    connection = OfficeConnection(office, trusting(ca.pem, check_time=True), SystemClock())
    with pytest.raises(OfficeUnavailableError, match=r"no-such-host\.invalid"):
        connection.exchange(ASK)


def test_a_server_that_says_nothing_is_given_up(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(office_connection, "SILENCE_SECONDS", 0.3)
    with pytest.raises(OfficeUnavailableError, match="did not answer in time"):
        serve(answering(b"")).exchange(ASK)


def test_a_server_that_drips_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and the answer never does."""
    monkeypatch.setattr(office_connection, "ANSWER_SECONDS", 0.5)

    def speak(channel: ssl.SSLSocket) -> None:
        read_head(channel)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            channel.sendall(b"H")
            time.sleep(0.02)  # the drip itself

    before = time.monotonic()
    with pytest.raises(OfficeUnavailableError, match="did not answer in time"):
        serve(speak).exchange(ASK)
    assert time.monotonic() - before < 10


def test_a_rate_is_a_bound() -> None:
    """Two megabytes at 8 Mbit/s take two seconds, but for what may go at once."""
    pace, now = Pace(8, 0), 0.0
    for _ in range(32):
        now += pace.take(65_536, round(now * 1_000_000))
    assert pytest.approx(now, rel=0.01) == (32 * 65_536 - BURST) / 1_000_000
    # After a rest no more than the burst is saved up.
    pace.take(0, 100_000_000)
    assert pace.take(BURST, 100_000_000) == 0.0
    assert pace.take(1_000_000, 100_000_000) == pytest.approx(1.0)


# ------------------------------------------------------------------------------------ stopping


HELD_UP = 20.0
"""Seconds: what a busy machine may add. What is not ended goes on for half a minute at the least:
`LONG`, or as long as a server may say nothing."""
LONG = 120.0


def ends_when_told(
    work: Callable[[], object], connection: OfficeConnection, under_way: Callable[[], object]
) -> None:
    """Interrupt `work` once it is `under_way`: it ends by that, long before it would by itself."""
    ended: list[HandoverStoppedError] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except HandoverStoppedError as error:
            ended.append(error)
        except BaseException as error:  # noqa: BLE001 - it is told below
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    until(under_way, 20, "it is under way")
    connection.interrupt()
    thread.join(HELD_UP)
    assert failures == []
    assert len(ended) == 1


INVITED = b"HTTP/1.1 100 Continue\r\n\r\n"


def hungry(channel: ssl.SSLSocket) -> None:
    read_head(channel)
    channel.sendall(INVITED)
    while channel.recv(1 << 16):
        pass


def test_a_wait_for_an_answer_ends_at_once(serve: Serve) -> None:
    asked = threading.Event()

    def silent(channel: ssl.SSLSocket) -> None:
        read_head(channel)
        asked.set()
        channel.recv(1)

    connection = serve(silent)
    ends_when_told(lambda: connection.exchange(ASK), connection, asked.is_set)


def test_sending_ends_at_once(serve: Serve) -> None:
    over = threading.Event()

    def deaf(channel: ssl.SSLSocket) -> None:
        read_head(channel)
        channel.sendall(INVITED)
        over.wait(LONG)  # and reads nothing of the body

    connection = serve(deaf)
    big = OfficeRequest("PATCH", "/v1/uploads/one", {}, Text(b"x" * (64 << 20)))
    try:
        ends_when_told(
            lambda: connection.exchange(big), connection, lambda: connection.traffic.sent
        )
    finally:
        over.set()


def test_a_pause_ends_at_once(serve: Serve) -> None:
    connection = serve(answering(OK))
    begun = threading.Event()

    def pause() -> None:
        begun.set()
        connection.pause(LONG)

    ends_when_told(pause, connection, begun.is_set)


def test_a_bounded_rate_ends_at_once(ca: Authority, context: ssl.SSLContext) -> None:
    server = Server(context, hungry)
    begun = time.monotonic()
    office = Office(f"https://127.0.0.1:{server.port}", ca.pem, "", 1)
    connection = OfficeConnection(office, trusting(ca.pem, check_time=True), SystemClock())
    big = OfficeRequest("PATCH", "/v1/uploads/one", {}, Text(b"x" * (8 << 20)))
    try:
        ends_when_told(
            lambda: connection.exchange(big),
            connection,
            lambda: connection.traffic.sent >= BURST,
        )
        passed = time.monotonic() - begun
        assert BURST <= connection.traffic.sent <= BURST + 125_000 * passed
    finally:
        connection.close()
        server.close()


def test_a_handshake_ends_at_once(ca: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office_connection, "CONNECT_SECONDS", LONG)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = connect(ca, int(listener.getsockname()[1]))

        def reached() -> list[object]:
            return select.select([listener], [], [], 0)[0]

        ends_when_told(lambda: connection.exchange(ASK), connection, reached)


def test_a_question_for_a_name_ends_at_once(ca: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office_connection, "CONNECT_SECONDS", LONG)
    asked, over = threading.Event(), threading.Event()

    def ask(*_args: object, **_more: object) -> list[object]:
        asked.set()
        over.wait(LONG)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    connection = connect(ca, 1)
    try:
        ends_when_told(lambda: connection.exchange(ASK), connection, asked.is_set)
    finally:
        over.set()


def test_a_connection_being_made_ends_at_once(
    ca: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes it: the listener's queue is full."""
    monkeypatch.setattr(office_connection, "CONNECT_SECONDS", LONG)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = int(listener.getsockname()[1])
        waiting = []
        for _ in range(8):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
            waiting.append(one)
        connection = connect(ca, port)

        def dials() -> bool:
            return connection._channel is not None

        ends_when_told(lambda: connection.exchange(ASK), connection, dials)
        for one in waiting:
            one.close()


def test_it_is_for_good(serve: Serve) -> None:
    connection = serve(answering(OK))
    connection.interrupt()
    with pytest.raises(HandoverStoppedError):
        connection.exchange(ASK)
