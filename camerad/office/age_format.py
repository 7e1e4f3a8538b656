"""Files of age (https://c2sp.org/age, version 1): what all kinds have, and those with a passphrase.

The library for age measures how long a passphrase would take, and refuses a right one on a computer
that is busy, or locks a key less well there. Here the bound is on the work (`MOST_WORK`), and what
is locked takes the same work on every computer.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

KEY: Final = rb"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]"
"""32 bytes in base64, in the one spelling that they have without padding."""
ZERO_NONCE: Final = bytes(12)
WORK: Final = 18
"""Logarithm of scrypt's N for what is locked here: age's own, 256 MiB and about a second."""
MOST_WORK: Final = 22
"""For what is opened: 4 GiB, and some 16 s of a processor. age's own opens no more either."""
_NONCE, _CHUNK, _TAG, _SALT, _FILE_KEY = 16, 64 << 10, 16, 16, 16
_INTRO: Final = b"age-encryption.org/v1\n"
_PASSPHRASE: Final = re.compile(
    rb"%b-> scrypt ([A-Za-z0-9+/]{22}) ([1-9][0-9]?)\n(%b)\n--- (%b)\n" % (_INTRO, KEY, KEY)
)
"""Salt, work, wrapped file key and MAC. Such a stanza is the only one of its file."""
_BEGIN, _END = b"-----BEGIN AGE ENCRYPTED FILE-----", b"-----END AGE ENCRYPTED FILE-----"
_LINE: Final = 64


class TooMuchWorkError(ValueError):
    """Error raised when a passphrase would take more work, or memory, than is spent on one."""


def open_with_passphrase(sealed: bytes, passphrase: str) -> bytes:
    """What is in a file with a passphrase, armored or not.

    Raises ValueError or InvalidTag if the passphrase is wrong or the file damaged, and
    UnsupportedAlgorithm where OpenSSL may not do it.
    """
    if sealed.lstrip().startswith(_BEGIN):
        first, *lines, last = [line.strip() for line in sealed.strip().splitlines()]
        if (first, last) != (_BEGIN, _END):
            raise ValueError("the armor is incomplete")
        sealed = base64.b64decode(b"".join(lines), validate=True)
    found = _PASSPHRASE.match(sealed)
    if found is None:
        raise ValueError("the header is of another kind")
    if (work := int(found[2])) > MOST_WORK:
        raise TooMuchWorkError(f"its work factor is 2^{work}, and the most is 2^{MOST_WORK}")
    wrap = _wrap_key(passphrase, decoded(found[1]), work)
    file_key = ChaCha20Poly1305(wrap).decrypt(ZERO_NONCE, decoded(found[3]), None)
    return bytes(opened(file_key, sealed, found.end(), found[4]))


def seal_with_passphrase(plain: bytes, passphrase: str) -> str:
    """`plain`, at most 64 KiB, as ``age -p -a`` seals it. Raises UnsupportedAlgorithm."""
    if len(plain) > _CHUNK:
        raise ValueError(f"{len(plain)} bytes are more than a chunk")
    salt, file_key, nonce = (os.urandom(size) for size in (_SALT, _FILE_KEY, _NONCE))
    wrap = _wrap_key(passphrase, salt, WORK)
    body = _encoded(ChaCha20Poly1305(wrap).encrypt(ZERO_NONCE, file_key, None))
    header = _INTRO + b"-> scrypt %b %d\n%b\n---" % (_encoded(salt), WORK, body)
    header += b" %b\n" % _encoded(_mac(file_key, header))
    cipher = ChaCha20Poly1305(derived(file_key, nonce, b"payload"))
    sealed = header + nonce + cipher.encrypt(_chunk_nonce(0, last=True), plain, None)
    text = base64.b64encode(sealed)
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return b"\n".join((_BEGIN, *lines, _END, b"")).decode("ascii")


def _wrap_key(passphrase: str, salt: bytes, work: int) -> bytes:
    label = b"age-encryption.org/v1/scrypt"
    try:
        return Scrypt(label + salt, 32, 1 << work, 8, 1).derive(passphrase.encode())
    except MemoryError:
        raise TooMuchWorkError(f"it takes {1 << work >> 10} MiB of memory at once") from None


def opened(file_key: bytes, sealed: bytes, end: int, mac: bytes) -> bytearray:
    """The content of a file whose header ends at `end` and has this MAC, in base64. Raises
    ValueError or InvalidTag for whatever is not as it was written."""
    signed = sealed[: end - len(mac) - 2]  # behind the dashes are a blank, the MAC and a line feed
    if not hmac.compare_digest(_mac(file_key, signed), decoded(mac)):
        raise ValueError("the header is not the one that was written")
    nonce = sealed[end : end + _NONCE]
    if len(nonce) != _NONCE:
        raise ValueError("the file ends before its content")
    cipher = ChaCha20Poly1305(derived(file_key, nonce, b"payload"))
    return _payload(cipher, memoryview(sealed)[end + _NONCE :])


def _mac(file_key: bytes, signed: bytes) -> bytes:
    return hmac.digest(derived(file_key, None, b"header"), signed, "sha256")


def _payload(cipher: ChaCha20Poly1305, sealed: memoryview) -> bytearray:
    """The chunks in the clear (STREAM), each decrypted to where it stays. Only the last one is
    marked so, and only an empty file's is empty."""
    step = _CHUNK + _TAG
    last = max(0, len(sealed) - 1) // step
    if last and len(sealed) - last * step <= _TAG:
        raise ValueError("an empty chunk follows another")
    plain = bytearray(max(0, len(sealed) - (last + 1) * _TAG))
    room = memoryview(plain)
    for number in range(last + 1):
        nonce = _chunk_nonce(number, last=number == last)
        chunk = sealed[number * step : (number + 1) * step]
        cipher.decrypt_into(nonce, chunk, None, room[number * _CHUNK : (number + 1) * _CHUNK])
    return plain


def _chunk_nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((last,))


def derived(secret: bytes, salt: bytes | None, info: bytes) -> bytes:
    """32 bytes by HKDF with SHA-256."""
    return HKDF(hashes.SHA256(), 32, salt, info).derive(secret)


def decoded(text: bytes) -> bytes:
    """The bytes of base64 without padding."""
    return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)


def _encoded(content: bytes) -> bytes:
    return base64.b64encode(content).rstrip(b"=")
