"""Authenticates a request by its header fields, before anything of its body is read.

A client that has not signed by a registered key gets one and the same answer, after the same work;
the log alone says what was wrong: no client learns which keys the office knows, or knew. A camera
learns that it was revoked once its signature holds.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from camerad.base.clock import Clock
from camerad.base.errors import CameradError
from camerad.container.keys import PublicKey, SigningKey, Thumbprint
from camerad.exchange.request_signature import (
    COVERED_IF_PRESENT,
    DIGEST,
    NONCE,
    RequestSignatureError,
    SignedRequest,
    check,
)
from camerad.office.server.cameras import Cameras, UnregisteredError
from camerad.office.server.nonces import Nonces
from camerad.office.server.preflight import check_directory
from camerad.office.server.refusal_log import CALLER, Caller, RefusalLog
from camerad.office.server.refusals import Handler, RefusedRequestError
from camerad.office.server.revoked_cameras import RevokedCameras

OVERRIDE: Final = "X-HTTP-Method-Override"
UNPROVEN: Final = (
    "this request is not signed, as docs/office-api.md has it, by the key of a camera in the "
    "office's register; the office's log says what is wrong"
)
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

_REVOKED: Final = (
    "the office has withdrawn this camera, so nothing of it counts; if it is back, an "
    "administrator takes it back on the desk's page"
)


class Authentication:
    """Lets through what a registered camera signed, and gives every answer a nonce.

    url: the office's address as cameras call it, without a slash at its end. refusals: where the
    log says what was refused. directory: the office's; while it is not there nothing is done, since
    the revoked cameras are unknown, and nothing is made in its place. `middleware` comes behind
    `camerad.office.server.refusals.plain_errors`, and `add_nonce` belongs to `on_response_prepare`.
    """

    def __init__(
        self,
        url: str,
        cameras: Cameras,
        nonces: Nonces,
        clock: Clock,
        refusals: RefusalLog,
        *,
        directory: str,
        revoked: RevokedCameras,
    ) -> None:
        self._url = url
        self._cameras = cameras
        self._nonces = nonces
        self._clock = clock
        self._refusals = refusals
        self._directory = directory
        self._revoked = revoked
        self._unknown_key = SigningKey.generate().public

    async def add_nonce(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Give an answer a fresh nonce, errors included."""
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
                why = refused.__cause__
                self._refusals.tell_of_address(
                    request, why if isinstance(why, CameradError) else refused
                )
                raise
            # What strangers can cause asks no storage; a camera's own request may.
            await self.check_not_revoked(request)
        try:
            return await handler(request)
        except UnregisteredError as error:  # it was taken out of the register just now
            raise RefusedRequestError(HTTPStatus.UNAUTHORIZED, UNPROVEN) from error

    async def check_not_revoked(self, request: web.Request) -> None:
        """That the camera of a request that came through was not withdrawn since. Raises
        RefusedRequestError, and the log says why; NotMountedError and StorageError."""
        caller = request[CALLER]
        if await asyncio.to_thread(self._is_revoked, caller.kid):
            gone = RefusedRequestError(HTTPStatus.FORBIDDEN, _REVOKED)
            self._refusals.tell_of_camera(request, gone)
            raise gone

    def _is_revoked(self, kid: Thumbprint) -> bool:
        check_directory(self._directory)
        return self._revoked.is_revoked(kid)

    def _caller(self, request: web.Request) -> Caller:
        """Raises RefusedRequestError."""
        _check_fields(request)
        try:
            signed = self._verify(request)
            camera = self._cameras.find(signed.kid)
        except (UnregisteredError, RequestSignatureError) as error:
            raise RefusedRequestError(HTTPStatus.UNAUTHORIZED, UNPROVEN) from error
        self._nonces.take(
            signed.kid, signed.nonce, signed.created, self._clock.now_us(), self._clock.wall_us()
        )
        return Caller(camera.thumbprint, camera, signed.digest)

    def _verify(self, request: web.Request) -> SignedRequest:
        """Raises UnregisteredError, and RequestSignatureError."""
        unknown: list[UnregisteredError] = []

        def find(kid: str) -> PublicKey:
            try:
                return self._cameras.key(kid)
            except UnregisteredError as error:
                unknown.append(error)
                return self._unknown_key  # so that an unknown key takes as long

        try:
            signed = check(
                request.method,
                self._url + request.raw_path,
                request.headers,
                find,
                # A body that was signed and taken away on the way is missing, and not needless.
                has_body=request.body_exists or DIGEST in request.headers,
            )
        except RequestSignatureError:
            if not unknown:
                raise
        if unknown:
            raise unknown[0]
        return signed


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
