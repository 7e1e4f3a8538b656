"""A figure beside its goal."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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

    def as_json(self) -> dict[str, Any]:
        """The goal as an object for JSON."""
        return {**asdict(self), "reached": self.reached, "missed_by": self.missed_by}
