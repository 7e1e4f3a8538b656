"""On a year with known truth every figure is right, and no person can be identified by them."""

from __future__ import annotations

import csv
import io
import itertools
import random
from collections import Counter
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from report_year import BOUNDS, SyntheticYear, Truth, _poisson

from camerad.ledger.entries import Head
from camerad.office.report import increments as counted
from camerad.office.report.estimates import DELAYS, LENGTHS
from camerad.office.report.figure_maker import FigureMaker
from camerad.office.report.figures import Cell, Figure, PeopleFrom, ReportFigures, Why
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
    return figures_of(year, PERIOD)


@pytest.fixture(scope="module")
def figures(report: ReportFigures) -> dict[str, Figure]:
    found = {figure.key: figure for figure in report.figures}
    assert len(found) == len(report.figures), "a figure is there twice"
    return found


@pytest.fixture(scope="module")
def truth(year: SyntheticYear) -> list[Truth]:
    """Of each month."""
    return [year.truth[(2026, month)] for month in range(1, 13)]


def figures_of(
    year: SyntheticYear, period: ReportPeriod, form: TypedForm = NO_FORM
) -> ReportFigures:
    return make_figures(read_sources(year.records, period), period, "UTC", form)


def test_every_number_of_the_year_is_right(
    report: ReportFigures, figures: dict[str, Figure], truth: list[Truth]
) -> None:
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
    for key in ("verification_failures", "uploads_resumed", "witness_refusals"):
        assert figures[key].total.why is Why.UNRECORDED, key
    assert report.coverage.resets == {"begun_anew": 1}
    assert report.coverage.missing == report.coverage.unknown == 0
    assert report.people is PeopleFrom.SHIFTS


def test_what_was_given_and_what_nobody_ever_got_is_right(
    figures: dict[str, Figure], truth: list[Truth]
) -> None:
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


def test_every_run_of_months_is_right(
    report: ReportFigures, figures: dict[str, Figure], truth: list[Truth]
) -> None:
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


def test_o8_a_rate_has_its_hours_and_its_interval(figures: dict[str, Figure]) -> None:
    rate = figures["self_view_rate"]
    for cell in (rate.total, *rate.runs):
        assert cell.value is not None and cell.low is not None and cell.high is not None
        assert cell.count is not None and cell.base
        assert cell.value == pytest.approx(100 * cell.count / cell.base)
        assert cell.low < cell.value < cell.high


def test_medians_lie_where_the_truth_is(figures: dict[str, Figure], truth: list[Truth]) -> None:
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


