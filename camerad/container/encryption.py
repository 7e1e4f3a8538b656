"""Sealing: encrypts footage so that the office can open it, and nothing on the device can.

A sealed piece is one complete file of the age format, version 1 (https://age-encryption.org/v1),
encrypted to X25519 recipients. ``age -d`` opens it with the private half of any of them; none of
these halves is ever on the device.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pyrage

from camerad.base.errors import EX_CONFIG, CameradError


class RecipientError(CameradError, ValueError):
    """Error raised when a recipient is no age public key; the text never repeats a private one."""

    exit_code = EX_CONFIG


class Sealer:
    """Seals to everyone in `recipients`, age public keys such as ``age1...``.

    Each of them can open what is sealed on their own. Raises RecipientError if one is not a public
    key, or if there are none.
    """

    def __init__(self, recipients: Iterable[str]) -> None:
        self.recipients: Final = tuple(recipients)
        """The public keys as they were given."""
        self._keys: Final = [_parse(recipient) for recipient in self.recipients]
        if not self._keys:
            raise RecipientError(
                "there is no recipient who could open a recording; name the public key "
                "of an evidence desk, as 'camerad keys new' prints it"
            )

    def seal(self, data: bytes) -> bytes:
        """`data` as an age file, some hundred bytes longer; sealing it again gives another one."""
        sealed: bytes = pyrage.encrypt(data, self._keys)
        return sealed


def _parse(recipient: str) -> pyrage.x25519.Recipient:
    if recipient.upper().startswith("AGE-SECRET-KEY-"):
        raise RecipientError(
            "a recipient is a private key, which must never be on a device: take it away, give "
            "the public half (age1...) instead, and consider the private one as known to others"
        )
    try:
        # age itself also takes capitals, but one key then has two names.
        if recipient != recipient.lower():
            raise pyrage.RecipientError("it has capital letters")
        return pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError as error:
        raise RecipientError(
            f"{recipient!r} is not an age public key ({error}); it must be of the form age1..., "
            "62 characters, as 'camerad keys new' or 'age-keygen -y' prints it"
        ) from error
