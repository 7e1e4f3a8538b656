"""The campaigns: ``python -m tests.campaign kills``, ``cuts``, ``faults``, ``claps``, ``control``,
``hostile``, ``mistakes``, ``real``, ``soak`` or ``witness``.

Each run of kills and cuts follows from ``--seed`` and its number alone, so ``--first 120 --runs 1``
repeats one, and a campaign that was ended goes on with the next number. So it is with the sequences
of faults (``--first 120 --count 1``), and ``--notes FILE`` remembers what was played. ``cuts
--phase`` judges many states of one run of a camera for each phase; ``--lives DIR`` keeps the runs,
and the states follow from them and from the seed. Claps are one recording; what is asked of the
control socket follows from the seed alone. A soak with ``--notes FILE`` leaves every look at a
process there, so that growth can be seen as it comes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.campaign import (
    claps,
    control,
    cut_phases,
    cuts,
    fault_report,
    faults,
    foreign_witness,
    hostile,
    kills,
    mistakes,
    planted,
    real,
    soak,
)
from tests.campaign.table import report, say

_SERIES: Final = ("kills", "cuts")


def _faults(directory: Path, options: argparse.Namespace) -> int:
    if options.planted:
        missed = planted.campaign(directory)
        count = sum(len(promises) for promises, _ in planted.SCENES)
        say(f"{count} mistakes were planted, {len(missed)} findings are wrong")
        for one in missed:
            say(f"  {one}")
        return len(missed)
    say(f"seed {options.seed}, from sequence {options.first} on; {os.uname().release}")
    done = faults.campaign(
        directory,
        options.seed,
        options.first,
        options.sequences,
        minutes=options.minutes or 0,
        cameras=options.cameras,
        notes=options.notes,
    )
    return fault_report.report(done)


def _claps(directory: Path, options: argparse.Namespace) -> int:
    return claps.campaign(directory, options.minutes or 10, options.ppm, options.seed)


def _control(directory: Path, options: argparse.Namespace) -> int:
    return control.campaign(directory, options.minutes or 10, options.seed)


def _hostile(directory: Path, options: argparse.Namespace) -> int:
    return hostile.campaign(directory, options.minutes or 60)


def _mistakes(directory: Path, options: argparse.Namespace) -> int:
    if options.map is None:
        sys.exit("--map is missing: the data of pytest --cov=camerad --cov-context=test tests/unit")
    return mistakes.campaign(
        directory,
        options.seed,
        options.runs or 500,
        options.map,
        options.list,
        at_once=options.cameras,
    )


def _real(directory: Path, options: argparse.Namespace) -> int:
    minutes = 30 if options.minutes is None else options.minutes
    return real.campaign(directory, options.runs or 100, minutes)


def _soak(directory: Path, options: argparse.Namespace) -> int:
    return soak.campaign(directory, options.hours * 60, options.seed, options.notes)


def _witness(directory: Path, _options: argparse.Namespace) -> int:
    return foreign_witness.campaign(directory)


def _phases(options: argparse.Namespace) -> int:
    say(f"seed {options.seed}, from state {options.first} on; {os.uname().release}")
    phases = cut_phases.PHASES if options.phase == "all" else (options.phase,)
    return cut_phases.campaign(phases, options.states, options.seed, options.first, options.lives)


_ONES: Final[dict[str, Callable[[Path, argparse.Namespace], int]]] = {
    "faults": _faults,
    "claps": _claps,
    "control": _control,
    "hostile": _hostile,
    "mistakes": _mistakes,
    "real": _real,
    "soak": _soak,
    "witness": _witness,
}
"""Campaigns with a report of their own; each returns the number of its findings."""


def main() -> int:
    """Run what the command line says; the exit code says whether anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("what", choices=(*_SERIES, *_ONES))
    parser.add_argument(
        "--runs", type=int, help="default: 200 kills, 50 cuts, 500 mistakes, 100 starts of real"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="number of the first run")
    parser.add_argument(
        "--lying-card",
        action="store_true",
        help="cuts: the card only says that it syncs; then losses must be found",
    )
    parser.add_argument(
        "--phase",
        choices=(*cut_phases.PHASES, "all"),
        help="cuts: judge states of this phase instead of starting a whole camera on each",
    )
    parser.add_argument(
        "--states", type=int, default=300, help="cuts: at least so many different ones of a phase"
    )
    parser.add_argument("--lives", type=Path, help="cuts: keep there what the cameras did")
    parser.add_argument(
        "--minutes",
        type=float,
        help="claps, control: for so long, 10; real: 30; hostile: 60; faults: at least, 0",
    )
    parser.add_argument("--hours", type=float, default=2, help="soak: how long the shift is")
    parser.add_argument(
        "--sequences", "--count", type=int, default=1000, help="faults: at least so many"
    )
    parser.add_argument(
        "--planted",
        action="store_true",
        help="faults: a mistake is planted for each promise, and must be found",
    )
    parser.add_argument(
        "--cameras", type=int, default=1, help="faults, mistakes: how many are played at once"
    )
    parser.add_argument("--map", type=Path, help="mistakes: coverage data with a context each test")
    parser.add_argument("--list", type=Path, help="mistakes: keep there what came of each")
    parser.add_argument(
        "--notes",
        type=Path,
        help="faults: write down each sequence there, and play none again that went well; "
        "soak: write down every look at a process",
    )
    parser.add_argument(
        "--ppm", type=float, default=200, help="claps: how much too fast the microphone's clock is"
    )
    options = parser.parse_args()
    if options.what in _ONES:
        with tempfile.TemporaryDirectory(prefix="camerad-campaign-") as directory:
            return 1 if _ONES[options.what](Path(directory), options) else 0
    if options.what == "cuts" and options.phase is not None:
        return 1 if _phases(options) else 0
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
