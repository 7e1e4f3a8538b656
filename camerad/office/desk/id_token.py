"""Whether an ID token counts, and whom it names: OpenID Connect Core, 3.1.3.7. Pure.

joserfc reads the token and checks its signature; what the token has to say is checked here. Only
signatures by a private key count (`ALGORITHMS`): neither none at all, nor one by a secret that both
sides have, for which a public key could be taken. The key is one that the provider publishes, named
by the token's `kid`; only where there is a single one that fits may that be left out.

Times are wall time; in a token seconds, elsewhere microseconds since 1970.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from camerad.base import typed_json
from camerad.base.clock import SECOND
from camerad.base.errors import CameradError

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


class IdTokenError(CameradError, PermissionError):
    """Error raised when an ID token does not count."""


class UnpublishedKeyError(IdTokenError):
    """Error raised when it is signed by a key that is not among those that are known. The provider
    may have another one since."""


class OldSignInError(IdTokenError):
    """Error raised when it counts, and the provider asked for password or factor too long ago.
    subject: whom it names."""

    def __init__(self, subject: str, text: str) -> None:
        super().__init__(text)
        self.subject = subject


class FactorError(IdTokenError):
    """Error raised when it counts, and the sign-in was not of a kind that the office wants.
    subject: whom it names."""

    def __init__(self, subject: str, text: str) -> None:
        super().__init__(text)
        self.subject = subject


class WantedToken(msgspec.Struct, frozen=True):
    """What a token has to say. acr: one of these, if there are any. begun_us: when this sign-in
    began. max_age_seconds: how long before that the provider may have asked for password or factor;
    None if that does not matter."""

    issuer: str
    client_id: str
    nonce: str
    begun_us: int
    max_age_seconds: int | None = None
    acr: tuple[str, ...] = ()


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

    def find(self, kid: str | None, algorithm: str) -> RSAKey | ECKey:
        """The key that a token names. Raises UnpublishedKeyError."""
        kind = ALGORITHMS[algorithm]
        found = [
            key
            for key in self._keys
            if key.key_type == kind
            and key.get("alg") in (None, algorithm)
            and kid in (None, key.kid)
        ]
        if len(found) != 1:
            raise UnpublishedKeyError("the token names none of the provider's keys")
        return found[0]


class _KeySet(msgspec.Struct, frozen=True):
    keys: tuple[dict[str, Any], ...]


def check_id_token(token: str, keys: TokenKeys, wanted: WantedToken, now_us: int) -> str:
    """The subject that a token names, which has to count. Raises IdTokenError."""
    claims = _verified(token, keys)
    now = now_us / SECOND
    if claims.iss != wanted.issuer:
        raise IdTokenError("the token is by another issuer")
    if claims.aud not in (wanted.client_id, (wanted.client_id,)):
        raise IdTokenError("the token is not for the desk, or not for it alone (aud)")
    if claims.azp not in (None, wanted.client_id):
        raise IdTokenError("the token was given to another client (azp)")
    if claims.nonce != wanted.nonce:
        raise IdTokenError("the token is of another sign-in (nonce)")
    if not now < claims.exp + LEEWAY_SECONDS:
        raise IdTokenError("the token has expired; see whether both clocks are right")
    begun = wanted.begun_us / SECOND
    if not begun - LEEWAY_SECONDS <= claims.iat <= now + LEEWAY_SECONDS:
        raise IdTokenError(
            "the token was not made in this sign-in (iat); see whether both clocks are right"
        )
    if not _SUBJECT.fullmatch(claims.sub):
        raise IdTokenError("the token names nobody (sub)")
    if wanted.acr and claims.acr not in wanted.acr:
        raise FactorError(claims.sub, "the sign-in was of no kind that counts here (acr)")
    if wanted.max_age_seconds is not None:
        oldest = begun - wanted.max_age_seconds - LEEWAY_SECONDS
        if claims.auth_time is None or not claims.auth_time >= oldest:
            raise OldSignInError(
                claims.sub, "the provider asked for password or factor too long ago (auth_time)"
            )
    return claims.sub


def _verified(token: str, keys: TokenKeys) -> _Claims:
    """What a token says, by one of the keys."""
    try:
        encoded = token.encode("ascii")
        header = jws.extract_compact(encoded, registry=_REGISTRY).headers()
        algorithm, kid = str(header.get("alg")), header.get("kid")
        if algorithm not in ALGORITHMS or not (kid is None or isinstance(kid, str)):
            raise IdTokenError(
                "the token is not signed by a kind of signature that counts: set RS256 or ES256 "
                "at the provider"
            )
        key = keys.find(kid, algorithm)
        said = jws.deserialize_compact(encoded, key, registry=_REGISTRY)
        return typed_json.decode(said.payload, _Claims)
    except msgspec.ValidationError as error:
        raise IdTokenError(f"the token does not say what it has to: {error}") from error
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise IdTokenError(f"this is no token, or not signed as it says: {error}") from error


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
