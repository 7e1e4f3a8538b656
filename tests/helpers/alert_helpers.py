"""A mail server on loopback, with TLS, that keeps the alerts."""

from __future__ import annotations

import asyncio
import ssl
import threading
import warnings
from contextlib import AbstractContextManager, nullcontext
from email.message import Message
from email.parser import BytesParser
from email.policy import default
from types import TracebackType
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from camerad.base.clock import DAY
from camerad.base.errors import StorageError
from camerad.office.jobs.alert_channels import ChannelError
from camerad.office.jobs.alert_delivery import AlertStore, Memory, Told
from camerad.office.jobs.alert_message import AlertMessage
from camerad.office.jobs.alert_rules import Alert, AlertKind, OfficeFacts, StoreFacts
from tests.waiting import DEADLINE

HOST: Final = "127.0.0.1"
USER: Final = "camerad"
PASSWORD: Final = "correct horse"  # noqa: S105 - of a server that lives as long as a test
NOW_US: Final = 1_795_540_000_000_000
"""Tuesday, 24 November 2026."""


def office_facts(**said: Any) -> OfficeFacts:
    """An office in which all is well. said: what is otherwise."""
    facts: dict[str, Any] = {
        "now_us": NOW_US,
        "trusted": True,
        "store": StoreFacts(NOW_US),
        "since_look_us": 0,
        "quarantined": (),
        "cameras": (),
        "free": 50,
        "total": 100,
        "reserve": 5,
        "certificate_end_us": NOW_US + 800 * DAY,
    }
    return OfficeFacts(**(facts | said))


def alert(kind: AlertKind = AlertKind.CAMERA_NOT_SEEN, about: str = "a", **said: Any) -> Alert:
    return Alert(**({"kind": kind, "about": about, "again_days": 7} | said))


class RememberingChannel:
    """Takes messages, unless it is broken. sent: all that it took."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.name, self.recipient = "post", ""
        self.at_once = at_once
        self.broken = ""
        self.sent: list[AlertMessage] = []

    def send(self, message: AlertMessage) -> None:
        if self.broken:
            raise ChannelError(self.broken)
        self.sent.append(message)

    @property
    def keys(self) -> list[list[str]]:
        return [[one.key for one in message.alerts] for message in self.sent]


class RememberingStore(AlertStore):
    """A channel's memory, as the database has it, of as many servers as use it. unread, full: what
    it does not let be read or written for. taken: another server tells just now."""

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}
        self.unread = self.full = ""
        self.taken = False

    def claimed(self) -> AbstractContextManager[bool]:
        return nullcontext(not self.taken)

    def load(self) -> dict[str, Told]:
        if self.unread:
            raise StorageError(self.unread)
        return dict(self.told)

    def save(self, before: Memory, after: Memory) -> None:
        assert before == self.told
        if self.full:
            raise StorageError(self.full)
        self.told = dict(after)


class MailServer:
    """tls: from the beginning, else STARTTLS is required. login: whether a user has to log in.
    refused: a recipient that it does not take. busy: one whom it does not take now, with what it
    answers."""

    def __init__(
        self,
        context: ssl.SSLContext | None,
        *,
        tls: bool = False,
        login: bool = False,
        refused: str = "",
    ) -> None:
        self.mails: list[Message] = []
        self.recipients: list[list[str]] = []
        self.refused = refused
        self.busy: dict[str, str] = {}
        self._options: dict[str, Any] = {"hostname": "mail.example"}
        if login:
            self._options |= {"authenticator": self._admit, "auth_required": True}
        if tls:
            self._options["auth_require_tls"] = False  # aiosmtpd knows of STARTTLS only
        else:
            self._options |= {"tls_context": context, "require_starttls": context is not None}
        self._context = context if tls else None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.port = 0

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        protocols: list[SMTP] = []

        def make() -> SMTP:
            with warnings.catch_warnings():
                # It does not know that there was TLS from the beginning.
                warnings.simplefilter("ignore")
                protocols.append(SMTP(self, loop=self._loop, **self._options))
            return protocols[-1]

        server = await self._loop.create_server(make, HOST, 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        server.close()
        transports = [one.transport for one in protocols if one.transport is not None]
        # One whose peer has gone knows no socket any more.
        transports = [one for one in transports if not one.is_closing()]
        sockets = [one.get_extra_info("socket") for one in transports]
        for one in transports:
            one.abort()
        async with asyncio.timeout(DEADLINE):
            # A transport gives its socket back some turns of the loop later.
            while any(one is not None and one.fileno() >= 0 for one in sockets):
                await asyncio.sleep(0)

    def _admit(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any
    ) -> AuthResult:
        right = isinstance(data, LoginPassword) and (
            data.login == USER.encode() and data.password == PASSWORD.encode()
        )
        return AuthResult(success=right, handled=right)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if address == self.refused:
            return "550 nobody of that name is here"
        if address in self.busy:
            return self.busy[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(BytesParser(policy=default).parsebytes(content))
        self.recipients.append(envelope.rcpt_tos)
        return "250 OK"

    def __enter__(self) -> MailServer:
        self._thread.start()
        assert self._ready.wait(DEADLINE)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(DEADLINE)
