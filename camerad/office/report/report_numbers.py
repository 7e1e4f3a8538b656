"""Numbers and days as people read them, in a report's language; pure."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from camerad.office.report.figures import Cell, Unit, Why
from camerad.office.report.report_texts import ReportTexts

DASH: Final = "–"


def number(value: float, texts: ReportTexts, decimals: int = 0) -> str:
    """``1,234.5``, with the signs of the language."""
    text = f"{value:,.{decimals}f}"
    return text.translate({ord(","): texts.thousands, ord("."): texts.decimal})


def day(when: date, texts: ReportTexts) -> str:
    """``24 November 2026``."""
    month = texts.months[when.month - 1]
    return texts.date_format.format(day=when.day, month=month, year=when.year)


def span(first: date, last: date, texts: ReportTexts) -> str:
    """``March``, ``March to May``; with days where a month is not whole."""
    whole = first.day == 1 and (last + timedelta(days=1)).day == 1
    if not whole:
        return texts.joined.format(first=day(first, texts), last=day(last, texts))
    begin, end = (f"{texts.months[one.month - 1]} {one.year}" for one in (first, last))
    if begin == end:
        return begin
    if first.year == last.year:
        begin = texts.months[first.month - 1]
    return texts.joined.format(first=begin, last=end)


def short_span(first: date, last: date, texts: ReportTexts) -> str:
    """``Mar``, ``Mar–May``, for a plot."""
    begin, end = (texts.months[one.month - 1][:3] for one in (first, last))
    return begin if (first.year, first.month) == (last.year, last.month) else f"{begin}{DASH}{end}"


def amount(value: float, unit: Unit, texts: ReportTexts) -> str:
    """A value with its unit. Long times are minutes or hours, which their sign says."""
    if unit is Unit.SHARE:
        value *= 100
    if unit is Unit.SECONDS and value >= 7200:
        return texts.units["hours"].format(value=number(value / 3600, texts, 1))
    if unit is Unit.SECONDS and value >= 120:
        return f"{number(value / 60, texts, 1)} min"
    decimals = 0 if unit in (Unit.COUNT, Unit.PERCENT) else 1
    if unit is Unit.HOURS and value >= 100:
        decimals = 0
    if unit is Unit.RATE and value < 1:
        decimals = 2
    return texts.units[unit.value].format(value=number(value, texts, decimals))


def shown(cell: Cell, unit: Unit, texts: ReportTexts) -> str:
    """A figure, or why it is not shown."""
    if cell.value is not None:
        return amount(cell.value, unit, texts)
    low = "" if cell.low is None else amount(cell.low, unit, texts)
    return texts.why[cell.why.value].format(low=low)


def interval(cell: Cell, unit: Unit, texts: ReportTexts) -> str:
    """Its interval, or between which bounds a quantile lies."""
    if cell.value is None or cell.low is None or cell.high is None:
        return ""
    low, high = (amount(one, unit, texts) for one in (cell.low, cell.high))
    if unit in (Unit.SECONDS, Unit.PERCENT):
        return texts.between.format(low=low, high=high)
    return f"{low} {DASH} {high}"


def base(cell: Cell, unit: Unit, texts: ReportTexts) -> str:
    """What it is of."""
    if cell.base is None or (cell.value is None and cell.why is not Why.BEYOND):
        return ""
    said = {Unit.RATE: texts.of_hours, Unit.HOURS: texts.of_recorded}.get(unit, texts.of)
    of = said.format(base=number(cell.base, texts))
    return f"{number(cell.count, texts)} {of}" if cell.count is not None else of
