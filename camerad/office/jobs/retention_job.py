"""Deletes what is due, by itself (O4).

Every recording that is not held goes within an hour of its legal end: the server looks every
quarter of an hour. It does what ``camerad evidence purge`` does, with the same store: new
recordings are taken over into the office's ledger, the tombstone comes first, and only trusted time
counts. A hold with an end is released by itself when that is over; then the same rules apply as if
there had been none.

What keeps a recording beyond its day is logged as a warning, once until it is something else. What
a look found goes to the alerts and the metrics besides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Final

from msgspec.structs import replace

from camerad.base.clock import Clock
from camerad.base.errors import CameradError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.text import count, printable
from camerad.container.keys import SigningKey
from camerad.container.statements import rfc3339
from camerad.evidence.office_store import open_office_store
from camerad.office.jobs.alert_rules import StoreFacts
from camerad.office.jobs.periodic_job import JobFailedError
from camerad.office.jobs.store_facts import look_at
from camerad.office.server.cameras import Cameras
from camerad.office.server.start_check import check_directory
from camerad.store.discrepancies import Discrepancy
from camerad.store.disk import TakenError
from camerad.store.locations import office_place
from camerad.store.purging import Purged, ReasonKind

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 900.0
"""Between two looks,"""
AGAIN_SECONDS: Final = 60.0
"""and before the next one if somebody else works with the store."""


_CLOCK: Final = (
    "this computer's time is not trusted, so only the time that it ran counted, and recordings may "
    "be overdue. Let a time server set this computer's clock"
)


class RetentionJob:
    """directory: the office's. cameras: whose recordings are taken over. key: signs the office's
    ledger. clock: whose moments say whether wall time is trusted. looked: is given what every
    complete look found. elsewhere: ids of what has a replica; if its own file has vanished, it
    has its day all the same."""

    def __init__(
        self,
        directory: str,
        cameras: Cameras,
        key: SigningKey,
        clock: Clock,
        *,
        looked: Callable[[StoreFacts], None] | None = None,
        elsewhere: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._directory = directory
        self._cameras = cameras
        self._key = key
        self._clock = clock
        self._looked = looked
        self._elsewhere = elsewhere
        self._said: frozenset[str] = frozenset()

    def record_loss(self, entries: int, file: str) -> None:
        """Write into the office's ledger that it has lost entries, so that what they may have held
        stays. entries: how many. file: from which file. It blocks. Raises TakenError, StorageError,
        NotMountedError and OfficeKeyError."""
        check_directory(self._directory)
        place = office_place(self._directory)
        with open_office_store(
            place, self._key, self._clock, self._cameras.keys(), _tell, compared=False
        ) as store:
            if not store.ledger.lossy:  # else it has just said so itself
                said = count(entries, "entry that was there is", "entries that were there are")
                store.ledger.record_loss(f"{file}: {said} gone")

    def look(self) -> float:
        """Delete what is due now; returns after how many seconds to look again. It blocks.

        Raises JobFailedError if nothing could be deleted: the log says why.
        """
        try:
            done = self._purge()
        except TakenError:
            return AGAIN_SECONDS  # a command of the desk has the store, and compares it as well
        except CameradError as error:
            self._warn({f"nothing was deleted: {error}"})
            raise JobFailedError(str(error)) from error
        for ended in done.released:
            log.info(
                "%s: its hold ended on %s, and is released",
                ended.id,
                rfc3339(ended.end_us),
                extra=MessageId.HOLD_ENDED.extra,
            )
        for one in done.deleted:
            log.info("deleted %s: %s", one.id, one.why, extra=MessageId.DELETED.extra)
        self._warn({one.text for one in done.reasons})
        return LOOK_SECONDS

    def _purge(self) -> Purged:
        place = office_place(self._directory)
        trusted = self._cameras.keys()
        differences: list[Discrepancy] = []
        with open_office_store(
            place, self._key, self._clock, trusted, _tell, differs=differences.append
        ) as store:
            for recording in store.expire_missing(self._elsewhere()):
                log.info("deleted %s: expired", recording, extra=MessageId.DELETED.extra)
            purged = _as_the_server(store.purge_and_explain())
            if self._looked is not None:
                try:
                    alarms = [one for one in differences if one.alarm]
                    self._looked(look_at(store, purged, alarms))
                except StorageError as error:
                    log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)
            return purged

    def _warn(self, reasons: set[str]) -> None:
        for text in sorted(reasons - self._said):
            log.warning(
                "recordings may be kept beyond their day: %s",
                printable(text),
                extra=MessageId.OVERDUE.extra,
            )
        self._said = frozenset(reasons)


def _as_the_server(purged: Purged) -> Purged:
    """What was done, without advice that only a command of the desk can follow."""
    reasons = tuple(
        replace(one, text=_CLOCK) if one.why is ReasonKind.CLOCK else one for one in purged.reasons
    )
    return replace(purged, reasons=reasons)


def _tell(text: str) -> None:
    log.info("%s", printable(text), extra=MessageId.DETAIL.extra)
