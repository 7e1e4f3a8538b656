"""The fault campaign: one sequence of presses and faults after the other, each judged by P1 to P10.

One simulator serves as long as it is well. Each sequence follows from the seed and its number
alone, so that one that failed is played again with ``--first N --count 1``.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.campaign import judging, sequences
from tests.campaign.promises import CHECKS
from tests.campaign.scenes import Seen, Stage, stage
from tests.campaign.table import say, spread

BUSY_PERCENT: Final = 60.0
"""Share of the last ten seconds in which something waited for a processor (PSI, "some avg10"): on a
machine that is busier than that, times are the machine's and not the camera's."""
_TIMES: Final = ("was answered after", "s after everything was well")
"""Findings about how long something took."""


@dataclass
class Judged:
    """What a sequence came to. findings: by promise. ready: seconds from the end of its faults."""

    sequence: sequences.Sequence
    ready: float | None
    recordings: int
    findings: list[tuple[str, str]] = field(default_factory=list)
    excused: list[tuple[str, str]] = field(default_factory=list)

    def line(self) -> str:
        ready = "-" if self.ready is None else f"{self.ready:.1f}"
        names = " + ".join(self.sequence.names)
        return f"{self.sequence.number:5} {self.sequence.scene:10} ready {ready} s  {names}"


def judged(seen: Seen) -> Judged:
    """All checks on what was seen."""
    ready = None if seen.ready_us is None else (seen.ready_us - seen.healed_us) / 1e6
    one = Judged(seen.sequence, ready, len(seen.films))
    for promise, check in CHECKS.items():
        for text in check(seen):
            late = seen.busy > BUSY_PERCENT and any(words in text for words in _TIMES)
            (one.excused if late else one.findings).append((promise, text))
    return one


def campaign(
    directory: Path, seed: int, first: int, count: int, minutes: float = 0
) -> list[Judged]:
    """At least `count` sequences from number `first` on, and for at least so many minutes."""
    done: list[Judged] = []
    ends = time.monotonic() + minutes * 60
    with ExitStack() as running:
        on: Stage | None = None
        starts = 0
        for number in _numbers(first, count, ends):
            if on is None:
                starts += 1
                place = directory / f"camera-{starts}"
                place.mkdir()
                on = running.enter_context(stage(place))
            sequence = sequences.of(seed, number)
            began = time.monotonic()
            try:
                one = judged(on.play(sequence))
            except AssertionError as error:
                one = Judged(sequence, None, 0, [("scene", str(error))])
            done.append(one)
            say(f"{one.line()}  ({time.monotonic() - began:.1f} s)")
            for text in one.excused:
                say(f"      busy machine: {' '.join(text)}")
            if one.findings:
                for text in one.findings:
                    say(f"      FINDING {' '.join(text)}")
                for line in sequence.told():
                    say(f"      {line}")
            if one.ready is None:
                # What is broken is left, with all its files, to be looked at.
                _close(running, one)
                on = None
        if on is not None:
            done[-1].findings += [
                ("P7", text) for text in judging.verified(on.card, on.key, (0, 1))
            ]
    return done


def _numbers(first: int, count: int, ends: float) -> Iterator[int]:
    number = first
    while number < first + count or time.monotonic() < ends:
        yield number
        number += 1


def _close(running: ExitStack, one: Judged) -> None:
    try:
        running.close()
    except AssertionError as error:
        one.findings.append(("ready", str(error)[-500:]))


def report(done: list[Judged]) -> int:
    """Print it; returns the number of findings."""
    found = sum(len(one.findings) for one in done)
    say("")
    say(f"faults: {len(done)} sequences, {sum(one.recordings for one in done)} recordings, ")
    say(f"{found} findings, {sum(len(one.excused) for one in done)} on a busy machine")
    say(f"seconds until ready, median / 95 % / worst: {spread(one.ready for one in done)}")
    say(f"{'fault':20} {'times':>5} {'alone':>5} {'worst ready s':>13} {'findings':>8}")
    counts = Counter(name for one in done for name in one.sequence.names)
    for name, times in sorted(counts.items()):
        some = [one for one in done if name in one.sequence.names]
        alone = sum(len(one.sequence.names) == 1 for one in some)
        worst = max((one.ready for one in some if one.ready is not None), default=float("nan"))
        bad = sum(bool(one.findings) for one in some)
        say(f"{name:20} {times:5} {alone:5} {worst:13.1f} {bad:8}")
    for one in done:
        for promise, text in one.findings:
            say(f"  sequence {one.sequence.number}: {promise}: {text}")
    return found
