"""Room for a build, asked for before it begins: a full disk would be told after minutes."""

from __future__ import annotations

import math
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from camerad_image.errors import ImageError

GB: Final = 1_000_000_000
WORK: Final = 4 * GB
"""What a build takes in its folder and for packages that are kept, at most (docs/image.md)."""
RESULTS: Final = 1 * GB
"""Image and bundle where OUT is on another disk; on the same one they are part of WORK."""


def _there(path: Path) -> Path:
    """The folder, or the one that it will be made in."""
    return next(one for one in (path.absolute(), *path.absolute().parents) if one.is_dir())


def _taken(folder: Path) -> int:
    """Bytes on the disk of an earlier build in this folder, which the next one removes."""
    if not folder.is_dir():
        return 0
    disk, taken = folder.stat().st_dev, 0
    for place, folders, files in os.walk(folder):
        here = Path(place)
        # What is mounted in there, as devices for programs of the packages, takes no room.
        folders[:] = [name for name in folders if (here / name).lstat().st_dev == disk]
        taken += sum((here / name).lstat().st_blocks * 512 for name in files)
    return taken


def check(works: Sequence[Path], out: Path) -> None:
    """Raise ImageError unless there is room for a build in each of `works`, and what comes of it
    in `out`."""
    wanted: Counter[int] = Counter()
    places: dict[int, Path] = {}
    for folder in works:
        disk = _there(folder).stat().st_dev
        places.setdefault(disk, _there(folder))
        wanted[disk] += max(0, WORK - _taken(folder))
    disk = _there(out).stat().st_dev
    if disk not in places:
        places[disk] = _there(out)
        wanted[disk] = RESULTS
    lacking = []
    for disk, place in places.items():
        free = shutil.disk_usage(place).free
        if free < wanted[disk]:
            # Rounded so that whoever makes as much room as it says has enough.
            less = math.ceil((wanted[disk] - free) / GB * 10) / 10
            lacking.append(
                f"{place} has {free / GB:.1f} GB of room, and a build wants "
                f"{wanted[disk] / GB:.1f} GB there: {less:.1f} GB are missing"
            )
    if lacking:
        raise ImageError(
            f"{'; '.join(lacking)}. Make room, or take another disk: for results by OUT=, for the "
            "rest by another checkout"
        )
