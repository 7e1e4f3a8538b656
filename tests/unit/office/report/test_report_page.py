"""The page says every figure and every reason in both languages, and runs nothing."""

from __future__ import annotations

import base64
import csv
import io
import re
from datetime import date
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from camerad.base.errors import ConfigError
from camerad.base.words import Words, words_in
from camerad.behaviour.dock_progress import HandoverTrouble
from camerad.behaviour.stages import Condition
from camerad.container.gaps import CUT_OFF
from camerad.container.statements import RECOVERED
from camerad.control.metrics import REASONS
from camerad.ledger.entries import Head
from camerad.office.report import report_words as said
from camerad.office.report.figure_maker import (
    OTHERS,
    SIDES,
    FigureMaker,
    about_cell,
    hidden,
    quantile_cell,
    rate_cell,
    share_cell,
)
from camerad.office.report.figures import (
    Cell,
    CosignedLog,
    Coverage,
    Figure,
    FigureGroup,
    PeopleFrom,
    ReportFigures,
    Unit,
    Why,
)
from camerad.office.report.increments import Reset
from camerad.office.report.month_sums import Month
from camerad.office.report.report_days import ReportPeriod
from camerad.office.report.report_page import Imprint, plot_rates, render_report
from camerad.office.report.report_table import (
    EarlierFigures,
    read_table,
    write_table,
)
from camerad.office.report.typed_form import CountedByHand, Occasions, TypedForm
from tests.unit.office.report.test_report_figures import CAMERAS, month_of, tallied

ENGLISH, GERMAN = WORDS = words_in("en"), words_in("de")
PERIOD = ReportPeriod(date(2026, 1, 1), date(2026, 3, 31))
IMPRINT = Imprint("k" * 43, "r.csv", "c" * 64, "0.1.0")
ALL_TYPED = CountedByHand(1000, 20, 20, 20, 20, 20)


def report_of(
    months: list[Month], form: TypedForm | None = None, **coverage: object
) -> ReportFigures:
    form = form or TypedForm(
        with_camera=ALL_TYPED, occasions=Occasions({"=1+1": 30, "b": 20}), surveys=("<b>well</b>",)
    )
    maker = FigureMaker(PERIOD, months, (), form=form, cameras=6)
    known: dict[str, object] = {
        "head": Head(1, 9, "a" * 64),
        "epochs": 3,
        "missing": 0,
        "unknown": 0,
        "unread": 0,
        "readings": 1234,
        "cameras": 6,
        "readings_sha256": "b" * 64,
        "resets": {},
    }
    covers = Coverage(**(known | coverage))  # type: ignore[arg-type]
    return ReportFigures(
        PERIOD, "UTC", maker.runs, maker.people, maker.make(), covers, form.surveys
    )


BUSY = [month_of(60, 30, CAMERAS) for _ in range(3)]


def page_of(
    report: ReportFigures, words: Words = ENGLISH, earlier: EarlierFigures | None = None
) -> str:
    return render_report(report, words, IMPRINT, earlier).decode()


def test_every_word_of_the_code_has_a_text() -> None:
    report = report_of(BUSY)
    tables = {
        "groups": {one.value for one in FigureGroup},
        "figures": {one.code for one in report.figures},
        "units": {one.value for one in Unit},
        "why": {one.value for one in Why} - {""},
        "resets": {one.value for one in Reset},
        "columns": {one.code for one in report.figures if one.runs and one.unit is not Unit.RATE},
        "parts": {OTHERS, "none", *SIDES, *REASONS, RECOVERED, CUT_OFF and "stop"}
        | {one.value for one in Condition if one is not Condition.DOCKED}
        | {one.value for one in HandoverTrouble},
    }
    for name, needed in tables.items():
        assert needed <= set(getattr(said, name.upper())), name
    assert set(said.FIGURES) == tables["figures"]
    assert len(said.MONTHS) == 12


@pytest.mark.parametrize("words", WORDS, ids=lambda words: words.language)
def test_the_page_is_whole_and_runs_nothing(words: Words) -> None:
    page = page_of(report_of(BUSY), words)
    assert f'<html lang="{words.language}">' in page
    assert "default-src 'none'" in page
    assert "$" not in re.sub(r"base64,[^\"]*", "", page), "a placeholder is left"
    assert "<script" not in page and "{" not in re.sub(r"(?s)<style>.*?</style>", "", page)
    assert "&lt;b&gt;well&lt;/b&gt;" in page
    for text in map(words.gettext, (*said.CANNOT, *said.METHOD)):
        assert text.split("'")[0] in page
    plots = re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', page)
    assert len(plots) == 2
    for one in plots:
        svg = base64.b64decode(one).decode()
        assert "<script" not in svg and "kozea" not in svg.lower() and "<!--" not in svg
        ET.fromstring(svg)  # noqa: S314 - we made it
    assert page == page_of(report_of(BUSY), words)


