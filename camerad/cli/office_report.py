"""``camerad office report``: figures on the use of the cameras, without personal data (O8)."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from camerad.base.errors import EX_USAGE, CameradError
from camerad.base.text import count, printable
from camerad.cli import desk
from camerad.cli.language import add_language, system_language

if TYPE_CHECKING:
    from camerad.container.keys import KeyRing
    from camerad.office.report.report_days import DayOf
    from camerad.office.report.report_table import EarlierFigures
    from camerad.office.server.office_settings import OfficeFile
    from camerad.store.locations import Place

CHANGED: Final = 2
"""Exit code where a report was changed, as that of `camerad evidence verify`."""


class ReportCommandError(CameradError, ValueError):
    """Error raised when a report cannot be made as asked."""

    exit_code = EX_USAGE


def add_parser(actions: Any, config: str) -> None:
    """Add the subcommand to those of `camerad office`. config: where the settings usually are."""
    parser = actions.add_parser(
        "report",
        help="what came of the cameras, in figures that name nobody",
        description="Writes a report of some days: a page (HTML, to be printed), a table (CSV) and "
        "the office's signature of both. Run it as the server's user. With --check it finds what "
        "was changed in a report since.",
    )
    parser.add_argument("--from", dest="first", metavar="DATE", help="its first day (YYYY-MM-DD)")
    parser.add_argument("--to", dest="last", metavar="DATE", help="its last day, which is over")
    parser.add_argument("--typed", metavar="FILE", help="a form with what no camera counts")
    parser.add_argument("--form", action="store_true", help="print an empty form, and no more")
    parser.add_argument(
        "--last-year", metavar="FILE", help="the .csv of an earlier report, to be compared with"
    )
    add_language(parser, "of the report")
    parser.add_argument("-o", "--output", metavar="DIR", help="where the files are written")
    parser.add_argument("--check", metavar="FILE", help="a report's .html, .csv or .jws to check")
    parser.add_argument(
        "--config",
        default=config,
        metavar="FILE",
        help="the server's settings; default: %(default)s",
    )


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    if options.form:
        from camerad.office.report.typed_form import EMPTY  # noqa: PLC0415 - slow to import

        sys.stdout.write(EMPTY)
        return 0
    from camerad.office.server.office_settings import load  # noqa: PLC0415 - slow to import

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
        raise ReportCommandError(
            f"{', '.join(missing)} is missing: name the first and the last day of the report, and "
            "a directory for it; or a report with --check"
        )
    return _make(options, load(options.config, with_files=False))


def _make(options: argparse.Namespace, settings: OfficeFile) -> int:
    from camerad.evidence.own_key import load_key  # noqa: PLC0415
    from camerad.office.report.report_days import ReportPeriod, days_in  # noqa: PLC0415
    from camerad.office.report.report_maker import (  # noqa: PLC0415
        ReportRequest,
        check_period,
        make_report,
    )
    from camerad.office.report.report_statement import write_report  # noqa: PLC0415
    from camerad.office.report.typed_form import NO_FORM, load_form  # noqa: PLC0415
    from camerad.office.server.cameras import Cameras  # noqa: PLC0415
    from camerad.office.server.start_check import check_directory  # noqa: PLC0415

    check_directory(str(settings.directory))
    period = ReportPeriod(_day(options.first, "--from"), _day(options.last, "--to"))
    check_period(period, days_in(None)(time.time_ns() // 1000))
    form = NO_FORM if options.typed is None else load_form(options.typed)
    key = load_key(str(settings.office_key))
    if key is None:
        raise ReportCommandError(
            f"{settings.office_key}: there is no such key, and a report is signed with it: run "
            "this on the server, as its user"
        )
    place, keys = _office(settings)
    earlier = None if options.last_year is None else _earlier(options.last_year, keys)
    language = options.language or system_language()
    asked = ReportRequest(period, language, form, earlier)
    files = make_report(place, key, keys, Cameras(str(settings.register)).keys(), asked)
    for path in write_report(options.output, files):
        sys.stdout.write(f"{printable(path)}\n")
    return 0


def _earlier(path: str, keys: KeyRing) -> EarlierFigures:
    from camerad.office.report.report_statement import read_signed  # noqa: PLC0415
    from camerad.office.report.report_table import read_table  # noqa: PLC0415

    _, content = read_signed(path, keys)
    return read_table(content, path)


def _check(path: str, settings: OfficeFile) -> int:
    from camerad.office.report.report_days import days_in  # noqa: PLC0415
    from camerad.office.report.report_statement import (  # noqa: PLC0415
        OfficeRecords,
        check_report,
    )

    day_of: DayOf = days_in(None)
    place, keys = _office(settings)
    found = check_report(path, OfficeRecords(place.root, place.ledger, keys, day_of))
    for text in found.problems:
        sys.stdout.write(f"NOT AS SIGNED: {printable(text)}\n")
    for text in found.remarks:
        sys.stdout.write(f"remark: {printable(text)}\n")
    said = found.statement
    if said is not None and not found.problems:
        files = count(len(said.files), "file")
        head = "no ledger" if said.head is None else f"the ledger up to entry {said.head.sequence}"
        sys.stdout.write(
            f"as the office signed it: {said.first} to {said.last}, {files}, "
            f"{count(said.readings, 'reading')} of cameras, {head}\n"
        )
    return CHANGED if found.problems else 0


def _office(settings: OfficeFile) -> tuple[Place, KeyRing]:
    """The office's directory, and its own keys. Raises ReportCommandError."""
    from camerad.evidence.own_key import ledger_keys, load_public_key  # noqa: PLC0415
    from camerad.store.locations import office_place  # noqa: PLC0415

    place = office_place(str(settings.directory))
    own = load_public_key(str(settings.office_key))
    if own is None:
        raise ReportCommandError(f"{settings.office_key}: there is no such key")
    found = ledger_keys(place, own)
    if found.problem:
        raise ReportCommandError(found.problem)
    if found.remark:
        desk.say(printable(found.remark))
    return place, found.ring


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ReportCommandError(
            f"{option}: {printable(text)} is no day; write it as 2026-11-24"
        ) from None
