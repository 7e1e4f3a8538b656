"""Figures by group and name, facts beside them, and goals; as JSON and as a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import ceil
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and its goal. value: None where it could not be measured.

    at_least: the goal is a minimum, not a maximum. missed_by: how far the figure is on the wrong
    side; None where it is not.
    """

    name: str
    value: float | None
    limit: float
    unit: str
    at_least: bool = False

    @property
    def missed_by(self) -> float | None:
        """How far the figure falls short."""
        if self.value is None:
            return None
        beyond = self.limit - self.value if self.at_least else self.value - self.limit
        return beyond if beyond > 0 else None

    @property
    def reached(self) -> bool:
        """Whether the figure was measured and is on the right side."""
        return self.value is not None and self.missed_by is None

    def line(self) -> str:
        """The goal as a row for people."""
        verdict = "reached" if self.reached else "not measured"
        if self.missed_by is not None:
            verdict = f"missed by {self.missed_by:.3g} {self.unit}"
        value = "-" if self.value is None else f"{self.value:.3f}"
        sign = ">=" if self.at_least else "<="
        return f"{self.name:<63}{value:>10}  {sign} {self.limit:<6g} {self.unit:<6}{verdict}"


def quantile(figures: Sequence[float], share: float) -> float:
    """The smallest figure that at least `share` of all do not exceed (nearest rank)."""
    ordered = sorted(figures)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


@dataclass(slots=True)
class Figures:
    """What was measured. found: by group and name; a group's name ends with its unit. facts: what
    is no series of figures. goals: what was to be reached."""

    facts: dict[str, Any] = field(default_factory=dict)
    found: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    goals: list[Goal] = field(default_factory=list)

    def add(self, group: str, name: str, *figures: float) -> None:
        """Add to a series."""
        self.found[group][name] += figures

    def take(self, other: Figures) -> None:
        """Add all that another measurement found."""
        for group, series in other.found.items():
            for name, figures in series.items():
                self.add(group, name, *figures)
        self.facts |= other.facts
        self.goals += other.goals

    def of(self, group: str, name: str) -> list[float]:
        """A series; empty if nothing of it was measured."""
        return self.found.get(group, {}).get(name, [])

    def quantile(self, group: str, name: str, share: float) -> float:
        """As `quantile`, of a series."""
        return quantile(self.of(group, name), share)

    def speed(self, group: str, one: str, other: str) -> float | None:
        """How fast `one` is for each unit of `other`'s speed, of two series of times: the median of
        the pairs that were measured one after the other."""
        pairs = list(zip(self.of(group, one), self.of(group, other), strict=False))
        return median(theirs / ours for ours, theirs in pairs) if pairs else None

    def goal(
        self, name: str, value: float | None, limit: float, unit: str, *, at_least: bool = False
    ) -> None:
        """Hold a figure against its goal."""
        rounded = None if value is None else round(value, 4)
        self.goals.append(Goal(name, rounded, limit, unit, at_least))

    def as_json(self) -> dict[str, Any]:
        """Everything, ready for JSON; of a series its quantiles, and a short one whole."""
        series = {
            group: {name: _told(figures) for name, figures in found.items()}
            for group, found in self.found.items()
        }
        goals = [
            {**asdict(goal), "reached": goal.reached, "missed_by": goal.missed_by}
            for goal in self.goals
        ]
        reached = all(goal.reached for goal in self.goals)
        return {**self.facts, **series, "goals": goals, "all_reached": reached}

    def table(self) -> str:
        """Everything, for people."""
        lines = []
        for group, found in self.found.items():
            lines += [f"{group:<58}{'p50':>11}{'p99':>11}{'most':>11}{'count':>7}", "-" * 98]
            for name, figures in found.items():
                told = [quantile(figures, share) for share in (0.5, 0.99, 1.0)]
                row = "".join(f"{figure:>11.3f}" for figure in told)
                lines.append(f"{name:<58}{row}{len(figures):>7}")
            lines.append("")
        lines += [f"{'goal':<63}{'is':>10}{'limit':>10}", "-" * 110]
        return "\n".join([*lines, *(goal.line() for goal in self.goals)])


_WHOLE = 20
"""A series of so many figures is told one by one."""


def _told(figures: list[float]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "median": round(median(figures), 4),
        "p99": round(quantile(figures, 0.99), 4),
        "least": round(min(figures), 4),
        "most": round(max(figures), 4),
        "count": len(figures),
    }
    return found if len(figures) > _WHOLE else {**found, "all": [round(one, 4) for one in figures]}
