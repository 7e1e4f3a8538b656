"""The signature of a camera's request to its office, at both ends.

HTTP Message Signatures (RFC 9421) in one profile, which docs/office-api.md gives for strangers.
What is signed is a text whose every line begins with a quotation mark, and its last line names the
tag: no statement that the same key signs (`camerad.container.jws`) can be such a text, nor the
other way round.

`prepare` needs no key: its holder signs `PreparedSignature.signature_base` elsewhere.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import (
    ContentDigest,
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    PreparedSignature,
    algorithms,
)

from camerad.base.errors import CameradError
from camerad.container.keys import PublicKey

LABEL: Final = "camerad"
"""Of the signature in its two header fields."""
TAG: Final = "camerad-dock"
NONCE: Final = "Camerad-Nonce"
"""The header field of an answer that has a nonce for the next request."""
WINDOW_SECONDS: Final = 300
"""How far `created` may be off the server's clock, and how long a nonce of the server's holds."""
DIGEST: Final = "content-digest"
COVERED_IF_PRESENT: Final = (
    DIGEST,
    "upload-length",
    "upload-metadata",
    "upload-offset",
    "upload-checksum",
)
"""Header fields that a signature covers where a request has them."""

_ALWAYS: Final = ("@method", "@target-uri")
_NO_LIMIT: Final = timedelta(days=36_500)
_SHA256: Final = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")


class RequestSignatureError(CameradError, PermissionError):
    """Error raised when a request is not signed as it has to be; the text says what is wrong."""


class RequestToSign(msgspec.Struct, frozen=True):
    """A request as a signature sees it. method: in capitals. url: the office's address with the
    path. headers: its fields; `prepare` and `attach` add to them."""

    method: str
    url: str
    headers: MutableMapping[str, str]


class SignedRequest(msgspec.Struct, frozen=True):
    """What a signature that holds says. kid: thumbprint of the key. created: seconds since 1970.
    nonce: never empty. digest: SHA-256 that the body must have; None if there is no body."""

    kid: str
    created: int
    nonce: str
    digest: bytes | None


def content_digest(body: bytes) -> str:
    """The value of ``Content-Digest`` for a body (RFC 9530)."""
    return ContentDigest.create(body)


def prepare(request: RequestToSign, kid: str, nonce: str, created: int) -> PreparedSignature:
    """What is to be signed for a request. kid: thumbprint of the key. created: seconds since 1970.

    ``Content-Digest`` has to be there already if the request has a body.
    """
    return HTTPMessageSigner(signature_algorithm=algorithms.ED25519).prepare(
        request,
        key_id=kid,
        created=datetime.fromtimestamp(created, UTC),
        nonce=nonce,
        label=LABEL,
        tag=TAG,
        covered_component_ids=_to_cover(request.headers),
        use_existing_digest=_value(request.headers, DIGEST) is not None,
    )


def attach(request: RequestToSign, prepared: PreparedSignature, signature: bytes) -> None:
    """Add the signature to the request's header fields. signature: 64 bytes (RFC 8032)."""
    HTTPMessageSigner(signature_algorithm=algorithms.ED25519).apply(request, prepared, signature)


def check(
    method: str,
    url: str,
    headers: Mapping[str, str],
    find_key: Callable[[str], PublicKey],
    *,
    has_body: bool,
) -> SignedRequest:
    """What the signature of a request says, if it holds.

    find_key: the key with this thumbprint; what it raises is raised again. The nonce, the time and
    the body itself are the caller's to check. Raises RequestSignatureError.
    """
    keys = _Keys(find_key)
    covered = _to_cover(headers)
    if has_body and DIGEST not in covered:
        raise RequestSignatureError("a request with a body needs Content-Digest")
    verifier = _Verifier(signature_algorithm=algorithms.ED25519, key_resolver=keys)
    try:
        (found,) = verifier.verify(
            RequestToSign(method, url, dict(headers)),
            max_age=None,
            expect_tag=TAG,
            expect_label=LABEL,
            require_components=covered,
        )
    except HTTPMessageSignaturesException as error:
        if keys.failure is not None:
            raise keys.failure from None
        # The library has no words for a signature that is another request's.
        why = str(error) or f"its signature is not one over {method} {url}, by that key"
        raise RequestSignatureError(f"the request is not signed as it has to be: {why}") from None
    said = found.parameters
    if "nonce" not in said or "created" not in said:
        raise RequestSignatureError("a request's signature needs a nonce and its time (created)")
    return SignedRequest(
        kid=str(said["keyid"]),
        created=int(said["created"]),
        nonce=str(said["nonce"]),
        digest=_sha256(headers) if has_body else None,
    )


class _Verifier(HTTPMessageVerifier):
    """Leaves the time to the caller, who knows which nonces make it needless."""

    max_clock_skew = _NO_LIMIT
    require_created = False


class _Keys(HTTPSignatureKeyResolver):
    """Finds public keys. failure: why a key was not found, which the library does not pass on."""

    def __init__(self, find_key: Callable[[str], PublicKey]) -> None:
        self._find_key = find_key
        self.failure: CameradError | None = None

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        """The key with this thumbprint."""
        try:
            return Ed25519PublicKey.from_public_bytes(self._find_key(key_id).raw)
        except CameradError as error:
            self.failure = error
            raise


def _to_cover(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The components that a request's signature has to cover."""
    there = {name.lower() for name in headers}
    return (*_ALWAYS, *(name for name in COVERED_IF_PRESENT if name in there))


def _value(headers: Mapping[str, str], name: str) -> str | None:
    """The value of a header field, however its name is spelled."""
    return next((value for key, value in headers.items() if key.lower() == name), None)


def _sha256(headers: Mapping[str, str]) -> bytes:
    """What ``Content-Digest`` says. It must have the one member that clients send, so that there
    is no choice between two."""
    found = _SHA256.fullmatch(_value(headers, DIGEST) or "")
    if found is None:
        raise RequestSignatureError("Content-Digest has to be sha-256=:BASE64: and nothing else")
    return base64.b64decode(found[1])
