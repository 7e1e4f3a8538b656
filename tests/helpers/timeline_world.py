"""A machine whose clocks a ledger sees, for the tests of what may be concluded from them."""

from __future__ import annotations

from camerad.base.clock import DAY, SECOND, ClockSource, Moment
from camerad.ledger.timeline import Ages, Instant, Timeline

UNKNOWN, RTC, SYNC = ClockSource.UNKNOWN, ClockSource.RTC, ClockSource.SYNCHRONISED
HOUR = 3600 * SECOND


class World:
    """True time, a machine in it, and the timeline of what it saw. Days, for reading."""

    def __init__(self) -> None:
        self.true_us = 1000 * DAY
        self.boot = 0
        self.booted_us = self.true_us
        self.error_us = 0
        self.source = UNKNOWN
        self.timeline = Timeline()

    @property
    def boot_id(self) -> str:
        return f"boot {self.boot}"

    @property
    def boot_us(self) -> int:
        return self.true_us - self.booted_us

    def moment(self) -> Moment:
        return Moment(self.boot_us, self.true_us + self.error_us, self.source)

    def see(self) -> Instant:
        self.timeline = self.timeline.observe(self.boot_id, self.moment())
        return Instant(self.timeline.runs.newest.number, self.boot_us)

    def run(self, days: float) -> Instant:
        self.true_us += round(days * DAY)
        return self.see()

    def off(self, days: float) -> None:
        """Without power, then another boot."""
        self.true_us += round(days * DAY)
        self.boot += 1
        self.booted_us = self.true_us

    def clock(self, source: ClockSource, error_days: float = 0) -> None:
        self.source = source
        self.error_us = round(error_days * DAY)

    def age_days(self, instant: Instant, stated_us: int | None = None) -> float:
        ages = Ages(self.timeline, self.boot_id, self.moment())
        return ages.minimum_us(instant, stated_us) / DAY
