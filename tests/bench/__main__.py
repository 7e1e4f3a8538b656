"""``python -m tests.bench``: measures, prints a table and one JSON object.

The JSON is the last thing on standard output; progress and table go to standard error. The exit
code says whether it could be measured, not whether the goals were reached.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

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
from tests.bench.figures import Figures

LIMIT_SECONDS: Final = 20 * 60
"""A run that takes longer hangs."""
CAMERA: Final = {
    "main": f"{plan.WIDTH}x{plan.HEIGHT}",
    "lores": f"{plan.LORES_WIDTH}x{plan.LORES_HEIGHT}",
    "fps": plan.FPS,
    "bitrate": plan.BITRATE,
    "max_bitrate": plan.MAX_BITRATE,
    "encoder_threads": plan.THREADS,
}


def main() -> int:
    """Carry out the command line; returns the exit code."""
    return command_line.run(
        "tests.bench",
        __doc__,
        lambda quick, work: measure(plan.QUICK if quick else plan.FULL, work),
        limit_seconds=LIMIT_SECONDS,
        quick="3 minutes; the figures are rough",
        work_dir="where the recordings go meanwhile, on the kind of disk that is to be measured",
    )


def measure(effort: plan.Effort, work: Path) -> Figures:
    """Measure everything. Raises BenchError if something cannot be measured."""
    began = time.monotonic()
    figures = Figures({"machine": machine.description(), "camera": CAMERA})
    footage = plan.footage()

    def again(what: str, one: Callable[[plan.Effort, str, Path], Figures], clip: str) -> None:
        figures.take(plan.repeated(what, lambda folder: one(effort, clip, folder), work))

    # First, while the recordings of other measurements are not yet being written back.
    figures.take(cpu.measure(effort, footage, work))
    again("memory", memory.measure, footage)
    again("wakes", waking.measure, footage)
    again("starts", starting.measure, footage)
    again("latency", latency.measure, footage)
    again("display", display.measure, plan.footage(display.CLIP))
    again("loss", loss.measure, footage)
    figures.take(evidence.measure(effort, footage, work))
    figures.take(stamping.measure(effort))
    figures.take(sounding.measure(effort, footage))
    figures.take(instructions.measure(footage, work))
    figures.take(real_stack.measure(effort, work))
    figures.facts["seconds"] = round(time.monotonic() - began)
    return figures


if __name__ == "__main__":
    sys.exit(main())
