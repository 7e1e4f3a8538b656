"""``camerad office report``: figures on the use of the cameras, without personal data (O8)."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date
from typing import Final

from camerad.base.text import count, printable
from camerad.cli.console import CommandError, print_line, system_language, warn
from camerad.container.keys import KeyRing
from camerad.evidence.office_key_file import ledger_keys, load_key, load_public_key
from camerad.office.report.report_days import ReportPeriod, days_in
from camerad.office.report.report_maker import ReportRequest, check_period, make_report
from camerad.office.report.report_sources import OfficeRecords
from camerad.office.report.report_statement import check_report, read_signed, write_report
from camerad.office.report.report_table import EarlierFigures, read_table
from camerad.office.report.typed_form import EMPTY, NO_FORM, load_form
from camerad.office.server.cameras import Cameras
from camerad.office.server.office_settings import OfficeFile, load
from camerad.office.server.preflight import check_directory
from camerad.office.server.state_import import open_state
from camerad.store.locations import office_place

CHANGED: Final = 2
"""Exit code where a report was changed, as that of `camerad evidence verify`."""


def run(options: argparse.Namespace) -> int:
    """Make a report, check one, or print an empty form."""
    if options.form:
        sys.stdout.write(EMPTY)
        return 0

    if options.check is not None:
        return _check(options.check, load(options.config, with_files=False))
    missing = [
        name
        for name, value in (
            ("--from", options.first),
            ("--to", options.last),
            ("-o", options.output),
        )
        if value is None
    ]
    if missing:
        raise CommandError(
            f"{', '.join(missing)} is missing: name the first and the last day of the report, and "
            "a directory for it; or a report with --check"
        )
    return _make(options, load(options.config, with_files=False))


def _make(options: argparse.Namespace, settings: OfficeFile) -> int:
    check_directory(str(settings.directory))
    period = ReportPeriod(_day(options.first, "--from"), _day(options.last, "--to"))
    check_period(period, days_in(None)(time.time_ns() // 1000))
    form = NO_FORM if options.typed is None else load_form(options.typed)
    key = load_key(str(settings.office_key))
    if key is None:
        raise CommandError(
            f"{settings.office_key}: there is no such key, and a report is signed with it: run "
            "this on the server, as its user"
        )
    office = _office(settings)
    earlier = None if options.last_year is None else _earlier(options.last_year, office.keys)
    language = options.language or system_language()
    asked = ReportRequest(period, language, form, earlier)
    files = make_report(office, key, Cameras(str(settings.register)).keys(), asked)
    for path in write_report(options.output, files):
        print_line(path)
    return 0


def _earlier(path: str, keys: KeyRing) -> EarlierFigures:
    _, content = read_signed(path, keys)
    return read_table(content, path)


def _check(path: str, settings: OfficeFile) -> int:
    found = check_report(path, _office(settings))
    for text in found.problems:
        print_line(f"NOT AS SIGNED: {text}")
    for text in found.remarks:
        print_line(f"remark: {text}")
    said = found.statement
    if said is not None and not found.problems:
        files = count(len(said.files), "file")
        head = "no ledger" if said.head is None else f"the ledger up to entry {said.head.sequence}"
        sys.stdout.write(
            f"as the office signed it: {said.first} to {said.last}, {files}, "
            f"{count(said.readings, 'reading')} of cameras, {head}\n"
        )
    return CHANGED if found.problems else 0


def _office(settings: OfficeFile) -> OfficeRecords:
    """Where the sources of a report are. Raises CommandError."""
    place = office_place(str(settings.directory))
    own = load_public_key(str(settings.office_key))
    if own is None:
        raise CommandError(f"{settings.office_key}: there is no such key")
    found = ledger_keys(place, own)
    if found.problem:
        raise CommandError(found.problem)
    if found.remark:
        warn(found.remark)
    state = open_state(settings.index, str(settings.directory))
    return OfficeRecords(state, place, found.ring, days_in(None))


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(
            f"{option}: {printable(text)} is no day; write it as 2026-11-24"
        ) from None
