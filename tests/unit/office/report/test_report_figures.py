"""On a year with known truth every figure is right, and no person can be identified by them."""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from report_year import BOUNDS, SyntheticYear, Truth, _poisson

from camerad.ledger.entries import Head
from camerad.office.report import increments as counted
from camerad.office.report.estimates import DELAYS, LENGTHS
from camerad.office.report.figure_maker import FigureMaker
from camerad.office.report.figures import Figure, PeopleFrom, ReportFigures, Why
from camerad.office.report.increments import Increment
from camerad.office.report.ledger_tally import LedgerTally, TalliedDay
from camerad.office.report.month_sums import Month, sum_months
from camerad.office.report.report_days import ReportPeriod, week_until
from camerad.office.report.report_sources import make_figures, read_sources
from camerad.office.report.report_table import write_table
from camerad.office.report.suppression import FEW
from camerad.office.report.typed_form import NO_FORM, CountedByHand, Occasions, TypedForm
from camerad.store.check_in import Count
from tests.breadth import breadth

PERIOD = ReportPeriod(date(2026, 1, 1), date(2026, 12, 31))
LATE = 3
QUIET = (8, 11)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> SyntheticYear:
    made = SyntheticYear(
        tmp_path_factory.mktemp("year"),
        cameras=6,
        late=LATE,
        quiet=QUIET,
        lost_on=(date(2026, 3, 9),),
    )
    assert made.tally() > 50 and made.tally() == 0
    return made


@pytest.fixture(scope="module")
def report(year: SyntheticYear) -> ReportFigures:
    return figures_of(year)


def figures_of(
    year: SyntheticYear, period: ReportPeriod = PERIOD, form: TypedForm = NO_FORM
) -> ReportFigures:
    sources = read_sources(year.records, period)
    return make_figures(sources, period, "UTC", form)


def by_key(report: ReportFigures) -> dict[str, Figure]:
    found = {figure.key: figure for figure in report.figures}
    assert len(found) == len(report.figures), "a figure is there twice"
    return found


def truths(year: SyntheticYear) -> list[Truth]:
    return [year.truth[(2026, month)] for month in range(1, 13)]


def test_every_number_of_the_year_is_right(year: SyntheticYear, report: ReportFigures) -> None:
    figures, truth = by_key(report), truths(year)
    for key, number in {
        "camera_days_out": sum(one.back for one in truth),
        "shifts": sum(one.shifts for one in truth),
        "shift_hours": 8 * sum(one.shifts for one in truth),
        "self_views": sum(one.self_views for one in truth),
        "recordings_begun": sum(one.recordings for one in truth),
        "recordings_received": sum(one.received for one in truth),
        "deleted": sum(one.deleted for one in truth),
        "deleted_late": LATE,
        "latest_deletion": 5.0,
        "overdue": 0,
        "cameras_available": 6,
        "holds_placed": sum(one.holds + one.holds_until for one in truth),
        "holds_placed:hold": sum(one.holds for one in truth),
        "holds_by_ground": sum(one.grounds.total() for one in truth),
        "holds_by_ground:prosecution": sum(one.grounds["prosecution"] for one in truth),
        "viewings": sum(one.viewed.total() for one in truth),
        "viewings:desk": sum(one.viewed["desk"] for one in truth),
        "viewings:supervisor": sum(one.viewed["supervisor"] for one in truth),
        "downloads": sum(one.downloaded.total() for one in truth),
        "hand_overs": sum(one.handed_over for one in truth),
        "failures:battery_low": sum(one.failures["battery_low"] for one in truth),
    }.items():
        assert figures[key].total.value == number, key
    views, led = (sum(getattr(one, name) for one in truth) for name in ("self_views", "led"))
    begun = sum(one.recordings for one in truth)
    without, direct = figures["self_views_without"].total, figures["recordings_direct"].total
    assert (without.count, without.base) == (views - led, views)
    assert (direct.count, direct.base) == (begun - led, begun)
    assert figures["share_ready"].total.value == pytest.approx(1 - 60 / (9 * 3600))


def test_what_was_given_and_what_nobody_ever_got_is_right(
    year: SyntheticYear, report: ReportFigures
) -> None:
    figures, truth = by_key(report), truths(year)
    never = figures["share_never_given"].total
    unseen, gone = (
        sum(getattr(one, name) for one in truth) for name in ("deleted_unseen", "deleted")
    )
    assert (never.count, never.base) == (unseen, gone) and 0 < unseen < gone
    recorded = sum(sum(one.recorded_seconds) for one in truth) / 3600
    given = sum(sum(one.given_seconds) for one in truth) / 3600
    assert figures["hours_recorded"].total.value == pytest.approx(recorded)
    hours = figures["hours_given"].total
    assert hours.value == pytest.approx(given) and hours.base == pytest.approx(recorded)
    assert 0 < given < recorded, "each recording counts once, however often it was given"
    assert hours.count is None, "how many recordings that were follows from no figure"


