"""Pilots for tests: a plan, and what happens in its shifts, with the effect known."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from typing import Any

from desk_helpers import open_office

from camerad.office.trial.draw import draw_shifts
from camerad.office.trial.records import ShiftForm
from camerad.office.trial.trial_figures import TrialFigures, make_figures
from camerad.office.trial.trial_plan import Compared, DrawnShift, TrialOutcome, TrialPlan
from camerad.office.trial.trials import TrialChange, TrialRecords
from tests.unit.office.desk.desk_scene import MINUTE, DeskScene


def plan(**changes: Any) -> TrialPlan:
    """Half a year with two services."""
    said: dict[str, Any] = {
        "name": "city-2027",
        "compares": Compared.SELF_VIEW,
        "first": "2027-01-04",
        "weeks": 26,
        "services": ("early", "late"),
        "outcome": TrialOutcome.ATTACKS,
        "usual_percent": 5.0,
        "relevant_percent": 2.5,
    }
    return TrialPlan(**said | changes)


class World:
    """In which shifts something happens with what is compared, and in which without. Officers who
    are always in trouble, bad weekends and a bad spring make shifts depend on each other."""

    def __init__(self, chance: random.Random, fixed: TrialPlan, lacking: float, having: float):
        self.plan = fixed
        self.shifts = list(fixed.shifts())
        weights = {one: self._weight(one, chance.random()) for one in self.shifts}
        self.lacking = {one for one in self.shifts if chance.random() < lacking * weights[one]}
        self.having = {one for one in self.shifts if chance.random() < having * weights[one]}

    @staticmethod
    def _weight(shift: DrawnShift, luck: float) -> float:
        crew = 1.8 if shift.day.toordinal() // 4 % 3 == 0 else 0.6
        return crew * (1.6 if shift.day.weekday() > 4 else 0.8) * (0.5 + luck)

    @property
    def effect(self) -> float:
        """In how many more of 100 shifts."""
        return 100 * (len(self.having) - len(self.lacking)) / len(self.shifts)

    def forms(self, seed: bytes, skip: Callable[[DrawnShift, bool], bool]) -> dict[str, ShiftForm]:
        """The forms of a pilot in this world. skip: which are not filled in."""
        drawn = draw_shifts(self.plan, seed)
        return {
            str(one): ShiftForm(
                occasions=3, insults=int(one in (self.having if having else self.lacking))
            )
            for one, having in drawn.items()
            if not skip(one, having)
        }

    def run(self, seed: bytes, skip: Callable[[DrawnShift, bool], bool] = lambda *_: False) -> Any:
        """The figures of a pilot in this world."""
        return figures(self.plan, seed, TrialRecords(forms=self.forms(seed, skip)))


def figures(
    fixed: TrialPlan, seed: bytes, records: TrialRecords, late: frozenset[str] = frozenset()
) -> TrialFigures:
    return make_figures(fixed, draw_shifts(fixed, seed), records, late)


def begin_pilot(scene: DeskScene, **changes: Any) -> TrialPlan:
    """Begin one of a week in an office, whose clock is then at its second day, the 26th."""
    fixed = plan(first="2026-11-25", weeks=1, **changes)
    with (
        open_office(scene.directory, scene.office.office_key, scene.clock) as store,
        scene.state.writing() as rows,
    ):
        TrialChange(rows, store.ledger.append, "", date(2026, 11, 24)).begin(fixed)
    scene.clock.advance(2 * 24 * 60 * MINUTE)
    return fixed
