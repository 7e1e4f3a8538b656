"""Opens sealed pieces: the age files that a camera writes, one for each fragment.

pyrage opens any of them, but slowly (0.8 GB/s), and holds the interpreter meanwhile, so that the
thread that reads and hashes has to wait. Here the same ciphers are OpenSSL's, by `cryptography`
(5 GB/s), and the format around them (https://c2sp.org/age, version 1) is read here, as far as a
camera writes it: files to X25519 recipients, and the stanzas that age's libraries add to keep
readers tolerant ("grease").

Nothing is believed here that pyrage would not believe: the header's MAC, every chunk's tag and the
mark of the last chunk are checked before anything is returned. What does not pass, for whatever
reason, is given to pyrage, which opens it all the same or says what is wrong.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Final

import pyrage
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from camerad.office import age_format
from camerad.office.age_format import KEY
from camerad.office.identity_file import Identities

_LAST_LINE: Final = (
    rb"(?:[A-Za-z0-9+/]{4}){0,15}"
    rb"(?:[A-Za-z0-9+/][AQgw]|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048])?"
)
"""Of a body: less than 64 digits, so spelled too."""
_X25519: Final = re.compile(rb"^-> X25519 (%b)\n(%b)\n" % (KEY, KEY), re.MULTILINE)
"""The ephemeral share, and the file key as it is wrapped for one recipient."""
_HEADER: Final = re.compile(
    rb"age-encryption\.org/v1\n"
    rb"((?:-> X25519 %b\n%b\n"
    rb"|-> [\x21-\x7e]*-grease(?: [\x21-\x7e]+)*\n(?:[A-Za-z0-9+/]{64}\n)*%b\n)+)"
    rb"--- (%b)\n" % (KEY, KEY, _LAST_LINE, KEY)
)
"""The stanzas, and the MAC; of the whole file this is the beginning. Where a stanza is not well
formed, pyrage decides: age refuses a file for one, though another stanza would open it."""
IN_PLACE: Final = hasattr(ChaCha20Poly1305, "decrypt_into")
"""Whether this office's `cryptography` decrypts to where the content stays: 47 and later do."""
_DIGITS: Final = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
"""Of Bech32 (BIP 173), in the order of their values."""
_KEY_DIGITS: Final = 52
"""Of a key's 256 bits; behind them comes the checksum, which pyrage has checked."""


class AgeOpener:
    """Opens what is sealed to one of `identities`. Used by one thread."""

    def __init__(self, identities: Identities) -> None:
        self._identities: Final = identities
        self._keys: Sequence[tuple[X25519PrivateKey, bytes]] = ()
        """Each with its public half; none where OpenSSL may not use such keys, as under FIPS."""
        with contextlib.suppress(UnsupportedAlgorithm):
            keys = [_private_key(str(identity)) for identity in identities]
            self._keys = [(key, key.public_key().public_bytes_raw()) for key in keys]

    def open(self, sealed: bytes) -> bytes | bytearray:
        """What is in it. Raises pyrage.DecryptError."""
        with contextlib.suppress(ValueError, InvalidTag, UnsupportedAlgorithm):
            if IN_PLACE:
                return self._opened(sealed)
        plain: bytes = pyrage.decrypt(sealed, self._identities)
        return plain

    def _opened(self, sealed: bytes) -> bytearray:
        """The same. Raises ValueError or InvalidTag for whatever is not as expected, and
        UnsupportedAlgorithm where OpenSSL may not decrypt it."""
        found = _HEADER.match(sealed)
        if found is None:
            raise ValueError("the header is of another kind")
        for file_key in self._file_keys(found[1]):
            return age_format.opened(file_key, sealed, found.end(), found[2])
        raise ValueError("it is sealed to others")

    def _file_keys(self, stanzas: bytes) -> Iterator[bytes]:
        """The file's key, as the first stanza that is for one of the keys has it."""
        for found in _X25519.finditer(stanzas):
            share, body = map(age_format.decoded, found.groups())
            ephemeral = X25519PublicKey.from_public_bytes(share)
            for key, public in self._keys:
                wrap = age_format.derived(
                    key.exchange(ephemeral), share + public, b"age-encryption.org/v1/X25519"
                )
                try:
                    yield ChaCha20Poly1305(wrap).decrypt(age_format.ZERO_NONCE, body, None)
                except InvalidTag:
                    continue


def _private_key(text: str) -> X25519PrivateKey:
    """Of ``AGE-SECRET-KEY-1...``, as pyrage writes it."""
    number = 0
    for digit in text.upper().rpartition("1")[2][:_KEY_DIGITS]:
        number = number << 5 | _DIGITS.index(digit)
    return X25519PrivateKey.from_private_bytes((number >> 4).to_bytes(32, "big"))
