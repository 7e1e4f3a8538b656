"""Reads the sources of a report: readings of cameras and tallies of the ledger, and nothing else.

So the same period gives the same report at any time, except for what comes late: a camera that was
out at the period's end brings its last reading with its next docking.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

import msgspec

from camerad.base import file_status
from camerad.base.clock import SECOND
from camerad.container.keys import KeyRing
from camerad.ledger import log_segments
from camerad.ledger.entries import Head, read_lines
from camerad.office.report import camera_readings
from camerad.office.report.figure_maker import FigureMaker
from camerad.office.report.figures import (
    CosignedLog,
    Coverage,
    ReportError,
    ReportFigures,
    ReportRefusal,
)
from camerad.office.report.increments import Increment, increments
from camerad.office.report.ledger_tallies import LedgerTallies
from camerad.office.report.ledger_tally import LedgerTally, TalliedDay
from camerad.office.report.month_sums import Named, count_cameras, sum_months
from camerad.office.report.report_days import DayOf, ReportPeriod
from camerad.office.report.typed_form import TypedForm
from camerad.office.state.office_state import OfficeState
from camerad.store.locations import Place
from camerad.transparency.camera_witness import count_witnessing
from camerad.transparency.checkpoints import encode
from camerad.transparency.office_log import OfficeLog


class ReportSources(msgspec.Struct, frozen=True):
    """readings: how many are of the period, of how many cameras, and the SHA-256 of all of them in
    order. found: what cameras counted, also before and after. tallies: of the period."""

    readings: int
    cameras: int
    readings_sha256: str
    found: tuple[Increment, ...]
    tallies: tuple[LedgerTally, ...]

    @property
    def heads(self) -> frozenset[Head]:
        """Every head of the office's ledger that the tallies name."""
        return frozenset(day.head for tally in self.tallies for day in tally.days)

    def head(self, period: ReportPeriod) -> Head | None:
        """The office's ledger as of its last entry of the period."""
        found = [day.head for day in self.days(period)]
        return found[-1] if found else None

    def days(self, period: ReportPeriod) -> Iterator[TalliedDay]:
        """The days of the period; a tally, of an epoch, may have others besides."""
        for tally in self.tallies:
            yield from (one for one in tally.days if date.fromisoformat(one.day) in period)


class OfficeRecords(msgspec.Struct, frozen=True):
    """Where the sources are. place: the office's directory. keys: those that its ledger is read
    with. day_of: in its time zone."""

    state: OfficeState
    place: Place
    keys: KeyRing
    day_of: DayOf


def read_sources(office: OfficeRecords, period: ReportPeriod) -> ReportSources:
    """All of a period. Raises StorageError."""
    day_of = office.day_of
    digest = hashlib.sha256()
    counted = 0
    cameras: set[Named] = set()
    found: list[Increment] = []
    with office.state.reading() as rows:
        for kid in camera_readings.list_cameras(rows):
            theirs = list(camera_readings.read(rows, kid))
            for one in theirs:
                if day_of(one.wall_us) in period:
                    digest.update(one.token + b"\n")
                    counted += 1
                    cameras.add((kid, one.said.device))
            found += increments(theirs, day_of)
    tallies = tuple(
        tally
        for tally, _ in LedgerTallies(office.place.root, day_of).read(office.keys)
        if any(date.fromisoformat(day.day) in period for day in tally.days)
    )
    there = count_cameras(cameras)
    return ReportSources(counted, there, digest.hexdigest(), tuple(found), tallies)


def check_closed(office: OfficeRecords, period: ReportPeriod) -> None:
    """Raises ReportError if the office's ledger still has an open epoch with entries of the period:
    they are not added up yet. Raises StorageError."""
    ledger = office.place.ledger
    if not file_status.is_directory(ledger):
        return
    shelf = log_segments.list_files(ledger)
    name = shelf.name(shelf.newest)
    content = b"" if name is None else log_segments.read_file(ledger, name)
    for line in read_lines(content, office.keys):
        if line.entry is not None:
            begun = office.day_of(line.entry.clock.wall_us)
            if begun <= period.last:
                raise ReportError(
                    ReportRefusal.NOT_YET,
                    f"{ledger}: the file of the ledger that was begun on {begun} is still open, so "
                    f"{period.last} is not added up yet. The server closes it within a day: try "
                    "again tomorrow, or name an earlier day with --to",
                )
            return


def read_log(office: OfficeRecords) -> CosignedLog | None:
    """What witnesses have signed of the office's ledger. Raises StorageError."""
    log = OfficeLog(office.place.ledger)
    note = log.newest_cosigned()
    if note is None:
        return None
    seconds, now = log.read_policy().cosigned(note), note.checkpoint
    cameras = count_witnessing(seconds)
    last = office.day_of(max(seconds.values()) * SECOND).isoformat()
    return CosignedLog(now.size, encode(now.root), cameras, len(seconds) - cameras, last)


def make_figures(
    sources: ReportSources, period: ReportPeriod, zone: str, form: TypedForm
) -> ReportFigures:
    """The figures of a period. zone: name of the time zone."""
    months = sum_months(period, sources.found, sources.tallies)
    maker = FigureMaker(period, months, sources.tallies, form=form, cameras=sources.cameras)
    return ReportFigures(
        period=period,
        zone=zone,
        runs=maker.runs,
        people=maker.people,
        figures=maker.make(),
        coverage=_coverage(sources, period),
        surveys=form.surveys,
    )


def _coverage(sources: ReportSources, period: ReportPeriod) -> Coverage:
    resets = Counter(
        one.reset.value for one in sources.found if one.reset is not None and one.day in period
    )
    numbers = [tally.epoch for tally in sources.tallies]
    return Coverage(
        head=sources.head(period),
        epochs=len(numbers),
        missing=_missing(numbers),
        unknown=sum(tally.unknown for tally in sources.tallies),
        unread=sum(day.unread for day in sources.days(period)),
        readings=sources.readings,
        cameras=sources.cameras,
        readings_sha256=sources.readings_sha256,
        resets=dict(sorted(resets.items())),
    )


def _missing(numbers: Sequence[int]) -> int:
    return numbers[-1] - numbers[0] + 1 - len(numbers) if numbers else 0
