"""Days and months of a report, in one time zone; pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

import msgspec

from camerad.base.clock import SECOND

DayOf = Callable[[int], date]
"""The day of a wall time, microseconds since 1970. Raises ValueError if it is no date."""
WEEK: Final = 7
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def days_in(zone: tzinfo | None) -> DayOf:
    """By a zone; None: this computer's."""

    def day_of(wall_us: int) -> date:
        try:
            return (_EPOCH + timedelta(seconds=wall_us // SECOND)).astimezone(zone).date()
        except OverflowError:
            raise ValueError(f"{wall_us} us after 1970 is no date") from None

    return day_of


def week_until(last: date) -> date:
    """The first day of the week that ends with a day; the first of its month, if that is later: who
    wore a camera in one month says nothing of the next."""
    return max(last - timedelta(days=WEEK - 1), last.replace(day=1))


class ReportPeriod(msgspec.Struct, frozen=True):
    """first, last: days that belong to it."""

    first: date
    last: date

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    @property
    def months(self) -> tuple[tuple[date, date], ...]:
        """The calendar months in it, each by its first and last day that belong to it."""
        found = []
        first = self.first
        while first <= self.last:
            following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
            found.append((first, min(self.last, following - timedelta(days=1))))
            first = following
        return tuple(found)

    def month_of(self, day: date) -> int:
        """Which of `months` a day of the period is in."""
        return (day.year - self.first.year) * 12 + day.month - self.first.month
