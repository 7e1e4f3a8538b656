"""age files, version 1 (https://age-encryption.org/v1), opened by their file key.

pyrage opens a file and keeps the key to itself. A redacted copy hands the keys of single files on.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

INTRO: Final = b"age-encryption.org/v1\n"
KEY: Final = rb"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]"
"""32 bytes in base64, in the one spelling that they have without padding."""
ZERO_NONCE: Final = bytes(12)
NONCE: Final = 16
CHUNK: Final = 64 << 10
_TAG: Final = 16
_COUNTER: Final = 11
_MAC: Final = re.compile(rb"\n--- (%b)\n" % KEY)
_X25519: Final = re.compile(rb"^-> X25519 (%b)\n(%b)$" % (KEY, KEY), re.MULTILINE)
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_CHECKSUM: Final = 6


def find_file_key(sealed: bytes, identities: Iterable[object]) -> bytes | None:
    """The file key of an age file, if one of the identities (pyrage's, for X25519) opens it.

    Raises ValueError if the file is damaged.
    """
    header, mac, _ = _parts(sealed)
    for identity in identities:
        private = X25519PrivateKey.from_private_bytes(_private_bytes(str(identity)))
        public = private.public_key().public_bytes_raw()
        for share, body in _X25519.findall(header):
            ephemeral = decoded(share)
            secret = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
            wrap = derived(secret, ephemeral + public, b"age-encryption.org/v1/X25519")
            try:
                key = ChaCha20Poly1305(wrap).decrypt(ZERO_NONCE, decoded(body), None)
            except InvalidTag:
                continue  # a stanza for another recipient
            _check_header(key, header, mac)
            return key
    return None


def open_with_file_key(sealed: bytes, key: bytes) -> bytes:
    """The content of an age file. Raises ValueError if the key is another file's, or the file is
    damaged."""
    header, mac, payload = _parts(sealed)
    _check_header(key, header, mac)
    return open_payload(key, payload)


def open_payload(key: bytes, payload: bytes) -> bytes:
    """The content behind an age file's header. Raises ValueError."""
    cipher = ChaCha20Poly1305(derived(key, payload[:NONCE], b"payload"))
    pieces = []
    starts = range(NONCE, max(len(payload), NONCE + 1), CHUNK + _TAG)
    for number, start in enumerate(starts):
        last = number == len(starts) - 1
        nonce = number.to_bytes(_COUNTER, "big") + bytes([last])
        try:
            pieces.append(cipher.decrypt(nonce, payload[start : start + CHUNK + _TAG], None))
        except (InvalidTag, ValueError) as error:
            raise ValueError("the content is not the one that was sealed") from error
    if len(pieces) > 1 and not pieces[-1]:
        raise ValueError("the content ends with an empty piece")
    return b"".join(pieces)


def _parts(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    """What the MAC is over, the MAC, and the payload."""
    found = _MAC.search(sealed)
    if found is None or not sealed.startswith(INTRO):
        raise ValueError("this is no age file of version 1")
    return sealed[: found.start(1) - 1], decoded(found[1]), sealed[found.end() :]


def _check_header(key: bytes, header: bytes, mac: bytes) -> None:
    if not hmac.compare_digest(header_mac(key, header), mac):
        raise ValueError("the key is not that of this file, or its header was changed")


def _private_bytes(identity: str) -> bytes:
    """The 32 bytes of ``AGE-SECRET-KEY-1...``, whose checksum pyrage has checked."""
    value = 0
    digits = identity.lower().rpartition("1")[2][:-_CHECKSUM]
    for digit in digits:
        value = value << 5 | _BECH32.index(digit)
    return (value >> len(digits) * 5 % 8).to_bytes(32, "big")


def header_mac(key: bytes, header: bytes) -> bytes:
    """Over a header up to its ``---``."""
    return hmac.digest(derived(key, None, b"header"), header, "sha256")


def derived(secret: bytes, salt: bytes | None, info: bytes) -> bytes:
    """32 bytes by HKDF with SHA-256."""
    return HKDF(hashes.SHA256(), 32, salt, info).derive(secret)


def decoded(text: bytes) -> bytes:
    """The bytes of base64 without padding."""
    return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)


def encoded(content: bytes) -> bytes:
    """Base64 without padding."""
    return base64.b64encode(content).rstrip(b"=")
