"""What the fault campaign came to, as tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

from tests.campaign.faults import Judged
from tests.campaign.promises import CHECKS
from tests.campaign.table import say, spread

EXCUSED_SHARE: Final = 0.02
"""Of all sequences, in which a busy machine may explain anything."""
JUDGED_SHARE: Final = 0.05
"""Of all sequences, in which each promise has to be put to the test."""
MANY: Final = 100
"""So many sequences say something about shares."""


def findings(done: Sequence[Judged]) -> list[str]:
    """Each in words: those of the campaign itself, then those of its sequences."""
    return [
        *shares([one for one in done if one.number]),
        *(
            f"sequence {one.number}: {promise}: {text}"
            for one in done
            for promise, text in one.findings
        ),
    ]


def report(done: Sequence[Judged]) -> int:
    """Print it; returns the number of findings."""
    found = findings(done)
    played = [one for one in done if one.number]
    say("")
    minutes, recordings = sum(one.seconds for one in played) / 60, sum(o.recordings for o in played)
    say(f"faults: {len(played)} sequences in {minutes:.0f} minutes of a camera")
    say(f"{recordings} recordings, {len(found)} findings")
    say(f"seconds until ready, median / 95 % / worst: {spread(one.ready for one in played)}")
    say(f"seconds that the daemon waited for a processor: {spread(one.waited for one in played)}")
    say("")
    say(f"{'promise':8} {'sequences':>9} {'things judged':>13} {'excused':>7} {'findings':>8}")
    for promise in CHECKS:
        some = [one.judged[promise] for one in played if promise in one.judged]
        excused = sum(name == promise for one in played for name, _ in one.excused)
        bad = sum(name == promise for one in done for name, _ in one.findings)
        say(f"{promise:8} {len(some):9} {sum(some):13} {excused:7} {bad:8}")
    say("")
    say(f"{'fault':20} {'times':>5} {'alone':>5} {'worst ready s':>13} {'findings':>8}")
    counts = Counter(name for one in played for name in one.names)
    for name, times in sorted(counts.items()):
        here = [one for one in played if name in one.names]
        alone = sum(len(one.names) == 1 for one in here)
        worst = max((one.ready for one in here if one.ready is not None), default=math.nan)
        bad = sum(bool(one.findings) for one in here)
        say(f"{name:20} {times:5} {alone:5} {worst:13.1f} {bad:8}")
    for text in found:
        say(f"  {text}")
    return len(found)


def shares(played: Sequence[Judged]) -> list[str]:
    """What is wrong with the campaign itself: too much excused, or too little judged."""
    found = []
    excused = sum(bool(one.excused) for one in played)
    if excused > max(1, EXCUSED_SHARE * len(played)):
        found.append(
            f"in {excused} of {len(played)} sequences something was excused by a busy machine: "
            "play it again on one that is left alone"
        )
    for promise in CHECKS if len(played) >= MANY else ():
        judged = sum(promise in one.judged for one in played)
        if judged < JUDGED_SHARE * len(played):
            found.append(f"{promise} was judged in {judged} of {len(played)} sequences only")
    return found
