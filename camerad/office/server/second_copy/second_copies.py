"""Makes second copies, and compares each with what was taken over, before anything is signed.

A copy counts as made when the store was found to keep locks (`SecondCopy.probe`), the copy and its
lock are there, and what the store returns for it has the SHA-256 that the office's own copy was
checked with. One that reads back with other bytes is written anew, once.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from camerad.base.clock import DAY, Clock, Moment
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.skeleton import skeleton
from camerad.office.server.directory_locks import DirectoryLocks
from camerad.office.server.second_copy.second_copy import (
    Lock,
    SecondCopy,
    SecondCopyAwayError,
    name_of,
    read_back,
)
from camerad.office.server.second_copy.second_copy_directory import DirectorySecondCopy
from camerad.office.server.second_copy.second_copy_lock import lock_at_takeover
from camerad.store.receipts import CopiedRecording
from camerad.store.verified_copy import CopyError, Digest

if TYPE_CHECKING:
    from camerad.office.server.second_copy.second_copy_settings import SecondCopySettings

LEFT_US: Final = DAY
"""An attempt that was interrupted goes on within a day, or never."""
_log = logging.getLogger(__name__)


class SecondCopies:
    """store: where they lie. clock: whose moments say whether wall time is trusted. directory: the
    office's. Any thread may call it; of one name one copy is made at a time."""

    def __init__(self, store: SecondCopy, clock: Clock, directory: str) -> None:
        self.store: Final = store
        self._clock = clock
        self._locks = DirectoryLocks(os.path.abspath(directory))
        self._probing = threading.Lock()
        self._probed = False
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._away = threading.Event()
        self._back: Callable[[], None] = lambda: None

    def when_back(self, back: Callable[[], None]) -> None:
        """back: is told, on any thread, when the store answers again that was away at a
        take-over."""
        self._back = back

    def store_answered(self) -> None:
        """Whoever asked the store got an answer."""
        if self._away.is_set():
            self._away.clear()
            self._back()

    def probe_at_start(self) -> None:
        """Try whether the store's lock holds. If the store is away, that is logged, and it is tried
        before the first copy. Raises UnsafeStoreError, and SecondCopyError."""
        try:
            self.probe()
        except SecondCopyAwayError as error:
            _log.warning(
                "%s. No recording is acknowledged until it answers",
                printable(error),
                extra=MessageId.SECOND_COPY.extra,
            )

    def probe(self) -> None:
        """Try whether the store's lock holds, unless that was found out since the start. Raises
        UnsafeStoreError, SecondCopyAwayError and SecondCopyError."""
        with self._probing:
            if self._probed:
                return
            # What another server's probe leaves and tries would be taken for the store's fault.
            with self._locks.hold("second-copies-probe"):
                self.store.probe()
            self._probed = True
        _log.info(
            "second copies go to the %s; %s",
            self.store.describe(),
            self.store.describe_lock(),
            extra=MessageId.SECOND_COPY.extra,
        )

    def secure(self, path: str, copied: CopiedRecording, unknown_at: Moment | None) -> None:
        """Make the second copy of a recording that is being taken over. path: the office's own
        copy, which was read back. unknown_at: a moment at which the office's ledger did not know it
        yet; None if it knows it. Raises SecondCopyError, CopyError and StorageError: then no
        receipt may be signed."""
        lock = lock_at_takeover(skeleton(path), unknown_at)
        name = name_of(copied.id, copied.final)
        try:
            if lock.hold and self._is_locked(name):
                lock = Lock(None)  # nothing has to stand in for it
            self.make(name, path, Digest(copied.sha256, copied.bytes), lock)
        except SecondCopyAwayError:
            self._away.set()
            raise
        self.store_answered()

    def make(self, name: str, path: str, content: Digest, lock: Lock) -> None:
        """Make a second copy, unless it is there, and compare it. content: of the file at `path`,
        as it was verified. It waits until nobody else works on this name. Raises as `secure`."""
        self.probe()
        with self._locks.hold(_lock_of(name)):
            self.make_alone(name, path, content, lock)

    def make_alone(self, name: str, path: str, content: Digest, lock: Lock) -> None:
        """The same, by whoever works on this name `alone`."""
        with self._lock:
            self._busy.add(name)
        try:
            self.store.put(name, path, content.bytes, lock)
            if read_back(self.store, name) == content:
                return
            self.store.put(name, path, content.bytes, lock, again=True)
            if read_back(self.store, name) != content:
                raise CopyError(
                    f"{self.store.describe()}: {name} reads back with other bytes than were "
                    "written; do not use this store: take another one"
                )
        finally:
            with self._lock:
                self._busy.discard(name)

    def alone(self, name: str) -> AbstractContextManager[bool]:
        """Work on a name while nobody else does, here or at another server. Yields False, at once,
        if somebody does. Raises StorageError."""
        return self._locks.try_hold(_lock_of(name))

    def working(self, what: str) -> AbstractContextManager[bool]:
        """Do what one server does at a time. Yields False, at once, if another one does it. Raises
        StorageError."""
        return self._locks.try_hold(what)

    def _is_locked(self, name: str) -> bool:
        there = self.store.lock_of(name)
        return there is not None and there.until_us is not None

    def tidy(self) -> None:
        """Remove what was left of attempts that did not go on for a day. Raises
        SecondCopyError."""
        with self._lock:
            busy = frozenset(self._busy)
        self.store.tidy(busy, self._clock.wall_us() - LEFT_US)

    def close(self) -> None:
        """Give up connections."""
        self.store.close()


def _lock_of(name: str) -> str:
    return f"second-copy-{name}"


def open_second_copies(
    settings: SecondCopySettings, clock: Clock, directory: str
) -> SecondCopies | None:
    """Where the settings have second copies go; None if they name no place. directory: the
    office's. Nothing is asked of the store yet. Raises SecondCopyError and StorageError."""
    if settings.s3 is not None:
        # boto3 comes with these, and is not imported where no bucket is named.
        from camerad.office.server.second_copy.second_copy_s3 import S3SecondCopy  # noqa: PLC0415
        from camerad.office.server.second_copy.second_copy_s3_client import Bucket  # noqa: PLC0415

        return SecondCopies(S3SecondCopy(Bucket(settings.s3)), clock, directory)
    if settings.directory is not None:
        return SecondCopies(DirectorySecondCopy(str(settings.directory), clock), clock, directory)
    return None