def test_what_is_not_shown_says_why() -> None:
    page = page_of(report_of([Month(), Month(), month_of(3, 1, CAMERAS)]))
    assert "Nothing that people did is shown" in page
    assert "not recorded by this version" in page
    assert "<img" not in page


@pytest.mark.parametrize("words", WORDS, ids=lambda words: words.language)
def test_a_period_without_data_says_so_and_a_proxy_says_what_it_is(words: Words) -> None:
    def tiles(months: list[Month], **coverage: object) -> str:
        page = page_of(report_of(months, **coverage), words)
        return page.split('<div class="tiles">')[1].split("</section>")[0]

    nothing, busy = tiles([], readings=0), tiles(BUSY)
    none = words.gettext(
        "There is no data of cameras: none has handed over its counters in this period."
    )
    assert none in nothing and none not in busy
    assert words.gettext("No recording was deleted too late") in nothing
    assert re.findall(r"<b>([^<]*)</b>", nothing) == [], "no number in large type"
    assert words.gettext("A proxy: some of these may have been mistakes") in busy
    idle = [replace(one, days=[]) for one in BUSY]
    assert words.gettext("No recording was deleted in this period.") in tiles(idle)
    day = replace(tallied().days[0], on_time=9, late=1)
    late = tiles([replace(one, days=[day]) for one in BUSY])
    small = words.gettext("recordings deleted too late")
    of = words.gettext("of {base}", base=30)
    assert f"<b>3</b><small>{small}, {of}</small>" in late


def test_what_it_rests_on_names_what_is_missing() -> None:
    page = page_of(
        report_of(
            BUSY,
            head=None,
            missing=2,
            unknown=3,
            unread=4,
            resets={one.value: 5 for one in Reset},
            log=CosignedLog(7, "R" * 43 + "=", 1, 2, "2026-11-25"),
        )
    )
    for text in (
        "nothing of the office&#x27;s ledger",
        "between these: 2",
        "cannot read: 3",
        "up: 4",
        "signed by 1 camera and 2 other witnesses, last on 25 November 2026",
    ):
        assert text in page
    assert page.count("5 times") == 3


def test_an_earlier_report_stands_beside() -> None:
    report = report_of(BUSY)
    earlier = read_table(write_table(report), "r.csv")
    assert "Compared with 1 January 2026 to 31 March 2026" in page_of(report, earlier=earlier)
    hidden = EarlierFigures(PERIOD.first, PERIOD.last, {"shifts": Cell(None)})
    assert ">–</td>" in page_of(report, earlier=hidden)


def test_the_table_reads_back_as_it_was_written() -> None:
    report = report_of(BUSY)
    table = write_table(report)
    assert b"'=1+1" in table  # no spreadsheet computes it
    found = read_table(table, "r.csv")
    assert (found.first, found.last) == (PERIOD.first, PERIOD.last)
    for figure in report.figures:
        if figure.total.value is not None and not figure.part.startswith("="):
            assert found.cells[figure.key].value == pytest.approx(figure.total.value, abs=1e-4)
    rows = csv.DictReader(io.StringIO(table.decode()))
    months = [one for one in rows if (one["figure"], one["span"]) == ("shifts", "months")]
    assert [(one["from"], one["to"], int(one["value"])) for one in months] == [
        (str(first), str(last), 12) for first, last in report.runs
    ]


def table_with(*parts: str) -> bytes:
    """The table of a report whose figures have these parts."""
    one = Cell(9.0, count=9)
    group, code = FigureGroup.RECORDINGS, "recordings_by_reason"
    figures = tuple(Figure(group, code, Unit.COUNT, one, (), part) for part in parts)
    return write_table(replace(report_of(BUSY), figures=figures))


def test_no_spreadsheet_finds_a_formula_wherever_it_begins_a_cell() -> None:
    parts = ["=1", "stop;=1", "a,  +1", "a\t@x", "a|-1", 'a;"=1', "'=1", "\t=1", "a;\uff1d1"]
    parts += [f"{sign}1" for sign in "+-@\uff0b\uff0d\uff20"]
    text = table_with(*parts).decode()
    begun = [one.lstrip('" ') for one in re.split(r"[;,|\t\r\n]", text)]
    assert [one for one in begun if one.startswith(tuple("=+-@\uff0b\uff0d\uff1d\uff20"))] == []
    kept = ["stop", "Az. 7-2", "a;b", 'say "it", it\'s']
    rows = list(csv.reader(io.StringIO(table_with(*kept).decode())))
    assert [row[2] for row in rows[1:]] == kept
    assert all(line[0] == line[-1] == '"' for line in text.splitlines())


