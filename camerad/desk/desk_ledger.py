"""Writes into the office's ledger what people do at the desk, and what they decide.

Each call opens the store as a command of the desk does (`camerad.office.office_store`), so the
server's own work and commands take turns with it. What is to be seen or done comes after its entry
is on the storage, never before (O5). Whoever finds the store taken waits for some seconds.

Everything blocks, and is for threads.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import CameradError
from camerad.container.keys import SigningKey
from camerad.desk.desk_locks import WAITING
from camerad.office.office_store import open_office_store
from camerad.store import deletable
from camerad.store.disk import TakenError
from camerad.store.locations import office_place
from camerad.store.store import Store
from camerad.vault.cameras import Cameras
from camerad.vault.directory_locks import LockHeldError

PATIENCE_US: Final = 10 * SECOND
"""How long the store is waited for while somebody else works with it."""
_LOOK_SECONDS: Final = 0.05

_T = TypeVar("_T")


class BusyError(CameradError):
    """Error raised when somebody else works with the store for longer than anybody waits."""


class DeskLedger:
    """directory: the office's. cameras: whose recordings count. key: signs the office's ledger."""

    def __init__(self, directory: str, cameras: Cameras, key: SigningKey, clock: Clock) -> None:
        self._directory = directory
        self._cameras = cameras
        self._key = key
        self._clock = clock
        self._turn = threading.Lock()
        self._ended = threading.Event()

    def append(self, kind: str, **facts: Any) -> None:
        """Write one entry about people. Raises BusyError and StorageError."""
        self.append_all([(kind, facts)])

    def append_all(self, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Write several, kinds and facts, one after the other, of one moment and in one epoch; none
        if somebody else works with the store. Raises BusyError and StorageError."""

        def write(store: Store) -> None:
            store.ledger.at = store.ledger.now()
            for kind, facts in entries:
                store.ledger.append(kind, **facts)

        self._with_store(write)

    def give(self, kind: str, given: Sequence[Mapping[str, Any]]) -> None:
        """Write that somebody is given recordings. kind: of the entries. given: the facts of each,
        the recording's id among them. None is written unless all recordings are here.

        Raises NotThereError, BusyError and StorageError.
        """
        recordings = [facts["id"] for facts in given]

        def write(store: Store) -> None:
            for one in recordings:
                deletable.find_kept(store.place, store.ledger.state, one)
            for facts in given:
                store.ledger.append(kind, **facts)

        self._with_store(write, about=recordings)

    def hold(
        self, recording: str, reason: str, who: str, until_us: int | None, ground: str
    ) -> None:
        """Hold a recording, by `camerad.store.holds.place_hold`. Raises HoldError, NotThereError,
        BusyError and StorageError."""
        self._with_store(
            lambda store: store.hold(recording, reason, who, until_us=until_us, ground=ground),
            about=[recording],
        )

    def release(self, recording: str, reason: str, who: str) -> None:
        """End all holds on a recording. Raises HoldError, BusyError and StorageError."""
        self._with_store(lambda store: store.release(recording, who, reason), about=[recording])

    def end(self) -> None:
        """Have whoever still waits for the store give up."""
        self._ended.set()

    def _with_store(self, work: Callable[[Store], _T], *, about: Sequence[str] | None = None) -> _T:
        until = self._clock.now_us() + PATIENCE_US
        place = office_place(self._directory)
        with self._in_turn():
            while True:
                try:
                    with open_office_store(
                        place,
                        self._key,
                        self._clock,
                        self._cameras.keys(),
                        _ignore,
                        about=about,
                        compared=about is not None,
                    ) as store:
                        return work(store)
                except TakenError as error:
                    if self._clock.now_us() >= until or self._ended.wait(_LOOK_SECONDS):
                        raise BusyError(str(error)) from error

    @contextlib.contextmanager
    def _in_turn(self) -> Iterator[None]:
        """One after the other, of this desk. Raises BusyError."""
        with contextlib.ExitStack() as turn:
            if not self._turn.acquire(blocking=False):
                try:
                    with WAITING.place(f"{self._directory} ledger"):
                        got = self._turn.acquire(timeout=PATIENCE_US / SECOND)
                except LockHeldError as error:
                    raise BusyError(str(error)) from error
                if not got:
                    raise BusyError("others write in the office's ledger for too long")
            turn.callback(self._turn.release)
            yield


def _ignore(_text: str) -> None:
    """What the comparison finds is the server's to tell (`camerad.vault.retention_worker`)."""
