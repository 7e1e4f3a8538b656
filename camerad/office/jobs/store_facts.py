"""What a look at the office's store finds that people have to know, and that metrics count."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from camerad.base.clock import DAY
from camerad.base.storage_errors import explain
from camerad.container.recording_files import SUFFIX
from camerad.ledger.recording_state import RecordingState
from camerad.office.jobs.alert_rules import DatedRecording, StoreFacts, subject_of
from camerad.store.discrepancies import Discrepancy
from camerad.store.locations import Place
from camerad.store.purging import Purged, Reason, ReasonKind
from camerad.store.retention import list_expiring_flagged
from camerad.store.store import Store

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
