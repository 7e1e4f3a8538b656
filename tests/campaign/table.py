"""What a campaign has found, as a table at its end."""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass
class Run:
    """One kill or one loss of power. Seconds are None where there was nothing to measure.

    lost: from the last picture that plays to the instant at which all ended. ready: from the start
    of the next daemon until it could record, or did. since_kill, since_start: from these to the
    first picture of the recording that goes on. missing: pictures in stated gaps. note: what
    explains a figure. excused: what took too long on a machine that was busy with other things.
    """

    number: int
    phase: str
    lost: float | None = None
    ready: float | None = None
    since_kill: float | None = None
    since_start: float | None = None
    missing: int = 0
    note: str = ""
    findings: list[str] = field(default_factory=list)
    excused: list[str] = field(default_factory=list)

    def line(self) -> str:
        parts = [f"{self.number:4} {self.phase:9}"]
        for name in ("lost", "ready", "since_kill", "since_start"):
            value = getattr(self, name)
            parts.append(f"{name} {'-' if value is None else f'{value:.2f}'}")
        if self.missing:
            parts.append(f"stated gaps {self.missing} pictures")
        if self.note:
            parts.append(self.note)
        parts += [f"\n     FINDING {one}" for one in self.findings]
        parts += [f"\n     busy machine: {one}" for one in self.excused]
        return "  ".join(parts)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def spread(values: Iterable[float | None]) -> str:
    """Median, 95th percentile and worst of those that are there, and how many there are."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return "-"
    high = known[min(len(known) - 1, int(len(known) * 0.95))]
    return f"{statistics.median(known):5.2f} / {high:5.2f} / {known[-1]:5.2f}  ({len(known)})"


def report(title: str, runs: Sequence[Run]) -> int:
    """Print it; returns the number of findings."""
    phases: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        phases[run.phase].append(run)
    findings = [(run.number, one) for run in runs for one in run.findings]
    say("")
    say(f"{title}: {len(runs)} runs, {len(findings)} findings")
    say("seconds: median / 95 % / worst (of how many)")
    for phase, some in [*sorted(phases.items()), ("all", list(runs))]:
        say(f"  {phase} ({len(some)})")
        say(f"    footage lost               {spread(run.lost for run in some)}")
        say(f"    ready after the start      {spread(run.ready for run in some)}")
        if any(run.since_kill is not None for run in some):
            say(f"    goes on after the kill     {spread(run.since_kill for run in some)}")
            say(f"    goes on after the start    {spread(run.since_start for run in some)}")
    say(f"  pictures in stated gaps: {sum(run.missing for run in runs)}")
    say(f"  too long, on a busy machine: {sum(len(run.excused) for run in runs)}")
    for number, one in findings:
        say(f"  run {number}: {one}")
    return len(findings)
