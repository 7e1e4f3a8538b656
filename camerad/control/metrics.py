"""Counters of the camera's activity, without personal data, and their text for Prometheus.

What is counted: how often a stage was entered, how long a stage lasted before which other one,
recordings, shifts, failures by kind, and hours: of running, of being ready, on a shift. Nothing
says who, when, where or what; no label has a value that is not in a table of the code. The format
is Prometheus' text exposition format 0.0.4
(prometheus.io/docs/instrumenting/exposition_formats).

Counters go on over restarts: `Metrics.dump` and `Metrics.restore`. Pure; times are media time in
microseconds.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from math import inf
from typing import Any, Final

import msgspec

from camerad.base.clock import SECOND
from camerad.behaviour import stages
from camerad.behaviour.dock_progress import HandoverProgress, HandoverState, HandoverTrouble
from camerad.behaviour.events import RESTARTED
from camerad.behaviour.stages import ARMABLE, Condition, Stage

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS: Final = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
"""Upper bounds of the histogram's buckets, seconds: from a press that was meant as two to a shift's
quiet hour."""
FORMAT: Final = 1
FAILED: Final = "failed"
"""A recording that the recorder could not open, or not go on with; else the reason of its stop."""

_FAILURES: Final = frozenset(Condition) - {Condition.DOCKED}
"""Docked is no failure."""
_PAIRS: Final = frozenset((one, other) for one in Stage for other in Stage if one is not other)
_ENDS: Final = stages.ENDS_RECORDING | {Condition.CAMERA_DOWN, Condition.BATTERY_CRITICAL}
REASONS: Final = frozenset({"stop", "shutdown", RESTARTED, FAILED, *(one.value for one in _ENDS)})
"""Events that end a recording."""


class Histogram(msgspec.Struct):
    """counts: of each bucket and of what is beyond the last, not added up. total: in seconds."""

    counts: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        """Count one more."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


