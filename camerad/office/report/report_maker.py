"""Makes a report from an office's directory; the same input gives the same bytes (O8).

The command writes them into files, and the desk gives them to a browser. It takes seconds for a
year, reads the directory and adds up what is not added up yet, and blocks.
"""

from __future__ import annotations

import hashlib
import time
from datetime import date
from typing import Final

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from camerad import __version__
from camerad.base.words import words_in
from camerad.container.keys import KeyRing, SigningKey
from camerad.evidence.holdings import directory_id
from camerad.office.report import report_sources as sources
from camerad.office.report.figures import ReportError, ReportFigures, ReportRefusal
from camerad.office.report.ledger_tallies import LedgerTallies
from camerad.office.report.report_days import ReportPeriod
from camerad.office.report.report_page import Imprint, render_report
from camerad.office.report.report_sources import OfficeRecords
from camerad.office.report.report_statement import CSV, HTML, ReportStatement, sign_report
from camerad.office.report.report_table import EarlierFigures, write_table
from camerad.office.report.typed_form import NO_FORM, TypedForm

LONGEST_YEARS: Final = 10
"""The longest period."""


class ReportRequest(msgspec.Struct, frozen=True):
    """What is asked for. language: one of `camerad.base.words.languages`. earlier: what an earlier
    report says, to be compared with."""

    period: ReportPeriod
    language: str
    form: TypedForm = NO_FORM
    earlier: EarlierFigures | None = None

    @property
    def name(self) -> str:
        """Of its files, without an ending."""
        return f"camerad-report-{self.period.first}-{self.period.last}"


def check_period(period: ReportPeriod, today: date) -> None:
    """Raises ReportError for a period that no one can mean, and for one that is not over."""
    if period.last < period.first:
        raise ReportError(
            ReportRefusal.REQUEST, "--to is before --from: name the first day with --from"
        )
    if period.last >= today:
        raise ReportError(
            ReportRefusal.NOT_YET,
            f"{period.last} is not over: name a day before today with --to, so that the same "
            "period always gives the same report",
        )
    if period.last.year - period.first.year > LONGEST_YEARS:
        raise ReportError(
            ReportRefusal.REQUEST,
            f"this is more than {LONGEST_YEARS} years: name a later day with --from",
        )


def make_report(
    office: OfficeRecords, key: SigningKey, cameras: KeyRing, asked: ReportRequest
) -> dict[str, bytes]:
    """A report's files, by their names; the signature comes last.

    key: the office's. cameras: keys of the register. Raises ReportError, NotNowError and
    StorageError.
    """
    place, day_of = office.place, office.day_of
    period = asked.period
    check_period(period, day_of(time.time_ns() // 1000))
    sources.check_closed(office, period)
    LedgerTallies(place.root, day_of).make(place, key, cameras)
    read = sources.read_sources(office, period)
    zone = "/".join(dict.fromkeys(time.tzname))
    figures = sources.make_figures(read, period, zone, asked.form)
    log = sources.read_log(office)
    figures = replace(figures, coverage=replace(figures.coverage, log=log))
    table = write_table(figures)
    said = ReportStatement(
        kid=key.public.thumbprint,
        directory=directory_id(place.root),
        first=period.first.isoformat(),
        last=period.last.isoformat(),
        zone=zone,
        language=asked.language,
        software=__version__,
        head=figures.coverage.head,
        log=UNSET if log is None else log,
        readings=read.readings,
        readings_sha256=read.readings_sha256,
        files=(),
    )
    page = _page(figures, asked, key.public.thumbprint, table)
    return sign_report(asked.name, {HTML: page, CSV: table}, key, said)


def _page(figures: ReportFigures, asked: ReportRequest, kid: str, table: bytes) -> bytes:
    sha256 = hashlib.sha256(table).hexdigest()
    imprint = Imprint(kid, asked.name + CSV, sha256, __version__)
    return render_report(figures, words_in(asked.language), imprint, asked.earlier)
