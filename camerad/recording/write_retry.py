"""Keeps a recording in memory while its storage accepts nothing, with a time limit.

A card that loses its contact for a moment, or whose controller resets, answers with an error and
then works again. So a fragment that could not be written is tried again, byte for byte, for as long
as the ring holds everything that comes meanwhile; and so is the making of the file, for a press may
come in just that moment (P5). What has been committed stays what it is, and nothing is claimed to
be on the storage that is not; but all of it is in locked memory and will be written, so the camera
keeps footage and says so with its red light.

It is given up when the ring begins to lose what was not read, when the stop has waited long enough,
or after `LONGEST_US`. So is a full storage: what fills it may go again, as a log that is turned
over, and recordings that the office has make room.
"""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from typing import Final, TypeVar

from camerad.base.clock import SECOND, Clock
from camerad.base.errors import StorageError
from camerad.base.message_ids import MessageId

_log = logging.getLogger(__name__)

PASSING: Final = frozenset(
    {errno.EIO, errno.EROFS, errno.ETIMEDOUT, errno.EREMOTEIO, errno.ENOSPC, errno.EDQUOT}
)
"""Errors of a storage that may recover in a moment. After an error the kernel leaves a file system
read-only until it is mounted again."""
PAUSE_SECONDS: Final = 0.25
"""Between two attempts: half a fragment."""
LONGEST_US: Final = 60 * SECOND
"""However little the ring has to hold meanwhile; as long as `ring.stall_seconds` may be."""


_T = TypeVar("_T")


class WriteRetry:
    """Has a storage take what is given to it, and tries again.

    clock: for the deadline. overrun: whether the ring loses what was not read. limit_us: when the
    stop waits no longer, None while there is no stop. told: called with the error at once, and with
    None when it is over, well or not. turned: called with each attempt, as a sign of life. All of
    them from the recording's thread.
    """

    def __init__(
        self,
        clock: Clock,
        overrun: Callable[[], bool],
        limit_us: Callable[[], int | None],
        told: Callable[[StorageError | None], None],
        turned: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._overrun = overrun
        self._limit_us = limit_us
        self._told = told
        self._turned = turned
        self._never = threading.Event()
        self.pending_us: int | None = None
        """Since when the storage has had something that it has not yet taken; None: it has not."""
        self.refused = False
        """Whether it has refused something that is tried again."""

    def have(self, what: str, first: Callable[[], None], again: Callable[[], None]) -> None:
        """Have it take something, if need be `again` and again. Raises StorageError.

        what: its name, for the log.
        """
        try:
            self.timed(first)
        except StorageError as error:
            if not self.out(what, lambda: self.timed(again), error):
                raise

    def timed(self, work: Callable[[], _T]) -> _T:
        """Do what waits for the storage, and let others see for how long. Raises what it raises."""
        self.pending_us = self._clock.now_us()
        try:
            return work()
        finally:
            self.pending_us = None

    def out(self, what: str, again: Callable[[], None], error: StorageError) -> bool:
        """Have the storage take what it has just refused with `error`; whether it did in time.

        what: its name, for the log. again: one more attempt; raises StorageError.
        """
        if error.errno not in PASSING:
            return False
        until_us = self._clock.now_us() + LONGEST_US
        _log.error(
            "%s; it is retried, and new footage waits in memory",
            error,
            extra=MessageId.STORAGE.extra,
        )
        self._told(error)
        self.refused = True
        try:
            while not self._over(until_us):
                self._turned()
                self._never.wait(PAUSE_SECONDS)
                try:
                    again()
                except StorageError as refused:
                    if refused.errno not in PASSING:
                        return False
                else:
                    _log.warning(
                        "%s: the storage takes it again", what, extra=MessageId.STORAGE.extra
                    )
                    return True
            return False
        finally:
            self.refused = False
            self._told(None)

    def _over(self, until_us: int) -> bool:
        limit_us = self._limit_us()
        due_us = until_us if limit_us is None else min(until_us, limit_us)
        return self._overrun() or self._clock.now_us() >= due_us
