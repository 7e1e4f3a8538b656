"""The office's private keys, in a file that ``age-keygen`` or ``camerad keys new`` has made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import pyrage
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm

from camerad.base.errors import EX_CONFIG, CameradError
from camerad.evidence.age_format import TooMuchWorkError, open_with_passphrase

_LARGEST_IDENTITY_FILE: Final = 64 * 1024
_PRIVATE: Final = "AGE-SECRET-KEY-1"
_AGE: Final = b"age-encryption.org/"
_ARMOR: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"

Identities = Sequence[pyrage.x25519.Identity]


class IdentityFileError(CameradError, ValueError):
    """Error raised when a private key of the office cannot be read; the text never repeats it."""

    exit_code = EX_CONFIG


def read_identities(path: str, passphrase: Callable[[], str]) -> list[pyrage.x25519.Identity]:
    """The age identities in a file, as ``age-keygen`` or ``camerad keys new`` makes it.

    passphrase: asked once, and only if the file is itself encrypted with one (age, armored or not).
    Raises IdentityFileError.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST_IDENTITY_FILE + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise IdentityFileError(f"{path}: the key cannot be read: {reason}") from error
    if len(data) > _LARGEST_IDENTITY_FILE:
        raise IdentityFileError(f"{path}: this is too large for a key; name the office's key file")
    if data.lstrip().startswith(_ARMOR) or data.startswith(_AGE):
        try:
            data = _unlocked(data, passphrase())
        except TooMuchWorkError as error:
            raise IdentityFileError(
                f"{path}: this computer cannot unlock the key: {error}; use one with more memory, "
                "or lock the key anew with 'camerad keys new' or 'age -p'"
            ) from error
        except (ValueError, InvalidTag, pyrage.DecryptError) as error:
            raise IdentityFileError(
                f"{path}: the passphrase is wrong, or the file is damaged"
            ) from error
    found = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            found.append(pyrage.x25519.Identity.from_str(text))
        except pyrage.IdentityError:
            raise IdentityFileError(
                f"{path}:{number}: this line is not a private key ({_PRIVATE}...), nor a comment"
            ) from None
    if not found:
        raise IdentityFileError(f"{path}: there is no private key in it ({_PRIVATE}...)")
    return found


def _unlocked(data: bytes, passphrase: str) -> bytes:
    try:
        return open_with_passphrase(data, passphrase)
    except UnsupportedAlgorithm:  # where OpenSSL may not, as under FIPS
        plain: bytes = pyrage.passphrase.decrypt(data, passphrase)
        return plain
