"""Talks to the city's provider: OpenID Connect Core with the authorization code and PKCE.

What is asked of it: its discovery document, its keys, and a token for each code. Only the settings
name where it is; the document names the rest, which has to be HTTPS. Every answer is bounded in
bytes and seconds, no redirection is followed, and nothing of a person goes along. Document and keys
count for an hour. If a token names a key that is not among them, they are asked for again, twice a
minute at the most; a provider that does not answer is left alone for some seconds.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import http.client
import ssl
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, Generic, TypeVar
from urllib.parse import SplitResult, quote_plus, urlencode, urlsplit

import msgspec

from camerad.base import typed_json
from camerad.base.clock import SECOND, Clock
from camerad.base.errors import CameradError, StorageError
from camerad.base.safe_read import read_plain
from camerad.base.send_deadline import deadline
from camerad.base.text import printable
from camerad.container.keys import encode_base64url
from camerad.office.desk.id_token import (
    IdTokenError,
    TokenKeys,
    UnpublishedKeyError,
    WantedToken,
    check_id_token,
)
from camerad.office.server.openid_settings import SECTION, OpenidSettings

WHOLE_SECONDS: Final = 10.0
"""For one answer from its first to its last byte, and as long before that for the connection."""
LARGEST: Final = 256 * 1024
"""Of an answer, bytes."""
KNOWN_US: Final = 3600 * SECOND
"""How long document and keys count."""
KEYS_AGAIN_US: Final = 30 * SECOND
LEFT_ALONE_US: Final = 5 * SECOND
"""How long a provider that did not answer is not asked again."""
_DISCOVERY: Final = "/.well-known/openid-configuration"
_LONGEST_SECRET: Final = 4096

_T = TypeVar("_T")


class ProviderAwayError(CameradError):
    """Error raised when the provider does not answer, or not as it has to."""


class CodeRefusedError(CameradError):
    """Error raised when the provider does not take a code: it is used up, too old, or not of this
    sign-in."""


class _Document(msgspec.Struct, frozen=True):
    """What is looked at of OpenID Connect Discovery, 3, and of RFC 9207, 3."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str


class _Refusal(msgspec.Struct, frozen=True):
    error: str


