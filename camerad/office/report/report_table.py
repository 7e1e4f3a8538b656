"""The report as a table: CSV (RFC 4180) for spreadsheets and programs, the same in every language.

A line is a figure of some days: ``span`` is ``period`` for all of them, ``months`` for months that
are shown together. Where ``value`` is empty, ``not_shown`` says why (`figures.Why`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from typing import Final

import msgspec

from camerad.base.errors import ConfigError
from camerad.office.report.figures import Cell, Figure, ReportFigures

COLUMNS: Final = (
    *("group", "figure", "part", "unit", "span", "from", "to"),
    *("value", "low", "high", "count", "base", "not_shown"),
)
PERIOD: Final = "period"
MONTHS: Final = "months"
_DECIMALS: Final = 6
_FORMULA: Final = re.compile(r"""(^|[;,|\t\r\n])(?=[\s\ufeff"']*[=+\-@\uff0b\uff0d\uff1d\uff20])""")
"""A cell begins here, whichever separator a program goes by, and what follows may be a formula.
``camerad/office/desk/pages/csv.js`` has the same."""


class EarlierFigures(msgspec.Struct, frozen=True):
    """What an earlier report says of its whole period. cells: by `Figure.key`."""

    first: date
    last: date
    cells: dict[str, Cell]


def write_table(report: ReportFigures) -> bytes:
    """The table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for figure in report.figures:
        period = report.period.first, report.period.last
        writer.writerow(_row(figure, figure.total, PERIOD, period))
        for cell, run in zip(figure.runs, report.runs, strict=False):
            writer.writerow(_row(figure, cell, MONTHS, run))
    return text.getvalue().encode()


def read_table(content: bytes, path: str) -> EarlierFigures:
    """What `write_table` wrote. path: for messages. Raises ConfigError."""
    cells: dict[str, Cell] = {}
    bounds: set[tuple[date, date]] = set()
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8")))
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise ValueError("its first line is another one")
        for row in reader:
            if row["span"] != PERIOD:
                continue
            first, last = date.fromisoformat(row["from"]), date.fromisoformat(row["to"])
            bounds.add((first, last))
            value, low, high, base = (
                None if row[name] == "" else float(row[name])
                for name in ("value", "low", "high", "base")
            )
            count = None if row["count"] == "" else int(row["count"])
            key = f"{row['figure']}:{row['part']}" if row["part"] else row["figure"]
            cells[key] = Cell(value, low, high, count, base)
        ((first, last),) = bounds
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise ConfigError(
            f"{path}: this is no table of a report: {error}; name the .csv that 'camerad office "
            "report' wrote"
        ) from error
    return EarlierFigures(first, last, cells)


def _row(figure: Figure, cell: Cell, span: str, days: tuple[date, date]) -> Iterator[str]:
    yield from (figure.group.value, figure.code, _plain(figure.part), figure.unit.value, span)
    yield from (one.isoformat() for one in days)
    for number in (cell.value, cell.low, cell.high, cell.count, cell.base):
        yield "" if number is None else _number(number)
    yield cell.why.value


def _number(number: float) -> str:
    """Without an exponent, and without zeros behind the point."""
    if isinstance(number, int):
        return str(number)
    text = f"{number:.{_DECIMALS}f}"
    return text.rstrip("0").rstrip(".")


def _plain(text: str) -> str:
    """A text in which no spreadsheet finds a formula, with any separator of cells."""
    safe = f"'{text}" if text.startswith(("\t", "\r", "\n")) else text
    return _FORMULA.sub(r"\1'", safe)
