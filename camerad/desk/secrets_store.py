"""Secrets that people and pages hold for a while, and what each stands for: links, sessions,
viewings, ceremonies.

``office/desk/KIND/SHA256.json``, SHA256 being that of the secret: whoever reads the directory, or a
backup of it, has no secret. A secret is 32 random bytes in base64url. All servers on a directory
share them. A secret stands for something until its time, or until it is taken: of several who take
it at once, one gets it. Whoever changes or removes a record holds the lock of its secret
(`camerad.desk.desk_locks`), so what was removed is not put back by who read it before.

A record names a person, and perhaps a recording: it says itself when it is over (`until_us`), and
what is over goes within the hour (`tidy_all`), of every kind there is.

A record that makes no sense stands for nothing, and keeps nobody else's from counting: it is
skipped, which the log says once. Nobody knows when it is over, so it goes when its file is older
than any record lasts (`DAMAGED_US`). Until then it still keeps a challenge from being answered
again.

Times are wall time, microseconds since 1970: what the office's server goes by, whose clock is set
by the network. If that clock is set back, secrets count for as much longer; sessions are bounded by
idleness besides (`camerad.desk.sessions`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

import msgspec

from camerad.base import durable_files, file_status, state_file
from camerad.base.clock import DAY
from camerad.base.errors import CameradError, StorageError
from camerad.base.storage_errors import explaining
from camerad.desk.desk_locks import LOCK_SECONDS, DeskLocks
from camerad.store.locations import OFFICE
from camerad.vault.directory_locks import LockHeldError

DESK: Final = "desk"
"""The desk's directory, in the office's own part."""
SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_ENDING: Final = ".json"
_HALF: Final = _ENDING + durable_files.TEMPORARY
"""Of a record that was being written when the power went."""
_LARGEST: Final = 16_384
DAMAGED_US: Final = 7 * DAY
"""After so long without a change a record that cannot be read is removed."""
_REMEDY: Final = "remove the file: whoever it was for signs in again, or asks for another link"


class SecretKind(StrEnum):
    """Every kind, as its directory is called."""

    SESSIONS = "sessions"
    LINKS = "links"
    VIEWINGS = "viewings"
    VIEWING_REQUESTS = "viewing-requests"
    ANSWERED = "answered"


class Bounded(Protocol):
    """What a secret stands for."""

    @property
    def until_us(self) -> int:
        """Wall time from which on it stands for nothing."""


class TooManyError(CameradError):
    """Error raised when there are as many secrets of a kind as there may be."""


_T = TypeVar("_T", bound=Bounded)


class SecretsStore(Generic[_T]):
    """Secrets of one kind. root: the office's directory. what: record that each stands for. most:
    how many there may be at once.

    Any thread may use it. Everything raises StorageError, and what writes raises LockHeldError.
    """

    def __init__(self, root: str, kind: SecretKind, what: type[_T], most: int) -> None:
        self._directory = os.path.join(os.path.abspath(root), OFFICE, DESK, kind)
        self._kind = kind
        self._what = what
        self._most = most
        self._locks = DeskLocks(root)
        self._skipped = state_file.SkippedFiles(f"one of the desk's {kind} counts no more")

    def issue(self, record: _T, now_us: int) -> str:
        """A new secret that stands for `record`. Raises TooManyError."""
        self.check_room(now_us)
        secret = secrets.token_urlsafe(32)
        self.put(secret, record)
        return secret

    def check_room(self, now_us: int) -> None:
        """That another one may be issued. Raises TooManyError."""
        if len(self._names()) >= self._most and self.tidy(now_us) >= self._most:
            raise TooManyError(f"there are {self._most} of these already; try again later")

    def put(self, secret: str, record: _T) -> None:
        """Have a secret stand for another record."""
        self.change(name_of(secret), record)

    def change(self, name: str, record: _T) -> None:
        """Have the secret of this `name_of` stand for another record."""
        with self._hold(name):
            self._write(name, record)

    def claim(self, secret: str, record: _T) -> bool:
        """Have a secret stand for a record, unless there is one of it, whether it counts or not;
        returns whether there was none. Of several who claim it at once, one gets True."""
        name = name_of(secret)
        with self._hold(name):
            if file_status.exists(self._path(name)):
                return False
            self._write(name, record)
        return True

    def renew(self, name: str, now_us: int, change: Callable[[_T], _T]) -> _T | None:
        """Have the secret of this `name_of` stand for what `change` makes of its record, unless it
        stands for nothing by now; returns what it stands for then."""
        with self._hold(name):
            record = self._read(name, now_us)
            if record is None:
                return None
            record = change(record)
            self._write(name, record)
        return record

    def find(self, secret: str, now_us: int) -> _T | None:
        """What a secret stands for now; None if nothing."""
        if not SECRET.fullmatch(secret):
            return None
        return self._read(name_of(secret), now_us)

    def take(self, secret: str, now_us: int) -> _T | None:
        """The same, and from then on it stands for nothing; of several takers one gets it."""
        record = self.find(secret, now_us)
        return record if record is not None and self._remove(name_of(secret)) else None

    def drop(self, name: str) -> bool:
        """Have the secret of this `name_of` stand for nothing; returns whether it did for
        something."""
        return self._remove(name)

    def tidy_one(self, secret: str, now_us: int) -> None:
        """Remove the record of a secret if it stands for nothing any more."""
        if SECRET.fullmatch(secret):
            self._tidy_or_tell(name_of(secret), now_us)

    def records(self, now_us: int) -> Iterator[tuple[str, _T]]:
        """Everything that counts now and can be read, each with the name of its secret."""
        for name in self._names():
            try:
                record = self._read(name, now_us)
            except StorageError as error:
                self._skipped.tell(error)
                continue
            if record is not None:
                yield name, record

    def tidy(self, now_us: int) -> int:
        """Remove what stands for nothing any more; returns how many are left."""
        return sum(not self._tidy_or_tell(name, now_us) for name in self._names())

    def tidy_each(self, now_us: int) -> list[CameradError]:
        """Remove what stands for nothing any more, and what a loss of power left of records that
        were being written; returns why which stay that cannot be read, or are held."""
        failed: list[CameradError] = []
        jobs = [partial(self._tidy, name, now_us) for name in self._names()]
        jobs += [partial(self._remove_half, name) for name in self._names(_HALF)]
        for job in jobs:
            try:
                job()
            except (StorageError, LockHeldError) as error:
                failed.append(error)
        return failed

    def _remove_half(self, name: str) -> bool:
        with self._hold(name):  # nobody writes it now
            durable_files.remove(os.path.join(self._directory, name + _HALF), missing_ok=True)
        return True

    def _tidy_or_tell(self, name: str, now_us: int) -> bool:
        """Remove a record that stands for nothing any more; returns whether it is gone."""
        try:
            return self._tidy(name, now_us)
        except StorageError as error:
            self._skipped.tell(error)
            return False

    def _tidy(self, name: str, now_us: int) -> bool:
        if self._counts(name, now_us):
            return False
        with self._hold(name):
            if self._counts(name, now_us):
                return False
            self._unlink(name)
        return True

    def _counts(self, name: str, now_us: int) -> bool:
        """Whether a record stands for something now. Raises the reason why nobody knows, while it
        is young."""
        try:
            return self._load(name, now_us) is not None
        except StorageError:
            path = self._path(name)
            with explaining("look at the file", path):
                changed_us = os.lstat(path).st_mtime_ns // 1000
            if now_us - changed_us < DAMAGED_US:
                raise
            return False

    def _names(self, ending: str = _ENDING) -> list[str]:
        if not file_status.is_directory(self._directory):
            return []
        with explaining("list the directory", self._directory):
            there = os.listdir(self._directory)
        return sorted(one.removesuffix(ending) for one in there if one.endswith(ending))

    def _read(self, name: str, now_us: int) -> _T | None:
        """What a record stands for now; None if it makes no sense."""
        try:
            return self._load(name, now_us)
        except state_file.StateFileError as error:
            self._skipped.tell(error)
            return None

    def _load(self, name: str, now_us: int) -> _T | None:
        record = state_file.read_json(
            self._path(name), self._what, "desk's record", _LARGEST, _REMEDY
        )
        return record if record is not None and now_us < record.until_us else None

    def _hold(self, name: str) -> contextlib.AbstractContextManager[None]:
        return self._locks.hold(f"desk {self._kind} {name}", LOCK_SECONDS)

    def _write(self, name: str, record: _T) -> None:
        durable_files.make_directory(self._directory, 0o700)
        state_file.write_json(self._path(name), record, mode=0o600)

    def _remove(self, name: str) -> bool:
        with self._hold(name):
            return self._unlink(name)

    def _unlink(self, name: str) -> bool:
        path = self._path(name)
        try:
            with explaining("remove the file", path):
                os.unlink(path)
        except StorageError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return False
            raise
        durable_files.sync_directory(self._directory)
        return True

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name + _ENDING)


class _Until(msgspec.Struct, frozen=True):
    """What records of every kind have."""

    until_us: int


def tidy_all(root: str, now_us: int) -> None:
    """Remove of every kind what stands for nothing any more. root: the office's directory.

    What cannot be read stays, and keeps nothing else from going. Raises the first error in the end.
    """
    stores = (SecretsStore(root, kind, _Until, 0) for kind in SecretKind)
    failed = [error for store in stores for error in store.tidy_each(now_us)]
    if failed:
        raise failed[0]


def name_of(secret: str) -> str:
    """The name under which a secret's record lies."""
    return hashlib.sha256(secret.encode("ascii")).hexdigest()
