"""The fault campaign: one sequence of presses and faults after the other, each judged by P1 to P10.

One simulator serves as long as it is well. Each sequence follows from the seed and its number
alone, so that one that failed is played again with ``--first N --count 1``. Several cameras play at
once if there are processors for them, each in a process of its own.

What was judged is written down as it comes, a line of JSON each. Whoever goes on with the same file
plays what is not in it yet, and once more what had findings.
"""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from traceback import format_exception
from typing import Any, Final, cast

from tests.campaign import judging, sequences
from tests.campaign.promises import CHECKS, Late
from tests.campaign.scenes import Stage, stage
from tests.campaign.seen import Seen
from tests.campaign.table import say

BUSY: Final = 0.6
"""Share of a sequence in which something waited for a processor (PSI): on a machine that is busier
than that, times may be the machine's and not the camera's."""
PATIENCE: Final = 300.0
"""Seconds after which a camera that has played nothing is given up."""
EXCUSED_TIMES: Final = 3.0
"""No machine is so busy that anything may take longer than so many times what it is allowed."""


@dataclass
class Judged:
    """What a sequence came to. ready: seconds from the end of its faults. seconds: that it took.

    findings, excused: with their promise. judged: how many things each promise was put to the test
    by. busy, waited: as `Seen` has them.
    """

    number: int
    scene: str
    names: tuple[str, ...]
    ready: float | None = None
    recordings: int = 0
    seconds: float = 0.0
    busy: float = 0.0
    waited: float = 0.0
    findings: list[tuple[str, str]] = field(default_factory=list)
    excused: list[tuple[str, str]] = field(default_factory=list)
    judged: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, sequence: sequences.Sequence) -> Judged:
        return cls(sequence.number, sequence.scene, sequence.names)

    @classmethod
    def read(cls, line: str) -> Judged:
        """One that was written down."""
        said: dict[str, Any] = json.loads(line)
        for name in ("findings", "excused"):
            said[name] = [tuple(one) for one in said[name]]
        return cls(**{**said, "names": tuple(said["names"])})

    def line(self) -> str:
        ready = "-" if self.ready is None else f"{self.ready:.1f}"
        names = " + ".join(self.names)
        load = f"busy {self.busy:.2f}, waited {self.waited:.2f} s"
        return (
            f"{self.number:5} {self.scene:10} ready {ready} s  {names}"
            f"  ({self.seconds:.1f} s, {load})"
        )


def judged(seen: Seen) -> Judged:
    """All checks on what was seen."""
    one = Judged.of(seen.sequence)
    one.recordings, one.busy, one.waited = len(seen.films), seen.busy, seen.waited
    if seen.ready_us is not None:
        one.ready = (seen.ready_us - seen.healed_us) / 1e6
    counts: Counter[str] = Counter()
    for promise, check in CHECKS.items():
        for text in check(seen):
            if text is None:
                counts[promise] += 1
            else:
                found = one.excused if excuses(seen, text) else one.findings
                found.append((promise, str(text)))
    one.judged = dict(counts)
    return one


def excuses(seen: Seen, text: str) -> bool:
    """Whether the machine was so busy that it explains what took too long.

    An answer is late because of the machine only if the daemon was held up by it for as long.
    """
    if not isinstance(text, Late) or text.took > EXCUSED_TIMES * text.most or seen.busy < BUSY:
        return False
    return text.most > 1 or seen.waited >= text.took - text.most


def campaign(
    directory: Path,
    seed: int,
    first: int,
    count: int,
    *,
    minutes: float = 0,
    cameras: int = 1,
    notes: Path | None = None,
) -> list[Judged]:
    """At least `count` sequences from number `first` on, and so many that they take `minutes`, all
    cameras' together. notes: where each is written down; what stands there without a finding is not
    played again, but counted. In the order of their numbers; what was found wrong with a card in
    the end comes as a sequence of its own."""
    done = [one for one in _noted(notes) if not one.findings]
    there = {one.number for one in done}
    seconds = sum(one.seconds for one in done)

    def numbers() -> Iterator[int]:
        for number in itertools.count(first):
            if number >= first + count and seconds >= minutes * 60:
                return
            if number not in there:
                yield number

    if cameras == 1:
        played: Iterator[Judged] = play(directory, seed, numbers())
    else:
        played = _together(directory, seed, numbers(), cameras)
    for one in played:
        seconds += one.seconds
        done.append(one)
        if notes is not None:
            with notes.open("a") as file:
                file.write(json.dumps(asdict(one)) + "\n")
        tell(one, seed)
    return sorted(done, key=lambda one: one.number)


def _noted(notes: Path | None) -> list[Judged]:
    """What was written down, of each sequence the last time it was played."""
    if notes is None or not notes.exists():
        return []
    read = [Judged.read(line) for line in notes.read_text().splitlines()]
    return list({one.number: one for one in read if one.number}.values())


def play(directory: Path, seed: int, numbers: Iterable[int]) -> Iterator[Judged]:
    """One sequence after the other, on one camera."""
    on: Stage | None = None
    starts = 0
    with ExitStack() as running:
        for number in numbers:
            if on is None:
                starts += 1
                place = directory / f"camera-{starts}"
                place.mkdir(parents=True)
                on = running.enter_context(stage(place))
            sequence = sequences.of(seed, number)
            began = time.monotonic()
            try:
                one = judged(on.play(sequence))
            except Exception as error:  # noqa: BLE001  (whatever it is, it is a finding)
                one = Judged.of(sequence)
                one.findings.append(("scene", "".join(format_exception(error))))
            one.seconds = time.monotonic() - began
            if one.ready is None:
                # What is broken is left, with all its files, to be looked at.
                _close(running, one)
                on = None
            yield one
        if on is not None:
            end = Judged(0, "card", ())
            end.findings = [("P7", text) for text in judging.verified(on.card, on.key, (0, 1))]
            _close(running, end)
            if end.findings:
                yield end


def _close(running: ExitStack, one: Judged) -> None:
    try:
        running.close()
    except AssertionError as error:
        one.findings.append(("ready", str(error)[-500:]))


def _together(directory: Path, seed: int, numbers: Iterator[int], cameras: int) -> Iterator[Judged]:
    """Several cameras at once: whichever has played gets the next number."""
    context = get_context("spawn")
    with ExitStack() as running:
        players: list[Connection] = []
        for at in range(cameras):
            ours, theirs = context.Pipe()
            place = directory / f"player-{at + 1}"
            player = context.Process(target=_player, args=(place, seed, theirs), daemon=True)
            player.start()
            theirs.close()
            running.callback(player.join, PATIENCE)
            running.callback(ours.close)
            players.append(ours)
            ours.send(next(numbers, None))
        while players:
            ready = cast(list[Connection], wait(players, PATIENCE))
            if not ready:
                raise TimeoutError(f"no camera has played a sequence within {PATIENCE:g} s")
            for one in ready:
                said: Judged | None = one.recv()
                if said is None:
                    players.remove(one)
                else:
                    if said.number:
                        one.send(next(numbers, None))
                    yield said


def _player(directory: Path, seed: int, parent: Connection) -> None:
    for one in play(directory, seed, iter(parent.recv, None)):
        parent.send(one)
    parent.send(None)


def tell(one: Judged, seed: int) -> None:
    """Print it."""
    say(one.line())
    for text in one.excused:
        say(f"      busy machine: {' '.join(text)}")
    for text in one.findings:
        say(f"      FINDING {' '.join(text)}")
    if one.findings and one.number:
        for line in sequences.of(seed, one.number).told():
            say(f"      {line}")
