"""Judges what a kill or a loss of power left, by its pictures and by its signed statements.

The pictures have the last word: the barcode in each says when the sensor exposed it. What the
statements say is read without the project's code; that they are authentic is for ``camerad evidence
verify`` to say, as anybody would ask it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.system import judge, sealed

PERIOD_US: Final = 1_000_000 / 30
_ON_GRID: Final = 0.001
"""Periods by which the time of an exposure may differ from its place: microseconds are whole."""
SUFFIX: Final = ".tar"
_NUMBER: Final = re.compile(r"-(\d{6,18})-[0-9a-f]{8}\.tar$")


@dataclass(frozen=True)
class Film:
    """What a recording shows. first_us, last_us: media times at which its first picture was
    exposed, and at which its last one gave way to the next; both None without pictures."""

    path: Path
    header: dict[str, Any]
    commits: int
    reason: str | None
    first_us: float | None
    last_us: float | None
    missing: int
    findings: tuple[str, ...]


def recordings(directory: Path) -> list[Path]:
    """Recordings of a device, oldest first."""
    found = [(_NUMBER.search(path.name), path) for path in directory.glob(f"*{SUFFIX}")]
    return [path for _, path in sorted((int(m[1]), p) for m, p in found if m is not None)]


def ended(path: Path) -> bool:
    """Whether the recording has an end; one whose file is only being made has none."""
    try:
        return sealed.read(path).end is not None
    except (AssertionError, OSError):
        return False


def film(path: Path, epoch_us: int, workspace: Path) -> Film:
    """Open, play and decode a recording. Whatever is wrong with it is among the findings.

    A gap that the recording states is no finding: `missing` counts the pictures in all of them.
    """
    read = sealed.read(path)
    reason = None if read.end is None else read.end["closing"]["reason"]
    said = (path, read.header, len(read.commits), reason)
    if not read.fragments:
        return Film(*said, None, None, 0, ())
    findings: list[str] = []
    mp4 = sealed.opened(path, workspace)
    try:
        judge.ffmpeg_is_silent(mp4)
        verdict = judge.decode(mp4, keep_every=10**9)
        holes = [(hole.after, hole.before) for hole in verdict.holes]
    except AssertionError as error:
        return Film(*said, None, None, 0, (f"{path.name}: does not play: {error}",))
    finally:
        os.unlink(mp4)
    stated = [
        (frame_number(gap["from_us"], epoch_us), frame_number(gap["to_us"], epoch_us))
        for gap in read.gaps
        if gap["from_us"] is not None and gap["to_us"] is not None
    ]
    findings += [
        f"{path.name}: {hole} is missing and not stated: {stated}"
        for hole in holes
        if not any(after <= hole[0] and hole[1] <= before for after, before in stated)
    ]
    if sum(commit["facts"]["frames"] for commit in read.commits) != len(verdict.frames):
        findings.append(f"{path.name}: the commits count other pictures than there are")
    numbers = verdict.numbers
    if numbers[0] != frame_number(read.header["origin_us"], epoch_us):
        findings.append(f"{path.name}: begins with picture {numbers[0]}, not where it says")
    return Film(
        *said,
        epoch_us + numbers[0] * PERIOD_US,
        epoch_us + (numbers[-1] + 1) * PERIOD_US,
        sum(before - after - 1 for after, before in holes),
        tuple(findings),
    )


def frame_number(at_us: float, epoch_us: int) -> int:
    """The number that the simulated sensor gives a frame which it exposes then.

    At 20 frames a second every other one lies halfway between two numbers, and has the even one
    (`hw_mocks.pacing`), also where its time in whole microseconds is a little less than half.
    """
    place = (at_us - epoch_us) / PERIOD_US
    halves = round(2 * place) / 2
    return round(halves if abs(halves - place) < _ON_GRID else place)


def device_key(state: Path, to: Path) -> Path:
    """The device's public key, copied to where nothing can happen to it any more."""
    (source,) = (state / "keys").glob("*.jwk")
    to.write_bytes(source.read_bytes())
    return to


def verify(what: Path, key: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and findings of ``camerad evidence verify``."""
    command = [sys.executable, "-m", "camerad", "evidence", "verify", "--json"]
    done = subprocess.run(
        [*command, "--key", str(key), str(what)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        said = {"stderr": done.stderr}
    return done.returncode, said


def verified(what: Path, key: Path, wanted: Sequence[int]) -> list[str]:
    """What `verify` finds, if its exit code is none of those that are right."""
    code, said = verify(what, key)
    if code in wanted:
        return []
    return [f"{what.name}: verify ends with {code}, not {wanted}: {json.dumps(said)[:2000]}"]
