"""Signed statements: JSON Web Signatures in compact form, in one spelling only.

Every fact that evidence rests on is one such statement (RFC 7515), signed with Ed25519 (RFC 8037).
The standard allows many spellings of the same statement; here there is exactly one, so that no byte
is free to be changed:

- the protected header is ``{"alg":"EdDSA","kid":"<thumbprint>","typ":"<kind>+json"}``, to the byte;
- the payload is JSON in UTF-8 with sorted keys, no spaces, whole numbers, every field present, and
  its numbers and texts are within `camerad.container.limits`;
- base64url has no padding and no stray bits.

A token in any other spelling is not a statement, even with a valid signature. `kind` names the type
of the payload, so a statement of one kind never passes for another.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from camerad.base import typed_json
from camerad.base.errors import CameradError
from camerad.base.text import printable
from camerad.container import limits
from camerad.container.keys import (
    KeyRing,
    SigningKey,
    decode_base64url,
    encode_base64url,
)

SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
"""How a SHA-256 is spelled wherever it names something."""
LONGEST: Final = 1 << 20
"""A longer statement is refused unread, bytes."""

_HEADER: Final = re.compile(
    rb'\{"alg":"EdDSA","kid":"([A-Za-z0-9_-]{43})","typ":"(camerad-[a-z]{1,32}(?:-[a-z]{1,32})?)\+json"\}'
)
_SIGNATURE_BYTES: Final = 64
_T = TypeVar("_T")


class JwsError(CameradError, ValueError):
    """Error raised when bytes are not a statement in its one spelling."""


class UnknownKeyError(JwsError):
    """Error raised when a statement names a key that is not among the trusted ones."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        super().__init__(f"signed by the key {kid}, which is not among those trusted")


class Statement(NamedTuple):
    """A statement taken apart, its signature not checked yet.

    kind: such as ``camerad-header``. kid: thumbprint of the key that it names. payload: JSON as
    bytes. signature: 64 bytes over `signed`. token: all of it, as it is kept.
    """

    kind: str
    kid: str
    payload: bytes
    signature: bytes
    signed: bytes
    token: bytes


def digest(token: bytes) -> str:
    """SHA-256 of the token, in hexadecimal: what the next statement of a chain names."""
    return hashlib.sha256(token).hexdigest()


def canonical(payload: Any) -> bytes:
    """A payload's JSON in its one spelling. payload: a Struct or a mapping, without floats."""
    return msgspec.json.encode(payload, order="sorted")


def sign(key: SigningKey, kind: str, payload: Any, longest: int = LONGEST) -> bytes:
    """`payload` as a signed statement, a compact token. longest: bytes that its readers take.
    Raises JwsError if it has more."""
    header = f'{{"alg":"EdDSA","kid":"{key.public.thumbprint}","typ":"{kind}+json"}}'.encode()
    signed = f"{encode_base64url(header)}.{encode_base64url(canonical(payload))}".encode()
    token = signed + b"." + encode_base64url(key.sign(signed)).encode()
    if len(token) > longest:
        raise JwsError(f"{len(token)} bytes are too many for a statement of the kind {kind}")
    return token


def parse(token: bytes, longest: int = LONGEST) -> Statement:
    """Take a token apart. longest: the most bytes. Raises JwsError if it has more, or is not in its
    one spelling."""
    if len(token) > longest:
        raise JwsError(f"{len(token)} bytes are too many for a statement")
    parts = bytes(token).split(b".")
    if len(parts) != 3:
        raise JwsError("a compact JWS has three parts")
    try:
        header, payload, signature = map(decode_base64url, parts)
    except ValueError as error:
        raise JwsError(str(error)) from None
    found = _HEADER.fullmatch(header)
    if found is None:
        raise JwsError("the protected header is not the one that camerad writes")
    if len(signature) != _SIGNATURE_BYTES:
        raise JwsError("the signature does not have 64 bytes")
    kid, kind = (part.decode("ascii") for part in found.groups())
    signed = bytes(token[: len(parts[0]) + 1 + len(parts[1])])
    return Statement(kind, kid, payload, signature, signed, bytes(token))


