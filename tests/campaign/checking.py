"""A file system after a loss of power, checked as a camera's start checks it."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path
from typing import Final

from hw_mocks import worldclock

CHECK: Final = Path(__file__).parents[2] / "config/image/files/usr/lib/camerad/check-data"
"""What the image runs before it mounts the data partition."""
FROM_COPY: Final = "copy in block"
"""What it says where the first superblock was torn."""
_HARMLESS: Final = (
    *("recovering journal", "Pass ", "Fix? yes", "files (", "clean, "),
    *("Free blocks count wrong", "Free inodes count wrong"),
    *("FILE SYSTEM WAS MODIFIED", "Clearing orphaned", "Truncating orphaned"),
)
"""What e2fsck says of a journal that is played back, and of what is counted anew after it."""


def checked(image: Path) -> list[str]:
    """What is wrong with an ext4 file system beyond what its journal mends: the check of a start
    must be content, and so must one of everything (`e2fsck -fp`); and another look must find
    nothing. Where the superblock was torn, more than its journal is mended."""
    run = partial(
        subprocess.run, capture_output=True, text=True, check=False, env=worldclock.outside()
    )
    done = run(["/bin/sh", str(CHECK), str(image)])
    if done.returncode != 0:
        return [f"e2fsck leaves it: {done.stdout}{done.stderr}"]
    every = run(["e2fsck", "-fp", str(image)])
    said = every.stdout if FROM_COPY in done.stdout else done.stdout + every.stdout
    odd = [
        line
        for line in said.splitlines()
        if line.strip() and not any(word in line for word in _HARMLESS)
    ]
    if every.returncode > 1 or odd:
        return [f"e2fsck ends with {every.returncode}: {odd}"]
    again = run(["e2fsck", "-fn", str(image)])
    return [f"e2fsck ends with {again.returncode} the second time"] if again.returncode else []
