"""Stores the signed tallies of the office's ledger.

``office/readings/ledger/NNNNNN.jws``, a file for each epoch, published whole. An epoch is added up
when it is closed, so its file is the same on every server and at every time. A tally is removed
when the last of its days is `camera_readings.MONTHS` old, and its epoch's entries have gone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from camerad.base import durable_files, file_status
from camerad.base.clock import SECOND
from camerad.base.errors import CameradError, NotNowError, StorageError
from camerad.base.safe_read import read_plain
from camerad.base.storage_errors import explaining
from camerad.container import jws
from camerad.container.jws import JwsError
from camerad.container.keys import KeyRing, SigningKey
from camerad.container.statements import RecordingInfo
from camerad.evidence import office_key_file
from camerad.evidence.holdings import directory_id
from camerad.evidence.office_store import camera_keys
from camerad.ledger import log_segments
from camerad.ledger.entries import parse_entry
from camerad.ledger.entry_types import ShiftBegun
from camerad.ledger.ledger_lines import entry_in, tokens_in
from camerad.ledger.log_segments import SegmentReading
from camerad.office.report.camera_readings import MONTHS
from camerad.office.report.ledger_tally import (
    TALLY,
    EntriesBefore,
    GivenRecordings,
    HoldEnds,
    LedgerTally,
    find_overdue,
    tally_days,
)
from camerad.office.report.report_days import DayOf, week_until
from camerad.store import listing
from camerad.store.locations import LEDGER, OFFICE, Place

READINGS: Final = "readings"
_NAME: Final = re.compile(r"([0-9]{6,})\.jws")
_GIVEN: Final = tuple(
    one for kind in (b"viewed", b"downloaded") for one in jws.spellings(b'"kind":"' + kind + b'"')
)
_SHIFT: Final = jws.spellings(b'"kind":"shift_begun"')


class _Worn(msgspec.Struct, frozen=True):
    """Who wore a camera, and on which day that began."""

    wearer: str
    day: date


class LedgerTallies:
    """root: the office's directory. day_of: in the office's time zone."""

    def __init__(self, root: str, day_of: DayOf) -> None:
        self._root = os.path.abspath(root)
        self._directory = os.path.join(self._root, OFFICE, READINGS, LEDGER)
        self._day_of = day_of

    def make(self, place: Place, key: SigningKey, cameras: KeyRing) -> int:
        """Add up every closed epoch that is there and has no tally; returns how many.

        place: the office's directory. key: the office's. cameras: keys of the register. Raises
        NotNowError and StorageError; what is done stays done.
        """
        if not self._wanted(place):
            return 0
        self._make_directory()
        try:
            claim = durable_files.lock_directory(self._directory)
        except BlockingIOError as error:
            raise NotNowError(
                f"{self._directory}: another program adds up the ledger just now; try again"
            ) from error
        try:
            # Another program may have made them since.
            wanted = self._wanted(place)
            return self._make(place, key, cameras, wanted) if wanted else 0
        finally:
            os.close(claim)

    def _wanted(self, place: Place) -> list[int]:
        """The closed epochs that are there and have no tally."""
        there = _epochs(place.ledger)
        return sorted(there - set(self._numbers()) - {max(there, default=0)})

    def _make(self, place: Place, key: SigningKey, cameras: KeyRing, wanted: list[int]) -> int:
        keys = office_key_file.ledger_keys(place, key.public).ring
        worn = list(_worn(place, camera_keys(place, cameras), self._day_of))
        identity = directory_id(self._root)
        made = 0
        shelf = log_segments.list_files(place.ledger)
        given = GivenRecordings()
        for number in range(min(shelf.epochs | shelf.damaged), wanted[-1] + 1):
            if number not in wanted:
                _go_on(given, place.ledger, shelf.name(number), keys)
                continue
            reading = _read(place.ledger, number, keys)
            if reading is None or reading.state is None or not reading.entries:
                given.miss()
                continue  # verification reports its checkpoint or damage
            before = _read(place.ledger, number - 1, keys)
            entries = [entry for _, entry in reading.entries]
            releases = {} if before is None else _releases(before)
            days = tally_days(
                entries,
                reading.state.recordings,
                EntriesBefore(releases, given),
                lambda recording: _info(place, recording),
                self._day_of,
            )
            overdue, oldest_us = find_overdue(reading.state)
            last = date.fromisoformat(days[-1].day)
            week = [one.wearer for one in worn if week_until(last) <= one.day <= last]
            tally = LedgerTally(
                kid=key.public.thumbprint,
                directory=identity,
                epoch=number,
                first=entries[0].sequence,
                previous=entries[0].previous,
                head=entries[-1].head,
                days=days,
                unknown=sum(entry.facts is None for entry in entries),
                overdue=overdue,
                oldest_us=oldest_us,
                wearers=len(set(week)),
            )
            durable_files.publish(self._path(number), jws.sign(key, TALLY, tally))
            made += 1
        return made

    def read(self, keys: KeyRing) -> Iterator[tuple[LedgerTally, bytes]]:
        """The tallies, by their epochs, and their tokens. keys: the office's; what another key
        signed counts for nothing. Raises StorageError."""
        for number in self._numbers():
            token = read_plain(self._path(number), "tally", jws.LONGEST + 1)
            try:
                tally = jws.read_own(token, keys, TALLY, LedgerTally)
            except JwsError:
                continue
            if tally.epoch == number and tally.days:
                yield tally, token

    def expire(self, place: Place, keys: KeyRing, now_us: int, months: int = MONTHS) -> int:
        """Remove what is older than so many months; returns how many tallies. now_us: microseconds
        since 1970, by a clock that can be trusted. Where an epoch's entries are still there its
        tally stays, since the next `make` would make it again."""
        there = _epochs(place.ledger)
        today = datetime.fromtimestamp(now_us // SECOND, UTC).date()
        first = today - timedelta(days=31 * (months + 1))
        old = [
            one.epoch
            for one, _ in self.read(keys)
            if one.days[-1].day < first.isoformat() and one.epoch not in there
        ]
        for number in old:
            durable_files.remove(self._path(number), missing_ok=True)
        return len(old)

    def _make_directory(self) -> None:
        above = os.path.dirname(self._directory)
        for one in (os.path.dirname(above), above, self._directory):
            file_status.check_directory(one)
            durable_files.make_directory(one)

    def _numbers(self) -> list[int]:
        if not file_status.is_directory(self._directory):
            return []
        with explaining("list the tallies", self._directory):
            names = os.listdir(self._directory)
        found = (_NAME.fullmatch(name) for name in names)
        return sorted(int(one[1]) for one in found if one is not None)

    def _path(self, number: int) -> str:
        return os.path.join(self._directory, log_segments.epoch_name(number))


def _epochs(ledger: str) -> frozenset[int]:
    """The epochs whose entries are there."""
    if not file_status.is_directory(ledger):
        return frozenset()
    shelf = log_segments.list_files(ledger)
    return shelf.epochs | shelf.damaged


def _read(ledger: str, number: int, keys: KeyRing) -> SegmentReading | None:
    """An epoch; None if its entries are not there."""
    name = log_segments.list_files(ledger).name(number)
    if name is None:
        return None
    return log_segments.read_epoch(None, number, log_segments.read_file(ledger, name), keys)


def _go_on(given: GivenRecordings, ledger: str, name: str | None, keys: KeyRing) -> None:
    """What an epoch that is added up already says of recordings that were given. Only its first
    entry and those that may say so are taken apart."""
    content = b"" if name is None else log_segments.read_file(ledger, name)
    lines = enumerate(tokens_in(content))
    told = [token for number, token in lines if not number or any(one in token for one in _GIVEN)]
    entries = [entry for token in told if (entry := entry_in(token, keys)) is not None]
    if entries:
        given.read(entries)
    else:
        given.miss()


def _releases(reading: SegmentReading) -> dict[str, int]:
    ends = HoldEnds({})
    for _, entry in reading.entries:
        ends.read(entry)
    return ends.end_us


def _info(place: Place, recording: str) -> RecordingInfo | None:
    try:
        return listing.read_info(place.find(recording))
    except (CameradError, ValueError, ArithmeticError):
        return None  # it counts as unread


def _worn(place: Place, keys: KeyRing, day_of: DayOf) -> Iterator[_Worn]:
    """The wearers of cameras, as far as the copies of cameras' ledgers still say so."""
    for holding in place.holdings:
        if holding.broken or not file_status.is_directory(holding.ledger):
            continue
        try:
            shelf = log_segments.list_files(holding.ledger)
            for number in sorted(shelf.epochs):
                name = log_segments.epoch_name(number)
                yield from _worn_in(log_segments.read_file(holding.ledger, name), keys, day_of)
        except StorageError:
            continue  # fewer people are known, so less is shown


def _worn_in(content: bytes, keys: KeyRing, day_of: DayOf) -> Iterator[_Worn]:
    for line in content.split(b"\n"):
        if not any(one in line for one in _SHIFT):
            continue
        try:
            facts = parse_entry(line, keys).facts
        except JwsError:
            continue
        if isinstance(facts, ShiftBegun):
            yield _Worn(facts.wearer, day_of(facts.began.wall_us))
