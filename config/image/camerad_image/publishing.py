"""What a build has made gets its place at the end, and all at once."""

from __future__ import annotations

import shutil
from pathlib import Path


def publish(results: Path, out: Path) -> None:
    """Put every file of one folder into the other, in whose place none of the same name stays.

    Under its name there is either all of it, or what was there before; nothing else is left if this
    is interrupted or fails.
    """
    parts = {path: out / f".{path.name}.part" for path in sorted(results.iterdir())}
    try:
        for path, part in parts.items():
            # To another disk it is copied.
            shutil.move(path, part)
        for path, part in parts.items():
            part.replace(out / path.name)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
