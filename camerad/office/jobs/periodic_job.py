"""Runs the server's periodic work, beside its requests.

Each piece of work has a name, and a separate thread. So one that hangs, such as a mail server
that does not answer, delays neither another one nor what cameras bring. The work itself says how
many seconds after its beginning it wants to run again; work that takes longer than that rests
between two runs all the same. Its errors are logged, and it is tried again: it never
ends before the server does. Every run is reported to `ended`, for the metrics.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable
from typing import Final

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import CameradError
from camerad.base.message_ids import MessageId
from camerad.base.text import printable

log = logging.getLogger(__name__)

LEAST_PAUSE_SECONDS: Final = 60.0
"""Between the beginnings of two runs, however often one is woken."""
_REST: Final = 10
"""Work that is woken again and again runs at most for this part of the time."""
RETRY_SECONDS: Final = 300.0
"""To the next run after one that failed."""


class JobFailedError(CameradError):
    """Error raised when a run did not do its work, and the log says why already. again: how many
    seconds after its beginning to try again."""

    def __init__(self, text: str, again: float = RETRY_SECONDS) -> None:
        super().__init__(text)
        self.again: Final = again


class LogOnce:
    """Logs each text as a warning, once until it was missing for a time. log: of the module.
    format: of the line, with a place for the text. identity: of the message."""

    def __init__(self, log: logging.Logger, format: str, identity: MessageId) -> None:  # noqa: A002
        self._log = log
        self._format = format
        self._identity = identity
        self._said: frozenset[str] = frozenset()

    def tell(self, texts: Collection[str]) -> None:
        """Log what is so now, as far as it was not the last time."""
        for text in sorted(set(texts) - self._said):
            self._log.warning(self._format, printable(text), extra=self._identity.extra)
        self._said = frozenset(texts)


RunEnded = Callable[[str, bool, float], None]
"""Told of each run: the name of the work, whether it went well, and how many seconds it took."""


class PeriodicJob:
    """name: of the work, for log and metrics. work: blocks; returns how many seconds after its
    beginning to run again. clock: for the pauses, by boot time. ended: told of every run.
    least_seconds: from one run's beginning to the next one's, and where its work asks for no less,
    also from its end.

    A CameradError of `work` is logged as a warning, once until it is another one, and any other
    exception with its traceback.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], float],
        clock: Clock,
        ended: RunEnded,
        *,
        least_seconds: float,
    ) -> None:
        self.name: Final = name
        self._work = work
        self._clock = clock
        self._ended = ended
        self._least_us = round(least_seconds * SECOND)
        self._changed = threading.Condition()
        self._awake = False
        self._failed = LogOnce(log, "%s", MessageId.PERIODIC_WORK)
        self._closing = False
        # A daemon: work that hangs does not keep the server from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Run for the first time, now."""
        self._thread.start()

    def wake(self) -> None:
        """Run soon, without waiting for the whole pause. Any thread may ask, as often as it
        likes."""
        with self._changed:
            self._awake = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Run no more; what is being done goes on to its end. Safe to call again."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Wait for the end of what is being done, at most so long."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def run_once(self) -> float:
        """Do the work now, on this thread; returns how many seconds after its beginning to do it
        again."""
        began_us = self._clock.now_us()
        again = RETRY_SECONDS
        ok = False
        try:
            again = self._work()
            ok = True
            self._failed.tell(())
        except JobFailedError as error:
            again = error.again
        except CameradError as error:
            self._failed.tell((f"{self.name} did not work, and is tried again: {error}",))
        except Exception:
            log.exception(
                "%s did not work, and is tried again", self.name, extra=MessageId.MISTAKE.extra
            )
        try:
            self._ended(self.name, ok, (self._clock.now_us() - began_us) / SECOND)
        except Exception:
            log.exception("a run of %s is not counted", self.name, extra=MessageId.MISTAKE.extra)
        return again

    def _run(self) -> None:
        while not self._closing:
            began_us = self._clock.now_us()
            with self._changed:
                self._awake = False
            pause = self.run_once()
            ended_us = self._clock.now_us()
            pause_us = round(pause * SECOND)
            rest_us = max(self._least_us, _REST * (ended_us - began_us))
            next_us = max(began_us + pause_us, ended_us + min(pause_us, self._least_us))
            self._wait(began_us + rest_us, next_us)

    def _wait(self, woken_us: int, next_us: int) -> None:
        """Return when the next run is due, or at the end. woken_us: when it is if one is woken."""
        with self._changed:
            while not self._closing:
                due_us = min(next_us, woken_us) if self._awake else next_us
                left_us = due_us - self._clock.now_us()
                if left_us <= 0:
                    return
                self._changed.wait(left_us / SECOND)


def end_all(works: Iterable[PeriodicJob], clock: Clock, seconds: float) -> None:
    """End all of them; what they are doing has so long, together. It blocks. Safe to call again."""
    works = list(works)
    for work in works:
        work.stop()
    until_us = clock.now_us() + round(seconds * SECOND)
    for work in works:
        work.join(max(0, until_us - clock.now_us()) / SECOND)
