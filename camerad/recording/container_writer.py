"""A recording's file while it is written: an archive that only grows, by whole fragments.

Invariants, at every instant and after any loss of power:

1. What `append` returned for is there, and so is everything before it.
2. Behind the last commit there is nothing but part of what was being appended, then zeros: the
   room reserved for what is to come.
3. While a recording runs its file is locked (``flock(2)``); an unlocked file without an end was
   interrupted, and `camerad.store.recovery` closes it.

Procedures; each line is durable before the next begins:

- open: make the file, reserve room, write the header and the sealed segment, fdatasync; fsync the
  directory.
- append: reserve room if there is too little; write the sealed fragment and its commit with one
  pwritev; fdatasync. Every 20th asks whether the file still has its name.
- close: write the end and the archive's end, cut the file to its size; fdatasync; ask for its name.
  After a failed append: cut the file behind the last commit, fdatasync; then the same.

Without a single commit the segment is unsigned, so a recording that is closed then holds its header
and its end only.
"""

from __future__ import annotations

import errno
import logging
import os
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from camerad.base import durable_files, file_status
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.container import chain, ustar
from camerad.container.encryption import Sealer
from camerad.container.keys import SigningKey
from camerad.container.recording_files import SUFFIX, lock
from camerad.container.statements import Closing, Content, FragmentFacts, Header
from camerad.container.ustar import member

_log = logging.getLogger(__name__)

STEP: Final = 16 << 20
"""Room is reserved by so many bytes at a time. Larger steps save little (0.2 KiB of metadata per
fragment at 64 MiB) and take room from others, smaller ones cost more (0.6 KiB at 4 MiB)."""

_CLAIMS: Final = 5
"""Attempts to make a file that is removed before it is locked."""
_LOOK_EVERY: Final = 20
"""Appends after which is asked whether the file still has its name: about ten seconds."""
_CANNOT_RESERVE: Final = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class FileGoneError(StorageError):
    """Error raised when a recording's file was removed, or replaced, while it was written."""


class Sink(Protocol):
    """One recording's file, open for appending; used by one thread."""

    @property
    def path(self) -> str:
        """The file."""

    @property
    def sealed_bytes(self) -> int:
        """Bytes of the committed fragments, and of the segment with the first of them; sealed."""

    def append(self, fragment: bytes, facts: FragmentFacts) -> None:
        """Add a fragment; it is durable when this returns.

        Raises StorageError; what was added before stays, and only `retry` or `close` may follow.
        """

    def retry(self) -> None:
        """Add the fragment that `append` could not; it is durable when this returns, and everything
        goes on as if `append` had added it. Raises StorageError as that does."""

    def close(self, closing: Closing) -> str:
        """Add the end and close the file; returns the SHA-256 of the end's statement.

        Raises StorageError; the file is closed all the same.
        """


def _claim(path: str) -> int:
    """A new file that is locked, open for writing. Raises StorageError.

    Between its creation and its lock a repair may take it for one that was interrupted before
    anything was written, and remove it; then another one is made.
    """
    for _ in range(_CLAIMS):
        descriptor = durable_files.create(path)
        try:
            lock(descriptor, path)
            if file_status.is_named(descriptor, path):
                return descriptor
        except BaseException:
            _take_back(descriptor, path)
            raise
        durable_files.close(descriptor, path)
    raise StorageError(f"{path}: another program removes this file whenever it is made; find it")


def _take_back(descriptor: int, path: str) -> None:
    """Remove a file that could not be made."""
    durable_files.close(descriptor, path)
    try:
        durable_files.remove(path)
    except StorageError as error:
        _log.warning("%s", error, extra=MessageId.STORAGE.extra)


class _Pending(msgspec.Struct, frozen=True):
    """A fragment with its commit on the way into the file. sequence: its number; sealed_bytes: of
    the fragment; before, after: what the next statement names without it and with it."""

    pieces: list[bytes]
    sequence: int
    sealed_bytes: int
    before: str
    after: str


