"""The report as one file of HTML that prints on A4, and needs nothing from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from camerad.evidence.cover_sheet import escape
from camerad.office.report import report_numbers as said
from camerad.office.report.figures import (
    Cell,
    Figure,
    FigureGroup,
    PeopleFrom,
    ReportFigures,
    Unit,
    Why,
)
from camerad.office.report.report_plots import plot_rates
from camerad.office.report.report_table import EarlierFigures
from camerad.office.report.report_template import REPORT_PAGE
from camerad.office.report.report_texts import ReportTexts

_COMPARED = (
    *("shift_hours", "shifts", "self_view_rate", "recording_rate", "self_views_without"),
    *("seconds_to_recording_p50", "recordings_received", "recording_length_p50", "deleted"),
    *("deleted_late", "holds_placed", "delay_p50", "delay_over_day"),
)


class Imprint(msgspec.Struct, frozen=True):
    """What the page says of itself. kid: of the office's key. csv, csv_sha256: the table beside it.
    software: camerad's version."""

    kid: str
    csv: str
    csv_sha256: str
    software: str


def render_report(
    report: ReportFigures, texts: ReportTexts, imprint: Imprint, earlier: EarlierFigures | None
) -> bytes:
    """The page. earlier: what an earlier report says, to be compared with."""
    return _Page(report, texts, imprint, earlier).html().encode()


