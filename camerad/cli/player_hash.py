"""``camerad office player-hash``: fingerprints of the player, as this version has it.

Whoever has a package for the prosecutor compares its ``player.html`` with the first line of a
version that they have from elsewhere; whoever runs a desk compares what its server sends with the
others.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from typing import Any


def add_parser(actions: Any) -> None:
    """Add the action to those of ``camerad office``."""
    parser = actions.add_parser(
        "player-hash",
        help="fingerprints of player.html and of the player's modules in this version",
        description="Prints SHA-256 and name, as sha256sum does: of the player.html that is in "
        "every package for a prosecutor, and with --modules of each module that a page loads.",
    )
    parser.add_argument(
        "--modules",
        action="store_true",
        help="also of each module: those of the player, and those that make a package in a tab",
    )


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code."""
    from camerad.desk.maker_files import maker_files  # noqa: PLC0415
    from camerad.office.player_modules import module_files  # noqa: PLC0415 - reads many files
    from camerad.office.player_page import NAME, player_hash  # noqa: PLC0415

    lines = [f"{player_hash()}  {NAME}\n"]
    if options.modules:
        for name, content in module_files().items():
            lines.append(f"{hashlib.sha256(content).hexdigest()}  player/{name}\n")
        for name, content in maker_files().items():
            lines.append(f"{hashlib.sha256(content).hexdigest()}  package/{name}\n")
    sys.stdout.write("".join(lines))
    return 0
