"""How far a recorder is, and where it is to end.

It is what those share who carry a recording out: the recorder's thread, and the writer that tries
again while the storage refuses. They know no more of the recorder, or both would know each other
and be freed late.
"""

from __future__ import annotations

from dataclasses import dataclass

from camerad.base.clock import SECOND, Clock
from camerad.stream.ring import RingReader


@dataclass(frozen=True, slots=True)
class StopOrder:
    """at_us: media time of the last picture wanted; limit_us: when to wait no longer."""

    at_us: int
    limit_us: int
    reason: str


class RecorderCourse:
    """`stop_at` and what is read here may be called from any thread; the rest is the recorder's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.turned_us = clock.now_us()
        """When the thread last began a turn; a turn waits for nothing but the storage."""
        self.stop: StopOrder | None = None
        self.reader: RingReader | None = None

    def turn(self) -> None:
        """A turn begins."""
        self.turned_us = self._clock.now_us()

    def stop_at(self, at_us: int, patience: float, reason: str) -> None:
        """End at the media time `at_us`; `patience`: seconds to wait for the camera, counted from
        now or from `at_us`, whichever is later. Of several calls the earliest `at_us` holds."""
        limit_us = max(at_us, self._clock.now_us()) + round(patience * SECOND)
        if self.stop is None or at_us < self.stop.at_us:
            self.stop = StopOrder(at_us, limit_us, reason)
            if self.reader is not None:
                # Who waits for packets is to see it now.
                self.reader.interrupt()

    @property
    def wanted_us(self) -> int:
        """Media time up to which footage is wanted, as far as that has come: now, or the stop."""
        now_us, stop = self._clock.now_us(), self.stop
        return now_us if stop is None else min(now_us, stop.at_us)

    def limit_us(self) -> int | None:
        """When the stop waits no longer; None: it has not come."""
        stop = self.stop
        return None if stop is None else stop.limit_us

    def overrun(self) -> bool:
        """Whether the ring loses what was not read."""
        return self.reader is not None and self.reader.overrun
