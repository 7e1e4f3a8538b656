"""A recorder's progress, and its target end.

It is what those share who carry a recording out: the recorder's thread, and the writer that tries
again while the storage refuses. They know no more of the recorder, or both would know each other
and be freed late.
"""

from __future__ import annotations

from typing import Final

import msgspec

from camerad.base.clock import SECOND, Clock
from camerad.container.gaps import HOLE_US
from camerad.stream.ring import Ring, RingReader

QUIET_WAIT_S: Final = 0.1
"""How late the thread notices that no picture comes, and how often it looks for sound then."""
LONGEST_WAIT_S: Final = 1.0
"""A wait for packets is never longer; the stop ends it."""


class StopOrder(msgspec.Struct, frozen=True):
    """at_us: media time of the last picture wanted; limit_us: when to wait no longer."""

    at_us: int
    limit_us: int
    reason: str


class RecorderCourse:
    """`stop_at` and what is read here may be called from any thread; the rest is the recorder's."""

    def __init__(self, clock: Clock, ring: Ring) -> None:
        self._clock = clock
        self._ring = ring
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

    def is_quiet(self, now_us: int) -> bool:
        """Whether no picture came for so long that the next one follows a gap anyway."""
        last_us, lies_since_us = self._ring.last_pts_us, self._ring.lies_since_us
        looked_us = now_us if lies_since_us is None else lies_since_us
        return last_us is not None and looked_us - last_us > HOLE_US

    def wait_s(self, now_us: int) -> float:
        """How long to wait for packets before looking whether none comes, or the stop is over."""
        last_us, limit_us = self._ring.last_pts_us, self.limit_us()
        if last_us is None:
            return QUIET_WAIT_S
        until_quiet_s = max(0, last_us + HOLE_US - now_us) / SECOND + QUIET_WAIT_S
        until_limit_s = LONGEST_WAIT_S if limit_us is None else (limit_us - now_us) / SECOND
        return min(until_quiet_s, until_limit_s, LONGEST_WAIT_S)

    def overrun(self) -> bool:
        """Whether the ring loses what was not read."""
        return self.reader is not None and self.reader.overrun
