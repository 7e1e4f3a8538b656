"""Ed25519 keys that sign evidence, in the forms in which people and programs exchange them.

A public key is named by its *thumbprint*: RFC 7638 over the JWK of RFC 8037 (its appendix A.3 has
an example), 43 characters of base64url. The thumbprint is the ``kid`` of every signature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NewType, TypeGuard

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from camerad.base import file_status
from camerad.base.errors import EX_CONFIG, CameradError

THUMBPRINT: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
"""How a thumbprint is spelled."""
Thumbprint = NewType("Thumbprint", str)
"""A key's thumbprint rather than a path: a `PublicKey` has one; `is_thumbprint` tells others."""
_RAW_BYTES: Final = 32
_LARGEST_FILE: Final = 64 * 1024
_ENDINGS: Final = (".pem", ".jwk", ".json")


class KeyFileError(CameradError, ValueError):
    """Error raised when a key cannot be read or is of another kind; the text names the file."""

    exit_code = EX_CONFIG


def encode_base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64url(text: str | bytes) -> bytes:
    """The bytes of canonical base64url without padding.

    Raises ValueError for every other spelling of the same bytes, and for what is no base64url:
    padding, other alphabets, spaces, bits that are set behind the last byte; also for what is
    neither text nor bytes, such as a number in JSON, of which bytes() would make that many zeros.
    """
    if not isinstance(text, str | bytes):
        raise ValueError("this is no text")
    raw = text.encode("ascii", "replace") if isinstance(text, str) else bytes(text)
    try:
        data = base64.b64decode(raw + b"=" * (-len(raw) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("this is not base64url") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=") != raw:
        raise ValueError("this is not canonical base64url")
    return data


def is_thumbprint(text: str) -> TypeGuard[Thumbprint]:
    """Whether this is a thumbprint rather than a path."""
    return THUMBPRINT.fullmatch(text) is not None


class PublicKey:
    """An Ed25519 public key. raw: its 32 bytes (RFC 8032, 5.1.5)."""

    def __init__(self, raw: bytes) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(raw)
        self.raw: Final = raw
        required = json.dumps(self._required(), sort_keys=True, separators=(",", ":"))
        self.thumbprint: Final = Thumbprint(
            encode_base64url(hashlib.sha256(required.encode()).digest())
        )

    def _required(self) -> dict[str, str]:
        return {"crv": "Ed25519", "kty": "OKP", "x": encode_base64url(self.raw)}

    @property
    def jwk(self) -> dict[str, str]:
        """The key as JWK, with its thumbprint as ``kid``."""
        return {**self._required(), "kid": self.thumbprint, "alg": "EdDSA", "use": "sig"}

    @property
    def pem(self) -> str:
        """The key as SubjectPublicKeyInfo in PEM (RFC 8410), as openssl reads it."""
        return self._key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    @classmethod
    def from_jwk(cls, jwk: object) -> PublicKey:
        """Raises ValueError if this is not an Ed25519 key, or names itself wrongly."""
        if not isinstance(jwk, dict) or (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
            raise ValueError("this is not the JWK of an Ed25519 key")
        x = jwk.get("x")
        raw = decode_base64url(x) if isinstance(x, str) else b""
        if len(raw) != _RAW_BYTES:
            raise ValueError("the JWK's x does not have 32 bytes")
        key = cls(raw)
        if jwk.get("kid", key.thumbprint) != key.thumbprint:
            raise ValueError("the JWK's kid is not its thumbprint")
        return key

    @classmethod
    def from_pem(cls, pem: bytes) -> PublicKey:
        """Raises ValueError if this is not an Ed25519 key."""
        try:
            key = serialization.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ValueError("this is not a public key in PEM") from error
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("this is a public key, but not of the kind Ed25519")
        return cls(key.public_bytes_raw())

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether the key's owner signed `data` (RFC 8032)."""
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"PublicKey({self.thumbprint})"


class SigningKey:
    """An Ed25519 private key; its repr shows the public half only."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public: Final = PublicKey(key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key from the operating system's random numbers."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> SigningKey:
        """Raises ValueError if this is not an unencrypted Ed25519 key in PKCS #8 (RFC 8410)."""
        try:
            key = serialization.load_pem_private_key(pem, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ValueError("this is not an unencrypted private key in PEM") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError("this is a private key, but not of the kind Ed25519")
        return cls(key)

    @property
    def pem(self) -> bytes:
        """The private key in PKCS #8, unencrypted; to be kept readable by its owner alone."""
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of a signature over `data` (RFC 8032)."""
        return self._key.sign(data)

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public.thumbprint})"


def parse_jwk(content: bytes) -> Any:
    """The JSON value of a file that is no PEM, for `PublicKey.from_jwk`. Raises ValueError."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError("this is neither PEM nor a JWK") from error


def public_half(content: bytes) -> tuple[PublicKey, bool]:
    """The public key in PEM or JWK; of a private key (PKCS #8, or a JWK with ``d``, RFC 8037, 2)
    its public half. Returns also whether it was a private one. Raises ValueError."""
    text = content.lstrip()
    if text.startswith(b"-----"):
        if b"PRIVATE" in text.partition(b"\n")[0]:
            return SigningKey.from_pem(content).public, True
        return PublicKey.from_pem(content), False
    jwk = parse_jwk(content)
    key = PublicKey.from_jwk(jwk)
    d = jwk.get("d")
    if d is None:
        return key, False
    seed = decode_base64url(d) if isinstance(d, str) else b""
    if len(seed) != _RAW_BYTES:
        raise ValueError("the JWK's d does not have 32 bytes")
    if SigningKey(Ed25519PrivateKey.from_private_bytes(seed)).public != key:
        raise ValueError("the JWK's x is not the public half of its d")
    return key, True


def read_public_key(path: str, *, linked: bool = False) -> PublicKey:
    """The key in a file, PEM or JWK. linked: it may be a symbolic link, since a person named it.
    Raises KeyFileError."""
    try:
        # A named pipe would block here until another process writes.
        with open(path, "rb", opener=_at_once if linked else _no_link) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise KeyFileError(f"{path}: the key cannot be read: this is no regular file")
            content = file.read(_LARGEST_FILE)
    except OSError as error:
        raise KeyFileError(f"{path}: the key cannot be read: {error.strerror}") from error
    try:
        if content.lstrip().startswith(b"-----"):
            return PublicKey.from_pem(content)
        return PublicKey.from_jwk(parse_jwk(content))
    except ValueError as error:
        raise KeyFileError(
            f"{path}: {error}; it must be the device's public key, PEM or JWK, as "
            "'camerad identity show' prints it"
        ) from error


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _no_link(path: str, flags: int) -> int:
    return _at_once(path, flags | os.O_NOFOLLOW)


class KeyRing(Mapping[str, PublicKey]):
    """The public keys that are trusted, by thumbprint."""

    def __init__(self, keys: Iterable[PublicKey] = ()) -> None:
        self._keys: Final[dict[str, PublicKey]] = {key.thumbprint: key for key in keys}

    @classmethod
    def read(cls, paths: Iterable[str], *, linked: bool = False) -> KeyRing:
        """The keys in files, and in directories of files that end in .pem, .jwk or .json.

        linked: as for `read_public_key`. Raises KeyFileError, and StorageError if the path cannot
        be looked up.
        """
        keys = []
        for path in paths:
            if not file_status.is_directory(path, linked=True):
                keys.append(read_public_key(path, linked=linked))
                continue
            try:
                names = sorted(name for name in os.listdir(path) if name.endswith(_ENDINGS))
            except OSError as error:
                raise KeyFileError(
                    f"{path}: the keys cannot be listed: {error.strerror}"
                ) from error
            if not names:
                raise KeyFileError(f"{path}: this directory has no key in it (.pem or .jwk)")
            paths_of_keys = (os.path.join(path, name) for name in names)
            keys += [read_public_key(one, linked=linked) for one in paths_of_keys]
        return cls(keys)

    def __getitem__(self, thumbprint: str) -> PublicKey:
        return self._keys[thumbprint]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, thumbprint: Any) -> bool:
        return thumbprint in self._keys
