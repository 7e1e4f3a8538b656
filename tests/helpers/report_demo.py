"""The report of a made-up year, with all that a page can have."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

from report_year import SyntheticYear

from camerad.base.words import Words
from camerad.office.report.report_days import ReportPeriod
from camerad.office.report.report_page import Imprint, render_report
from camerad.office.report.report_sources import make_figures, read_sources
from camerad.office.report.report_table import read_table, write_table
from camerad.office.report.typed_form import CountedByHand, Occasions, TypedForm

PERIOD = ReportPeriod(date(2026, 1, 1), date(2026, 12, 31))
FORM = TypedForm(
    wearers=24,
    with_camera=CountedByHand(10400, 61, 210, 9, 74, 3),
    without_camera=CountedByHand(hours=8000, assaults=12, insults=60),
    occasions=Occasions({"parking": 140, "noise": 58, "markets": 3}),
    surveys=("31 of 40 members of staff feel safer with a camera (November 2026)",),
)


def make_page(root: Path, words: Words) -> bytes:
    """The page. root: where the made-up office is."""
    year = SyntheticYear(root / words.language, quiet=(8,), lost_on=(date(2026, 5, 4),))
    year.tally()
    sources = read_sources(year.records, PERIOD)
    figures = make_figures(sources, PERIOD, "CET/CEST", FORM)
    table = write_table(figures)
    name = f"camerad-report-{PERIOD.first}-{PERIOD.last}.csv"
    kid = year.key.public.thumbprint
    imprint = Imprint(kid, name, hashlib.sha256(table).hexdigest(), "0.2.0")
    before = table.replace(b"2026-", b"2025-")
    return render_report(figures, words, imprint, read_table(before, name))
