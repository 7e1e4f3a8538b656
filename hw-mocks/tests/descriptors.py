"""What this process has open (proc_pid_fd(5))."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from pathlib import Path


def descriptors() -> Counter[str]:
    """What the descriptors of this process lead to, and how many of them lead there."""
    found: Counter[str] = Counter()
    for entry in Path("/proc/self/fd").iterdir():
        # The one that the list itself is read by, and what a thread closes meanwhile.
        with contextlib.suppress(FileNotFoundError):
            found[os.readlink(entry)] += 1
    return found