class OpenidProvider:
    """settings: the section `desk.openid`. back: address of the desk that browsers come back to.
    For the event loop."""

    def __init__(self, settings: OpenidSettings, back: str, clock: Clock) -> None:
        self.settings = settings
        self._back = back
        self._clock = clock
        self._document = _Remembered(clock, self._fetch_document)
        self._keys = _Remembered(clock, self._fetch_keys)
        self._tls: ssl.SSLContext | None = None

    async def look(self) -> None:
        """That it answers, and that the secret is there. Raises ProviderAwayError."""
        await self._document.get()
        await self._keys.get()
        await asyncio.to_thread(self._secret)

    async def address(self, state: str, nonce: str, verifier: str) -> str:
        """Where a browser is sent to. Raises ProviderAwayError."""
        settings = self.settings
        document = await self._document.get()
        digest = hashlib.sha256(verifier.encode("ascii")).digest()
        asked = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": self._back,
            "scope": "openid",
            "state": state,
            "nonce": nonce,
            "code_challenge": encode_base64url(digest),
            "code_challenge_method": "S256",
        }
        if settings.prompt != "provider":
            asked["prompt"] = settings.prompt
        if settings.max_age_seconds is not None:
            asked["max_age"] = str(settings.max_age_seconds)
        if settings.acr:
            asked["acr_values"] = " ".join(settings.acr)
        there = document.authorization_endpoint
        return there + ("&" if urlsplit(there).query else "?") + urlencode(asked)

    async def redeem(
        self, code: str, issuer: str | None, verifier: str, nonce: str, begun_us: int
    ) -> str:
        """The subject that a code stands for. issuer: as the browser brought it (RFC 9207).
        begun_us: when this sign-in began. Raises ProviderAwayError, CodeRefusedError and
        IdTokenError."""
        settings = self.settings
        document = await self._document.get()
        needed = document.authorization_response_iss_parameter_supported
        if (issuer is not None or needed) and issuer != settings.issuer:
            raise IdTokenError("the answer is by another issuer (iss)")
        token = await self._fetch_token(document, code, verifier)
        wanted = WantedToken(
            settings.issuer,
            settings.client_id,
            nonce,
            begun_us,
            settings.max_age_seconds,
            settings.acr,
        )
        now = self._clock.wall_us()
        try:
            return check_id_token(token, await self._keys.get(), wanted, now)
        except UnpublishedKeyError:
            again = await self._keys.get(older_than_us=KEYS_AGAIN_US)
            return check_id_token(token, again, wanted, now)

    async def _fetch_document(self) -> _Document:
        settings = self.settings
        content = await self._ask("GET", settings.issuer.rstrip("/") + _DISCOVERY)
        try:
            document = typed_json.decode(content, _Document)
        except (ValueError, RecursionError) as error:
            raise self._away(f"its discovery document is none: {error}") from error
        if document.issuer != settings.issuer:
            raise self._away(
                f"it calls itself {printable(document.issuer)[:200]}; write that, letter by letter"
            )
        for address in (
            document.authorization_endpoint,
            document.token_endpoint,
            document.jwks_uri,
        ):
            if not self._is_sound(address):
                raise self._away(f"it names {printable(address)[:200]}, which is not HTTPS")
        return document

    async def _fetch_keys(self) -> TokenKeys:
        document = await self._document.get()
        content = await self._ask("GET", document.jwks_uri)
        try:
            return TokenKeys(content)
        except (ValueError, RecursionError) as error:
            raise self._away(f"what it publishes are no keys: {error}") from error

    async def _fetch_token(self, document: _Document, code: str, verifier: str) -> str:
        said = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "code_verifier": verifier,
        }
        client, secret = self.settings.client_id, await asyncio.to_thread(self._secret)
        headers = {}
        methods = document.token_endpoint_auth_methods_supported
        spelled = f"{quote_plus(client)}:{quote_plus(secret)}"
        # Some providers read Basic as it stands, and some as RFC 6749, 2.3.1, says. Where that is
        # not the same, the form is read alike by all.
        alike = spelled == f"{client}:{secret}" or "client_secret_post" not in methods
        if alike and ("client_secret_basic" in methods or "client_secret_post" not in methods):
            pair = base64.b64encode(spelled.encode("ascii"))
            headers["Authorization"] = "Basic " + pair.decode("ascii")
        else:
            said |= {"client_id": client, "client_secret": secret}
        content = await self._ask("POST", document.token_endpoint, said, headers)
        try:
            return typed_json.decode(content, _Tokens).id_token
        except (ValueError, RecursionError) as error:
            raise self._away("it gives no ID token") from error

    async def _ask(
        self,
        method: str,
        address: str,
        said: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        """The content of an answer that is a success."""
        body = None if said is None else urlencode(said).encode("ascii")
        fields = {"Accept": "application/json", "Accept-Encoding": "identity"} | (headers or {})
        if body is not None:
            fields["Content-Type"] = "application/x-www-form-urlencoded"
        status, content = await asyncio.to_thread(self._exchange, method, address, body, fields)
        if status == HTTPStatus.OK:
            return content
        if said is not None and HTTPStatus.BAD_REQUEST <= status < 500:
            self._refuse_code(content)
        raise self._away(f"it answers {status} at {urlsplit(address).netloc}")

    def _exchange(
        self, method: str, address: str, body: bytes | None, fields: dict[str, str]
    ) -> tuple[int, bytes]:
        """Status and content of one answer; for a thread."""
        url = urlsplit(address)
        begun = time.monotonic()
        try:
            connection = self._connection(url)
            with contextlib.closing(connection):
                connection.connect()
                reached = connection.sock  # which the answer takes over, if it is the last one
                begun = time.monotonic()
                with deadline(WHOLE_SECONDS, lambda: reached):
                    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
                    connection.request(method, path, body, fields)
                    with connection.getresponse() as answer:
                        content = answer.read(LARGEST + 1)
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._check_time(begun)
            raise self._away(printable(error)[:300] or type(error).__name__) from error
        self._check_time(begun)
        if len(content) > LARGEST:
            raise self._away(f"its answer has more than {LARGEST} bytes")
        return answer.status, content

    def _check_time(self, begun: float) -> None:
        """What was cut off by the deadline may look like an answer's end."""
        if time.monotonic() - begun >= WHOLE_SECONDS:
            raise self._away(f"it does not answer within {WHOLE_SECONDS:g} s")

    def _connection(self, url: SplitResult) -> http.client.HTTPConnection:
        host, timeout = url.hostname or "", WHOLE_SECONDS
        if url.scheme == "http":  # `_is_sound`: a trial
            return http.client.HTTPConnection(host, url.port, timeout=timeout)
        if self._tls is None:
            self._tls = self._make_tls()
        return http.client.HTTPSConnection(host, url.port, timeout=timeout, context=self._tls)

    def _refuse_code(self, content: bytes) -> None:
        """Raises what an answer of the token endpoint says, if it is one (RFC 6749, 5.2)."""
        try:
            error = typed_json.decode(content, _Refusal).error
        except (ValueError, RecursionError):
            return
        if error == "invalid_grant":
            raise CodeRefusedError("the provider does not take the code")
        remedy = (
            f"correct {SECTION}.client_id or the secret in {self.settings.client_secret_file}"
            if error in ("invalid_client", "unauthorized_client")
            else "see what its log says"
        )
        raise self._away(f"it refuses the desk ({printable(error)[:100]}); {remedy}")

    def _secret(self) -> str:
        """As it is now: it may have been changed."""
        path = str(self.settings.client_secret_file)
        try:
            said = read_plain(path, "secret", _LONGEST_SECRET, linked=True).decode("ascii").strip()
        except StorageError as error:
            raise ProviderAwayError(str(error)) from error
        except UnicodeDecodeError:
            said = ""
        if not said or len(said) >= _LONGEST_SECRET or not said.isprintable():
            raise ProviderAwayError(
                f"{path}: there is no secret in this file; write there what the provider gave"
            )
        return said

    def _make_tls(self) -> ssl.SSLContext:
        ca = None if self.settings.ca is None else str(self.settings.ca)
        try:
            context = ssl.create_default_context(cafile=ca)
        except OSError as error:
            raise ProviderAwayError(
                f"{ca}: this is no authority's certificate in PEM ({SECTION}.ca): {error}"
            ) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _is_sound(self, address: str) -> bool:
        try:
            said = urlsplit(address)
            host, _ = said.hostname, said.port
        except ValueError:
            return False
        if not host or said.username is not None or said.fragment:
            return False
        trial = self.settings.is_trial and host in ("localhost", "127.0.0.1")
        return said.scheme == "https" or (said.scheme == "http" and trial)

    def _away(self, text: str) -> ProviderAwayError:
        return ProviderAwayError(f"the provider at {self.settings.issuer}: {text}")


class _Remembered(Generic[_T]):
    """What the provider said, until it is too old. fetch: asks for it anew."""

    def __init__(self, clock: Clock, fetch: Callable[[], Awaitable[_T]]) -> None:
        self._clock = clock
        self._fetch = fetch
        self._turn = asyncio.Lock()
        self._value: _T | None = None
        self._fetched_us = 0
        self._failure: ProviderAwayError | None = None
        self._failed_us = 0

    async def get(self, *, older_than_us: int = KNOWN_US) -> _T:
        """It, fetched no longer ago than that. Raises ProviderAwayError."""
        async with self._turn:
            now = self._clock.now_us()
            if self._value is not None and now - self._fetched_us < older_than_us:
                return self._value
            if self._failure is not None and now - self._failed_us < LEFT_ALONE_US:
                raise ProviderAwayError(str(self._failure))
            try:
                value = await self._fetch()
            except ProviderAwayError as error:
                self._failure, self._failed_us = error, self._clock.now_us()
                raise
            self._value, self._failure, self._fetched_us = value, None, self._clock.now_us()
            return value
