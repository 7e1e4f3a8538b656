"""Makes replicas, and compares each with the ingested recording before anything is signed.

A replica counts as made when the store was found to keep locks (`ReplicaStore.probe`), it and its
lock are there, and what the store returns for it has the SHA-256 that the office's own copy was
checked with. One that reads back with other bytes is written anew, once.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from camerad.base.async_utils import EventLoop
from camerad.base.clock import DAY, Clock, Moment
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.skeleton import skeleton
from camerad.office.replicas.directory_store import DirectoryStore
from camerad.office.replicas.replica_lock import lock_at_ingest
from camerad.office.replicas.replica_store import (
    Lock,
    ReplicaError,
    ReplicaFault,
    ReplicaStore,
    name_of,
    read_back,
)
from camerad.office.state.office_state import OfficeState
from camerad.store.receipts import CopiedRecording
from camerad.store.verified_copy import Digest

if TYPE_CHECKING:
    from camerad.office.replicas.replica_settings import ReplicaSettings

PROBE_SECONDS: Final = 8.0
"""How long the start waits for the store."""
LEFT_US: Final = DAY
"""An attempt that was interrupted goes on within a day, or never."""
_log = logging.getLogger(__name__)


class Replicas:
    """store: where they lie. clock: whose moments say whether wall time is trusted. state: of the
    office, whose claims exclude other servers. Thread-safe."""

    def __init__(self, store: ReplicaStore, clock: Clock, state: OfficeState) -> None:
        self.store: Final = store
        self._clock = clock
        self._state = state
        self._probing = threading.Lock()
        self._probed = False
        self._asked: asyncio.Future[None] | None = None
        self._away = threading.Event()
        self._back: Callable[[], None] = lambda: None

    def when_back(self, back: Callable[[], None]) -> None:
        """back: called, on any thread, when the store answers again that was away at an ingest."""
        self._back = back

    def store_answered(self) -> None:
        """Note that the store has answered a request."""
        if self._away.is_set():
            self._away.clear()
            self._back()

    @property
    def is_silent(self) -> bool:
        """Whether the store has not answered since the start. Any thread may ask."""
        return self._asked is not None and not self._asked.done()

    async def probe_at_start(self, threads: EventLoop, seconds: float) -> None:
        """Probe the store, and wait so long for its answer. A store that is away or hangs is
        logged, and nothing is acknowledged before it answers. threads: attached to the running
        loop. Raises ReplicaError."""
        asked = threads.in_thread(self.probe)
        await asyncio.wait((asked,), timeout=seconds)
        if asked.done():
            try:
                asked.result()
            except ReplicaError as error:
                if error.fault is not ReplicaFault.AWAY:
                    raise
                _log.warning(
                    "%s. No recording is acknowledged until it answers",
                    printable(error),
                    extra=MessageId.REPLICA.extra,
                )
            return
        self._asked = asked
        asked.add_done_callback(_report_late)
        _log.warning(
            "replicas do not answer: the %s said nothing for %.0f seconds. Cameras bring their "
            "recordings meanwhile, and none is acknowledged. See whether the store runs, and "
            "whether this computer reaches it",
            self.store.describe(),
            seconds,
            extra=MessageId.REPLICA.extra,
        )

    def probe(self) -> None:
        """Try whether the store's lock holds, unless that was found out since the start. Raises
        ReplicaError."""
        with self._probing:
            if self._probed:
                return
            # What another server's probe leaves and tries would be taken for the store's fault.
            with self._state.hold("second-copies-probe"):
                self.store.probe()
            self._probed = True
        _log.info(
            "replicas go to the %s; %s",
            self.store.describe(),
            self.store.describe_lock(),
            extra=MessageId.REPLICA.extra,
        )

    def secure(self, path: str, copied: CopiedRecording, unknown_at: Moment | None) -> None:
        """Make the replica of a recording that is being ingested. path: the office's own
        copy, which was read back. unknown_at: a moment at which the office's ledger did not know it
        yet; None if it knows it. Raises ReplicaError and StorageError: then no receipt may
        be signed."""
        lock = lock_at_ingest(skeleton(path), unknown_at)
        name = name_of(copied.id, copied.final)
        try:
            if lock.hold and self._is_locked(name):
                lock = Lock(None)  # nothing has to stand in for it
            self.make(name, path, Digest(copied.sha256, copied.bytes), lock)
        except ReplicaError as error:
            if error.fault is ReplicaFault.AWAY:
                self._away.set()
            raise
        self.store_answered()

    def make(self, name: str, path: str, content: Digest, lock: Lock) -> None:
        """Make a replica, unless it is there, and compare it. content: of the file at `path`,
        as it was verified. It waits until no one else has this name's lock. Raises as `secure`."""
        self.probe()
        with self._state.hold(_lock_of(name)):
            self.make_alone(name, path, content, lock)

    def make_alone(self, name: str, path: str, content: Digest, lock: Lock) -> None:
        """As `make`, for a caller that has this name's lock (`alone`)."""
        self.store.put(name, path, content.bytes, lock)
        if read_back(self.store, name) == content:
            return
        self.store.put(name, path, content.bytes, lock, again=True)
        if read_back(self.store, name) != content:
            raise StorageError(
                f"{self.store.describe()}: {name} reads back with other bytes than were "
                "written; do not use this store: take another one"
            )

    def alone(self, name: str) -> AbstractContextManager[bool]:
        """Hold a name's lock, against this server and others. Yields False, at once, if another has
        it. Raises StorageError."""
        return self._state.try_hold(_lock_of(name))

    def working(self, what: str) -> AbstractContextManager[bool]:
        """Do what one server does at a time. Yields False, at once, if another one does it. Raises
        StorageError."""
        return self._state.try_hold(what)

    def _is_locked(self, name: str) -> bool:
        there = self.store.lock_of(name)
        return there is not None and there.until_us is not None

    def tidy(self) -> None:
        """Remove what was left of attempts that did not go on for a day. Raises ReplicaError."""
        for name in self.store.leftovers(self._clock.wall_us() - LEFT_US):
            with self.alone(name) as alone:
                if alone:
                    self.store.abandon(name)

    def close(self) -> None:
        """Give up connections."""
        self.store.close()


def _report_late(asked: asyncio.Future[None]) -> None:
    error = None if asked.cancelled() else asked.exception()
    if error is not None:
        _log.error(
            "no recording is acknowledged: %s", printable(error), extra=MessageId.REPLICA.extra
        )


def _lock_of(name: str) -> str:
    return f"second-copy-{name}"


def open_replicas(settings: ReplicaSettings, clock: Clock, state: OfficeState) -> Replicas | None:
    """Where the settings have replicas go; None if they name no place. state: of the office.
    Nothing is asked of the store yet. Raises ReplicaError and StorageError."""
    if settings.s3 is not None:
        # boto3 comes with these, and is not imported where no bucket is named.
        from camerad.office.replicas.s3_bucket import Bucket  # noqa: PLC0415
        from camerad.office.replicas.s3_store import S3Store  # noqa: PLC0415

        return Replicas(S3Store(Bucket(settings.s3)), clock, state)
    if settings.directory is not None:
        return Replicas(DirectoryStore(str(settings.directory), clock), clock, state)
    return None
