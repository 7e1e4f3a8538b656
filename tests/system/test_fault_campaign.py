"""A cut of the fault campaign (``python -m tests.campaign faults``)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.breadth import campaign
from tests.campaign import fault_report, faults

pytestmark = pytest.mark.system

SEEDS = (1, campaign(2))
"""Each on a camera of its own."""
MINUTES = 0.5
"""So long each; `make campaign` plays a thousand sequences besides."""


@pytest.mark.parametrize("seed", SEEDS)
def test_p1_to_p10_hold_whatever_goes_wrong(tmp_path: Path, seed: int) -> None:
    done = faults.campaign(tmp_path, seed, first=1, count=1, minutes=MINUTES)
    fault_report.report(done)
    # By seed and number a sequence is played again.
    assert [f"seed {seed}: {text}" for text in fault_report.findings(done)] == []
    assert [one.number for one in done] == list(range(1, len(done) + 1))
