"""Retention of an office ledger's entries: to the end of the calendar year that follows.

So says section 76(4) of the German Federal Data Protection Act (BDSG) of logs; docs/storage.md has
it. Years are those of the office's time zone. Entries go by whole epochs, so no epoch has entries
of two years: the first entry of a year begins an epoch. Nothing here reads a clock.

Only time that a time server has set ends anything: when an epoch ended, and that its time is over.
An RTC that is a year ahead would delete a year for good. An entry that cannot be judged stays.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from camerad.base.clock import SECOND, ClockSource, Moment
from camerad.container.keys import KeyRing
from camerad.ledger import log_segments
from camerad.ledger.ledger_lines import entry_in, tokens_backwards
from camerad.ledger.ledger_state import LedgerState
from camerad.ledger.recording_state import ClosedEpoch
from camerad.ledger.timeline import Ages

KEPT_YEARS: Final = 2
"""An entry goes when so many years have begun or passed: its own and the one that follows."""
AT_ONCE: Final = 200
"""Epochs deleted in one call: other users of the ledger wait some seconds for it."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def year_of(wall_us: int, zone: tzinfo | None = None) -> int:
    """The calendar year of a wall time. zone: None is this computer's. Raises OverflowError if it
    is no date."""
    return (_EPOCH + timedelta(seconds=wall_us // SECOND)).astimezone(zone).year


def kept_until_us(wall_us: int, zone: tzinfo | None = None) -> int:
    """The wall time at which an entry of `wall_us` goes. Raises OverflowError as `year_of`."""
    year = year_of(wall_us, zone) + KEPT_YEARS
    begin = datetime(year, 1, 1, tzinfo=zone).astimezone()  # without one this computer's
    return round((begin - _EPOCH).total_seconds()) * SECOND


def is_another_year(state: LedgerState, boot_id: str, now: Moment) -> bool:
    """Whether the epoch in use began in a year that is over, so that an entry of now begins the
    next one."""
    if not now.trusted:
        return False
    begun_us = state.ages(boot_id, now).latest_us(state.begun)
    try:
        return begun_us is not None and year_of(begun_us) < year_of(now.wall_us)
    except OverflowError:
        return False  # no clock says such a time that anything should follow from


def is_over(directory: str, keys: KeyRing, closed: ClosedEpoch, ages: Ages) -> bool:
    """Whether a closed epoch's last entry has been kept as long as it is to be, by synchronised
    time. directory: of the ledger. Raises StorageError."""
    ended_us = ages.latest_synchronised_us(closed.ended)
    if ended_us is None or ages.now_us is None or not ages.timeline.runs.newest.synchronised:
        return False
    try:
        if kept_until_us(ended_us) <= ages.now_us:
            return True
        # It ended when the next one began, which may have been a year later than its last entry.
        if year_of(ended_us) + KEPT_YEARS - 1 > year_of(ages.now_us):
            return False
        last_us = _last_entry_us(directory, keys, closed.number, ages)
        return last_us is not None and kept_until_us(min(last_us, ended_us)) <= ages.now_us
    except OverflowError:
        return False


def waits_for_clock(state: LedgerState, boot_id: str, now: Moment) -> bool:
    """Whether an epoch stays though a clock says that its time is over, since no time server has
    set that clock."""
    ages = state.ages(boot_id, now)
    if ages.now_us is None:
        return False
    synchronised = ages.timeline.runs.newest.synchronised
    for closed in state.epochs[:-1]:
        last_us = ages.latest_us(closed.ended)
        sure_us = ages.latest_synchronised_us(closed.ended) if synchronised else None
        try:
            over = last_us is not None and kept_until_us(last_us) <= ages.now_us
            if over and (sure_us is None or kept_until_us(sure_us) > ages.now_us):
                return True
        except OverflowError:
            continue
    return False


def _last_entry_us(directory: str, keys: KeyRing, number: int, ages: Ages) -> int | None:
    """The latest wall time at which an epoch's last entry can have been written, by synchronised
    time; None if unknown."""
    name = log_segments.list_files(directory).name(number)
    content = b"" if name is None else log_segments.read_file(directory, name)
    if not content.endswith(b"\n"):
        return None  # it was cut short: what the next epoch says counts
    last = entry_in(next(tokens_backwards(content)), keys)
    if last is None or last.clock.source is not ClockSource.SYNCHRONISED:
        return None
    run = ages.timeline.latest_run(last.boot_id)
    # The clock may have been set right since.
    later_us = 0 if run is None or not run.synchronised else run.high_us + last.clock.boot_us
    return max(last.clock.wall_us, later_us)