def test_every_run_of_months_is_right(year: SyntheticYear, report: ReportFigures) -> None:
    figures, truth = by_key(report), truths(year)
    assert report.runs[0][0] == PERIOD.first and report.runs[-1][1] == PERIOD.last
    assert len(report.runs) < 12, "the quiet months are joined with others"
    for key, name in {
        "self_views": "self_views",
        "recordings_begun": "recordings",
        "shifts": "shifts",
        "recordings_received": "received",
        "deleted": "deleted",
    }.items():
        for cell, (first, last) in zip(figures[key].runs, report.runs, strict=True):
            inside = truth[first.month - 1 : last.month]
            assert cell.value == sum(getattr(one, name) for one in inside), (key, first)


def test_o8_a_rate_has_its_hours_and_its_interval(
    year: SyntheticYear, report: ReportFigures
) -> None:
    rate = by_key(report)["self_view_rate"]
    for cell in (rate.total, *rate.runs):
        assert cell.value is not None and cell.low is not None and cell.high is not None
        assert cell.count is not None and cell.base
        assert cell.value == pytest.approx(100 * cell.count / cell.base)
        assert cell.low < cell.value < cell.high


def test_medians_lie_where_the_truth_is(year: SyntheticYear, report: ReportFigures) -> None:
    figures, truth = by_key(report), truths(year)
    seconds = sorted(one for month in truth for one in month.seconds)
    batteries = sorted(one for month in truth for one in month.batteries)
    for key, values, percent in (
        ("seconds_to_recording_p50", seconds, 50),
        ("seconds_to_recording_p90", seconds, 90),
        ("battery_p50", batteries, 50),
        ("battery_p10", batteries, 10),
    ):
        cell = figures[key].total
        assert cell.low is not None and cell.high is not None
        assert cell.low <= values[len(values) * percent // 100] <= cell.high, key
        assert cell.base == len(values)
    delay = figures["delay_p50"].total
    assert delay.value is not None
    assert 3 * 3600 < delay.value <= 5 * 3600  # 1 to 8 whole hours, each alike


def test_counters_that_began_anew_are_said(report: ReportFigures) -> None:
    assert report.coverage.resets == {"begun_anew": 1}
    assert report.coverage.missing == report.coverage.unknown == 0
    assert report.people is PeopleFrom.SHIFTS


def test_what_is_not_recorded_says_so(report: ReportFigures) -> None:
    figures = by_key(report)
    for key in ("verification_failures", "uploads_resumed", "witness_refusals"):
        assert figures[key].total.why is Why.UNRECORDED, key


def test_o8_nobody_and_no_camera_is_in_it(year: SyntheticYear, report: ReportFigures) -> None:
    table = write_table(report).decode()
    forbidden = [*year.wearers, "A. Person", "B. Person", "12/26"]
    forbidden += [one.key.public.thumbprint for one in year.cameras]
    forbidden += [f"camera-{one.number:02}" for one in year.cameras]
    forbidden += [recording for _, recording in year._ends]
    assert not [one for one in forbidden if one in table]
    cells = [cell for row in csv.reader(io.StringIO(table)) for cell in row]
    assert not [word for word in cells if len(word) == 5 and word[2] == ":"]


# ---------------------------------------------------------------------- the attacker


def row_space(rows: list[list[Fraction]]) -> list[list[Fraction]]:
    """The rows in reduced form."""
    rows = [row[:] for row in rows]
    found: list[list[Fraction]] = []
    width = len(rows[0]) if rows else 0
    for column in range(width):
        pivot = next((row for row in rows if row[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        pivot = [one / pivot[column] for one in pivot]
        rows = [[a - row[column] * b for a, b in zip(row, pivot, strict=True)] for row in rows]
        found = [[a - row[column] * b for a, b in zip(row, pivot, strict=True)] for row in found]
        found.append(pivot)
    return found


def computable(equations: list[list[int]], unknowns: int) -> set[int]:
    """Which unknowns follow from linear equations."""
    reduced = row_space([[Fraction(one) for one in row] for row in equations])
    known = set()
    for row in reduced:
        there = [number for number, one in enumerate(row) if one]
        if len(there) == 1:
            known.add(there[0])
    assert all(one < unknowns for one in known)
    return known


CELLS = ("self_views", "recordings", "led", "received", "deleted", "shifts")
"""What the attacker wants to know of each month, and of each person on the roster."""


def attack(table: str, months: int = 12) -> set[tuple[str, int]]:
    """All cells of months that follow from a published table by sums and differences."""
    names = {
        "self_views": ("self_views",),
        "recordings_begun": ("recordings",),
        "recordings_received": ("received",),
        "deleted": ("deleted",),
        "shifts": ("shifts",),
        "self_views_without": ("self_views", "-led"),
        "recordings_direct": ("recordings", "-led"),
    }
    index = {
        (cell, month): number
        for number, (cell, month) in enumerate((c, m) for c in CELLS for m in range(months))
    }
    equations = []
    for row in csv.DictReader(io.StringIO(table)):
        number = row["count"] or row["value"]
        if row["figure"] not in names or not number:
            continue
        equation = [0] * len(index)
        first, last = date.fromisoformat(row["from"]), date.fromisoformat(row["to"])
        for name in names[row["figure"]]:
            for month in range(first.month - 1, last.month):
                equation[index[(name.lstrip("-"), month)]] = -1 if name.startswith("-") else 1
        equations.append(equation)
    known = computable(equations, len(index))
    return {cell for cell, number in index.items() if number in known}


def test_o8_an_attacker_with_report_and_roster_computes_no_small_number(
    year: SyntheticYear, report: ReportFigures
) -> None:
    truth = truths(year)
    small = {
        (cell, month)
        for cell in CELLS
        for month in range(12)
        if 0 < getattr(truth[month], cell) < FEW
    }
    assert small, "there is something to hide"
    found = attack(write_table(report).decode())
    assert found, "there is something to read"
    assert not small & found


def test_the_attacker_succeeds_where_months_are_only_left_out(year: SyntheticYear) -> None:
    """The same attacker, on a table that hides each small number by itself, and prints sums."""
    lines = ["group,figure,part,unit,span,from,to,value,low,high,count,base,not_shown"]
    truth = truths(year)
    for month, (first, last) in enumerate(PERIOD.months):
        number = truth[month].self_views
        shown = number if number >= 10 else ""
        lines.append(f"stages,self_views,,count,months,{first},{last},{shown},,,,,")
    total = sum(one.self_views for one in truth)
    lines.append(f"stages,self_views,,count,period,2026-01-01,2026-12-31,{total},,,,,")
    hidden = [month for month in range(12) if truth[month].self_views < 10]
    if len(hidden) == 1:
        assert ("self_views", hidden[0]) in attack("\n".join(lines))
    first, last = PERIOD.months[hidden[0]]
    told = f"stages,self_views,,count,months,{first},{last},{truth[hidden[0]].self_views},,,,,"
    assert ("self_views", hidden[-1]) in attack("\n".join([*lines, told]))


def test_with_few_people_nothing_is_shown_of_what_they_did(tmp_path: Path) -> None:
    small = SyntheticYear(tmp_path, date(2026, 1, 1), 70, cameras=6, wearers=4, self_view_rate=2)
    small.tally()
    period = ReportPeriod(date(2026, 1, 1), date(2026, 2, 28))
    report = figures_of(small, period)
    figures = by_key(report)
    assert report.runs == ()
    for key in (
        "self_views",
        "recording_rate",
        "recordings_received",
        "shift_hours",
        "holds_placed",
    ):
        assert figures[key].total.why is Why.PEOPLE, key
    assert figures["deleted_late"].total.value == 0  # what the office owes is shown
    assert figures["cameras_available"].total.value == 6


def test_the_number_of_people_that_is_typed_in_can_only_hide(
    year: SyntheticYear, report: ReportFigures
) -> None:
    sources = read_sources(year.records, PERIOD)
    for wearers, runs in ((4, ()), (400, report.runs)):
        assert make_figures(sources, PERIOD, "UTC", TypedForm(wearers=wearers)).runs == runs


def test_a_period_of_one_person_in_a_month_joins_others(year: SyntheticYear) -> None:
    """The roster says that only one person was out: the month is no run by itself."""
    months = [month_of(30, 9, {f"kid-{n}" for n in range(6)}) for _ in range(4)]
    months[2].out = {("kid-1", "kid-1")}
    maker = make(months)
    assert maker.people is PeopleFrom.CAMERAS
    assert [(first.month, last.month) for first, last in maker.runs] == [(1, 1), (2, 2), (3, 4)]


# ---------------------------------------------------------------------- pure


def month_of(self_views: int, led: int, out: set[str], direct: int = 7) -> Month:
    counts = Counter(
        {
            "entered/self_view": self_views,
            "entered/recording": led + direct,
            counted.SHIFT: 100 * 3600 * 1_000_000,
            counted.SHIFTS: 12,
            f"{counted.LASTED}self_view>recording/3": led,
        }
    )
    cameras = {(kid, kid) for kid in out}
    back = {(one, date(2026, 1, 1)) for one in cameras} | {
        (("x", "x"), date(2026, 1, d)) for d in (1, 2, 3, 4, 5)
    }
    return Month(counts, cameras, back)


def make(
    months: list[Month],
    tallies: tuple[LedgerTally, ...] = (),
    form: TypedForm = NO_FORM,
) -> FigureMaker:
    last = PERIOD.months[len(months) - 1][1]
    period = ReportPeriod(PERIOD.first, last)
    return FigureMaker(period, months, tallies, form=form, cameras=6)


CAMERAS = {f"kid-{number}" for number in range(6)}


def totals(maker: FigureMaker) -> dict[str, Figure]:
    return {figure.key: figure for figure in maker.make()}


def test_an_empty_period_says_so_and_divides_by_nothing() -> None:
    figures = totals(make([Month()]))
    assert figures["self_views"].total.value == 0
    assert figures["self_view_rate"].total.why is Why.NOTHING
    assert figures["self_views_without"].total.why is Why.NOTHING
    assert figures["share_ready"].total.why is Why.NOTHING


def test_a_split_by_which_a_month_could_be_computed_is_withheld() -> None:
    months = [
        month_of(23, 20, CAMERAS, 0),
        month_of(20, 20, CAMERAS, 6),
        month_of(24, 20, CAMERAS, 0),
    ]
    figures = totals(make([*months, month_of(90, 50, CAMERAS, 0)]))
    assert figures["self_views"].total.value is not None
    assert figures["recordings_direct"].total.why in (Why.WITHHELD, Why.SHOWN)
    tight = totals(make([month_of(40, 30, CAMERAS, 0), month_of(30, 30, CAMERAS, 9)]))
    assert tight["self_views_without"].total.why is Why.WITHHELD
    assert tight["seconds_to_recording_p50"].total.why is Why.WITHHELD


def test_failures_to_hand_over_are_told_by_why() -> None:
    month = month_of(30, 9, CAMERAS)
    month.counts[f"{counted.HANDOVERS}network"] = 2
    month.counts[f"{counted.HANDOVERS}office"] = 0
    figures = totals(make([month]))
    assert figures["handover_failures"].total.value == 2
    assert figures["handover_failures:network"].total.value == 2
    assert "handover_failures:office" not in figures
    few = totals(make([month_of(3, 1, CAMERAS)]))
    assert few["self_view_rate"].total.why is Why.WITHHELD


def tallied(**numbers: int) -> LedgerTally:
    """A day of the office's ledger."""
    events = tuple(Count(name, count) for name, count in sorted(numbers.items()))
    head = Head(1, 9, "a" * 64)
    day = TalliedDay(
        *("2026-01-05", head, 9, (*[0] * len(DELAYS), 9), 9, 0, (*[0] * len(LENGTHS), 30)),
        *((Count("stop", 28), Count("hot", 2)), 6, 8, 9_000_000, 0, 6, 0, 0, events),
    )
    return LedgerTally("kid", "d", 1, 1, "", head, (day,), 0, 2, 7_200_000_000, 9)


def test_kinds_of_entries_are_counted_with_their_parts() -> None:
    viewings = {"viewings:desk": 12, "viewings:supervisor": 9}
    tally = tallied(**viewings, holds_placed=6, hand_overs=3)
    months = sum_months(ReportPeriod(date(2026, 1, 1), date(2026, 1, 31)), (), (tally,))
    months[0] = months[0].with_other(month_of(30, 9, CAMERAS))
    figures = totals(make(months, (tally,)))
    assert figures["holds_placed"].total.value == 6
    assert (figures["viewings"].total.value, figures["viewings:desk"].total.value) == (21, 12)
    assert figures["hand_overs"].total.why is Why.FEW
    assert figures["overdue"].total.value == 2 and figures["oldest_overdue"].total.value == 2
    assert figures["recording_length_p50"].total.why is Why.BEYOND
    assert figures["recordings_by_reason:others"].total.value == 30
    assert figures["recordings_with_gap"].total.value == pytest.approx(0.2)
    assert figures["pre_event_seconds"].total.value == pytest.approx(0.3)


def given_figures(**numbers: int) -> dict[str, Figure]:
    tally = tallied(**numbers)
    period = ReportPeriod(date(2026, 1, 1), date(2026, 1, 31))
    months = sum_months(period, (), (tally,))
    months[0] = months[0].with_other(month_of(30, 9, CAMERAS))
    return totals(make(months, (tally,)))


def test_small_numbers_of_what_was_given_are_hidden_and_so_is_what_is_left() -> None:
    seconds = {"recorded": 30, "recorded_seconds": 36_000, "given_seconds": 7_200}
    ended = {"ended_unseen": 6}  # `tallied` has 6 deletions in time
    right = given_figures(given_first=12, **seconds, **ended)
    assert right["hours_given"].total.value == 2 and right["hours_given"].total.base == 10
    assert right["hours_recorded"].total.value == 10
    assert right["share_never_given"].total.value == 1
    few = given_figures(given_first=3, **seconds, **ended)
    assert few["hours_given"].total.why is Why.FEW
    rest = given_figures(given_first=28, **seconds, **ended)
    assert rest["hours_given"].total.why is Why.WITHHELD, "two were not given"
    none = given_figures(recorded=30, recorded_seconds=36_000)
    assert none["hours_given"].total.value == 0 and none["hours_given"].total.base == 10
    assert none["share_never_given"].total.why is Why.NOTHING, "nobody knows of any deletion"
    before = given_figures()
    assert before["hours_given"].total.why is Why.NOTHING
    assert before["hours_recorded"].total.why is Why.NOTHING
    split = given_figures(ended_unseen=4, ended_given=2)
    assert split["share_never_given"].total.why is Why.FEW
    unknown = given_figures(ended_unseen=5)
    assert unknown["share_never_given"].total.why is Why.WITHHELD, "one is left"


def test_what_an_earlier_version_counted_without_a_part_is_counted() -> None:
    figures = given_figures(**{"holds_placed": 6, "holds_placed:hold": 7})
    assert figures["holds_placed"].total.value == 13
    assert figures["holds_placed:none"].total.value == 6


def test_what_is_typed_in_is_hidden_alike() -> None:
    form = TypedForm(
        with_camera=CountedByHand(hours=1000, assaults=9, injuries=3, insults=0),
        without_camera=CountedByHand(assaults=12),
        occasions=Occasions({"parking": 30, "market": 2}),
    )
    figures = totals(make([Month()], form=form))
    assert figures["typed_hours:with_camera"].total.value == 1000
    assert figures["typed_assaults_rate:with_camera"].total.value == pytest.approx(0.9)
    assert figures["typed_injuries:with_camera"].total.why is Why.FEW
    assert figures["typed_injuries_rate:with_camera"].total.why is Why.FEW
    assert figures["typed_insults:with_camera"].total.value == 0
    assert "typed_assaults_rate:without_camera" not in figures
    assert figures["typed_occasions:others"].total.value == 32


@pytest.mark.breadth
def test_the_report_s_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Simulated years with a known rate, each made to a report as a real one is."""
    draw, years, rate = random.Random(5), breadth(100, 1000), 30.0
    covered = total = 0
    for _ in range(years):
        months = []
        for _ in range(4):
            views = _poisson(draw, rate)
            led = sum(draw.random() < 0.4 for _ in range(views))
            months.append(month_of(views, led, CAMERAS))
        cell = totals(make(months))["self_view_rate"]
        for one in (cell.total, *cell.runs):
            assert one.low is not None and one.high is not None
            total += 1
            covered += one.low <= rate <= one.high
    # At least 95 %; three standard errors of so many years.
    assert covered / total >= 0.95 - 3 * (0.95 * 0.05 / years) ** 0.5


def test_people_of_another_month_or_of_before_the_period_count_for_nothing() -> None:
    assert week_until(date(2026, 2, 2)) == date(2026, 2, 1)
    assert week_until(date(2026, 2, 20)) == date(2026, 2, 14)
    tally = tallied()  # nine people in the week until 5 January
    for first, wearers in ((date(2026, 1, 1), 9), (date(2026, 1, 2), 0)):
        period = ReportPeriod(first, date(2026, 1, 31))
        assert sum_months(period, (), (tally,))[0].wearers == wearers


def test_increments_outside_of_the_period_count_for_nothing() -> None:
    inside = Increment("kid", "cam", PERIOD.last, {"entered/self_view": 3}, True, 80, None)
    outside = Increment(
        "kid", "cam", PERIOD.last + timedelta(days=1), {"entered/self_view": 9}, True, 9, None
    )
    months = sum_months(PERIOD, (inside, outside), ())
    assert sum(one.self_views for one in months) == 3
    assert months[11].batteries == [80]
    assert len(BOUNDS) + 1 == len(months[11].led)
