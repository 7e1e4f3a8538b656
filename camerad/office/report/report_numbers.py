"""Numbers and days as people read them, in a report's language; pure."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from camerad.base.words import Words
from camerad.office.report.figures import Cell, Unit, Why
from camerad.office.report.report_words import MONTHS, UNITS, WHY

DASH: Final = "–"


def number(value: float, words: Words, decimals: int = 0) -> str:
    """``1,234.5``, with the signs of the language."""
    text = f"{value:,.{decimals}f}"
    return text.translate(
        {
            ord(","): words.pgettext("thousands separator", ","),
            ord("."): words.pgettext("decimal sign", "."),
        }
    )


def day(when: date, words: Words) -> str:
    """``24 November 2026``."""
    month = words.gettext(MONTHS[when.month - 1])
    return words.gettext("{day} {month} {year}", day=when.day, month=month, year=when.year)


def span(first: date, last: date, words: Words) -> str:
    """``March``, ``March to May``; with days where a month is not whole."""
    whole = first.day == 1 and (last + timedelta(days=1)).day == 1
    if not whole:
        return words.gettext("{first} to {last}", first=day(first, words), last=day(last, words))
    begin, end = (f"{words.gettext(MONTHS[one.month - 1])} {one.year}" for one in (first, last))
    if begin == end:
        return begin
    if first.year == last.year:
        begin = words.gettext(MONTHS[first.month - 1])
    return words.gettext("{first} to {last}", first=begin, last=end)


def short_span(first: date, last: date, words: Words) -> str:
    """``Mar``, ``Mar–May``, for a plot."""
    begin, end = (words.gettext(MONTHS[one.month - 1])[:3] for one in (first, last))
    return begin if (first.year, first.month) == (last.year, last.month) else f"{begin}{DASH}{end}"


def amount(value: float, unit: Unit, words: Words) -> str:
    """A value with its unit. Long times are minutes or hours, which their sign says."""
    if unit is Unit.SHARE:
        value *= 100
    if unit is Unit.SECONDS and value >= 7200:
        return words.gettext(UNITS["hours"], value=number(value / 3600, words, 1))
    if unit is Unit.SECONDS and value >= 120:
        return f"{number(value / 60, words, 1)} min"
    decimals = 0 if unit in (Unit.COUNT, Unit.PERCENT) else 1
    if unit is Unit.HOURS and value >= 100:
        decimals = 0
    if unit is Unit.RATE and value < 1:
        decimals = 2
    return words.gettext(UNITS[unit.value], value=number(value, words, decimals))


def shown(cell: Cell, unit: Unit, words: Words) -> str:
    """A figure, or why it is not shown."""
    if cell.value is not None:
        return amount(cell.value, unit, words)
    low = "" if cell.low is None else amount(cell.low, unit, words)
    return words.gettext(WHY[cell.why.value], low=low)


def interval(cell: Cell, unit: Unit, words: Words) -> str:
    """Its interval, or between which bounds a quantile lies."""
    if cell.value is None or cell.low is None or cell.high is None:
        return ""
    low, high = (amount(one, unit, words) for one in (cell.low, cell.high))
    if unit in (Unit.SECONDS, Unit.PERCENT):
        return words.gettext("between {low} and {high}", low=low, high=high)
    return f"{low} {DASH} {high}"


def base(cell: Cell, unit: Unit, words: Words) -> str:
    """What it is of."""
    if cell.base is None or (cell.value is None and cell.why is not Why.BEYOND):
        return ""
    said = {
        Unit.RATE: words.gettext("in {base} hours"),
        Unit.HOURS: words.gettext("of {base} hours recorded"),
    }.get(unit, words.gettext("of {base}"))
    of = said.format(base=number(cell.base, words))
    return f"{number(cell.count, words)} {of}" if cell.count is not None else of
