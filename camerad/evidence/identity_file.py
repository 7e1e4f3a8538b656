"""The office's private keys, in a file that ``age-keygen`` or ``camerad keys new`` has made.

Such a file is locked with a passphrase (age version 1, https://c2sp.org/age). pyrage measures how
long a passphrase would take: on a busy computer it refuses a right one, or locks a key with less
work. Here the bound is on the work (`MOST_WORK`), and each key is locked with the same work. All
other age files are pyrage's.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
from collections.abc import Callable, Sequence
from typing import Final

import pyrage
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from camerad.base.errors import ConfigError
from camerad.container.redaction import FILE_KEY_BYTES
from camerad.evidence.age_format import (
    CHUNK,
    INTRO,
    KEY,
    NONCE,
    ZERO_NONCE,
    decoded,
    derived,
    encoded,
    header_mac,
    open_payload,
)

_LARGEST_IDENTITY_FILE: Final = 64 * 1024
_PRIVATE: Final = "AGE-SECRET-KEY-1"
_AGE: Final = b"age-encryption.org/"
_ARMOR: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"

Identities = Sequence[pyrage.x25519.Identity]


def read_identities(path: str, passphrase: Callable[[], str]) -> list[pyrage.x25519.Identity]:
    """The age identities in a file, as ``age-keygen`` or ``camerad keys new`` makes it.

    passphrase: asked once, and only if the file is itself encrypted with one (age, armored or not).
    Raises ConfigError.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST_IDENTITY_FILE + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"{path}: the key cannot be read: {reason}") from error
    if len(data) > _LARGEST_IDENTITY_FILE:
        raise ConfigError(f"{path}: this is too large for a key; name the office's key file")
    if data.lstrip().startswith(_ARMOR) or data.startswith(_AGE):
        try:
            data = _unlocked(data, passphrase())
        except MemoryError as error:
            raise ConfigError(
                f"{path}: this computer cannot unlock the key: {error}; use one with more memory, "
                "or lock the key anew with 'camerad keys new' or 'age -p'"
            ) from error
        except (ValueError, InvalidTag, pyrage.DecryptError) as error:
            raise ConfigError(f"{path}: the passphrase is wrong, or the file is damaged") from error
    found = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            found.append(pyrage.x25519.Identity.from_str(text))
        except pyrage.IdentityError:
            raise ConfigError(
                f"{path}:{number}: this line is not a private key ({_PRIVATE}...), nor a comment"
            ) from None
    if not found:
        raise ConfigError(f"{path}: there is no private key in it ({_PRIVATE}...)")
    return found


def _unlocked(data: bytes, passphrase: str) -> bytes:
    try:
        return open_with_passphrase(data, passphrase)
    except UnsupportedAlgorithm:  # where OpenSSL may not, as under FIPS
        plain: bytes = pyrage.passphrase.decrypt(data, passphrase)
        return plain


WORK: Final = 18
"""Logarithm of scrypt's N for what is locked here: age's own, 256 MiB and about a second."""
MOST_WORK: Final = 22
"""For what is opened: 4 GiB, and some 16 s of a processor. age's own opens no more either."""
_SALT: Final = 16
_LAST_CHUNK: Final = bytes(11) + b"\x01"
"""Nonce of a content's first chunk that is its last one as well."""
_PASSPHRASE: Final = re.compile(
    rb"%b-> scrypt ([A-Za-z0-9+/]{22}) ([1-9][0-9]?)\n(%b)\n--- (%b)\n" % (INTRO, KEY, KEY)
)
"""Salt, work, wrapped file key and MAC. Such a stanza is the only one of its file."""
_BEGIN, _END = b"-----BEGIN AGE ENCRYPTED FILE-----", b"-----END AGE ENCRYPTED FILE-----"
_LINE: Final = 64


def open_with_passphrase(sealed: bytes, passphrase: str) -> bytes:
    """What is in a file of at most 64 KiB with a passphrase, armored or not.

    Raises ValueError or InvalidTag if the passphrase is wrong or the file damaged, MemoryError if
    it takes more work or memory than is spent on one, and UnsupportedAlgorithm where OpenSSL may
    not do it.
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
        raise MemoryError(f"its work factor is 2^{work}, and the most is 2^{MOST_WORK}")
    wrap = _wrap_key(passphrase, decoded(found[1]), work)
    file_key = ChaCha20Poly1305(wrap).decrypt(ZERO_NONCE, decoded(found[3]), None)
    header_end = found.start(4) - 1
    if not hmac.compare_digest(header_mac(file_key, sealed[:header_end]), decoded(found[4])):
        raise ValueError("the header is not the one that was written")
    return open_payload(file_key, sealed[found.end() :])


def seal_with_passphrase(plain: bytes, passphrase: str) -> str:
    """`plain`, at most 64 KiB, as ``age -p -a`` seals it. Raises UnsupportedAlgorithm."""
    if len(plain) > CHUNK:
        raise ValueError(f"{len(plain)} bytes are more than a chunk")
    salt, file_key, nonce = (os.urandom(size) for size in (_SALT, FILE_KEY_BYTES, NONCE))
    wrap = _wrap_key(passphrase, salt, WORK)
    body = encoded(ChaCha20Poly1305(wrap).encrypt(ZERO_NONCE, file_key, None))
    header = INTRO + b"-> scrypt %b %d\n%b\n---" % (encoded(salt), WORK, body)
    header += b" %b\n" % encoded(header_mac(file_key, header))
    cipher = ChaCha20Poly1305(derived(file_key, nonce, b"payload"))
    sealed = header + nonce + cipher.encrypt(_LAST_CHUNK, plain, None)
    text = base64.b64encode(sealed)
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return b"\n".join((_BEGIN, *lines, _END, b"")).decode("ascii")


def _wrap_key(passphrase: str, salt: bytes, work: int) -> bytes:
    label = b"age-encryption.org/v1/scrypt"
    try:
        return Scrypt(label + salt, 32, 1 << work, 8, 1).derive(passphrase.encode())
    except MemoryError:
        raise MemoryError(f"it takes {1 << work >> 10} MiB of memory at once") from None
