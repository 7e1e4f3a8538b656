"""Alerts by mail (SMTP, RFC 5321), always within TLS that is verified.

Raises nothing but ChannelError. A mail is plain text with its language, and says that a machine
wrote it (RFC 3834), so that nobody's absence answers it.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import partial

from camerad.base.clock import SECOND, Clock
from camerad.base.send_deadline import deadline
from camerad.base.text import printable
from camerad.office.jobs.alert_channels import (
    SEND_SECONDS,
    WHOLE_SECONDS,
    ChannelError,
    PartlySentError,
    read_secret,
)
from camerad.office.jobs.alert_message import AlertMessage
from camerad.office.server.alert_settings import SmtpSettings

_HINT = "see notify.smtp in the office's settings"
_Answers = Mapping[str, tuple[int, bytes]]
"""What a server said of recipients whom it refused."""
_NOT_SAID = (421, b"not asked")


class SmtpChannel:
    """settings: the section ``notify.smtp``. clock: dates the mail."""

    name = "smtp"
    at_once = False

    def __init__(self, settings: SmtpSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def send(self, message: AlertMessage) -> None:
        """Give the mail to the server. Raises ChannelError; PartlySentError if the server takes it
        for some recipients only: with `again` for those whom it refuses for the moment (4xx)."""
        self._give(self._mail(message), self._settings.recipients)

    def _give(self, mail: EmailMessage, recipients: Sequence[str], *, rest: bool = False) -> None:
        """See `send`. rest: somebody else has the mail."""
        where = f"the mail server {self._settings.host}, port {self._settings.port}"
        try:
            refused = self._send(mail, recipients)
        except ChannelError:
            raise
        except ssl.SSLCertVerificationError as error:
            raise ChannelError(
                f"{where}: its certificate does not hold: {error.verify_message}; name its "
                "authority with notify.smtp.ca, or its name as the certificate has it"
            ) from error
        except smtplib.SMTPAuthenticationError as error:
            raise ChannelError(
                f"{where}: it refuses user and password ({_said(error.smtp_error)}); correct "
                f"{self._settings.login_file}"
            ) from error
        except smtplib.SMTPNotSupportedError as error:
            raise ChannelError(
                f"{where}: it does not offer what is needed ({printable(error)}); {_HINT}"
            ) from error
        except smtplib.SMTPRecipientsRefused as error:
            if not rest:
                raise ChannelError(_refused(where, error.recipients)) from error
            # Of those behind one whom it answers 421 it says nothing.
            refused = {name: error.recipients.get(name, _NOT_SAID) for name in recipients}
        except smtplib.SMTPResponseException as error:
            said = f"{error.smtp_code} {_said(error.smtp_error)}"
            raise ChannelError(f"{where}: it does not take the mail ({said}); {_HINT}") from error
        except (OSError, smtplib.SMTPException) as error:
            said = printable(error) or type(error).__name__
            raise ChannelError(f"{where}: it cannot be reached ({said}); {_HINT}") from error
        if refused:
            later = [name for name, answer in refused.items() if not _is_final(answer)]
            again = partial(self._give, mail, later, rest=True) if later else None
            raise PartlySentError(_refused(where, refused), again)

    def _mail(self, message: AlertMessage) -> EmailMessage:
        settings = self._settings
        mail = EmailMessage()
        mail["Subject"] = message.subject
        mail["From"] = settings.sender
        mail["To"] = ", ".join(settings.recipients)
        mail["Date"] = format_datetime(datetime.fromtimestamp(self._clock.wall_us() / SECOND, UTC))
        mail["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2])
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        mail["Content-Language"] = message.language
        return mail

    def _send(self, mail: EmailMessage, recipients: Sequence[str]) -> _Answers:
        """Returns the recipients for whom the server does not take it, with its answers; it takes
        it for somebody."""
        settings = self._settings
        context = _context(settings)
        login = None if settings.login_file is None else _login(str(settings.login_file))
        connection = socket.create_connection((settings.host, settings.port), SEND_SECONDS)
        server: _Conversation | None = None
        with deadline(WHOLE_SECONDS, lambda: connection if server is None else server.sock):
            try:
                if settings.encryption == "tls":
                    connection = context.wrap_socket(connection, server_hostname=settings.host)
                server = _Conversation(connection, settings)
                if settings.encryption == "starttls":
                    server.starttls(context=context)
                if login is not None:
                    server.login(*login)
                refused = server.send_message(mail, to_addrs=recipients)
            except BaseException:
                (connection if server is None else server).close()
                raise
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()  # it has taken the mail
        return refused


class _Conversation(smtplib.SMTP):
    """Speaks over a connection that is there. The standard library's makes its own, and waits for
    the greeting before anybody else knows of that."""

    def __init__(self, connection: socket.socket, settings: SmtpSettings) -> None:
        self._connection = connection
        # The name that a mail server is greeted with is nobody's business but its own: not looked
        # up, since that may take as long as all the rest.
        own = settings.sender.rpartition("@")[2]
        super().__init__(settings.host, settings.port, own, SEND_SECONDS)

    def connect(self, *_: object, **__: object) -> tuple[int, bytes]:
        """Takes the connection, and returns the greeting."""
        self.sock, self.file = self._connection, None
        return self.getreply()


def _context(settings: SmtpSettings) -> ssl.SSLContext:
    ca = None if settings.ca is None else str(settings.ca)
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise ChannelError(f"{ca}: this is no authority's certificate in PEM: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _login(path: str) -> tuple[str, str]:
    lines = read_secret(path, "user and password")
    if len(lines) != 2:
        raise ChannelError(f"{path}: write two lines there, the user and the password")
    return lines[0], lines[1]


def _said(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return printable(text)[:200]


def _is_final(answer: tuple[int, bytes]) -> bool:
    """Whether the server will never take mail for somebody; else it may later (RFC 5321, 4.2.1)."""
    return answer[0] >= 500


def _refused(where: str, recipients: _Answers) -> str:
    def each(final: bool) -> str:
        return "; ".join(
            f"{name}: {answer[0]} {_said(answer[1])}"
            for name, answer in recipients.items()
            if _is_final(answer) is final
        )

    said = []
    if never := each(True):
        said.append(f"it does not take mail for {printable(never)}; correct notify.smtp.recipients")
    if now := each(False):
        said.append(f"it does not take mail now for {printable(now)}")
    return f"{where}: " + "; ".join(said)
