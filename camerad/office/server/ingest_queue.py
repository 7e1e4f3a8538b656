"""Queue of complete uploads to ingest: a few at a time, and again after a failure.

Of one camera one is ingested at a time, and cameras take turns. So no camera waits behind all that
another one has brought.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, NamedTuple

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable
from camerad.container.keys import Thumbprint
from camerad.office.server.uploads import Declaration

log = logging.getLogger(__name__)

THREADS: Final = 2
"""To check a recording keeps one processor busy."""
THREADS_WITH_COPIES: Final = 4
"""Where a replica is made of each: half of the time its store is what is waited for."""
FIRST_RETRY_SECONDS: Final = 60
LAST_RETRY_SECONDS: Final = 3600
ELSEWHERE_SECONDS: Final = 10
"""Until it is asked again whether another server has ended its ingest."""

_Task = tuple[Thumbprint, Declaration]


class _Due(NamedTuple):
    """A task that waits. due_us: boot time. number: counts them."""

    due_us: int
    number: int
    task: _Task


class IngestQueue:
    """Calls `take` for every upload that was added, on separate threads, never twice at once for
    one camera. After an error it is called again: in a minute at first, in an hour at last.

    take: blocks, and may be called again for the same upload; returns False if another server is at
    work for this camera. clock: for the pauses. on_settled: is
    told the camera's key after each call, on any thread. threads: how many cameras' recordings are
    taken at once.
    """

    def __init__(
        self,
        take: Callable[[Thumbprint, Declaration], bool],
        clock: Clock,
        on_settled: Callable[[str], None] = lambda _kid: None,
        *,
        threads: int = THREADS,
    ) -> None:
        self._take = take
        self._on_settled = on_settled
        self._clock = clock
        self._changed = threading.Condition()
        self._due: list[_Due] = []
        self._served: dict[str, int] = {}
        """When each camera had its last turn, as a number that counts up."""
        self._number = 0
        self._known: set[_Task] = set()
        self._again: set[_Task] = set()
        self._running: set[_Task] = set()
        self._failed: dict[_Task, int] = {}
        self._closing = False
        # Daemons: one that reads 64 GiB does not keep the server from ending; the next start begins
        # again with what it was at.
        self._threads = [
            threading.Thread(target=self._work, name=f"ingest-{number}", daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def add(self, kid: Thumbprint, declaration: Declaration) -> None:
        """Have an upload ingested, soon; any thread may ask. One that waits already is not added
        again; one that is just being taken is taken once more."""
        task = (kid, declaration)
        with self._changed:
            if task in self._running:
                self._again.add(task)
            elif task not in self._known:
                self._put(task, 0)

    def ensure(self, kid: Thumbprint, declaration: Declaration) -> None:
        """The same, unless it is just being taken: nothing new has come."""
        task = (kid, declaration)
        with self._changed:
            if task not in self._running and task not in self._known:
                self._put(task, 0)

    def wake_failed(self) -> None:
        """What failed is due at once: what kept it, such as a store that was away, is mended. Any
        thread may ask."""
        with self._changed:
            now_us = self._clock.now_us()
            self._due = [
                one._replace(due_us=min(one.due_us, now_us)) if one.task in self._failed else one
                for one in self._due
            ]
            self._changed.notify_all()

    def due_in(self, kid: Thumbprint, declaration: Declaration) -> float:
        """After how many seconds an upload is tried again that failed; 0 if it is due, or nothing
        waits. Any thread may ask."""
        task = (kid, declaration)
        with self._changed:
            due_us = next((one.due_us for one in self._due if one.task == task), 0)
            return max(0, due_us - self._clock.now_us()) / SECOND

    def close(self, seconds: float) -> None:
        """Take nothing more; what is being taken has so long to end. Safe to call again."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        until_us = self._clock.now_us() + round(seconds * SECOND)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0, until_us - self._clock.now_us()) / SECOND)

    def _put(self, task: _Task, pause_seconds: int) -> None:
        self._known.add(task)
        self._number += 1
        due_us = self._clock.now_us() + pause_seconds * SECOND
        self._due.append(_Due(due_us, self._number, task))
        self._changed.notify()

    def _work(self) -> None:
        while (task := self._next()) is not None:
            self._carry_out(task)
            self._on_settled(task[0])

    def _carry_out(self, task: _Task) -> None:
        try:
            if self._take(*task):
                self._settle(task, failed=False)
            else:
                self._put_back(task)
        except Exception as error:  # noqa: BLE001 - it is in the log
            self._log_failure(task, error)
            self._settle(task, failed=True)

    def _put_back(self, task: _Task) -> None:
        """Another server works for this camera: its own threads are for the others meanwhile."""
        with self._changed:
            self._running.discard(task)
            self._again.discard(task)
            self._put(task, ELSEWHERE_SECONDS)

    def _settle(self, task: _Task, *, failed: bool) -> None:
        """Note that a task was carried out, and when it comes again if it does."""
        with self._changed:
            self._running.discard(task)
            self._changed.notify()
            again = task in self._again
            self._again.discard(task)
            if failed:
                count = self._failed[task] = self._failed.get(task, 0) + 1
                self._put(task, min(FIRST_RETRY_SECONDS << min(count - 1, 10), LAST_RETRY_SECONDS))
                return
            self._failed.pop(task, None)
            if again:
                self._put(task, 0)

    def _next(self) -> _Task | None:
        """The next task that is due; None at the end."""
        with self._changed:
            while not self._closing:
                busy = {kid for kid, _ in self._running}
                free = [one for one in self._due if one.task[0] not in busy]
                now_us = self._clock.now_us()
                if ready := [one for one in free if one.due_us <= now_us]:
                    return self._take_turn(ready)
                pause_us = min((one.due_us - now_us for one in free), default=None)
                self._changed.wait(None if pause_us is None else pause_us / SECOND)
            return None

    def _take_turn(self, ready: list[_Due]) -> _Task:
        """The first task of the camera whose last turn is longest ago."""
        found = min(ready, key=lambda one: (self._served.get(one.task[0], 0), one))
        self._due.remove(found)
        self._known.discard(found.task)
        self._running.add(found.task)
        self._number += 1
        self._served[found.task[0]] = self._number
        return found.task

    def _log_failure(self, task: _Task, error: Exception) -> None:
        kid, declaration = task
        known = isinstance(error, CameradError)
        log.log(
            logging.WARNING if known else logging.ERROR,
            "%s of the camera %s was not ingested, which is tried again: %s",
            declaration.recording,
            kid,
            printable(error),
            exc_info=None if known else error,
            extra=(MessageId.NOT_TAKEN if known else MessageId.MISTAKE).extra,
        )
