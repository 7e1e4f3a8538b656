"""The office's private keys, in a file that ``age-keygen`` or ``camerad keys new`` has made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import pyrage

from camerad.base.errors import EX_CONFIG, CameradError

_LARGEST_IDENTITY_FILE: Final = 64 * 1024


_PRIVATE: Final = "AGE-SECRET-KEY-1"


_AGE: Final = b"age-encryption.org/"


_ARMOR: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"


_TOO_SLOW: Final = "Excessive work parameter"
"""How the age library begins what it says then; it has no error of its own for it."""


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
    armored = data.lstrip().startswith(_ARMOR)
    if armored or data.startswith(_AGE):
        try:
            sealed = data.strip() + b"\n" if armored else data
            data = pyrage.passphrase.decrypt(sealed, passphrase())
        except pyrage.DecryptError as error:
            # Measured each time: what took the computer that locked it a second is not waited for
            # here if it would take longer than 16. The text is the only sign of it.
            if _TOO_SLOW in str(error):
                raise IdentityFileError(
                    f"{path}: this computer is too slow or too busy to unlock the key; try again "
                    "when it does nothing else, or on a faster one"
                ) from error
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
