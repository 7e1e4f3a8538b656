"""The report as one file of HTML that prints on A4, and needs nothing from elsewhere.

``report.html`` is the page. It has no script and fetches nothing; its Content-Security-Policy lets
it do neither.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from math import ceil, floor, log10
from pathlib import Path
from string import Template
from typing import Final

import msgspec

from camerad.base.words import Words
from camerad.evidence.cover_sheet import escape
from camerad.office.report import report_words as said
from camerad.office.report.figures import (
    Cell,
    Figure,
    FigureGroup,
    PeopleFrom,
    ReportFigures,
    Unit,
    Why,
)
from camerad.office.report.report_table import EarlierFigures
from camerad.office.report.report_words import (
    CANNOT,
    COLUMNS,
    EXPLAINED,
    FIGURES,
    GROUPS,
    METHOD,
    PARTS,
    RESETS,
    WHY,
)

_COMPARED = (
    *("shift_hours", "shifts", "self_view_rate", "recording_rate", "self_views_without"),
    *("seconds_to_recording_p50", "recordings_received", "recording_length_p50", "deleted"),
    *("deleted_late", "holds_placed", "delay_p50", "delay_over_day"),
)


_WIDTH, _HEIGHT, _BASE, _LEFT, _TOP = 760, 320, 250, 60, 15
"""Of a plot in pixels; its bars stand on _BASE."""
_TICKS: Final = 5
REPORT_PAGE: Final = Template(Path(__file__).with_name("report.html").read_text(encoding="utf-8"))
"""Every placeholder takes HTML that is escaped already."""


class Imprint(msgspec.Struct, frozen=True):
    """What the page says of itself. kid: of the office's key. csv, csv_sha256: the table beside it.
    software: camerad's version."""

    kid: str
    csv: str
    csv_sha256: str
    software: str


def render_report(
    report: ReportFigures, words: Words, imprint: Imprint, earlier: EarlierFigures | None
) -> bytes:
    """The page. earlier: what an earlier report says, to be compared with."""
    return _Page(report, words, imprint, earlier).html().encode()


