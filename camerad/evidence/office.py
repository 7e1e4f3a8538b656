"""The office's own key, which signs the ledger of the office's directory.

A directory remembers the public half of every key that signed its ledger, in ``office/keys``. A
ledger is never opened for writing with a key that is not among them, unless that is asked for: a
second computer at the desk would otherwise take the first one's entries for damage.
"""

from __future__ import annotations

import json
import os
from typing import Final

from camerad.errors import EX_CONFIG, CameradError
from camerad.evidence import copying, files
from camerad.evidence.keys import KeyRing, SigningKey
from camerad.evidence.places import KEYS, OFFICE, Place

_MODE: Final = 0o600
_LARGEST: Final = 64 * 1024


class OfficeKeyError(CameradError, ValueError):
    """Error raised when the office's key cannot be used; the text says what to do."""

    exit_code = EX_CONFIG


def load_or_create(path: str) -> tuple[SigningKey, bool]:
    """The office's key in a file, PKCS #8 in PEM, and whether it was just made.

    Raises OfficeKeyError if it is no such key or others may read it, and StorageError.
    """
    path = os.path.abspath(path)
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            content = file.read(_LARGEST)
    except FileNotFoundError:
        files.make_directory(os.path.dirname(path), 0o700)
        key = SigningKey.generate()
        files.publish(path, key.pem, mode=_MODE)
        return key, True
    except OSError as error:
        raise files.explained("read the office's key", path, error) from error
    if mode & 0o077:
        raise OfficeKeyError(
            f"{path}: others than its owner may read this private key (mode {mode:04o}); "
            f"if nobody can have copied it: chmod 600 {path}"
        )
    try:
        return SigningKey.from_pem(content), False
    except ValueError as error:
        raise OfficeKeyError(
            f"{path}: {error}; name the office's own key with --office-key"
        ) from error


def known_keys(place: Place) -> KeyRing:
    """The public halves that an office's directory remembers. Raises KeyFileError."""
    directory = os.path.join(place.root, OFFICE, KEYS)
    return KeyRing.read([directory]) if _has_any(directory) else KeyRing()


def admit(place: Place, key: SigningKey, *, replace: bool) -> KeyRing:
    """Make sure that `key` may sign the directory's ledger; returns the keys that did so before.

    replace: it comes in the place of another one, which the ledger will then say. Raises
    OfficeKeyError if it is not known here and `replace` is not set, and StorageError.
    """
    known = known_keys(place)
    if key.public.thumbprint not in known:
        if known and not replace:
            names = ", ".join(known)
            raise OfficeKeyError(
                f"{place.root}: its ledger is signed by another key of the office ({names}) than "
                f"the one at hand ({key.public.thumbprint}); name the right file with "
                "--office-key, or, if that key is lost, add --new-office-key"
            )
        directory = os.path.join(place.root, OFFICE, KEYS)
        files.make_directory(directory)
        content = (json.dumps(key.public.jwk, indent=2) + "\n").encode()
        copying.publish(os.path.join(directory, f"{key.public.thumbprint}.jwk"), content)
    return known


def _has_any(directory: str) -> bool:
    try:
        return any(name.endswith(".jwk") for name in os.listdir(directory))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise files.explained("list the keys", directory, error) from error
