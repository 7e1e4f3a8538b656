"""Increments of counters between two readings; pure.

Counters only grow, so the difference of two readings is what happened between them. Where one is
smaller than before, counters were reset, and what was lost is never made up:

- *Begun anew*: the camera counts from 0 since, on a new card or because its file was damaged. What
  it has counted by now fits into the time between the two readings, and more is lost than a loss of
  power costs, so all of it counts.
- *Stepped back*: a loss of power cost what was counted since it was saved last, an hour at most.
  What is above the reading before counts, and no more. So it is also where it may be either.
- *Leapt*: more time was counted than has passed. No camera does that: nothing of it counts.

What a camera counted before its first reading does not count: when that was is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from enum import Enum
from itertools import pairwise
from typing import Final

import msgspec
from msgspec import UNSET

from camerad.base.clock import SECOND
from camerad.behaviour.stages import Condition, Stage
from camerad.office.report.camera_readings import Reading, was_out
from camerad.office.report.report_days import DayOf
from camerad.store.check_in import Counters

SLACK_US: Final = 3600 * SECOND
"""So much more time than passed may be counted: check-ins take time, and clocks are set."""
SHIFTS: Final = "shifts"
RUNNING: Final = "running_us"
READY: Final = "ready_us"
SHIFT: Final = "shift_us"
ENTERED: Final = "entered/"
RECORDINGS: Final = "recordings/"
FAILURES: Final = "failures/"
HANDOVERS: Final = "handovers/"
LASTED: Final = "lasted/"
"""Names of what is counted, or how they begin. `LASTED` goes on with ``STAGE>NEXT/BUCKET``."""


class Reset(Enum):
    """Why a counter was smaller, or more than can be."""

    BEGUN_ANEW = "begun_anew"
    STEPPED_BACK = "stepped_back"
    LEAPT = "leapt"


class Increment(msgspec.Struct, frozen=True):
    """What a camera counted up to a reading. device: what it calls itself. day: of that reading.
    counts: by name, none negative. out: whether it was used. battery: percent at the last check-in
    before it was taken, None if it was not, or has no gauge. reset: None if all only grew."""

    kid: str
    device: str
    day: date
    counts: Mapping[str, int]
    out: bool
    battery: int | None
    reset: Reset | None


def increments(readings: Iterable[Reading], day_of: DayOf) -> Iterator[Increment]:
    """Of one camera, in the order of its readings."""
    for before, after in pairwise(readings):
        old, new = before.said.counters, after.said.counters
        counts, reset = difference(
            flatten(old), flatten(new), max(0, after.arrived_us - before.arrived_us)
        )
        out = was_out(old, new) if reset is not Reset.BEGUN_ANEW else _was_used(counts)
        docked = Condition.DOCKED.value in before.said.conditions
        battery = before.said.battery if out and docked else None
        day = day_of(after.wall_us)
        yield Increment(after.kid, after.said.device, day, counts, out, battery, reset)


def _was_used(counts: Mapping[str, int]) -> bool:
    """Whether a camera that began to count anew was used since."""
    stages = (ENTERED + one.value for one in (Stage.SELF_VIEW, Stage.RECORDING))
    return any(counts.get(name) for name in (SHIFT, SHIFTS, *stages))


def flatten(counters: Counters) -> dict[str, int]:
    """A reading by names. What the camera's version does not count is not in it."""
    found = {ENTERED + one.name: one.count for one in counters.entered}
    found |= {RECORDINGS + one.name: one.count for one in counters.recordings}
    found |= {FAILURES + one.name: one.count for one in counters.failures}
    for times in counters.stages:
        for bucket, count in enumerate(times.counts):
            found[f"{LASTED}{times.stage}>{times.next}/{bucket}"] = count
    found |= {RUNNING: counters.running_us, READY: counters.ready_us, SHIFT: counters.shift_us}
    if counters.shifts is not UNSET:
        found[SHIFTS] = counters.shifts
    if counters.handover_failures is not UNSET:
        found |= {HANDOVERS + one.name: one.count for one in counters.handover_failures}
    return found


def difference(
    old: Mapping[str, int], new: Mapping[str, int], passed_us: int
) -> tuple[dict[str, int], Reset | None]:
    """What was counted between two readings, and whether counters were reset. passed_us: how much
    time lies between them."""
    most_us = passed_us + SLACK_US
    if any(new.get(name, 0) < count for name, count in old.items()):
        if new[RUNNING] <= most_us and new[RUNNING] < old[RUNNING] - SLACK_US:
            return dict(new), Reset.BEGUN_ANEW
        grown = {name: max(0, count - old.get(name, 0)) for name, count in new.items()}
        return _known(grown, old), Reset.STEPPED_BACK
    if new[RUNNING] - old[RUNNING] > most_us:
        return {}, Reset.LEAPT
    return _known({name: count - old.get(name, 0) for name, count in new.items()}, old), None


def _known(grown: dict[str, int], old: Mapping[str, int]) -> dict[str, int]:
    """Without what the camera had not counted yet at the reading before: since when it
    does is not known."""
    if SHIFTS in old:
        return grown
    return {
        name: count
        for name, count in grown.items()
        if name != SHIFTS and not name.startswith(HANDOVERS)
    }