class _Page:
    def __init__(
        self,
        report: ReportFigures,
        words: Words,
        imprint: Imprint,
        earlier: EarlierFigures | None,
    ) -> None:
        self._report = report
        self._words = words
        self._imprint = imprint
        self._earlier = earlier
        self._by_key = {figure.key: figure for figure in report.figures}

    def html(self) -> str:
        words, period, imprint = self._words, self._report.period, self._imprint
        first, last = (said.day(one, words) for one in (period.first, period.last))
        return REPORT_PAGE.substitute(
            lang=words.language,
            title=escape(words.gettext("Body cameras: report")),
            subtitle=escape(words.gettext("Their use, in figures that name no person")),
            period=escape(
                words.gettext(
                    "{first} to {last} (days in {zone})",
                    first=first,
                    last=last,
                    zone=self._report.zone,
                )
            ),
            short=escape(words.gettext("At a glance")),
            tiles="".join(self._tiles()),
            plots=self._plots(),
            cannot_title=escape(words.gettext("What cannot be concluded from this")),
            cannot=items(words.gettext(one) for one in CANNOT),
            groups="".join(self._groups()),
            months=self._months(),
            compared=self._compared(),
            typed=self._typed(),
            method_title=escape(words.gettext("How it was counted")),
            method=items(self._method()).join(("<ul>", "</ul>")),
            rests_title=escape(words.gettext("What it rests on")),
            rests=items(self._rests()),
            signed=with_code(
                words.gettext(
                    "Signed by the office's key {kid}. 'camerad office report --check' finds what "
                    "was changed since. The same figures for programs: {csv}, SHA-256 {sha256}."
                ),
                kid=imprint.kid,
                csv=imprint.csv,
                sha256=imprint.csv_sha256,
            ),
            made=escape(words.gettext("Made with camerad {software}.", software=imprint.software)),
        )

    # ------------------------------------------------------------------ at a glance

    def _tiles(self) -> Iterator[str]:
        words = self._words
        if self._report.coverage.readings == 0:
            yield tile(
                words.gettext(
                    "There is no data of cameras: none has handed over its counters in this period."
                ),
                "",
                in_words=True,
            )
        else:
            for code, label, caveat in (
                ("self_view_rate", words.gettext("self-views for each 100 shift hours"), ""),
                ("recording_rate", words.gettext("recordings for each 100 shift hours"), ""),
                (
                    "self_views_without",
                    words.gettext("of self-views ended without a recording"),
                    f". {words.gettext('A proxy: some of these may have been mistakes')}",
                ),
            ):
                figure = self._by_key[code]
                between = said.interval(figure.total, figure.unit, words)
                small = label + (f" ({between})" if between else "") + caveat
                value = said.shown(figure.total, figure.unit, words)
                yield tile(value, small, in_words=figure.total.value is None)
        yield self._late_tile()

    def _late_tile(self) -> str:
        words, late = self._words, self._by_key["deleted_late"].total
        deleted = self._by_key["deleted"].total
        if deleted.value == 0:
            return tile(
                words.gettext("No recording was deleted in this period."), "", in_words=True
            )
        number = said.shown(deleted, Unit.COUNT, words)
        of = "" if deleted.value is None else f", {words.gettext('of {base}', base=number)}"
        if late.value == 0:
            return tile(words.gettext("No recording was deleted too late") + of, "", in_words=True)
        return tile(
            said.shown(late, Unit.COUNT, words),
            words.gettext("recordings deleted too late") + of,
            in_words=False,
        )

    def _plots(self) -> str:
        words = self._words
        plots = []
        for code, title in (
            ("self_view_rate", words.gettext("Self-views for each 100 shift hours")),
            ("recording_rate", words.gettext("Recordings for each 100 shift hours")),
        ):
            cells = self._by_key[code].runs
            if any(cell.value is not None for cell in cells):
                spans = [said.short_span(*run, words) for run in self._report.runs]
                named = list(zip(spans, cells, strict=True))
                svg = base64.b64encode(plot_rates(named, words).encode()).decode()
                plots.append(
                    f"<figure><figcaption>{escape(title)}</figcaption>"
                    f'<img alt="{escape(title)}" src="data:image/svg+xml;base64,{svg}"></figure>'
                )
        drawn = f'<div class="plots">{"".join(plots)}</div>' if plots else ""
        glance = words.gettext(
            "In brackets, and as thin lines: the 95 % interval, how far chance alone could move a "
            "figure. Self-view: the person opposite sees themselves on the camera."
        )
        return f'{drawn}<p class="glance">{escape(glance)}</p>'

    # ------------------------------------------------------------------ tables

    def _groups(self) -> Iterator[str]:
        for group in FigureGroup:
            if group is not FigureGroup.TYPED:
                title = self._words.gettext(GROUPS[group.value])
                yield section("group", title, self._figures(self._rows(group)))

    def _rows(self, group: FigureGroup) -> list[str]:
        return [self._row(one) for one in self._report.figures if one.group is group]

    def _figures(self, rows: Iterable[str]) -> str:
        """A table of figures. rows: HTML."""
        words = self._words
        names = (
            th(words.gettext("Figure"))
            + th(words.gettext("Value"), "n")
            + th(words.gettext("95 % interval"), "n")
            + th(words.gettext("Of"))
        )
        return table("figures", names, rows)

    def _row(self, figure: Figure) -> str:
        words, cell = self._words, figure.total
        name = words.gettext(FIGURES[figure.code])
        about = EXPLAINED.get(figure.code, "") if not figure.part else ""
        style = ""
        if figure.part:
            name, style = words.gettext(PARTS.get(figure.part, figure.part)), ' class="part"'
            if figure.group is FigureGroup.TYPED and figure.code != "typed_occasions":
                name, style = f"{words.gettext(FIGURES[figure.code])}, {name}", ""
        small = f"<small>{escape(words.gettext(about))}</small>" if about else ""
        head = f'<tr{style}><th scope="row">{escape(name)}{small}</th>'
        if cell.value is None:
            why = said.shown(cell, figure.unit, words)
            return f'{head}<td class="why" colspan="3">{escape(why)}</td></tr>'
        return f"{head}{self._cells(cell, figure.unit, base=True)}</tr>"

    def _cells(self, cell: Cell, unit: Unit, *, base: bool = False) -> str:
        """A figure and its interval. base: and what it is of."""
        words = self._words
        cells = number_cell(cell, unit, words) + td(said.interval(cell, unit, words), "n")
        return cells + (td(said.base(cell, unit, words), "base") if base else "")

    def _months(self) -> str:
        words, runs = self._words, self._report.runs
        title = words.gettext("By months")
        if not runs:
            why = words.gettext(WHY[self._by_key["self_views"].total.why.value])
            nothing = words.gettext("Nothing that people did is shown: {why}.", why=why)
            return section("fine", title, paragraph(nothing))
        figures = [one for one in self._report.figures if one.runs]
        counts = [one for one in figures if one.unit is not Unit.RATE]
        names = (words.pgettext("column", COLUMNS[one.code]) for one in counts)
        rows = (
            tr(
                said.span(begin, end, words),
                *(number_cell(one.runs[number], one.unit, words) for one in counts),
            )
            for number, (begin, end) in enumerate(runs)
        )
        text = words.gettext(
            "Months in which a number would be 1 to 4, or in which fewer than 5 people wore "
            "cameras, are put together with those beside them."
        )
        head = th(title) + "".join(th(one, "n") for one in names)
        rates = (self._monthly(one) for one in figures if one.unit is Unit.RATE)
        return section(
            "fine", title, paragraph(text), wide(title, table("months", head, rows)), *rates
        )

    def _monthly(self, figure: Figure) -> str:
        words = self._words
        rows = (
            tr(said.span(*run, words), self._cells(one, figure.unit, base=True))
            for run, one in zip(self._report.runs, figure.runs, strict=True)
        )
        return h3(words.gettext(FIGURES[figure.code])) + self._figures(rows)

    def _compared(self) -> str:
        words, period, earlier = self._words, self._report.period, self._earlier
        if earlier is None:
            return ""
        first, last = (said.day(one, words) for one in (earlier.first, earlier.last))
        title = words.gettext("Compared with {first} to {last}", first=first, last=last)
        head = th(words.gettext("Figure"))
        for one in (earlier, period):
            head += th(said.span(one.first, one.last, words), "n")
            head += th(words.gettext("95 % interval"), "n")
        rows = (
            tr(
                words.gettext(FIGURES[code]),
                *(self._cells(one, now.unit) for one in (earlier.cells[code], now.total)),
            )
            for code, now in ((code, self._by_key[code]) for code in _COMPARED)
            if code in earlier.cells
        )
        text = words.gettext(
            "Both periods side by side. Where the intervals overlap widely, the difference may be "
            "chance. A difference has many possible causes."
        )
        return section("fine", title, paragraph(text), wide(title, table("compared", head, rows)))

    def _typed(self) -> str:
        words, surveys = self._words, self._report.surveys
        rows = self._rows(FigureGroup.TYPED)
        if not rows and not surveys:
            return ""
        text = words.gettext(
            "No camera counts this. The office counted it by hand and typed it in."
        )
        heard = f"{h3(words.gettext('Surveys'))}<ul>{items(surveys)}</ul>" if surveys else ""
        counted = self._figures(rows) if rows else ""
        return section(
            "typed", words.gettext("Figures counted by hand"), paragraph(text), counted, heard
        )

    # ------------------------------------------------------------------ what it rests on

    def _method(self) -> Iterator[str]:
        words = self._words
        yield from map(words.gettext, METHOD)
        named = self._report.people is PeopleFrom.SHIFTS
        yield (
            words.gettext(
                "That enough people wore cameras is known from the cameras' shifts; only how many "
                "was counted."
            )
            if named
            else words.gettext(
                "No shift names who wore a camera, so cameras that were out were counted instead "
                "of people."
            )
        )

    def _rests(self) -> Iterator[str]:
        words, known = self._words, self._report.coverage
        yield words.gettext(
            "{readings} signed readings of {cameras} cameras, SHA-256 of all {sha256}",
            readings=said.number(known.readings, words),
            cameras=said.number(known.cameras, words),
            sha256=known.readings_sha256,
        )
        if known.head is None:
            yield words.gettext(
                "nothing of the office's ledger: figures of recordings, deletion and use are 0 "
                "for that reason"
            )
        else:
            yield words.gettext(
                "{epochs} files of the office's ledger, up to entry {sequence}, SHA-256 {sha256}",
                epochs=said.number(known.epochs, words),
                sequence=known.head.sequence,
                sha256=known.head.sha256,
            )
        if known.log is not None:
            cameras, others = known.log.cameras, known.log.others
            yield words.gettext(
                "the office's log of {size} entries, root {root}, signed by {cameras} and "
                "{others}, last on {day}",
                size=said.number(known.log.size, words),
                root=known.log.root,
                cameras=words.ngettext("{number} camera", "{number} cameras", cameras),
                others=words.ngettext("{number} other witness", "{number} other witnesses", others),
                day=said.day(date.fromisoformat(known.log.last), words),
            )
        for count, text in (
            (
                known.missing,
                words.gettext(
                    "Files of the ledger that are missing between these: {count}. What they said "
                    "is in no figure."
                ),
            ),
            (
                known.unknown,
                words.gettext("Entries of the ledger that this version cannot read: {count}."),
            ),
            (
                known.unread,
                words.gettext(
                    "Recordings whose files were gone before they were added up: {count}. Their "
                    "length and reason are in no figure."
                ),
            ),
        ):
            if count:
                yield text.format(count=said.number(count, words))
        for name, count in known.resets.items():
            yield words.gettext(RESETS[name], count=said.number(count, words))
        if not known.resets:
            yield words.gettext("No counter was reset.")


