"""More crash states than `make test` tries, or the table of synchronisations.

python -m tests.crash --states 200000 --seed 7
python -m tests.crash --table
"""

from __future__ import annotations

import argparse
import sys

from tests.crash import runs


def _say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """The exit code is 1 if anything was found, or a row of the table is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--states", type=int, default=20_000, help="different states to restart on")
    parser.add_argument("--seed", type=int, default=1, help="of the first life")
    parser.add_argument("--seconds", type=float, help="stop after so long")
    parser.add_argument("--table", action="store_true", help="leave out and swap, one by one")
    chosen = parser.parse_args()
    if chosen.table:
        return _table(chosen.seed)
    tally = runs.try_states(chosen.states, chosen.seed, seconds=chosen.seconds)
    _say(tally)
    for violation in tally.violations[:20]:
        _say(violation)
    return 1 if tally.violations else 0


def _table(seed: int) -> int:
    _say("| left out, or with THEN swapped | times | what is then wrong |")
    _say("|---|---|---|")
    unexplained = 0
    for row in runs.table(seed):
        _say(row)
        if row.wrong is not None:
            unexplained += 1
            sys.stderr.write(f"{row.wrong}\n")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
