"""Mail, to a real server over TLS on loopback; failures are reported in words."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alert_helpers import (
    HOST,
    NOW_US,
    PASSWORD,
    USER,
    MailServer,
    alert,
)
from authority import Authority, authority
from hw_mocks.free_port import free_port
from msgspec.structs import replace

from camerad.base.clock import ManualClock
from camerad.office.jobs import alert_channels
from camerad.office.jobs.alert_channels import Channel, ChannelError, SmtpChannel, deadline
from camerad.office.jobs.alert_message import compose
from camerad.office.jobs.alert_rules import AlertKind
from camerad.office.server.alert_settings import SmtpSettings

MESSAGE = compose(
    [alert(AlertKind.STORAGE_FULL), alert(AlertKind.CAMERA_NOT_SEEN, camera="Kamera-ä")],
    "de",
    "https://office.example",
)
SENDER = "camerad@office.example"
A = "a@office.example"


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority()


@pytest.fixture(scope="module")
def context(ca: Authority, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return ca.context(tmp_path_factory.mktemp("tls"), HOST)


@pytest.fixture
def ca_file(ca: Authority, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text(ca.pem)
    return path


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    path = tmp_path / "stranger.pem"
    path.write_text(authority().pem)
    return path


def clock() -> ManualClock:
    return ManualClock(wall_us=NOW_US)


def smtp(server: MailServer, ca_file: Path | None, **said: object) -> SmtpChannel:
    settings = SmtpSettings(HOST, SENDER, (A, "b@office.example"), server.port)
    return SmtpChannel(replace(settings, ca=ca_file, **said), A, clock())  # type: ignore[arg-type]


def refusal(channel: Channel) -> str:
    with pytest.raises(ChannelError) as caught:
        channel.send(MESSAGE)
    return str(caught.value)


def test_a_mail_arrives_by_starttls_and_says_what_it_is(
    context: ssl.SSLContext, ca_file: Path
) -> None:
    with MailServer(context) as server:
        smtp(server, ca_file).send(MESSAGE)
    (mail,) = server.mails
    assert server.recipients == [[A]]
    assert mail["Subject"] == "camerad: Der Speicher nimmt nichts mehr an – weitere Hinweise: 1"
    assert (mail["From"], mail["Content-Language"]) == (SENDER, "de")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "24 Nov 2026" in mail["Date"]
    assert mail["Message-ID"].endswith("@office.example>")
    text = mail.get_content()  # type: ignore[attr-defined]
    assert "Kamera-ä" in text
    assert text.replace("\r", "") == MESSAGE.text


def test_a_mail_arrives_by_tls_and_login(
    context: ssl.SSLContext, ca_file: Path, tmp_path: Path
) -> None:
    login = tmp_path / "login"
    login.write_text(f"{USER}\n{PASSWORD}\n")
    with MailServer(context, tls=True, login=True) as server:
        smtp(server, ca_file, encryption="tls", login_file=login).send(MESSAGE)
        login.write_text(f"{USER}\nwrong\n")
        said = refusal(smtp(server, ca_file, encryption="tls", login_file=login))
    assert len(server.mails) == 1
    assert "refuses user and password" in said
    assert str(login) in said
    assert "wrong" not in said


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_a_mail_server_without_a_valid_certificate_gets_nothing(
    context: ssl.SSLContext, stranger: Path, encryption: str
) -> None:
    with MailServer(context, tls=encryption == "tls") as server:
        for ca in (stranger, None):
            said = refusal(smtp(server, ca, encryption=encryption))
            assert "its certificate does not hold" in said
            assert "notify.smtp.ca" in said
    assert server.mails == []


REFUSALS: dict[str, tuple[dict[str, object], str]] = {
    "without TLS": ({"tls": False}, "does not offer what is needed"),
    "sender": ({"sender": "553 not from here"}, "553 not from here"),
    "recipient": (
        {"refused": A},
        f"for {A}: 550 nobody of that name is here; correct notify.smtp.recipients",
    ),
    "recipient, for now": ({"busy": {A: "450 later"}}, f"does not take mail for {A}: 450 later"),
}


@pytest.mark.parametrize(("how", "said"), REFUSALS.values(), ids=REFUSALS)
def test_what_a_mail_server_refuses_is_reported(
    context: ssl.SSLContext, ca_file: Path, how: dict[str, object], said: str
) -> None:
    async def refuse(*_: object) -> object:
        return how["sender"]

    server = MailServer(context if how.get("tls", True) else None)
    for name in how.keys() & {"refused", "busy"}:
        setattr(server, name, how[name])
    if "sender" in how:
        server.handle_MAIL = refuse  # type: ignore[attr-defined]
    with server:
        assert said in refusal(smtp(server, ca_file))
    assert server.mails == []


def test_what_is_not_there_or_says_nothing_is_said_in_time(
    context: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_channels, "SEND_SECONDS", 0.2)
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        settings = SmtpSettings(HOST, SENDER, (A,), port, ca=ca_file)
        assert "timed out" in refusal(SmtpChannel(settings, A, clock()))
    settings = replace(settings, port=free_port())
    assert "refused" in refusal(SmtpChannel(settings, A, clock()))


@pytest.mark.parametrize(
    ("option", "content", "said"),
    [
        ("login_file", None, "no such file"),
        ("login_file", b"only-a-user\n", "write two lines there"),
        ("login_file", b"\xff\xfe", "this is no text"),
        ("ca", b"no certificate", "odd"),
    ],
)
def test_a_file_of_the_settings_that_makes_no_sense_is_reported(
    context: ssl.SSLContext,
    ca_file: Path,
    tmp_path: Path,
    *,
    option: str,
    content: bytes | None,
    said: str,
) -> None:
    odd = tmp_path / "odd"
    if content is not None:
        odd.write_bytes(content)
    files = {"ca": ca_file, option: odd}
    with MailServer(context) as server:
        assert said in refusal(smtp(server, files.pop("ca"), **files)).lower()


@contextlib.contextmanager
def serving(converse: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that talks as it likes to one client, in a thread; yields its port."""
    with socket.create_server((HOST, 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with contextlib.suppress(OSError), connection:
                converse(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize("kind", ["mail", "greeting", "clear greeting"])
def test_a_server_whose_answer_never_ends_is_given_up(
    context: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(alert_channels, "WHOLE_SECONDS", 0.3)
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection if "clear" in kind else context.wrap_socket(connection, True) as peer:
            if kind == "mail":
                peer.sendall(b"220 well\r\n")
            while not ended.wait(0.05):
                peer.sendall(b"220-wait\r\n" if "greeting" in kind else b"2")

    said: list[str] = []
    with serving(drip) as port:
        encryption = "starttls" if "clear" in kind else "tls"
        settings = SmtpSettings(HOST, SENDER, (A,), port, encryption, ca_file)
        channel = SmtpChannel(settings, A, clock())
        sending = threading.Thread(target=lambda: said.append(refusal(channel)), daemon=True)
        sending.start()
        sending.join(10)
        given_up = list(said)
        ended.set()
    assert given_up and "cannot be reached" in given_up[0]


def test_a_farewell_that_never_ends_is_given_up_and_the_mail_counts_as_sent(
    context: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_channels, "WHOLE_SECONDS", 3.0)
    ended = threading.Event()

    def converse(connection: socket.socket) -> None:
        with context.wrap_socket(connection, True) as peer:
            peer.sendall(b"220 well\r\n")
            lines = peer.makefile("rb")
            for line in lines:
                if line.startswith(b"data"):
                    peer.sendall(b"354 go on\r\n")
                    while lines.readline() not in (b".\r\n", b""):
                        pass
                while line.startswith(b"quit") and not ended.wait(0.05):
                    peer.sendall(b"221-bye\r\n")
                peer.sendall(b"250 OK\r\n")

    done = threading.Event()
    with serving(converse) as port:
        channel = SmtpChannel(SmtpSettings(HOST, SENDER, (A,), port, "tls", ca_file), A, clock())

        def send() -> None:
            channel.send(MESSAGE)
            done.set()

        threading.Thread(target=send, daemon=True).start()
        taken = done.wait(30)
        ended.set()
    assert taken


def test_a_connection_that_comes_after_the_deadline_ends_too() -> None:
    """While TLS begins, another socket takes the place of the first one."""
    near, far = socket.socketpair()
    asked: list[socket.socket | None] = [near, None]
    with near, far, deadline(0.0, lambda: asked.pop() if len(asked) > 1 else near):
        near.settimeout(10)
        assert near.recv(1) == b""
