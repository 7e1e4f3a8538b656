"""The command line that the benchmarks share: how long, in which folder, and for whom."""

from __future__ import annotations

import argparse
import logging
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from tests.bench.figures import Figures
from tests.bench.plan import BenchError, answer, log


def run(
    module: str,
    description: str | None,
    measure: Callable[[bool, Path], Figures],
    *,
    limit_seconds: int,
    quick: str,
    work_dir: str,
) -> int:
    """Carry out the command line; returns the exit code.

    measure: called with whether it is to be quick, and a folder to work in. limit_seconds: a run
    that takes longer hangs. quick, work_dir: what those two options are, for ``--help``.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--json", action="store_true", help="print the JSON object only")
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument(
        "--work-dir",
        default="/var/tmp",  # noqa: S108 - made below it by tempfile, with a name nobody knows
        help=f"{work_dir}; default: %(default)s",
    )
    given = parser.parse_args()

    def ended(number: int, _frame: Any) -> NoReturn:
        # As an exception, so that every process that was started is ended.
        late = f"it took longer than {limit_seconds} s"
        raise BenchError(late if number == signal.SIGALRM else "it was ended")

    logging.basicConfig(format="bench: %(message)s", stream=sys.stderr)
    log.setLevel(logging.WARNING if given.json else logging.INFO)
    signal.signal(signal.SIGTERM, ended)
    signal.signal(signal.SIGALRM, ended)
    signal.alarm(limit_seconds)
    work = Path(tempfile.mkdtemp(prefix="camerad-bench-", dir=given.work_dir))
    try:
        found = measure(given.quick, work)
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if not given.json:
        sys.stderr.write(f"\n{found.table()}\n\n")
        sys.stderr.flush()
    answer(found.as_json())
    return 0
