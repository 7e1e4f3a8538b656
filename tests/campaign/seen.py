"""What is seen of one sequence of the fault campaign, for the checks to judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from camerad.verify.verdict import Report
from tests.campaign import judging, sequences
from tests.system import sealed


@dataclass(frozen=True)
class Pressed:
    """A press, as the contacts had it, in media time."""

    button: str
    down_us: int
    up_us: int

    @property
    def seconds(self) -> float:
        return (self.up_us - self.down_us) / 1e6


@dataclass(frozen=True)
class Span:
    """A fault from its beginning to its end."""

    name: str
    from_us: int
    to_us: int
    body: dict[str, Any]

    def near(self, from_us: float, to_us: float) -> bool:
        return self.from_us <= to_us and from_us <= self.to_us


@dataclass(frozen=True)
class Said:
    """The state that the simulator told, and when that was."""

    at_us: int
    state: dict[str, Any]


@dataclass(frozen=True)
class Film:
    """A recording: what its statements say, which pictures it has, and what is wrong with it.

    numbers: of its pictures, None if it does not play. report: of camerad's own verify. clear: what
    of its pictures is anywhere on the card in the clear.
    """

    path: Path
    read: sealed.Recording
    numbers: tuple[int, ...] | None
    problem: str | None
    report: Report
    altered_is_found: bool
    epoch_us: int

    def number(self, at_us: float) -> int:
        return judging.frame_number(at_us, self.epoch_us)

    def at_us(self, number: int) -> float:
        return self.epoch_us + number * judging.PERIOD_US


@dataclass
class Seen:
    """All that was seen of one sequence. Media times in microseconds.

    edges: of outputs and buttons. changed: files that changed, and when. slowed: whether the camera
    was told to take another number of pictures per second. known: how many recordings there were
    before. mended: recordings that the camera had to be given time to close when it was ready
    already. ledger: the entries added. sought: packets that were looked for in files and in memory.
    syncs, refused: what the card kept, and what it did not. left: those found in memory after all,
    by process. busy: share of the time in which something waited for a processor. waited: seconds
    for which the daemon's threads did, all together.
    """

    sequence: sequences.Sequence
    began_us: int
    presses: list[Pressed] = field(default_factory=list)
    faults: list[Span] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    edges: list[dict[str, Any]] = field(default_factory=list)
    changed: list[tuple[int, str]] = field(default_factory=list)
    films: list[Film] = field(default_factory=list)
    slowed: bool = False
    known: int = 0
    mended: set[str] = field(default_factory=set)
    vanished: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    syncs: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    sought: int = 0
    clear: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)
    healed_us: int = 0
    ready_us: int | None = None
    ended_us: int = 0
    busy: float = 0.0
    waited: float = 0.0
    ended: str | None = None

    def stage(self, at_us: float) -> str:
        """The stage that was told last before an instant."""
        before = [one.state["stage"] for one in self.said if one.at_us <= at_us]
        return str(before[-1]) if before else "?"

    def stages(self, from_us: float, to_us: float) -> set[str]:
        """All stages told from one instant to another, and the one before."""
        within = {str(s.state["stage"]) for s in self.said if from_us < s.at_us <= to_us}
        return within | {self.stage(from_us)}

    def during(self, from_us: float, to_us: float, *names: str) -> bool:
        """Whether one of these faults (all, if none is named) falls between two instants."""
        chosen = [one for one in self.faults if not names or one.name in names]
        return any(one.near(from_us, to_us) for one in chosen)

    def conditions(self, from_us: float, to_us: float) -> set[str]:
        """All conditions told from one instant to another, and those that held before."""
        at = max((one.at_us for one in self.said if one.at_us <= from_us), default=-1)
        within = [one for one in self.said if at <= one.at_us <= to_us]
        return {str(one) for said in within for one in said.state["conditions"]}

    def dark(self, name: str, from_us: float, to_us: float) -> list[tuple[float, float]]:
        """When a light was not on between two instants, as far as is known."""
        edges = [e for e in self.edges if e["name"] == name and from_us < e["at_us"] < to_us]
        changes = [(from_us, self.level(name, from_us) is True)]
        changes += [(e["at_us"], bool(e["on"])) for e in sorted(edges, key=lambda e: e["at_us"])]
        ends = [at_us for at_us, _ in changes[1:]] + [to_us]
        found: list[tuple[float, float]] = []
        for (at_us, on), end_us in zip(changes, ends, strict=True):
            if on:
                continue
            if found and found[-1][1] == at_us:
                found[-1] = found[-1][0], end_us
            else:
                found.append((at_us, end_us))
        return found

    def level(self, name: str, at_us: float) -> bool | None:
        """Whether a light was on; None if nothing is known of it."""
        found = [e for e in self.edges if e["name"] == name and e["at_us"] <= at_us]
        return bool(found[-1]["on"]) if found else None
