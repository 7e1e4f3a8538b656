"""Channels that carry alerts to people: the log, and mail (SMTP, RFC 5321).

Mail goes within TLS that is verified. It is plain text with its language, and says that a machine
wrote it (RFC 3834), so that no absence answers it. Each recipient is a channel, so one whom the
mail server refuses keeps no other from it.
"""

from __future__ import annotations

import contextlib
import logging
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Final, Protocol

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import EX_UNAVAILABLE, CameradError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.safe_read import read_plain
from camerad.base.text import printable
from camerad.office.jobs.alert_message import AlertMessage, title_of
from camerad.office.server.alert_settings import SmtpSettings

log = logging.getLogger(__name__)

SEND_SECONDS: Final = 30.0
"""For each step of sending a message,"""
WHOLE_SECONDS: Final = 120.0
"""and for all of it."""
_LONGEST_LOGIN: Final = 4096
_HINT: Final = "see notify.smtp in the office's settings"
_AGAIN_SECONDS: Final = 1.0
"""While TLS begins, one socket takes the place of another, and neither can be shut down."""


class ChannelError(CameradError, ConnectionError):
    """Error raised when a message did not get through; the text says why, and what to do."""

    exit_code = EX_UNAVAILABLE


class Channel(Protocol):
    """Carries messages. name: in log and metrics. recipient: whom it reaches, "" for everybody.
    at_once: nothing waits for the day's message."""

    name: str
    recipient: str
    at_once: bool

    def send(self, message: AlertMessage) -> None:
        """Send a message; it blocks. Raises ChannelError; then it may have arrived all the same."""


class LogChannel:
    """The log, in English, whether anything else is set up or not."""

    name = "log"
    recipient = ""
    at_once = True

    def send(self, message: AlertMessage) -> None:
        """Log each alert that nothing else logs."""
        for one, line in zip(message.alerts, message.lines, strict=True):
            if not one.logged_elsewhere:
                title = title_of(one.kind, message.language)
                log.warning("%s: %s", title, line, extra=MessageId.ALERT.extra)


class SmtpChannel:
    """settings: the section ``notify.smtp``. recipient: one of its. clock: dates the mail."""

    name = "smtp"
    at_once = False

    def __init__(self, settings: SmtpSettings, recipient: str, clock: Clock) -> None:
        self._settings = settings
        self.recipient = recipient
        self._clock = clock

    def send(self, message: AlertMessage) -> None:
        """Give the mail to the server. Raises ChannelError."""
        where = f"the mail server {self._settings.host}, port {self._settings.port}"
        try:
            self._send(self._mail(message))
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
            code, answer = error.recipients[self.recipient]
            # The server may take it later, or never (RFC 5321, 4.2.1).
            remedy = "; correct notify.smtp.recipients" if code >= 500 else ""
            raise ChannelError(
                f"{where}: it does not take mail for {printable(self.recipient)}: {code} "
                f"{_said(answer)}{remedy}"
            ) from error
        except smtplib.SMTPResponseException as error:
            said = f"{error.smtp_code} {_said(error.smtp_error)}"
            raise ChannelError(f"{where}: it does not take the mail ({said}); {_HINT}") from error
        except (OSError, smtplib.SMTPException) as error:
            said = printable(error) or type(error).__name__
            raise ChannelError(f"{where}: it cannot be reached ({said}); {_HINT}") from error

    def _mail(self, message: AlertMessage) -> EmailMessage:
        sender = self._settings.sender
        mail = EmailMessage()
        mail["Subject"] = message.subject
        mail["From"] = sender
        mail["To"] = self.recipient
        mail["Date"] = format_datetime(datetime.fromtimestamp(self._clock.wall_us() / SECOND, UTC))
        mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        mail["Content-Language"] = message.language
        return mail

    def _send(self, mail: EmailMessage) -> None:
        settings = self._settings
        context = _context(settings)
        login = None if settings.login_file is None else read_login(str(settings.login_file))
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
                server.send_message(mail, to_addrs=[self.recipient])
            except BaseException:
                (connection if server is None else server).close()
                raise
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()  # it has taken the mail


class _Conversation(smtplib.SMTP):
    """Speaks over a connection that is there. The standard library's makes its own, and waits for
    the greeting before its socket can be reached."""

    def __init__(self, connection: socket.socket, settings: SmtpSettings) -> None:
        self._connection = connection
        # The name that a mail server is greeted with is not looked up: that may take as long as all
        # the rest.
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


def read_login(path: str) -> tuple[str, str]:
    """User and password. Raises ChannelError, which never repeats them."""
    try:
        content = read_plain(path, "user and password", _LONGEST_LOGIN, linked=True)
        lines = [one for line in content.decode("utf-8").splitlines() if (one := line.strip())]
    except StorageError as error:
        raise ChannelError(str(error)) from error
    except UnicodeDecodeError:
        raise ChannelError(f"{path}: this is no text (UTF-8)") from None
    if len(lines) != 2:
        raise ChannelError(f"{path}: write two lines there, the user and the password")
    return lines[0], lines[1]


def _said(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return printable(text)[:200]


@contextlib.contextmanager
def deadline(seconds: float, connection: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Shut a connection to a mail server down after so many seconds, so that whatever waits for it
    fails with OSError, and each that takes its place after that. connection: the socket in use,
    which may be made meanwhile; None if there is none.

    A timeout of the standard library counts each wait by itself, so a peer that sends one byte now
    and then would hold a thread for ever.
    """
    over = threading.Event()

    def end() -> None:
        left = seconds
        while not over.wait(left):
            left = _AGAIN_SECONDS
            there = connection()
            if there is not None:
                with contextlib.suppress(OSError):
                    # Below TLS, which another thread may be in the middle of.
                    socket.socket.shutdown(there, socket.SHUT_RDWR)

    threading.Thread(target=end, daemon=True).start()
    try:
        yield
    finally:
        over.set()
