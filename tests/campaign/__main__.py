"""The campaigns: ``python -m tests.campaign kills``, ``cuts``, ``claps`` or ``control``.

Each run of kills and cuts follows from ``--seed`` and its number alone, so ``--first 120 --runs 1``
repeats one, and a campaign that was ended goes on with the next number. Claps are one recording;
what is asked of the control socket follows from the seed alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.campaign import claps, control, cuts, kills
from tests.campaign.table import report, say


def main() -> int:
    """Run what the command line says; the exit code says whether anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("what", choices=("kills", "cuts", "claps", "control"))
    parser.add_argument("--runs", type=int, help="default: 200 kills, 50 cuts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="number of the first run")
    parser.add_argument(
        "--lying-card",
        action="store_true",
        help="cuts: the card only says that it syncs; then losses must be found",
    )
    parser.add_argument("--minutes", type=float, default=10, help="claps, control: for so long")
    parser.add_argument(
        "--ppm", type=float, default=200, help="claps: how much too fast the microphone's clock is"
    )
    options = parser.parse_args()
    if options.what == "claps":
        with tempfile.TemporaryDirectory(prefix="camerad-campaign-") as directory:
            found = claps.campaign(Path(directory), options.minutes, options.ppm, options.seed)
        return 1 if found else 0
    if options.what == "control":
        with tempfile.TemporaryDirectory(prefix="camerad-campaign-") as directory:
            found = control.campaign(Path(directory), options.minutes, options.seed)
        return 1 if found else 0
    say(f"seed {options.seed}, from run {options.first} on; {os.uname().release}")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="camerad-campaign-") as directory:
        if options.what == "kills":
            runs = kills.campaign(Path(directory), options.runs or 200, options.seed, options.first)
        else:
            runs = cuts.campaign(
                Path(directory),
                options.runs or 50,
                options.seed,
                options.first,
                lying=options.lying_card,
            )
    found = report(options.what, runs)
    say(f"{time.monotonic() - began:.0f} s")
    if options.lying_card:
        if found:
            say("the lying card was found out")
        return 0 if found else 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