def computable(equations: list[list[int]], unknowns: int) -> set[int]:
    """Which unknowns follow from linear equations: those alone in a row of their reduced form."""
    rows = [[Fraction(one) for one in row] for row in equations]
    found: list[list[Fraction]] = []
    for column in range(unknowns):
        pivot = next((row for row in rows if row[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        pivot = [one / pivot[column] for one in pivot]
        rows, found = (
            [[a - row[column] * b for a, b in zip(row, pivot, strict=True)] for row in those]
            for those in (rows, found)
        )
        found.append(pivot)
    there = [[number for number, one in enumerate(row) if one] for row in found]
    return {one[0] for one in there if len(one) == 1}


CELLS = ("self_views", "recordings", "led", "received", "deleted", "shifts")
"""What the attacker wants to know of each month, and of each person on the roster."""


def attack(table: str) -> set[tuple[str, int]]:
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
    index = {one: number for number, one in enumerate(itertools.product(CELLS, range(12)))}
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
    report: ReportFigures, truth: list[Truth]
) -> None:
    cells = itertools.product(CELLS, range(12))
    small = {(cell, month) for cell, month in cells if 0 < getattr(truth[month], cell) < FEW}
    assert small, "there is something to hide"
    found = attack(write_table(report).decode())
    assert found, "there is something to read"
    assert not small & found


def test_the_attacker_succeeds_where_months_are_only_left_out(truth: list[Truth]) -> None:
    """The same attacker, on a table that hides two small numbers, prints sums, and tells one."""
    views = [one.self_views for one in truth]
    first, second = sorted(range(12), key=lambda month: views[month])[:2]
    lines = ["group,figure,part,unit,span,from,to,value,low,high,count,base,not_shown"]

    def tell(begin: date, end: date, number: int) -> None:
        lines.append(f"stages,self_views,,count,,{begin},{end},{number},,,,,")

    for month, (begin, end) in enumerate(PERIOD.months):
        if month not in (first, second):
            tell(begin, end, views[month])
    tell(PERIOD.first, PERIOD.last, sum(views))
    assert not {("self_views", first), ("self_views", second)} & attack("\n".join(lines))
    tell(*PERIOD.months[first], views[first])
    assert ("self_views", second) in attack("\n".join(lines))


def test_with_few_people_nothing_is_shown_of_what_they_did(tmp_path: Path) -> None:
    small = SyntheticYear(tmp_path, date(2026, 1, 1), 40, cameras=6, wearers=4, self_view_rate=2)
    small.tally()
    report = figures_of(small, ReportPeriod(date(2026, 1, 1), date(2026, 1, 31)))
    assert report.runs == ()
    cells = {figure.key: figure.total for figure in report.figures}
    acts = ("self_views", "recording_rate", "recordings_received", "shift_hours", "holds_placed")
    assert {cells[key].why for key in acts} == {Why.PEOPLE}
    assert cells["deleted_late"].value == 0  # what the office owes is shown
    assert cells["cameras_available"].value == 6


def test_the_number_of_people_that_is_typed_in_can_only_hide(
    year: SyntheticYear, report: ReportFigures
) -> None:
    sources = read_sources(year.records, PERIOD)
    for wearers, runs in ((4, ()), (400, report.runs)):
        assert make_figures(sources, PERIOD, "UTC", TypedForm(wearers=wearers)).runs == runs


def test_a_period_of_one_person_in_a_month_joins_others() -> None:
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


def totals(*months: Month, **more: Any) -> dict[str, Cell]:
    return {figure.key: figure.total for figure in make(list(months), **more).make()}


def test_an_empty_period_says_so_and_divides_by_nothing() -> None:
    cells = totals(Month())
    assert cells["self_views"].value == 0
    for key in ("self_view_rate", "self_views_without", "share_ready"):
        assert cells[key].why is Why.NOTHING, key


def test_a_split_by_which_a_month_could_be_computed_is_withheld() -> None:
    tight = totals(month_of(40, 30, CAMERAS, 0), month_of(30, 30, CAMERAS, 9))
    assert tight["self_views"].value == 70
    for key in ("self_views_without", "seconds_to_recording_p50"):
        assert tight[key].why is Why.WITHHELD, key
    assert totals(month_of(3, 1, CAMERAS))["self_view_rate"].why is Why.WITHHELD


def test_failures_to_hand_over_are_told_by_why() -> None:
    month = month_of(30, 9, CAMERAS)
    month.counts[f"{counted.HANDOVERS}network"] = 2
    month.counts[f"{counted.HANDOVERS}office"] = 0
    cells = totals(month)
    assert cells["handover_failures"].value == cells["handover_failures:network"].value == 2
    assert "handover_failures:office" not in cells


def tallied(**numbers: int) -> LedgerTally:
    """A day of the office's ledger."""
    events = tuple(Count(name, count) for name, count in sorted(numbers.items()))
    head = Head(1, 9, "a" * 64)
    day = TalliedDay(
        *("2026-01-05", head, 9, (*[0] * len(DELAYS), 9), 9, 0, (*[0] * len(LENGTHS), 30)),
        *((Count("stop", 28), Count("hot", 2)), 6, 8, 9_000_000, 0, 6, 0, 0, events),
    )
    return LedgerTally("kid", "d", 1, 1, "", head, (day,), 0, 2, 7_200_000_000, 9)


def given(**numbers: int) -> dict[str, Cell]:
    """What a report says of a month with such a day."""
    tally = tallied(**numbers)
    (month,) = sum_months(ReportPeriod(date(2026, 1, 1), date(2026, 1, 31)), (), (tally,))
    return totals(month.with_other(month_of(30, 9, CAMERAS)), tallies=(tally,))


def test_kinds_of_entries_are_counted_with_their_parts() -> None:
    viewings = {"viewings:desk": 12, "viewings:supervisor": 9}
    cells = given(**viewings, **{"holds_placed": 6, "holds_placed:hold": 7}, hand_overs=3)
    for key, value in {
        "viewings": 21,
        "viewings:desk": 12,
        "holds_placed": 13,
        "holds_placed:none": 6,  # an earlier version counted them without a part
        "overdue": 2,
        "oldest_overdue": 2,
        "recordings_by_reason:others": 30,
        "recordings_with_gap": pytest.approx(0.2),
        "pre_event_seconds": pytest.approx(0.3),
    }.items():
        assert cells[key].value == value, key
    assert cells["hand_overs"].why is Why.FEW
    assert cells["recording_length_p50"].why is Why.BEYOND


RECORDED = {"recorded": 30, "recorded_seconds": 36_000}
GIVEN = RECORDED | {"given_seconds": 7_200}


@pytest.mark.parametrize(
    ("numbers", "figure", "shown"),
    [
        (RECORDED, "hours_recorded", 10),
        (GIVEN | {"given_first": 12}, "hours_given", (2, 10)),
        (GIVEN | {"given_first": 3}, "hours_given", Why.FEW),
        (GIVEN | {"given_first": 28}, "hours_given", Why.WITHHELD),  # two were not given
        (RECORDED, "hours_given", (0, 10)),
        ({}, "hours_given", Why.NOTHING),
        ({}, "hours_recorded", Why.NOTHING),
        # `tallied` has 6 deletions in time.
        ({"ended_unseen": 6}, "share_never_given", 1),
        (RECORDED, "share_never_given", Why.NOTHING),  # of no deletion it is known
        ({"ended_unseen": 4, "ended_given": 2}, "share_never_given", Why.FEW),
        ({"ended_unseen": 5}, "share_never_given", Why.WITHHELD),  # one is left
    ],
)
def test_small_numbers_of_what_was_given_are_hidden_and_so_is_what_is_left(
    numbers: dict[str, int], figure: str, shown: object
) -> None:
    cell = given(**numbers)[figure]
    if isinstance(shown, Why):
        assert cell.why is shown
    else:
        assert ((cell.value, cell.base) if isinstance(shown, tuple) else cell.value) == shown


def test_what_is_typed_in_is_hidden_alike() -> None:
    form = TypedForm(
        with_camera=CountedByHand(hours=1000, assaults=9, injuries=3, insults=0),
        without_camera=CountedByHand(assaults=12),
        occasions=Occasions({"parking": 30, "market": 2}),
    )
    cells = totals(Month(), form=form)
    assert cells["typed_hours:with_camera"].value == 1000
    assert cells["typed_assaults_rate:with_camera"].value == pytest.approx(0.9)
    assert cells["typed_injuries:with_camera"].why is Why.FEW
    assert cells["typed_injuries_rate:with_camera"].why is Why.FEW
    assert cells["typed_insults:with_camera"].value == 0
    assert "typed_assaults_rate:without_camera" not in cells
    assert cells["typed_occasions:others"].value == 32


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
        cell = next(one for one in make(months).make() if one.key == "self_view_rate")
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
