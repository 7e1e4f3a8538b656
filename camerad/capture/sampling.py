"""Dates a microphone's samples: counted samples compared with the clock.

A microphone has a crystal of its own. Its samples follow each other evenly, but up to a few hundred
parts per million faster or slower than they should, and none carries a time. What is known is when
a block of them arrived: never before its last sample was taken, often a little later, sometimes
much later, because the driver, the kernel and the interpreter let it wait. So the earliest arrivals
count. Over the last minute the earliest of each second is kept, and the time of a sample is the
line that lies under all of these and closest to them: the edge of their lower convex hull above the
mean sample (S. Moon, P. Skelly, D. Towsley, "Estimation and Removal of Clock Skew from Network
Delay Measurements", INFOCOM 1999).

A block that is more than STEP_US later than that line is one of two things: either something held
it up, and the blocks behind it soon arrive in time again; or samples before it are lost, and all
that follow are as late. So it waits until one of them is certain. After a loss, its time is another
one, and it is marked as fresh.

What arrives first after a silence may be from before it: it lay in a buffer while the device or its
driver stood still, and what was lost comes behind it. Such samples arrive faster than they can have
been taken, so they are known by being later than the line that holds from then on. They belong
somewhere between the two lines, at an unknown place, and get no time.

Pure: no clock, no device, no samples; only how many arrived, and when.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Final

import msgspec

WARM_US: Final = 250_000
"""The first blocks wait this long, so that the earliest of several arrivals counts."""
STEP_US: Final = 25_000
"""What a block may be later or earlier than expected before it is more than a small correction;
well within the 40 ms by which lips and voice may part."""
CERTAIN_US: Final = 750_000
"""Blocks that are all late for as long as this, and none of them by much less than those before it,
were not held up: samples are missing."""
IN_TIME_US: Final = 5_000
"""How much later than the line a block may be that is the first of those after a loss: the jitter
of a driver that is not held up. So much of what was held up may lie in the block behind it."""
WINDOW_SECONDS: Final = 1
WINDOWS: Final = 64
"""Earliest arrivals kept: of each of the last 64 seconds."""
SKEW_WINDOWS: Final = 10
"""With fewer windows than this, the skew stays what it was last, 0 at first. In ten seconds that is
wrong by 5 ms at most."""
MAX_SKEW: Final = 500e-6
"""No crystal that works is further off: USB sound cards stay within 300 parts per million."""
PULL: Final = 1000e-6
"""How fast the times given out follow, as a fraction of time: more than MAX_SKEW, to keep up.
A semitone is 59,463 parts per million."""


class Placed(msgspec.Struct, frozen=True):
    """A block's place in time.

    at_us: media time of its first sample. fresh: whether it does not follow the block before, since
    it is the first, or samples between the two are lost, or that one's time was wrong.
    """

    at_us: float
    fresh: bool


class SampleClock:
    """The times of one microphone's samples, from `restart` to `restart`.

    rate: samples per second as the microphone claims.
    """

    def __init__(self, rate: int) -> None:
        self._sample_us = 1_000_000 / rate
        self._window = rate * WINDOW_SECONDS
        self._skew_us = 0.0
        self.restart()

    def restart(self) -> None:
        """Begin anew, with the device opened again; how fast the microphone runs is still known."""
        self._samples = 0
        self._first_us: int | None = None
        self._late_since_us: int | None = None
        self._least_late_us = 0.0
        """The least lateness of the blocks since then."""
        self._fresh = True
        self._sure_from = 0
        """Number of the sample from which on the present line is known to hold."""
        self._waiting: list[tuple[int, float]] = []
        """Sample number of its first sample, and lateness of its end, of each block without a
        place."""
        self._earliest: deque[tuple[int, float]] = deque(maxlen=WINDOWS)
        """Sample number and lateness of the earliest arrival of each window."""
        self._line_us = 0.0
        self._given: Placed | None = None
        self._given_start = 0

    @property
    def skew(self) -> float:
        """How much slower than it claims the microphone runs, as a fraction; 0.0001 is 100 ppm."""
        return self._skew_us / self._sample_us

    def arrived(self, samples: int, at_us: int) -> list[Placed | None]:
        """A block of `samples` arrived at media time `at_us`.

        Returns the places of those blocks, oldest first, that are certain now: none, this one, or
        also the ones before it that had to wait. None stands for a block that can have no place,
        since its samples may be from before a loss or from after it.
        """
        if self._first_us is None:
            self._first_us = at_us
        start, self._samples = self._samples, self._samples + samples
        # How late the block's end is, against a microphone that began to run at the first arrival.
        late_us = at_us - self._first_us - self._samples * self._sample_us
        self._waiting.append((start, late_us))
        if self._fresh:
            self._observe(self._samples, late_us)
            if at_us - self._first_us < WARM_US:
                return []
            return self._place()
        off_us = late_us - self._line(self._samples)
        if off_us > STEP_US:
            if self._late_since_us is None or off_us < self._least_late_us - STEP_US:
                self._late_since_us, self._least_late_us = at_us, off_us
            if at_us - self._late_since_us < CERTAIN_US:
                return []
            self._step()
            self._sure_from = self._sure_after_loss()
        elif off_us < -STEP_US:
            self._step()
        else:
            self._observe(self._samples, late_us)
        return self._place()

    def _step(self) -> None:
        """What is known of the time holds no longer; the blocks that wait say what holds now."""
        self._earliest.clear()
        self._fresh = True
        for end, late_us in self._ends():
            self._observe(end, late_us)

    def _ends(self) -> list[tuple[int, float]]:
        """Number of the sample behind each block that waits, and how late it is."""
        ends = [start for start, _ in self._waiting[1:]] + [self._samples]
        return [(end, late_us) for end, (_, late_us) in zip(ends, self._waiting, strict=True)]

    def _sure_after_loss(self) -> int:
        """The number of the first sample that was certainly taken after a loss."""
        in_time = (end for end, late in self._ends() if late - self._line(end) <= IN_TIME_US)
        return next(in_time) + round(IN_TIME_US / self._sample_us)

    def _place(self) -> list[Placed | None]:
        placed = [
            None if start < self._sure_from else self._follow(start, self._line(start))
            for start, _ in self._waiting
        ]
        self._late_since_us = None
        self._waiting.clear()
        return placed

    def _follow(self, start: int, line_us: float) -> Placed:
        """The place of the block that begins with sample `start`, whose lateness is `line_us`."""
        at_us = (self._first_us or 0) + start * self._sample_us + line_us
        given = self._given
        fresh = self._fresh or given is None
        self._fresh = False
        if given is not None and not fresh:
            length_us = (start - self._given_start) * self._sample_us
            next_us = given.at_us + length_us
            fresh = abs(at_us - next_us) > STEP_US
            if not fresh:
                pull_us = PULL * length_us
                at_us = next_us + max(-pull_us, min(pull_us, at_us - next_us))
        self._given, self._given_start = Placed(at_us, fresh), start
        return self._given

    def _line(self, sample: int) -> float:
        """How late the end of a block before `sample` is at least."""
        return self._line_us + self._skew_us * sample

    def _observe(self, end: int, late_us: float) -> None:
        """Take a block's lateness into account, if it is the earliest of its second."""
        earliest = self._earliest
        if not earliest or earliest[-1][0] // self._window != end // self._window:
            earliest.append((end, late_us))
        elif late_us - self._skew_us * end < earliest[-1][1] - self._skew_us * earliest[-1][0]:
            earliest[-1] = (end, late_us)
        else:
            return
        if len(earliest) >= SKEW_WINDOWS:
            limit_us = MAX_SKEW * self._sample_us
            self._skew_us = max(-limit_us, min(limit_us, _slope(list(earliest))))
        self._line_us = min(late - self._skew_us * sample for sample, late in earliest)


def _slope(points: list[tuple[int, float]]) -> float:
    """The slope of that edge of the lower convex hull which lies above the mean abscissa.

    points: in the order of their abscissas, which differ (A. M. Andrew's monotone chain).
    """
    hull: list[tuple[int, float]] = []
    for x, y in points:
        while len(hull) > 1:
            (x1, y1), (x2, y2) = hull[-2:]
            if (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) > 0:
                break
            hull.pop()
        hull.append((x, y))
    mean = sum(x for x, _ in points) / len(points)
    for (x1, y1), (x2, y2) in pairwise(hull):
        if x2 >= mean:
            return (y2 - y1) / (x2 - x1)
    return 0.0
