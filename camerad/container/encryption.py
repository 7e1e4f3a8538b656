"""Sealing: encrypts footage so that the office can open it, and nothing on the device can.

A sealed piece is one complete file of the age format, version 1 (https://age-encryption.org/v1),
encrypted to X25519 recipients. ``age -d`` opens it with the private half of any of them; none of
these halves is ever on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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

    def seal_stream(self, pieces: Iterator[bytes], write: Callable[[bytes], object]) -> None:
        """Seal all `pieces` as one age file, and give that to `write` as it is made. Raises what
        either of them raises; then what was written is worth nothing."""
        ends = _StreamEnds(pieces, write)
        try:
            pyrage.encrypt_io(ends, ends, self._keys)
        finally:
            # pyrage repeats of an error only its text, and of one in `write` nothing.
            if ends.failure is not None:
                raise ends.failure


class _StreamEnds:
    """Both ends of a stream, as file objects. failure: the first error of either."""

    def __init__(self, pieces: Iterator[bytes], write: Callable[[bytes], object]) -> None:
        self.failure: BaseException | None = None
        self._pieces = pieces
        self._write = write
        self._piece = memoryview(b"")

    def read(self, size: int) -> bytes:
        if self.failure is not None:
            raise self.failure
        try:
            while not self._piece:
                self._piece = memoryview(next(self._pieces))
        except StopIteration:
            return b""
        except BaseException as error:
            self.failure = error
            raise
        given, self._piece = self._piece[:size], self._piece[size:]
        return bytes(given)

    def write(self, data: bytes) -> int:
        if self.failure is None:
            try:
                self._write(data)
            except BaseException as error:
                self.failure = error
                raise
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""


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
