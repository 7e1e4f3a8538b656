"""Notices by a webhook: one POST of JSON, by HTTPS that is verified.

The body is ``{"type", "timestamp", "data", "text"}``: the first three as Standard Webhooks
(standardwebhooks.com) asks for, the last one for chats that show just that. With a secret each
message is signed as that standard has it: HMAC-SHA256 of ``ID.TIMESTAMP.BODY``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import json
import secrets
import ssl
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from camerad.base.clock import SECOND, Clock
from camerad.base.text import printable
from camerad.vault.notice_settings import WebhookSettings
from camerad.vault.notices.notice_channels import (
    SEND_SECONDS,
    WHOLE_SECONDS,
    ChannelError,
    read_secret,
)
from camerad.vault.notices.notice_message import NoticeMessage
from camerad.vault.notices.send_deadline import deadline

TYPE: Final = "camerad.notices"
_PREFIX: Final = "whsec_"


def sign(key: bytes, identifier: str, timestamp: int, body: bytes) -> str:
    """The signature of a message, as Standard Webhooks has it. timestamp: seconds."""
    signed = f"{identifier}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class WebhookChannel:
    """settings: the section ``notify.webhook``. clock: dates the message."""

    name = "webhook"
    at_once = False

    def __init__(self, settings: WebhookSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def send(self, message: NoticeMessage) -> None:
        """Post it; the receiver has to answer with success. A redirection is none. Raises
        ChannelError."""
        url = urlsplit(self._settings.url)
        # Not the path: with many receivers whoever knows that may post there.
        where = f"the webhook at {url.netloc}"
        now = self._clock.wall_us() // SECOND
        body = json.dumps(
            {
                "type": TYPE,
                "timestamp": datetime.fromtimestamp(now, UTC).isoformat(),
                "data": message.as_json(),
                "text": f"{message.subject}\n\n{message.text}",
            },
            ensure_ascii=False,
        ).encode()
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection: http.client.HTTPSConnection | None = None
        try:
            headers = self._headers(body, now)
            connection = http.client.HTTPSConnection(
                url.hostname or "", url.port, timeout=SEND_SECONDS, context=self._context()
            )
            with deadline(WHOLE_SECONDS, lambda: connection.sock):
                connection.request("POST", path, body, headers)
                # What it says besides is not read.
                with connection.getresponse() as answer:
                    status = answer.status
        except ChannelError:
            raise
        except ssl.SSLCertVerificationError as error:
            raise ChannelError(
                f"{where}: its certificate does not hold: {error.verify_message}; name its "
                "authority with notify.webhook.ca, or its name as the certificate has it"
            ) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            said = printable(error) or type(error).__name__
            raise ChannelError(
                f"{where}: it cannot be reached ({said}); see notify.webhook in the office's "
                "settings"
            ) from error
        finally:
            if connection is not None:
                connection.close()
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise ChannelError(f"{where}: it answers {status}{_remedy(status)}")

    def _headers(self, body: bytes, now: int) -> dict[str, str]:
        settings = self._settings
        identifier = f"msg_{secrets.token_urlsafe(18)}"
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "camerad",
            "webhook-id": identifier,
            "webhook-timestamp": str(now),
        }
        if settings.token_file is not None:
            token = read_secret(str(settings.token_file), "token")[0]
            if not token.isascii() or not token.isprintable():
                raise ChannelError(f"{settings.token_file}: this is no token: it is not plain text")
            headers["Authorization"] = f"Bearer {token}"
        if settings.secret_file is not None:
            key = _key(str(settings.secret_file))
            headers["webhook-signature"] = sign(key, identifier, now, body)
        return headers

    def _context(self) -> ssl.SSLContext:
        ca = None if self._settings.ca is None else str(self._settings.ca)
        try:
            context = ssl.create_default_context(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise ChannelError(
                f"{ca}: this is no authority's certificate in PEM: {error}"
            ) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def _key(path: str) -> bytes:
    said = read_secret(path, "secret")[0]
    try:
        if not said.startswith(_PREFIX):
            raise ValueError
        return base64.b64decode(said.removeprefix(_PREFIX), validate=True)
    except (ValueError, binascii.Error):
        raise ChannelError(
            f"{path}: this is no secret of Standard Webhooks: {_PREFIX} and base64 are needed"
        ) from None


def _remedy(status: int) -> str:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return ", so it does not take the token; correct notify.webhook.token_file"
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE) or 300 <= status < 400:
        return "; correct notify.webhook.url"
    return "; see what its log says"
