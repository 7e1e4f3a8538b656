"""``python -m tests.bench``: measures, prints a table and one JSON object.

The JSON is the last thing on standard output; progress and table go to standard error. The exit
code says whether it could be measured, not whether the goals were reached.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.bench import (
    command_line,
    cpu,
    display,
    evidence,
    instructions,
    latency,
    loss,
    machine,
    memory,
    plan,
    real_stack,
    sounding,
    stamping,
    starting,
    waking,
)
from tests.bench.report import Results

_T = TypeVar("_T")

LIMIT_SECONDS: Final = 20 * 60
"""A run that takes longer hangs."""


def main() -> int:
    """Carry out the command line; returns the exit code."""
    return command_line.run(
        "tests.bench",
        __doc__,
        _measured,
        limit_seconds=LIMIT_SECONDS,
        quick="3 minutes; the figures are rough",
        work_dir="where the recordings go meanwhile, on the kind of disk that is to be measured",
    )


def _measured(quick: bool, work: Path) -> tuple[str, dict[str, Any]]:
    results = measure(plan.QUICK if quick else plan.FULL, work)
    return results.table(), results.as_json()


def measure(effort: plan.Effort, work: Path) -> Results:
    """Measure everything. Raises BenchError if something cannot be measured."""
    began = time.monotonic()
    described = machine.description()
    footage = plan.footage()

    def again(what: str, one: Callable[[plan.Effort, str, Path], _T], clip: str = footage) -> _T:
        return plan.repeated(what, lambda folder: one(effort, clip, folder), work)

    return Results(
        machine=described,
        # First, while the recordings of other measurements are not yet being written back.
        cpu=cpu.measure(effort, footage, work),
        memory=again("memory", memory.measure),
        waking=again("wakes", waking.measure),
        starting=again("starts", starting.measure),
        latency=again("latency", latency.measure),
        display=again("display", display.measure, plan.footage(display.CLIP)),
        loss=again("loss", loss.measure),
        evidence=evidence.measure(effort, footage, work),
        stamping=stamping.measure(effort),
        sounding=sounding.measure(effort, footage),
        instructions=instructions.measure(footage, work),
        real_stack=real_stack.measure(effort, work),
        seconds=time.monotonic() - began,
    )


if __name__ == "__main__":
    sys.exit(main())
