"""What a process has open, as the kernel tells it (proc_pid_fd(5))."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def open_files(pid: int) -> Iterator[tuple[str, bool]]:
    """What each descriptor of a process leads to, and whether it may be written to.

    A process that runs opens and closes files meanwhile. One that is closed before both are read is
    left out, and a number that has gone to another file is read again.
    """
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        facts = Path(f"/proc/{pid}/fdinfo/{entry.name}")
        with contextlib.suppress(FileNotFoundError):
            before = None
            while before != (name := os.readlink(entry)):
                before, said = name, facts.read_text()
            flags = int(said.split("flags:")[1].split()[0], 8)
            yield name, flags & os.O_ACCMODE != os.O_RDONLY
