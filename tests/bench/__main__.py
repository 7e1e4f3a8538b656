"""``python -m tests.bench``: measures, prints a table and one JSON object.

The JSON is the last thing on standard output; progress and table go to standard error. The exit
code says whether it could be measured, not whether the goals were reached.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final, NoReturn

from tests.bench import (
    cpu,
    display,
    evidence,
    instructions,
    latency,
    loss,
    machine,
    memory,
    plan,
    sounding,
    stamping,
    starting,
)
from tests.bench.plan import BenchError, log
from tests.bench.report import Results

LIMIT_SECONDS: Final = 20 * 60
"""A run that takes longer hangs."""


def main() -> int:
    """Carry out the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the JSON object only")
    parser.add_argument("--quick", action="store_true", help="3 minutes; the figures are rough")
    parser.add_argument(
        "--work-dir",
        default="/var/tmp",  # noqa: S108 - made below it by tempfile, with a name nobody knows
        help="where the recordings go meanwhile, on the kind of disk that is to be measured; "
        "default: %(default)s",
    )
    given = parser.parse_args()
    logging.basicConfig(format="bench: %(message)s", stream=sys.stderr)
    log.setLevel(logging.WARNING if given.json else logging.INFO)
    signal.signal(signal.SIGTERM, _ended)
    signal.signal(signal.SIGALRM, _ended)
    signal.alarm(LIMIT_SECONDS)
    work = Path(tempfile.mkdtemp(prefix="camerad-bench-", dir=given.work_dir))
    try:
        results = measure(plan.QUICK if given.quick else plan.FULL, work)
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if not given.json:
        sys.stderr.write(f"\n{results.table()}\n\n")
        sys.stderr.flush()
    plan.answer(results.as_json())
    return 0


def _ended(number: int, _frame: Any) -> NoReturn:
    # As an exception, so that every process that was started is ended.
    what = f"it took longer than {LIMIT_SECONDS} s" if number == signal.SIGALRM else "it was ended"
    raise BenchError(what)


def measure(effort: plan.Effort, work: Path) -> Results:
    """Measure everything. Raises BenchError if something cannot be measured."""
    began = time.monotonic()
    described = machine.description()
    footage = plan.footage()
    return Results(
        machine=described,
        # First, while the recordings of other measurements are not yet being written back.
        cpu=cpu.measure(effort, footage, work),
        memory=memory.measure(effort, footage, work),
        starting=starting.measure(effort, footage, work),
        latency=latency.measure(effort, footage, work),
        display=display.measure(effort, plan.footage(display.CLIP), work),
        loss=loss.measure(effort, footage, work),
        evidence=evidence.measure(effort, footage, work),
        stamping=stamping.measure(effort),
        sounding=sounding.measure(effort, footage),
        instructions=instructions.measure(footage, work),
        seconds=time.monotonic() - began,
    )


if __name__ == "__main__":
    sys.exit(main())
