"""The runs of a timeline, in blocks: an entry changes one of these, however many runs there are.

A ledger has as many runs as its camera says. So no entry walks all of them: those before the newest
lie in blocks, which all timelines share that have them, and each block knows what is asked of it as
a whole. The work for an entry is that for one block, and a glance at each of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from camerad.base.clock import DAY, SECOND, ClockSource, Moment

_LENGTH: Final = 128
"""The most runs of one block."""
JUMP_US: Final = 5 * SECOND
"""Between two entries wall time has jumped if it moves by more than this against boot time."""
STEADY_US: Final = DAY
"""Synchronised time that has not jumped for so long replaces what was believed before."""

_RANK: Final = {ClockSource.UNKNOWN: 0, ClockSource.RTC: 1, ClockSource.SYNCHRONISED: 2}


class BootRun(msgspec.Struct, frozen=True):
    """Consecutive entries of one boot.

    number: counted over the whole ledger. first_us, last_us: boot time of its first and last entry.
    uptime_us: of all runs before. source: the best that its wall times came from. By that, wall
    time minus boot time lies between low_us and high_us (0 and 0: nothing is known), was recent_us
    lately, and has not jumped since the boot time steady_us. Where nothing is known the
    last two are 0.
    """

    number: int
    boot_id: str
    first_us: int
    last_us: int
    uptime_us: int
    source: ClockSource = ClockSource.UNKNOWN
    low_us: int = 0
    high_us: int = 0
    recent_us: int = 0
    steady_us: int = 0

    @property
    def trusted(self) -> bool:
        """Whether it is known where the run lies in wall time."""
        return self.source is not ClockSource.UNKNOWN

    @property
    def synchronised(self) -> bool:
        """Whether that is known from synchronised time."""
        return self.source is ClockSource.SYNCHRONISED

    @property
    def offsets_us(self) -> tuple[int, int] | None:
        """What its wall time minus boot time lies between; None if nothing is known."""
        found = (self.low_us, self.high_us)
        return None if found == (0, 0) else found

    @property
    def start_us(self) -> int:
        """Wall time of its first entry, at the latest, if that is known."""
        return self.high_us + self.first_us

    def uptime_at_us(self, boot_us: int) -> int:
        """Uptime of the ledger at a boot time of this run; outside of the run, at its border."""
        return self.uptime_us + min(max(boot_us, self.first_us), self.last_us) - self.first_us

    def with_moment(self, moment: Moment, floor_us: int | None = None) -> BootRun:
        """The run with what `moment` says about wall time.

        floor_us: true wall time is at least this; None if nothing is known.
        """
        if _RANK[moment.source] < _RANK[self.source]:
            return self
        wall_us = moment.wall_us
        if moment.source is ClockSource.RTC and floor_us is not None:
            wall_us = max(wall_us, floor_us)
        offset_us = wall_us - moment.boot_us
        if moment.source is ClockSource.UNKNOWN:
            low_us, high_us = self.offsets_us or (offset_us, offset_us)
            return replace(self, low_us=min(low_us, offset_us), high_us=max(high_us, offset_us))
        if _RANK[moment.source] > _RANK[self.source]:
            return replace(
                self,
                source=moment.source,
                low_us=offset_us,
                high_us=offset_us,
                recent_us=offset_us,
                steady_us=moment.boot_us,
            )
        jumped = abs(offset_us - self.recent_us) > JUMP_US
        steady_us = moment.boot_us if jumped else self.steady_us
        seen = replace(self, recent_us=offset_us, steady_us=steady_us)
        if self.synchronised and moment.boot_us - steady_us >= STEADY_US:
            return replace(seen, low_us=offset_us, high_us=offset_us)
        return replace(
            seen, low_us=min(self.low_us, offset_us), high_us=max(self.high_us, offset_us)
        )


class _Block:
    """runs: in their order. numbers, boots: of them. trusted_us: wall time at which the first began
    that has one; best_us: the least of those that are synchronised, None if none is."""

    __slots__ = ("best_us", "boots", "numbers", "runs", "trusted_us")

    def __init__(self, runs: tuple[BootRun, ...]) -> None:
        self.runs = runs
        self.numbers = frozenset([run.number for run in runs])
        self.boots = frozenset([run.boot_id for run in runs])
        self.trusted_us = next((run.start_us for run in runs if run.trusted), None)
        self.best_us = min((run.start_us for run in runs if run.synchronised), default=None)


class BootRuns:
    """Runs, oldest first; it never changes. blocks: go before them."""

    __slots__ = ("_blocks", "_tail")

    def __init__(self, runs: Iterable[BootRun] = (), blocks: Iterable[_Block] = ()) -> None:
        found = tuple(runs)
        full = (len(found) - 1) // _LENGTH * _LENGTH if found else 0
        made = [_Block(found[at : at + _LENGTH]) for at in range(0, full, _LENGTH)]
        self._blocks = (*blocks, *made)
        self._tail = found[full:]

    def __iter__(self) -> Iterator[BootRun]:
        for block in self._blocks:
            yield from block.runs
        yield from self._tail

    def __len__(self) -> int:
        return sum(len(block.runs) for block in self._blocks) + len(self._tail)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BootRuns) and (self is other or tuple(self) == tuple(other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    @property
    def last(self) -> BootRun | None:
        """The newest; None if there is none."""
        if self._tail:
            return self._tail[-1]
        return self._blocks[-1].runs[-1] if self._blocks else None

    @property
    def newest(self) -> BootRun:
        """The same where there is one. Raises ValueError if there is none."""
        if self.last is None:
            raise ValueError("there are no runs")
        return self.last

    def but_last(self) -> BootRuns:
        """Those before the newest."""
        if self._tail:
            return BootRuns(self._tail[:-1], self._blocks)
        return BootRuns(self._blocks[-1].runs[:-1], self._blocks[:-1]) if self._blocks else self

    def and_then(self, runs: Iterable[BootRun]) -> BootRuns:
        """With these behind them."""
        return BootRuns((*self._tail, *runs), self._blocks)

    def latest_of(self, boot_id: str) -> BootRun | None:
        """The latest run of a boot."""
        parts = (self._tail, *(one.runs for one in reversed(self._blocks) if boot_id in one.boots))
        return next(
            (run for part in parts for run in reversed(part) if run.boot_id == boot_id), None
        )

    def changed(self, number: int, change: Callable[[BootRun], BootRun]) -> BootRuns:
        """With that run changed."""

        def through(runs: tuple[BootRun, ...]) -> tuple[BootRun, ...]:
            return tuple(change(run) if run.number == number else run for run in runs)

        blocks = (
            _Block(through(one.runs)) if number in one.numbers else one for one in self._blocks
        )
        return BootRuns(through(self._tail), blocks)

    def changed_since_synchronised(self, change: Callable[[BootRun], BootRun]) -> BootRuns:
        """With those changed that are newer than the last synchronised one."""
        tail, reached = _changed_behind(self._tail, change)
        at = len(self._blocks)
        blocks = list(self._blocks)
        while not reached and at:
            at -= 1
            runs, reached = _changed_behind(blocks[at].runs, change)
            blocks[at] = _Block(runs)
        return BootRuns(tail, blocks)

    def bounds_of(self, number: int) -> tuple[BootRun, int | None, int | None] | None:
        """The run of that number; the wall time at which the next one behind it began that has one;
        and the least of those behind it that are synchronised. None if there is no such run."""
        parts = (*self._blocks, _Block(self._tail))
        for at, block in enumerate(parts, 1):
            if number in block.numbers:
                runs = block.runs
                place = next(at for at, run in enumerate(runs, 1) if run.number == number)
                behind = (_Block(runs[place:]), *parts[at:])
                trusted = (one.trusted_us for one in behind if one.trusted_us is not None)
                best = (one.best_us for one in behind if one.best_us is not None)
                return runs[place - 1], next(trusted, None), min(best, default=None)
        return None


def _changed_behind(
    runs: tuple[BootRun, ...], change: Callable[[BootRun], BootRun]
) -> tuple[tuple[BootRun, ...], bool]:
    """With those changed behind the last synchronised one; whether there is such a one."""
    last = max((at for at, run in enumerate(runs, 1) if run.synchronised), default=0)
    return runs[:last] + tuple(map(change, runs[last:])), last > 0
