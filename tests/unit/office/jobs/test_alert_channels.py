"""Mail, to a real server over TLS on loopback; failures are reported in words."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
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
def test_a_mail_server_that_nobody_vouches_for_gets_nothing(
    context: ssl.SSLContext, stranger: Path, encryption: str
) -> None:
    with MailServer(context, tls=encryption == "tls") as server:
        for ca in (stranger, None):
            said = refusal(smtp(server, ca, encryption=encryption))
            assert "its certificate does not hold" in said
            assert "notify.smtp.ca" in said
    assert server.mails == []


def test_a_mail_server_without_tls_gets_nothing(ca_file: Path) -> None:
    with MailServer(None) as server:
        assert "does not offer what is needed" in refusal(smtp(server, ca_file))
    assert server.mails == []


def test_why_a_recipient_gets_no_mail_is_said(context: ssl.SSLContext, ca_file: Path) -> None:
    with MailServer(context, refused=A) as server:
        said = refusal(smtp(server, ca_file))
        assert f"for {A}: 550 nobody of that name is here; correct notify.smtp.recipients" in said
    with MailServer(context) as server:
        server.busy = {A: "450 later"}
        said = refusal(smtp(server, ca_file))
        assert said.endswith(f"it does not take mail for {A}: 450 later")
    assert server.mails == []


def test_a_sender_whom_the_server_does_not_take_is_said(
    context: ssl.SSLContext, ca_file: Path
) -> None:
    async def refuse(*_: object) -> str:
        return "553 not from here"

    server = MailServer(context)
    server.handle_MAIL = refuse  # type: ignore[attr-defined]
    with server:
        assert "553 not from here" in refusal(smtp(server, ca_file))


def test_what_is_not_there_or_says_nothing_is_said_in_time(
    context: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_channels, "SEND_SECONDS", 0.2)
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        settings = SmtpSettings(HOST, SENDER, ("a@office.example",), port, ca=ca_file)
        assert "timed out" in refusal(SmtpChannel(settings, A, clock()))
    settings = replace(settings, port=free_port())
    assert "refused" in refusal(SmtpChannel(settings, A, clock()))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        (b"", "write two lines there"),
        (b"only-a-user\n", "write two lines there"),
        (b"\xff\xfe", "this is no text"),
    ],
)
def test_a_login_that_makes_no_sense_is_said(
    context: ssl.SSLContext, ca_file: Path, tmp_path: Path, content: bytes | None, said: str
) -> None:
    login = tmp_path / "login"
    if content is not None:
        login.write_bytes(content)
    with MailServer(context) as server:
        assert said in refusal(smtp(server, ca_file, login_file=login)).lower()


def test_an_authority_s_file_that_is_none_is_said(context: ssl.SSLContext, tmp_path: Path) -> None:
    none = tmp_path / "none.pem"
    none.write_text("no certificate")
    with MailServer(context) as server:
        assert str(none) in refusal(smtp(server, none))


@pytest.mark.parametrize("kind", ["mail", "greeting", "clear greeting"])
def test_who_answers_bit_by_bit_without_an_end_is_given_up(
    context: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("camerad.office.jobs.alert_channels.WHOLE_SECONDS", 0.3)
    ended = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with contextlib.suppress(OSError), connection:
            peer = connection if "clear" in kind else context.wrap_socket(connection, True)
            with peer:
                if kind == "mail":
                    peer.sendall(b"220 well\r\n")
                while not ended.wait(0.05):
                    peer.sendall(b"220-wait\r\n" if "greeting" in kind else b"2")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        encryption = "starttls" if "clear" in kind else "tls"
        mail = SmtpSettings(
            "127.0.0.1", "a@office.example", ("b@office.example",), port, encryption, ca_file
        )
        channel = SmtpChannel(mail, mail.recipients[0], clock())
        said: list[str] = []
        sending = threading.Thread(target=lambda: said.append(refusal(channel)), daemon=True)
        sending.start()
        sending.join(10)
        given_up = list(said)
        ended.set()
        thread.join(20)
        assert given_up and "cannot be reached" in given_up[0]
        assert not thread.is_alive()


def test_who_takes_a_mail_and_never_ends_its_farewell_is_given_up_and_has_the_mail(
    context: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camerad.office.jobs.alert_channels.WHOLE_SECONDS", 3.0)
    ended = threading.Event()

    def converse(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        tls = context.wrap_socket(connection, True)
        with contextlib.suppress(OSError), connection, tls as peer:
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

    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=converse, args=(listener,))
        thread.start()
        mail = SmtpSettings(
            HOST, SENDER, ("b@office.example",), listener.getsockname()[1], "tls", ca_file
        )
        done: list[bool] = []

        def send() -> None:
            SmtpChannel(mail, mail.recipients[0], clock()).send(MESSAGE)
            done.append(True)

        sending = threading.Thread(target=send, daemon=True)
        sending.start()
        sending.join(30)
        taken = list(done)
        ended.set()
        thread.join(20)
        assert taken
        assert not thread.is_alive()


def test_a_connection_that_comes_after_the_deadline_ends_too() -> None:
    """While TLS begins, another socket takes the place of the first one."""
    near, far = socket.socketpair()
    asked: list[socket.socket | None] = [near, None]
    with near, far, deadline(0.0, lambda: asked.pop() if len(asked) > 1 else near):
        near.settimeout(10)
        assert near.recv(1) == b""