def tile(value: str, small: str, *, in_words: bool) -> str:
    style = ' class="words"' if in_words else ""
    return f"<div><b{style}>{escape(value)}</b><small>{escape(small)}</small></div>"


def number_cell(cell: Cell, unit: Unit, words: Words) -> str:
    if cell.value is None and cell.why is Why.SHOWN:
        return td(said.DASH, "n")  # an earlier report did not show it
    return td(said.shown(cell, unit, words), "n" if cell.value is not None else "why")


def td(text: str, kind: str) -> str:
    return f'<td class="{kind}">{escape(text)}</td>'


def th(text: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<th scope="col"{style}>{escape(text)}</th>'


def tr(name: str, *cells: str) -> str:
    return f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>'


def table(kind: str, head: str, rows: Iterable[str]) -> str:
    """head, rows: HTML."""
    return (
        f'<table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def wide(name: str, table: str) -> str:
    """A table that scrolls by itself where a screen is narrow."""
    return f'<div class="wide" tabindex="0" role="group" aria-label="{escape(name)}">{table}</div>'


def section(kind: str, title: str, *parts: str) -> str:
    return f'<section class="{kind}"><h2>{escape(title)}</h2>{"".join(parts)}</section>'


def h3(text: str) -> str:
    return f"<h3>{escape(text)}</h3>"


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def items(texts: Iterable[str] | Sequence[str]) -> str:
    return "".join(f"<li>{escape(one)}</li>" for one in texts)


def with_code(text: str, **words: str) -> str:
    """A text with words that are set apart from it."""
    return escape(text).format(
        **{name: f"<code>{escape(word)}</code>" for name, word in words.items()}
    )


def plot_rates(cells: Sequence[tuple[str, Cell]], words: Words) -> str:
    """Bars with their intervals, as SVG. cells: with what stands below each."""
    most = max(cell.high or 0 for _, cell in cells)
    step = _step(most)
    ticks = [step * number for number in range(max(1, ceil(most / step)) + 1)]
    high, wide = (_BASE - _TOP) / ticks[-1], (_WIDTH - _LEFT - 10) / len(cells)
    drawn = []
    for tick in ticks:
        y = _BASE - tick * high
        drawn.append(f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - 10}" stroke="#b5bcc4"/>')
        drawn.append(_svg_text(_LEFT - 8, y + 5, said.number(tick, words, 1), "end"))
    for number, (label, cell) in enumerate(cells):
        x = _LEFT + wide * (number + 0.5)
        drawn.append(_svg_text(x, _BASE + 24, label, "middle", turned=len(cells) > 6))
        if cell.value is None:
            continue
        top = cell.value * high
        drawn.append(
            f'<rect x="{x - wide * 0.35:.1f}" y="{_BASE - top:.1f}" width="{wide * 0.7:.1f}" '
            f'height="{top:.1f}" fill="#6f93b8"/>'
        )
        low, up = (_BASE - (end or 0) * high for end in (cell.low, cell.high))
        drawn.append(
            f'<path d="M{x - 5:.1f} {low:.1f}h10m-5 0V{up:.1f}m-5 0h10" stroke="#111" fill="none"/>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-size="15" fill="#222" '
        f'font-family="Liberation Sans, Arial, Helvetica, sans-serif">{"".join(drawn)}</svg>'
    )


def _step(most: float) -> float:
    """1, 2 or 5 times a power of 10, so that a few steps reach the greatest that is shown."""
    least = most / _TICKS or 1.0
    power = 10.0 ** floor(log10(least))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= least)


def _svg_text(x: float, y: float, text: str, anchor: str, *, turned: bool = False) -> str:
    turn = f' transform="rotate(35 {x:.1f} {y:.1f})"' if turned else ""
    anchor = "start" if turned else anchor
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{turn}'
    return f"<text {place}>{escape(text)}</text>"
