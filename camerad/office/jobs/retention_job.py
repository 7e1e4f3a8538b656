"""Deletes due recordings automatically (O4).

Every recording that is not held goes within an hour of its legal end: the server looks every
quarter of an hour. It does what ``camerad evidence purge`` does, with the same store: new
recordings are ingested into the office's ledger, the tombstone comes first, and only trusted time
counts. A hold with an end is released automatically when that is over; then the same rules apply as
if there had been none.

What keeps a recording beyond its day is logged as a warning, once until it is something else. What
a look found goes to the alerts and the metrics besides. Each look ends with a checkpoint of the
office's log, which cameras cosign (`camerad.transparency.office_log`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterable
from typing import Final

from msgspec.structs import replace

from camerad.base.clock import DAY, Clock
from camerad.base.errors import CameradError, StorageError
from camerad.base.message_ids import MessageId
from camerad.base.storage_errors import explain
from camerad.base.text import count, printable
from camerad.container.keys import SigningKey
from camerad.container.recording_files import SUFFIX
from camerad.container.statements import rfc3339
from camerad.evidence.office_store import open_office_store
from camerad.ledger.ledger import Ledger
from camerad.ledger.recording_state import RecordingState
from camerad.office.jobs.alert_rules import DatedRecording, StoreFacts, subject_of
from camerad.office.jobs.periodic_job import JobFailedError, LogOnce
from camerad.office.replicas.shared_directory import SharedDirectory
from camerad.office.server.cameras import Cameras
from camerad.office.server.preflight import check_directory
from camerad.store.discrepancies import Discrepancy
from camerad.store.disk import TakenError
from camerad.store.locations import Place, office_place
from camerad.store.purging import Purged, Reason, ReasonKind
from camerad.store.retention import list_expiring_flagged
from camerad.store.store import Store
from camerad.transparency.camera_witness import witness_name
from camerad.transparency.checkpoints import WITNESS, NoteKey
from camerad.transparency.office_log import OfficeLog
from camerad.transparency.policy import PolicyError, read_policy

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 900.0
"""Between two looks,"""
AGAIN_SECONDS: Final = 60.0
"""and before the next one if another process works with the store."""


_CLOCK: Final = (
    "this computer's time is not trusted, so only the time that it ran counted, and recordings may "
    "be overdue. Let a time server set this computer's clock"
)


class RetentionJob:
    """directory: the office's. cameras: whose recordings are ingested. key: signs the office's
    ledger. clock: whose moments say whether wall time is trusted. looked: is given what every
    complete look found. elsewhere: ids of what has a replica; if its own file has vanished, it
    has its day all the same. witnesses: file with the policy of outside witnesses. shared: has
    other servers delete the same."""

    def __init__(
        self,
        directory: str,
        cameras: Cameras,
        key: SigningKey,
        clock: Clock,
        *,
        looked: Callable[[StoreFacts], None] | None = None,
        elsewhere: Callable[[], Collection[str]] = tuple,
        witnesses: str | None = None,
        shared: SharedDirectory | None = None,
    ) -> None:
        self._directory = directory
        self._cameras = cameras
        self._key = key
        self._clock = clock
        self._looked = looked
        self._elsewhere = elsewhere
        self._witnesses = witnesses
        self._shared = shared
        self._kept = LogOnce(log, "recordings may be kept beyond their day: %s", MessageId.OVERDUE)

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
            if self._shared is None:
                done = self._purge()
            else:
                with self._shared.ledger_turn(deleting=True):
                    done = self._purge()
        except (TakenError, BlockingIOError):
            # A command of the desk has the store, and compares it as well, or another server.
            return AGAIN_SECONDS
        except CameradError as error:
            self._kept.tell((f"nothing was deleted: {error}",))
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
        self._kept.tell({one.text for one in done.reasons})
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
            try:
                if self._looked is not None:
                    alarms = [one for one in differences if one.alarm]
                    self._looked(look_at(store, purged, alarms))
                self._publish(store.ledger)
            except (StorageError, PolicyError) as error:
                log.warning("%s", printable(error), extra=MessageId.STORAGE.extra)
            return purged

    def _publish(self, ledger: Ledger) -> None:
        """Sign a checkpoint of the office's log, and name who is to cosign it. Raises
        PolicyError."""
        log = OfficeLog(ledger.directory)
        log.publish(ledger)
        outside = None if self._witnesses is None else read_policy(self._witnesses)
        keys = sorted(self._cameras.keys().values(), key=lambda one: one.thumbprint)
        log.set_policy([NoteKey(witness_name(one), WITNESS, one) for one in keys], outside)


def _as_the_server(purged: Purged) -> Purged:
    """What was done, without advice that only a command of the desk can follow."""
    reasons = tuple(
        replace(one, text=_CLOCK) if one.why is ReasonKind.CLOCK else one for one in purged.reasons
    )
    return replace(purged, reasons=reasons)


def _tell(text: str) -> None:
    log.info("%s", printable(text), extra=MessageId.DETAIL.extra)


_AHEAD_US: Final = 61 * DAY
"""Settings choose how long before its end a marked recording or a hold is named; not longer than
this."""


def look_at(store: Store, purged: Purged, alarms: Iterable[Discrepancy]) -> StoreFacts:
    """The facts of a store that was compared and purged just now. alarms: what the comparison
    found. Raises StorageError."""
    state = store.ledger.state
    boot_id, now = store.ledger.now()
    ages = state.ages(boot_id, now)

    def dated(known: RecordingState) -> DatedRecording:
        counted = state.counted_us(known, ages) or 0
        due_us = now.wall_us + known.retention_days * DAY - counted
        return DatedRecording(known.id, known.device, due_us)

    here = [one for one in state.recordings.values() if one.here]
    held = [one for one in here if one.held]
    ending = [(one, end_us) for one in held if (end_us := one.hold_end_us) is not None]
    lasting = (one for one in held if one.hold_end_us is None)
    beyond = (dated(one) for one in lasting if one.ended is not None)
    return StoreFacts(
        wall_us=now.wall_us,
        here=len(here),
        held=len(held),
        overdue=len(store.list_due()),
        bytes=_bytes_in(store.place),
        deleted=len(purged.deleted),
        marked=tuple(
            dated(one) for one in list_expiring_flagged(state, boot_id, now, within_us=_AHEAD_US)
        ),
        hold_ends=tuple(
            DatedRecording(one.id, one.device, end_us)
            for one, end_us in ending
            if end_us <= now.wall_us + _AHEAD_US
        ),
        held_beyond=tuple(one for one in beyond if one.due_us <= now.wall_us),
        differences=tuple((one.what, one.id) for one in alarms),
        reasons=tuple((one.why, _about(one)) for one in purged.reasons),
    )


def _about(reason: Reason) -> str:
    """What a reason is about; the camera, if that is away."""
    if reason.why is ReasonKind.AWAY:
        return reason.text.partition(" is away")[0].rpartition(" the camera ")[2].strip("'")
    return subject_of(reason.text)


def _bytes_in(place: Place) -> int:
    total = 0
    for directory in place.shelves:
        try:
            with os.scandir(directory) as entries:
                for one in entries:
                    if one.name.endswith(SUFFIX) and one.is_file(follow_symlinks=False):
                        total += one.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            continue
        except OSError as error:
            raise explain("look at the files", directory, error) from error
    return total
