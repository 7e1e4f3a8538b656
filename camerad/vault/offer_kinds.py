"""What an office offers to a camera, of whatever kind: how a kind is asked for it, where it lies,
and how much of it is in memory at a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final, Protocol

from camerad.base import file_status
from camerad.container.keys import THUMBPRINT
from camerad.store.check_in import CheckIn

OFFERS: Final = "offers"
"""The directory of offers, in the office's own part; each camera's has its thumbprint as name."""
PIECE: Final = 256 * 1024
"""Bytes of an offer that are in memory for one answer."""


class OfferContent(Protocol):
    """Something that is on offer."""

    @property
    def sha256(self) -> str:
        """Of all of it, in hexadecimal."""

    @property
    def length(self) -> int:
        """How many bytes it has."""

    @property
    def media_type(self) -> str:
        """As HTTP names it."""

    def pieces(self, begin: int, end: int) -> Iterator[bytes]:
        """The bytes from `begin` to before `end`, none of them longer than `PIECE`. Raises
        StorageError."""


class OfferKind(Protocol):
    """One kind of offers. Any thread may ask. kid: thumbprint of a camera's key. Everything raises
    StorageError, and ValueError for what is no thumbprint."""

    @property
    def kind(self) -> str:
        """As `camerad.store.check_in.RefusedOffer` names it, and the answer to a check-in."""

    def find(self, kid: str) -> OfferContent | None:
        """What there is for a camera; None if there is nothing."""

    def for_camera(self, kid: str, said: CheckIn) -> OfferContent | None:
        """What a camera is to fetch, by what it just said; None if it has decided about it."""

    def withdraw(self, kid: str) -> bool:
        """Offer it no more; whether there was something."""


def offer_path(office: str, kid: str, name: str) -> str:
    """Where a file about a camera's offer lies; nothing on the way is a link. office: the office's
    own part of its directory. Raises ValueError for what is no thumbprint, and StorageError."""
    if THUMBPRINT.fullmatch(kid) is None:
        raise ValueError(f"{kid!r} is no thumbprint")
    path = office
    file_status.check_directory(path)
    for part in (OFFERS, kid):
        path = os.path.join(path, part)
        file_status.check_directory(path)
    return os.path.join(path, name)
