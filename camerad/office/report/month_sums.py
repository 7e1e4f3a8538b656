"""Sums of a month, from the cameras' counters and the office's ledger.

Pure. Months can be put together; nothing is in a sum that is not in its months.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from datetime import date
from typing import Final

import msgspec

from camerad.base.clock import SECOND
from camerad.behaviour.stages import Stage
from camerad.control.metrics import BOUNDS
from camerad.office.report import increments as counted
from camerad.office.report.increments import Increment
from camerad.office.report.ledger_tally import LedgerTally, TalliedDay
from camerad.office.report.report_days import ReportPeriod, week_until

Named = tuple[str, str]
"""A camera, by the thumbprint of its key and by what it calls itself."""
HOUR_US: Final = 3600 * SECOND
_LED: Final = f"{counted.LASTED}{Stage.SELF_VIEW.value}>{Stage.RECORDING.value}/"


def count_cameras(found: Collection[tuple[Hashable, Hashable]]) -> int:
    """At least so many cameras are these, each a `Named`. One that was set back has another key and
    the same name, and one that was renamed another name and the same key: neither is two."""
    return min(len({key for key, _ in found}), len({name for _, name in found}))


class Month(msgspec.Struct):
    """What is known of a month. counts: of all cameras, by `increments`. out: which were used.
    back: on how many days they came back used, of all cameras. numbers: of the tallies. wearers: at
    least so many people wore cameras."""

    counts: Counter[str] = msgspec.field(default_factory=Counter)
    out: set[Named] = msgspec.field(default_factory=set)
    back: set[tuple[Named, date]] = msgspec.field(default_factory=set)
    batteries: list[int] = msgspec.field(default_factory=list)
    days: list[TalliedDay] = msgspec.field(default_factory=list)
    wearers: int = 0

    @property
    def cameras(self) -> int:
        """How many were used."""
        return count_cameras(self.out)

    @property
    def camera_days(self) -> int:
        """Days on which one came back used, of all cameras."""
        return count_cameras([((key, day), (name, day)) for (key, name), day in self.back])

    @property
    def self_views(self) -> int:
        """How often the self-view was shown."""
        return self.counts[counted.ENTERED + Stage.SELF_VIEW.value]

    @property
    def recordings(self) -> int:
        """How often recording began."""
        return self.counts[counted.ENTERED + Stage.RECORDING.value]

    @property
    def both(self) -> int:
        """Self-views that led to a recording."""
        return sum(self.led)

    @property
    def led(self) -> tuple[int, ...]:
        """The same by how long they took, in the buckets of `BOUNDS`."""
        return tuple(self.counts[f"{_LED}{bucket}"] for bucket in range(len(BOUNDS) + 1))

    @property
    def hours(self) -> float:
        """Of shifts."""
        return self.counts[counted.SHIFT] / HOUR_US

    @property
    def shifts(self) -> int:
        """Shifts that began."""
        return self.counts[counted.SHIFTS]

    @property
    def received(self) -> int:
        """Recordings that the office received."""
        return sum(day.received for day in self.days)

    @property
    def deleted(self) -> int:
        """Tombstones."""
        return sum(day.on_time + day.late for day in self.days)

    def with_other(self, other: Month) -> Month:
        """Both together."""
        return Month(
            self.counts + other.counts,
            self.out | other.out,
            self.back | other.back,
            self.batteries + other.batteries,
            self.days + other.days,
            max(self.wearers, other.wearers),
        )


def sum_months(
    period: ReportPeriod, found: Sequence[Increment], tallies: Sequence[LedgerTally]
) -> list[Month]:
    """The months of a period, each with what happened in it."""
    months = [Month() for _ in period.months]
    for one in found:
        if one.day in period:
            month = months[period.month_of(one.day)]
            month.counts.update(one.counts)
            if one.out:
                month.out.add((one.kid, one.device))
                month.back.add(((one.kid, one.device), one.day))
            if one.battery is not None:
                month.batteries.append(one.battery)
    for tally in tallies:
        for day in tally.days:
            when = date.fromisoformat(day.day)
            if when in period:
                month = months[period.month_of(when)]
                month.days.append(day)
                if day is tally.days[-1] and week_until(when) in period:
                    month.wearers = max(month.wearers, tally.wearers)
    return months


def join(months: Sequence[Month]) -> Month:
    """All of them together."""
    found = Month()
    for month in months:
        found = found.with_other(month)
    return found