def named_key(token: bytes) -> str:
    """Thumbprint of the key that a token names, as far as its header is one of ours; "" otherwise.
    Nothing else of it is looked at."""
    try:
        found = _HEADER.fullmatch(decode_base64url(token.partition(b".")[0]))
    except ValueError:
        return ""
    return "" if found is None else found[1].decode("ascii")


def spellings(part: bytes) -> tuple[bytes, ...]:
    """The three ways in which a part of a payload can be spelled within a token, by its place in a
    group of three bytes.

    A token whose payload has the part has one of them. The reverse does not hold: at the edges only
    whole digits are compared.
    """
    found = []
    for before in range(3):
        digits = encode_base64url(bytes(before) + part)
        found.append(digits[-(-before * 8 // 6) : (before + len(part)) * 8 // 6].encode())
    return tuple(found)


def check(statement: Statement, keys: KeyRing) -> None:
    """Raises UnknownKeyError, or another JwsError, unless one of `keys` signed the statement."""
    key = keys.get(statement.kid)
    if key is None:
        raise UnknownKeyError(statement.kid)
    if not key.verify(statement.signature, statement.signed):
        raise JwsError("the signature is not by the key that is named")


def decode(
    statement: Statement, kind: str, payload: type[_T], free: frozenset[str] = frozenset()
) -> _T:
    """The payload as a Struct. free: as in `camerad.container.limits.check_limits`. Raises
    JwsError, and nothing else, if it is of another kind, not in its one spelling, has other fields
    than the Struct, or says what cannot be."""
    if statement.kind != kind:
        raise JwsError(f"this is a {statement.kind}, not a {kind}")
    return in_one_spelling(statement.payload, payload, f"the payload of this {kind}", free)


def read_own(
    token: bytes,
    keys: KeyRing,
    kind: str,
    payload: type[_T],
    free: frozenset[str] = frozenset(),
) -> _T:
    """The payload of a token that says whose it is, in `kid`. Raises JwsError unless one of `keys`
    signed it as its own, and as `decode`."""
    statement = parse(token)
    check(statement, keys)
    said = decode(statement, kind, payload, free)
    if getattr(said, "kid", None) != statement.kid:
        raise JwsError(f"this {kind} is by another key than the one that it names")
    return said


def in_one_spelling(
    raw: bytes, kind: type[_T], what: str, free: frozenset[str] = frozenset()
) -> _T:
    """JSON as a Struct, or as whatever `kind` is. what: for messages. free: as in
    `camerad.container.limits.check_limits`. Raises JwsError, and nothing else."""
    facts, more = known_part(raw, kind, what, free)
    if more:
        raise JwsError(f"{what} is not in its one spelling")
    return facts


def known_part(
    raw: bytes, kind: type[_T], what: str, free: frozenset[str] = frozenset()
) -> tuple[_T, bool]:
    """As `in_one_spelling`, for JSON that may have more fields than `kind`, at any depth, as a
    later version may write it. Returns what `kind` has of it, and whether there is more."""
    try:
        facts = typed_json.decode(raw, kind)
        # One comparison finds doubled, unknown and unsorted keys, spaces and other escapes alike.
        more = canonical(facts) != raw
        spelled = not more or _has_more(raw, facts)
        if spelled and isinstance(facts, msgspec.Struct):
            limits.check_limits(facts, free)
    except (ValueError, OverflowError, RecursionError) as error:
        # msgspec's errors are ValueErrors, and so are those of text that is no Unicode.
        raise JwsError(f"{what} is wrong: {printable(error)}") from None
    if not spelled:
        raise JwsError(f"{what} is not in its one spelling")
    return facts, more


def _has_more(raw: bytes, facts: object) -> bool:
    """Whether JSON differs from that of `facts` by nothing but fields that those do not have."""
    whole = msgspec.json.decode(raw)
    return canonical(whole) == raw and _covers(whole, msgspec.json.decode(canonical(facts)))


def _covers(whole: Any, part: Any) -> bool:
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and _covers(whole[name], part[name]) for name in part)
    if isinstance(part, list) and isinstance(whole, list):
        return len(whole) == len(part) and all(map(_covers, whole, part))
    return type(whole) is type(part) and bool(whole == part)
