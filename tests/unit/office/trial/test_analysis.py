"""The analysis: intervals cover, power is what happens, a lead who chooses is seen, and nobody is
named."""

from __future__ import annotations

import random
from math import comb

import pytest
from msgspec.structs import asdict

from camerad.office.report.figures import Why
from camerad.office.report.suppression import is_small
from camerad.office.trial.analysis import (
    TAIL,
    ArmCount,
    difference_interval,
    least_total,
    most_total,
    needed_shifts,
    power,
)
from camerad.office.trial.draw import draw_shifts
from camerad.office.trial.records import (
    Deviation,
    DeviationReason,
    Proceeding,
    ProceedingOutcome,
    ShiftForm,
    Survey,
)
from camerad.office.trial.trial_figures import RowGroup
from camerad.office.trial.trial_plan import DrawnShift, TrialOutcome
from camerad.office.trial.trials import TrialRecords
from tests.breadth import breadth
from tests.unit.office.trial.pilots import World, figures, plan

PILOTS = breadth(50, campaign=1000)
EFFECTS = ((0.05, 0.05), (0.05, 0.02), (0.1, 0.2), (0.3, 0.3), (0.5, 0.9))


def tail(count: int, total: int) -> float:
    return sum(comb(total, one) for one in range(count, total + 1)) / 2**total


@pytest.mark.parametrize("count", [0, 1, 2, 7, 40])
def test_totals_are_those_that_do_not_make_the_count_too_rare(count: int) -> None:
    low, high = least_total(count), most_total(count)
    assert tail(count, low) > TAIL
    assert not count or low == count or tail(count, low - 1) <= TAIL
    assert 1 - tail(count + 1, high) > TAIL >= 1 - tail(count + 1, high + 1)


@pytest.mark.breadth
@pytest.mark.parametrize(("lacking", "having"), EFFECTS)
def test_intervals_cover_at_least_as_often_as_they_say(lacking: float, having: float) -> None:
    """Of pilots with a known effect, some forms of which are lost by what happened."""
    chance = random.Random(f"{lacking} {having}")
    fixed = plan(outcome=TrialOutcome.INSULTS)
    missed = 0
    for _ in range(PILOTS):
        world = World(chance, fixed, lacking, having)
        lost = {one for one in world.having if chance.random() < 0.1}
        counts = {}
        drawn = draw_shifts(fixed, chance.randbytes(32))
        for arm, happens in ((True, world.having), (False, world.lacking)):
            there = [one for one, has in drawn.items() if has is arm]
            known = [one for one in there if not arm or one not in lost]
            happened = sum(one in happens for one in known)
            rest = len(known) - happened
            counts[arm] = ArmCount(happened, rest, len(there) - len(known))
        found = difference_interval(counts[True], counts[False], len(drawn))
        missed += not found.low <= world.effect <= found.high
    assert missed <= 0.05 * PILOTS


def test_the_figures_have_that_interval() -> None:
    world = World(random.Random(7), plan(), 0.2, 0.1)
    primary = world.run(bytes(32)).rows[0]
    assert primary.code == "attacks"
    assert primary.effect.low <= world.effect <= primary.effect.high
    assert primary.effect.high - primary.effect.low < 30


@pytest.mark.breadth
def test_power_is_how_often_an_effect_is_found() -> None:
    chance, shifts, found = random.Random(5), 600, 0
    for _ in range(PILOTS):
        arms = [sum(chance.random() < share for _ in range(300)) for share in (0.08, 0.2)]
        counts = [ArmCount(one, 300 - one, 0) for one in arms]
        interval = difference_interval(counts[0], counts[1], shifts)
        found += not interval.low <= 0 <= interval.high
    assert found / PILOTS == pytest.approx(power(shifts, 0.2, 0.08), abs=0.2)
    needed = needed_shifts(0.2, 0.08)
    assert needed is not None
    assert power(needed, 0.2, 0.08) >= 0.8


def test_an_office_with_few_attacks_is_told_that_it_takes_years() -> None:
    """Twenty cameras, 46 attacks in 16 months, two services a day: half of them would matter."""
    needed = needed_shifts(46 / (487 * 2), 23 / (487 * 2))
    assert needed is not None
    assert 3 < needed / (2 * 365) < 4


@pytest.mark.parametrize("trick", ["nothing", "refuses", "swaps", "loses forms", "cancels", "late"])
def test_a_shift_lead_who_chooses_is_seen(trick: str) -> None:
    """One who does the same in each shift without regard to the draw is not."""
    fixed, seed, chance = plan(), bytes(32), random.Random(3)
    reasons = {
        "refuses": DeviationReason.DECLINED,
        "swaps": DeviationReason.SWAPPED,
        "cancels": DeviationReason.NOT_HELD,
        "nothing": DeviationReason.FAILED,
    }
    forms, deviations, late = {}, {}, set()
    for shift, having in draw_shifts(fixed, seed).items():
        tempted = chance.random() < 0.25 and (having or trick == "nothing")
        if tempted and trick in reasons:
            deviations[str(shift)] = Deviation(reasons[trick])
        if tempted and trick == "late":
            late.add(str(shift))
        if not tempted or trick not in ("loses forms", "cancels"):
            forms[str(shift)] = ShiftForm()
    found = figures(fixed, seed, TrialRecords(forms, deviations), frozenset(late))
    chosen = {"loses forms": ("missing",), "cancels": ("not_held",), "nothing": ()}
    chosen["late"] = ("late",)
    assert found.chosen == chosen.get(trick, ("otherwise",))
    rows = {one.code: one for one in found.rows if one.group is RowGroup.SHIFTS}
    assert (rows["drawn"].having.value, rows["drawn"].lacking.value) == (181, 183)
    assert rows["otherwise"].having.value == sum(
        one.reason is not DeviationReason.NOT_HELD and draw_shifts(fixed, seed)[_shift(name)]
        for name, one in deviations.items()
    )


