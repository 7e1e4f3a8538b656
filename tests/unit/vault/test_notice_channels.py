"""Mail and webhook, to a real server over TLS on loopback; and what goes wrong is said in words."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from authority import Authority, authority
from hw_mocks.free_port import free_port
from msgspec.structs import replace
from notice_helpers import (
    HOST,
    NOW_US,
    PASSWORD,
    USER,
    MailServer,
    WebhookReceiver,
    notice,
)

from camerad.base.clock import ManualClock
from camerad.vault.notice_settings import SmtpSettings, WebhookSettings
from camerad.vault.notices import notice_channels
from camerad.vault.notices.notice_channels import Channel, ChannelError, PartlySentError
from camerad.vault.notices.notice_message import compose
from camerad.vault.notices.notice_rules import NoticeKind
from camerad.vault.notices.send_deadline import deadline
from camerad.vault.notices.smtp_channel import SmtpChannel
from camerad.vault.notices.webhook_channel import WebhookChannel, sign

MESSAGE = compose(
    [notice(NoticeKind.STORAGE_FULL), notice(NoticeKind.CAMERA_NOT_SEEN, camera="Kamera-ä")],
    "de",
    "https://office.example",
)
SENDER = "camerad@office.example"


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
    settings = SmtpSettings(HOST, SENDER, ("a@office.example", "b@office.example"), server.port)
    return SmtpChannel(replace(settings, ca=ca_file, **said), clock())  # type: ignore[arg-type]


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
    assert server.recipients == [["a@office.example", "b@office.example"]]
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


def test_recipients_whom_the_server_does_not_know_are_named(
    context: ssl.SSLContext, ca_file: Path
) -> None:
    with MailServer(context, refused="a@office.example") as server:
        said = refusal(smtp(server, ca_file, recipients=("a@office.example",)))
    assert "a@office.example: 550 nobody of that name" in said
    assert server.mails == []


def test_where_somebody_got_the_mail_it_is_said_who_did_not(
    context: ssl.SSLContext, ca_file: Path
) -> None:
    with (
        MailServer(context, refused="b@office.example") as server,
        pytest.raises(PartlySentError) as caught,
    ):
        smtp(server, ca_file).send(MESSAGE)
    assert server.recipients == [["a@office.example"]]
    assert "b@office.example: 550 nobody of that name" in str(caught.value)
    assert "a@office.example" not in str(caught.value)


def test_who_is_refused_for_the_moment_gets_the_mail_later_and_alone(
    context: ssl.SSLContext, ca_file: Path
) -> None:
    a, b, c, d = (f"{one}@office.example" for one in "abcd")
    with MailServer(context, refused=b) as server:
        server.busy = {c: "450 later", d: "452 full"}
        with pytest.raises(PartlySentError) as caught:
            smtp(server, ca_file, recipients=(a, b, c, d)).send(MESSAGE)
        said = str(caught.value)
        assert f"it does not take mail for {b}: 550 nobody of that name is here; correct" in said
        assert f"it does not take mail now for {c}: 450 later; {d}: 452 full" in said
        assert caught.value.again is not None
        server.busy = {c: "421 too much"}
        with pytest.raises(PartlySentError) as again:
            caught.value.again()
        assert "correct notify.smtp.recipients" not in str(again.value)
        assert again.value.again is not None
        server.busy = {c: "550 gone"}
        with pytest.raises(PartlySentError) as last:
            again.value.again()
        assert "550 gone; correct notify.smtp.recipients" in str(last.value)
        assert last.value.again is None
    assert server.recipients == [[a], [d]]
    assert server.mails[0]["Message-ID"] == server.mails[1]["Message-ID"], "the same mail"


def test_while_all_are_refused_for_the_moment_nobody_has_it(
    context: ssl.SSLContext, ca_file: Path
) -> None:
    with MailServer(context) as server:
        server.busy = dict.fromkeys(("a@office.example", "b@office.example"), "450 later")
        with pytest.raises(ChannelError) as caught:
            smtp(server, ca_file).send(MESSAGE)
    assert not isinstance(caught.value, PartlySentError)
    assert "correct" not in str(caught.value)


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
    from camerad.vault.notices import smtp_channel

    monkeypatch.setattr(smtp_channel, "SEND_SECONDS", 0.2)
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        settings = SmtpSettings(HOST, SENDER, ("a@office.example",), port, ca=ca_file)
        assert "timed out" in refusal(SmtpChannel(settings, clock()))
    settings = replace(settings, port=free_port())
    assert "refused" in refusal(SmtpChannel(settings, clock()))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        (b"", "there is no user and password"),
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
    with WebhookReceiver(context) as receiver:
        settings = WebhookSettings(receiver.url, none)
        assert str(none) in refusal(WebhookChannel(settings, clock()))


# ------------------------------------------------------------------------------------ webhook


@pytest.fixture
def receiver(context: ssl.SSLContext) -> Iterator[WebhookReceiver]:
    with WebhookReceiver(context) as one:
        yield one


def test_a_signature_is_as_standard_webhooks_has_it() -> None:
    """The reference vector of its libraries."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_post_arrives_with_token_and_signature(
    receiver: WebhookReceiver, ca_file: Path, tmp_path: Path
) -> None:
    token, secret = tmp_path / "token", tmp_path / "secret"
    token.write_text("a.token\n")
    secret.write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    settings = WebhookSettings(f"{receiver.url}/hooks/7?a=b", ca_file, token, secret)
    channel = WebhookChannel(settings, clock())
    channel.send(MESSAGE)
    channel.send(MESSAGE)
    first, second = receiver.posts
    assert first.path == "/hooks/7?a=b"
    assert first.headers["authorization"] == "Bearer a.token"
    assert first.headers["webhook-timestamp"] == str(NOW_US // 1_000_000)
    identifier = first.headers["webhook-id"]
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = sign(key, identifier, NOW_US // 1_000_000, first.body)
    assert first.headers["webhook-signature"] == signed
    assert identifier != second.headers["webhook-id"]
    assert first.said["type"] == "camerad.notices"
    assert first.said["data"] == MESSAGE.as_json()
    assert first.said["text"].startswith(MESSAGE.subject)


def test_a_post_without_secrets_has_none(receiver: WebhookReceiver, ca_file: Path) -> None:
    WebhookChannel(WebhookSettings(receiver.url, ca_file), clock()).send(MESSAGE)
    (post,) = receiver.posts
    assert not {"authorization", "webhook-signature"} & set(post.headers)
    assert post.path == "/"


@pytest.mark.parametrize("kind", ["webhook", "mail", "greeting", "clear greeting"])
def test_who_answers_bit_by_bit_without_an_end_is_given_up(
    context: ssl.SSLContext, ca_file: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    for one in ("webhook", "smtp"):
        monkeypatch.setattr(f"camerad.vault.notices.{one}_channel.WHOLE_SECONDS", 0.3)
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
        channel: WebhookChannel | SmtpChannel
        if kind == "webhook":
            settings = WebhookSettings(f"https://127.0.0.1:{port}", ca_file)
            channel = WebhookChannel(settings, clock())
        else:
            encryption = "starttls" if "clear" in kind else "tls"
            mail = SmtpSettings(
                "127.0.0.1", "a@office.example", ("b@office.example",), port, encryption, ca_file
            )
            channel = SmtpChannel(mail, clock())
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
    monkeypatch.setattr("camerad.vault.notices.smtp_channel.WHOLE_SECONDS", 3.0)
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
            SmtpChannel(mail, clock()).send(MESSAGE)
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


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "token"), (403, "token"), (404, "url"), (302, "url"), (500, "see what its log says")],
)
def test_whatever_is_no_success_is_said(
    receiver: WebhookReceiver, ca_file: Path, status: int, said: str
) -> None:
    receiver.status = status
    text = refusal(WebhookChannel(WebhookSettings(f"{receiver.url}/secret", ca_file), clock()))
    assert f"it answers {status}" in text
    assert said in text
    assert "/secret" not in text, "whoever knows the path may post there"
    assert len(receiver.posts) == 1, "a redirection is not followed"


