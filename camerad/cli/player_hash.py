"""``camerad office player-hash``: fingerprints of the player, as this version has it.

The prosecutor compares the ``player.html`` of a package with the first line, made by a version that
came another way. The other lines are for a desk: `camerad.office.desk.page_check` compares what it
sends.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from typing import Any

DIFFERS = 1
"""Exit code if something is another than this version has it."""


def add_parser(actions: Any) -> None:
    """Add the action to those of ``camerad office``."""
    parser = actions.add_parser(
        "player-hash",
        help="fingerprints of player.html and of the desk's page in this version; compare a desk",
        description="Prints SHA-256 and name, as sha256sum does: of the player.html that is in "
        "every package for a prosecutor, and with --modules of each file of the desk's page. Or "
        "compares them with what a desk sends; exit code 1 if anything differs.",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--modules",
        action="store_true",
        help="also of each file of the desk's page, the player's modules included",
    )
    how.add_argument(
        "--check", metavar="URL", help="compare what the desk at this address sends to anybody"
    )
    parser.add_argument(
        "--authority",
        metavar="FILE",
        help="with --check: the authority of the desk's certificate; default: the system's",
    )


def run(options: argparse.Namespace) -> int:
    """Carry it out; returns the exit code. Raises CameradError."""
    from camerad.evidence.player_page import NAME, player_hash  # noqa: PLC0415
    from camerad.office.desk import page_check  # noqa: PLC0415 - reads many files
    from camerad.office.desk.page_content import page_content  # noqa: PLC0415

    if options.check is not None:
        found = page_check.fetched_differences(options.check, options.authority)
        said = (
            f"{len(page_content())} files and the policy are those of this version. A server can "
            "send others something else: --saved compares what a browser got.\n"
        )
        return _tell(found, said)
    lines = [f"{player_hash()}  {NAME}\n"]
    if options.modules:
        for path, content in page_content().items():
            lines.append(f"{hashlib.sha256(content).hexdigest()}  {path.removeprefix('/')}\n")
    sys.stdout.write("".join(lines))
    return 0


def _tell(found: list[str], same: str) -> int:
    if not found:
        sys.stdout.write(same)
        return 0
    sys.stdout.write("".join(f"{one}\n" for one in found))
    sys.stdout.write(
        f"{len(found)} differ. If the server has another version, compare with that one.\n"
    )
    return DIFFERS
