"""From exec to a press that is remembered, and to one that records.

A press is remembered from the moment at which the daemon waits for the edges of its button, which
the simulated board reports; and it records once green is lit. The modules are compiled beforehand,
as they are on a device.
"""

from __future__ import annotations

import compileall
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.bench.camera import GREEN, MAIN_BUTTON, Camera
from tests.bench.goals import Goal
from tests.bench.latency import quantile
from tests.bench.plan import BenchError, Effort, log

REMEMBERED_LIMIT_MS: Final = 200.0
READY_LIMIT_MS: Final = 900.0
SHARE: Final = 0.95
CHECKOUT: Final = Path(__file__).parents[2]


@dataclass(slots=True)
class Result:
    """Milliseconds from exec. remembered: to a press that is remembered; ready: to green."""

    remembered: list[float] = field(default_factory=list)
    ready: list[float] = field(default_factory=list)

    def goals(self) -> list[Goal]:
        """Both beside what they may take."""
        return [
            Goal(
                "start to a press that is remembered, p95",
                round(quantile(self.remembered, SHARE), 1),
                REMEMBERED_LIMIT_MS,
                "ms",
            ),
            Goal(
                "start to a press that records, p95",
                round(quantile(self.ready, SHARE), 1),
                READY_LIMIT_MS,
                "ms",
            ),
        ]

    def as_json(self) -> dict[str, Any]:
        """Both, for programs."""
        return {
            name: {
                "p50": round(quantile(of, 0.5), 1),
                "p95": round(quantile(of, SHARE), 1),
                "most": round(max(of), 1),
                "count": len(of),
            }
            for name, of in (("press_remembered", self.remembered), ("press_records", self.ready))
        }


def measure(effort: Effort, footage: str, work: Path) -> Result:
    """Start cameras, and end each as soon as it is ready. Raises BenchError."""
    for package in ("camerad", "hw-mocks/hw_mocks", "hw-mocks/libcamera"):
        if not compileall.compile_dir(CHECKOUT / package, quiet=1, optimize=2):
            raise BenchError(f"{package} cannot be compiled")
    result = Result()
    log.info("starts to the first press: %d", effort.first_presses)
    for number in range(effort.first_presses):
        with Camera(work / f"first-{number}", footage, "generic", sound=True) as camera:
            watched = camera.wait(
                lambda _, message: message.get("watched") == MAIN_BUTTON, 0, "the button is watched"
            )
            result.remembered.append((watched["at_us"] - camera.started_us) / 1000)
            result.ready.append((camera.light(GREEN, True, 0) - camera.started_us) / 1000)
    return result
