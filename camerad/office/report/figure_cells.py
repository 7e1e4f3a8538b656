"""Single figures of one stretch of days, as they may be shown; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import msgspec

from camerad.office.report.figures import Cell, Why
from camerad.office.report.intervals import poisson_interval, share_interval
from camerad.office.report.quantiles import quantile
from camerad.office.report.suppression import is_small, join_rare, may_split

OTHERS: Final = "others"
"""What is divided, and too small to be shown by itself."""
LEAST_MEDIAN: Final = 10
LEAST_TAIL: Final = 20
"""Values that a median, and any other quantile, needs at least."""


class FigureCells(msgspec.Struct, frozen=True):
    """first, last: the days. A `why` that is given goes before everything else."""

    first: date
    last: date

    def shown(
        self,
        value: float,
        low: float | None = None,
        high: float | None = None,
        *,
        count: int | None = None,
        base: float | None = None,
    ) -> Cell:
        """A figure that may be shown."""
        return Cell(self.first, self.last, value, low, high, count, base)

    def hidden(self, why: Why) -> Cell:
        """One that is not."""
        return Cell(self.first, self.last, None, why=why)

    def count(self, count: int, why: Why = Why.SHOWN, base: float | None = None) -> Cell:
        """A number of what people did."""
        if why or is_small(count):
            return self.hidden(why or Why.FEW)
        return self.shown(count, count=count, base=base)

    def free(self, value: float) -> Cell:
        """What is always shown, since it says nothing of people."""
        return self.shown(value, count=value if isinstance(value, int) else None)

    def rate(self, count: int, hours: float) -> Cell:
        """For each 100 hours, with Garwood's interval."""
        if is_small(count):
            return self.hidden(Why.FEW)
        if hours <= 0:
            return self.hidden(Why.NOTHING)
        low, high = (100 * end / hours for end in poisson_interval(count))
        return self.shown(100 * count / hours, low, high, count=count, base=hours)

    def share(self, part: int, whole: int, why: Why = Why.SHOWN) -> Cell:
        """A part of a whole, with the interval of Clopper and Pearson."""
        if not why and not may_split(part, whole):
            why = Why.FEW if is_small(part) else Why.WITHHELD
        if not why and not whole:
            why = Why.NOTHING
        if why:
            return self.hidden(why)
        low, high = share_interval(part, whole)
        return self.shown(part / whole, low, high, count=part, base=whole)

    def hours(
        self,
        hours: float,
        number: int,
        why: Why = Why.SHOWN,
        *,
        base: float | None = None,
        zero: bool = False,
    ) -> Cell:
        """Hours of so many recordings, and of how many hours. The number is not shown. zero: none
        at all is a figure."""
        if why or is_small(number):
            return self.hidden(why or Why.FEW)
        if not number and not zero:
            return self.hidden(Why.NOTHING)
        return self.shown(hours, base=base)

    def mean(self, total: float, number: int, why: Why = Why.SHOWN) -> Cell:
        """What each of a number has on average."""
        if why or is_small(number):
            return self.hidden(why or Why.FEW)
        if not number:
            return self.hidden(Why.NOTHING)
        return self.shown(total / number, base=number)

    def divided(self, counts: Mapping[str, int], why: Why = Why.SHOWN) -> dict[str, Cell]:
        """How a whole is divided. The whole has the name ""."""
        joined = None if why else join_rare(counts)
        if joined is None:
            return {"": self.hidden(why or Why.FEW)}
        whole = sum(joined.shown.values()) + joined.others
        found = {"": self.count(whole)}
        found |= {name: self.count(number, base=whole) for name, number in joined.shown.items()}
        if joined.others:
            found[OTHERS] = self.count(joined.others, base=whole)
        return found

    def quantile(
        self, bounds: Sequence[float], counts: Sequence[int], percent: int, why: Why = Why.SHOWN
    ) -> Cell:
        """A quantile of what was counted in buckets; low and high are those of its bucket."""
        total = sum(counts)
        estimate = quantile(bounds, counts, percent / 100)
        least = LEAST_MEDIAN if percent == 50 else LEAST_TAIL
        if why or total < least or estimate is None:
            return self.hidden(why or Why.NOTHING)
        if estimate.value is None:
            return Cell(self.first, self.last, None, low=estimate.low, base=total, why=Why.BEYOND)
        return self.shown(estimate.value, estimate.low, estimate.high, base=total)
