"""The contract of a store of replicas (O4).

Recordings lie in the office's directory, since every tool works on plain files. Their replicas lie
elsewhere: in a bucket whose objects are locked, or in another directory. A directory that is lost,
encrypted by an attacker or emptied by its administrator then loses no evidence.

`ReplicaStore` is what such a store has to do. `s3_store` and `directory_store` do it, and
one suite of tests holds both to it. Times are wall time in microseconds since 1970; a lock ends
with a full second, never after what was asked for. All of them raise `ReplicaError`: what
failed, where, and what to do.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple, Protocol

from camerad.base.errors import EX_CONFIG, EX_IOERR, EX_TEMPFAIL, StorageError
from camerad.container.recording_files import SUFFIX
from camerad.container.recording_ids import RecordingId, is_id
from camerad.store.verified_copy import Digest

UPLOADS: Final = "uploads/"
"""How the names of parts of uploads begin, which several servers share."""
_NAME: Final = re.compile(rf"(?P<id>[^/]+)/(?P<final>[0-9a-f]{{64}}){re.escape(SUFFIX)}")


class ReplicaFault(Enum):
    """What is wrong with the store of replicas, with a command's exit code."""

    REFUSED = EX_IOERR
    """The store refuses a request, or fails."""
    AWAY = EX_TEMPFAIL
    """The store does not answer just now."""
    UNSAFE = EX_CONFIG
    """It does not keep what a lock promises, or its credentials are not kept safe; no start mends
    that."""


class ReplicaError(StorageError):
    """Error raised when the store of replicas does not do what it should."""

    def __init__(self, text: str, fault: ReplicaFault = ReplicaFault.REFUSED) -> None:
        super().__init__(text)
        self.fault: Final = fault
        self.exit_code = fault.value  # type: ignore[misc]


def store_away(text: str) -> ReplicaError:
    """The error where the store does not answer."""
    return ReplicaError(text, ReplicaFault.AWAY)


def unsafe_store(text: str) -> ReplicaError:
    """The error where no start mends what is wrong."""
    return ReplicaError(text, ReplicaFault.UNSAFE)


class Lock(NamedTuple):
    """What keeps a copy from being deleted. until_us: end of its lock; None without one. hold: it
    is kept until the hold is ended, whatever its lock says."""

    until_us: int | None
    hold: bool = False


class StoredReplica(NamedTuple):
    """A copy that is there. bytes: of what was written last under this name."""

    name: str
    bytes: int


class ReplicaStore(Protocol):
    """A store of replicas. Any thread may call it; of one name, one at a time.

    A name may have several versions, since a person who knows the office's password can write over
    a copy. What was there before stays below, under its own lock.
    """

    def put(self, name: str, path: str, size: int, lock: Lock, *, again: bool = False) -> None:
        """Copy a file of so many bytes durably, and lock the copy.

        A name is written once: a copy of this length that is there is left, and only locked if it
        has no lock. again: it is written anew all the same. What a kill interrupted goes on where
        it was. Memory does not grow with the file. A lock that is there stays as long as it is.
        """

    def versions(self, name: str) -> list[str]:
        """What there is under this name, the newest first; empty if there is nothing."""

    def pieces(self, name: str, version: str) -> Iterator[bytes]:
        """The content of a version, as the store returns it now."""

    def lock_of(self, name: str) -> Lock | None:
        """The lock of the newest version; None if there is none of that name."""

    def set_lock(self, name: str, until_us: int) -> None:
        """Lock every version that has no lock. None is made longer or shorter."""

    def hold(self, name: str, *, on: bool) -> None:
        """Hold every version, or end that."""

    def delete(self, name: str) -> None:
        """Remove all that is under this name; nothing may be there. Raises ReplicaError if some of
        it is locked or held, as the store says."""

    def list_copies(self) -> list[StoredReplica]:
        """All replicas, of any maker. What has no recording's name is left out."""

    def put_bytes(self, name: str, content: bytes) -> None:
        """Write a part of an upload, durably; nothing locks it. name: below `UPLOADS`."""

    def read_bytes(self, name: str) -> bytes | None:
        """A part as it was written last; None if there is none."""

    def remove_below(self, prefix: str) -> None:
        """Remove all parts whose names begin so; there may be none."""

    def leftovers(self, before_us: int) -> list[str]:
        """Names of replicas of which an attempt, begun before that time, was interrupted."""

    def abandon(self, name: str) -> None:
        """Remove what interrupted attempts left of a replica."""

    def probe(self) -> None:
        """Try whether the lock holds. Raises ReplicaError, with what to do, if it does not."""

    def describe(self) -> str:
        """Which store it is, in words for people."""

    def describe_lock(self) -> str:
        """What its lock is worth, in words for people, once `probe` has found nothing wrong."""

    def close(self) -> None:
        """Give up connections."""


def name_of(recording: str, final: str) -> str:
    """The name of a recording's replica. final: SHA-256 of its last statement, so that two
    recordings that chose the same id have two names."""
    return f"{recording}/{final}{SUFFIX}"


def parse_name(name: str) -> tuple[RecordingId, str] | None:
    """The recording's id and the SHA-256 of its last statement; None if it is no such name."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    recording: str = found["id"]
    return (recording, found["final"]) if is_id(recording) else None


def read_back(store: ReplicaStore, name: str) -> Digest:
    """What the store returns for a copy now, hashed here: no engine's own checksum is believed.

    Raises ReplicaError, also if there is no copy.
    """
    there = store.versions(name)
    if not there:
        raise ReplicaError(f"{store.describe()}: there is no replica {name}")
    found = hashlib.sha256()
    size = 0
    for piece in store.pieces(name, there[0]):
        found.update(piece)
        size += len(piece)
    return Digest(found.hexdigest(), size)
