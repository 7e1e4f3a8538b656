"""Bodies of requests, in pieces, readable again for another try.

A part is read twice, once for its digest, which goes before it, and once to be sent. The second
time it comes from the kernel's cache. On a Raspberry Pi Zero 2 W that is a copy of 16 MiB in
memory, a hundredth of the processor time that encrypting it takes; a buffer of 16 MiB would cost
the camera that memory for the whole of a hand-over, and the cache gives it back when
other programs need it.

The SHA-256 of the next part is found while this one is on its way: hashing takes another processor
than encrypting, so the office does not wait for it between two parts.
"""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import msgspec

from camerad.base.errors import StorageError
from camerad.base.storage_errors import explaining
from camerad.dock.errors import HandoverStoppedError

PIECE: Final = 64 * 1024
"""Bytes that are in memory at a time."""


class Body(Protocol):
    """Bytes that can be gone through more than once."""

    @property
    def length(self) -> int:
        """How many bytes there are."""

    def pieces(self) -> Iterator[bytes]:
        """All of them, from the first, none of them longer than `PIECE`."""


class Text(msgspec.Struct, frozen=True):
    """Bytes in memory."""

    content: bytes

    @property
    def length(self) -> int:
        """How many bytes there are."""
        return len(self.content)

    def pieces(self) -> Iterator[bytes]:
        """All of them."""
        for begin in range(0, len(self.content), PIECE):
            yield self.content[begin : begin + PIECE]


class FilePart(msgspec.Struct, frozen=True):
    """A part of an open file. path: for messages."""

    descriptor: int
    path: str
    offset: int
    length: int

    def pieces(self) -> Iterator[bytes]:
        """The file's bytes there. Raises StorageError, also if the file ends before."""
        position, end = self.offset, self.offset + self.length
        while position < end:
            with explaining("read", self.path):
                piece = os.pread(self.descriptor, min(PIECE, end - position), position)
            if not piece:
                raise StorageError(f"{self.path}: it became shorter while it was handed over")
            position += len(piece)
            yield piece

    def forget(self) -> None:
        """Let the kernel's cache go of it: what has been handed over is not read again soon."""
        os.posix_fadvise(self.descriptor, self.offset, self.length, os.POSIX_FADV_DONTNEED)


class PartDigests:
    """Digests of a file's parts, computed ahead by a separate thread. Used on one thread. check:
    called now and then while a part is hashed, on either thread; raises to end that."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._ahead: _Ahead | None = None

    def begin(self, body: Body) -> None:
        """Hash a body ahead; what was hashed ahead before is not wanted any more. What it reads has
        to stay open until `end`."""
        if self._ahead is not None and self._ahead.body == body:
            return
        self.end()
        self._ahead = _Ahead(body, self._check)

    def of(self, body: Body) -> str:
        """SHA-256 of a body, in base64. Raises what reading it raises, and what `check` does."""
        ahead = self._ahead
        if ahead is not None and ahead.body == body:
            self._ahead = None
            return ahead.result()
        return _digest(body, self._check)

    def end(self) -> None:
        """Nothing is read any more when this returns."""
        if self._ahead is not None:
            self._ahead.give_up()
            self._ahead = None


class _Ahead:
    """A body that is hashed on a thread."""

    def __init__(self, body: Body, check: Callable[[], None]) -> None:
        self.body = body
        self._check_given = check
        self._given_up = False
        self._found = ""
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._hash, name="hash-ahead", daemon=True)
        self._thread.start()

    def result(self) -> str:
        self._thread.join()
        if self._failed is not None:
            raise self._failed
        return self._found

    def give_up(self) -> None:
        self._given_up = True
        self._thread.join()

    def _hash(self) -> None:
        try:
            self._found = _digest(self.body, self._check)
        except BaseException as error:  # noqa: BLE001 - raised where the hash is asked for
            self._failed = error

    def _check(self) -> None:
        if self._given_up:
            raise HandoverStoppedError("the hash is not needed any more")
        self._check_given()


def _digest(body: Body, check: Callable[[], None]) -> str:
    sha256 = hashlib.sha256()
    for piece in body.pieces():
        check()
        sha256.update(piece)
    return base64.b64encode(sha256.digest()).decode("ascii")
