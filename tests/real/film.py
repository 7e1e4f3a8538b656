"""Checks that a recording on the real libcamera has every picture that libcamera delivered.

The film's images have numbers, and libcamera shows each of them `REPEATED` times. A picture that no
buffer waits for is not exposed, so numbers tell what was lost behind libcamera, and times what the
machine was too slow for; that is a gap that the recording states.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

from hw_mocks.virtualcamera import IMAGES, REPEATED

from tests.system import judge

PERIOD_US = 1_000_000 / 30
TOLERANCE_US = 3_000
"""Between a gap's two media times and those in the file, which has whole ticks."""


@dataclass
class Shown:
    """pictures: in the file. gaps: in time. missing: pictures that would fill these."""

    pictures: int = 0
    gaps: int = 0
    missing: int = 0
    findings: list[str] = field(default_factory=list)


def shown(path: str, recording: dict[str, Any]) -> Shown:
    """Judge an opened recording by its listing."""
    frames = judge.decode(path, keep_every=10**9).frames
    found = Shown(len(frames))
    if recording["frames"] != len(frames):
        found.findings.append(f"{recording['frames']} pictures are stated")
    runs = [(number, len([*same])) for number, same in groupby(one.number for one in frames)]
    for place, (number, times) in enumerate(runs):
        if times != REPEATED and (0 < place < len(runs) - 1 or times > REPEATED):
            found.findings.append(f"image {number} is there {times} times")
    for (number, _), (following, _) in pairwise(runs):
        if following != (number + 1) % IMAGES:
            found.findings.append(f"image {following} comes after {number}")
    steps = [(after.pts_us - before.pts_us) for before, after in pairwise(frames)]
    holes = [step for step in steps if step > 1.5 * PERIOD_US]
    stated = [gap["to_us"] - gap["from_us"] for gap in recording["gaps"]]
    found.gaps = len(holes)
    found.missing = sum(round(hole / PERIOD_US) - 1 for hole in holes)
    same = len(holes) == len(stated) and all(
        abs(hole - gap) <= TOLERANCE_US for hole, gap in zip(holes, stated, strict=True)
    )
    if not same:
        found.findings.append(f"gaps of {holes} us, and stated are {recording['gaps']}")
    return found
