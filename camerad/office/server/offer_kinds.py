"""What an office offers to a camera, of whatever kind: how a kind is asked for it, where it lies,
how much of it is in memory at a time, and how an offer is noted that somebody makes or takes back.

An offer changes under the lock of its kind, with its entry of the office's ledger in the same turn:
so the last entry is about what lies there. Order of locks: that of an offer, then the ledger's turn
and store; whoever works with the ledger waits for no offer. A check-in waits for neither: what it
could remove stays until the next one.

Order of writes (`taken_away`): what is to be replaced or taken back goes, then comes the entry, and
then what is offered. So after a loss of power no camera fetches what the ledger does not have, and
none what the ledger has as taken back. What went is put back if the entry could not be written.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol, TypeVar

from camerad.base import durable_files, file_status
from camerad.base.safe_read import read_plain
from camerad.container.keys import Thumbprint, is_thumbprint
from camerad.store.check_in import CheckIn

OFFERS: Final = "offers"
"""The directory of offers, in the office's own part; each camera's has its thumbprint as name."""
PIECE: Final = 256 * 1024
"""Bytes of an offer that are in memory for one answer."""
LOCK_SECONDS: Final = 60.0
"""How long a command waits for others' offers: for longer than any of them takes."""
_T = TypeVar("_T")


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

    def find(self, kid: Thumbprint) -> OfferContent | None:
        """What there is for a camera; None if there is nothing."""

    def for_camera(self, kid: Thumbprint, said: CheckIn) -> OfferContent | None:
        """What a camera is to fetch, by what it just said; None if it has decided about it."""

    def withdraw(self, kid: Thumbprint) -> bool:
        """Offer it no more; whether there was something."""


def offer_path(office: str, kid: Thumbprint, name: str) -> str:
    """Where a file about a camera's offer lies; nothing on the way is a link. office: the office's
    own part of its directory. Raises ValueError for what is no thumbprint, and StorageError."""
    if not is_thumbprint(kid):
        raise ValueError(f"{kid!r} is no thumbprint")
    path = office
    file_status.check_directory(path)
    for part in (OFFERS, kid):
        path = os.path.join(path, part)
        file_status.check_directory(path)
    return os.path.join(path, name)


@contextlib.contextmanager
def taken_away(paths: Sequence[str], longest: int, *, but: bytes | None = None) -> Iterator[None]:
    """Nothing lies at these paths in this context, in which the entry is written, nor behind it. If
    it raises, what lay there is back. longest: bytes that are read of one. but: what stays there,
    since it is offered again. Raises StorageError."""
    there = [path for path in paths if file_status.exists(path)]
    former = {path: read_plain(path, "offer", longest) for path in there}
    former = {path: content for path, content in former.items() if content != but}
    try:
        for path in former:
            durable_files.remove(path, missing_ok=True)
        yield
    except BaseException:
        for path, content in former.items():
            durable_files.publish(path, content)
        raise


def take_back(
    path: str, longest: int, find: Callable[[], _T | None], note: Callable[[_T], None] | None
) -> bool:
    """Have an offer lie at a path no more; whether there was one. find: what it is; None if no
    camera could fetch it, and then a command alone removes it. note: writes the entry, and is told
    what the offer was; None for a command. longest: bytes that are read of it. To be called under
    the lock of its kind. Raises what `note` raises, and then nothing has changed; StorageError.
    """
    if not file_status.exists(path):
        return False
    if note is None:
        durable_files.remove(path)
        return True
    found = find()
    if found is None:
        return False
    with taken_away([path], longest):
        note(found)
    return True