def test_the_table_of_an_earlier_version_is_read() -> None:
    """It quoted only what had to be quoted."""
    table = table_with("stop", "stop,now")
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(csv.reader(io.StringIO(table.decode())))
    earlier = text.getvalue().encode()
    assert earlier.startswith(b"group,") and b',"stop,now",' in earlier
    assert read_table(earlier, "r.csv") == read_table(table, "r.csv")


@pytest.mark.parametrize(
    "content",
    [b"", b"a,b\r\n", b"\xff", b"{header}shifts,x,,count,period,2026,x,,,,,,\r\n", b"{header}"],
)
def test_what_is_no_table_is_told(content: bytes) -> None:
    header = write_table(report_of(BUSY)).split(b"\r\n")[0] + b"\r\n"
    with pytest.raises(ConfigError, match=r"r\.csv: this is no table"):
        read_table(content.replace(b"{header}", header), "r.csv")


@pytest.mark.parametrize(
    ("value", "unit", "english", "german"),
    [
        (1234567, Unit.COUNT, "1,234,567", "1.234.567"),
        (0.1234, Unit.SHARE, "12.3 %", "12,3 %"),
        (0.1234, Unit.RATE, "0.12", "0,12"),
        (12.34, Unit.RATE, "12.3", "12,3"),
        (59.9, Unit.SECONDS, "59.9 s", "59,9 s"),
        (150, Unit.SECONDS, "2.5 min", "2,5 min"),
        (9000, Unit.SECONDS, "2.5 h", "2,5 h"),
        (12.5, Unit.HOURS, "12.5 h", "12,5 h"),
        (1250.4, Unit.HOURS, "1,250 h", "1.250 h"),
        (80.2, Unit.PERCENT, "80 %", "80 %"),
    ],
)
def test_numbers_are_written_as_people_write_them(
    value: float, unit: Unit, english: str, german: str
) -> None:
    assert [said.amount(value, unit, words) for words in WORDS] == [english, german]


def test_months_are_named_and_days_only_where_they_matter() -> None:
    words = ENGLISH
    assert said.span(date(2026, 3, 1), date(2026, 3, 31), words) == "March 2026"
    assert said.span(date(2026, 3, 1), date(2026, 5, 31), words) == "March to May 2026"
    assert said.span(date(2025, 12, 1), date(2026, 1, 31), words) == "December 2025 to January 2026"
    assert said.span(date(2026, 3, 2), date(2026, 3, 31), words) == "2 March 2026 to 31 March 2026"
    assert said.short_span(date(2026, 3, 1), date(2026, 5, 31), words) == "Mar–May"


def test_a_value_beyond_all_bounds_says_so() -> None:
    cell = quantile_cell((10, 200), (0, 0, 30), 50)
    assert said.shown(cell, Unit.SECONDS, ENGLISH) == "more than 3.3 min"
    assert said.interval(cell, Unit.SECONDS, ENGLISH) == ""
    assert said.base(cell, Unit.SECONDS, ENGLISH) == "of 30"
    assert said.base(hidden(Why.FEW), Unit.COUNT, ENGLISH) == ""


def test_a_plot_leaves_out_what_is_not_shown() -> None:
    named = [("Jan", rate_cell(0, 100)), ("Feb", hidden(Why.FEW)), ("Mar", rate_cell(9, 50))]
    assert plot_rates(named, ENGLISH).count("<rect") == 2
    assert plot_rates([("Jan", rate_cell(0, 1e12))], ENGLISH)


def test_a_part_is_hidden_with_its_reason() -> None:
    assert share_cell(3, 30).why is Why.FEW
    assert share_cell(27, 30).why is Why.WITHHELD
    assert rate_cell(3, 100).why is Why.FEW
    assert about_cell(3, 9, Why.SHOWN).why is Why.FEW
    page = page_of(replace(report_of(BUSY), surveys=()))
    assert "Figures counted by hand" in page and "<h3>Surveys" not in page


def test_people_are_counted_by_what_is_known() -> None:
    report = report_of([replace(month, wearers=9) for month in BUSY])
    assert report.people is PeopleFrom.SHIFTS
    assert "That enough people wore cameras is known from the cameras" in page_of(report)