def _shift(name: str) -> DrawnShift:
    return next(one for one in plan().shifts() if str(one) == name)


def test_what_was_otherwise_is_counted_as_drawn() -> None:
    """Intention to treat: a swapped camera moves no shift to the other arm."""
    world = World(random.Random(2), plan(), 0.3, 0.2)
    seed = bytes(32)
    forms = world.forms(seed, lambda *_: False)
    swapped = dict.fromkeys(forms, Deviation(DeviationReason.SWAPPED))
    as_drawn, otherwise = (
        figures(world.plan, seed, TrialRecords(forms, deviations)).rows[0]
        for deviations in ({}, swapped)
    )
    assert as_drawn == otherwise


@pytest.mark.breadth
@pytest.mark.parametrize("number", range(breadth(30, campaign=300)))
def test_the_report_and_a_roster_name_nobody(number: int) -> None:
    """No number that it shows of what happened to people is 1 to 4, nor is what is left of a whole,
    nor a difference of two rows that are parts of each other."""
    chance = random.Random(number)
    fixed, seed = plan(weeks=chance.choice((2, 8, 26))), chance.randbytes(32)
    rate = chance.choice((0.01, 0.05, 0.3))
    draws = draw_shifts(fixed, seed)
    forms = {
        str(one): ShiftForm(
            occasions=9,
            announced=chance.choice((0, 0, 1, 9)),
            calmed_by_sight=chance.choice((0, 0, 1)),
            calmed_by_recording=chance.choice((0, 0, 0, 2)),
            **{
                name: chance.choice((1, 1, 2)) if chance.random() < rate else 0
                for name in ("insults", "assaults", "injuries", "force", "complaints")
            },
        )
        for one in draws
    }
    cases = {
        str(case): Proceeding(shift, chance.choice(list(ProceedingOutcome)))
        for case, shift in enumerate(chance.sample(sorted(forms), k=len(forms) // 6))
    }
    surveys = {"staff/after": Survey(*(chance.randrange(8) for _ in range(5)))}
    found = figures(fixed, seed, TrialRecords(forms, {}, cases, surveys))
    for arm in ("having", "lacking"):
        shown = {}
        for row in (one for one in found.rows if one.group is not RowGroup.SHIFTS):
            cell = getattr(row, arm)
            if cell.value is None:
                assert row.effect is None
                continue
            shown[row.group, row.code, row.part] = cell.count
            assert not is_small(cell.count)
            assert cell.base is None or not is_small(cell.base - cell.count)
        parts = [count for (_, code, part), count in shown.items() if code == "occasions" and part]
        whole = shown.get((RowGroup.EVENTS, "occasions", ""))
        assert whole is None or not is_small(whole - sum(parts))
        attacks, insults, assaults = (
            shown.get((RowGroup.OUTCOMES, one, "")) for one in ("attacks", "insults", "assaults")
        )
        for part in (insults, assaults):
            assert None in (attacks, part) or not is_small(attacks - part)
        assert None in (attacks, insults, assaults) or not is_small(insults + assaults - attacks)
        for (group, code, _), total in shown.items():
            with_it = shown.get((RowGroup.OUTCOMES, code, ""))
            if group is RowGroup.EVENTS and with_it is not None:
                assert not is_small(total - with_it)
    for cells in found.surveys.values():
        assert not any(one.count is not None and is_small(one.count) for one in cells.values())


def test_few_insults_and_few_assaults_are_not_told_by_how_many_attacks_there_were() -> None:
    """Of 8 attacks, 1 to 4 of each would be 4 of each."""
    fixed, seed = plan(), bytes(32)
    having = [str(one) for one, has in draw_shifts(fixed, seed).items() if has]
    forms = {one: ShiftForm(insults=at < 4, assaults=4 <= at < 8) for at, one in enumerate(having)}
    found = figures(fixed, seed, TrialRecords(forms))
    said = {(one.group, one.code): one.having for one in found.rows}
    assert said[RowGroup.OUTCOMES, "attacks"].count == 8
    for what in ("insults", "assaults"):
        for group in (RowGroup.OUTCOMES, RowGroup.EVENTS):
            assert said[group, what].why is Why.WITHHELD


def test_a_form_has_no_place_for_a_name() -> None:
    assert all(isinstance(value, int) for value in asdict(ShiftForm()).values())
    assert all(isinstance(value, int) for value in asdict(Survey()).values())
