"""Who sent a request: checked by its header fields, before anything of its body is read."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from camerad.base.clock import SECOND, Clock
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.dock.request_signature import (
    COVERED_IF_PRESENT,
    DIGEST,
    NONCE,
    RequestSignatureError,
    SignedRequest,
    check,
)
from camerad.office.camera_register import RegisteredCamera
from camerad.vault.cameras import Cameras, UnregisteredError
from camerad.vault.nonces import NonceError, Nonces, NoncesFullError
from camerad.vault.refusals import Handler, RefusedRequestError, later

log = logging.getLogger(__name__)

MOST_LOGGED: Final = 20
"""Refusals of one address that the log names in a minute; the others are counted."""
_MINUTE_US: Final = 60 * SECOND
OVERRIDE: Final = "X-HTTP-Method-Override"
_ONCE: Final = (
    *COVERED_IF_PRESENT,
    "signature",
    "signature-input",
    "host",
    "content-length",
    "transfer-encoding",
    "content-type",
    "tus-resumable",
    OVERRIDE.lower(),
)
"""Header fields that a request has once: of two, the signature might cover one and the server obey
the other."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is. kid: thumbprint of the key that signed it. digest: SHA-256 that the body
    must have; None if there is none."""

    kid: str
    camera: RegisteredCamera
    digest: bytes | None


CALLER: Final = web.RequestKey("caller", Caller)
"""Where a request that came through has its `Caller`: ``request[CALLER]``."""


class Authentication:
    """Lets through what a registered camera signed, and gives every answer a nonce.

    url: the office's address as cameras call it, without a slash at its end. `middleware` comes
    behind `camerad.vault.refusals.plain_errors`, and `add_nonce` belongs to `on_response_prepare`.
    """

    def __init__(self, url: str, cameras: Cameras, nonces: Nonces, clock: Clock) -> None:
        self._url = url
        self._cameras = cameras
        self._nonces = nonces
        self._clock = clock
        self._refusals = _RefusalLog()

    async def add_nonce(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Give an answer a fresh nonce, whatever it says."""
        response.headers[NONCE] = self._nonces.issue(self._clock.now_us())

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Carry out a request whose signature holds, and whose nonce counts; `OPTIONS` needs none.

        Raises RefusedRequestError, and the log says why.
        """
        if request.method != hdrs.METH_OPTIONS:
            try:
                request[CALLER] = self._caller(request)
            except RefusedRequestError as refused:
                self._refusals.tell(request, refused, self._clock.now_us())
                raise
        return await handler(request)

    def _caller(self, request: web.Request) -> Caller:
        """Raises RefusedRequestError."""
        _check_fields(request)
        try:
            signed = self._verify(request)
            camera = self._cameras.find(signed.kid)
            self._nonces.take(
                signed.kid,
                signed.nonce,
                signed.created,
                self._clock.now_us(),
                self._clock.wall_us(),
            )
        except UnregisteredError as error:
            raise RefusedRequestError(HTTPStatus.FORBIDDEN, str(error)) from error
        except (RequestSignatureError, NonceError) as error:
            raise RefusedRequestError(HTTPStatus.UNAUTHORIZED, str(error)) from error
        except NoncesFullError as error:
            raise later(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
        return Caller(signed.kid, camera, signed.digest)

    def _verify(self, request: web.Request) -> SignedRequest:
        return check(
            request.method,
            self._url + request.raw_path,
            request.headers,
            self._cameras.key,
            # A body that was signed and taken away on the way is missing, and not needless.
            has_body=request.body_exists or DIGEST in request.headers,
        )


class _RefusalLog:
    """Says in the log what was refused, so that whoever sends ever more of it fills no disk."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._since_us = 0

    def tell(self, request: web.Request, refused: RefusedRequestError, now_us: int) -> None:
        """Log a refusal, or count it. now_us: boot time."""
        if now_us - self._since_us >= _MINUTE_US:
            left_out = sum(max(0, count - MOST_LOGGED) for count in self._counts.values())
            if left_out > 0:
                log.warning(
                    "%d more requests were refused in a minute, and are not named here",
                    left_out,
                    extra=MessageId.REQUEST_REFUSED.extra,
                )
            self._counts.clear()
            self._since_us = now_us
        peer = str(request.remote)
        self._counts[peer] += 1
        if self._counts[peer] <= MOST_LOGGED:
            log.warning(
                "refused %s %s of %s: %s",
                request.method,
                printable(request.raw_path)[:200],
                peer,
                printable(refused),
                extra=MessageId.REQUEST_REFUSED.extra,
            )


def _check_fields(request: web.Request) -> None:
    """Refuse what two readers of the same request could take for two requests."""
    if not request.raw_path.startswith("/"):
        raise RefusedRequestError(
            HTTPStatus.BAD_REQUEST, "name a path in the request line, and no whole address"
        )
    for name in _ONCE:
        if len(request.headers.getall(name, ())) > 1:
            raise RefusedRequestError(
                HTTPStatus.BAD_REQUEST, f"the header field {name} is there twice; send it once"
            )
    if OVERRIDE in request.headers:
        raise RefusedRequestError(
            HTTPStatus.BAD_REQUEST,
            f"{OVERRIDE} is not taken, since no signature covers it; use the method itself",
        )
