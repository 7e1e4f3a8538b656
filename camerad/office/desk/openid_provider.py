"""Asks the city's provider who signs in: OpenID Connect Core, authorization code with PKCE.

What is asked of it: its discovery document, its keys, and a token for each code. Only the settings
name where it is; the document names the rest, which has to be HTTPS. Every answer is bounded in
bytes and seconds, no redirection is followed, and nothing of a person goes along. Document and keys
count for an hour. If a token names a key that is not among them, they are asked for again, twice a
minute at the most; a provider that does not answer is left alone for some seconds.

joserfc reads a token and checks its signature; what the token has to say (3.1.3.7) is checked here.
Only signatures by a private key count (`ALGORITHMS`): neither none at all, nor one by a secret that
both sides have, for which a public key could be taken. The key is one that the provider publishes,
named by the token's `kid`; only where there is a single one that fits may that be left out. Times
of a token are seconds since 1970.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from camerad.base import typed_json
from camerad.base.clock import SECOND, Clock
from camerad.base.errors import StorageError
from camerad.base.safe_read import read_plain
from camerad.base.text import printable
from camerad.container.keys import encode_base64url
from camerad.office.desk.desk_refusals import DeskRefusal, RefusalError
from camerad.office.server.desk_settings import SECTION, OpenidSettings

WHOLE_SECONDS: Final = 10.0
"""For one answer, the connection included."""
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
ALGORITHMS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
}
"""Signatures that count (RFC 7518, 3.1), and the type of key of each."""
LEEWAY_SECONDS: Final = 60
"""How far the provider's clock may be from this one."""
MOST_KEYS: Final = 100
_SMALLEST_RSA: Final = 2048
_SUBJECT: Final = re.compile(r"[ -~]{1,255}", re.ASCII)
"""Core, 2: at most 255 characters of ASCII."""
_REGISTRY: Final = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)


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

    async def check(self) -> None:
        """Check that the provider answers, and that the secret is there. Raises RefusalError."""
        await self._document.get()
        await self._keys.get()
        await asyncio.to_thread(self._secret)

    async def address(self, state: str, nonce: str, verifier: str) -> str:
        """Where a browser is sent to. Raises RefusalError."""
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
        begun_us: when this sign-in began. Raises RefusalError."""
        settings = self.settings
        document = await self._document.get()
        needed = document.authorization_response_iss_parameter_supported
        if (issuer is not None or needed) and issuer != settings.issuer:
            raise _wrong("the answer is by another issuer (iss)")
        token = await self._fetch_token(document, code, verifier)
        wanted = WantedToken(settings, nonce, begun_us)
        keys = await self._keys.get()
        if keys.find(*_read_header(token)) is None:  # the provider may have another one since
            keys = await self._keys.get(older_than_us=KEYS_AGAIN_US)
        return check_id_token(token, keys, wanted, self._clock.wall_us())

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
        fields = {"Accept": "application/json", "Accept-Encoding": "identity"} | (headers or {})
        if self._tls is None:
            self._tls = await asyncio.to_thread(self._make_tls)
        content, bound = b"", aiohttp.ClientTimeout(WHOLE_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=bound, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
                ) as session,
                session.request(
                    method, address, data=said, headers=fields, ssl=self._tls, allow_redirects=False
                ) as answer,
            ):
                async for piece in answer.content.iter_any():
                    content += piece
                    if len(content) > LARGEST:
                        raise self._away(f"its answer has more than {LARGEST} bytes")
        except TimeoutError as error:
            raise self._away(f"it does not answer within {WHOLE_SECONDS:g} s") from error
        except (OSError, aiohttp.ClientError) as error:
            raise self._away(printable(error)[:300] or type(error).__name__) from error
        if answer.status == HTTPStatus.OK:
            return content
        if said is not None and HTTPStatus.BAD_REQUEST <= answer.status < 500:
            self._refuse_code(content)
        raise self._away(f"it answers {answer.status} at {urlsplit(address).netloc}")

    def _refuse_code(self, content: bytes) -> None:
        """Raises what an answer of the token endpoint says, if it is one (RFC 6749, 5.2)."""
        try:
            error = typed_json.decode(content, _Refusal).error
        except (ValueError, RecursionError):
            return
        if error == "invalid_grant":
            raise RefusalError(DeskRefusal.OPENID_STALE, "the provider does not take the code")
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
            raise _away(str(error)) from error
        except UnicodeDecodeError:
            said = ""
        if not said or len(said) >= _LONGEST_SECRET or not said.isprintable():
            raise _away(
                f"{path}: there is no secret in this file; write there what the provider gave"
            )
        return said

    def _make_tls(self) -> ssl.SSLContext:
        ca = None if self.settings.ca is None else str(self.settings.ca)
        try:
            context = ssl.create_default_context(cafile=ca)
        except OSError as error:
            raise _away(
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

    def _away(self, text: str) -> RefusalError:
        return _away(f"the provider at {self.settings.issuer}: {text}")


class _Remembered(Generic[_T]):
    """What the provider said, until it is too old. fetch: asks for it anew."""

    def __init__(self, clock: Clock, fetch: Callable[[], Awaitable[_T]]) -> None:
        self._clock = clock
        self._fetch = fetch
        self._turn = asyncio.Lock()
        self._value: _T | None = None
        self._fetched_us = 0
        self._failure: RefusalError | None = None
        self._failed_us = 0

    async def get(self, *, older_than_us: int = KNOWN_US) -> _T:
        """It, fetched no longer ago than that. Raises RefusalError."""
        async with self._turn:
            now = self._clock.now_us()
            if self._value is not None and now - self._fetched_us < older_than_us:
                return self._value
            if self._failure is not None and now - self._failed_us < LEFT_ALONE_US:
                raise _away(str(self._failure))
            try:
                value = await self._fetch()
            except RefusalError as error:
                self._failure, self._failed_us = error, self._clock.now_us()
                raise
            self._value, self._failure, self._fetched_us = value, None, self._clock.now_us()
            return value


# ---------------------------------------------------------------------------------------- tokens


class WantedToken(msgspec.Struct, frozen=True):
    """What a token has to say. begun_us: when this sign-in began."""

    settings: OpenidSettings
    nonce: str
    begun_us: int


class _Claims(msgspec.Struct, frozen=True):
    """What is looked at; what else a token says is passed over."""

    iss: str
    sub: str
    aud: str | tuple[str, ...]
    exp: float
    iat: float
    nonce: str
    azp: str | None = None
    auth_time: float | None = None
    acr: str | None = None


class TokenKeys:
    """The keys that a provider publishes (RFC 7517). published: its document, JSON. Of kinds that
    sign no token, and too short ones, none is taken. Raises ValueError if it is none such."""

    def __init__(self, published: bytes) -> None:
        keys = typed_json.decode(published, _KeySet).keys
        if len(keys) > MOST_KEYS:
            raise ValueError(f"there are more than {MOST_KEYS} keys")
        self._keys = [key for one in keys if (key := _read_key(one)) is not None]

    def find(self, algorithm: str, kid: str | None) -> RSAKey | ECKey | None:
        """The key that a token names; None if that is none, or not one alone."""
        kind = ALGORITHMS[algorithm]
        found = [
            key
            for key in self._keys
            if key.key_type == kind
            and key.get("alg") in (None, algorithm)
            and kid in (None, key.kid)
        ]
        return found[0] if len(found) == 1 else None


class _KeySet(msgspec.Struct, frozen=True):
    keys: tuple[dict[str, Any], ...]


def check_id_token(token: str, keys: TokenKeys, wanted: WantedToken, now_us: int) -> str:
    """The subject that a token names, which has to count. Raises RefusalError."""
    claims = _verified(token, keys)
    now, settings = now_us / SECOND, wanted.settings
    if claims.iss != settings.issuer:
        raise _wrong("the token is by another issuer")
    if claims.aud not in (settings.client_id, (settings.client_id,)):
        raise _wrong("the token is not for the desk, or not for it alone (aud)")
    if claims.azp not in (None, settings.client_id):
        raise _wrong("the token was given to another client (azp)")
    if claims.nonce != wanted.nonce:
        raise _wrong("the token is of another sign-in (nonce)")
    if not now < claims.exp + LEEWAY_SECONDS:
        raise _wrong("the token has expired; see whether both clocks are right")
    begun = wanted.begun_us / SECOND
    if not begun - LEEWAY_SECONDS <= claims.iat <= now + LEEWAY_SECONDS:
        raise _wrong(
            "the token was not made in this sign-in (iat); see whether both clocks are right"
        )
    if not _SUBJECT.fullmatch(claims.sub):
        raise _wrong("the token names no account (sub)")
    if settings.acr and claims.acr not in settings.acr:
        raise RefusalError(
            DeskRefusal.OPENID_FACTOR,
            "the sign-in was of no kind that counts here (acr)",
            claims.sub,
        )
    if settings.max_age_seconds is not None:
        oldest = begun - settings.max_age_seconds - LEEWAY_SECONDS
        if claims.auth_time is None or not claims.auth_time >= oldest:
            raise RefusalError(
                DeskRefusal.OPENID_TOO_OLD,
                "the provider asked for password or factor too long ago (auth_time)",
                claims.sub,
            )
    return claims.sub


_BROKEN: Final = (JoseError, ValueError, TypeError, RecursionError)
"""What the library raises at what is no token."""


def _verified(token: str, keys: TokenKeys) -> _Claims:
    """What a token says, by one of the keys."""
    key = keys.find(*_read_header(token))
    if key is None:
        raise _wrong("the token names none of the provider's keys")
    try:
        said = jws.deserialize_compact(token.encode("ascii"), key, registry=_REGISTRY)
    except _BROKEN as error:
        raise _wrong(f"this is no token, or not signed as it says: {error}") from error
    try:
        return typed_json.decode(said.payload, _Claims)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _wrong(f"the token does not say what it has to: {error}") from error


def _read_header(token: str) -> tuple[str, str | None]:
    """Algorithm and name of the key that a token is signed by."""
    try:
        header = jws.extract_compact(token.encode("ascii"), registry=_REGISTRY).headers()
    except _BROKEN as error:
        raise _wrong(f"this is no token, or not signed as it says: {error}") from error
    algorithm, kid = str(header.get("alg")), header.get("kid")
    if algorithm not in ALGORITHMS or not (kid is None or isinstance(kid, str)):
        raise _wrong(
            "the token is not signed by a kind of signature that counts: set RS256 or ES256 at the "
            "provider"
        )
    return algorithm, kid


def _read_key(published: dict[str, Any]) -> RSAKey | ECKey | None:
    """One of the keys, as far as it can sign tokens; None if it cannot."""
    if published.get("use", "sig") != "sig" or not isinstance(published.get("kid", ""), str):
        return None
    try:
        if published.get("kty") == "EC":
            return ECKey.import_key(published)
        if published.get("kty") != "RSA":
            return None
        key = RSAKey.import_key(published)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if key.public_key.key_size >= _SMALLEST_RSA else None


def _away(text: str) -> RefusalError:
    return RefusalError(DeskRefusal.OPENID_AWAY, text)


def _wrong(text: str) -> RefusalError:
    return RefusalError(DeskRefusal.OPENID_WRONG, text)