def test_a_receiver_that_nobody_vouches_for_gets_nothing(
    receiver: WebhookReceiver, stranger: Path
) -> None:
    for ca in (stranger, None):
        said = refusal(WebhookChannel(WebhookSettings(receiver.url, ca), clock()))
        assert "its certificate does not hold" in said
    assert receiver.posts == []


def test_a_receiver_that_is_not_there_is_said(ca_file: Path) -> None:
    url = f"https://{HOST}:{free_port()}"
    said = refusal(WebhookChannel(WebhookSettings(url, ca_file), clock()))
    assert "it cannot be reached" in said
    assert "port" in refusal(WebhookChannel(WebhookSettings(f"https://{HOST}:x"), clock())).lower()


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("secret_file", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("secret_file", "whsec_*"),
        ("token_file", "a\x07b"),
    ],
)
def test_a_secret_that_is_none_is_said_and_not_repeated(
    receiver: WebhookReceiver, ca_file: Path, tmp_path: Path, what: str, content: str
) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    settings = replace(WebhookSettings(receiver.url, ca_file), **{what: path})
    text = refusal(WebhookChannel(settings, clock()))
    assert f"this is no {what.removesuffix('_file')}" in text
    assert content not in text
    assert receiver.posts == []


def test_a_secret_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100_000)
    assert len(notice_channels.read_secret(str(path), "token")[0]) <= 4096
