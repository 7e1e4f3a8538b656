"""A cut of the fault campaign (``python -m tests.campaign faults``)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign import faults

pytestmark = [pytest.mark.system, pytest.mark.patient]

SEED = 1
FIRST = 4
SEQUENCES = 3
"""As many as there is time for; `make campaign` plays a thousand."""


def test_p1_to_p10_hold_whatever_goes_wrong(tmp_path: Path) -> None:
    done = faults.campaign(tmp_path, SEED, FIRST, SEQUENCES)
    assert faults.report(done) == 0
    assert len(done) == SEQUENCES
