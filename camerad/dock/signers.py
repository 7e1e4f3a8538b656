"""Signers of a camera's requests: in this process, or in the one that has the device's key."""

from __future__ import annotations

from typing import Protocol

from camerad.container.keys import SigningKey


class Signer(Protocol):
    """Signs with one device's key."""

    @property
    def kid(self) -> str:
        """The key's thumbprint."""

    def sign(self, base: bytes) -> bytes:
        """The signature, 64 bytes, of a request's signature base. Raises CameradError."""


class KeySigner:
    """Signs with a key that is at hand."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    @property
    def kid(self) -> str:
        """The key's thumbprint."""
        return self._key.public.thumbprint

    def sign(self, base: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._key.sign(base)
