"""Puts life, restart and judge together."""

from __future__ import annotations

import itertools
import logging
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final

from camerad.base.clock import ClockSource
from tests.crash.campaign import Campaign, Effort, Known, Tally, Violation
from tests.crash.judge import LifeJudge
from tests.crash.life import Life, small_steps
from tests.crash.model import Rules
from tests.crash.restart import Restarter, remembered
from tests.crash.table import EFFORT, Row, leave_out, swap
from tests.crash.trace import Event

FAST: Final = "/dev/shm"  # noqa: S108 - made below it by tempfile, with a name nobody knows
"""A file system in memory."""
_SOURCES: Final = (ClockSource.SYNCHRONISED, ClockSource.UNKNOWN)
LIVES: Final = 3
"""Of so many lives, one after the other, at least one is on each kind of file system, and at least
one is restarted with each kind of clock."""


@contextmanager
def _directory() -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir=FAST, prefix="camerad-crash-") as place:
        yield place


@contextmanager
def lived(seed: int) -> Iterator[Life]:
    """A life that was lived, and its directory while this lasts."""
    with _directory() as root:
        yield Life(root, seed).live()


@contextmanager
def quiet() -> Iterator[None]:
    """Production code logs what it mends, tens of thousands of times here."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def try_states(
    states: int,
    seed: int,
    effort: Effort | None = None,
    seconds: float | None = None,
    lives: int = LIVES,
) -> Tally:
    """Restart on at least so many different states, of so many lives at least, one after another;
    fewer only if something is wrong, or the seconds are over.

    Every life does the same, so that each has every kind of state: at nearly all points in time all
    that may be left is tried. What more lives try are other torn pages, other restarts that are cut
    off themselves, and other random bytes.
    """
    until = None if seconds is None else time.monotonic() + seconds
    total = Tally()
    with quiet(), small_steps():
        for number in itertools.count(seed):
            _try_life(number, effort or Effort(), total, until)
            if (total.states >= states and total.lives >= lives) or total.violations:
                return total
            if until is not None and time.monotonic() > until:
                return total
    raise AssertionError("unreachable")


def _try_life(seed: int, effort: Effort, total: Tally, until: float | None) -> None:
    rules = Rules.JOURNAL if seed % LIVES == 0 else Rules.HARSH
    # What one life has signed no other one has: what is remembered of it need not be kept.
    with remembered(), lived(seed) as life, _directory() as root, _directory() as scratch:
        judge = LifeJudge(scratch)
        restart = Restarter(judge, _SOURCES[seed % 2])
        campaign = Campaign(root, restart, effort, seed)
        campaign.run(life.events, judge, rules, before=life.before, until=until)
        total.lives += 1
        total.add(campaign.tally)


def table(seed: int = 1, chosen: Collection[str] | None = None) -> Iterator[Row]:
    """What happens without each synchronisation, then with each two steps swapped, or with those
    that are chosen."""
    with quiet(), remembered(), small_steps(), lived(seed) as life, _directory() as scratch:
        judge = LifeJudge(scratch)
        # Without one synchronisation, or another, most states are the same.
        known = {source: Known() for source in _SOURCES}

        def attempt(events: list[Event], **how: Any) -> list[Violation]:
            for source in _SOURCES:
                fresh = judge.fresh()
                with _directory() as root:
                    restart = Restarter(fresh, source)
                    campaign = Campaign(root, restart, EFFORT, seed, known[source])
                    found = campaign.run(events, fresh, before=life.before, **how)
                if found:
                    return found
            return []

        yield from leave_out(life.events, attempt)
        yield from swap(life.events, attempt, chosen)