class Metrics:
    """Counts from `now_us` on. Used from one thread."""

    def __init__(self, now_us: int) -> None:
        self._entered: Counter[Stage] = Counter()
        self._lasted: dict[tuple[Stage, Stage], Histogram] = {}
        self._recordings: Counter[str] = Counter()
        self._failures: Counter[Condition] = Counter()
        self._handover: HandoverProgress | None = None
        self._handover_failures: Counter[HandoverTrouble] = Counter()
        self._running_us = self._ready_us = self._shift_us = 0
        self._shifts = 0
        self._ready = self._on_shift = False
        self._stage: Stage | None = None
        self._conditions: frozenset[Condition] = frozenset()
        self._at_us = now_us
        self._entered_us = now_us
        self._reason = ""

    # ------------------------------------------------------------------ counting

    def count_step(
        self, event: stages.Event, after: stages.State, effects: Iterable[stages.Effect]
    ) -> None:
        """The stage machine has made a step: `event` led to the state `after`, and to `effects`."""
        at_us = event.at_us
        self.advance_to(at_us)
        for effect in effects:
            if isinstance(effect, stages.StopRecording):
                self._reason = effect.reason
        if isinstance(event, stages.Failed) and event.closing:
            self._reason = FAILED
        self._failures.update((after.conditions - self._conditions) & _FAILURES)
        self._conditions = after.conditions
        if self._stage is not after.stage:
            self._moved(at_us, event, after)
        self._ready = after.stage in ARMABLE and after.can_record

    def shift(self, at_us: int, *, runs: bool, begun: int = 0) -> None:
        """Whether a shift is under way. begun: how many have begun since the last call; one that
        goes on over a restart does not begin again."""
        self.advance_to(at_us)
        self._shifts += begun
        self._on_shift = runs

    def handover(self, progress: HandoverProgress | None) -> None:
        """How handing over goes is another thing. None: there is nothing to tell."""
        before, self._handover = self._handover, progress
        trouble = None if progress is None else progress.trouble
        if trouble is not None and (before is None or before.trouble is not trouble):
            self._handover_failures[trouble] += 1

    def advance_to(self, at_us: int) -> None:
        """Time has passed."""
        passed_us = max(0, at_us - self._at_us)
        self._at_us += passed_us
        self._running_us += passed_us
        self._ready_us += passed_us if self._ready else 0
        self._shift_us += passed_us if self._on_shift else 0

    def _moved(self, at_us: int, event: stages.Event, after: stages.State) -> None:
        before = self._stage
        self._entered[after.stage] += 1
        if before is not None:
            seconds = max(0, at_us - self._entered_us) / SECOND
            self._lasted.setdefault((before, after.stage), Histogram()).observe(seconds)
        self._stage, self._entered_us = after.stage, at_us
        ended = before in stages.KEEPING and after.stage not in stages.KEEPING
        if ended or (before is Stage.STOPPING and after.stage is Stage.RECORDING):
            failed = isinstance(event, stages.Failed)
            self._recordings[FAILED if failed else self._reason] += 1
            self._reason = ""

    # ------------------------------------------------------------------ over restarts

    def dump(self) -> dict[str, Any]:
        """Everything counted, ready for JSON."""
        return {
            "format": FORMAT,
            "entered": {stage.value: count for stage, count in self._entered.items()},
            "lasted": {
                f"{one.value} {other.value}": [*kept.counts, kept.total]
                for (one, other), kept in self._lasted.items()
            },
            "recordings": dict(self._recordings),
            "failures": {one.value: count for one, count in self._failures.items()},
            "handover_failures": {one.value: n for one, n in self._handover_failures.items()},
            "shifts": self._shifts,
            "us": [self._running_us, self._ready_us, self._shift_us],
        }

    def restore(self, dumped: Any) -> None:
        """Add what `dump` gave in a former life. Raises ValueError if it is nothing of that kind,
        and then nothing is added. What has no place here any more is left out."""
        try:
            if dumped["format"] != FORMAT:
                raise ValueError(f"format {dumped['format']!r}")
            entered = {stage: _count(dumped["entered"].get(stage.value, 0)) for stage in Stage}
            failures = {one: _count(dumped["failures"].get(one.value, 0)) for one in _FAILURES}
            kept = dumped.get("handover_failures", {})
            handovers = {one: _count(kept.get(one.value, 0)) for one in HandoverTrouble}
            recordings = {why: _count(dumped["recordings"].get(why, 0)) for why in REASONS}
            lasted = {
                pair: _histogram(dumped["lasted"][name])
                for pair in _PAIRS
                if (name := f"{pair[0].value} {pair[1].value}") in dumped["lasted"]
            }
            shifts = _count(dumped.get("shifts", 0))
            running_us, ready_us, shift_us = map(_count, dumped["us"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"these are no counters: {error}") from error
        self._entered.update(entered)
        self._failures.update(failures)
        self._recordings.update(recordings)
        self._handover_failures.update(handovers)
        for pair, former in lasted.items():
            kept = self._lasted.setdefault(pair, Histogram())
            kept.counts = [sum(both) for both in zip(kept.counts, former.counts, strict=True)]
            kept.total += former.total
        self._running_us += running_us
        self._ready_us += ready_us
        self._shift_us += shift_us
        self._shifts += shifts

    # ------------------------------------------------------------------ for Prometheus

    def text(self, at_us: int, version: str) -> str:
        """All of it at `at_us`, in the text format. version: camerad's."""
        self.advance_to(at_us)
        return "".join(f"{line}\n" for line in self._lines(version))

    def _lines(self, version: str) -> Iterator[str]:
        yield from _family("camerad_build_info", "gauge", "Version of camerad; always 1.")
        yield _sample("camerad_build_info", {"version": version}, 1)
        yield from _family("camerad_ready", "gauge", "Whether a press would record now.")
        yield _sample("camerad_ready", {}, int(self._ready))
        yield from _counters(
            "camerad_stage_entries_total",
            "How often a stage was entered.",
            ((stage.value, self._entered[stage]) for stage in Stage),
            "stage",
        )
        yield from _counters(
            "camerad_recordings_total",
            "Recordings that have ended, by what ended them.",
            ((why, self._recordings[why]) for why in sorted(REASONS)),
            "reason",
        )
        yield from _counters(
            "camerad_failures_total",
            "How often a condition began to hold.",
            ((one.value, self._failures[one]) for one in Condition if one in _FAILURES),
            "condition",
        )
        yield from _family(
            "camerad_handover", "gauge", "In its dock: how handing over to the office goes."
        )
        state = None if self._handover is None else self._handover.state
        for one in HandoverState:
            yield _sample("camerad_handover", {"state": one.value}, int(one is state))
        yield from _counters(
            "camerad_handover_failures_total",
            "How often handing over began not to work, by why.",
            ((one.value, self._handover_failures[one]) for one in HandoverTrouble),
            "trouble",
        )
        yield from _family("camerad_shifts_total", "counter", "Shifts that have begun.")
        yield _sample("camerad_shifts_total", {}, self._shifts)
        for name, about, microseconds in (
            ("running", "For how long the daemon has run.", self._running_us),
            ("ready", "For how long a press would have started a recording.", self._ready_us),
            ("shift", "For how long a shift has run.", self._shift_us),
        ):
            yield from _family(f"camerad_{name}_seconds_total", "counter", about)
            yield _sample(f"camerad_{name}_seconds_total", {}, microseconds / SECOND)
        yield from self._histogram("camerad_stage_seconds")

    def _histogram(self, name: str) -> Iterator[str]:
        yield from _family(name, "histogram", "How long a stage lasted before the next one.")
        for (one, other), kept in sorted(self._lasted.items(), key=lambda item: _order(item[0])):
            labels = {"stage": one.value, "next": other.value}
            so_far = 0
            for bound, count in zip((*map(str, BOUNDS), "+Inf"), kept.counts, strict=True):
                so_far += count
                yield _sample(f"{name}_bucket", {**labels, "le": bound}, so_far)
            yield _sample(f"{name}_sum", labels, kept.total)
            yield _sample(f"{name}_count", labels, so_far)


def _order(pair: tuple[Stage, Stage]) -> tuple[int, int]:
    order = list(Stage)
    return order.index(pair[0]), order.index(pair[1])


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _histogram(values: Any) -> Histogram:
    *counts, total = values
    if len(counts) != len(BOUNDS) + 1:
        raise ValueError(f"{len(counts)} buckets")
    if isinstance(total, bool) or not isinstance(total, int | float) or not 0 <= total < inf:
        raise ValueError(f"{total!r} are no seconds")
    return Histogram([_count(one) for one in counts], float(total))


def _family(name: str, kind: str, about: str) -> tuple[str, str]:
    return f"# HELP {name} {about}", f"# TYPE {name} {kind}"


def _counters(
    name: str, about: str, counts: Iterable[tuple[str, int]], label: str
) -> Iterator[str]:
    yield from _family(name, "counter", about)
    for value, count in counts:
        yield _sample(name, {label: value}, count)


def _sample(name: str, labels: dict[str, str], value: float) -> str:
    """One line. Labels come from our own tables and the version: none needs escaping."""
    said = ",".join(f'{label}="{word}"' for label, word in labels.items())
    return f"{name}{{{said}}} {value}" if said else f"{name} {value}"
