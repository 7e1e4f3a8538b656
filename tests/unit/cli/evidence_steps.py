"""What the tests of `camerad evidence` do to recordings."""

from __future__ import annotations

from pathlib import Path

from desk_helpers import ONE, recording
from sealed_helpers import altered, flipped, pack

from camerad.store.locations import place_of

WHO = ("--who", "Desk")


def damage(path: Path, name: str = "000001.m4s.age") -> None:
    members = altered(recording(ONE).members, name, lambda data: flipped(data, len(data) // 2))
    path.write_bytes(pack(members))


def copy_in(archive: Path) -> Path:
    (holding,) = place_of(str(archive)).holdings
    return Path(holding.recordings, f"{ONE}.tar")
