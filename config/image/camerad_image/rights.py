"""Which programs of a root give rights to whoever starts them: their modes' bits set-user-ID and
set-group-ID (inode(7)).

Packages bring a dozen of them, for machines at which many users sit. On a camera everything is
begun by systemd, with rights that a unit states, or by the technician, with sudo; whoever gets as
far as being some other user there is to find as few of these as there can be.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

KEPT: Final = {
    "usr/bin/sudo": "the technician, who comes in by SSH, has no other way to be root",
}
"""Programs that keep their bits, by their path in the root, and why."""

_BITS: Final = stat.S_ISUID | stat.S_ISGID


def take(root: Path) -> list[str]:
    """Take the bits off every file of `root` that is not in KEPT; returns their paths, sorted.

    The bit of a directory hands its group on to files, and no right to anybody: it stays.
    """
    found = []
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            mode = path.lstat().st_mode
            inside = path.relative_to(root).as_posix()
            if stat.S_ISREG(mode) and mode & _BITS and inside not in KEPT:
                path.chmod(stat.S_IMODE(mode) & ~_BITS)
                found.append(inside)
    return sorted(found)
