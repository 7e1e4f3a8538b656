"""Writes into the office's ledger what people do at the desk, and what they decide.

Each call opens the store as a command of the desk does (`camerad.evidence.office_store`), so the
server's own work and commands take turns with it. What is to be seen or done comes after its entry
is on the storage, never before (O5). A call that finds the store taken waits for some seconds.

What the desk decides by its rows is one transaction within such a turn (`deciding`): the store is
waited for before the transaction begins, so no other writer waits for the store.

Everything blocks, and is for threads.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import NotNowError
from camerad.container.keys import SigningKey
from camerad.evidence.office_store import open_office_store
from camerad.ledger.entries import Entry as WrittenEntry
from camerad.office.server.cameras import Cameras
from camerad.office.state import waiting_room
from camerad.office.state.office_state import OfficeState
from camerad.store.disk import TakenError
from camerad.store.locations import office_place
from camerad.store.store import Store

PATIENCE_US: Final = 10 * SECOND
"""How long the store is waited for while another process works with it."""
_LOOK_SECONDS: Final = 0.05

Entry = tuple[str, Mapping[str, Any]]
"""Kind and facts of an entry of the ledger."""


class Decision(NamedTuple):
    """rows: of the transaction. store: of the office, for this turn."""

    rows: Connection
    store: Store

    def append_all(self, entries: Sequence[Entry]) -> list[WrittenEntry]:
        """Write entries, after all changes of rows, which are committed at the end of the turn."""
        return _append_all(self.store, entries)

    def append(self, kind: str, /, **facts: Any) -> WrittenEntry:
        """Write one entry, as `append_all`."""
        return self.append_all([(kind, facts)])[0]


class DeskLedger:
    """directory: the office's. state: the desk's rows. cameras: whose recordings count. key: signs
    the office's ledger."""

    def __init__(
        self, directory: str, state: OfficeState, cameras: Cameras, key: SigningKey, clock: Clock
    ) -> None:
        self._directory = directory
        self._state = state
        self._cameras = cameras
        self._key = key
        self._clock = clock
        self._turn = threading.Lock()
        self._ended = threading.Event()

    def append(self, kind: str, **facts: Any) -> None:
        """Write one entry about people. Raises NotNowError and StorageError."""
        self.append_all([(kind, facts)])

    def append_all(self, entries: Sequence[Entry]) -> None:
        """Write several, one after the other, of one moment and in one epoch; none if another
        process works with the store. Raises NotNowError and StorageError."""
        with self._with_store() as store:
            _append_all(store, entries)

    @contextlib.contextmanager
    def deciding(self, about: Sequence[str] | None = None) -> Iterator[Decision]:
        """Decide by rows and write entries: all of it counts, or none but entries. about: the
        recordings that it is about. Raises NotNowError and StorageError."""
        with self._with_store(about) as store, self._state.writing() as rows:
            yield Decision(rows, store)

    def hold(
        self, recording: str, reason: str, who: str, until_us: int | None, ground: str
    ) -> None:
        """Hold a recording, by `camerad.store.holds.place_hold`. Raises HoldError, NotThereError,
        NotNowError and StorageError."""
        with self._with_store([recording]) as store:
            store.hold(recording, reason, who, until_us=until_us, ground=ground)

    def release(self, recording: str, reason: str, who: str) -> None:
        """End all holds on a recording. Raises HoldError, NotNowError and StorageError."""
        with self._with_store([recording]) as store:
            store.release(recording, who, reason)

    def end(self) -> None:
        """Have all who still wait for the store give up."""
        self._ended.set()

    @contextlib.contextmanager
    def _with_store(self, about: Sequence[str] | None = None) -> Iterator[Store]:
        until = self._clock.now_us() + PATIENCE_US
        place = office_place(self._directory)
        with self._in_turn(), contextlib.ExitStack() as opened:
            while True:
                try:
                    store = opened.enter_context(
                        open_office_store(
                            place,
                            self._key,
                            self._clock,
                            self._cameras.keys(),
                            _ignore,
                            about=about,
                            compared=about is not None,
                        )
                    )
                    break
                except TakenError as error:
                    if self._clock.now_us() >= until or self._ended.wait(_LOOK_SECONDS):
                        raise NotNowError(str(error)) from error
            yield store

    @contextlib.contextmanager
    def _in_turn(self) -> Iterator[None]:
        """One after the other, of this desk. Raises NotNowError."""
        if not self._turn.acquire(blocking=False):
            with waiting_room.WAITING.place(f"{self._directory} ledger"):
                if not self._turn.acquire(timeout=PATIENCE_US / SECOND):
                    raise NotNowError("others write in the office's ledger for too long")
        try:
            yield
        finally:
            self._turn.release()


def _append_all(store: Store, entries: Sequence[Entry]) -> list[WrittenEntry]:
    store.ledger.at = store.ledger.now()
    return [store.ledger.append(kind, **facts) for kind, facts in entries]


def _ignore(_text: str) -> None:
    """What the comparison finds is the server's to tell
    (`camerad.office.jobs.retention_job`)."""
