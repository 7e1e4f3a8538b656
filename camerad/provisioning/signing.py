"""The office's signature over a provisioning file: a detached JWS, in one spelling only.

RFC 7515, compact serialization, with the content left out of the middle (its appendix F); Ed25519
by RFC 8037. What is signed are the file's bytes. The ``typ`` of the protected header keeps any
other statement by the same key from passing for such a signature.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from camerad.base.errors import CameradError
from camerad.container.keys import PublicKey, SigningKey, decode_base64url, encode_base64url

NAME: Final = "camerad-provision.jws"
"""The file's name on the card."""
LONGEST: Final = 1024
"""A longer file is no signature, bytes."""

_HEADER: Final = re.compile(
    rb'\{"alg":"EdDSA","cty":"yaml","kid":"([A-Za-z0-9_-]{43})","typ":"camerad-provision"\}'
)
_SIGNATURE_BYTES: Final = 64


class SignatureFileError(CameradError, ValueError):
    """Error raised when bytes are no signature in its one spelling; the text says why."""


class Signature(NamedTuple):
    """A signature taken apart, not checked yet. kid: thumbprint of the key that it names. header:
    the protected header as it is signed, in base64url."""

    kid: str
    header: bytes
    signature: bytes

    def is_by(self, key: PublicKey, content: bytes) -> bool:
        """Whether `key`, which it names, has signed `content`."""
        return self.kid == key.thumbprint and key.verify(
            self.signature, _signed(self.header, content)
        )


def sign(key: SigningKey, content: bytes) -> bytes:
    """The content of the signature's file."""
    kid = key.public.thumbprint
    text = f'{{"alg":"EdDSA","cty":"yaml","kid":"{kid}","typ":"camerad-provision"}}'
    header = encode_base64url(text.encode()).encode()
    signature = encode_base64url(key.sign(_signed(header, content))).encode()
    return header + b".." + signature + b"\n"


def parse(token: bytes) -> Signature:
    """Take a signature's file apart. Raises SignatureFileError."""
    if len(token) > LONGEST:
        raise SignatureFileError(f"more than {LONGEST} bytes")
    parts = token.removesuffix(b"\n").removesuffix(b"\r").split(b".")
    if len(parts) != 3 or parts[1]:
        raise SignatureFileError("not a JWS whose content is elsewhere (HEADER..SIGNATURE)")
    try:
        header, signature = decode_base64url(parts[0]), decode_base64url(parts[2])
    except ValueError as error:
        raise SignatureFileError(str(error)) from None
    found = _HEADER.fullmatch(header)
    if found is None or len(signature) != _SIGNATURE_BYTES:
        raise SignatureFileError("not a signature that 'camerad provision' makes")
    return Signature(found[1].decode(), parts[0], signature)


def _signed(header: bytes, content: bytes) -> bytes:
    return header + b"." + encode_base64url(content).encode()