class ContainerWriter:
    """The file of the recording `header.id` in `directory`, made, and durable once this returns.

    init: the initialisation segment. key: signs every statement. sealer: its recipients are those
    that the header names, whatever `header` says. Raises StorageError, and nothing else, for
    whatever the operating system refuses; then nothing is left behind, if the storage still allows
    to remove it.
    """

    def __init__(
        self, directory: str, header: Header, init: bytes, key: SigningKey, sealer: Sealer
    ) -> None:
        self.path: Final = os.path.join(directory, header.id + SUFFIX)
        self._sealer: Final = sealer
        self._chain: Final = chain.Chain(key)
        token = self._chain.header(replace(header, recipients=sealer.recipients))
        self.header_sha256: Final = self._chain.previous
        """SHA-256 of the header's statement."""
        sealed = sealer.seal(init)
        self._init: Content | None = chain.content_of(sealed)
        self._committed = 0
        self._sealed_bytes = 0
        self._reserved = 0
        self._may_reserve = True
        self._failed = False
        self._pending: _Pending | None = None
        self._descriptor: int | None = _claim(self.path)
        try:
            self.identity: Final = file_status.identity_of(self._descriptor)
            """Identity of its file, see `camerad.base.durable_files`."""
            first = member(chain.HEADER_NAME, token)
            second = member(chain.INIT_NAME, sealed)
            self._header_bytes: Final = sum(map(len, first))
            self._put(self._descriptor, first + second)
            durable_files.sync_directory(directory)
        except BaseException:
            _take_back(self._descriptor, self.path)
            raise

    @property
    def sealed_bytes(self) -> int:
        """Bytes of the committed fragments, and of the segment with the first of them; sealed."""
        return self._sealed_bytes

    def append(self, fragment: bytes, facts: FragmentFacts) -> None:
        """Seal and add a fragment, and commit it; it is durable when this returns.

        Raises StorageError; what was added before stays, and only `retry` or `close` may follow.
        Raises FileGoneError, now and then, if the file has its name no more; then nothing is added.
        Raises ValueError if `facts` are those of another fragment than the next one.
        """
        descriptor = self._open_descriptor()
        if self._failed:
            raise StorageError(f"{self.path}: takes nothing more after an error; close it")
        sequence = self._chain.commits
        if facts.sequence != sequence:
            raise ValueError(f"fragment {sequence} comes next, not {facts.sequence}")
        if (sequence + 1) % _LOOK_EVERY == 0:  # before: what is committed is never said to be lost
            self._look_for(descriptor)
        sealed = self._sealer.seal(fragment)
        before = self._chain.previous
        token = self._chain.commit(chain.content_of(sealed), facts, self._init)
        pieces = member(chain.fragment_name(sequence), sealed)
        pieces += member(chain.commit_name(sequence), token)
        self._pending = _Pending(pieces, sequence, len(sealed), before, self._chain.previous)
        self._add(self._pending)

    def retry(self) -> None:
        """Add the fragment that `append` could not, byte for byte as it was; as `append`.

        All of it is written anew, so that it does not matter what became of the first attempt: a
        synchronisation that failed is not repeated, but one of new writes made. Raises ValueError
        if no fragment is left over.
        """
        if self._pending is None or not self._failed:
            raise ValueError(f"{self.path}: there is no fragment to be tried again")
        self._add(self._pending)

    def _add(self, pending: _Pending) -> None:
        descriptor = self._open_descriptor()
        sequence = pending.sequence
        try:
            self._put(descriptor, pending.pieces)
        except BaseException:
            # Whatever arrived, it is not part of the chain.
            self._failed = True
            self._chain.previous, self._chain.commits = pending.before, sequence
            raise
        self._failed, self._pending = False, None
        self._chain.previous, self._chain.commits = pending.after, sequence + 1
        self._sealed_bytes += pending.sealed_bytes
        self._sealed_bytes += 0 if self._init is None else self._init.bytes
        self._init = None

    def close(self, closing: Closing) -> str:
        """Add the end, cut the file to its size and close it; returns the SHA-256 of the end.

        Raises StorageError; the file is closed all the same, and repair will add the end. Raises
        FileGoneError if there is no such file any more.
        """
        descriptor = self._open_descriptor()
        self._descriptor = None
        try:
            if self._init is not None:
                self._committed = self._header_bytes
            if self._failed or self._init is not None:
                durable_files.truncate(descriptor, self._committed, self.path)
                durable_files.sync(descriptor, self.path)
            pieces = [*member(chain.END_NAME, self._chain.end(closing)), ustar.END]
            size = durable_files.write(descriptor, pieces, self._committed, self.path)
            durable_files.truncate(descriptor, size, self.path)
            durable_files.sync(descriptor, self.path)
            self._look_for(descriptor)
        finally:
            durable_files.close(descriptor, self.path)
        return self._chain.previous

    def _look_for(self, descriptor: int) -> None:
        """Raises FileGoneError if the file has lost its name: it would be lost on closing."""
        if not file_status.is_named(descriptor, self.path):
            raise FileGoneError(
                f"{self.path}: this file was removed or replaced while it was recorded, and "
                "its footage is lost with it; find out who can write there"
            )

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise StorageError(f"{self.path}: this recording is not open")
        return self._descriptor

    def _put(self, descriptor: int, pieces: list[bytes]) -> None:
        """Write the pieces behind what is committed; afterwards they are committed too."""
        self._reserve(descriptor, self._committed + sum(map(len, pieces)))
        end = durable_files.write(descriptor, pieces, self._committed, self.path)
        durable_files.sync(descriptor, self.path)
        self._committed = end

    def _reserve(self, descriptor: int, end: int) -> None:
        """Reserve room up to `end` and some way on, if the storage has it and knows how."""
        try:
            while self._may_reserve and self._reserved < end:
                durable_files.preallocate(descriptor, self._reserved, STEP, self.path)
                self._reserved += STEP
        except StorageError as error:
            # Where a whole step has no room, a fragment may still have.
            if error.errno in _CANNOT_RESERVE:
                self._may_reserve = False
            elif error.errno not in _FULL:
                raise
