"""Keeps a report's readings: adds up the office's ledger, and removes what is old.

The server adds each epoch of the ledger up within the hour after it was closed. Readings and
tallies go when they are older than `ReportSettings.keep_months`, by a clock that can be trusted
alone; a tally not before the entries that it adds up.
"""

from __future__ import annotations

from typing import Final

from camerad.base import file_status
from camerad.base.clock import Clock
from camerad.base.errors import NotNowError
from camerad.container.keys import SigningKey
from camerad.evidence import own_key
from camerad.ledger import log_segments
from camerad.office.report import camera_readings
from camerad.office.report.ledger_tallies import LedgerTallies
from camerad.office.report.report_days import days_in
from camerad.office.server.cameras import Cameras
from camerad.office.server.report_settings import ReportSettings
from camerad.office.state.office_state import OfficeState
from camerad.store.locations import office_place

LOOK_SECONDS: Final = 3600.0
"""Between two looks,"""
AGAIN_SECONDS: Final = 60.0
"""and before the next one if another process is at it."""


class ReadingsJob:
    """state, directory: the office's. cameras: its register. key: signs the tallies. clock: the
    server's."""

    def __init__(
        self,
        state: OfficeState,
        directory: str,
        cameras: Cameras,
        key: SigningKey,
        *,
        clock: Clock,
        settings: ReportSettings,
    ) -> None:
        self._state = state
        self._directory = directory
        self._cameras = cameras
        self._key = key
        self._clock = clock
        self._settings = settings
        self._tallies = LedgerTallies(directory, days_in(None))

    def look(self) -> float:
        """Do what is to be done now; returns after how many seconds to look again. It blocks.
        Raises StorageError."""
        place = office_place(self._directory)
        try:
            self._tallies.make(place, self._key, self._cameras.keys())
        except NotNowError:
            return AGAIN_SECONDS
        now = self._clock.moment()
        if now.trusted:
            months = self._settings.keep_months
            with self._state.writing() as rows:
                camera_readings.expire(rows, now.wall_us, months)
            keys = own_key.ledger_keys(place, self._key.public).ring
            self._tallies.expire(keys, now.wall_us, months, _epochs(place.ledger))
        return LOOK_SECONDS


def _epochs(ledger: str) -> frozenset[int]:
    """The epochs whose entries are there."""
    if not file_status.is_directory(ledger):
        return frozenset()
    shelf = log_segments.list_files(ledger)
    return shelf.epochs | shelf.damaged
