"""The modules that make a package for the prosecutor in a tab: plain files, as the player's are.

They have the office's key in their hands, and what it opens. So their SHA-256 are published with
those of the player (``camerad office player-hash --modules``).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "package_maker"


@cache
def maker_files() -> dict[str, bytes]:
    """Every one of them by its name, in ascending order."""
    return {path.name: path.read_bytes() for path in sorted(FOLDER.glob("*.js"))}
