"""Keeps identity, ledger and store on a separate thread.

All of it happens on one thread, one thing after the other, so that nothing here needs a lock and
the event loop never waits for the card (P5). What happens while the card cannot be written is noted
as soon as it can be.

The start is `camerad.daemon.open_store`; then the camera may record. After that, while it is in use
already: recordings without an end are closed, files and ledger are compared, and what had to be
closed is checked from its beginning. A recording that goes on from one that was cut off comes
first: all of that waits until its first fragment is on the card, or for `GOES_ON_US`.

A card that refuses something for a moment only, as one does whose contact chatters, is no trouble
yet: a press in that moment is ridden out as well (`camerad.recording.write_retry`), and so would be
refused for nothing. It is asked again twice a second, and is one when it has refused for as long as
a recording could wait for it (`ring.stall_seconds`).

Afterwards, twice a minute: recordings that are due are deleted, if it is known what is due (P9);
every hour, uptime is noted, so that it counts towards ages, and files and ledger are compared
again; epochs of the ledger begin and expire.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, TypeVar

from camerad.base.clock import SECOND, Clock, Moment
from camerad.base.errors import CameradError, StorageError
from camerad.base.message_ids import Log, MessageId
from camerad.base.wall_clock import KnownTime
from camerad.behaviour.budget import PROOF_SECONDS, Part
from camerad.config import Settings
from camerad.container.recording_ids import RecordingId
from camerad.daemon import crash_recovery, open_store
from camerad.daemon.crash_recovery import CrashRecovery
from camerad.daemon.heartbeat import Heartbeat, WantedNote
from camerad.daemon.open_store import OpenedStore
from camerad.daemon.shift_note import ShiftNote
from camerad.recording.write_retry import PASSING

if TYPE_CHECKING:
    from camerad.container.encryption import Sealer
    from camerad.container.keys import SigningKey
    from camerad.container.statements import Closing, FragmentFacts, Header
    from camerad.recording.container_writer import Sink
    from camerad.store.store import Store
    from camerad.update.update_outbox import UpdateOutbox


class _LedgerSink:
    """The file of a recording; the ledger hears of its end and of its loss. A `Sink`."""

    def __init__(self, sink: Sink, header: Header, worker: StoreWorker) -> None:
        self._sink = sink
        self._header = header
        self._worker = worker
        self._flagged = False
        self._committed = False

    @property
    def path(self) -> str:
        """The file."""
        return self._sink.path

    @property
    def sealed_bytes(self) -> int:
        """As its sink says."""
        return self._sink.sealed_bytes

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        from camerad.recording.container_writer import FileGoneError  # noqa: PLC0415 - it is loaded by now

        try:
            yield
        except FileGoneError:
            self._worker.lost_its_name(self._header.id)
            raise

    def append(self, fragment: bytes, facts: FragmentFacts) -> None:
        """As its sink does."""
        # Also of a fragment that is tried again: only `retry` goes on from it.
        self._flagged = self._flagged or bool(facts.marks)
        with self._named():
            self._sink.append(fragment, facts)
        if not self._committed:
            self._committed = True
            self._worker.committed()

    def retry(self) -> None:
        """As its sink does."""
        with self._named():
            self._sink.retry()

    def close(self, closing: Closing) -> str:
        """As its sink does; where that fails, it is for repair to close the file."""
        # Before the file is let go: a repair may come at once.
        self._worker.ending(self._header.id, closing)
        try:
            with self._named():
                final = self._sink.close(closing)
        except CameradError:
            self._worker.interrupted(self._header.id, closing)
            raise
        self._worker.note(
            "closed",
            id=self._header.id,
            final=final,
            retention_days=self._header.retention_days,
            ended=closing.clock,
            flagged=self._flagged or bool(closing.marks),
            reason=closing.reason,
        )
        return final


log = Log(__name__)

HOUSEKEEPING_SECONDS: Final = 30.0
"""How often what is due is looked for; a deletion is to be within a minute."""
UPTIME_US: Final = 3600 * SECOND
COMPARE_US: Final = 3600 * SECOND
"""How often files and ledger are compared: what became of a file while the camera runs for days
must not wait for the next start to be noticed."""
TURN_SECONDS: Final = PROOF_SECONDS[Part.KEEPING] / 4
"""The thread never sleeps longer, so that it is seen to live."""
RETRY_SECONDS: Final = 5.0
"""How long after a failure of the card the next attempt is made."""
AGAIN_SECONDS: Final = 0.5
"""The same while it may be over in a moment."""
GOES_ON_US: Final = 5 * SECOND
"""How long the card is left to a recording that goes on from one that was cut off."""
MOST_UNWRITTEN: Final = 10_000
"""Notes that wait for the card; beyond it the oldest are given up, which is logged."""

_T = TypeVar("_T")


class StoreWorker:
    """state_dir: the daemon's directory. on_opened: recordings can be kept from now on.
    on_trouble(error): the card does not take it, or does again (None); where it may be well again
    in a moment (`camerad.recording.write_retry.PASSING`), only when it was not. on_broken(error): a
    mistake of ours; nothing is noted any more. on_time_known(known): what the ledger knows of right
    time, before it is told anything new, so that no entry says more of the time than is known. All
    of them are called from the keeping thread.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        *,
        on_opened: Callable[[OpenedStore], None],
        on_trouble: Callable[[StorageError | None], None],
        on_broken: Callable[[BaseException], None],
        on_time_known: Callable[[KnownTime], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._root = str(settings.device.state_dir)
        self._clock = clock
        self._on_opened = on_opened
        self._on_trouble = on_trouble
        self._on_broken = on_broken
        self._on_time_known = on_time_known
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._unwritten: deque[tuple[str, Moment, dict[str, Any]]] = deque()
        self._troubles: dict[str, int] = {}
        self._told = False
        self._stall_us = round(settings.ring.stall_seconds * SECOND)
        self._retry_seconds = RETRY_SECONDS
        self._stopping = False
        self._interrupted = True
        # Of the daemon before: this one has noted nothing yet.
        runtime_dir = str(settings.device.runtime_dir)
        self._shift = ShiftNote(runtime_dir, clock).read()
        self.heartbeat: Final = Heartbeat(runtime_dir, clock)
        self._naming = threading.Lock()
        self._named: dict[int, str] = {}
        """Names of recordings that may have no file yet, by the thread that makes it."""
        self._mending = CrashRecovery(self._recordings_dir, clock, self.note, self.heartbeat)
        self.expiring: tuple[str, ...] = ()
        """Ids of flagged recordings that will be deleted soon unless they are held."""
        self._store: Store | None = None
        self._updates: UpdateOutbox | None = None
        self._key: SigningKey | None = None
        self._sealer: Sealer | None = None
        self._uptime_us = clock.now_us()
        self._compared_us = clock.now_us()
        self._due_us = 0
        self._goes_on = False
        self._processor_clock: int | None = None
        self._thread = threading.Thread(target=self._run, name="keeping", daemon=True)

    # ------------------------------------------------------------------ from any thread

    def start(self, dark_us: int = 0) -> None:
        """Begin; `on_opened` follows. dark_us: as `EarlyStart.dark_us`."""
        self._mending.put_out(dark_us)
        self._thread.start()

    def note(self, kind: str, **facts: Any) -> None:
        """Have the ledger say so (`camerad.ledger.entry_types`), and that it happened now, whenever
        it can be written; returns at once."""
        note = (kind, self._clock.moment(), facts)
        self._jobs.put(lambda: self._take(note))

    def ask(
        self, work: Callable[[Store, SigningKey], _T], *, only_looks: bool = False
    ) -> Future[_T]:
        """Have `work` done with the store and the device's key, after everything noted so far.

        only_looks: it changes nothing, so that a card which takes no notes does not keep from it.
        The future raises what `work` raises, and StorageError while the store is not open.
        """
        future: Future[_T] = Future()

        def job() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                if self._store is None or self._key is None:
                    raise StorageError(f"{self._root}: the store is not open yet; try again")
                if not only_looks:
                    self._write_notes()
                future.set_result(work(self._store, self._key))
            except Exception as error:  # noqa: BLE001 - it is raised where the result is awaited
                future.set_exception(error)

        self._jobs.put(job)
        return future

    def open_sink(self, header: Header, init: bytes) -> Sink:
        """Make the file of a recording; the ledger will know it. Raises StorageError.

        Only after `on_opened`, and only where there are recipients.
        """
        from camerad.recording.container_writer import ContainerWriter  # noqa: PLC0415 - slow to import

        if self._key is None or self._sealer is None:
            raise StorageError(f"{self._root}: nothing can be kept: no identity or no recipient")
        container = ContainerWriter(self._recordings_dir, header, init, self._key, self._sealer)
        self._mending.being_made[header.id] = container.path, container.identity
        self.note("opened", id=header.id, header=container.header_sha256)
        with self._naming:
            self._named.pop(threading.get_ident(), None)
        return _LedgerSink(container, header, self)

    def new_id(self, wall_us: int) -> RecordingId:
        """A name for the recording that this thread makes. Raises StorageError."""
        from camerad.container.recording_files import new_id  # noqa: PLC0415 - slow to import

        store = self._store
        # One that was begun a moment ago may not be in the ledger yet; its file is there, or it is
        # being made just now.
        known = () if store is None else (*store.ledger.state.recordings, *self._mending.fileless)
        thread = threading.get_ident()
        with self._naming:
            others = [name for maker, name in self._named.items() if maker != thread]
            name = new_id(self._recordings_dir, wall_us, (*known, *others))
            self._named[thread] = name
        return name

    def committed(self) -> None:
        """A recording has its first fragment: what waited for that may begin."""

        def go_on() -> None:
            if self._goes_on:
                self._goes_on = False
                self._due_us = self._clock.now_us()

        self._jobs.put(go_on)

    def ending(self, recording: str, closing: Closing) -> None:
        """The end of a recording is being written: a repair that finds none writes this one."""
        self._mending.left[recording] = closing

    def interrupted(self, recording: str = "", closing: Closing | None = None) -> None:
        """A recording has no end although the daemon goes on: it is repaired once it can be.
        closing: what its end was to say."""
        if closing is not None:
            # On the card nothing can be noted just now, and the daemon may die before it can.
            self.heartbeat.left(recording, closing.at_us, closing.reason)

        def expect_repair() -> None:
            self._mending.being_made.pop(recording, None)
            self._interrupted = True

        self._jobs.put(expect_repair)

    def lost_its_name(self, recording: str) -> None:
        """The file of a recording that is being made is not under its name any more."""

        def look() -> None:
            self._mending.look_at(recording)

        self._jobs.put(look)

    @property
    def advanced_ns(self) -> int | None:
        """Processor time that the thread has used: it stands still while the thread hangs. None
        before it begins, and when it has ended."""
        clock = self._processor_clock
        if clock is None or not self._thread.is_alive():
            return None
        try:
            return time.clock_gettime_ns(clock)
        except OSError:
            return None  # it has ended just now: clock_gettime(2), EINVAL

    def close(self, seconds: float) -> bool:
        """Note the end, and end; whether everything was written within `seconds`. If it never
        began there is nothing to end."""
        if self._thread.ident is None:
            return True

        def stop() -> None:
            self._stopping = True

        self.note("stop")
        self._jobs.put(stop)
        self._thread.join(seconds)
        return not self._thread.is_alive() and not self._unwritten

    # ------------------------------------------------------------------ the thread

    @property
    def _recordings_dir(self) -> str:
        return os.path.join(self._root, "recordings")

    def _run(self) -> None:
        self._processor_clock = time.pthread_getcpuclockid(threading.get_ident())
        try:
            while self._store is None and not self._stopping:
                self._guarded(self._open)
                self._work(RETRY_SECONDS if self._store is None else 0.0)
            while not self._stopping:
                if self._clock.now_us() >= self._due_us:
                    again = self._guarded(self._keep_house)
                    seconds = HOUSEKEEPING_SECONDS if again is None else again
                    self._due_us = self._clock.now_us() + round(seconds * SECOND)
                wait = min(max(0, self._due_us - self._clock.now_us()) / SECOND, TURN_SECONDS)
                self._work(min(wait, self._retry_seconds) if self._unwritten else wait)
        except BaseException as error:  # noqa: BLE001 - a thread never fails silently
            self._on_broken(error)
        finally:
            if self._store is not None:
                self._store.close()

    def _work(self, seconds: float) -> None:
        """Do what is asked for, waiting up to `seconds` for the first of it, then write notes."""
        try:
            self._jobs.get(timeout=seconds)() if seconds else self._jobs.get_nowait()()
            while not self._stopping:
                self._jobs.get_nowait()()
        except queue.Empty:
            pass
        # Also where they are written since: what was asked for has done that, and it is to be told.
        refused = self._write_notes.__name__ in self._troubles
        if self._store is not None and (self._unwritten or refused):
            self._retry_seconds = self._guarded(self._write_notes) or RETRY_SECONDS

    def _guarded(self, work: Callable[[], None]) -> float | None:
        """Do something that the card may not allow; that is told unless it may be over in a moment,
        and once that it is over. Returns None, or seconds until it is to be tried again.

        It is over when everything that failed has succeeded since: a note that can be written says
        nothing about a file that could not be deleted.
        """
        what = work.__name__
        try:
            work()
        except StorageError as error:
            now_us = self._clock.now_us()
            if what not in self._troubles:
                log.error(MessageId.STORAGE, "%s", error)
            since_us = self._troubles.setdefault(what, now_us)
            # Before the store is open nothing can be recorded, whatever the card does in a moment.
            may_pass = self._store is not None and error.errno in PASSING
            if may_pass and now_us - since_us < self._stall_us:
                return AGAIN_SECONDS
            self._told = True
            self._on_trouble(error)
            return RETRY_SECONDS
        self._troubles.pop(what, None)
        if self._told and not self._troubles:
            self._told = False
            self._on_trouble(None)
        return None

    def _write_notes(self) -> None:
        store = self._store
        if store is None:
            return
        while self._unwritten:
            kind, happened, facts = self._unwritten[0]
            store.ledger.append(kind, happened=happened, **facts)
            self._unwritten.popleft()
            self._forget(kind, facts)
            self._uptime_us = self._clock.now_us()

    def _take(self, note: tuple[str, Moment, dict[str, Any]]) -> None:
        """Keep a note until it can be written."""
        self._unwritten.append(note)
        while len(self._unwritten) > MOST_UNWRITTEN:
            kind, _, facts = self._unwritten.popleft()
            self._forget(kind, facts)
            log.error(MessageId.LEDGER, "this entry is missing in the ledger: %s", kind)

    def _forget(self, kind: str, facts: dict[str, Any]) -> None:
        """From when the ledger knows the end of a recording, its file is like any other."""
        if kind == "closed":
            self._mending.being_made.pop(facts["id"], None)
            self._mending.left.pop(facts["id"], None)
            self.heartbeat.forget(facts["id"])

    # ------------------------------------------------------------------ start

    def _open(self) -> None:
        from camerad.update.update_outbox import UpdateOutbox  # noqa: PLC0415 - slow to import

        books = open_store.open_books(
            self._root,
            self._settings,
            self._clock,
            self._mending,
            self._on_time_known,
            noted=self._shift,
        )
        self._sealer, self._key, self._store = books.sealer, books.key, books.store
        self._updates = UpdateOutbox(self._settings.device.provision_dir, self._root)
        self._goes_on = books.opened.resume is not None
        self._due_us = self._clock.now_us() + (GOES_ON_US if self._goes_on else 0)
        self._on_opened(books.opened)

    # ------------------------------------------------------------------ housekeeping

    def _keep_house(self) -> None:
        from camerad.store import retention  # noqa: PLC0415 - slow to import

        store, key = self._store, self._key
        if store is None or key is None:
            return
        for recording in tuple(self._mending.being_made):
            self._mending.look_at(recording)
        if self._interrupted:
            self._interrupted = self._mending.repair_all(store, key, self._make_fileless)
            self._compare(store)
        elif self._clock.now_us() - self._compared_us >= COMPARE_US:
            self._compare(store)
        if self._clock.now_us() - self._uptime_us >= UPTIME_US:
            self.note("uptime")
        for deletion in store.purge():
            log.info(MessageId.DELETED, "deleted %s: %s", deletion.id, deletion.why)
        if self._updates is not None:
            self._updates.write_to(store.ledger)
        store.ledger.rotate_and_expire(self._settings.policy.retention_days)
        soon = retention.list_expiring_flagged(store.ledger.state, *store.ledger.now())
        for known in soon:
            if known.id not in self.expiring:
                log.warning(
                    MessageId.EXPIRING,
                    "%s is flagged and will be deleted soon unless it is held",
                    known.id,
                )
        self.expiring = tuple(known.id for known in soon)

    def _make_fileless(self, recording: RecordingId, note: WantedNote) -> None:
        """As `camerad.daemon.crash_recovery.make_missing_file`."""
        store, key, sealer = self._store, self._key, self._sealer
        if store is None or key is None or sealer is None:
            raise StorageError(f"{recording}: nothing can be kept: no identity or no recipient")
        at, settings, clock = self._recordings_dir, self._settings, self._clock
        header = crash_recovery.make_missing_file(
            at, recording, note, settings, key=key, sealer=sealer, clock=clock
        )
        store.ledger.append("opened", id=recording, header=header)

    def _compare(self, store: Store) -> None:
        store.reconcile()
        self._compared_us = self._clock.now_us()
