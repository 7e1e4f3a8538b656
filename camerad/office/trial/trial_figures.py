"""Figures of a pilot that has ended, by arm and with their intervals; pure.

What happened to people is shown as `camerad.office.report.suppression` allows: numbers from 1 to 4
are not, nor is anything by which they could be computed. The draw is known once the seed is, and a
roster says who worked when; so a number of shifts would name people as a number of days does. What
the office itself owes is always shown: missing forms, and shifts that were not as drawn.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import asdict, replace

from camerad.office.report.estimates import Interval
from camerad.office.report.figure_maker import (
    count_cell,
    divided_cells,
    free_cell,
    hidden,
    share_cell,
)
from camerad.office.report.figures import Cell, Unit, Why
from camerad.office.report.suppression import is_small
from camerad.office.trial.analysis import ArmCount, difference_interval
from camerad.office.trial.records import DeviationReason
from camerad.office.trial.trial_plan import DrawnShift, TrialOutcome, TrialPlan
from camerad.office.trial.trials import TrialRecords

CALMED: Final = ("calmed_by_sight", "calmed_by_self_view", "calmed_by_recording")
NOT_CALMED: Final = "not_calmed"
FALSE: Final = "false_activations"
_PARTS_OF_ATTACKS: Final = (TrialOutcome.INSULTS, TrialOutcome.ASSAULTS)
_TOTALS: Final = ("insults", "assaults", "injuries", "force", "complaints", FALSE)


class RowGroup(StrEnum):
    """Parts of a report of a pilot, in their order."""

    OUTCOMES = "outcomes"
    """Shifts in which something happened at least once. The first row is the primary outcome."""
    SHIFTS = "shifts"
    """What came of the draw."""
    EVENTS = "events"
    """How often things happened."""
    PROCEEDINGS = "proceedings"


class TrialRow(msgspec.Struct, frozen=True):
    """A figure of both arms. part: of what is divided. effect: in how many more of 100 shifts with
    what is compared; None where it is not given."""

    group: RowGroup
    code: str
    unit: Unit
    having: Cell
    lacking: Cell
    effect: Interval | None = None
    part: str = ""


class TrialFigures(msgspec.Struct, frozen=True):
    """shifts: that were drawn and are over. deviations: shifts that were not as drawn, by reason.
    surveys: answers, by survey."""

    shifts: int
    rows: tuple[TrialRow, ...]
    deviations: dict[str, Cell]
    surveys: dict[str, dict[str, Cell]]

    @property
    def chosen(self) -> tuple[str, ...]:
        """Codes of what a fair draw rarely leaves so unlike between the arms: a sign that a
        person chose."""
        return tuple(
            one.code
            for one in self.rows
            if one.group is RowGroup.SHIFTS
            and one.effect is not None
            and not one.effect.low <= 0 <= one.effect.high
        )


class _Arm:
    """The shifts that were drawn alike."""

    def __init__(self, shifts: list[str], records: TrialRecords, late: Set[str]) -> None:
        self.shifts = len(shifts)
        self.forms = [records.forms[one] for one in shifts if one in records.forms]
        reasons = [records.deviations[one].reason for one in shifts if one in records.deviations]
        self.not_held = sum(
            one not in records.forms
            and one in records.deviations
            and records.deviations[one].reason is DeviationReason.NOT_HELD
            for one in shifts
        )
        self.otherwise = sum(one is not DeviationReason.NOT_HELD for one in reasons)
        self.missing = self.shifts - len(self.forms) - self.not_held
        self.late = sum(one in late for one in shifts)
        there = set(shifts)
        self.proceedings = Counter(
            one.outcome.value for one in records.proceedings.values() if one.shift in there
        )
        self.totals: Counter[str] = Counter()
        for form in self.forms:
            self.totals.update(asdict(form))

    def shifts_with(self, what: str) -> int:
        """In how many shifts something happened at least once."""
        if what == TrialOutcome.ATTACKS:
            return sum(form.has(TrialOutcome.ATTACKS) for form in self.forms)
        return sum(getattr(form, what) > 0 for form in self.forms)

    def counted(self, outcome: TrialOutcome) -> ArmCount:
        """For the interval. In a shift that was not held nothing happened."""
        happened = self.shifts_with(outcome)
        did_not = len(self.forms) + self.not_held - happened
        return ArmCount(happened, did_not, self.missing)

    def cell(self, outcome: TrialOutcome, primary: TrialOutcome) -> Cell:
        """The share of shifts with an outcome, among those of which it is known."""
        happened = self.shifts_with(outcome)
        why = Why.SHOWN
        if primary is TrialOutcome.ATTACKS and outcome in _PARTS_OF_ATTACKS:
            # Not as few: of 8 attacks few insults and few assaults would be 4 each.
            why = Why.WITHHELD if is_small(happened) or self._tells(outcome) else why
        cell = share_cell(happened, len(self.forms) + self.not_held, why)
        return replace(cell, low=None, high=None)

    def _tells(self, outcome: TrialOutcome) -> bool:
        """Whether this number beside the primary one would tell a small one."""
        attacks, insults, assaults = map(
            self.shifts_with, (TrialOutcome.ATTACKS, TrialOutcome.INSULTS, TrialOutcome.ASSAULTS)
        )
        if outcome is TrialOutcome.INSULTS:
            return is_small(attacks - insults)
        if outcome is TrialOutcome.ASSAULTS:
            return is_small(attacks - assaults) or is_small(insults + assaults - attacks)
        return False

    def total(self, what: str, outcome: Cell | None) -> Cell:
        """How often something happened. outcome: the cell of shifts with it, if there is one."""
        shifts, total = self.shifts_with(what), self.totals[what]
        if (outcome is not None and outcome.why) or is_small(shifts) or is_small(total - shifts):
            few = is_small(total) and (outcome is None or outcome.why is Why.FEW)
            return hidden(Why.FEW if few else Why.WITHHELD)
        return count_cell(total)

    def calmed(self) -> dict[str, Cell]:
        """Situations by what calmed them."""
        parts = {name: self.totals[name] for name in CALMED}
        parts[NOT_CALMED] = self.totals["occasions"] - sum(parts.values())
        return divided_cells(parts)


_Arms = tuple[_Arm, _Arm]


def make_figures(
    plan: TrialPlan,
    drawn: Mapping[DrawnShift, bool],
    records: TrialRecords,
    late: Set[str] = frozenset(),
) -> TrialFigures:
    """The figures. drawn: the shifts that count. late: those of `find_late`."""
    having, lacking = (
        _Arm([str(one) for one, has in drawn.items() if has is arm], records, late)
        for arm in (True, False)
    )
    arms, shifts = (having, lacking), len(drawn)
    reasons = Counter(
        records.deviations[str(one)].reason.value for one in drawn if str(one) in records.deviations
    )
    return TrialFigures(
        shifts,
        (*_outcomes(plan, arms, shifts), *_shifts(arms, shifts), *_events(plan, arms)),
        divided_cells(reasons),
        {name: divided_cells(asdict(one)) for name, one in sorted(records.surveys.items())},
    )


def _outcomes(plan: TrialPlan, arms: _Arms, shifts: int) -> Iterator[TrialRow]:
    primary = plan.outcome
    others = [one for one in TrialOutcome if one not in (primary, TrialOutcome.ATTACKS)]
    for outcome in (primary, *others):
        having, lacking = (arm.cell(outcome, primary) for arm in arms)
        effect = None
        if not having.why and not lacking.why:
            effect = difference_interval(arms[0].counted(outcome), arms[1].counted(outcome), shifts)
        yield TrialRow(RowGroup.OUTCOMES, outcome, Unit.SHARE, having, lacking, effect)


def _shifts(arms: _Arms, shifts: int) -> Iterator[TrialRow]:
    drawn = [free_cell(arm.shifts) for arm in arms]
    yield TrialRow(RowGroup.SHIFTS, "drawn", Unit.COUNT, drawn[0], drawn[1])
    for code in ("missing", "not_held", "otherwise", "late"):
        having, lacking = (getattr(arm, code) for arm in arms)
        effect = difference_interval(
            ArmCount(having, arms[0].shifts - having, 0),
            ArmCount(lacking, arms[1].shifts - lacking, 0),
            shifts,
        )
        cells = (free_cell(having), free_cell(lacking))
        yield TrialRow(RowGroup.SHIFTS, code, Unit.COUNT, *cells, effect)


def _events(plan: TrialPlan, arms: _Arms) -> Iterator[TrialRow]:
    for what in _TOTALS:
        cells = [
            arm.total(what, None if what == FALSE else arm.cell(TrialOutcome(what), plan.outcome))
            for arm in arms
        ]
        yield TrialRow(RowGroup.EVENTS, what, Unit.COUNT, cells[0], cells[1])
    told = [share_cell(arm.totals["announced"], arm.totals["occasions"]) for arm in arms]
    having, lacking = (replace(one, low=None, high=None) for one in told)
    yield TrialRow(RowGroup.EVENTS, "announced", Unit.SHARE, having, lacking)
    yield from _divided(RowGroup.EVENTS, "occasions", [arm.calmed() for arm in arms])
    proceedings = [divided_cells(arm.proceedings) for arm in arms]
    yield from _divided(RowGroup.PROCEEDINGS, "proceedings", proceedings)


def _divided(group: RowGroup, code: str, arms: list[dict[str, Cell]]) -> Iterator[TrialRow]:
    """A whole and its parts, of which an arm may have others than the other one."""
    for part in dict.fromkeys([*arms[0], *arms[1]]):
        having, lacking = (one.get(part, hidden(one[""].why or Why.WITHHELD)) for one in arms)
        yield TrialRow(group, code, Unit.COUNT, having, lacking, part=part)
