"""A switch of sprung metal: when it closes or opens, it bounces.

Theory of operation
-------------------
A contact is closed while at least one cause keeps it so: a finger that presses for a while, one
that holds until it lets go, a fault that keeps the switch stuck. When the first cause comes or the
last one goes, the contact makes or breaks: one edge at that instant, and then, within a few
milliseconds, an even number of further edges that end where the first one led. Most switches
bounce for a few milliseconds (Jack Ganssle measured 18 types for "A Guide to Debouncing"); a worn
one longer, and more often.

Pure: time is an argument, in microseconds, and chance comes from the random generator that is
passed in, so a seed decides every edge.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from random import Random
from typing import Final


@dataclass(frozen=True, slots=True)
class Spring:
    """How a contact bounces: for how long (microseconds), in how many pairs of edges."""

    shortest_us: int
    longest_us: int
    fewest_pairs: int
    most_pairs: int


NEW: Final = Spring(1_000, 5_000, 1, 4)
WORN: Final = Spring(9_000, 18_000, 8, 20)
"""What the fault button_bounce makes of a switch: still within a debounce time of 20 ms."""
NO_BOUNCE: Final = Spring(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Swing:
    """One edge: from `at_us` on, the contact is `closed` or not."""

    at_us: int
    closed: bool


def swings(random: Random, spring: Spring, closed: bool, at_us: int) -> list[Swing]:
    """Every edge of a contact that closes or opens at `at_us`: an odd number, the last `closed`."""
    pairs = random.randint(spring.fewest_pairs, spring.most_pairs)
    length = random.randint(spring.shortest_us, spring.longest_us)
    # Distinct instants, the last at the very end, so that the length is what the spring says.
    inner = sorted(random.sample(range(1, length), 2 * pairs - 1)) if pairs else []
    offsets = [0, *inner, length] if pairs else [0]
    return [
        Swing(at_us + offset, closed if number % 2 == 0 else not closed)
        for number, offset in enumerate(offsets)
    ]


class Contact:
    """One switch. `closed` is what its two wires see now."""

    def __init__(self, random: Random) -> None:
        self.closed = False
        self._random = random
        self._causes: dict[str, int | None] = {}
        self._bounce: dict[str, bool] = {}
        self._wanted = False
        self._planned: deque[Swing] = deque()
        self._worn_until_us = 0

    def close(self, cause: str, at_us: int, until_us: int | None, *, bounce: bool = True) -> None:
        """Let `cause` keep the contact closed from now on until `until_us`, or until `open`."""
        self._causes[cause] = until_us
        self._bounce[cause] = bounce
        self._want(at_us, bounce=bounce)

    def open(self, cause: str, at_us: int) -> None:
        """End a cause; one that is not there is no mistake."""
        if cause in self._causes:
            del self._causes[cause]
            self._want(at_us, bounce=self._bounce.pop(cause))

    def end(self, cause: str, until_us: int) -> None:
        """Let a cause end at a time to come; one that is not there is no mistake."""
        if cause in self._causes:
            self._causes[cause] = until_us

    def wear(self, until_us: int) -> None:
        """Bounce long and often until `until_us`."""
        self._worn_until_us = until_us

    def rest(self) -> None:
        """Take up at once the state that all edges lead to, as if it had always been so."""
        self._planned.clear()
        self.closed = self._wanted

    def next_us(self) -> int | None:
        """When `step` has something to do next; None if nothing is planned."""
        times = [until_us for until_us in self._causes.values() if until_us is not None]
        if self._planned:
            times.append(self._planned[0].at_us)
        return min(times, default=None)

    def step(self, now_us: int) -> Swing | None:
        """Carry out the next edge that is due, if there is one, and return it."""
        ended = [
            (until_us, cause)
            for cause, until_us in self._causes.items()
            if until_us is not None and until_us <= now_us
        ]
        for until_us, cause in sorted(ended):
            if self._planned and self._planned[0].at_us <= until_us:
                break
            self.open(cause, until_us)
        if not self._planned or self._planned[0].at_us > now_us:
            return None
        swing = self._planned.popleft()
        self.closed = swing.closed
        return swing

    def closed_at(self, now_us: int) -> bool:
        """What its wires see at an instant, whether or not `step` has got that far."""
        closed = self.closed
        for swing in self._planned:
            if swing.at_us > now_us:
                return closed
            closed = swing.closed
        ends = self._causes.values()
        let_go = bool(ends) and all(
            until_us is not None and until_us <= now_us for until_us in ends
        )
        return closed and not let_go

    @property
    def settled(self) -> bool:
        """Whether no edge is to come but by a new cause or the end of one."""
        return not self._planned

    def has(self, cause: str) -> bool:
        """Whether a cause still keeps the contact closed."""
        return cause in self._causes

    def _want(self, at_us: int, *, bounce: bool) -> None:
        wanted = bool(self._causes)
        if wanted == self._wanted:
            return
        self._wanted = wanted
        # A finger that turns round in the middle of a bounce cuts it short.
        self._planned = deque(swing for swing in self._planned if swing.at_us < at_us)
        level = self._planned[-1].closed if self._planned else self.closed
        if level == wanted:
            return
        spring = NO_BOUNCE if not bounce else WORN if at_us < self._worn_until_us else NEW
        self._planned.extend(swings(self._random, spring, wanted, at_us))
