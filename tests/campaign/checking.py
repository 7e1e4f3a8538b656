"""A file system after a loss of power, checked as a camera's start checks it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

_HARMLESS: Final = (
    *("recovering journal", "Pass ", "Fix? yes", "files ("),
    *("Free blocks count wrong", "Free inodes count wrong"),
    *("FILE SYSTEM WAS MODIFIED", "Clearing orphaned", "Truncating orphaned"),
)
"""What e2fsck says of a journal that is played back, and of what is counted anew after it."""


def checked(image: Path) -> list[str]:
    """What is wrong with an ext4 file system beyond what its journal mends: `e2fsck -p`, as a start
    calls it, here of everything (-f), must be content, and a second look must find nothing."""
    command = ["e2fsck", "-fp", str(image)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    odd = [
        line
        for line in done.stdout.splitlines()
        if line.strip() and not any(word in line for word in _HARMLESS)
    ]
    if done.returncode > 1 or odd:
        return [f"e2fsck ends with {done.returncode}: {odd}"]
    again = subprocess.run(["e2fsck", "-fn", str(image)], capture_output=True, check=False)
    return [f"e2fsck ends with {again.returncode} the second time"] if again.returncode else []
