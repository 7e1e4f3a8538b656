"""From exec to a press that is remembered, and to one that records.

A press is remembered from the moment at which the daemon waits for the edges of its button, which
the simulated board reports; and it records once green is lit. The modules are compiled beforehand,
as they are on a device.
"""

from __future__ import annotations

import compileall
from pathlib import Path
from typing import Final

from tests.bench.camera import GREEN, MAIN_BUTTON, Camera
from tests.bench.figures import Figures
from tests.bench.plan import BenchError, Effort, log

REMEMBERED_LIMIT_MS: Final = 200.0
READY_LIMIT_MS: Final = 900.0
SHARE: Final = 0.95
GROUP: Final = "from exec, ms"
REMEMBERED: Final = "start to a press that is remembered"
RECORDS: Final = "start to a press that records"
CHECKOUT: Final = Path(__file__).parents[2]


def measure(effort: Effort, footage: str, work: Path) -> Figures:
    """Start cameras, and end each as soon as it is ready. Raises BenchError."""
    for package in ("camerad", "hw-mocks/hw_mocks", "hw-mocks/libcamera"):
        if not compileall.compile_dir(CHECKOUT / package, quiet=1, optimize=2):
            raise BenchError(f"{package} cannot be compiled")
    figures = Figures()
    log.info("starts to the first press: %d", effort.first_presses)
    for number in range(effort.first_presses):
        with Camera(work / f"first-{number}", footage, "generic", sound=True) as camera:
            watched = camera.wait(
                lambda _, message: message.get("watched") == MAIN_BUTTON, 0, "the button is watched"
            )
            for name, at_us in (
                (REMEMBERED, watched["at_us"]),
                (RECORDS, camera.light(GREEN, True, 0)),
            ):
                figures.add(GROUP, name, (at_us - camera.started_us) / 1000)
    for name, limit_ms in ((REMEMBERED, REMEMBERED_LIMIT_MS), (RECORDS, READY_LIMIT_MS)):
        figures.goal(f"{name}, p95", figures.quantile(GROUP, name, SHARE), limit_ms, "ms")
    return figures