class _Page:
    def __init__(
        self,
        report: ReportFigures,
        texts: ReportTexts,
        imprint: Imprint,
        earlier: EarlierFigures | None,
    ) -> None:
        self._report = report
        self._texts = texts
        self._imprint = imprint
        self._earlier = earlier
        self._by_key = {figure.key: figure for figure in report.figures}

    def html(self) -> str:
        texts, period, imprint = self._texts, self._report.period, self._imprint
        first, last = (said.day(one, texts) for one in (period.first, period.last))
        return REPORT_PAGE.substitute(
            lang=texts.code,
            title=escape(texts.title),
            subtitle=escape(texts.subtitle),
            period=escape(texts.period.format(first=first, last=last, zone=self._report.zone)),
            short=escape(texts.short),
            tiles="".join(self._tiles()),
            plots=self._plots(),
            cannot_title=escape(texts.cannot_title),
            cannot=_items(texts.cannot),
            groups="".join(self._groups()),
            months=self._months(),
            compared=self._compared(),
            typed=self._typed(),
            method_title=escape(texts.method_title),
            method=_items(self._method()).join(("<ul>", "</ul>")),
            rests_title=escape(texts.rests_title),
            rests=_items(self._rests()),
            signed=_with_code(
                texts.signed, kid=imprint.kid, csv=imprint.csv, sha256=imprint.csv_sha256
            ),
            made=escape(texts.made.format(software=imprint.software)),
        )

    # ------------------------------------------------------------------ at a glance

    def _tiles(self) -> Iterator[str]:
        texts = self._texts
        if self._report.coverage.readings == 0:
            yield _tile(texts.no_readings, "", in_words=True)
        else:
            for code, label, caveat in (
                ("self_view_rate", texts.short_self_views, ""),
                ("recording_rate", texts.short_recordings, ""),
                ("self_views_without", texts.short_without, f". {texts.short_proxy}"),
            ):
                figure = self._by_key[code]
                between = said.interval(figure.total, figure.unit, texts)
                small = label + (f" ({between})" if between else "") + caveat
                value = said.shown(figure.total, figure.unit, texts)
                yield _tile(value, small, in_words=figure.total.value is None)
        yield self._late_tile()

    def _late_tile(self) -> str:
        texts, late = self._texts, self._by_key["deleted_late"].total
        deleted = self._by_key["deleted"].total
        if deleted.value == 0:
            return _tile(texts.short_none_deleted, "", in_words=True)
        number = said.shown(deleted, Unit.COUNT, texts)
        of = "" if deleted.value is None else f", {texts.of.format(base=number)}"
        if late.value == 0:
            return _tile(texts.short_none_late + of, "", in_words=True)
        return _tile(said.shown(late, Unit.COUNT, texts), texts.short_late + of, in_words=False)

    def _plots(self) -> str:
        texts = self._texts
        plots = []
        for code, title in (
            ("self_view_rate", texts.chart_self_views),
            ("recording_rate", texts.chart_recordings),
        ):
            cells = self._by_key[code].runs
            if any(cell.value is not None for cell in cells):
                named = [(said.short_span(one.first, one.last, texts), one) for one in cells]
                svg = base64.b64encode(plot_rates(named, texts.decimal)).decode()
                plots.append(
                    f"<figure><figcaption>{escape(title)}</figcaption>"
                    f'<img alt="{escape(title)}" src="data:image/svg+xml;base64,{svg}"></figure>'
                )
        drawn = f'<div class="plots">{"".join(plots)}</div>' if plots else ""
        return f'{drawn}<p class="glance">{escape(texts.glance)}</p>'

    # ------------------------------------------------------------------ tables

    def _groups(self) -> Iterator[str]:
        for group in FigureGroup:
            if group is not FigureGroup.TYPED:
                yield self._table(self._texts.groups[group.value], group)

    def _table(self, title: str, group: FigureGroup) -> str:
        rows = "".join(self._row(one) for one in self._report.figures if one.group is group)
        return (
            f'<section class="group"><h2>{escape(title)}</h2>'
            f"{self._head()}{rows}</tbody></table></section>"
        )

    def _head(self) -> str:
        texts = self._texts
        names = "".join(
            f'<th scope="col"{style}>{escape(name)}</th>'
            for name, style in (
                (texts.figure, ""),
                (texts.value, ' class="n"'),
                (texts.interval, ' class="n"'),
                (texts.base, ""),
            )
        )
        return f'<table class="figures"><thead><tr>{names}</tr></thead><tbody>'

    def _row(self, figure: Figure) -> str:
        texts, cell = self._texts, figure.total
        name = texts.figures[figure.code]
        about = texts.explained.get(figure.code, "") if not figure.part else ""
        style = ""
        if figure.part:
            name, style = texts.parts.get(figure.part, figure.part), ' class="part"'
            if figure.group is FigureGroup.TYPED and figure.code != "typed_occasions":
                name, style = f"{texts.figures[figure.code]}, {name}", ""
        small = f"<small>{escape(about)}</small>" if about else ""
        head = f'<tr{style}><th scope="row">{escape(name)}{small}</th>'
        if cell.value is None:
            why = said.shown(cell, figure.unit, texts)
            return f'{head}<td class="why" colspan="3">{escape(why)}</td></tr>'
        between = said.interval(cell, figure.unit, texts)
        return (
            f'{head}<td class="n">{escape(said.shown(cell, figure.unit, texts))}</td>'
            f'<td class="n">{escape(between)}</td>'
            f'<td class="base">{escape(said.base(cell, figure.unit, texts))}</td></tr>'
        )

    def _months(self) -> str:
        texts, runs = self._texts, self._report.runs
        title = f'<section class="fine"><h2>{escape(texts.by_months)}</h2>'
        if not runs:
            why = texts.why[self._by_key["self_views"].total.why.value]
            return f"{title}<p>{escape(texts.no_months.format(why=why))}</p></section>"
        figures = [one for one in self._report.figures if one.runs and one.unit is not Unit.RATE]
        names = "".join(
            f'<th scope="col" class="n">{escape(texts.columns[one.code])}</th>' for one in figures
        )
        first_column = f'<th scope="col">{escape(texts.by_months)}</th>'
        rows = []
        for number, (begin, end) in enumerate(runs):
            cells = "".join(_number_cell(one.runs[number], one.unit, texts) for one in figures)
            when = escape(said.span(begin, end, texts))
            rows.append(f'<tr><th scope="row">{when}</th>{cells}</tr>')
        return (
            f"{title}<p>{escape(texts.by_months_text)}</p>"
            f"{_wide(texts.by_months, 'months', first_column + names, rows)}"
            f"{self._monthly_rates()}</section>"
        )

    def _monthly_rates(self) -> str:
        texts = self._texts
        found = []
        for figure in self._report.figures:
            if figure.runs and figure.unit is Unit.RATE:
                rows = "".join(
                    f'<tr><th scope="row">{escape(said.span(one.first, one.last, texts))}</th>'
                    + _number_cell(one, figure.unit, texts)
                    + f'<td class="n">{escape(said.interval(one, figure.unit, texts))}</td>'
                    + f'<td class="base">{escape(said.base(one, figure.unit, texts))}</td></tr>'
                    for one in figure.runs
                )
                title = escape(texts.figures[figure.code])
                found.append(f"<h3>{title}</h3>{self._head()}{rows}</tbody></table>")
        return "".join(found)

    def _compared(self) -> str:
        texts, earlier = self._texts, self._earlier
        if earlier is None:
            return ""
        first, last = (said.day(one, texts) for one in (earlier.first, earlier.last))
        title = texts.compared_title.format(first=first, last=last)
        period = self._report.period
        spans = (
            said.span(earlier.first, earlier.last, texts),
            said.span(period.first, period.last, texts),
        )
        head = "".join(
            f'<th scope="col" class="n">{escape(one)}</th>'
            for when in spans
            for one in (when, texts.interval)
        )
        rows = []
        for code in _COMPARED:
            before, now = earlier.cells.get(code), self._by_key[code]
            if before is None:
                continue
            cells = "".join(
                _number_cell(one, now.unit, texts)
                + f'<td class="n">{escape(said.interval(one, now.unit, texts))}</td>'
                for one in (before, now.total)
            )
            name = escape(texts.figures[code])
            rows.append(f'<tr><th scope="row">{name}</th>{cells}</tr>')
        first_column = f'<th scope="col">{escape(texts.figure)}</th>'
        return (
            f'<section class="fine"><h2>{escape(title)}</h2><p>{escape(texts.compared_text)}</p>'
            f"{_wide(title, 'compared', first_column + head, rows)}</section>"
        )

    def _typed(self) -> str:
        texts, surveys = self._texts, self._report.surveys
        rows = "".join(
            self._row(one) for one in self._report.figures if one.group is FigureGroup.TYPED
        )
        if not rows and not surveys:
            return ""
        table = f"{self._head()}{rows}</tbody></table>" if rows else ""
        heard = ""
        if surveys:
            heard = f"<h3>{escape(texts.surveys)}</h3><ul>{_items(surveys)}</ul>"
        return (
            f'<section class="typed"><h2>{escape(texts.typed_title)}</h2>'
            f"<p>{escape(texts.typed_text)}</p>{table}{heard}</section>"
        )

    # ------------------------------------------------------------------ what it rests on

    def _method(self) -> Iterator[str]:
        texts = self._texts
        yield from texts.method
        named = self._report.people is PeopleFrom.SHIFTS
        yield texts.people_shifts if named else texts.people_cameras

    def _rests(self) -> Iterator[str]:
        texts, known = self._texts, self._report.coverage
        yield texts.rests_readings.format(
            readings=said.number(known.readings, texts),
            cameras=said.number(known.cameras, texts),
            sha256=known.readings_sha256,
        )
        if known.head is None:
            yield texts.rests_no_ledger
        else:
            yield texts.rests_ledger.format(
                epochs=said.number(known.epochs, texts),
                sequence=known.head.sequence,
                sha256=known.head.sha256,
            )
        for count, text in (
            (known.missing, texts.rests_missing),
            (known.unknown, texts.rests_unknown),
            (known.unread, texts.rests_unread),
        ):
            if count:
                yield text.format(count=said.number(count, texts))
        for name, count in known.resets.items():
            yield texts.resets[name].format(count=said.number(count, texts))
        if not known.resets:
            yield texts.no_resets


def _tile(value: str, small: str, *, in_words: bool) -> str:
    style = ' class="words"' if in_words else ""
    return f"<div><b{style}>{escape(value)}</b><small>{escape(small)}</small></div>"


def _number_cell(cell: Cell, unit: Unit, texts: ReportTexts) -> str:
    style = "n" if cell.value is not None else "why"
    if cell.value is None and cell.why is Why.SHOWN:
        return f'<td class="n">{said.DASH}</td>'  # an earlier report did not show it
    return f'<td class="{style}">{escape(said.shown(cell, unit, texts))}</td>'


def _wide(name: str, kind: str, head: str, rows: Sequence[str]) -> str:
    """A table that scrolls by itself where a screen is narrow. kind: of table. head, rows: HTML."""
    return (
        f'<div class="wide" tabindex="0" role="group" aria-label="{escape(name)}">'
        f'<table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _items(texts: Iterable[str] | Sequence[str]) -> str:
    return "".join(f"<li>{escape(one)}</li>" for one in texts)


def _with_code(text: str, **words: str) -> str:
    """A text with words that are set apart from it."""
    return escape(text).format(
        **{name: f"<code>{escape(word)}</code>" for name, word in words.items()}
    )
